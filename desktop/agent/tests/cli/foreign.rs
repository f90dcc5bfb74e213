//! Names that others chose: what they contain, how long they are, and how they are named in turn.

use crate::machine::Machine;

/// A log of Claude Code with a call of each model and session.
fn logs(calls: &[(&str, &str)]) -> Machine {
    let machine = Machine::empty();
    let line = |(n, (model, session)): (usize, &(&str, &str))| {
        format!(
            r#"{{"type":"assistant","timestamp":"2026-11-20T1{n}:00:00.000Z","sessionId":{},"version":"2.1.100","requestId":"req_{n}","message":{{"id":"msg_{n}","model":{},"usage":{{"input_tokens":10,"output_tokens":20}}}}}}"#,
            serde_json::json!(session),
            serde_json::json!(model)
        ) + "\n"
    };
    let text: String = calls.iter().enumerate().map(line).collect();
    machine.write(".claude/projects/p/a.jsonl", &text);
    machine
}

#[test]
fn nothing_in_a_log_reaches_the_terminal_as_a_command() {
    let machine = logs(&[
        ("evil\u{1b}[31mRED\u{1b}]0;pwn\u{7}", "clear\u{1b}[2J\u{1b}[H"),
        ("two\n2026-11-21  forged", "\u{202e}sdrawkcab"),
    ]);
    for args in [
        &["report"][..],
        &["report", "--breakdown"],
        &["report", "session"],
        &["report", "--by", "model"],
        &["report", "--by", "session"],
        &["report", "--csv", "--by", "session"],
        &["report", "session", "--csv", "--breakdown"],
        &["explain", "--since", "2026-11-20", "--lines"],
        &["status", "--as-of", "2026-11-20"],
        &["doctor"],
        &["scan"],
    ] {
        let said = machine.run(args).fine();
        let text = said.out + &said.err;
        let acts = |c: char| (c.is_control() && !matches!(c, '\n' | '\r')) || c == '\u{202e}';
        assert!(!text.contains(acts), "{args:?}: {text:?}");
        assert!(!text.lines().any(|l| l.starts_with("2026-11-21")), "{args:?}: {text}");
    }
    let said = machine.run(&["explain", "--model", "no\u{1b}[2J"]).failed(1, "nothing-to-explain");
    assert!(said.err.contains("no\u{fffd}[2J"), "{said:?}");
    let json = machine.json(&["report"]);
    assert!(json["totals"]["unpricedModels"][0].as_str().unwrap().contains('\u{1b}'), "JSON says it as it is");
    let line = machine.pipe(&["statusline"], r#"{"model":{"display_name":"A\u001b]0;x\u0007"}}"#).fine().out;
    assert!(line.starts_with("A]0;x · "), "{line:?}");
}

#[test]
fn a_name_without_end_makes_no_table_wider() {
    let (model, session) = ("m".repeat(300), "s".repeat(300));
    let machine = logs(&[(&model, &session)]);
    for args in [
        &["report"][..],
        &["report", "--breakdown"],
        &["report", "session"],
        &["report", "--by", "session"],
        &["explain", "2026-11-20"],
        &["status", "--as-of", "2026-11-20"],
    ] {
        let text = machine.run(args).fine().out;
        assert!(text.contains(&format!("{}…", "m".repeat(39))), "{args:?}: {text}");
        assert!(text.lines().all(|l| l.chars().count() <= 150), "{args:?}: {text}");
    }
    for args in [&["report", "session", "--json"][..], &["report", "session", "--csv", "--breakdown"]] {
        let text = machine.run(args).fine().out;
        assert!(text.contains(&model) && text.contains(&session), "{args:?}: {text}");
    }
}

#[test]
fn sessions_are_shown_alike_and_found_by_what_is_shown() {
    let one = "4f6a3b1c-9a1e-4c11-8000-000000000001";
    let (two, three) = ("0199a213-0000-7000-8000-000000000001", "0199a213-1000-7000-8000-000000000001");
    let machine = logs(&[("a", one), ("a", two), ("a", three)]);
    for args in [&["report", "session"][..], &["report", "--by", "session"], &["explain", "2026-11-20"]] {
        let text = machine.run(args).fine().out;
        for shown in ["4f6a3b1c ", "0199a213-0 ", "0199a213-1 "] {
            assert!(text.contains(shown), "{args:?}: {text}");
        }
        assert!(!text.contains("device "), "{args:?}: {text}");
    }
    let report = machine.json(&["report", "--by", "session"]);
    assert_eq!(report["daily"][0]["groups"][0]["label"], report["daily"][0]["groups"][0]["group"]);
    let calls = |session: &str| machine.run(&["explain", "--session", session, "--json"]).json()["calls"].clone();
    assert_eq!((calls("4f6a3b1c"), calls("0199a213-1"), calls(two)), (1.into(), 1.into(), 1.into()));
    let said = machine.run(&["explain", "--session", "0199a213"]).failed(2, "ambiguous-session");
    assert!(said.err.contains(two) && said.err.contains(three), "{said:?}");
    machine.run(&["explain", "--session", "x"]).failed(1, "nothing-to-explain");
}

#[test]
fn a_model_and_a_device_are_found_by_what_is_shown() {
    let machine = logs(&[("claude-opus-4-8-20260101", "s"), ("claude-opus-4-8", "s"), ("opus", "s")]);
    let shown = machine.run(&["report", "--by", "device"]).fine().out;
    let device = shown.split_once("this device (").unwrap().1.split_once(')').unwrap().0;
    let label = format!("this device ({device})");
    for (filter, calls) in [
        (["--model", "opus-4-8"], 2),
        (["--model", "claude-opus-4-8"], 1),
        (["--model", "4-8"], 0),
        (["--device", &label], 3),
        (["--device", device], 3),
    ] {
        let report = machine.json(&[&["report"][..], &filter].concat());
        assert_eq!(report["totals"]["calls"], calls, "{filter:?}");
        let explained = machine.run(&[&["explain", "2026-11-20", "--json"][..], &filter].concat());
        match calls {
            0 => drop(explained.failed(1, "nothing-to-explain")),
            _ => assert_eq!(explained.json()["calls"], calls, "{filter:?}"),
        }
    }
}
