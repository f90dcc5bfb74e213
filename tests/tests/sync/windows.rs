//! Who used a window up, on three devices and by somebody whom none of them knows.

use std::collections::BTreeMap;

use aimon_tests::{Device, files, pair};
use serde_json::Value;

use crate::world::{Over, Place};

/// A session of Codex as its log has it: minutes from `start`, percent that the call used, percent of the window that are used by then.
/// A line without a call tells of the window alone.
fn work(device: &Device, n: u8, start: i64, lines: &[(i64, u64, u64)]) {
    let time = |second: i64| jiff::Timestamp::from_second(second).unwrap().to_string();
    let (id, begun) = (format!("0{n}99a213-0000-7000-8000-00000000000{n}"), time(start));
    let mut log = format!(
        "{{\"timestamp\":\"{begun}\",\"type\":\"session_meta\",\"payload\":{{\"id\":\"{id}\",\"timestamp\":\"{begun}\"}}}}\n\
         {{\"timestamp\":\"{begun}\",\"type\":\"turn_context\",\"payload\":{{\"model\":\"gpt-5\"}}}}\n"
    );
    let mut total = 0;
    for (minute, call, used) in lines {
        // A hundred thousand tokens use a percent.
        let tokens = call * 100_000;
        total += tokens;
        let usage =
            |n: u64| format!(r#"{{"input_tokens":0,"cached_input_tokens":0,"output_tokens":{n},"total_tokens":{n}}}"#);
        let info = match tokens {
            0 => "null".to_owned(),
            n => format!(r#"{{"total_token_usage":{},"last_token_usage":{}}}"#, usage(total), usage(n)),
        };
        log.push_str(&format!(
            "{{\"timestamp\":\"{}\",\"type\":\"event_msg\",\"payload\":{{\"type\":\"token_count\",\"info\":{info},\"rate_limits\":\
             {{\"primary\":{{\"used_percent\":{used},\"window_minutes\":300,\"resets_at\":{}}}}}}}}}\n",
            time(start + minute * 60),
            start + 4 * 3600,
        ));
    }
    let path = format!(".codex/sessions/2026/11/20/rollout-2026-11-20T11-00-00-{id}.jsonl");
    files::put(&device.rig.home().join(path), log.as_bytes());
}

/// What a device says: shares by name, what is unexplained and what is pending, in percent; and for whom it waits.
type Said = (BTreeMap<String, u64>, u64, u64, Vec<String>);

fn said(device: &Device) -> Said {
    let json: Value = serde_json::from_str(&device.run(&["windows", "--json"]).out).unwrap();
    let window = &json["windows"][0];
    let movement = &window["movement"];
    let whole = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("{value} is no whole percent: {json}"));
    let name = |of: &Value| of["name"].as_str().unwrap().to_owned();
    let list = |key: &str| movement[key].as_array().unwrap();
    let shares: BTreeMap<_, _> = list("shares").iter().map(|share| (name(share), whole(&share["percent"]))).collect();
    let (unexplained, pending) = (whole(&movement["unexplainedPercent"]), whole(&movement["pendingPercent"]));
    assert_eq!(shares.values().sum::<u64>() + unexplained + pending, whole(&window["usedPercent"]), "{json}");
    (shares, unexplained, pending, list("waitsFor").iter().map(name).collect())
}

fn expected(shares: &[(&str, u64)], unexplained: u64, pending: u64, waits_for: &[&str]) -> Said {
    let shares = shares.iter().map(|(name, share)| ((*name).to_owned(), *share)).collect();
    (shares, unexplained, pending, waits_for.iter().map(|name| (*name).to_owned()).collect())
}

#[test]
fn what_a_missing_device_used_is_pending_until_its_log_arrives() {
    let place = Place::new(Over::Socket);
    let now = jiff::Timestamp::now();
    let today = jiff::tz::TimeZone::UTC.to_datetime(now).date().to_string();
    let devices: Vec<Device> = (0..3).map(|_| Device::new(&today)).collect();
    let [desk, lap, attic] = &devices[..] else { unreachable!() };
    desk.create(&place.url, "everything");
    desk.run(&["settings", "set", "device-name", "desk"]);
    pair(desk, lap, "lap");
    pair(desk, attic, "attic");
    // All of it is later than the last that was heard of anybody: the logs are a little ahead of the clock.
    let start = jiff::Timestamp::now().as_second();
    // The attic uses 15 percent and 2, and a stranger 12 at some time between minutes 30 and 45.
    work(desk, 1, start, &[(10, 10, 10), (45, 0, 52), (50, 8, 60)]);
    work(lap, 2, start, &[(20, 15, 25), (58, 2, 64)]);
    work(attic, 3, start, &[(30, 15, 40), (55, 2, 62)]);
    for _ in 0..2 {
        desk.sync();
        lap.sync();
    }
    // One percent may show late, and what both the lap's last call and the attic's did is the lap's as long as nobody knows better.
    let before = expected(&[("desk", 18), ("lap", 15 + 1 + 4)], 0, 26, &["attic"]);
    assert_eq!(said(desk), before);
    assert_eq!(said(lap), before, "whoever holds the same says the same");
    let text = desk.run(&["windows"]).out;
    assert!(text.contains("pending") && text.contains("attic (heard "), "{text}");
    for _ in 0..2 {
        attic.sync();
        desk.sync();
        lap.sync();
    }
    let after = expected(&[("attic", 15 + 1 + 2), ("desk", 18), ("lap", 17)], 11, 0, &[]);
    for device in &devices {
        assert_eq!(said(device), after);
    }
    assert!(!desk.run(&["windows"]).out.contains("pending"));
}
