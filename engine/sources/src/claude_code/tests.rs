#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};

use aimon_core::event::{Event, MessageId, Quality, Record, RequestId, Tier};
use aimon_core::time::UtcMillis;
use aimon_core::units::{PicoUsd, Tokens};
use proptest::prelude::*;

use super::decode::Lines;
use super::{ClaudeCode, KIND};
use crate::collector::{Collector, Decoder, Env, FileKind, Os, Out, Root, SkipReason};

const TIME: &str = "2026-07-01T10:00:00.000Z";

/// A line of version 2.1.100 with what differs from the usual: `rest` stands before the message,
/// `message` inside it, `usage` inside that.
fn line(rest: &str, message: &str, usage: &str) -> String {
    format!(
        r#"{{"parentUuid":null,"sessionId":"s1","version":"2.1.100","type":"assistant",{rest}"message":{{"role":"assistant",{message}"content":[{{"type":"text","text":"a \"usage\":{{\"input_tokens\":9}}"}}],"usage":{{{usage}}}}}}}"#
    )
}

/// A usual line with its own ids, time and tokens.
fn usual(message: &str, request: &str, time: &str, input: u64, output: u64) -> String {
    line(
        &format!(r#""timestamp":"{time}","requestId":"{request}","#),
        &format!(r#""id":"{message}","model":"claude-sonnet-4-5","#),
        &format!(r#""input_tokens":{input},"output_tokens":{output}"#),
    )
}

fn records(out: &Out) -> Vec<Record> {
    out.events
        .iter()
        .map(|event| match event {
            Event::Record(record) => record.clone(),
            other => panic!("{other:?}"),
        })
        .collect()
}

fn decode(text: &str) -> (Vec<Record>, Out) {
    let mut out = Out::new();
    let mut lines = Lines::new(None).unwrap();
    lines.lines(text.as_bytes(), &mut out);
    lines.finish(&mut out);
    (records(&out), out)
}

fn one(text: &str) -> Record {
    let (records, out) = decode(text);
    assert_eq!(out.skipped.total(), 0, "{:?}", out.skipped);
    assert_eq!(records.len(), 1, "{records:#?}");
    records[0].clone()
}

fn skipped(text: &str) -> SkipReason {
    let (records, out) = decode(text);
    assert_eq!(records, []);
    assert_eq!(out.skipped.total(), 1);
    *out.skipped.0.keys().next().unwrap()
}

#[test]
fn every_field_at_its_place() {
    let record = one(&line(
        &format!(
            r#""timestamp":"{TIME}","requestId":"req_1","isSidechain":true,"ownerAccountUuid":"acc-1","costUSD":0.0125,"cwd":"/home/x","#
        ),
        r#""id":"msg_1","model":"claude-opus-4-1","#,
        r#""input_tokens":1,"output_tokens":20,"cache_creation_input_tokens":300,"cache_read_input_tokens":4000,"cache_creation":{"ephemeral_5m_input_tokens":100,"ephemeral_1h_input_tokens":200},"output_tokens_details":{"thinking_tokens":5},"server_tool_use":{"web_search_requests":2},"speed":"fast""#,
    ));
    assert_eq!(
        record,
        Record {
            source: KIND.into(),
            message: MessageId::of(KIND, &[b"msg_1"]),
            request: RequestId::of(KIND, &[b"req_1"]),
            sidechain: true,
            time: UtcMillis(1_782_900_000_000),
            model: "claude-opus-4-1".into(),
            session: "s1".into(),
            tokens: Tokens {
                input: 1,
                output: 20,
                reasoning: 5,
                cache_write_5m: 100,
                cache_write_1h: 200,
                cache_read: 4000
            },
            web_searches: 2,
            tier: Tier::Fast,
            quality: Quality::Log,
            payer: Some("acc-1".into()),
            stated_cost: Some(PicoUsd(12_500_000_000)),
            project: None,
            origin: None,
        }
    );
}

#[test]
fn cache_writes_stand_in_the_sum_in_the_split_or_in_both() {
    let writes = |usage: &str| {
        let tokens = one(&line(&format!(r#""timestamp":"{TIME}","#), r#""id":"m","model":"x","#, usage)).tokens;
        (tokens.cache_write_5m, tokens.cache_write_1h)
    };
    assert_eq!(writes(r#""cache_creation_input_tokens":300"#), (300, 0));
    assert_eq!(
        writes(r#""cache_creation":{"ephemeral_5m_input_tokens":100,"ephemeral_1h_input_tokens":200}"#),
        (100, 200)
    );
    assert_eq!(
        writes(
            r#""cache_creation_input_tokens":300,"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":300}"#
        ),
        (0, 300)
    );
    assert_eq!(writes(r#""cache_creation_input_tokens":null,"cache_creation":null"#), (0, 0));
}

#[test]
fn a_streamed_message_is_one_record_with_the_largest_total_and_its_own_time() {
    let text = [
        usual("m1", "r1", "2026-07-01T10:00:00Z", 1, 1),
        r#"{"type":"user","message":{"content":"a tool's answer"}}"#.to_owned(),
        usual("m1", "r1", "2026-07-01T10:00:01Z", 10, 50),
        usual("m1", "r1", "2026-07-01T10:00:02Z", 10, 50),
        usual("m1", "r1", "2026-07-01T10:00:03Z", 10, 49),
    ];
    let record = one(&text.join("\n"));
    assert_eq!((record.tokens.input, record.tokens.output), (10, 50));
    assert_eq!(record.time.0 % 60_000, 1000);
    // In pieces each piece may say it again; the largest is among what it says.
    let mut out = Out::new();
    for line in &text {
        let mut lines = Lines::new(None).unwrap();
        lines.line(line.as_bytes(), &mut out);
        lines.finish(&mut out);
    }
    assert!(records(&out).contains(&record));
}

#[test]
fn a_side_question_keeps_its_bit_and_another_request_is_another_record() {
    let main = usual("m1", "r1", TIME, 10, 5);
    let side =
        usual("m1", "r2", TIME, 900, 5).replace(r#""type":"assistant""#, r#""type":"assistant","isSidechain":true"#);
    let (records, _) = decode(&format!("{main}\n{side}\n"));
    assert_eq!(records.len(), 2);
    assert_eq!(records[0].message, records[1].message);
    assert_ne!(records[0].request, records[1].request);
    assert_eq!((records[0].sidechain, records[1].sidechain), (false, true));
    let (records, _) = decode(&format!("{main}\n{}\n", main.replace("r1", "r2")));
    assert_eq!(records.len(), 2);
}

#[test]
fn without_a_request_it_is_one_call_a_session() {
    let plain = line(
        &format!(r#""timestamp":"{TIME}","#),
        r#""id":"m1","model":"x","#,
        r#""input_tokens":1,"output_tokens":2"#,
    );
    let first = one(&plain);
    assert_eq!(first, one(&plain.replace(r#""type":"assistant","#, r#""type":"assistant","requestId":null,"#)));
    let other = one(&plain.replace(r#""s1""#, r#""s2""#));
    // Not even one message: a gateway counts from 1 in each session, and a sidechain copy drops
    // where a main copy of its *message* is held.
    assert_ne!(first.message, other.message);
    assert_ne!(first.request, other.request);
    // A fork rewrites the session and keeps message and request: one call.
    let (a, b) = (one(&usual("m", "r", TIME, 1, 2)), one(&usual("m", "r", TIME, 1, 2).replace(r#""s1""#, r#""s2""#)));
    assert_eq!((a.message, a.request), (b.message, b.request));
}

#[test]
fn without_a_message_id_each_line_is_usage() {
    for message in ["", r#""id":null,"#, r#""id":"","#] {
        let line = line(
            &format!(r#""timestamp":"{TIME}","#),
            &format!(r#"{message}"model":"x","#),
            r#""input_tokens":1,"output_tokens":2"#,
        );
        let text = format!("{line}\n{line}\n{line}\n");
        let (whole, _) = decode(&text);
        assert_eq!(whole.len(), 3);
        assert!(whole[0].message != whole[1].message && whole[1].message != whole[2].message);
        // A copy of the file says the same, and so does reading it in pieces.
        assert_eq!(whole, decode(&text).0);
        let mut out = Out::new();
        let mut state = None;
        for line in text.lines() {
            let mut lines = Lines::new(state.as_deref()).unwrap();
            lines.line(line.as_bytes(), &mut out);
            lines.finish(&mut out);
            state = Some(lines.state());
        }
        assert_eq!(whole, records(&out));
    }
}

#[test]
fn the_state_of_lines_without_ids_stays_small() {
    let mut out = Out::new();
    let mut lines = Lines::new(None).unwrap();
    for input in 0..5000 {
        let text = line(&format!(r#""timestamp":"{TIME}","#), r#""model":"x","#, &format!(r#""input_tokens":{input}"#));
        lines.line(text.as_bytes(), &mut out);
    }
    lines.finish(&mut out);
    assert_eq!(out.events.len(), 5000);
    let state = lines.state();
    assert!(state.len() < 13_000);
    assert_eq!(Lines::new(Some(&state)).unwrap().state(), state);
    assert!(Lines::new(Some(&state[..state.len() - 1])).is_err());
    assert!(Lines::new(Some(&[9])).is_err());
}

#[test]
fn what_is_no_usage_is_no_line() {
    let synthetic =
        line(&format!(r#""timestamp":"{TIME}","#), r#""id":"m","model":"<synthetic>","#, r#""input_tokens":0"#);
    let quoted = r#"{"type":"user","timestamp":"2026-07-01T10:00:00Z","message":{"content":"\"usage\"","other":{"usage":{"input_tokens":5}}}}"#;
    let elsewhere = r#"{"type":"user","toolUseResult":{"usage":{"input_tokens":5}},"usage":{"input_tokens":5},"message":{"usage":null}}"#;
    let (records, out) = decode(&format!("{synthetic}\n{quoted}\n{elsewhere}\n\n[\"usage\"]\n\"usage\"\n"));
    assert_eq!(records, []);
    assert_eq!(out.skipped.total(), 0, "{:?}", out.skipped);
}

#[test]
fn a_line_without_a_model_still_counts() {
    assert_eq!(
        one(&line(&format!(r#""timestamp":"{TIME}","#), r#""id":"m","#, r#""input_tokens":7"#)).model.as_str(),
        "unknown"
    );
}

#[test]
fn broken_lines_are_counted_and_take_nothing_with_them() {
    let good = usual("m1", "r1", TIME, 1, 2);
    let half = &usual("m2", "r2", TIME, 1, 2)[..150];
    assert!(half.contains("usage") || usual("m2", "r2", TIME, 1, 2).contains("usage"));
    let cut = format!("{}\n", &good[..good.len() - 1]);
    let (records, out) = decode(&format!("{cut}{good}\n\"usage\" nonsense\n{}x\n", usual("m3", "r3", TIME, 1, 2)));
    assert_eq!(records.len(), 1);
    assert_eq!(out.skipped.0.get(&SkipReason::Broken), Some(&3));
}

#[test]
fn absurd_figures_and_times_are_counted_not_summed() {
    let with = |usage: &str| line(&format!(r#""timestamp":"{TIME}","#), r#""id":"m","model":"x","#, usage);
    for usage in [
        r#""input_tokens":-1"#,
        r#""output_tokens":1.5"#,
        r#""input_tokens":9007199254740993"#,
        r#""input_tokens":99999999999999999999999"#,
        r#""cache_read_input_tokens":"7""#,
        r#""cache_creation":{"ephemeral_1h_input_tokens":1e3}"#,
    ] {
        assert_eq!(skipped(&with(usage)), SkipReason::AbsurdNumber, "{usage}");
    }
    assert_eq!(one(&with(r#""input_tokens":9007199254740992"#)).tokens.input, 1 << 53);
    for time in ["", r#""timestamp":null,"#, r#""timestamp":"yesterday","#, r#""timestamp":-5,"#] {
        assert_eq!(
            skipped(&line(time, r#""id":"m","model":"x","#, r#""input_tokens":1"#)),
            SkipReason::NoTime,
            "{time}"
        );
    }
}

#[test]
fn times_may_be_numbers_or_have_an_offset() {
    let at = |time: &str| one(&line(&format!(r#""timestamp":{time},"#), r#""id":"m","model":"x","#, "")).time.0;
    assert_eq!(at("1782900000000"), 1_782_900_000_000);
    assert_eq!(at(r#""2026-07-01T15:45:00+05:45""#), 1_782_900_000_000);
}

#[test]
fn versions_before_2_1_97_understate() {
    let quality = |version: &str| one(&usual("m", "r", TIME, 1, 2).replace(r#""version":"2.1.100","#, version)).quality;
    for version in ["2.1.96", "2.0.999", "1.99.0", "0.2.1", "2.1.96-beta.1"] {
        assert_eq!(quality(&format!(r#""version":"{version}","#)), Quality::Understated, "{version}");
    }
    for version in ["2.1.97", "2.1.100", "2.2.0", "3.0.0", "10.0.0", "2.1.97-rc", "nightly", "2.1", ""] {
        assert_eq!(quality(&format!(r#""version":"{version}","#)), Quality::Log, "{version}");
    }
    assert_eq!(quality(""), Quality::Log);
}

#[test]
fn a_progress_line_nests_the_same() {
    let inner = r#"{"type":"assistant","timestamp":"2026-07-01T10:00:00Z","requestId":"r1","message":{"id":"m1","model":"claude-haiku-4-5","usage":{"input_tokens":3,"output_tokens":4}}}"#;
    let record = one(&format!(
        r#"{{"type":"progress","sessionId":"s9","version":"2.1.20","timestamp":"2026-07-01T11:00:00Z","data":{{"type":"agent_progress","message":{inner}}}}}"#
    ));
    let same =
        one(&inner.replace(r#"{"type":"assistant""#, r#"{"type":"assistant","sessionId":"s9","version":"2.1.20""#));
    assert_eq!(record, same);
    assert_eq!((record.session.as_str(), record.quality), ("s9", Quality::Understated));
}

#[test]
fn an_advisor_is_a_record_of_its_own_model() {
    let usage = |advisor: u64| {
        format!(
            r#""input_tokens":2,"output_tokens":9,"iterations":[{{"type":"message","input_tokens":1}},{{"type":"advisor_message","model":"claude-opus-4-7","input_tokens":{advisor},"output_tokens":7}},{{"type":"message","input_tokens":1}},{{"type":"advisor_message","model":"claude-opus-4-7","input_tokens":50,"output_tokens":7}}]"#
        )
    };
    let with = |advisor| {
        line(
            &format!(r#""timestamp":"{TIME}","requestId":"r","#),
            r#""id":"m","model":"claude-sonnet-4-6","#,
            &usage(advisor),
        )
    };
    let (records, out) = decode(&format!("{}\n{}\n", with(30), with(40)));
    assert_eq!(out.skipped.total(), 0);
    let said: Vec<_> = records.iter().map(|r| (r.model.as_str(), r.tokens.input)).collect();
    assert_eq!(said, [("claude-sonnet-4-6", 2), ("claude-opus-4-7", 40), ("claude-opus-4-7", 50)]);
    assert_eq!(records[1].message, MessageId::of(KIND, &[b"m", b"advisor", &0_u32.to_le_bytes()]));
    assert_ne!(records[1].message, records[2].message);
    assert_eq!(records[0].request, records[1].request);
    // Without a message id the advisors follow the line's.
    let bare = with(30).replace(r#""id":"m","#, "");
    let (records, _) = decode(&format!("{bare}\n{bare}\n"));
    assert_eq!(records.len(), 6);
    let mut ids: Vec<_> = records.iter().map(|r| r.message).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 6);
}

#[test]
fn spaces_escaped_keys_and_repeated_keys_change_nothing() {
    let plain = usual("m1", "r1", TIME, 10, 5);
    let expected = one(&plain);
    assert_eq!(one(&plain.replace(':', " :\t").replace("10 :\t00 :\t00", "10:00:00")), expected);
    assert_eq!(one(&format!("{plain}\r\n")), expected);
    let escaped =
        plain.replace(r#","usage":"#, r#","us\u0061ge":"#).replace(r#""text":"a \"usage\":"#, r#""text":"a "#);
    let escaped = escaped.replace(r#"{\"input_tokens\":9}"#, "");
    assert!(!escaped.contains("\"usage\""));
    assert_eq!(one(&escaped), expected);
    let twice = plain.replace(
        r#""message":{"#,
        r#""message":{"id":"old","usage":{"input_tokens":99,"cache_read_input_tokens":99}},"message":{"#,
    );
    assert_eq!(one(&twice), expected);
}

#[test]
fn what_only_javascript_writes_in_content_does_no_harm() {
    let lone = usual("m1", "r1", TIME, 10, 5).replace("\"text\":\"a ", "\"text\":\"\\ud83d a \u{fffd} ");
    assert_eq!(one(&lone), one(&usual("m1", "r1", TIME, 10, 5)));
    let deep = usual("m1", "r1", TIME, 10, 5)
        .replace("\"content\":[", &format!("\"deep\":{}{},\"content\":[", "[".repeat(100_000), "]".repeat(100_000)));
    assert_eq!(one(&deep), one(&usual("m1", "r1", TIME, 10, 5)));
}

#[test]
fn where_logs_lie() {
    let env = Env::at("/home/u", Os::Linux);
    let roots = |env: &Env| ClaudeCode.roots(env).into_iter().map(|root| root.path).collect::<Vec<_>>();
    let paths = |list: &[&str]| list.iter().map(PathBuf::from).collect::<Vec<_>>();
    assert_eq!(roots(&env), paths(&["/home/u/.config/claude/projects", "/home/u/.claude/projects"]));
    assert_eq!(
        roots(&env.clone().with("XDG_CONFIG_HOME", "/cfg")),
        paths(&["/cfg/claude/projects", "/home/u/.claude/projects"])
    );
    assert_eq!(
        roots(&env.clone().with("CLAUDE_CONFIG_DIR", " /a , /b/projects,,~/c, /a ")),
        paths(&["/a/projects", "/b/projects", "/home/u/c/projects"])
    );
    assert_eq!(roots(&env.with("CLAUDE_CONFIG_DIR", "")).len(), 2);
    assert_eq!(roots(&Env::at("/Users/u", Os::Mac)).len(), 3);
}

#[test]
fn which_files_are_logs() {
    let root = Root::default_place("/home/u/.claude/projects".into());
    let is_log = |root: &Root, path: &str| ClaudeCode.accepts(root, Path::new(path)) == Some(FileKind::Lines);
    for path in [
        "p/s.jsonl",
        "s.jsonl",
        "p/s/x.jsonl",
        "p/s/subagents/agent-1.jsonl",
        "p/s/subagents/workflows/w/agent-2.jsonl",
        "journal.jsonl",
    ] {
        assert!(is_log(&root, path), "{path}");
    }
    for path in ["p/s.json", "p/s.jsonl.bak", "p/s/subagents/workflows/w/journal.jsonl", "p/jsonl"] {
        assert!(!is_log(&root, path), "{path}");
    }
    let desktop = Root::default_place("/Users/u/Library/Application Support/Claude/local-agent-mode-sessions".into());
    assert!(is_log(&desktop, "a/b/local_1/.claude/projects/p/s.jsonl"));
    assert!(!is_log(&desktop, "a/b/local_1/audit.jsonl"));
}

fn any_line() -> impl Strategy<Value = String> {
    let id = prop_oneof![Just(String::new()), "\"id\":\"m[0-3]\",".prop_map(String::from)];
    let usage = prop::collection::vec(
        prop_oneof![
            "\"input_tokens\":[0-9]{1,2}",
            "\"output_tokens\":-?[0-9]{1,2}(\\.5)?",
            "\"cache_read_input_tokens\":(null|[0-9]{1,3})",
            "\"iterations\":\\[\\{\"type\":\"advisor_message\",\"model\":\"o\",\"input_tokens\":[0-9]\\}\\]",
        ],
        0..4,
    );
    prop_oneof![
        4 => (id, "r[0-2]", 0..3_u8, usage, any::<bool>()).prop_map(|(id, request, second, usage, side)| line(
            &format!(r#""timestamp":"2026-07-01T10:00:0{second}Z","requestId":"{request}","isSidechain":{side},"#),
            &format!(r#"{id}"model":"x","#),
            &usage.join(","),
        )),
        1 => Just(r#"{"type":"user","message":{"content":"\u001b[1m \"usage\""}}"#.to_owned()),
        1 => Just(r#"{"message":{"us\u0061ge":{"input_tokens":1},"id":"e"},"timestamp":1}"#.to_owned()),
        1 => "[{}\":, usage]{0,30}",
    ]
}

/// What stands of records, the sidechain rule left out: it does not depend on how a file is read.
fn standing(records: Vec<Record>) -> Vec<Record> {
    let mut best = std::collections::BTreeMap::<_, Record>::new();
    for record in records {
        let rank = |r: &Record| (std::cmp::Reverse(r.tokens.total()), r.time, format!("{r:?}"));
        let key = (record.message, record.request, record.sidechain);
        match best.get(&key) {
            Some(old) if rank(old) <= rank(&record) => {}
            _ => drop(best.insert(key, record)),
        }
    }
    best.into_values().collect()
}

proptest! {
    #[test]
    fn reading_in_pieces_gives_what_reading_at_once_gives(text in prop::collection::vec(any_line(), 0..12), cuts in any::<u16>()) {
        let (whole, out) = decode(&text.join("\n"));
        let mut pieces = Out::new();
        let mut lines = Lines::new(None).unwrap();
        for (n, line) in text.iter().enumerate() {
            lines.lines(format!("{line}\n").as_bytes(), &mut pieces);
            if cuts >> n & 1 == 1 {
                lines.finish(&mut pieces);
                lines = Lines::new(Some(&lines.state())).unwrap();
            }
        }
        lines.finish(&mut pieces);
        prop_assert_eq!(&out.skipped, &pieces.skipped);
        prop_assert_eq!(standing(whole), standing(records(&pieces)));
    }

    #[test]
    fn never_panics(text in prop::collection::vec(any::<u8>(), 0..200), good in any_line(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        decode(&String::from_utf8_lossy(&text));
        let mut good = good.into_bytes();
        if !good.is_empty() {
            let at = at.index(good.len());
            good[at] = byte;
        }
        let mut out = Out::new();
        let mut lines = Lines::new(None).unwrap();
        lines.lines(&good, &mut out);
        lines.finish(&mut out);
    }
}
