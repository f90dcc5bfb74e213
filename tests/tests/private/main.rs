//! What people wrote, what agents answered, and where it lies never gets into events, exports or figures.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod projects;

use std::collections::{BTreeSet, HashSet};
use std::fs;

use aimon_core::batch::Batch;
use aimon_core::ids::DeviceId;
use aimon_core::segment;
use aimon_generator::{Plan, generate};
use aimon_tests::{Rig, files, sqlite};
use serde_json::Value;

/// Shorter texts are words of the formats themselves.
const SHORTEST: usize = 12;

/// Every text in a value, keys not.
fn texts(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if text.len() >= SHORTEST => {
            into.insert(text.clone());
        }
        Value::Array(list) => list.iter().for_each(|v| texts(v, into)),
        Value::Object(map) => map.values().for_each(|v| texts(v, into)),
        _ => {}
    }
}

/// The texts that occur in some bytes.
fn found<'t>(bytes: &[u8], texts: impl IntoIterator<Item = &'t String>) -> Vec<&'t String> {
    let starts: HashSet<&[u8]> = bytes.windows(SHORTEST).collect();
    let is_in = |text: &[u8]| starts.contains(&text[..SHORTEST]) && bytes.windows(text.len()).any(|w| w == text);
    texts.into_iter().filter(|text| is_in(text.as_bytes())).collect()
}

#[test]
fn nothing_that_was_said_gets_into_the_data() {
    let rig = Rig::new();
    let mut plan = Plan::truth(90);
    plan.content = 600;
    let made = generate(&plan, &rig.path("machines")).unwrap();
    let key =
        r#"{"type":"user","message":{"content":"sk-ant-api03-AAAAAAAAAAAAAAAAAAAAAAAA"},"cwd":"/home/ada/src/secret"}"#;
    files::put(&made.machines[0].home.join(".claude/projects/-home-ada-src-secret/s.jsonl"), key.as_bytes());
    let mut said = BTreeSet::new();
    for (_, bytes) in files::all(&made.machines[0].home) {
        for line in String::from_utf8_lossy(&bytes).lines() {
            if let Ok(value) = serde_json::from_str(line) {
                texts(&value, &mut said);
            }
        }
    }
    // What a record holds as the log names it. Everything else is content, or a key to it.
    let calls = &made.truth.calls;
    let models: BTreeSet<&str> = calls.iter().map(|c| c.model.as_str()).collect();
    let is_session = |text: &str| {
        // A fork's own session may have made no call.
        calls.iter().any(|c| c.session == text) || text.starts_with("ses_") || DeviceId::parse(text).is_some()
    };
    let is_time = |text: &str| text.parse::<jiff::Timestamp>().is_ok();
    said.retain(|text| !is_session(text) && !is_time(text) && !models.iter().any(|m| m.starts_with(text.as_str())));
    assert!(said.len() > 1_000 && said.iter().any(|t| t.starts_with("/home/ada/src/")), "{}", said.len());

    rig.home_is(&made.machines[0].home).scan();
    let (documents, lines) = (rig.path("documents"), rig.path("lines"));
    rig.run(&["export", "--format", "automerge", documents.to_str().unwrap()]).fine();
    rig.run(&["export", "--format", "jsonl", lines.to_str().unwrap()]).fine();

    let mut held = BTreeSet::new();
    for (_, bytes) in files::all(&documents) {
        for batch in segment::batches(&bytes).unwrap() {
            assert_eq!(found(&batch, &said), Vec::<&String>::new(), "in a batch");
            for r in Batch::decode(&batch).unwrap().records {
                held.extend([r.source, r.model, r.session].map(|n| n.to_string()));
                assert_eq!((r.project, r.payer.as_deref()), (None, None), "nobody opted in");
            }
        }
    }
    for name in &held {
        let source = ["claude-code", "codex", "gemini", "opencode"].contains(&name.as_str());
        assert!(source || models.contains(name.as_str()) || is_session(name), "{name:?} is none of these");
    }
    for (path, bytes) in files::all(&lines) {
        assert_eq!(found(&bytes, &said), Vec::<&String>::new(), "in {}", path.display());
    }
    // The marks hold the paths of logs, to find them again; they are this machine's own, and nothing else names one.
    for path in sqlite::databases(&rig.aimon_home()) {
        sqlite::ask(&path, "UPDATE marks SET key = randomblob(8); VACUUM").unwrap();
        sqlite::ask(&path, "PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        let bytes = fs::read(&path).unwrap();
        assert_eq!(found(&bytes, &said), Vec::<&String>::new(), "in {}", path.display());
        let home = [rig.home().to_str().unwrap().to_owned(), "-home-ada-src-".to_owned(), "/home/ada/src".to_owned()];
        assert_eq!(found(&bytes, &home), Vec::<&String>::new(), "a path beside the marks");
    }
}
