//! Bad input gets an error with a code and a way out.

use crate::machine::{Machine, Said, damage_changes};

#[test]
fn flags_that_make_no_sense() {
    let machine = Machine::with_logs();
    machine.run(&["report", "--since", "2026-13-01"]).failed(2, "bad-usage");
    machine.run(&["report", "--by", "colour"]).failed(2, "bad-usage");
    machine.run(&["report", "hourly"]).failed(2, "bad-usage");
    machine.run(&["report", "--csv", "--json"]).failed(2, "bad-usage");
    machine.run(&["report", "--csv", "--jsonl"]).failed(2, "bad-usage");
    machine.run(&["frobnicate"]).failed(2, "bad-usage");
    machine.run(&["doctor", "--ccusage", "x"]).failed(2, "bad-usage");
    machine.run(&["export", "--format", "xml", "x"]).failed(2, "bad-usage");
    machine.run(&["report", "--timezone", "Mars/Olympus"]).failed(2, "bad-timezone");
    machine.run(&["status", "--timezone", ""]).failed(2, "bad-timezone");
    machine.run(&["report", "--since", "2026-11-21", "--until", "2026-11-20"]).failed(2, "empty-range");
    let said = machine.run(&["status", "--format", "{today.price}"]).failed(2, "bad-template");
    assert!(said.err.contains("today.(cost|tokens|"), "{said:?}");
    assert!(!machine.data().join("aimon.db").exists(), "nothing was begun");
}

#[test]
fn an_environment_that_makes_no_sense() {
    let mut machine = Machine::with_logs();
    for days in ["6", "3651", "-1", "1e3", "many", "180.5"] {
        machine.env = vec![("AIMON_RETENTION_DAYS", days.to_owned())];
        machine.run(&["scan"]).failed(2, "bad-retention");
    }
    machine.env = vec![("AIMON_PORT", "70000".to_owned())];
    machine.run(&["up"]).failed(2, "bad-port");
    machine.env = vec![("AIMON_PRICES", machine.path("none.json").display().to_string())];
    machine.run(&["report"]).failed(2, "bad-prices");
    std::fs::write(machine.path("none.json"), "{\"models\":{\"x\":{\"input\":\"much\"}}}").unwrap();
    machine.run(&["report"]).failed(2, "bad-prices");
    machine.env = vec![("TZ", "Nowhere/AtAll".to_owned())];
    let said = machine.run(&["report"]).fine();
    assert!(said.err.contains("TZ is `Nowhere/AtAll`"), "{said:?}");
}

#[test]
fn retention_is_set_at_the_first_start() {
    let mut machine = Machine::with_logs();
    machine.env = vec![("AIMON_RETENTION_DAYS", "3650".to_owned())];
    machine.run(&["scan"]).fine();
    machine.env.clear();
    assert_eq!(machine.run(&["doctor", "--json"]).json()["retentionDays"], 3650);
}

#[test]
fn a_folder_that_cannot_be_made() {
    let mut machine = Machine::with_logs();
    std::fs::write(machine.path("file"), "").unwrap();
    machine.env = vec![("AIMON_HOME", machine.path("file/data").display().to_string())];
    for command in [&["scan"][..], &["report"], &["status"], &["up"]] {
        machine.run(command).failed(4, "home-not-writable");
    }
    machine.env = vec![("AIMON_HOME", machine.path("file").display().to_string())];
    let said = machine.run(&["scan"]).failed(4, "home-not-writable");
    assert!(said.err.contains("a file lies where the folder should be"), "{said:?}");
    for home in ["file", "file/data"] {
        machine.env = vec![("AIMON_HOME", machine.path(home).display().to_string())];
        let said = machine.run(&["doctor"]);
        assert!(said.code == 4 && said.out.contains("file is no folder"), "{said:?}");
        assert!(said.out.contains("(home-not-writable)"), "{said:?}");
    }
    machine.env.clear();
    machine.run(&["doctor"]).fine();
    assert!(!machine.data().exists(), "looking leaves nothing behind");
}

#[cfg(unix)]
#[test]
fn prices_that_are_a_pipe_keep_nobody_waiting() {
    let mut machine = Machine::with_logs();
    let pipe = machine.path("pipe").display().to_string();
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    machine.env = vec![("AIMON_PRICES", pipe)];
    for command in ["report", "status"] {
        machine.run(&[command]).failed(2, "bad-prices");
    }
    assert!(machine.run(&["statusline"]).fine().out.contains("bad-prices"));
}

#[test]
fn a_damaged_database() {
    let machine = Machine::with_logs();
    machine.run(&["scan"]).fine();
    std::fs::write(machine.data().join("aimon.db"), vec![0x5a; 64 << 10]).unwrap();
    // What was written last stands beside it.
    for name in ["aimon.db-wal", "aimon.db-shm"] {
        let _ = std::fs::remove_file(machine.data().join(name));
    }
    for command in [&["scan"][..], &["report"], &["report", "--no-scan"], &["status"]] {
        machine.run(command).failed(5, "database-damaged");
    }
    // The way out that the help names.
    std::fs::rename(machine.data(), machine.path("away")).unwrap();
    assert_eq!(machine.json(&["report"])["totals"]["calls"], 5);
}

#[test]
fn a_damaged_part_is_quarantined_and_every_command_says_so() {
    let machine = Machine::with_logs();
    machine.run(&["report"]).fine();
    assert_eq!(machine.json(&["status"])["quarantined"], 0);
    damage_changes(&machine);
    std::fs::rename(machine.home(), machine.path("away")).unwrap();
    let said = machine.run(&["doctor"]);
    assert!(said.code == 1 && said.out.contains("are quarantined") && !said.out.contains("set aside"), "{said:?}");
    assert!(machine.json(&["status"])["quarantined"].as_u64().unwrap() > 0);
    // Once everything was read again nothing is left to do: the part itself stays until its day expires.
    machine.run(&["scan"]).fine();
    let found = machine.run(&["doctor", "--json"]).json();
    assert_eq!(
        found["problems"].as_array().unwrap().iter().filter(|p| p.to_string().contains("quarantined")).count(),
        0
    );
    assert!(found["remarks"][0].as_str().unwrap().contains("quarantined"), "{found}");
    assert!(!found["database"]["quarantined"].as_array().unwrap().is_empty(), "{found}");
    for args in [&["status"][..], &["scan"], &["report"], &["report", "--no-scan"]] {
        let said = machine.run(args).fine();
        assert!(said.err.contains("quarantined") && said.err.contains("`aimon doctor`"), "{args:?}: {said:?}");
        assert!(!said.out.contains("quarantined"), "{said:?}");
    }
}

#[test]
fn nothing_there_to_show() {
    let machine = Machine::empty();
    machine.run(&["explain", "2026-11-20"]).failed(1, "nothing-to-explain");
    let empty = Machine::empty();
    empty.run(&["export", "--format", "jsonl", "out"]).failed(1, "home-empty");
    let report = empty.run(&["report", "--json", "--no-scan"]).json();
    assert_eq!(report["daily"].as_array().map(Vec::len), Some(0));
    assert_eq!(report["totals"]["totalCost"], 0);
    assert!(!empty.data().exists(), "reading begins nothing");
    let status = empty.run(&[]).fine();
    assert!(status.out.contains("no calls yet"), "{status:?}");
    let scan = empty.run(&["scan"]).fine();
    assert!(scan.out.contains("No agent logs found"), "{scan:?}");
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let machine = Machine::with_logs();
    machine.run(&["scan"]).fine();
    let mut child = machine
        .command(&["man"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let said = Said::from(child.wait_with_output().unwrap()).fine();
    assert_eq!(said.err, "");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_under_the_output() {
    let machine = Machine::with_logs();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = machine.command(&["report", "--json"]).stdout(full).output().unwrap();
    Said::from(output).failed(4, "output-failed");
}

/// A small disk of its own, which takes root to make; gone when this is dropped.
#[cfg(target_os = "linux")]
struct Disk(std::path::PathBuf);

#[cfg(target_os = "linux")]
impl Disk {
    fn new(at: std::path::PathBuf) -> Option<Self> {
        std::fs::create_dir(&at).unwrap();
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=4m", "none"]).arg(&at).stderr(std::process::Stdio::null());
        mount.status().is_ok_and(|status| status.success()).then_some(Self(at))
    }

    /// Leaves no byte free.
    fn fill(&self) {
        use std::io::Write;
        let mut file = std::fs::File::create(self.0.join("full")).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
    }
}

#[cfg(target_os = "linux")]
impl Drop for Disk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(&self.0).status();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn on_a_full_disk_what_was_recorded_is_shown() {
    let mut machine = Machine::with_logs();
    let Some(disk) = Disk::new(machine.path("disk")) else {
        eprintln!("skipped: no disk can be mounted here");
        return;
    };
    machine.env = vec![("AIMON_HOME", disk.0.join("data").display().to_string())];
    machine.run(&["scan"]).fine();
    disk.fill();
    machine.write(
        ".claude/projects/p/new.jsonl",
        &crate::workspaces::line("session-3", 9, "2026-11-23T11:00:00.000Z", "model-a"),
    );
    for args in [&["report"][..], &["report", "--no-scan"], &["status"]] {
        let said = machine.run(&[args, &["--as-of", "2026-11-24"]].concat()).fine();
        assert!(said.out.contains("2026-11-20") || said.out.contains("5 calls"), "{args:?}: {said:?}");
        assert!(args.len() > 1 || said.err.contains("is full; showing what was recorded before"), "{args:?}: {said:?}");
    }
    assert_eq!(machine.json(&["report"])["totals"]["calls"], 5);
    machine.run(&["scan"]).failed(4, "disk-full");
    machine.run(&["settings", "set", "zone", "UTC"]).failed(4, "disk-full");
    let said = machine.run(&["doctor"]);
    assert!(said.code == 4 && said.out.contains("(disk-full): free some space"), "{said:?}");
    machine.run(&["up"]).failed(4, "disk-full");
    // With room again nothing is missing.
    std::fs::remove_file(disk.0.join("full")).unwrap();
    assert_eq!(machine.json(&["report"])["totals"]["calls"], 6);
}

#[cfg(debug_assertions)]
#[test]
fn a_first_start_in_2030_loses_nothing() {
    let mut machine = Machine::with_logs();
    machine.env = vec![("AIMON_TEST_NOW", "2030-01-01T00:00:00Z".to_owned())];
    machine.run(&["scan"]).fine();
    machine.env = vec![("AIMON_TEST_NOW", "2026-11-24T00:00:00Z".to_owned())];
    let late = machine.run(&["report", "--json"]).fine().out;
    let mut other = Machine::with_logs();
    other.env = vec![("AIMON_TEST_NOW", "2026-11-24T00:00:00Z".to_owned())];
    assert_eq!(late, other.run(&["report", "--json"]).fine().out);
    let found = machine.run(&["doctor", "--json"]).json();
    assert_eq!(found["database"]["records"], 5, "all of them");
    assert_eq!(found["clock"]["jumpedAheadOf"], serde_json::Value::Null, "and the clock counts again");
}

#[cfg(debug_assertions)]
#[test]
fn a_clock_that_jumps_expires_nothing_until_somebody_says_that_it_is_right() {
    let mut machine = Machine::with_logs();
    machine.env = vec![("AIMON_TEST_NOW", "2026-11-24T00:00:00Z".to_owned())];
    machine.run(&["scan"]).fine();
    machine.env = vec![("AIMON_TEST_NOW", "2030-01-01T00:00:00Z".to_owned())];
    let said = machine.run(&["scan"]).fine();
    assert!(
        said.err.contains("1134 days after the last time that is known to be right")
            && said.err.contains("--trust-clock"),
        "{said:?}"
    );
    let found = machine.run(&["doctor", "--json"]).json();
    assert_eq!(found["database"]["records"], 5, "nothing expired");
    assert!(found["problems"][0].as_str().unwrap().contains("--trust-clock"), "{found}");
    // Set right again, all is as it was.
    machine.env = vec![("AIMON_TEST_NOW", "2026-11-25T00:00:00Z".to_owned())];
    assert_eq!(machine.run(&["report", "--json"]).json()["totals"]["calls"], 5);
    assert!(machine.run(&["doctor", "--json"]).json()["clock"]["jumpedAheadOf"].is_null());
    // If it is right after all, days expire by it.
    machine.env = vec![("AIMON_TEST_NOW", "2030-01-01T00:00:00Z".to_owned())];
    machine.run(&["doctor", "--trust-clock"]).fine();
    assert_eq!(machine.run(&["doctor", "--json"]).json()["database"]["records"], 0);
}

#[cfg(debug_assertions)]
#[test]
fn a_clock_that_is_doubted_after_some_days_away_is_no_alarm() {
    let mut machine = Machine::with_logs();
    machine.env = vec![("AIMON_TEST_NOW", "2026-11-24T00:00:00Z".to_owned())];
    machine.run(&["scan"]).fine();
    for (now, is_far) in [("2026-12-08T00:00:00Z", false), ("2027-01-08T00:00:00Z", true)] {
        machine.env = vec![("AIMON_TEST_NOW", now.to_owned())];
        let said = machine.run(&["scan"]).fine();
        let found = machine.run(&["doctor", "--json"]).json();
        let says = |what: &str| found[what].as_array().unwrap().iter().any(|p| p.to_string().contains("--trust-clock"));
        assert_eq!((says("problems"), says("remarks")), (is_far, !is_far), "{now}: {found}");
        assert_eq!(said.err.contains("--trust-clock"), is_far, "{said:?}");
    }
}

#[cfg(unix)]
#[test]
fn the_data_folder_is_its_owners() {
    use std::os::unix::fs::PermissionsExt;
    let machine = Machine::with_logs();
    machine.run(&["scan"]).fine();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&machine.data()), 0o700);
}

#[test]
fn every_code_is_in_the_docs() {
    let docs = include_str!("../../../../docs/errors.md");
    for code in aimon_agent::error::CODES {
        assert!(docs.contains(&format!("| `{code}` |")), "docs/errors.md does not list {code}");
    }
}
