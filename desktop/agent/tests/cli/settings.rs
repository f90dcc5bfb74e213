//! Settings: what devices agree on, and what reports make of it.

use crate::machine::Machine;
use crate::workspaces::{Two, settled};

#[test]
fn they_work_without_a_workspace() {
    let machine = settled(Machine::with_logs());
    let all = machine.run(&["settings", "get", "--json"]).json();
    assert_eq!(all["zone"], serde_json::Value::Null);
    assert!(!machine.data().exists(), "looking leaves nothing behind");
    machine.run(&["settings", "set", "zone", "Mars/Olympus"]).failed(2, "bad-setting");
    machine.run(&["settings", "set", "week-start", "someday"]).failed(2, "bad-setting");
    machine.run(&["settings", "set", "retention", "6"]).failed(2, "bad-setting");
    machine.run(&["settings", "set", "colour", "red"]).failed(2, "bad-setting");
    for (key, value) in [("poll-usage", "59s"), ("poll-usage", "13h"), ("poll-costs", "29m"), ("poll-costs", "soon")] {
        machine.run(&["settings", "set", key, value]).failed(2, "bad-setting");
    }
    machine.run(&["settings", "get", "colour"]).failed(2, "bad-setting");
    assert!(!machine.data().exists(), "nothing was begun");

    machine.run(&["scan"]).fine();
    machine.run(&["settings", "set", "zone", "Pacific/Kiritimati"]).fine();
    machine.run(&["settings", "set", "week-start", "sunday"]).fine();
    machine.run(&["settings", "set", "device-name", "mine"]).fine();
    machine.run(&["settings", "set", "poll-usage", "300s"]).fine();
    assert_eq!(machine.run(&["settings", "get", "poll-usage"]).fine().out, "5m\n");
    assert_eq!(machine.run(&["settings", "get", "zone"]).fine().out, "Pacific/Kiritimati\n");
    let all = machine.run(&["settings", "get", "--json"]).json();
    assert_eq!(
        (&all["week-start"], &all["device-name"], &all["retention"]),
        (&"sunday".into(), &"mine".into(), &180.into())
    );
    // 14 hours east, 2026-11-20T18:30Z and 2026-11-20T10:00Z are the 21st.
    let days = |args: &[&str]| {
        let report = machine.json(args);
        let rows = report["daily"].as_array().or_else(|| report["weekly"].as_array()).unwrap().clone();
        rows.iter().map(|row| row["period"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(days(&["report"]), ["2026-11-21", "2026-11-22", "2026-11-23"], "TZ is UTC here: the setting goes first");
    assert_eq!(days(&["report", "--timezone", "UTC"]), ["2026-11-20", "2026-11-21", "2026-11-22"]);
    assert_eq!(days(&["report", "weekly", "-z", "UTC"]), ["2026-11-15", "2026-11-22"]);
    assert_eq!(days(&["report", "weekly", "-z", "UTC", "-w", "monday"]), ["2026-11-16"]);
    assert_eq!(machine.json(&["status"])["timezone"], "Pacific/Kiritimati");
    machine.run(&["settings", "set", "zone", "default"]).fine();
    assert_eq!(days(&["report"]), ["2026-11-20", "2026-11-21", "2026-11-22"]);
}

#[test]
fn a_lower_retention_asks_and_deletes() {
    let machine = settled(Machine::with_logs());
    machine.run(&["scan"]).fine();
    machine.run(&["settings", "set", "retention", "200"]).fine();
    assert_eq!(machine.run(&["doctor", "--json"]).json()["retentionDays"], 200);
    // Now is the 24th: with seven days the 18th is the first, and all stay.
    machine.run(&["settings", "set", "retention", "7"]).fine();
    let mut later = machine;
    later.env.push(("AIMON_TEST_NOW", "2026-11-26T12:00:00Z".to_owned()));
    later.run(&["settings", "set", "retention", "8"]).fine();
    later.env.push(("AIMON_TEST_NOW", "2026-11-28T00:00:00Z".to_owned()));
    later.run(&["report"]).fine();
    let said = later.run(&["settings", "set", "retention", "7"]).failed(1, "nobody-to-ask");
    assert!(said.err.contains("nobody can be asked"), "{said:?}");
    assert_eq!(later.run(&["settings", "get", "retention"]).fine().out, "8\n");
    let said = later.run(&["settings", "set", "retention", "7", "--yes"]).fine();
    assert!(said.err.contains("1 day of the history is not kept any more"), "{said:?}");
    assert_eq!(later.run(&["report", "--json"]).json()["totals"]["calls"], 1);
}

#[test]
fn they_are_the_whole_workspaces() {
    let two = Two::paired();
    two.laptop.run(&["settings", "set", "zone", "Asia/Kathmandu"]).fine();
    two.laptop.run(&["settings", "set", "name", "Ours"]).fine();
    let fewer = two.laptop.run(&["settings", "set", "retention", "30"]).fine();
    assert!(!fewer.err.contains("come back"), "{fewer:?}");
    let more = two.laptop.run(&["settings", "set", "retention", "31"]).fine();
    assert!(more.err.contains("days that were not kept before don't come back by themselves"), "{more:?}");
    two.laptop.run(&["settings", "set", "retention", "30"]).fine();
    two.sync();
    let said = |machine: &Machine, key: &str| machine.run(&["settings", "get", key]).fine().out;
    assert_eq!(said(&two.desktop, "zone"), "Asia/Kathmandu\n");
    assert_eq!((said(&two.desktop, "name"), said(&two.desktop, "retention")), ("Ours\n".to_owned(), "30\n".to_owned()));
    assert_eq!(two.both(&["report", "--json", "--as-of", "2026-11-24"])["daily"][1]["period"], "2026-11-21");
}

#[test]
fn status_says_what_waits_and_since_when() {
    let two = Two::paired();
    let waiting = |machine: &Machine| machine.json(&["status"])["waiting"].clone();
    assert_eq!(waiting(&two.laptop)["chunks"], 0);
    two.laptop.run(&["settings", "set", "name", "Ours"]).fine();
    let found = waiting(&two.laptop);
    assert_eq!((&found["chunks"], &found["reason"]), (&1.into(), &serde_json::Value::Null), "{found}");
    assert_eq!(found["since"], crate::workspaces::NOW);
    let text = two.laptop.run(&["status"]).fine().out;
    assert!(text.contains("1 chunk waiting for the relay") && text.contains("not sent yet"), "{text}");
    let text = two.laptop.run(&["doctor"]).fine().out;
    assert!(text.contains("Workspace") && text.contains("1 chunk"), "{text}");
    two.laptop.run(&["sync"]).fine();
    assert_eq!(waiting(&two.laptop)["chunks"], 0);
    assert!(!two.laptop.run(&["status"]).fine().out.contains("waiting"));
    let alone = settled(Machine::with_logs());
    assert_eq!(alone.json(&["status"])["waiting"], serde_json::Value::Null);
}
