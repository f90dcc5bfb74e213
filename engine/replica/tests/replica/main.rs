//! A replica on a real disk.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use aimon_core::batch::Batch;
use aimon_core::event::{Answer, AnswerKey, Bucket, Clock, Event, MessageId, Quality, Record, RequestId, Row, Tier};
use aimon_core::history::{DayCells, Detail, Metered, Query, Report};
use aimon_core::ids::WriterId;
use aimon_core::segment::{self, Chain};
use aimon_core::time::{UtcDay, UtcMillis};
use aimon_core::units::Tokens;
use aimon_replica::{Commit, Error, Mark, Options, Replica};
use sqlx::{ConnectOptions, SqliteConnection};
use tempfile::TempDir;

mod backlog;
mod catching_up;
mod chunks;
mod damage;
mod documents;
mod links;
mod locked;
mod many;
mod migration;
mod readings;
mod shared;
mod time;
mod transport;
mod withheld;
mod workspaces;
mod world;

const DAY: i64 = 86_400_000;
const NOW: UtcMillis = UtcMillis(20_700 * DAY + 5_000);
const ALL: (UtcDay, UtcDay) = (UtcDay(i32::MIN), UtcDay(i32::MAX));

fn options(now: UtcMillis) -> Options {
    Options { now, retention_days: None }
}

async fn open(home: &TempDir) -> Replica {
    Replica::open(home.path(), &options(NOW)).await.unwrap()
}

/// Message `m`'s call of `output` tokens, `days` days ago.
fn call(m: u8, output: u64, days: i64) -> Record {
    Record {
        source: "claude-code".into(),
        message: MessageId([m; 8]),
        request: RequestId([m; 2]),
        sidechain: false,
        time: UtcMillis(NOW.0 - days * DAY),
        model: "model".into(),
        session: "session".into(),
        tokens: Tokens { output, ..Tokens::default() },
        web_searches: 0,
        tier: Tier::Standard,
        quality: Quality::Log,
        payer: None,
        stated_cost: None,
        project: None,
        origin: None,
    }
}

/// How full a quota window was.
fn window(at: UtcMillis, used: i128) -> Event {
    let row = Row { values: vec!["5h".into()], measures: [("used_ppm".into(), used)].into() };
    let key = AnswerKey {
        account: "codex".into(),
        metric: "window".into(),
        dimensions: vec!["window".into()],
        bucket: Bucket { start: at, width: 0 },
    };
    Event::Answer(Answer { key, observed: at, clock: Clock::Device, rows: vec![row] })
}

async fn record(replica: &mut Replica, calls: &[Record]) {
    let events = calls.iter().cloned().map(Event::Record).collect();
    replica.record(Commit { events, marks: vec![], now: NOW }).await.unwrap();
}

/// Output tokens by days ago.
async fn figures(replica: &mut Replica) -> Vec<(i64, u64)> {
    let days = replica.history(ALL, NOW.day(), Detail::Full).await.unwrap();
    days.iter().rev().map(|d| (i64::from(NOW.day().0 - d.day.0), sum(d))).collect()
}

fn sum(day: &DayCells) -> u64 {
    day.cells.iter().map(|(_, s)| s.tokens.output).sum()
}

async fn sql(home: &TempDir, text: &'static str) {
    let path = home.path().join("aimon.db");
    let mut db: SqliteConnection = sqlx::sqlite::SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    sqlx::query(text).execute(&mut db).await.unwrap();
}

/// Puts a change into the replica's database as another process would have, `days` days ago.
async fn insert(home: &TempDir, replica: &Replica, days: i64, change: Vec<u8>) {
    let path = home.path().join("aimon.db");
    let mut db: SqliteConnection = sqlx::sqlite::SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    sqlx::query("INSERT INTO changes (device, day, part, bytes) VALUES (?, ?, 0, ?)")
        .bind(replica.device().0.to_vec())
        .bind(UtcMillis(NOW.0 - days * DAY).day().0)
        .bind(change)
        .execute(&mut db)
        .await
        .unwrap();
}

/// Every batch in the exported documents.
async fn exported(replica: &mut Replica) -> Vec<Vec<u8>> {
    let dir = TempDir::new().unwrap();
    replica.export(dir.path()).await.unwrap();
    let files = std::fs::read_dir(dir.path()).unwrap().map(|f| std::fs::read(f.unwrap().path()).unwrap());
    files.flat_map(|bytes| segment::batches(&bytes).unwrap()).collect()
}

#[tokio::test]
async fn what_was_recorded_is_there_after_a_restart() {
    let home = TempDir::new().unwrap();
    let mut replica = open(&home).await;
    let device = replica.device();
    let mark = |value: &[u8]| Mark {
        source: "codex".into(),
        key: b"a".to_vec(),
        digest: u64::MAX,
        stamp: value.len() as u64,
        value: Some(value.to_vec()),
    };
    let events = vec![Event::Record(call(1, 7, 0)), Event::Record(call(2, 5, 3))];
    let done = replica.record(Commit { events, marks: vec![mark(b"1"), mark(b"2")], now: NOW }).await.unwrap();
    assert_eq!((done.events, done.expired), (2, 0));
    drop(replica);
    let mut replica = open(&home).await;
    assert_eq!(replica.device(), device);
    assert_eq!(figures(&mut replica).await, [(0, 7), (3, 5)]);
    assert_eq!(replica.mark("codex", b"a").await.unwrap().unwrap(), b"2");
    assert_eq!(replica.mark("claude-code", b"a").await.unwrap(), None);
    assert_eq!(replica.mark_stamps().await.unwrap(), [("codex".to_owned(), vec![(u64::MAX, 1)])]);
    assert_eq!(replica.mark_keys("codex").await.unwrap(), [b"a"]);
}

/// A copy that arrives later, on another day: the earlier or larger one stands, and only it.
#[tokio::test]
async fn copies_on_several_days_count_once_whenever_they_arrive() {
    let home = TempDir::new().unwrap();
    let mut replica = open(&home).await;
    record(&mut replica, &[call(1, 7, 2), call(2, 1, 2)]).await;
    assert_eq!(figures(&mut replica).await, [(2, 8)]);
    record(&mut replica, &[call(1, 7, 1)]).await;
    assert_eq!(figures(&mut replica).await, [(2, 8)], "of equal totals the earliest");
    record(&mut replica, &[call(1, 9, 0)]).await;
    assert_eq!(figures(&mut replica).await, [(0, 9), (2, 1)], "the largest total, on its day");
    let before = figures(&mut replica).await;
    replica.rebuild().await.unwrap();
    assert_eq!(figures(&mut replica).await, before);
    let stands = replica.copies(ALL, NOW.day()).await.unwrap();
    assert_eq!(stands.iter().map(|c| c.record.tokens.output).collect::<Vec<_>>(), [1, 9]);
}

#[tokio::test]
async fn one_writer_and_any_number_of_readers() {
    let home = TempDir::new().unwrap();
    assert!(matches!(Replica::open_read(home.path()).await, Err(Error::Empty(_))));
    let mut writer = open(&home).await;
    record(&mut writer, &[call(1, 7, 0)]).await;
    assert!(matches!(Replica::open(home.path(), &options(NOW)).await, Err(Error::Locked(_))));
    let mut reader = Replica::open_read(home.path()).await.unwrap();
    // The writer has not brought its derived tables up to date: the reader does it in memory.
    assert_eq!(figures(&mut reader).await, [(0, 7)]);
    record(&mut writer, &[call(1, 8, 0), call(2, 1, 1)]).await;
    assert_eq!(figures(&mut reader).await, [(0, 8), (1, 1)]);
    assert_eq!(figures(&mut writer).await, [(0, 8), (1, 1)]);
    assert_eq!(figures(&mut reader).await, [(0, 8), (1, 1)]);
}

#[tokio::test]
async fn the_folder_is_its_owners_alone() {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let parent = TempDir::new().unwrap();
        let home = parent.path().join("a/b");
        let mut replica = Replica::open(&home, &options(NOW)).await.unwrap();
        record(&mut replica, &[call(1, 7, 0)]).await;
        let mode = |p: &std::path::Path| std::fs::metadata(p).unwrap().permissions().mode() & 0o077;
        assert_eq!(mode(&home), 0);
        for file in std::fs::read_dir(&home).unwrap() {
            assert_eq!(mode(&file.unwrap().path()), 0);
        }
    }
}

#[tokio::test]
async fn gauges_are_the_newest_answers() {
    let home = TempDir::new().unwrap();
    let mut replica = open(&home).await;
    for (ago, used) in [(2, 10), (1, 30), (3, 90)] {
        let at = UtcMillis(NOW.0 - ago * 1000);
        replica.record(Commit { events: vec![window(at, used)], marks: vec![], now: NOW }).await.unwrap();
    }
    assert_eq!(replica.answers(NOW.day()).await.unwrap().len(), 3, "each is kept");
    let mut reader = Replica::open_read(home.path()).await.unwrap();
    for replica in [&mut reader, &mut replica] {
        let gauges = replica.gauges().await.unwrap();
        assert_eq!(gauges.len(), 1);
        assert_eq!(gauges[0].answer.rows[0].measures["used_ppm"], 30);
    }
}

/// However commits cut and repeat the calls: the same cells, and the same as of a rebuilt replica.
#[tokio::test]
async fn the_history_is_a_function_of_the_set_of_events() {
    let mut state = 7u64;
    let mut next = |n: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    for _ in 0..12 {
        let calls: Vec<Record> = (0..40)
            .map(|_| {
                let mut c = call(next(15) as u8, next(4), next(4) as i64);
                c.request = RequestId([next(2) as u8; 2]);
                c.sidechain = next(4) == 0;
                c
            })
            .collect();
        let one = TempDir::new().unwrap();
        let mut whole = open(&one).await;
        record(&mut whole, &calls).await;
        let expected = strip(whole.history(ALL, NOW.day(), Detail::Full).await.unwrap());

        let two = TempDir::new().unwrap();
        let mut pieces = open(&two).await;
        let mut rest: Vec<Record> = calls.iter().rev().cloned().collect();
        rest.extend(calls.iter().take(10).cloned());
        while !rest.is_empty() {
            let some: Vec<_> = rest.drain(..(next(5) as usize + 1).min(rest.len())).collect();
            record(&mut pieces, &some).await;
            if next(2) == 0 {
                pieces.history(ALL, NOW.day(), Detail::Full).await.unwrap();
            }
            if next(5) == 0 {
                drop(pieces);
                pieces = open(&two).await;
            }
        }
        assert_eq!(strip(pieces.history(ALL, NOW.day(), Detail::Full).await.unwrap()), expected);
        pieces.rebuild().await.unwrap();
        assert_eq!(strip(pieces.history(ALL, NOW.day(), Detail::Full).await.unwrap()), expected);
    }
}

/// Without the device, which differs between the two replicas.
fn strip(days: Vec<DayCells>) -> String {
    let query = Query::daily(jiff::tz::TimeZone::UTC);
    format!("{:?}", Report::cut(&query, days, &Metered::default(), &|_, _, _| None))
}

/// Enough calls for the index to move its fresh pairs to their pages several times, with copies that
/// cross days while the first one lies in either place.
#[tokio::test]
async fn copies_find_each_other_wherever_the_index_keeps_them() {
    let home = TempDir::new().unwrap();
    let mut replica = open(&home).await;
    let message = |n: u64| MessageId(n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    let of = |n: u64, days: i64| Record { message: message(n), ..call(1, 1, days) };
    for commit in 0..12_u64 {
        let new = (0..500).map(|n| of(commit * 500 + n, (commit % 3) as i64));
        // Each a copy, a day earlier, of a call of some commit before.
        let copies = (0..commit * 10).map(|n| of(n * 50, (n * 50 / 500 % 3) as i64 + 1));
        record(&mut replica, &new.chain(copies).collect::<Vec<_>>()).await;
        let step_by_step = figures(&mut replica).await;
        assert_eq!(step_by_step.iter().map(|(_, sum)| sum).sum::<u64>(), (commit + 1) * 500, "each call once");
    }
    let before = figures(&mut replica).await;
    replica.rebuild().await.unwrap();
    assert_eq!(figures(&mut replica).await, before);
}

/// A reader beside a writer that has not brought the derived tables up to date sees a call once too.
#[tokio::test]
async fn a_reader_ahead_of_the_derived_tables_counts_once() {
    let home = TempDir::new().unwrap();
    let mut replica = open(&home).await;
    record(&mut replica, &[call(1, 7, 1)]).await;
    figures(&mut replica).await;
    record(&mut replica, &[call(1, 7, 2), call(2, 5, 3), call(2, 5, 0)]).await;
    let mut reader = Replica::open_read(home.path()).await.unwrap();
    assert_eq!(figures(&mut reader).await, [(2, 7), (3, 5)]);
    let calls = reader.copies(ALL, NOW.day()).await.unwrap();
    assert_eq!(calls.iter().map(|c| c.record.tokens.output).collect::<Vec<_>>(), [5, 7]);
    let written = figures(&mut replica).await;
    assert_eq!(figures(&mut reader).await, written);
}
