//! Shapes of single lines.

use aimon_core::event::{ContextClass, Quality, RequestId, Tier};
use aimon_core::units::Tokens;

use super::*;
use crate::collector::SkipReason;

#[test]
fn input_includes_cached_and_cache_writes_and_output_includes_reasoning() {
    let usage = r#"{"input_tokens":1000,"cached_input_tokens":700,"cache_write_input_tokens":100,"output_tokens":50,"reasoning_output_tokens":30,"total_tokens":1050}"#;
    let more = format!(r#","info":{{"total_token_usage":{usage},"last_token_usage":{usage}}}"#);
    let seen = Log::session().model(1, "gpt-5.2-codex").event(2000, "token_count", &more).read();
    let record = seen.one();
    let tokens =
        Tokens { input: 200, output: 50, reasoning: 30, cache_write_5m: 100, cache_write_1h: 0, cache_read: 700 };
    assert_eq!(record.tokens, tokens);
    assert_eq!(record.tokens.prompt(), 1000);
    assert_eq!(ContextClass::of(record.tokens.prompt()).0, 0);
    assert_eq!((&*record.source, &*record.model, &*record.session), ("codex", "gpt-5.2-codex", OWN));
    assert_eq!(record.time.0, T + 2000);
    assert_eq!(record.request, RequestId::of("codex", &[OWN.as_bytes()]));
    assert_eq!((record.quality, record.tier, record.sidechain), (Quality::Log, Tier::Standard, false));
}

#[test]
fn cached_is_at_most_the_input() {
    let seen = Log::session().model(1, "m").count(2, Use(100, 250, 10, 40), Use(100, 250, 10, 40)).read();
    assert_eq!(seen.one().tokens, Tokens { output: 10, reasoning: 10, cache_read: 100, ..Tokens::default() });
}

#[test]
fn info_may_be_null() {
    let seen = Log::session()
        .model(1, "m")
        .event(2, "token_count", r#","info":null,"rate_limits":null"#)
        .event(3, "token_count", r#","info":{},"rate_limits":null"#)
        .event(4, "token_count", r#","info":{"total_token_usage":null,"last_token_usage":{"total_tokens":9}}"#)
        .read();
    assert_eq!((seen.records.len(), seen.skipped.total()), (0, 0));
}

#[test]
fn the_model_is_the_turns_or_the_lines() {
    let info = |model: &str, n: u64| {
        let usage = Use(n, 0, n, 0).json();
        format!(r#","info":{{"total_token_usage":{usage},"last_token_usage":{},{model}}}"#, Use(1, 0, 1, 0).json())
    };
    let seen = Log::session()
        .model(1, "a")
        .event(2, "token_count", &info(r#""x":1"#, 1))
        .event(3, "token_count", &info(r#""model":"b""#, 2))
        .event(4, "token_count", &info(r#""model":"","model_name":"c""#, 3))
        .event(5, "token_count", &info(r#""metadata":{"model":"d"}"#, 4))
        .event(6, "token_count", &info(r#""model":null"#, 5))
        .model(7, "e")
        .at(8, "turn_context", r#"{"cwd":"/x"}"#)
        .event(9, "token_count", &info(r#""x":{"model":"quoted"}"#, 6))
        .read();
    let models: Vec<_> = seen.records.iter().map(|r| r.model.to_string()).collect();
    assert_eq!(models, ["a", "b", "c", "d", "d", "e"]);
}

#[test]
fn early_logs_name_no_model_and_are_estimated() {
    let seen = Log::session()
        .count(2, Use(10, 0, 5, 0), Use(10, 0, 5, 0))
        .model(3, "gpt-5.2")
        .count(4, Use(20, 0, 10, 0), Use(10, 0, 5, 0))
        .read();
    let marks: Vec<_> = seen.records.iter().map(|r| (r.model.to_string(), r.quality)).collect();
    assert_eq!(marks, [("gpt-5".to_owned(), Quality::Estimated), ("gpt-5.2".to_owned(), Quality::Log)]);
}

#[test]
fn thread_settings_switch_the_service_tier() {
    let settings = |tier: &str| format!(r#","thread_settings":{{"model":"other"{tier}}}"#);
    let mut log = Log::session().model(1, "m");
    let tiers = [
        (r#","service_tier":"fast""#, Tier::Priority),
        (r#","service_tier":"priority""#, Tier::Priority),
        (r#","service_tier":"flex""#, Tier::Flex),
        (r#","service_tier":"default""#, Tier::Standard),
        (r#","service_tier":"warp""#, Tier::Unknown),
        (r#","service_tier":null"#, Tier::Standard),
        (r#","service_tier":"flex""#, Tier::Flex),
        ("", Tier::Standard),
    ];
    for (n, (tier, _)) in (1_u64..).zip(tiers) {
        log = log.event(n as i64, "thread_settings_applied", &settings(tier)).count(
            n as i64,
            Use(n, 0, n, 0),
            Use(1, 0, 1, 0),
        );
    }
    let seen = log.read();
    let read: Vec<_> = seen.records.iter().map(|r| r.tier).collect();
    assert_eq!(read, tiers.map(|(_, tier)| tier));
    assert!(seen.records.iter().all(|r| &*r.model == "m"), "a setting is for the next turn, which names its model");
}

#[test]
fn a_token_usage_record_is_never_counted_beside_a_token_count() {
    let usage = Use(10, 2, 5, 1);
    let seen = Log::session()
        .model(1, "m")
        .at(2, "token_usage_record", &format!(r#"{{"response_id":"r1","usage":{}}}"#, usage.json()))
        .count(3, usage, usage)
        .at(4, "token_usage_record", &format!(r#"{{"response_id":"r2","usage":{}}}"#, usage.json()))
        .raw(format!(r#"{{"type":"token_usage_record","response_id":"r3","usage":{}}}"#, usage.json()))
        .read();
    assert_eq!(seen.one().tokens, usage.tokens());
}

#[test]
fn blanks_order_escapes_and_numbers_as_times() {
    let usage = r#"{ "output_tokens" : 5 , "input_tokens":10}"#;
    let seen = Log::session()
        .raw(r#"{ "type" : "turn_context" , "payload" : { "model" : "m" } }"#)
        .raw(format!(
            r#"  {{"payload": {{"info": {{"total_token_usage": {usage}, "last_token_usage": {usage}}}, "type": "token_count"}}, "type": "event_msg", "timestamp": {}}}{}"#,
            T + 7,
            "\r"
        ))
        .raw(format!(
            r#"{{"timestamp":{},"t\u0079pe":"event\u005fmsg","payload":{{"type":"token\u005fcount","info":{{"total_token_usage":{{"input_tokens":20,"output_tokens":"10"}},"last_token_usage":{usage}}}}}}}"#,
            (T / 1000) + 8
        ))
        .read();
    let times: Vec<_> = seen.records.iter().map(|r| r.time.0 - T).collect();
    assert_eq!(times, [7, 8000]);
    assert_eq!(seen.outputs(), [5, 5]);
}

#[test]
fn look_alikes_in_content_are_content() {
    let quoted = Log::default().count(3, Use(99, 0, 99, 0), Use(99, 0, 99, 0)).0.remove(0);
    let nested = format!(r#"{{"type":"user_message","message":{{"type":"token_count"}},"info":{quoted}}}"#);
    let text = serde_json::to_string(&quoted).unwrap();
    let seen = Log::session()
        .at(1, "response_item", &quoted)
        .at(2, "event_msg", &nested)
        .event(3, "agent_message", &format!(r#","message":{text}"#))
        .at(4, "compacted", &format!(r#"{{"message":{text},"replacement_history":[{quoted}]}}"#))
        .raw(format!(r#"{{"type":"item.completed","item":{{"text":{text}}},"usage":{}}}"#, Use(9, 0, 9, 0).json()))
        .read();
    assert_eq!((seen.records.len(), seen.skipped.total()), (0, 0));
}

#[test]
fn lines_that_cannot_be_taken_are_counted() {
    let good = Log::session().model(1, "m").count(2, Use(10, 0, 5, 0), Use(10, 0, 5, 0));
    let half = &good.0[2][..good.0[2].len() - 9];
    let negative = r#","info":{"total_token_usage":{"input_tokens":-1}}"#;
    let huge = r#","info":{"last_token_usage":{"input_tokens":9007199254740993}}"#;
    let fraction = r#","info":{"last_token_usage":{"input_tokens":1.5}}"#;
    let seen = good
        .clone()
        .raw(half)
        .raw("}{")
        .raw("")
        .raw("[]")
        .raw("null")
        .raw(r#"{"type":"event_msg","payload":{"type":"token_count","info":{"last_token_usage":{"input_tokens":1}}}}"#)
        .event(3, "token_count", negative)
        .event(3, "token_count", huge)
        .event(3, "token_count", fraction)
        .read();
    assert_eq!(seen.one().tokens.output, 5);
    let counts = [SkipReason::Broken, SkipReason::NoTime, SkipReason::AbsurdNumber].map(|r| seen.skipped.0[&r]);
    assert_eq!(counts, [1, 1, 3]);
    assert_eq!(seen.skipped.total(), 5);
}

#[test]
fn no_session_meta_leaves_the_files_name() {
    let seen = Log::default().count(2, Use(10, 0, 5, 0), Use(10, 0, 5, 0)).read();
    assert_eq!(&*seen.one().session, "run");
}

#[test]
fn a_saved_exec_says_what_each_turn_used() {
    let thread = "019e1b1a-1234-7abc-8000-00000000000a";
    let seen = Log::default()
        .raw(format!(r#"{{"type":"thread.started","thread_id":"{thread}"}}"#))
        .raw(r#"{"type":"turn.started"}"#)
        .raw(r#"{"type":"turn.completed","usage":{"input_tokens":120,"cached_input_tokens":20,"output_tokens":30}}"#)
        .raw(r#"{"type":"turn.completed","usage":{"input_tokens":120,"cached_input_tokens":20,"output_tokens":30}}"#)
        .raw(r#"{"type":"turn.completed","usage":{"input_tokens":0,"cached_input_tokens":0,"output_tokens":0}}"#)
        .read();
    let born = 0x019e_1b1a_1234;
    assert_eq!(seen.sum(), Use(240, 40, 60, 0));
    assert!(seen.records.iter().all(|r| r.time.0 == born && &*r.session == thread), "{seen:#?}");
    assert_ne!(seen.records[0].message, seen.records[1].message, "two equal turns are two turns");
    assert_eq!(seen.records[0].quality, Quality::Estimated);
}

#[test]
fn a_saved_exec_has_many_shapes() {
    let seen = Log::default()
        .raw(r#"{"type":"turn.completed","timestamp":"2026-01-02T03:04:05.000Z","model":"m1","usage":{"input_tokens":120,"cached_input_tokens":20,"output_tokens":30,"total_tokens":150}}"#)
        .raw(r#"{"type":"result","data":{"timestamp":"2026-01-02T03:05:05.000Z","model_name":"m2","usage":{"prompt_tokens":50,"cached_tokens":5,"completion_tokens":12}}}"#)
        .raw(r#"{ "response" : { "created_at" : 1767323165, "model" : "m3", "usage" : { "prompt_tokens" : 9, "completion_tokens" : 4, "reasoning_tokens": 1 } } }"#)
        .raw(r#"{"type":"turn.completed","usage":{"input_tokens":1}}"#)
        .read();
    let read: Vec<_> = seen.records.iter().map(|r| (r.model.to_string(), r.time.0, r.tokens)).collect();
    assert_eq!(
        read,
        [
            ("m1".to_owned(), 1_767_323_045_000, Use(120, 20, 30, 0).tokens()),
            ("m2".to_owned(), 1_767_323_105_000, Use(50, 5, 12, 0).tokens()),
            ("m3".to_owned(), 1_767_323_165_000, Use(9, 0, 4, 1).tokens()),
        ]
    );
    assert_eq!(seen.skipped.0[&SkipReason::NoTime], 1);
}

#[test]
fn a_last_alone_is_usage() {
    let seen = Log::session()
        .model(1, "m")
        .count(2, None, Use(10, 0, 5, 0))
        .count(2, None, Use(10, 0, 5, 0))
        .count(3, None, Use(10, 0, 5, 0))
        .count(4, None, Use(0, 0, 0, 0))
        .read();
    assert_eq!(seen.outputs(), [5, 5, 5]);
    let mut ids: Vec<_> = seen.records.iter().map(|r| r.message).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

#[test]
fn a_line_may_say_whose_counter_it_is() {
    let usage = Use(10, 0, 5, 0).json();
    let info = format!(r#","info":{{"total_token_usage":{usage},"last_token_usage":{usage}}}"#);
    let other = format!(r#","thread_id":"{PARENT}"{info}"#);
    let seen = Log::session().model(1, "m").event(2, "token_count", &other).read();
    let own = Log::default().meta(0, PARENT, "").model(1, "m").event(2, "token_count", &info).read();
    assert_eq!(seen.one(), own.one());
    let same = format!(r#","thread_id":"{OWN}"{info}"#);
    let seen = Log::session().event(2, "token_count", &same).read();
    assert_eq!(seen.one(), Log::session().event(2, "token_count", &info).read().one());
}
