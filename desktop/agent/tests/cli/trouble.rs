//! What keeps a device from being in step is said where somebody looks for it.

use crate::machine::{Machine, Said};
use crate::workspaces::{Two, line, settled};

/// What `doctor` says wants attention: its exit code, and the words.
fn attention(said: &Said) -> (i32, &str) {
    (said.code, said.out.split_once("Wants attention\n").unwrap().1)
}

#[test]
fn a_doctor_looks_for_the_keys() {
    let two = Two::paired();
    let secrets = two.laptop.data().join("secrets");
    let (code, _) = (two.laptop.run(&["doctor"]).fine().code, ());
    assert_eq!(code, 0);
    std::fs::rename(&secrets, two.laptop.path("away")).unwrap();
    let said = two.laptop.run(&["doctor"]);
    let (code, words) = attention(&said);
    assert!(code == 1 && words.contains("secret-missing") && words.contains("leave --lose"), "{said:?}");
    // Another device's.
    std::fs::create_dir(&secrets).unwrap();
    let theirs = two.desktop.data().join("secrets");
    for file in crate::machine::files(&theirs) {
        std::fs::copy(&file, secrets.join(file.file_name().unwrap())).unwrap();
    }
    let said = two.laptop.run(&["doctor"]);
    assert!(attention(&said).0 == 1 && attention(&said).1.contains("other-keys"), "{said:?}");
    std::fs::remove_dir_all(&secrets).unwrap();
    std::fs::rename(two.laptop.path("away"), &secrets).unwrap();
    assert_eq!(attention(&two.laptop.run(&["doctor"])).0, 0);
}

#[cfg(unix)]
#[test]
fn a_doctor_sees_keys_that_others_may_read() {
    use std::os::unix::fs::PermissionsExt;
    let two = Two::paired();
    for file in crate::machine::files(&two.laptop.data().join("secrets")) {
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    let said = two.laptop.run(&["doctor"]);
    assert!(attention(&said).0 == 1 && attention(&said).1.contains("secret-readable"), "{said:?}");
    assert!(attention(&said).1.contains("chmod 600"), "{said:?}");
}

#[test]
fn a_doctor_looks_whether_the_relay_is_there() {
    let two = Two::paired();
    std::fs::rename(two.relay_folder(), two.laptop.path("away")).unwrap();
    let said = two.laptop.run(&["doctor"]);
    assert!(attention(&said).0 != 0 && attention(&said).1.contains("no-shared-folder"), "{said:?}");
    let shown = two.laptop.run(&["workspace", "show"]).fine();
    assert!(shown.out.contains("no-shared-folder"), "{shown:?}");
    std::fs::rename(two.laptop.path("away"), two.relay_folder()).unwrap();
    let shown = two.laptop.run(&["workspace", "show", "--json"]).json();
    assert_eq!((&shown["member"], &shown["trouble"]), (&true.into(), &serde_json::Value::Null));
}

#[test]
fn a_device_that_was_revoked_hears_so_wherever_it_looks() {
    let two = Two::paired();
    two.laptop.run(&["device", "revoke", "desktop", "--yes"]).fine();
    two.desktop.run(&["sync"]).failed(1, "device-revoked");
    let said = two.desktop.run(&["doctor"]);
    assert!(attention(&said).0 == 1 && attention(&said).1.contains("device-revoked"), "{said:?}");
    let shown = two.desktop.run(&["workspace", "show"]).fine();
    assert!(shown.out.contains("device-revoked") && shown.out.contains("workspace leave"), "{shown:?}");
    let shown = two.desktop.run(&["workspace", "show", "--json"]).json();
    assert_eq!((&shown["member"], &shown["trouble"]), (&false.into(), &"device-revoked".into()));
    // Out is out.
    let said = two.laptop.run(&["device", "revoke", "desktop", "--yes"]).fine();
    assert!(said.out.contains("desktop is out already"), "{said:?}");
    two.laptop.run(&["device", "archive", "desktop"]).fine();
    let said = two.laptop.run(&["device", "revoke", "desktop", "--yes"]).fine();
    assert!(said.out.contains("desktop (archived) is out already"), "{said:?}");
}

#[test]
fn sync_takes_in_what_is_new_first() {
    let two = Two::paired();
    two.desktop.write(".claude/projects/p/new.jsonl", &line("session-3", 9, "2026-11-23T11:00:00.000Z", "model-a"));
    let calls = || two.laptop.json(&["report", "--no-scan"])["totals"]["calls"].as_u64().unwrap();
    two.desktop.run(&["sync", "--no-scan"]).fine();
    two.laptop.run(&["sync"]).fine();
    assert_eq!(calls(), 6);
    two.desktop.run(&["sync"]).fine();
    two.laptop.run(&["sync"]).fine();
    assert_eq!(calls(), 7);
}

/// A wrong date in a log, or a wrong clock, would else count where nobody looks.
#[test]
fn calls_of_the_future_count_and_are_told() {
    let machine = settled(Machine::empty());
    let lines = [("2099-01-01T10:00:00.000Z", 1), ("2026-11-25T11:00:00.000Z", 2)];
    let lines: String = lines.iter().map(|(time, n)| line("s", *n, time, "model-a")).collect();
    machine.write(".claude/projects/p/s.jsonl", &lines);
    let said = machine.run(&["report"]).fine();
    assert!(
        said.err.contains("1 record dated more than a day ahead of the clock"),
        "a zone explains the other: {said:?}"
    );
    assert_eq!(machine.run(&["scan", "--json"]).json()["datedAhead"], 0, "it was told");
    let doctor = machine.run(&["doctor", "--json"]).json();
    assert_eq!((&doctor["logs"]["datedAhead"], &doctor["database"]["records"]), (&1.into(), &2.into()), "{doctor}");
    let said = machine.run(&["doctor"]).fine();
    assert!(
        attention(&said).1.contains("1 record in the logs is dated more than a day ahead of the clock"),
        "{said:?}"
    );
}
