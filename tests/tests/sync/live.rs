//! Two devices that stay in touch.

use std::time::{Duration, Instant};

use aimon_tests::files;
use aimon_tests::up::Up;
use aimon_tests::{Device, pair};
use serde_json::Value;

use crate::world::{Over, Place};

/// Far more than it takes: what has to hold is said by the sum, not by the clock.
const PATIENCE: Duration = Duration::from_secs(60);

/// A call of this minute, as Claude Code logs it.
pub fn line(n: u64) -> String {
    let now = jiff::Timestamp::now();
    format!(
        "{{\"type\":\"assistant\",\"timestamp\":\"{now:.3}\",\"sessionId\":\"7c1e7a52-0000-4000-8000-0000000000{n:02}\",\
         \"requestId\":\"req_live_{n}\",\"message\":{{\"id\":\"msg_live_{n}\",\"model\":\"claude-sonnet-5\",\"usage\":\
         {{\"input_tokens\":{},\"output_tokens\":1}}}}}}\n",
        1_000 + n
    )
}

/// Input tokens in a device's report of what it holds.
fn input(device: &Device) -> u64 {
    input_of(device, &["--no-scan"])
}

/// Input tokens in a report with further options.
pub fn input_of(device: &Device, more: &[&str]) -> u64 {
    let report = device.run(&[&["report", "--json"], more].concat());
    let report: Value = serde_json::from_str(&report.out).unwrap();
    report["totals"]["inputTokens"].as_u64().unwrap_or_default()
}

pub fn arrives(device: &Device, sum: u64) {
    let until = Instant::now() + PATIENCE;
    while input(device) != sum {
        assert!(Instant::now() < until, "{} instead of {sum}", input(device));
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn in_touch(over: Over) {
    let today = jiff::tz::TimeZone::UTC.to_datetime(jiff::Timestamp::now()).date().to_string();
    let place = Place::new(over);
    let (a, b) = (Device::new(&today), Device::new(&today));
    a.create(&place.url, "both");
    pair(&a, &b, "other");
    let log = |device: &Device, name: &str| device.rig.home().join(".claude/projects/-x").join(name);
    files::append(&log(&a, "one.jsonl"), line(1).as_bytes());
    files::append(&log(&b, "two.jsonl"), line(2).as_bytes());
    let running = [Up::start(&a.rig), Up::start(&b.rig)];
    for device in [&a, &b] {
        arrives(device, 2_003);
    }
    files::append(&log(&a, "one.jsonl"), line(3).as_bytes());
    arrives(&b, 3_006);
    files::append(&log(&b, "two.jsonl"), line(4).as_bytes());
    arrives(&a, 4_010);
    // Beside a running agent a command is handed over, or borrows the folder; the agents go on.
    a.sync();
    pair(&b, &Device::new(&today), "third");
    files::append(&log(&b, "two.jsonl"), line(5).as_bytes());
    arrives(&a, 5_015);
    running.into_iter().for_each(Up::kill);
}

#[test]
fn a_line_in_a_log_shows_on_the_other_device() {
    in_touch(Over::Socket);
}

#[test]
fn a_line_in_a_log_shows_through_a_folder() {
    in_touch(Over::Folder);
}

#[test]
fn a_line_in_a_log_shows_where_sockets_are_blocked() {
    in_touch(Over::Requests);
}
