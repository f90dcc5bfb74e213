//! One history: the same events and the same bytes on every device, equal to a scan of all logs on one machine.

use aimon_generator::Prng;
use aimon_tests::{Device, pair};

use crate::world::{Logs, Over, Place, expect_one_history, expect_union, lay};

/// Devices whose logs are spread, which pair before or behind their first scan, and sync in some order.
fn converge(over: Over, machines: usize, seed: u64, scan_first: bool) {
    let logs = Logs::new(seed);
    let place = Place::new(over);
    let devices: Vec<Device> = (0..machines).map(|_| logs.device()).collect();
    for (device, logs) in devices.iter().zip(logs.spread(machines, seed)) {
        lay(device, &logs);
        if scan_first {
            device.rig.scan();
        }
    }
    devices[0].create(&place.url, "everything");
    for (n, joiner) in devices.iter().enumerate().skip(1) {
        // Whoever is in can invite.
        pair(&devices[n - 1], joiner, &format!("machine {n}"));
    }
    let mut rng = Prng::of(&[seed, 0x73]);
    let mut order: Vec<&Device> = devices.iter().collect();
    rng.shuffle(&mut order);
    for device in &order {
        device.rig.scan();
        if rng.chance(500) {
            device.sync();
        }
    }
    // The first pushes before the last one has; so they go round twice.
    for _ in 0..2 {
        rng.shuffle(&mut order);
        for device in &order {
            device.sync();
        }
    }
    place.check(over);
    expect_union(&devices.iter().collect::<Vec<_>>(), &logs);
    // What was exchanged leaves nothing to be exchanged.
    for device in &devices {
        let shown = device.workspace();
        assert_eq!((&shown["waiting"]["chunks"], &shown["devices"]), (&0.into(), &machines.into()), "{shown}");
    }
}

#[test]
fn two_devices_over_a_socket() {
    converge(Over::Socket, 2, 101, true);
    converge(Over::Socket, 2, 102, false);
}

#[test]
fn three_devices_over_a_socket() {
    converge(Over::Socket, 3, 103, false);
    converge(Over::Socket, 3, 104, true);
}

#[test]
fn two_devices_in_a_folder() {
    converge(Over::Folder, 2, 105, false);
}

#[test]
fn three_devices_in_a_folder() {
    converge(Over::Folder, 3, 106, true);
}

#[test]
fn two_devices_where_sockets_are_blocked() {
    converge(Over::Requests, 2, 107, true);
}

#[test]
fn three_devices_where_sockets_are_blocked() {
    converge(Over::Requests, 3, 108, false);
}

#[test]
fn a_child_lies_where_its_parent_does_not() {
    // What the other tests rest on: spreading parts what belongs together, and copies half of it.
    for seed in 101..=108 {
        let logs = Logs::new(seed);
        let homes = logs.spread(if seed % 3 == 0 { 3 } else { 2 }, seed);
        let (mut apart, mut half, mut twice) = (0, 0, 0);
        for (n, home) in homes.iter().enumerate() {
            for (path, bytes) in home {
                let text = String::from_utf8_lossy(bytes);
                if let Some((session, _)) = text.split_once("\"isSidechain\":true").and_then(|(_, rest)| {
                    rest.split_once("\"sessionId\":\"").and_then(|(_, rest)| rest.split_once('"'))
                }) {
                    let parent = home.iter().any(|(p, _)| p.file_stem().is_some_and(|stem| stem == session));
                    apart += usize::from(!parent);
                }
                for other in homes.iter().skip(n + 1).flatten().filter(|(p, _)| p == path) {
                    twice += 1;
                    half += usize::from(other.1.len() != bytes.len());
                }
            }
        }
        let third = logs.files.len() / 3;
        assert!(apart > 0 && half > 3 && twice > third / 2, "{seed}: {apart} apart, {half} halves, {twice} copies");
    }
}

#[test]
fn months_of_ones_own_before_they_met() {
    let logs = Logs::new(110);
    let homes = logs.spread(3, 110);
    let (here, there) = (Place::new(Over::Socket), Place::new(Over::Socket));
    let [a, b, c] = [logs.device(), logs.device(), logs.device()];
    for (device, logs) in [&a, &b, &c].into_iter().zip(&homes) {
        lay(device, logs);
        device.rig.scan();
    }
    a.create(&here.url, "of a");
    // Two of them share a history of their own, at another relay and under another name.
    b.create(&there.url, "of b and c");
    pair(&b, &c, "c");
    b.sync();
    expect_one_history(&[&b, &c]);
    assert_eq!(b.workspace()["name"], "of b and c");

    // One of them goes over, and brings what the other wrote.
    pair(&a, &b, "b");
    a.sync();
    expect_union(&[&a, &b], &logs);
    // Names that were given before are older than those of the workspace.
    assert_eq!((&a.workspace()["name"], &b.workspace()["name"]), (&"of a".into(), &"of a".into()));

    // The other follows, with the same records under its own name: they count once.
    pair(&a, &c, "c");
    for device in [&a, &b, &c] {
        device.sync();
    }
    expect_union(&[&a, &b, &c], &logs);
    for device in [&a, &b, &c] {
        assert_eq!(device.workspace()["name"], "of a");
        device.run(&["doctor"]);
    }
}
