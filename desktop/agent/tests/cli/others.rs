//! Status, doctor, export, demo, completions, the manual page.

use serde_json::json;

use crate::machine::{Machine, files};

#[test]
fn the_status_has_three_spans_and_the_windows() {
    let machine = Machine::with_logs();
    let status = machine.json(&["status"]);
    assert_eq!(
        (&status["today"]["calls"], &status["last7Days"]["calls"], &status["last30Days"]["calls"]),
        (&json!(0), &json!(5), &json!(5))
    );
    assert_eq!(status["windows"][0]["usedPercent"], 12.5);
    let text = machine.run(&["status", "--as-of", "2026-11-24"]).fine().out;
    for word in ["Today", "7 days", "30 days", "codex", "12.5% used", "resets in"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    let text = machine
        .run(&["status", "--as-of", "2026-11-20", "--format", "{today.calls} {7d.input} {30d.cost}\\n{date}"])
        .fine()
        .out;
    assert_eq!(text, "3 100 <$0.01\n2026-11-20\n");
}

#[test]
fn the_status_has_no_span_that_is_longer_than_what_is_kept() {
    for (kept, shown) in [("7", false), ("29", false), ("30", true)] {
        for mut machine in [Machine::with_logs(), Machine::empty()] {
            machine.env = vec![("AIMON_RETENTION_DAYS", kept.to_owned())];
            let text = machine.run(&["status", "--as-of", "2026-11-24"]).fine().out;
            assert_eq!((text.contains("7 days"), text.contains("30 days")), (true, shown), "{kept}: {text}");
            assert!(machine.json(&["status"])["last30Days"].is_object());
        }
    }
}

#[test]
fn doctor_shows_every_place_and_what_it_found() {
    let machine = Machine::with_logs();
    let empty = machine.run(&["doctor"]).fine().out;
    assert!(empty.contains("nothing recorded yet"), "{empty}");
    machine.run(&["scan"]).fine();
    let found = machine.run(&["doctor", "--json"]).json();
    assert_eq!(found["logs"]["linesSkipped"], json!({"broken": 1}), "all logs, not only what is new");
    let skipped = &found["logs"]["skipped"][0];
    assert_eq!((&skipped["line"], &skipped["reason"]), (&json!(3), &json!("broken")), "{skipped}");
    assert!(skipped["path"].as_str().unwrap().ends_with("session-1.jsonl"), "{skipped}");
    assert_eq!(found["database"]["records"], 5);
    assert_eq!(found["prices"]["unpricedModels"], json!(["nobody-knows"]));
    assert_eq!((&found["agentRunning"], &found["database"]["quarantined"]), (&json!(false), &json!([])));
    let text = machine.run(&["doctor"]).fine().out;
    for word in [
        ".claude/projects",
        ".codex/archived_sessions",
        "not there",
        "1 broken",
        "session-1.jsonl:3: broken",
        "No price is known for nobody-knows",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
}

/// SQLite drops everything behind one damaged byte of its log, and says nothing: no command leaves figures there.
#[test]
fn every_command_leaves_all_of_it_in_the_one_file() {
    let reading = r#"{"rate_limits":{"five_hour":{"used_percentage":42,"resets_at":1795523400}}}"#;
    for command in ["scan", "report", "status", "explain", "statusline"] {
        let machine = Machine::with_logs();
        match command {
            "explain" => machine.run(&["explain", "--since", "2026-11-01", "--until", "2026-11-24"]).fine(),
            "statusline" => {
                machine.run(&["scan"]).fine();
                machine.pipe(&["statusline"], reading).fine()
            }
            _ => machine.run(&[command]).fine(),
        };
        let log = machine.data().join("aimon.db-wal");
        assert_eq!(std::fs::metadata(&log).map_or(0, |log| log.len()), 0, "{command}");
        std::fs::remove_file(log).ok();
        let report = machine.json(&["report", "--no-scan"]);
        assert_eq!(report["totals"]["calls"], 5, "{command}");
    }
}

/// A figure without what could not be read says so, whichever command shows it.
#[test]
fn what_is_left_out_is_said_beside_the_figures() {
    for command in ["report", "status"] {
        let machine = Machine::with_logs();
        let said = machine.run(&[command]).fine();
        assert!(said.err.contains("1 line could not be read; see `aimon doctor`"), "{said:?}");
        let again = machine.run(&[command]).fine();
        assert!(!again.err.contains("could not be read"), "what was said of a line is not said again: {again:?}");
    }
}

#[test]
fn a_rebuild_changes_no_figure() {
    let machine = Machine::with_logs();
    let before = machine.json(&["report"]);
    let said = machine.run(&["doctor", "--rebuild"]).fine().out;
    assert!(said.contains("made again"), "{said}");
    assert_eq!(machine.json(&["report", "--no-scan"]), before);
}

#[cfg(unix)]
#[test]
fn doctor_lists_what_differs_from_ccusage_with_the_lines() {
    use std::os::unix::fs::PermissionsExt;
    let machine = Machine::with_logs();
    let program = machine.path("ccusage");
    let answer = |output: u64| {
        json!({"daily": [{"period": "2026-11-22", "modelBreakdowns": [
            {"modelName": "model-a", "inputTokens": 10, "outputTokens": output, "cacheCreationTokens": 1000, "cacheReadTokens": 5000}
        ]}]})
    };
    let script = |text: &str| {
        std::fs::write(&program, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    let path = program.to_str().unwrap();
    script(&format!("echo '{}'", answer(390)));
    let found = machine.run(&["doctor", "--against", "ccusage", "--ccusage", path, "--json"]).json();
    let cell = found["differences"].as_array().unwrap().iter().find(|d| d["day"] == "2026-11-22").unwrap().clone();
    assert_eq!((&cell["tokens"], &cell["aimon"], &cell["ccusage"]), (&json!("output"), &json!(400), &json!(390)));
    assert_eq!(cell["lines"][0]["line"], 5);
    let text = machine.run(&["doctor", "--against", "ccusage", "--ccusage", path]).fine().out;
    assert!(text.contains("session-1.jsonl:5") && text.contains("+10"), "{text}");
    script(&format!("echo '{}'", answer(390).to_string().replace("2026-11-22", "2020-01-01")));
    let found = machine.run(&["doctor", "--against", "ccusage", "--ccusage", path, "--json"]).json();
    let old = found["differences"].as_array().unwrap().iter().filter(|d| d["day"] == "2020-01-01").collect::<Vec<_>>();
    assert!(old.len() == 4 && old.iter().all(|d| d["why"] == "that day is not kept any more"), "{found}");
    script("echo no folder >&2; exit 3");
    let said = machine.run(&["doctor", "--against", "ccusage", "--ccusage", path]).failed(1, "ccusage-failed");
    assert!(said.err.contains("no folder"), "{said:?}");
    script("echo hello");
    machine.run(&["doctor", "--against", "ccusage", "--ccusage", path]).failed(1, "ccusage-failed");
    let nowhere = machine.path("nowhere");
    machine
        .run(&["doctor", "--against", "ccusage", "--ccusage", nowhere.to_str().unwrap()])
        .failed(1, "ccusage-failed");
}

#[test]
fn an_export_is_a_folder_of_its_own() {
    let machine = Machine::with_logs();
    machine.run(&["scan"]).fine();
    let (lines, documents) = (machine.path("a/lines"), machine.path("a/documents"));
    machine.run(&["export", "--format", "jsonl", lines.to_str().unwrap()]).fine();
    let records = std::fs::read_to_string(lines.join("records.jsonl")).unwrap();
    let records: Vec<serde_json::Value> = records.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(records.len(), 5);
    assert!(records.iter().any(|r| r["source"] == "codex" && r["reasoningTokens"] == 10));
    let answers = std::fs::read_to_string(lines.join("answers.jsonl")).unwrap();
    assert!(answers.contains(r#""used_ppm":125000"#), "{answers}");

    machine.run(&["export", "--format", "automerge", documents.to_str().unwrap()]).fine();
    let names = files(&documents);
    assert!(names.iter().all(|f| f.extension().is_some_and(|e| e == "automerge")) && names.len() == 3, "{names:?}");
    #[cfg(unix)]
    for file in names.iter().chain(&files(&lines)) {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
    machine.run(&["export", "--format", "automerge", documents.to_str().unwrap()]).failed(1, "export-not-empty");
    std::fs::write(machine.path("file"), "").unwrap();
    let in_file = machine.path("file/x");
    machine.run(&["export", "--format", "jsonl", in_file.to_str().unwrap()]).failed(4, "not-writable");
}

#[test]
fn the_demo_says_so_and_stays_apart() {
    let machine = Machine::with_logs();
    machine.run(&["scan"]).fine();
    let before = machine.json(&["report"]);
    let text = machine.run(&["demo"]).fine().out;
    let titles = text.lines().filter(|l| l.contains("AI Monitor · ") || l.contains("Usage by")).collect::<Vec<_>>();
    assert!(titles.len() == 3 && titles.iter().all(|t| t.starts_with("DEMO · ")), "{titles:?}");
    for machine in ["laptop", "studio", "build-server"] {
        assert!(text.contains(machine), "{text}");
    }
    let demo = machine.run(&["demo", "--json"]).json();
    assert_eq!(demo["demo"], true);
    assert!(demo["totals"]["calls"].as_u64().unwrap() > 1000);
    assert_eq!(machine.json(&["report"]), before, "real figures are untouched");
    assert!(before.get("demo").is_none());

    // Any command in the demo's folder says so too, and reads nothing of this machine.
    let mut there = Machine::with_logs();
    there.env = vec![("AIMON_HOME", machine.path("data-demo").display().to_string())];
    for args in [
        &["report", "--json"][..],
        &["status", "--json"],
        &["scan", "--json"],
        &["doctor", "--json"],
        &["explain", "--since", "30d", "--json"],
    ] {
        assert_eq!(there.run(args).json()["demo"], true, "{args:?}");
    }
    for parts in [&[][..], &["--breakdown"], &["--by", "device"]] {
        let csv = there.run(&[&["report", "--csv"], parts].concat()).fine().out;
        let mut lines = csv.split_terminator("\r\n");
        assert!(lines.next().unwrap().ends_with(",quality,billedCost,billedOther,demo"), "{csv}");
        assert!(csv.lines().count() > 2 && lines.all(|l| l.ends_with(",true")), "{csv}");
        let real = machine.run(&[&["report", "--csv"], parts].concat()).fine().out;
        assert!(real.lines().next().unwrap().ends_with(",quality,billedCost,billedOther"), "{real}");
    }
    for args in [
        &["report"][..],
        &["status"],
        &["scan"],
        &["doctor"],
        &["explain", "--since", "30d"],
        &["status", "--format", "x"],
    ] {
        assert!(there.run(args).fine().out.contains("DEMO"), "{args:?}");
    }
    there.run(&["doctor", "--against", "ccusage", "--ccusage", "true"]).failed(1, "demo-not-comparable");
    let scanned = there.run(&["scan", "--json"]).json();
    let roots = scanned["roots"].as_array().unwrap();
    assert!(roots.iter().all(|r| r["path"].as_str().unwrap().contains("data-demo")), "{roots:?}");
    let line = there
        .pipe(&["statusline"], r#"{"rate_limits":{"five_hour":{"used_percentage":99,"resets_at":4000000000}}}"#)
        .fine()
        .out;
    assert!(line.starts_with("DEMO · "), "{line}");
    let status = there.run(&["status", "--json"]).json();
    assert!(!status["windows"].as_array().unwrap().iter().any(|w| w["usedPercent"] == 99), "what is real stays out");

    let mut taken = Machine::empty();
    taken.env = vec![("AIMON_HOME", taken.path("x").display().to_string())];
    std::fs::create_dir(taken.path("x-demo")).unwrap();
    std::fs::write(taken.path("x-demo/precious"), "").unwrap();
    taken.run(&["demo"]).failed(1, "demo-failed");
    assert!(taken.path("x-demo/precious").exists());
}

#[test]
fn completions_and_the_manual_page() {
    let machine = Machine::empty();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let text = machine.run(&["completions", shell]).fine().out;
        assert!(text.contains("statusline"), "{shell}");
    }
    let man = machine.run(&["man"]).fine().out;
    for word in ["statusline", "AIMON_HOME", "Exit codes", "start\\-of\\-week"] {
        assert!(man.contains(word), "{word}");
    }
    let help = machine.run(&["--help"]).fine().out;
    assert!(help.contains("Exit codes:") && help.contains("AIMON_RETENTION_DAYS"), "{help}");
    assert_eq!(machine.run(&["help"]).fine().out, help);
    assert_eq!(machine.run(&["help", "report"]).fine().out, machine.run(&["report", "--help"]).fine().out);
    machine.run(&["help", "frobnicate"]).failed(2, "bad-usage");
    assert!(machine.run(&["--version"]).fine().out.starts_with("aimon "));
}
