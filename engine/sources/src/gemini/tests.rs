#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

//! A fixture for every sentence that this folder's README says of chats.

use std::path::Path;

use aimon_core::event::{Event, Quality, Record};
use aimon_core::units::Tokens;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::collector::{Os, Out, SkipReason, Skipped};

const SESSION: &str = "2f1c0d3e-0000-4000-8000-000000000001";
const HEAD: &str = r#"{"sessionId":"2f1c0d3e-0000-4000-8000-000000000001","projectHash":"p","startTime":"2026-05-17T11:07:00.000Z","lastUpdated":"2026-05-17T11:07:00.000Z","kind":"main"}"#;

fn id(n: u32) -> String {
    format!("aaaaaaaa-0000-4000-8000-{n:012}")
}

fn answer(id: &str, tokens: &str) -> String {
    format!(
        r#"{{"id":"{id}","timestamp":"2026-05-17T11:07:32.000Z","type":"gemini","content":"text","thoughts":[{{"subject":"tokens"}}],"tokens":{tokens},"model":"gemini-3-pro"}}"#
    )
}

fn simple(n: u32, input: u64) -> String {
    answer(&id(n), &format!(r#"{{"input":{input},"output":1,"cached":0,"thoughts":0,"tool":0,"total":{}}}"#, input + 1))
}

fn read_as(text: &str, whole: bool) -> (Vec<Record>, Skipped) {
    let mut out = Out::new();
    let mut chat = decode::Chat::new("file", whole);
    chat.lines(text.as_bytes(), &mut out);
    records(out)
}

fn records(out: Out) -> (Vec<Record>, Skipped) {
    let record = |event| match event {
        Event::Record(record) => record,
        other => panic!("{other:?}"),
    };
    (out.events.into_iter().map(record).collect(), out.skipped)
}

fn read(lines: &[&str]) -> Vec<Record> {
    let (records, skipped) = read_as(&lines.join("\n"), false);
    assert_eq!(skipped.total(), 0, "{skipped:?}");
    records
}

fn inputs(records: &[Record]) -> Vec<u64> {
    records.iter().map(|r| r.tokens.input).collect()
}

#[test]
fn input_includes_cached_and_thoughts_are_billed_as_output() {
    let tokens = r#"{"input":15327,"output":23,"cached":11526,"thoughts":919,"tool":7,"total":16276}"#;
    let read = read(&[HEAD, &answer(&id(1), tokens)]);
    assert_eq!(read.len(), 1);
    let tokens = Tokens { input: 3_808, output: 942, reasoning: 919, cache_read: 11_526, ..Tokens::default() };
    assert_eq!(read[0].tokens, tokens);
    assert_eq!((&*read[0].source, &*read[0].model, &*read[0].session), ("gemini", "gemini-3-pro", SESSION));
    assert_eq!((read[0].time.0, read[0].quality), (1_779_016_052_000, Quality::Log));
}

#[test]
fn a_total_may_say_that_input_does_not_include_cached() {
    let of = |tokens: &str| read(&[HEAD, &answer(&id(1), tokens)])[0].tokens;
    let beside = of(r#"{"input":100,"output":5,"cached":40,"total":145}"#);
    assert_eq!((beside.input, beside.cache_read), (100, 40));
    let without = of(r#"{"input":100,"output":5,"cached":40}"#);
    assert_eq!((without.input, without.cache_read), (60, 40));
    let too_much = of(r#"{"input":10,"output":5,"cached":40,"total":15}"#);
    assert_eq!((too_much.input, too_much.cache_read), (0, 10));
}

#[test]
fn a_total_alone_is_an_estimate() {
    let read = read(&[HEAD, &answer(&id(1), r#"{"input":0,"output":0,"cached":0,"total":654}"#)]);
    assert_eq!((read[0].tokens.output, read[0].quality), (654, Quality::Estimated));
}

#[test]
fn messages_without_tokens_use_nothing() {
    let user = r#"{"id":"u","timestamp":"2026-05-17T11:07:32.000Z","type":"user","content":[{"text":"{\"tokens\":{\"input\":9}}"}],"tokens":{"input":9}}"#;
    let lines = [HEAD, user, &answer(&id(1), "null"), &answer(&id(2), r#"{"input":0,"output":0}"#), "{}", "[]", ""];
    assert_eq!(read(&lines), []);
}

#[test]
fn an_id_that_recurs_is_one_call() {
    let bare = answer(&id(1), "null");
    let first = simple(1, 10);
    let read = read(&[HEAD, &bare, &first, &first, &simple(1, 12)]);
    // With other counts it is said again; the fold lets the larger copy stand.
    assert_eq!(inputs(&read), [10, 12]);
    assert_eq!((read[0].message, read[0].request), (read[1].message, read[1].request));
}

#[test]
fn a_snapshot_says_nothing_twice() {
    let all = [simple(1, 10), simple(2, 20), simple(3, 30)].join(",");
    let set = format!(r#"{{"$set":{{"messages":[{all}],"lastUpdated":"2026-05-17T12:00:00.000Z"}}}}"#);
    let read = read(&[HEAD, &simple(1, 10), &simple(2, 20), &set, &set, &simple(4, 40)]);
    assert_eq!(inputs(&read), [10, 20, 30, 40], "what stands only in the snapshot was used as well");
}

#[test]
fn a_rewind_takes_nothing_back() {
    let rewind = format!(r#"{{"$rewindTo":"{}"}}"#, id(1));
    let smaller = format!(r#"{{"$set":{{"messages":[{}]}}}}"#, simple(1, 10));
    assert_eq!(inputs(&read(&[HEAD, &simple(1, 10), &simple(2, 20), &rewind, &smaller, &simple(3, 30)])), [10, 20, 30]);
}

#[test]
fn a_document_and_its_lines_are_one_conversation() {
    let all = [simple(1, 10), simple(2, 20)].join(",\n");
    let document = format!(
        "{{\n \"messages\": [{all}],\n \"sessionId\": \"{SESSION}\",\n \"startTime\": \"2026-05-17T11:07:00.000Z\"\n}}\n"
    );
    let (whole, skipped) = read_as(&document, true);
    assert_eq!(skipped.total(), 0);
    assert_eq!(whole, read(&[HEAD, &simple(1, 10), &simple(2, 20)]));
    let half = &document[..document.len() - 4];
    let (none, skipped) = read_as(half, true);
    assert_eq!((none.len(), skipped.0[&SkipReason::Broken]), (0, 1));
}

#[test]
fn a_conversation_may_stand_on_one_line() {
    let line =
        format!(r#"{{"sessionId":"{SESSION}","projectHash":"p","messages":[{},{}]}}"#, simple(1, 10), simple(2, 20));
    assert_eq!(inputs(&read(&[&line])), [10, 20]);
}

#[test]
fn a_session_resumed_under_another_name_is_the_same_call() {
    let renamed = r#"{"$set":{"sessionId":"other"}}"#;
    let copy = HEAD.replace(SESSION, "copy");
    let one = read(&[HEAD, renamed, &simple(1, 10)]);
    let two = read(&[&copy, &simple(1, 10)]);
    assert_eq!(&*one[0].session, SESSION);
    assert_eq!((one[0].message, one[0].request), (two[0].message, two[0].request));
    // An id that was not made at random means something within its session alone.
    let one = read(&[HEAD, &answer("msg-1", r#"{"input":1}"#)]);
    let two = read(&[&copy, &answer("msg-1", r#"{"input":1}"#)]);
    assert_ne!(one[0].message, two[0].message);
}

#[test]
fn no_id_is_told_by_its_content_and_number() {
    let line = answer("", r#"{"input":1,"output":1}"#);
    let read = read(&[HEAD, &line, &line]);
    assert_eq!(read.len(), 2);
    assert_ne!(read[0].message, read[1].message);
}

#[test]
fn what_is_remembered_of_lines_without_an_id_is_bounded() {
    let line = |n: u64| answer("", &format!(r#"{{"input":{n}}}"#));
    let mut out = Out::new();
    let mut chat = decode::Chat::new("file", false);
    for n in 1..=9000 {
        chat.lines(line(n).as_bytes(), &mut out);
    }
    chat.lines(line(9000).as_bytes(), &mut out);
    assert!(chat.state().len() < 50_000, "{}", chat.state().len());
    let mut resumed = decode::Chat::resume(&chat.state(), false).unwrap();
    resumed.lines(line(9000).as_bytes(), &mut out);
    let ids = |read: &[Record]| read.iter().map(|r| r.message).collect::<std::collections::BTreeSet<_>>().len();
    let (read, _) = records(out);
    assert_eq!((read.len(), ids(&read)), (9002, 9002));
    // A line that was forgotten has the identity of its first copy: it counts once.
    let mut out = Out::new();
    resumed.lines(line(1).as_bytes(), &mut out);
    assert_eq!(records(out).0[0].message, read[0].message);
}

#[test]
fn times_models_and_sessions_have_second_places() {
    let line = r#"{"id":"a","type":"gemini","created_at":"2026-05-17T11:08:00Z","tokens":{"input":5},"model":"m"}"#;
    assert_eq!(read(&[line])[0].time.0, 1_779_016_080_000);
    assert_eq!(&*read(&[line])[0].session, "file");
    let bare = r#"{"id":"a","type":"gemini","tokens":{"input":5}}"#;
    let init = r#"{"type":"init","model":"gemini-3-flash"}"#;
    let read = read(&[HEAD, init, bare]);
    assert_eq!((&*read[0].model, read[0].time.0), ("gemini-3-flash", 1_779_016_020_000));
}

#[test]
fn lines_that_cannot_be_taken_are_counted() {
    let lines = [
        r#"{"id":"a","type":"gemini","tokens":{"input":5},"model":"m"}"#,
        HEAD,
        r#"{"id":"b","type":"gemini","tokens":{"input":5}}"#,
        &answer("c", r#"{"input":-5}"#),
        &answer("d", r#"{"input":1.5}"#),
        &answer("e", r#"{"output":9007199254740993}"#),
        r#"{"id":"f","type":"gemini","tokens":{"input":99,"#,
        r#"{"id":"g","type":"user","content":[{"text":"#,
        "not json",
    ];
    let (none, skipped) = read_as(&lines.join("\n"), false);
    assert_eq!(none, []);
    let count = |reason| skipped.0.get(&reason).copied().unwrap_or_default();
    let reasons = [SkipReason::NoTime, SkipReason::NoModel, SkipReason::AbsurdNumber, SkipReason::Broken];
    assert_eq!(reasons.map(count), [1, 1, 3, 1]);
}

#[test]
fn chats_lie_below_each_project() {
    let roots = |env: &Env| Gemini.roots(env).into_iter().map(|r| (r.path, r.why)).collect::<Vec<_>>();
    assert_eq!(roots(&Env::at("/h", Os::Linux)), [("/h/.gemini/tmp".into(), "default")]);
    let env = Env::at("/h", Os::Linux).with("GEMINI_DATA_DIR", "/a,/b");
    assert_eq!(roots(&env), [("/a".into(), "GEMINI_DATA_DIR"), ("/b".into(), "GEMINI_DATA_DIR")]);

    let root = Root::default_place("/h/.gemini/tmp".into());
    let kind = |path: &str| Gemini.accepts(&root, Path::new(path));
    assert_eq!(kind("p/chats/session-a.jsonl"), Some(FileKind::Lines));
    assert_eq!(kind("p/chats/session-a.json"), Some(FileKind::Whole));
    assert_eq!(kind("p/chats/parent/sub.jsonl"), Some(FileKind::Lines));
    for other in ["p/logs.json", "p/chats.json", "p/chats/notes.txt", "checkpoint-a.json", "chats"] {
        assert_eq!(kind(other), None, "{other}");
    }
    let chats = Root::default_place("/somewhere/chats".into());
    assert_eq!(Gemini.accepts(&chats, Path::new("a.json")), Some(FileKind::Whole));
    assert!(Gemini.descends(&root, Path::new("p/chats")) && !Gemini.descends(&root, Path::new("p/tool-outputs")));
}

proptest! {
    #[test]
    fn reading_in_pieces_gives_what_reading_at_once_gives(
        steps in prop::collection::vec((0..6_u8, 0..5_u32, 1..90_u64), 0..30), cuts in prop::collection::vec(any::<Index>(), 0..5),
    ) {
        let mut lines = vec![HEAD.to_owned()];
        let mut written = Vec::new();
        for (kind, n, input) in steps {
            let line = match kind {
                0 => format!(r#"{{"$set":{{"messages":[{}]}}}}"#, written.join(",")),
                1 => format!(r#"{{"$rewindTo":"{}"}}"#, id(n)),
                2 => answer("", &format!(r#"{{"input":{input}}}"#)),
                3 => r#"{"type":"init","model":"m"}"#.to_owned(),
                _ => simple(n, input),
            };
            if kind > 3 {
                written.push(line.clone());
            }
            lines.push(line);
        }
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(lines.len() + 1)).collect();
        cuts.extend([0, lines.len()]);
        cuts.sort_unstable();
        let mut out = Out::new();
        let mut state: Option<Vec<u8>> = None;
        for piece in cuts.windows(2) {
            let mut chat = match &state {
                None => decode::Chat::new("file", false),
                Some(state) => decode::Chat::resume(state, false).unwrap(),
            };
            chat.lines(lines[piece[0]..piece[1]].join("\n").as_bytes(), &mut out);
            state = Some(chat.state());
        }
        prop_assert_eq!(records(out), read_as(&lines.join("\n"), false));
    }

    #[test]
    fn any_bytes_do_no_harm(text in ".{0,200}", whole in any::<bool>(), cut in any::<Index>()) {
        let _ = read_as(&text, whole);
        let line = simple(1, 10);
        prop_assert_eq!(read_as(&line[..cut.index(line.len())], whole).0, []);
    }
}
