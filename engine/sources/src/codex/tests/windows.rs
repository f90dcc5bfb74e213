//! Quota windows.

use aimon_core::event::{Clock, Row};

use super::*;

fn limits(log: Log, ms: i64, rest: &str) -> Log {
    log.event(ms, "token_count", &format!(r#","info":null,"rate_limits":{{{rest}}}"#))
}

fn row(window: &str, measures: &[(&str, i128)]) -> Row {
    Row { values: vec![window.into()], measures: measures.iter().map(|(name, n)| ((*name).into(), *n)).collect() }
}

const FULL: &str = r#""limit_id":"codex","limit_name":null,"primary":{"used_percent":12.5,"window_minutes":300,"resets_at":1778580000},"secondary":{"used_percent":3.0,"window_minutes":10080,"resets_at":1779000000},"credits":{"has_credits":false,"unlimited":false,"balance":null},"plan_type":"plus""#;

#[test]
fn windows_become_an_answer() {
    let seen = limits(Log::session(), 500, FULL).read();
    assert_eq!(seen.answers.len(), 1);
    let answer = &seen.answers[0];
    assert_eq!((&*answer.key.account, &*answer.key.metric), ("codex", "window"));
    assert_eq!(answer.key.dimensions, ["window".into()]);
    assert_eq!((answer.key.bucket.start.0, answer.key.bucket.width, answer.observed.0), (T + 500, 0, T + 500));
    assert_eq!(answer.clock, Clock::Device);
    assert_eq!(
        answer.rows,
        [
            row("5h", &[("used_ppm", 125_000), ("resets_at_s", 1_778_580_000), ("window_s", 18_000)]),
            row("7d", &[("used_ppm", 30_000), ("resets_at_s", 1_779_000_000), ("window_s", 604_800)]),
        ]
    );
}

#[test]
fn only_what_differs_is_said() {
    let other = FULL.replace("12.5", "12.75");
    let mut log = Log::session();
    for (n, text) in [FULL, FULL, &other, &other, FULL].into_iter().enumerate() {
        log = limits(log, n as i64, text);
    }
    let seen = log.read();
    let used: Vec<_> = seen.answers.iter().map(|a| a.rows[0].measures["used_ppm"]).collect();
    assert_eq!(used, [125_000, 127_500, 125_000]);
}

#[test]
fn each_limit_is_an_account() {
    let other = FULL.replace(r#""codex""#, r#""codex_bengalfox""#);
    let unnamed = FULL.replace(r#""limit_id":"codex","#, "");
    let mut log = Log::session();
    for (n, text) in [FULL, &other, FULL, &other, &unnamed].into_iter().enumerate() {
        log = limits(log, n as i64, text);
    }
    let seen = log.read();
    let accounts: Vec<_> = seen.answers.iter().map(|a| a.key.account.to_string()).collect();
    assert_eq!(accounts, ["codex", "codex:codex_bengalfox"]);
}

#[test]
fn early_logs_count_down() {
    let left = |s: i64, used: &str| {
        format!(r#""primary":{{"used_percent":{used},"window_minutes":299,"resets_in_seconds":{s}}},"secondary":null"#)
    };
    let mut log = limits(Log::session(), 0, &left(1000, "7.0"));
    log = limits(log, 30_000, &left(971, "7.0"));
    log = limits(log, 60_400, &left(939, "7.0"));
    log = limits(log, 90_000, &left(910, "8.0"));
    let seen = log.read();
    assert_eq!(seen.answers.len(), 2);
    let first = T as i128 / 1000 + 1000;
    assert_eq!(
        seen.answers[0].rows,
        [row("5h", &[("used_ppm", 70_000), ("resets_at_s", first), ("window_s", 17_940)])]
    );
    assert_eq!(seen.answers[1].rows[0].measures["used_ppm"], 80_000);
}

#[test]
fn windows_without_a_length_are_named_by_their_place() {
    let seen = limits(Log::session(), 0, r#""primary":{"used_percent":1},"secondary":{"used_percent":2}"#).read();
    assert_eq!(
        seen.answers[0].rows,
        [row("primary", &[("used_ppm", 10_000)]), row("secondary", &[("used_ppm", 20_000)])]
    );
    let twice =
        r#""primary":{"used_percent":1,"window_minutes":300},"secondary":{"used_percent":2,"window_minutes":300}"#;
    let seen = limits(Log::session(), 0, twice).read();
    let names: Vec<_> = seen.answers[0].rows.iter().map(|r| r.values[0].to_string()).collect();
    assert_eq!(names, ["5h", "secondary"]);
}

#[test]
fn nothing_said_is_no_answer() {
    for rest in ["", r#""primary":null,"secondary":null"#, r#""primary":{"used_percent":-1}"#, r#""primary":{}"#] {
        let seen = limits(Log::session(), 0, rest).read();
        assert!(seen.answers.is_empty(), "{rest}");
    }
}

#[test]
fn usage_and_windows_stand_in_one_line() {
    let usage = Use(10, 0, 5, 0).json();
    let more =
        format!(r#","info":{{"total_token_usage":{usage},"last_token_usage":{usage}}},"rate_limits":{{{FULL}}}"#);
    let seen = Log::session().event(2, "token_count", &more).read();
    assert_eq!((seen.records.len(), seen.answers.len()), (1, 1));
}

#[test]
fn a_window_that_had_ended_was_not_read_then() {
    let ended = FULL.replace("1778580000", "1778572799");
    let seen = limits(limits(Log::session(), 0, &ended), 1000, FULL).read();
    let names = |n: usize| seen.answers[n].rows.iter().map(|r| r.values[0].to_string()).collect::<Vec<_>>();
    assert_eq!((names(0), names(1)), (vec!["7d".to_owned()], vec!["5h".to_owned(), "7d".to_owned()]));
}
