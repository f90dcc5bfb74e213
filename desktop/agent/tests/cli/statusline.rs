//! The status line is quick, keeps windows, and never fails.

use serde_json::json;

use crate::machine::Machine;

fn input(used: &str) -> String {
    format!(
        r#"{{"session_id":"s","model":{{"id":"m","display_name":"Model A"}},"rate_limits":{{"five_hour":{{"used_percentage":{used},"resets_at":4000000000}},"seven_day":{{"used_percentage":12,"resets_at":4000000000}}}}}}"#
    )
}

#[test]
fn windows_are_shown_and_kept() {
    let machine = Machine::with_logs();
    machine.run(&["scan"]).fine();
    let line = machine.pipe(&["statusline"], &input("38.25")).fine().out;
    assert!(line.starts_with("Model A · today $0.00 · 5h 38.3% (resets in ") && line.contains("7d 12%"), "{line}");
    assert_eq!(line.lines().count(), 1);
    let status = machine.run(&["status", "--json"]).json();
    let windows = status["windows"].as_array().unwrap();
    let window = windows.iter().find(|w| w["account"] == "claude-code" && w["window"] == "5h").unwrap();
    assert_eq!((&window["usedPercent"], &window["windowSeconds"]), (&json!(38.25), &json!(18_000)));
    assert!(windows.iter().any(|w| w["account"] == "codex"), "Codex' come from its logs");
    let text = machine.run(&["status", "--format", "{window.claude-code.5h.used}|{window.codex.5h.left}"]).fine().out;
    assert_eq!(text, "38.3%|87.5%\n");
    // The same again is no news.
    let answers = || machine.run(&["doctor", "--json"]).json()["database"]["answers"].as_u64();
    let before = answers();
    machine.pipe(&["statusline"], &input("38.25")).fine();
    assert_eq!(answers(), before);
    machine.pipe(&["statusline"], &input("39")).fine();
    assert_ne!(answers(), before);
}

#[test]
fn the_account_is_who_is_logged_in() {
    let machine = Machine::empty();
    machine.write(
        ".claude.json",
        r#"{"oauthAccount":{"accountUuid":"0199a213-0000-7000-8000-0000000000aa","emailAddress":"a@b"}}"#,
    );
    machine.pipe(&["statusline"], &input("5")).fine();
    let status = machine.run(&["status", "--json"]).json();
    assert_eq!(status["windows"][0]["account"], "0199a213-0000-7000-8000-0000000000aa");
    let text = machine.run(&["status", "--format", "{window.claude-code.5h.used}"]).fine().out;
    assert_eq!(text, "5%\n");
}

#[test]
fn a_turn_shows_at_once() {
    let machine = Machine::empty();
    let now = jiff_now();
    machine.write(
        ".claude/projects/p/s.jsonl",
        &format!("{{\"type\":\"assistant\",\"timestamp\":\"{now}\",\"sessionId\":\"s\",\"version\":\"2.1.100\",\"requestId\":\"r\",\"message\":{{\"id\":\"m\",\"model\":\"model-a\",\"usage\":{{\"input_tokens\":0,\"output_tokens\":1000000}}}}}}\n"),
    );
    machine.write(".claude/projects/other/t.jsonl", "");
    let transcript = machine.home().join(".claude/projects/p/s.jsonl");
    let input = json!({"model": "Model A", "transcript_path": transcript}).to_string();
    // It has a few milliseconds; a busy machine may need a second turn.
    let shown = (0..20).any(|_| machine.pipe(&["statusline"], &input).fine().out == "Model A · today $10.00\n");
    assert!(shown);
}

fn jiff_now() -> String {
    jiff::Timestamp::now().to_string()
}

#[test]
fn whatever_comes_a_line_goes_out() {
    let machine = Machine::empty();
    for bad in [
        "",
        "no json",
        "{\"model\":",
        "[]",
        "\u{0}\u{1}",
        "{\"rate_limits\":{\"five_hour\":{\"used_percentage\":1e999}}}",
    ] {
        let said = machine.pipe(&["statusline"], bad).fine();
        assert_eq!(said.out.lines().count(), 1, "{bad}: {said:?}");
    }
    std::fs::remove_dir_all(machine.data()).unwrap();
    std::fs::write(machine.data(), "a file where the folder should be").unwrap();
    let said = machine.pipe(&["statusline"], &input("5")).fine();
    assert!(said.out.starts_with("Model A · aimon: home-not-writable · 5h 5%"), "{said:?}");
}

#[cfg(unix)]
#[test]
fn a_wrapped_line_is_unchanged() {
    let machine = Machine::empty();
    let said = machine.pipe(&["statusline", "--wrap", "printf 'mine: '; cat; printf '\\033[1m'"], &input("5")).fine();
    assert_eq!(said.out, format!("mine: {}\u{1b}[1m", input("5")));
    assert_eq!(machine.run(&["status", "--json"]).json()["windows"].as_array().map(Vec::len), Some(2));
    assert_eq!(machine.pipe(&["statusline", "--wrap", "exit 7"], &input("5")).code, 7);
    // One that reads nothing does not hang it.
    machine.pipe(&["statusline", "--wrap", "true"], &"x".repeat(1 << 20)).fine();
    // More than we read ourselves reaches it whole.
    let said = machine.pipe(&["statusline", "--wrap", "wc -c"], &"x".repeat(5 << 20)).fine();
    assert_eq!(said.out.trim(), "5242880");
}

#[cfg(unix)]
#[test]
fn what_a_wrapped_line_prints_is_out_before_anything_is_kept() {
    let machine = Machine::empty();
    let look = r#"cat >/dev/null; sleep 0.5; if test -e "$AIMON_HOME"; then echo late; else echo first; fi"#;
    assert_eq!(machine.pipe(&["statusline", "--wrap", look], &input("5")).fine().out, "first\n");
    assert_eq!(machine.run(&["status", "--json"]).json()["windows"].as_array().map(Vec::len), Some(2));
}

#[cfg(unix)]
#[test]
fn windows_are_kept_though_the_wrapped_line_cannot_be_run() {
    let mut machine = Machine::empty();
    machine.env = vec![("PATH", machine.path("nowhere").display().to_string())];
    machine.pipe(&["statusline", "--wrap", "true"], &input("5")).failed(1, "system");
    assert_eq!(machine.run(&["status", "--json"]).json()["windows"].as_array().map(Vec::len), Some(2));
}
