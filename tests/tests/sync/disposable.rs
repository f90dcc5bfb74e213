//! The relay is disposable: whatever becomes of its data, the devices bring it back.

use std::fs;
use std::path::Path;

use aimon_tests::files::File;
use aimon_tests::{Device, Relay, pair};

use crate::world::{Logs, Over, Place, expect_union, lay};

/// Two devices in step, whose logs are spread over them and a third.
struct Two {
    logs: Logs,
    place: Place,
    devices: [Device; 2],
    third: Device,
    /// What the second device has, half of it not yet laid down.
    later: Vec<File>,
}

fn two(over: Over, seed: u64) -> Two {
    let logs = Logs::new(seed);
    let place = Place::new(over);
    let devices = [logs.device(), logs.device()];
    let third = logs.device();
    let [here, mut there, far]: [Vec<_>; 3] = logs.spread(3, seed).try_into().unwrap();
    let later = there.split_off(there.len() / 2);
    lay(&devices[0], &here);
    lay(&devices[1], &there);
    lay(&third, &far);
    for device in &devices {
        device.rig.scan();
    }
    devices[0].create(&place.url, "everything");
    pair(&devices[0], &devices[1], "second");
    devices[0].sync();
    Two { logs, place, devices, third, later }
}

/// Empties the relay while it does not run.
fn emptied(place: &mut Place) {
    match &mut place.relay {
        Some(relay) => {
            relay.kill();
            fs::remove_dir_all(relay.data()).unwrap();
            relay.again();
        }
        None => {
            let shared = place.dir.path().join("shared");
            fs::remove_dir_all(&shared).unwrap();
            fs::create_dir(&shared).unwrap();
            // Where the marker is gone a folder is none of aimon's: a disk that is not connected looks like this.
            fs::write(shared.join("aimon.folder"), "1").unwrap();
        }
    }
}

/// Sets a relay back to a backup.
fn restored(relay: &mut Relay, backup: &Path) {
    relay.kill();
    fs::remove_dir_all(relay.data()).unwrap();
    relay.run(&["restore", backup.to_str().unwrap()]).fine();
    relay.again();
}

/// More logs on a device, pushed.
fn pushes(device: &Device, logs: &[File]) {
    lay(device, logs);
    device.rig.scan();
    device.sync();
}

/// A third device joins, and has everything.
fn joined_by_third(two: &Two) {
    two.third.rig.scan();
    pair(&two.devices[1], &two.third, "third");
    for device in &two.devices {
        device.sync();
    }
    let [a, b] = &two.devices;
    expect_union(&[a, b, &two.third], &two.logs);
    for device in [a, b, &two.third] {
        assert_eq!(device.workspace()["waiting"]["chunks"], 0);
    }
}

/// Emptied while one device has something new. Only the other one comes back: it brings both devices' chunks.
fn refilled_by_one(over: Over, seed: u64) {
    let mut two = two(over, seed);
    emptied(&mut two.place);
    let [a, b] = &two.devices;
    a.sync();
    // What one brought is enough for whoever joins now, though the other was never here again.
    let third = two.logs.device();
    pair(a, &third, "third");
    assert_eq!(third.records(), a.records());
    lay(b, &two.later);
    b.rig.scan();
    for device in [a, b, &third, a] {
        device.sync();
    }
    joined_by_third(&two);
}

#[test]
fn emptied_it_is_refilled_by_any_device() {
    refilled_by_one(Over::Socket, 201);
}

#[test]
fn a_folder_emptied_is_refilled_by_any_device() {
    refilled_by_one(Over::Folder, 202);
}

#[test]
fn restored_from_an_older_backup_it_gets_back_what_it_has_missed() {
    let mut two = two(Over::Socket, 203);
    let backup = two.place.dir.path().join("backup");
    let relay = two.place.relay.as_mut().unwrap();
    // While it runs.
    relay.run(&["backup", backup.to_str().unwrap()]).fine();
    let [a, b] = &two.devices;
    pushes(b, &two.later);
    a.sync();
    restored(relay, &backup);
    // The device that wrote it stays away: the other one brings what the backup lacks.
    a.sync();
    let third = two.logs.device();
    pair(a, &third, "third");
    assert_eq!(third.records(), a.records());
    joined_by_third(&two);
}

#[test]
fn rolled_back_and_advanced_past_everyone() {
    let mut two = two(Over::Socket, 204);
    let backup = two.place.dir.path().join("backup");
    let relay = two.place.relay.as_mut().unwrap();
    relay.run(&["backup", backup.to_str().unwrap()]).fine();
    let [a, b] = &two.devices;
    let (first, rest) = two.later.split_at(two.later.len() / 2);
    pushes(b, first);
    a.sync();
    restored(relay, &backup);
    // Numbers that were given before are given again, to other chunks.
    pushes(b, rest);
    a.sync();
    b.sync();
    joined_by_third(&two);
}

/// The old relay is given up; the new one hears of the workspace by whoever moves first, and is filled by it.
#[test]
fn a_workspace_goes_on_at_another_relay() {
    let mut two = two(Over::Socket, 205);
    let data = two.place.dir.path().join("other");
    let other = Relay::with(&data, &["--registration", "token"], "warn");
    let token = other.run(&["token"]).fine().out;
    let [a, b] = &two.devices;
    // Where it is not let in nothing changes.
    a.rig.run(&["workspace", "move", "--relay", &other.url()]).refused("registration-closed", 1);
    a.sync();
    assert_eq!(a.workspace()["relay"], two.place.url.as_str());
    two.place.relay.as_mut().unwrap().kill();
    a.tell(&["workspace", "move", "--relay", &other.url(), "--registration-stdin"], &token).fine();
    assert_eq!(a.workspace()["relay"], other.url().as_str());
    // The first has filled it: the second needs no token, and what only the first one had is there for whoever joins.
    b.run(&["workspace", "move", "--relay", &other.url()]);
    two.place.relay = Some(other);
    pushes(b, &two.later);
    a.sync();
    joined_by_third(&two);
}

/// A relay that opens workspaces for its token alone, and was emptied, is asked again by whoever has that.
#[test]
fn a_relay_that_asks_for_a_token_is_refilled_with_it() {
    let device = Device::new(&Logs::new(206).today);
    let dir = tempfile::tempdir().unwrap();
    let mut relay = Relay::with(&dir.path().join("relay"), &["--registration", "token"], "warn");
    let token = relay.run(&["token"]).fine().out;
    device.tell(&["workspace", "create", "--relay", &relay.url(), "--registration-stdin"], &token).fine();
    relay.kill();
    fs::remove_file(relay.data().join("relay.sqlite")).unwrap();
    for beside in ["relay.sqlite-wal", "relay.sqlite-shm"] {
        let _ = fs::remove_file(relay.data().join(beside));
    }
    relay.again();
    device.rig.run(&["sync"]).refused("registration-closed", 1);
    device.tell(&["workspace", "move", "--relay", &relay.url(), "--registration-stdin"], &token).fine();
    device.sync();
    assert_eq!(device.workspace()["trouble"], serde_json::Value::Null);
}
