//! Devices: their names, which of them are one, who belongs.

use crate::machine::Machine;
use crate::workspaces::{Two, device, line, settled};

const BY_DEVICE: [&str; 7] = ["report", "monthly", "--by", "device", "--json", "--as-of", "2026-11-24"];

fn labels(report: &serde_json::Value) -> Vec<(String, u64)> {
    let groups = report["monthly"][0]["groups"].as_array().unwrap();
    let mut labels: Vec<(String, u64)> =
        groups.iter().map(|g| (g["label"].as_str().unwrap().to_owned(), g["requests"].as_u64().unwrap())).collect();
    labels.sort();
    labels
}

#[test]
fn names_are_the_workspaces_and_two_identities_can_be_one() {
    let two = Two::paired();
    let named = two.both(&BY_DEVICE);
    assert_eq!(labels(&named), [("desktop".to_owned(), 1), ("laptop".to_owned(), 5)]);

    two.laptop.run(&["device", "rename", "desktop", "tower"]).fine();
    two.sync();
    assert_eq!(labels(&two.both(&BY_DEVICE)), [("laptop".to_owned(), 5), ("tower".to_owned(), 1)]);
    let listed = two.laptop.run(&["device", "list", "--json"]).json();
    let (laptop, tower) = (device(&listed, "laptop"), device(&listed, "tower"));
    let id = tower["id"].as_str().unwrap();
    assert_eq!((&tower["standing"], &tower["thisDevice"]), (&"member".into(), &false.into()), "{listed}");
    assert_eq!((&laptop["thisDevice"], &listed["waiting"]["chunks"]), (&true.into(), &0.into()), "{listed}");

    // By its name, its id, and how that begins.
    for given in ["tower", id, &id[..35], &id[28..]] {
        let report = two.both(&["report", "--device", given, "--json", "--as-of", "2026-11-24"]);
        assert_eq!(report["totals"]["calls"], 1, "{given}");
    }
    let nobody = two.both(&["report", "--device", "nobody", "--json", "--as-of", "2026-11-24"]);
    assert_eq!(nobody["totals"]["calls"], 0);
    // Both were made at one time here: what both ids begin with could be either.
    two.laptop.run(&["report", "--device", "0"]).failed(2, "ambiguous-device");
    two.laptop.run(&["device", "rename", "0", "x"]).failed(2, "ambiguous-device");
    two.laptop.run(&["device", "rename", "nobody", "x"]).failed(1, "unknown-device");
    two.laptop.run(&["device", "rename", "tower", " "]).failed(2, "bad-setting");

    two.desktop.run(&["device", "merge", "tower", "laptop"]).fine();
    two.sync();
    let merged = two.both(&BY_DEVICE);
    assert_eq!(labels(&merged), [("laptop".to_owned(), 6)], "{merged}");
    assert_eq!(merged["monthly"][0]["groups"][0]["group"], laptop["id"]);
    for given in ["tower", "laptop", id] {
        let report = two.both(&["report", "--device", given, "--json", "--as-of", "2026-11-24"]);
        assert_eq!(report["totals"]["calls"], 6, "{given}");
        let parts =
            two.both(&["explain", "--since", "2026-11-01", "--device", given, "--json", "--as-of", "2026-11-24"]);
        assert_eq!(parts["calls"], 6, "{given}");
        assert!(parts["parts"].as_array().unwrap().iter().all(|part| part["device"] == laptop["id"]), "{parts}");
    }
    // In a circle nothing could be shown.
    two.laptop.run(&["device", "merge", "laptop", "tower"]).failed(2, "bad-setting");
    two.laptop.run(&["device", "merge", "tower"]).failed(2, "bad-usage");
    two.laptop.run(&["device", "merge", "tower", "--undo"]).fine();
    two.sync();
    assert_eq!(labels(&two.both(&BY_DEVICE)), [("laptop".to_owned(), 5), ("tower".to_owned(), 1)]);

    two.laptop.run(&["device", "archive", "tower"]).fine();
    let table = two.laptop.run(&["report", "--by", "device", "--as-of", "2026-11-24"]).fine().out;
    assert!(table.contains("tower (archived)"), "{table}");
    assert!(two.laptop.run(&["device", "list"]).fine().out.contains("archived"));
    two.laptop.run(&["device", "archive", "tower", "--undo"]).fine();
    assert!(!two.laptop.run(&["device", "list"]).fine().out.contains("archived"));
}

#[test]
fn a_reader_without_keys_shows_ids() {
    let two = Two::paired();
    two.both(&BY_DEVICE);
    let keys = two.laptop.data().join("secrets");
    assert!(keys.exists(), "{:?}", crate::machine::files(&two.laptop.data()));
    std::fs::rename(&keys, two.laptop.path("away")).unwrap();
    let said = two.laptop.run(&["report", "monthly", "--by", "device", "--json", "--as-of", "2026-11-24"]).fine();
    let report: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(report["totals"]["calls"], 6, "the figures are there");
    assert!(labels(&report).iter().all(|(label, _)| label.starts_with("device ")), "{report}");
}

#[test]
fn each_says_of_itself_what_waits_on_it() {
    let two = Two::paired();
    two.sync();
    let listed = two.laptop.run(&["device", "list", "--json"]).json();
    let desktop = device(&listed, "desktop");
    assert_eq!(
        (&desktop["said"]["waiting"], &desktop["said"]["at"]),
        (&0.into(), &crate::workspaces::NOW.into()),
        "{listed}"
    );
    assert_eq!(desktop["lastHeard"], desktop["said"]["at"]);
    // Nothing new: nothing is said again, and a fresh exchange is empty.
    let before = crate::machine::files(&two.relay_folder());
    two.sync();
    assert_eq!(before, crate::machine::files(&two.relay_folder()));
}

/// When something of it came in here, however old the calls are that it tells of.
#[test]
fn a_device_was_last_heard_when_something_of_it_came() {
    let mut two = Two::paired();
    let at = |two: &mut Two, now: &str| {
        for machine in [&mut two.laptop, &mut two.desktop] {
            machine.env.retain(|(name, _)| *name != "AIMON_TEST_NOW");
            machine.env.push(("AIMON_TEST_NOW", now.to_owned()));
        }
    };
    let heard = |two: &Two| {
        let listed = two.laptop.run(&["device", "list", "--json"]).json();
        device(&listed, "desktop")["lastHeard"].as_str().unwrap().to_owned()
    };
    at(&mut two, "2026-11-24T14:00:00Z");
    two.desktop.write(".claude/projects/p/old.jsonl", &line("session-3", 9, "2026-11-20T11:00:00.000Z", "model-a"));
    two.desktop.run(&["sync"]).fine();
    at(&mut two, "2026-11-24T15:00:00Z");
    assert_eq!(heard(&two), crate::workspaces::NOW, "it has not come here yet");
    two.laptop.run(&["sync"]).fine();
    assert_eq!(heard(&two), "2026-11-24T15:00:00Z");
    at(&mut two, "2026-11-24T18:00:00Z");
    two.laptop.run(&["sync"]).fine();
    assert_eq!(heard(&two), "2026-11-24T15:00:00Z", "nothing new is nothing heard");
    let list = two.laptop.run(&["device", "list"]).fine();
    assert!(list.out.contains("3 h ago"), "{list:?}");
    // What lay there when a device joined says nothing of when it was written.
    let third = settled(Machine::empty());
    two.join(&third, "third");
    let listed = third.run(&["device", "list", "--json"]).json();
    assert_eq!(device(&listed, "desktop")["lastHeard"], crate::workspaces::NOW, "{listed}");
}

#[test]
fn devices_of_one_name_are_told_apart() {
    let two = Two::paired();
    two.laptop.run(&["device", "rename", "desktop", "laptop"]).fine();
    let table = two.laptop.run(&["report", "--by", "device", "--as-of", "2026-11-24"]).fine().out;
    let list = two.laptop.run(&["device", "list"]).fine().out;
    let listed = two.laptop.run(&["device", "list", "--json"]).json();
    for device in listed["devices"].as_array().unwrap() {
        let id = device["id"].as_str().unwrap();
        let label = format!("laptop ({})", &id[28..]);
        assert!(table.contains(&label) && list.contains(&label), "{label}: {table}{list}");
        let one = two.laptop.json(&["report", "--device", &label]);
        assert!(one["totals"]["calls"].as_u64().unwrap() > 0, "{one}");
    }
}

#[test]
fn what_nobody_is_called_is_said() {
    let two = Two::paired();
    let report = |args: &[&str]| two.laptop.run(&[&["report", "--as-of", "2026-11-24"], args].concat()).fine();
    for (flag, given) in [("--source", "claud"), ("--model", "nope"), ("--device", "nope")] {
        let said = report(&[flag, given]);
        assert!(said.out.contains("No calls") && said.err.contains(&format!("is called `{given}`")), "{said:?}");
    }
    // Of those that there are, none in this range is an answer.
    for (flag, given) in [("--source", "claude-code"), ("--model", "model-a"), ("--device", "desktop")] {
        let said = report(&[flag, given, "--since", "2026-11-24"]);
        assert!(said.out.contains("No calls") && said.err.is_empty(), "{said:?}");
    }
}

#[test]
fn bad_names_get_help_that_helps() {
    let two = Two::paired();
    for args in [&["device", "rename", "desktop", ""][..], &["device", "merge", "desktop", "desktop"]] {
        let said = two.laptop.run(args).failed(2, "bad-setting");
        assert!(said.err.contains("help: `aimon device list`") && !said.err.contains("settings get"), "{said:?}");
    }
    let said = two.laptop.run(&["device", "merge", "desktop", "desktop"]).failed(2, "bad-setting");
    assert!(said.err.contains("both are desktop"), "{said:?}");
    let said = two.laptop.run(&["device"]).failed(2, "bad-usage");
    assert!(said.err.contains("error[bad-usage]: it has to be said") && said.err.contains("rename"), "{said:?}");
}

#[test]
fn without_a_workspace_there_is_one_device() {
    let machine = settled(Machine::with_logs());
    machine.run(&["scan"]).fine();
    let listed = machine.run(&["device", "list", "--json"]).json();
    assert_eq!((listed["devices"].as_array().unwrap().len(), &listed["waiting"]), (1, &serde_json::Value::Null));
    let id = listed["devices"][0]["id"].as_str().unwrap().to_owned();
    machine.run(&["device", "rename", &id, "mine"]).fine();
    assert_eq!(labels(&machine.run(&BY_DEVICE).json()), [("mine".to_owned(), 5)]);
    machine.run(&["device", "revoke", "mine", "--yes"]).failed(1, "own-device");
    machine.run(&["device", "vouch", "mine"]).failed(1, "no-workspace");
}

#[test]
fn a_revoked_device_is_out_and_what_it_wrote_counts_on() {
    let two = Two::paired();
    two.laptop.run(&["device", "revoke", "laptop", "--yes"]).failed(1, "own-device");
    two.laptop.run(&["device", "revoke", "nobody", "--yes"]).failed(1, "unknown-device");
    two.laptop.run(&["device", "revoke", "desktop"]).failed(1, "nobody-to-ask");
    // The laptop can't reach the folder; the desktop goes on beside it.
    std::fs::rename(two.relay_folder(), two.laptop.path("away")).unwrap();
    let said = two.laptop.run(&["device", "revoke", "desktop", "--yes"]).fine();
    assert!(said.out.contains("is out") && said.err.contains("no-shared-folder"), "{said:?}");
    std::fs::rename(two.laptop.path("away"), two.relay_folder()).unwrap();
    two.desktop.write(".claude/projects/p/late.jsonl", &line("session-3", 9, "2026-11-23T11:00:00.000Z", "model-a"));
    two.desktop.run(&["scan"]).fine();
    two.desktop.run(&["sync"]).fine();
    two.laptop.run(&["sync"]).fine();
    let calls = || two.laptop.json(&["report"])["totals"]["calls"].as_u64().unwrap();
    assert_eq!(calls(), 6, "what came beside the revoke is set aside");
    let listed = two.laptop.run(&["device", "list", "--json"]).json();
    assert_eq!(device(&listed, "desktop")["standing"], "revoked");
    let found = two.laptop.run(&["doctor", "--json"]).json();
    let aside = found["workspace"]["setAside"].as_u64().unwrap();
    assert!(aside > 0, "{found}");
    // Wherever somebody looks, the way to let them count is named.
    let chunks = if aside == 1 { "1 chunk".to_owned() } else { format!("{aside} chunks") };
    let of = format!("{chunks} of desktop ");
    for args in [&["sync"][..], &["device", "list"], &["doctor"], &["status"]] {
        let said = two.laptop.run(args);
        let text = format!("{}{}", said.out, said.err);
        assert!(text.contains(&of) && text.contains("`aimon device vouch desktop` lets"), "{args:?}: {said:?}");
    }
    for args in [&["sync", "--json"][..], &["device", "list", "--json"]] {
        let set_aside = two.laptop.run(args).json()["setAside"][0].clone();
        assert_eq!((&set_aside["name"], &set_aside["chunks"]), (&"desktop".into(), &aside.into()), "{args:?}");
    }
    assert!(two.laptop.run(&["device", "vouch", "desktop"]).fine().out.contains("now count"));
    assert_eq!(calls(), 7);
    assert!(two.laptop.run(&["device", "vouch", "desktop"]).fine().out.contains("Nothing"));
    let said = two.desktop.run(&["sync"]);
    assert!(said.code != 0 && said.err.contains("device-revoked"), "{said:?}");
}

/// As tables show it, also where nobody else is called so.
#[test]
fn a_device_is_found_by_its_name_with_its_tag() {
    let two = Two::paired();
    let listed = two.laptop.run(&["device", "list", "--json"]).json();
    let id = device(&listed, "desktop")["id"].as_str().unwrap().to_owned();
    for given in [format!("desktop ({})", &id[28..]), id[28..].to_owned()] {
        assert_eq!(two.laptop.json(&["report", "--device", &given])["totals"]["calls"], 1, "{given}");
        two.laptop.run(&["device", "rename", &given, "desktop"]).fine();
    }
    let help = two.laptop.run(&["device", "rename", "--help"]).fine().out;
    assert!(help.split_whitespace().collect::<Vec<_>>().join(" ").contains("eight characters at its end"), "{help}");
}

#[test]
fn the_list_fits_a_narrow_terminal() {
    let two = Two::paired();
    let listed = two.laptop.run(&["device", "list", "--json"]).json();
    let id = device(&listed, "desktop")["id"].as_str().unwrap().to_owned();
    for columns in [40, 60, 80, 120] {
        let output = two.laptop.command(&["device", "list"]).env("COLUMNS", columns.to_string()).output().unwrap();
        let text = crate::machine::Said::from(output).fine().out;
        assert!(text.lines().all(|line| line.chars().count() <= columns), "{columns}: {text}");
        assert!(text.contains("desktop") && text.contains(&id[28..]) && text.contains("this device"), "{text}");
        assert_eq!(text.contains(&id), columns == 120, "{text}");
    }
}
