//! Windows, and who used them up.
#![allow(clippy::float_arithmetic)]

use serde_json::{Value, json};

use crate::machine::Machine;

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn time(second: i64) -> String {
    jiff::Timestamp::from_second(second).unwrap().to_string()
}

/// A session of Codex: (minutes ago, tokens of output or none, percent used of a window that ends in 150 minutes).
fn session(machine: &Machine, id: &str, now: i64, lines: &[(i64, u64, &str)]) {
    let resets = now + 150 * 60 + 30;
    let begun = time(now - 140 * 60);
    let mut log = vec![
        format!(r#"{{"timestamp":"{begun}","type":"session_meta","payload":{{"id":"{id}","timestamp":"{begun}"}}}}"#),
        format!(r#"{{"timestamp":"{begun}","type":"turn_context","payload":{{"model":"gpt-x"}}}}"#),
    ];
    let mut total = 0;
    for (ago, tokens, percent) in lines {
        total += tokens;
        let usage =
            |n: u64| format!(r#"{{"input_tokens":0,"cached_input_tokens":0,"output_tokens":{n},"total_tokens":{n}}}"#);
        let info = match tokens {
            0 => "null".to_owned(),
            n => format!(r#"{{"total_token_usage":{},"last_token_usage":{}}}"#, usage(total), usage(*n)),
        };
        log.push(format!(
            r#"{{"timestamp":"{}","type":"event_msg","payload":{{"type":"token_count","info":{info},"rate_limits":{{"primary":{{"used_percent":{percent},"window_minutes":300,"resets_at":{resets}}}}}}}}}"#,
            time(now - ago * 60 - 30),
        ));
    }
    log.push(String::new());
    machine.write(&format!(".codex/sessions/2026/11/20/rollout-2026-11-20T11-00-00-{id}.jsonl"), &log.join("\n"));
}

const A: &str = "0199a213-0000-7000-8000-00000000000a";
const B: &str = "0299a213-0000-7000-8000-00000000000b";

/// A machine on which two sessions ran, and somebody else used the same account.
pub(crate) fn machine() -> Machine {
    let machine = Machine::empty();
    let now = now();
    session(&machine, A, now, &[(100, 1_000_000, "10"), (5, 0, "42.5")]);
    session(&machine, B, now, &[(100, 500_000, "10.0"), (60, 500_000, "30")]);
    machine
}

/// What it says, with this device's id left out.
fn said(machine: &mut Machine, columns: &str, args: &[&str]) -> String {
    machine.env.push(("COLUMNS", columns.to_owned()));
    let out = machine.run(args).fine().out;
    let (before, rest) = out.split_once("this device (").unwrap();
    format!("{before}this device (…{}", &rest[8..])
}

#[test]
fn who_used_a_window_up_reads_well() {
    let mut machine = machine();
    let wide = said(&mut machine, "120", &["windows", "--by", "session"]);
    let expected = "\
codex 5h  42.5% used · resets in 2h 31m · 5.5% behind its time · lasts to the reset · seen 5 min ago
    this device (…)    31%
      0299a213              24.3%
      0199a213               6.7%
    unexplained             11.5%
";
    assert_eq!(wide, expected);
    let narrow = said(&mut machine, "40", &["windows"]);
    let expected = "\
codex 5h  42.5% used · resets in 2h 31m
    5.5% behind its time
    lasts to the reset · seen 5 min ago
    this device (…)    31%
    unexplained             11.5%
";
    assert_eq!(narrow, expected);
}

#[test]
fn the_parts_add_up_to_what_is_used() {
    let machine = machine();
    let json = machine.run(&["windows", "--json"]).json();
    let window = &json["windows"][0];
    assert_eq!(
        (&window["agent"], &window["window"], &window["usedPercent"]),
        (&json!("codex"), &json!("5h"), &json!(42.5))
    );
    assert_eq!(window["elapsedPercent"], 48);
    let movement = &window["movement"];
    let n = |value: &Value| (value.as_f64().unwrap() * 10_000.0).round() as u64;
    assert_eq!(
        (n(&movement["movedPercent"]), n(&movement["unexplainedPercent"]), n(&movement["pendingPercent"])),
        (425_000, 115_000, 0)
    );
    let shares = movement["shares"].as_array().unwrap();
    assert_eq!((shares.len(), n(&shares[0]["percent"])), (1, 310_000));
    let sessions: Vec<(&str, u64)> = shares[0]["sessions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| (s["session"].as_str().unwrap(), n(&s["percent"])))
        .collect();
    // Two thirds of the first ten percent and one; the twenty after, and a percent of what came next, which may have shown late.
    assert_eq!(sessions, [(B, 243_333), (A, 66_667)]);
    assert_eq!((&movement["waitsFor"], &movement["percentPerDollar"]), (&json!([]), &json!(null)));
}

#[test]
fn who_has_no_window_is_told_where_they_come_from() {
    let machine = Machine::empty();
    let said = machine.run(&["windows"]).fine().out;
    assert!(said.starts_with("No quota window") && said.contains("aimon statusline"), "{said}");
    let json = machine.run(&["windows", "--json"]).json();
    assert_eq!((&json["windows"], &json["balances"], &json["keys"]), (&json!([]), &json!([]), &json!([])));
}
