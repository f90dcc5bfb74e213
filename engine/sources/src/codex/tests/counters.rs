//! Cumulative totals.

use super::*;

fn log() -> Log {
    Log::session().model(1, "m")
}

/// A counter that stands at `(n, 0, n, 0)`.
fn at(n: u64) -> Use {
    Use(n, 0, n, 0)
}

#[test]
fn a_line_used_its_last() {
    let seen = log().count(2, at(10), at(10)).count(3, at(15), at(5)).read();
    assert_eq!(seen.outputs(), [10, 5]);
}

#[test]
fn a_resumed_counter_counts_only_its_last() {
    let seen = log().count(2, at(1_000_000), at(5)).read();
    assert_eq!(seen.outputs(), [5]);
}

#[test]
fn a_repetition_adds_nothing() {
    let seen = log()
        .count(2, at(10), at(10))
        .count(3, at(10), at(10))
        .count(4, at(15), at(5))
        .count(5, at(15), at(5))
        .count(6, at(10), at(10))
        .count(7, at(15), at(5))
        .count(8, at(16), at(1))
        .read();
    assert_eq!(seen.outputs(), [10, 5, 1]);
}

#[test]
fn a_zero_last_adds_nothing() {
    let seen = log().count(2, at(10), at(10)).count(3, at(12), at(0)).count(4, at(15), at(3)).read();
    assert_eq!(seen.outputs(), [10, 3]);
}

#[test]
fn a_last_with_flat_totals_is_no_usage() {
    let seen = log().count(2, at(10), at(10)).count(3, at(10), at(7)).count(4, at(10), at(3)).read();
    assert_eq!(seen.outputs(), [10]);
}

#[test]
fn a_last_above_the_growth_used_the_growth() {
    let seen = log().count(2, at(100), at(100)).count(3, at(150), at(80)).count(4, at(200), at(80)).read();
    assert_eq!(seen.outputs(), [100, 50, 50]);
}

#[test]
fn growth_is_by_kind() {
    let seen = log()
        .count(2, Use(100, 50, 10, 5), Use(100, 50, 10, 5))
        .count(3, Use(130, 60, 40, 6), Use(90, 9, 90, 9))
        .read();
    assert_eq!(seen.records[1].tokens, Use(30, 9, 30, 1).tokens());
}

#[test]
fn another_counter_may_be_near_in_one_kind() {
    let seen = log().count(2, Use(9, 0, 9, 3), Use(9, 0, 9, 3)).count(3, Use(900, 0, 90, 4), Use(80, 0, 8, 4)).read();
    assert_eq!(seen.records[1].tokens, Use(80, 0, 8, 4).tokens());
}

#[test]
fn a_lost_line_loses_only_itself() {
    let seen = log().count(2, at(10), at(10)).count(4, at(30), at(5)).count(5, at(37), at(7)).read();
    assert_eq!(seen.outputs(), [10, 5, 7]);
}

#[test]
fn totals_alone_use_their_growth() {
    let seen = log().count(2, at(10), None).count(3, at(10), None).count(4, at(25), None).read();
    assert_eq!(seen.outputs(), [10, 15]);
}

#[test]
fn sub_agents_that_take_turns_inflate_nothing() {
    let m = 1_000_000;
    let seen = log()
        .count(2, at(100 * m), at(m))
        .count(3, at(5 * m), at(200))
        .count(4, at(101 * m), at(m))
        .count(5, at(5 * m + 300), at(300))
        .count(6, at(102 * m), at(m))
        .count(7, at(5 * m + 300), at(300))
        .count(8, at(102 * m), at(m))
        .count(9, at(5 * m + 300), at(300))
        .read();
    assert_eq!(seen.outputs(), [m, 200, m, 300, m]);
}

#[test]
fn a_small_counter_may_come_first() {
    let m = 1_000_000;
    let seen = log()
        .count(2, at(5 * m), at(200))
        .count(3, at(100 * m), at(m))
        .count(4, at(5 * m + 300), at(300))
        .count(5, at(101 * m), at(m))
        .count(6, at(5 * m), at(200))
        .count(7, at(100 * m), at(m))
        .read();
    assert_eq!(seen.outputs(), [200, m, 300, m]);
}

#[test]
fn a_counters_first_call_counts_whatever_stands_before() {
    let seen = log().count(2, at(1000), at(1000)).count(3, at(1400), at(1400)).count(4, at(1100), at(100)).read();
    assert_eq!(seen.outputs(), [1000, 1400, 100]);
}

#[test]
fn a_third_counter_opens_with_its_last() {
    let seen = log()
        .count(2, at(1000), at(1000))
        .count(3, at(50), at(50))
        .count(4, at(2000), at(30))
        .count(5, at(1010), at(10))
        .count(6, at(52), at(2))
        .count(7, at(2001), at(1))
        .read();
    assert_eq!(seen.outputs(), [1000, 50, 30, 10, 2, 1]);
}

#[test]
fn totals_alone_that_take_turns_do_not_recount_the_gap() {
    let seen = log()
        .count(2, at(1000), None)
        .count(3, at(50), None)
        .count(4, at(1010), None)
        .count(5, at(53), None)
        .count(6, at(1010), None)
        .count(7, at(53), None)
        .read();
    assert_eq!(seen.outputs(), [1000, 50, 10, 3]);
}

#[test]
fn limits_split_counters_too() {
    let limited = |total: u64, last: u64, limit: &str| {
        format!(
            r#","info":{{"total_token_usage":{},"last_token_usage":{}}},"rate_limits":{{"limit_id":"{limit}","primary":{{"used_percent":1.0}}}}"#,
            at(total).json(),
            at(last).json()
        )
    };
    let seen = log()
        .event(2, "token_count", &limited(900, 90, "codex"))
        .event(3, "token_count", &limited(70, 70, "codex_bengalfox"))
        .event(4, "token_count", &limited(900, 90, "codex_bengalfox"))
        .event(5, "token_count", &limited(70, 70, "codex"))
        .event(6, "token_count", &limited(910, 10, "codex"))
        .read();
    assert_eq!(seen.outputs(), [90, 70, 10]);
}

#[test]
fn a_counter_that_starts_over_counts_its_last() {
    let seen = log().count(2, at(100), at(100)).count(3, at(7), at(7)).count(4, at(9), at(2)).read();
    assert_eq!(seen.outputs(), [100, 7, 2]);
}

#[test]
fn an_estimate_after_a_compaction_is_no_usage() {
    let estimate = r#","info":{"total_token_usage":{"input_tokens":10,"output_tokens":10,"total_tokens":20},"last_token_usage":{"input_tokens":0,"cached_input_tokens":0,"output_tokens":0,"reasoning_output_tokens":0,"total_tokens":4711}}"#;
    let full = r#","info":{"total_token_usage":{"input_tokens":0,"output_tokens":0,"total_tokens":272000},"last_token_usage":{"input_tokens":0,"output_tokens":0,"total_tokens":271980}}"#;
    let seen = log()
        .count(2, at(10), at(10))
        .event(3, "token_count", estimate)
        .event(4, "token_count", full)
        .count(5, at(3), at(3))
        .count(6, at(13), at(3))
        .read();
    assert_eq!(seen.outputs(), [10, 3, 3]);
}

#[test]
fn copies_with_rewritten_times_have_the_same_identity() {
    let one = log().count(2, at(10), at(10)).count(3, at(15), at(5)).read();
    let two = Log::session().model(90_000, "m").count(90_000, at(10), at(10)).count(90_001, at(15), at(5)).read();
    let ids = |seen: &Seen| seen.records.iter().map(|r| (r.message, r.request)).collect::<Vec<_>>();
    assert_eq!(ids(&one), ids(&two));
    let other = Log::default().meta(0, PARENT, "").count(2, at(10), at(10)).read();
    assert_ne!(ids(&one)[0], ids(&other)[0], "another session's equal call is another call");
}
