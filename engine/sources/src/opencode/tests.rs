#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

//! A fixture for every sentence that this folder's README says of messages and databases.

use std::fs;
use std::path::PathBuf;

use aimon_core::event::{Event, Quality, Record};
use aimon_core::history::{Copy, standing};
use aimon_core::ids::DeviceId;
use aimon_core::units::{PicoUsd, Tokens};
use proptest::prelude::*;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use sqlx::{AssertSqlSafe, Connection};

use super::*;
use crate::collector::{Os, SkipReason, Skipped};

/// 2026-01-02T00:00:00Z.
const T: i64 = 1_767_312_000_000;
const TABLE: &str = "CREATE TABLE message (id text PRIMARY KEY, session_id text NOT NULL, time_created integer NOT NULL, time_updated integer NOT NULL, data text NOT NULL)";

/// An answer that was made at `T + ms`.
fn answer(ms: i64, tokens: &str) -> String {
    format!(
        r#"{{"role":"assistant","time":{{"created":{},"completed":{}}},"parentID":"msg_p","modelID":"claude-sonnet-4-5","providerID":"anthropic","mode":"build","path":{{"cwd":"/x","root":"/x"}},"cost":0.02,"tokens":{tokens},"finish":"stop"}}"#,
        T + ms,
        T + ms + 900
    )
}

fn tokens(input: u64) -> String {
    format!(r#"{{"input":{input},"output":50,"reasoning":7,"cache":{{"read":10,"write":20}}}}"#)
}

fn seen(out: Out) -> (Vec<Record>, Skipped) {
    let record = |event| match event {
        Event::Record(record) => record,
        other => panic!("{other:?}"),
    };
    (out.events.into_iter().map(record).collect(), out.skipped)
}

fn file(text: &str) -> (Vec<Record>, Skipped) {
    let mut out = Out::new();
    decode::File::new("ses_folder").lines(text.as_bytes(), &mut out);
    seen(out)
}

fn inputs(records: &[Record]) -> Vec<u64> {
    records.iter().map(|r| r.tokens.input).collect()
}

/// A database that somebody else writes.
struct Db {
    dir: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    db: Option<SqliteConnection>,
    state: Option<Vec<u8>>,
}

impl Db {
    fn new(mode: SqliteJournalMode, tables: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut db = Self { dir, runtime, db: None, state: None };
        db.open(mode);
        db.run(tables);
        db
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("opencode.db")
    }

    fn open(&mut self, mode: SqliteJournalMode) {
        let options = SqliteConnectOptions::new().filename(self.path()).create_if_missing(true).journal_mode(mode);
        self.db = Some(self.runtime.block_on(SqliteConnection::connect_with(&options)).unwrap());
    }

    fn run(&mut self, sql: &str) {
        let db = self.db.as_mut().unwrap();
        self.runtime.block_on(sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(db)).unwrap();
    }

    /// Inserts or changes a message.
    fn put(&mut self, id: &str, session: &str, updated: i64, data: &str) {
        self.run(&format!(
            "INSERT INTO message VALUES ('{id}', '{session}', {T}, {}, '{data}') ON CONFLICT DO UPDATE SET data = excluded.data, time_updated = excluded.time_updated",
            T + updated
        ));
    }

    fn close(&mut self) {
        self.runtime.block_on(self.db.take().unwrap().close()).unwrap();
    }

    fn try_read(&mut self) -> Result<(Vec<Record>, Skipped), CollectError> {
        let path = self.path();
        let mut out = Out::new();
        loop {
            let progress = database::read(&path, self.state.as_deref(), &mut out)?;
            self.state = Some(progress.state);
            if !progress.more {
                return Ok(seen(out));
            }
        }
    }

    fn read(&mut self) -> Vec<Record> {
        let (records, skipped) = self.try_read().unwrap();
        assert_eq!(skipped.total(), 0, "{skipped:?}");
        records
    }

    fn beside(&self) -> Vec<String> {
        let names = fs::read_dir(self.dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }
}

#[test]
fn reasoning_is_beside_output_and_billed_as_output() {
    let mut db = Db::new(SqliteJournalMode::Wal, TABLE);
    db.put("msg_1", "ses_1", 0, &answer(0, &tokens(100)));
    let read = db.read();
    let tokens = Tokens { input: 100, output: 57, reasoning: 7, cache_write_5m: 20, cache_write_1h: 0, cache_read: 10 };
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].tokens, tokens);
    assert_eq!((&*read[0].source, &*read[0].model, &*read[0].session), ("opencode", "claude-sonnet-4-5", "ses_1"));
    assert_eq!((read[0].time.0, read[0].quality), (T, Quality::Log));
    assert_eq!(read[0].stated_cost, Some(PicoUsd(20_000_000_000)));
}

#[test]
fn a_cost_is_exact_and_zero_states_nothing() {
    let cost = |text: &str| file(&answer(0, &tokens(1)).replace("0.02", text)).0[0].stated_cost;
    assert_eq!(cost("0.1234567890123"), Some(PicoUsd(123_456_789_012)));
    assert_eq!(cost("1.5e-6"), Some(PicoUsd(1_500_000)));
    assert_eq!([cost("0"), cost("null"), cost("-1"), cost("\"1\"")], [None; 4]);
}

#[test]
fn files_rows_and_forks_are_one_call() {
    let data = answer(0, &tokens(100));
    let mut db = Db::new(SqliteJournalMode::Wal, TABLE);
    db.put("msg_1", "ses_1", 0, &data);
    db.put("msg_fork", "ses_fork", 500_000, &data.replace("msg_p", "msg_q"));
    db.put("msg_2", "ses_1", 0, &answer(1, &tokens(100)));
    let rows = db.read();
    let (old, _) = file(&data.replacen('{', r#"{"id":"msg_1","sessionID":"ses_1","#, 1));
    let id = |r: &Record| (r.message, r.request);
    assert_eq!(id(&rows[0]), id(&rows[1]));
    assert_eq!(id(&rows[0]), id(&old[0]));
    assert_ne!(id(&rows[0]), id(&rows[2]), "another time is another call");
    assert_eq!(&*old[0].session, "ses_1");
    assert_eq!(&*file(&data).0[0].session, "ses_folder");
}

#[test]
fn what_is_no_answer_uses_nothing() {
    let user = r#"{"role":"user","time":{"created":1767312000000},"model":{"providerID":"a","modelID":"m"},"tokens":{"input":5}}"#;
    let zero = answer(0, r#"{"input":0,"output":0,"reasoning":0,"cache":{"read":0,"write":0}}"#);
    for text in [user, &zero, &answer(0, "null"), "{}", "[]", "not json", ""] {
        let (records, skipped) = file(text);
        assert_eq!((records.len(), skipped.total()), (0, 0), "{text}");
    }
}

#[test]
fn a_bare_message_will_do() {
    // As other programs keep them: without a role, an end, a cost.
    let bare = r#"{"id":"msg-1","providerID":"anthropic","modelID":"m","time":{"created":1767312000000},"tokens":{"input":100,"output":50,"cache":{"read":10}}}"#;
    assert_eq!(file(bare).0[0].tokens.prompt(), 110);
    let total =
        r#"{"model":{"providerID":"p","modelID":"m"},"time":{"created":1767312000000.25},"tokens":{"total":9}}"#;
    let (read, _) = file(total);
    assert_eq!((read[0].tokens.output, read[0].quality, &*read[0].model), (9, Quality::Estimated, "m"));
}

#[test]
fn messages_that_cannot_be_taken_are_counted() {
    let reason = |text: &str| {
        let (records, skipped) = file(text);
        assert_eq!((records.len(), skipped.total()), (0, 1), "{text}");
        *skipped.0.keys().next().unwrap()
    };
    let good = answer(0, &tokens(5));
    assert_eq!(reason(&good[..good.len() - 1]), SkipReason::Broken);
    assert_eq!(reason(&answer(0, r#"{"input":-5}"#)), SkipReason::AbsurdNumber);
    assert_eq!(reason(&answer(0, r#"{"cache":{"read":1.5}}"#)), SkipReason::AbsurdNumber);
    assert_eq!(reason(&answer(0, r#"{"input":9007199254740993}"#)), SkipReason::AbsurdNumber);
    assert_eq!(reason(&good.replace("modelID", "x")), SkipReason::NoModel);
    assert_eq!(reason(&good.replace("created", "x")), SkipReason::NoTime);
}

#[test]
fn only_what_is_new_or_changed_is_read_again() {
    let mut db = Db::new(SqliteJournalMode::Wal, TABLE);
    db.put("msg_1", "s", 0, &answer(0, &tokens(1)));
    db.put("msg_2", "s", 10, &answer(10, &tokens(2)));
    assert_eq!(inputs(&db.read()), [1, 2]);
    assert_eq!(inputs(&db.read()), [0; 0]);
    db.put("msg_3", "s", 20, &answer(20, &tokens(3)));
    assert_eq!(inputs(&db.read()), [3]);
    db.put("msg_1", "s", 30, &answer(0, &tokens(4)));
    assert_eq!(inputs(&db.read()), [4]);
    // A clock that went back hides nothing that is new.
    db.put("msg_0", "s", -5000, &answer(-5000, &tokens(5)));
    assert_eq!(inputs(&db.read()), [5]);
    db.run("DELETE FROM message WHERE id = 'msg_3'");
    assert_eq!(inputs(&db.read()), [0; 0]);
}

#[test]
fn an_answer_under_way_is_looked_at_again() {
    let open = |input: u64| {
        answer(0, &tokens(input)).replace(r#","completed":1767312000900"#, "").replace(r#","finish":"stop""#, "")
    };
    let mut db = Db::new(SqliteJournalMode::Wal, TABLE);
    db.put("msg_1", "s", 0, &open(0).replace(&tokens(0), r#"{"input":0,"output":0}"#));
    db.put("msg_2", "s", 9, &answer(9, &tokens(2)));
    assert_eq!(inputs(&db.read()), [2]);
    // Without a word in `time_updated`.
    db.put("msg_1", "s", 0, &open(1));
    assert_eq!(inputs(&db.read()), [1]);
    assert_eq!(inputs(&db.read()), [0; 0], "it says nothing twice");
    db.put("msg_1", "s", 0, &answer(0, &tokens(1)));
    let ended = db.read();
    assert_eq!(inputs(&ended), [1]);
    db.put("msg_1", "s", 0, &answer(0, &tokens(7)));
    assert_eq!(inputs(&db.read()), [0; 0], "an ended answer without a new date is not looked at");
}

#[test]
fn the_first_versions_dated_no_rows() {
    let mut db = Db::new(SqliteJournalMode::Delete, "CREATE TABLE message (id TEXT, session_id TEXT, data TEXT)");
    let put =
        |db: &mut Db, id: &str, data: &str| db.run(&format!("INSERT INTO message VALUES ('{id}', 's', '{data}')"));
    put(&mut db, "a", &answer(0, &tokens(1)));
    db.run("INSERT INTO message VALUES (NULL, NULL, NULL)");
    assert_eq!(inputs(&db.read()), [1]);
    put(&mut db, "b", &answer(1, &tokens(2)));
    assert_eq!(inputs(&db.read()), [2]);
}

#[test]
fn a_row_lends_its_time() {
    let mut db = Db::new(SqliteJournalMode::Wal, TABLE);
    db.put("msg_1", "s", 0, &answer(0, &tokens(1)).replace("created", "x"));
    assert_eq!(db.read()[0].time.0, T);
}

#[test]
fn many_rows_are_read_in_steps() {
    let mut db = Db::new(SqliteJournalMode::Wal, TABLE);
    let data = answer(0, r#"{"input":''||n||''}"#).replace("''", "'");
    db.run(&format!(
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5000) INSERT INTO message SELECT 'm'||n, 's', {T}, {T} - n, '{data}' FROM t"
    ));
    let path = db.path();
    let mut out = Out::new();
    let first = database::read(&path, None, &mut out).unwrap();
    assert!(first.more && out.events.len() < 5000);
    db.state = Some(first.state);
    // What is inserted meanwhile is read as well.
    db.put("late", "s", 1, &answer(1, &tokens(9999)));
    let (rest, _) = db.try_read().unwrap();
    let all: u64 = inputs(&seen(out).0).iter().chain(&inputs(&rest)).sum();
    assert_eq!(all, 5000 * 5001 / 2 + 9999);
    assert_eq!(inputs(&db.read()), [0; 0]);
}

#[test]
fn nothing_is_created_beside_it() {
    let mut db = Db::new(SqliteJournalMode::Wal, TABLE);
    db.put("msg_1", "s", 0, &answer(0, &tokens(1)));
    assert_eq!(db.beside(), ["opencode.db", "opencode.db-shm", "opencode.db-wal"]);
    assert_eq!(inputs(&db.read()), [1], "what is only in the write-ahead log counts");
    db.put("msg_2", "s", 1, &answer(1, &tokens(2)));
    db.close();
    assert_eq!(db.beside(), ["opencode.db"]);
    assert_eq!(inputs(&db.read()), [2]);
    assert_eq!(db.beside(), ["opencode.db"]);
}

#[test]
fn a_locked_database_is_left_for_the_next_time() {
    let mut db = Db::new(SqliteJournalMode::Delete, TABLE);
    db.put("msg_1", "s", 0, &answer(0, &tokens(1)));
    // A writer that has begun to write the file, as its journal says.
    db.run("PRAGMA cache_size = 1; BEGIN EXCLUSIVE; UPDATE message SET time_updated = 0;");
    let error = db.try_read().unwrap_err();
    assert!(matches!(&error, CollectError::Unreadable(text) if text.contains("locked")), "{error:?}");
    db.run("COMMIT");
    assert_eq!(inputs(&db.read()), [1]);
}

#[test]
fn a_damaged_or_foreign_database_is_noted() {
    let unreadable = |db: &mut Db| match db.try_read() {
        Err(CollectError::Unreadable(text)) => text,
        other => panic!("{other:?}"),
    };
    let mut db = Db::new(SqliteJournalMode::Wal, "CREATE TABLE other (id TEXT)");
    assert!(unreadable(&mut db).contains("message"));
    db.close();
    fs::write(db.path(), "no database, but long enough to be one? ".repeat(200)).unwrap();
    assert!(unreadable(&mut db).contains("not a database"));
    fs::remove_file(db.path()).unwrap();
    unreadable(&mut db);
    assert_eq!(db.beside(), [""; 0]);
}

#[test]
fn another_versions_state_is_refused() {
    let mut db = Db::new(SqliteJournalMode::Wal, TABLE);
    db.state = Some(b"?".to_vec());
    assert!(matches!(db.try_read(), Err(CollectError::State)));
}

#[test]
fn logs_lie_in_the_data_folder() {
    let roots = |env: &Env| OpenCode.roots(env).into_iter().map(|r| (r.path, r.why)).collect::<Vec<_>>();
    let home = Env::at("/h", Os::Linux);
    assert_eq!(roots(&home), [("/h/.local/share/opencode".into(), "default")]);
    let moved = home.clone().with("XDG_DATA_HOME", "/data");
    assert_eq!(roots(&moved)[1], ("/data/opencode".into(), "XDG_DATA_HOME"));
    let named = moved.with("OPENCODE_DATA_DIR", "/a,/b");
    assert_eq!(roots(&named), [("/a".into(), "OPENCODE_DATA_DIR"), ("/b".into(), "OPENCODE_DATA_DIR")]);

    let root = Root::default_place("/h/.local/share/opencode".into());
    let kind = |path: &str| OpenCode.accepts(&root, Path::new(path));
    assert_eq!(kind("opencode.db"), Some(FileKind::Database));
    assert_eq!(kind("opencode-beta.db"), Some(FileKind::Database));
    assert_eq!(kind("storage/message/ses_1/msg_1.json"), Some(FileKind::Whole));
    assert_eq!(kind("storage/message/msg_1.json"), Some(FileKind::Whole));
    assert_eq!(kind("project/p/storage/session/message/ses_1/msg_1.json"), Some(FileKind::Whole));
    for other in [
        "opencode.db-wal",
        "opencode-.db",
        "other.db",
        "sub/opencode.db",
        "storage/part/msg_1/prt_1.json",
        "storage/session/info/ses_1.json",
        "auth.json",
    ] {
        assert_eq!(kind(other), None, "{other}");
    }
    assert!(OpenCode.descends(&root, Path::new("storage/message")));
    assert!(!OpenCode.descends(&root, Path::new("storage/part")));
}

/// The input tokens of the calls that stand.
fn folded(records: &[Record]) -> Vec<u64> {
    let copies: Vec<_> = records.iter().map(|r| Copy::new(DeviceId([0; 16]), r.clone())).collect();
    let mut inputs: Vec<_> = standing(&copies).into_iter().map(|copy| copy.record.tokens.input).collect();
    inputs.sort_unstable();
    inputs
}

/// The answer before its end; `finish` is said after each step.
fn under_way(ms: i64, input: u64) -> String {
    answer(ms, &tokens(input)).replace(&format!(r#","completed":{}"#, T + ms + 900), "")
}

#[test]
fn an_answer_that_grows_is_one_call() {
    for ended in [300, 50] {
        let mut db = Db::new(SqliteJournalMode::Wal, TABLE);
        let mut grown = Vec::new();
        for (now, data) in [(1, under_way(0, 100)), (2, under_way(0, 200)), (3, answer(0, &tokens(ended)))] {
            db.put("msg_1", "s", now, &data);
            grown.extend(db.read());
        }
        assert_eq!(folded(&grown), [ended]);
    }
    // Also where the fork was made meanwhile, and where the answer was never ended.
    let mut db = Db::new(SqliteJournalMode::Wal, TABLE);
    db.put("msg_1", "s", 1, &answer(0, &tokens(300)));
    db.put("msg_fork", "s_fork", 1, &under_way(0, 100));
    db.put("msg_2", "s", 1, &under_way(7, 20));
    db.put("msg_2_fork", "s_fork", 1, &under_way(7, 10));
    assert_eq!(folded(&db.read()), [20, 300]);
    // A file that is rewritten.
    let mut files = file(&under_way(0, 100)).0;
    files.extend(file(&answer(0, &tokens(300))).0);
    files.extend(file(&answer(0, &tokens(310))).0);
    assert_eq!(folded(&files), [310]);
}

#[test]
fn answers_that_begin_together_are_calls_of_their_own() {
    let one = answer(0, &tokens(100));
    let other = one.replace(&format!(r#""completed":{}"#, T + 900), &format!(r#""completed":{}"#, T + 901));
    let mut db = Db::new(SqliteJournalMode::Wal, TABLE);
    db.put("msg_1", "ses_1", 0, &one);
    db.put("msg_2", "ses_2", 0, &other);
    db.put("msg_fork", "ses_fork", 0, &other);
    assert_eq!(folded(&db.read()), [100, 100]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn reading_as_it_grows_gives_what_reading_at_once_gives(
        steps in prop::collection::vec((0..6_usize, 1..900_u64, any::<bool>(), any::<bool>()), 1..20),
    ) {
        let mut db = Db::new(SqliteJournalMode::Wal, TABLE);
        let mut grown = Vec::new();
        let mut messages = [(0, false); 6];
        for (now, (id, input, ends, read)) in (0..).zip(steps) {
            let (total, ended) = &mut messages[id];
            *total += input;
            *ended |= ends;
            let ms = i64::try_from(id).unwrap();
            let data = if *ended { answer(ms, &tokens(*total)) } else { under_way(ms, *total) };
            db.put(&format!("m{id}"), "s", now, &data);
            if read {
                grown.extend(db.read());
            }
        }
        grown.extend(db.read());
        db.state = None;
        prop_assert_eq!(folded(&grown), folded(&db.read()));
    }
}
