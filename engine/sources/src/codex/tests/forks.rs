//! Inherited history.

use super::*;

fn at(n: u64) -> Use {
    Use(n, 0, n, 0)
}

fn forked() -> String {
    format!(r#","forked_from_id":"{PARENT}""#)
}

fn spawned() -> String {
    format!(r#","source":{{"subagent":{{"thread_spawn":{{"parent_thread_id":"{PARENT}","depth":1}}}}}}"#)
}

/// The parent's three calls, their times rewritten, with its own header; the parent began its
/// turn an hour before.
fn replay(log: Log, dated: bool) -> Log {
    let started = if dated { format!(r#","started_at":{}"#, T / 1000 - 3600) } else { String::new() };
    log.meta(1, PARENT, "")
        .event(2, "task_started", &started)
        .model(2, "parents")
        .count(3, at(1000), at(1000))
        .count(4, at(1400), at(400))
        .count(4, at(1500), at(100))
}

/// The child's own turn.
fn own(log: Log) -> Log {
    log.model(3000, "own").count(6000, at(1507), at(7)).count(9000, at(1510), at(3))
}

#[test]
fn the_first_meta_is_the_files_own() {
    let seen = own(replay(Log::default().meta(0, OWN, &forked()), false)).read();
    assert!(seen.records.iter().all(|r| &*r.session == OWN));
    assert_eq!(seen.outputs(), [7, 3]);
    assert!(seen.records.iter().all(|r| &*r.model == "own"));
}

#[test]
fn a_burst_at_birth_is_inherited() {
    for more in [forked(), spawned()] {
        let seen = own(replay(Log::default().meta(0, OWN, &more), false)).read();
        assert_eq!(seen.outputs(), [7, 3]);
    }
}

#[test]
fn a_burst_may_last_longer_than_a_second() {
    let mut log = Log::default().meta(0, OWN, &forked()).meta(1, PARENT, "");
    for n in 1..=40 {
        log = log.count(n * 300, at(n as u64 * 10), at(10));
    }
    let seen = log.count(15_000, at(403), at(3)).read();
    assert_eq!(seen.outputs(), [3]);
}

#[test]
fn a_child_whose_counter_starts_at_zero_counts_all() {
    let seen = Log::default()
        .meta(0, OWN, &spawned())
        .model(10, "m")
        .count(4000, at(7), at(7))
        .count(8000, at(10), at(3))
        .read();
    assert_eq!(seen.outputs(), [7, 3]);
}

#[test]
fn a_replay_before_a_counter_that_starts_at_zero() {
    let seen = replay(Log::default().meta(0, OWN, &spawned()), false)
        .model(3000, "own")
        .count(6000, at(7), at(7))
        .count(9000, at(10), at(3))
        .read();
    assert_eq!(seen.outputs(), [7, 3]);
}

#[test]
fn times_that_were_not_rewritten_are_before_the_birth() {
    let seen = Log::default()
        .meta(0, OWN, &spawned())
        .count(-90_000, at(1000), at(1000))
        .count(-50_000, at(1500), at(500))
        .count(5000, at(1507), at(7))
        .read();
    assert_eq!(seen.outputs(), [7]);
}

#[test]
fn the_childs_first_turn_starts_after_its_birth() {
    // Written slowly, so that the burst alone would end too early.
    let slow = Log::default()
        .meta(0, OWN, &forked())
        .meta(1, PARENT, "")
        .event(2, "task_started", &format!(r#","started_at":{}"#, T / 1000 - 7200))
        .count(5_000, at(1000), at(1000))
        .event(6_000, "task_started", &format!(r#","started_at":{}"#, T / 1000 - 10))
        .count(12_000, at(1500), at(500));
    assert_eq!(slow.read().outputs(), [0; 0]);
    let seen = slow.event(12_001, "task_started", &format!(r#","started_at":{}"#, T / 1000 + 12));
    assert_eq!(own(seen).read().outputs(), [7, 3]);
    // In the second of its birth, and a call that is quicker than the burst's pause.
    let quick = replay(Log::default().meta(0, OWN, &forked()), true)
        .event(5, "task_started", &format!(r#","turn_id":"t","started_at":{}"#, T / 1000))
        .count(900, at(1507), at(7));
    assert_eq!(quick.read().outputs(), [7]);
}

#[test]
fn a_triggered_turn_is_the_childs() {
    let trigger = |payload: &str| {
        replay(Log::default().meta(0, OWN, &spawned()), true)
            .at(5, "inter_agent_communication_metadata", payload)
            .count(900, at(1507), at(7))
            .read()
    };
    assert_eq!(trigger(r#"{"trigger_turn":true}"#).outputs(), [7]);
    assert_eq!(trigger(r#"{"trigger_turn":false}"#).outputs(), [0; 0]);
    assert_eq!(trigger(r#"{"other":{"trigger_turn":true}}"#).outputs(), [0; 0]);
}

#[test]
fn the_inherited_total_again_is_nothing() {
    let seen = replay(Log::default().meta(0, OWN, &forked()), true)
        .event(2000, "task_started", &format!(r#","started_at":{}"#, T / 1000 + 2))
        .count(2500, at(1500), at(100))
        .count(5000, at(1507), at(7));
    assert_eq!(seen.read().outputs(), [7]);
}

fn numbered(ordinal: u64, total: u64, last: u64) -> String {
    let (total, last) = (at(total).json(), at(last).json());
    format!(
        r#"{{"timestamp":{},"ordinal":{ordinal},"type":"event_msg","payload":{{"type":"token_count","info":{{"total_token_usage":{total},"last_token_usage":{last}}}}}}}"#,
        T + ordinal as i64
    )
}

#[test]
fn lines_before_the_subagents_start_are_inherited() {
    let more = format!(r#"{},"subagent_history_start_ordinal":5"#, spawned());
    let seen = Log::default()
        .meta(0, OWN, &more)
        .meta(0, PARENT, "")
        .raw(numbered(2, 1000, 1000))
        .event(3, "task_started", &format!(r#","started_at":{}"#, T / 1000 + 9))
        .raw(numbered(4, 1500, 500))
        .raw(numbered(5, 1507, 7))
        .raw(numbered(6, 1510, 3))
        .read();
    assert_eq!(seen.outputs(), [7, 3]);
}

#[test]
fn lines_before_the_end_of_the_history_base_are_inherited() {
    let more = format!(
        r#"{},"history_base":{{"thread_id":"{PARENT}","end_ordinal_exclusive":40,"end_byte_offset":9}}"#,
        forked()
    );
    let seen = Log::default()
        .meta(0, OWN, &more)
        .raw(numbered(38, 1000, 1000))
        .raw(numbered(39, 1500, 500))
        .raw(numbered(40, 1507, 7))
        .raw(numbered(41, 1510, 3))
        .read();
    assert_eq!(seen.outputs(), [7, 3]);
    // The base lies in another file: a file that is numbered from its end holds only its own.
    let seen = Log::default().meta(0, OWN, &more).count(10, at(207), at(7)).count(11, at(210), at(3)).read();
    assert_eq!(seen.outputs(), [7, 3]);
    // `null` is none.
    let more = format!(r#"{},"history_base":null,"subagent_history_start_ordinal":null"#, forked());
    assert_eq!(own(replay(Log::default().meta(0, OWN, &more), false)).read().outputs(), [7, 3]);
}

#[test]
fn an_ancestors_header_alone_means_inherited_history() {
    // Old versions resumed into a new file, without a word about it in its header.
    let seen = own(replay(Log::default().meta(0, OWN, ""), false)).read();
    assert_eq!(seen.outputs(), [7, 3]);
}

#[test]
fn the_own_header_again_changes_nothing() {
    let seen = Log::session().count(2, at(10), at(10)).meta(3, OWN, &forked()).count(4, at(12), at(2)).read();
    assert_eq!(seen.outputs(), [10, 2]);
}

#[test]
fn an_empty_fork_used_nothing() {
    for dated in [true, false] {
        let seen = replay(Log::default().meta(0, OWN, &forked()), dated).read();
        assert_eq!((seen.records.len(), seen.skipped.total()), (0, 0));
    }
}

#[test]
fn a_review_is_no_child() {
    let seen = Log::default()
        .meta(0, OWN, r#","source":{"subagent":"review"},"forked_from_id":null"#)
        .count(10, at(7), at(7))
        .read();
    assert_eq!(seen.outputs(), [7]);
}

#[test]
fn inherited_windows_are_not_observed_again() {
    let windows =
        r#","info":null,"rate_limits":{"primary":{"used_percent":5.0,"window_minutes":300,"resets_at":1778580000}}"#;
    let seen = Log::default().meta(0, OWN, &forked()).event(3, "token_count", windows).read();
    assert!(seen.answers.is_empty());
}
