//! A device that is taken out: it is cut off at once, what counted before counts on, what it writes later does not, and the others go
//! on under a new key.

use std::time::{Duration, Instant};

use aimon_tests::up::Up;
use aimon_tests::{Device, files, pair};

use crate::live::{arrives, input_of, line};
use crate::world::{Over, Place, expect_one_history};

fn write(device: &Device, n: u64) {
    files::append(&device.rig.home().join(".claude/projects/-x/log.jsonl"), line(n).as_bytes());
}

/// Waits until a running agent says why it is not in touch.
fn says(up: &Up, reason: &str) {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let status = up.ask("GET", "/v1/status");
        if status["waiting"]["reason"] == reason {
            return;
        }
        assert!(Instant::now() < until, "{}", status["waiting"]);
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn a_revoked_device_is_out_and_the_others_go_on() {
    let today = jiff::tz::TimeZone::UTC.to_datetime(jiff::Timestamp::now()).date().to_string();
    let place = Place::new(Over::Socket);
    let [a, b, c] = [1, 2, 3].map(|n| {
        let device = Device::new(&today);
        write(&device, n);
        device.rig.scan();
        device
    });
    a.create(&place.url, "all");
    pair(&a, &b, "b");
    pair(&a, &c, "c");
    a.sync();
    b.sync();
    c.sync();
    let up = Up::start(&c.rig);
    // It is in touch: what it writes comes to the others at once.
    write(&c, 4);
    let beside = Up::start(&a.rig);
    let before = 1_001 + 1_002 + 1_003 + 1_004;
    arrives(&a, before);
    beside.kill();
    b.sync();
    expect_one_history(&[&a, &b]);

    let said = a.run(&["device", "revoke", "c", "--yes"]);
    assert!(said.out.contains("is out, and the workspace has a new key"), "{}", said.out);
    // What it writes later stays on it, and its agent knows why.
    write(&c, 5);
    arrives(&c, before + 1_005);
    says(&up, "device-revoked");
    up.kill();
    let said = c.rig.run(&["sync"]);
    said.refused("device-revoked", 1);
    assert!(said.err.contains("workspace leave") && said.err.contains("pair again"), "{}", said.err);
    assert_eq!(input_of(&c, &["--no-scan"]), before + 1_005, "it keeps what it has");

    // The others go on, under a key that it was not given.
    for (n, device) in [(6, &a), (7, &b)] {
        write(device, n);
        device.rig.scan();
    }
    for device in [&a, &b, &a] {
        device.sync();
    }
    expect_one_history(&[&a, &b]);
    for device in [&a, &b] {
        assert_eq!(input_of(device, &["--no-scan"]), before + 1_006 + 1_007, "what counted before counts on");
        assert_eq!(device.workspace()["devices"], 2);
    }
    c.rig.run(&["sync"]).refused("device-revoked", 1);
    assert_eq!(input_of(&c, &["--no-scan"]), before + 1_005, "nothing of it came");

    // Back again as its own words have it: with all that it holds, each call once.
    c.run(&["workspace", "leave", "--yes"]);
    pair(&b, &c, "c");
    for device in [&a, &b, &c] {
        device.sync();
    }
    expect_one_history(&[&a, &b, &c]);
    assert_eq!(input_of(&c, &["--no-scan"]), before + 1_005 + 1_006 + 1_007);
}
