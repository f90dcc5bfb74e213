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

/// Where the folder lies elsewhere a damaged file is mended by whoever holds what it should be; until then it is said that something
/// is missing, and by whom it is brought.
#[test]
fn what_is_damaged_on_the_way_is_missed_and_mended() {
    let two = Two::paired();
    two.desktop.write(".claude/projects/p/new.jsonl", &line("session-3", 9, "2026-11-23T11:00:00.000Z", "model-a"));
    let before = crate::machine::files(&two.relay_folder());
    two.desktop.run(&["sync"]).fine();
    let written: Vec<_> = crate::machine::files(&two.relay_folder());
    let written: Vec<_> = written.into_iter().filter(|file| !before.contains(file)).collect();
    let calls = || two.laptop.json(&["report", "--no-scan"])["totals"]["calls"].as_u64().unwrap();
    for broken in [&b""[..], b"half of it"] {
        let whole: Vec<Vec<u8>> = written.iter().map(|file| std::fs::read(file).unwrap()).collect();
        written.iter().for_each(|file| std::fs::write(file, broken).unwrap());
        if calls() == 6 {
            let said = two.laptop.run(&["sync"]);
            assert!(said.code == 6 && said.err.contains("error[sync-incomplete]"), "{said:?}");
            assert!(!said.out.contains("In step") && said.err.contains("`aimon sync` on the device"), "{said:?}");
            let said = two.laptop.run(&["sync", "--json"]);
            assert_eq!(said.code, 6, "{said:?}");
            let json: serde_json::Value = serde_json::from_str(&said.out).unwrap();
            assert_eq!(json["synced"], false, "{json}");
            assert!(
                json["damagedFiles"].as_u64().unwrap() + json["withheld"].as_array().unwrap().len() as u64 > 0,
                "{json}"
            );
            for args in [&["report"][..], &["status"], &["report", "--json"]] {
                let said = two.laptop.run(args).fine();
                assert!(said.err.contains("missing here") && said.err.contains("`aimon doctor`"), "{args:?}: {said:?}");
            }
            let said = two.laptop.run(&["doctor"]);
            assert!(attention(&said).0 == 6 && attention(&said).1.contains("`aimon sync`"), "{said:?}");
            assert!(two.laptop.run(&["device", "list"]).fine().out.contains("missing here"));
        }
        two.desktop.run(&["sync"]).fine();
        let now: Vec<Vec<u8>> = written.iter().map(|file| std::fs::read(file).unwrap()).collect();
        assert!(now == whole, "whoever holds them has written them anew");
    }
    let said = two.laptop.run(&["sync"]).fine();
    assert!(said.out.contains("In step"), "{said:?}");
    assert_eq!(calls(), 7);
    assert!(!two.laptop.run(&["report"]).fine().err.contains("missing"));
    assert_eq!(two.laptop.run(&["doctor"]).code, 0);
}

#[test]
fn a_damaged_marker_is_no_newer_one() {
    let two = Two::paired();
    let marker = two.relay_folder().join("aimon.folder");
    std::fs::write(&marker, "q").unwrap();
    let said = two.laptop.run(&["doctor"]);
    assert!(attention(&said).0 == 6 && attention(&said).1.contains("shared-folder-damaged"), "{said:?}");
    two.laptop.run(&["sync"]).fine();
    assert_eq!(std::fs::read(&marker).unwrap(), b"1");
}

/// It can't say anything for the others any more, and says so wherever somebody looks.
#[test]
fn what_a_revoked_device_can_and_cannot_do() {
    let two = Two::paired();
    two.laptop.run(&["device", "revoke", "desktop", "--yes"]).fine();
    two.desktop.run(&["sync"]).failed(1, "device-revoked");
    for args in [
        &["settings", "set", "zone", "UTC"][..],
        &["device", "rename", "laptop", "x"],
        &["device", "archive", "laptop"],
        &["device", "merge", "desktop", "laptop"],
        &["device", "revoke", "laptop", "--yes"],
        &["device", "vouch", "laptop"],
        &["purge", "--source", "claude-code", "--yes"],
    ] {
        two.desktop.run(args).failed(1, "device-revoked");
    }
    for args in [&["status"][..], &["report"]] {
        let said = two.desktop.run(args).fine();
        assert!(said.err.contains("device-revoked") && said.err.contains("workspace leave"), "{said:?}");
    }
    let said = two.desktop.run(&["device", "list"]).fine();
    assert!(said.out.contains("device-revoked") && said.out.contains("workspace leave"), "{said:?}");
    assert_eq!(two.desktop.run(&["device", "list", "--json"]).json()["revoked"], true);
    assert_eq!(two.laptop.run(&["device", "list", "--json"]).json()["revoked"], false);
    // What is here can be removed all the same, here.
    let said = two.desktop.run(&["purge", "--all", "--yes"]).fine();
    assert!(said.err.contains("nobody else follows") && said.out.contains("are gone"), "{said:?}");
    assert_eq!(two.desktop.json(&["report"])["totals"]["calls"], 0);
    two.desktop.run(&["workspace", "show"]).failed(1, "no-workspace");
    two.laptop.run(&["sync"]).fine();
    assert_eq!(two.laptop.json(&["report"])["totals"]["calls"], 6);
}

#[cfg(unix)]
#[test]
fn an_agent_says_that_the_relay_is_away_and_that_it_is_back() {
    use std::io::{BufRead, BufReader};
    let two = Two::paired();
    let away = two.laptop.path("away");
    std::fs::rename(two.relay_folder(), &away).unwrap();
    let mut child = two.laptop.command(&["up"]);
    let mut child = child.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let away_said = lines.next().unwrap();
    std::fs::rename(&away, two.relay_folder()).unwrap();
    let back_said = lines.next().unwrap();
    two.desktop.run(&["device", "revoke", "laptop", "--yes"]).fine();
    let revoked_said = lines.next().unwrap();
    let _ = child.kill();
    let _ = child.wait();
    assert!(away_said.contains("no-shared-folder") && away_said.contains("again and again"), "{away_said}");
    assert!(back_said.contains("in touch with the relay again"), "{back_said}");
    assert!(revoked_said.contains("device-revoked"), "{revoked_said}");
}

#[test]
fn a_relay_that_is_away_is_said_at_once_and_once() {
    let two = Two::paired();
    std::fs::rename(two.relay_folder(), two.laptop.path("away")).unwrap();
    let said = two.laptop.run(&["purge", "--before", "2026-11-21", "--yes"]).fine();
    assert_eq!(said.err.matches("it is tried for 30 s").count(), 1, "{said:?}");
    assert_eq!(said.err.matches("follow when they hear of it").count(), 1, "{said:?}");
    // What was never sent is said before it can't be any more.
    let said = two.laptop.run(&["workspace", "leave"]).failed(1, "nobody-to-ask");
    assert!(said.err.contains("note: 1 purge of this device was never sent"), "{said:?}");
    let said = two.laptop.run(&["workspace", "leave", "--yes"]).fine();
    assert!(said.err.contains("never sent"), "{said:?}");
}

#[test]
fn a_damaged_choice_of_the_store_is_said_as_what_it_is() {
    let mut two = Two::paired();
    let file = two.laptop.data().join("secrets.json");
    std::fs::write(&file, "{\"store\":").unwrap();
    let said = two.laptop.run(&["sync"]).failed(1, "secret-store-damaged");
    assert!(!said.err.contains("EOF") && !said.err.contains("writable"), "{said:?}");
    // The way out that the help names.
    std::fs::remove_file(&file).unwrap();
    two.laptop.env.retain(|(name, _)| *name != "AIMON_SECRET_STORE");
    two.laptop.env.push(("AIMON_SECRET_STORE", "file".to_owned()));
    two.laptop.run(&["sync"]).fine();
}

/// What SQLite says of the file has nothing to do with keys.
#[test]
fn a_damaged_database_is_not_said_to_be_a_matter_of_keys() {
    let two = Two::paired();
    let path = two.laptop.data().join("aimon.db");
    for name in ["aimon.db-wal", "aimon.db-shm"] {
        let _ = std::fs::remove_file(two.laptop.data().join(name));
    }
    let mut bytes = std::fs::read(&path).unwrap();
    let page = bytes.len() / 4096;
    // All but the first page, where it says what it is.
    bytes[4096..4096 * page].iter_mut().for_each(|byte| *byte ^= 0x5a);
    std::fs::write(&path, bytes).unwrap();
    let said = two.laptop.run(&["report"]);
    assert!(said.code != 0 && !said.err.contains("since the keys were last here"), "{said:?}");
    assert!(!said.err.contains("database-damaged") || said.err.contains("workspace recover"), "{said:?}");
}
