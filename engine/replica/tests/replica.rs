//! A replica on a real disk.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use aimon_core::batch::Batch;
use aimon_core::event::{Answer, AnswerKey, Bucket, Clock, Event, MessageId, Quality, Record, RequestId, Row, Tier};
use aimon_core::history::{DayCells, Detail, Query, Report};
use aimon_core::ids::WriterId;
use aimon_core::segment::{self, Chain};
use aimon_core::time::{UtcDay, UtcMillis};
use aimon_core::units::Tokens;
use aimon_replica::{Commit, Error, Mark, Options, Replica};
use sqlx::{ConnectOptions, SqliteConnection};
use tempfile::TempDir;

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

/// Days expire before the fold: an expired copy hides nothing.
#[tokio::test]
async fn a_copy_on_an_expired_day_hides_nothing() {
    let home = TempDir::new().unwrap();
    let mut replica = open(&home).await;
    replica.vouch(NOW).await.unwrap();
    record(&mut replica, &[call(1, 9, 179), call(1, 7, 100), call(2, 1, 179)]).await;
    assert_eq!(figures(&mut replica).await, [(179, 10)]);
    // As of tomorrow the oldest day has left, though it is still held.
    let days = replica.history(ALL, NOW.day().plus(1), Detail::Full).await.unwrap();
    assert_eq!(days.iter().map(sum).collect::<Vec<_>>(), [7]);
    // And when it is no longer held.
    let tomorrow = UtcMillis(NOW.0 + DAY);
    replica.observe(tomorrow).await.unwrap();
    let days = replica.history(ALL, tomorrow.day(), Detail::Hours).await.unwrap();
    assert_eq!(days.iter().map(sum).collect::<Vec<_>>(), [7]);
    assert_eq!(replica.health().await.unwrap().records, 1);
    // It does not come back: the log is read again, and its day is not kept.
    let events = vec![Event::Record(call(1, 9, 179))];
    let done = replica.record(Commit { events, marks: vec![], now: tomorrow }).await.unwrap();
    assert_eq!((done.events, done.expired), (0, 1));
}

#[tokio::test]
async fn a_clock_that_jumps_expires_nothing_until_it_is_vouched_for() {
    let home = TempDir::new().unwrap();
    let mut replica = open(&home).await;
    replica.vouch(NOW).await.unwrap();
    record(&mut replica, &[call(1, 9, 100)]).await;
    drop(replica);
    let later = UtcMillis(NOW.0 + 1500 * DAY);
    let mut replica = Replica::open(home.path(), &options(later)).await.unwrap();
    assert_eq!(figures(&mut replica).await, [(100, 9)]);
    assert_eq!(replica.health().await.unwrap().doubted_clock, Some((later, NOW)));
    replica.vouch(later).await.unwrap();
    assert_eq!(replica.health().await.unwrap().records, 0);
}

#[tokio::test]
async fn one_writer_and_any_number_of_readers() {
    let home = TempDir::new().unwrap();
    assert!(matches!(Replica::open_read(home.path(), &options(NOW)).await, Err(Error::Empty(_))));
    let mut writer = open(&home).await;
    record(&mut writer, &[call(1, 7, 0)]).await;
    assert!(matches!(Replica::open(home.path(), &options(NOW)).await, Err(Error::Locked(_))));
    let mut reader = Replica::open_read(home.path(), &options(NOW)).await.unwrap();
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

/// One damaged row takes nothing but itself; the logs are read again, and what is held is not
/// written twice.
#[tokio::test]
async fn a_damaged_segment_is_set_aside_and_read_again() {
    let home = TempDir::new().unwrap();
    let mut replica = open(&home).await;
    let calls = [call(1, 7, 0), call(2, 5, 3), call(3, 2, 3)];
    record(&mut replica, &calls[..2]).await;
    record(&mut replica, &calls[2..]).await;
    replica
        .record(Commit {
            marks: vec![Mark {
                source: "s".into(),
                key: b"k".to_vec(),
                digest: 1,
                stamp: 1,
                value: Some(b"v".to_vec()),
            }],
            now: NOW,
            ..Commit::default()
        })
        .await
        .unwrap();
    drop(replica);
    sql(&home, "UPDATE changes SET bytes = x'856f4a83' || zeroblob(90) WHERE seq = 1; DELETE FROM derived").await;
    let mut replica = open(&home).await;
    assert_eq!(figures(&mut replica).await, [(0, 7), (3, 2)]);
    let health = replica.health().await.unwrap();
    assert_eq!((health.quarantined.len(), health.quarantined[0].day, health.rereading), (1, NOW.day().plus(-3), true));
    assert_eq!(replica.mark_stamps().await.unwrap().len(), 0, "every log is read from its start");
    drop(replica);

    let mut replica = open(&home).await;
    let events = calls.iter().cloned().map(Event::Record).collect();
    let done = replica.record(Commit { events, marks: vec![], now: NOW }).await.unwrap();
    assert_eq!((done.events, done.held), (1, 2));
    replica.read_through().await.unwrap();
    assert_eq!(figures(&mut replica).await, [(0, 7), (3, 7)]);
    let health = replica.health().await.unwrap();
    assert_eq!((health.records, health.quarantined.len(), health.rereading), (3, 1, false));
}

#[tokio::test]
async fn sealing_keeps_every_batch() {
    let home = TempDir::new().unwrap();
    let mut replica = open(&home).await;
    for i in 0..20 {
        record(&mut replica, &[call(i, 1, 1), call(100 + i, 1, 0)]).await;
    }
    drop(replica);
    // A second process: another writer in the same segment.
    let mut replica = open(&home).await;
    record(&mut replica, &[call(50, 1, 1)]).await;
    assert_eq!(replica.seal(NOW).await.unwrap(), 0, "not on the day of the first start");
    let tomorrow = UtcMillis(NOW.0 + DAY);
    record(&mut replica, &[call(60, 1, -1)]).await;
    record(&mut replica, &[call(61, 1, -1)]).await;
    let before = (figures(&mut replica).await, replica.health().await.unwrap());
    assert_eq!(replica.seal(tomorrow).await.unwrap(), 2, "the days before, not the day itself");
    assert_eq!(replica.seal(tomorrow).await.unwrap(), 0, "once a day");
    let after = (figures(&mut replica).await, replica.health().await.unwrap());
    assert_eq!((before.0, before.1.records), (after.0.clone(), after.1.records));
    assert_eq!((before.1.rows, after.1.rows), (43, 4));
    // A chain goes on behind a sealed segment.
    record(&mut replica, &[call(51, 1, 1)]).await;
    replica.rebuild().await.unwrap();
    assert_eq!(figures(&mut replica).await, [(-1, 2), (0, 20), (1, 22)]);
}

#[tokio::test]
async fn an_export_opens_in_automerge() {
    use automerge::ReadDoc;
    let home = TempDir::new().unwrap();
    let mut replica = open(&home).await;
    record(&mut replica, &[call(1, 7, 0), call(2, 5, 3)]).await;
    record(&mut replica, &[call(3, 7, 0)]).await;
    let dir = home.path().join("out/deep");
    assert_eq!(replica.export(&dir).await.unwrap(), 2);
    let mut batches = 0;
    for file in std::fs::read_dir(&dir).unwrap() {
        let doc = automerge::Automerge::load(&std::fs::read(file.unwrap().path()).unwrap()).unwrap();
        let (_, list) = doc.get(automerge::ROOT, "batches").unwrap().unwrap();
        batches += doc.length(list);
    }
    assert_eq!(batches, 3);
}

#[tokio::test]
async fn a_newer_and_a_broken_database_are_named() {
    let home = TempDir::new().unwrap();
    drop(open(&home).await);
    sql(&home, "PRAGMA user_version = 99").await;
    let error = Replica::open(home.path(), &options(NOW)).await.unwrap_err();
    assert_eq!(error.code(), "database-newer");
    assert_eq!(Replica::open_read(home.path(), &options(NOW)).await.unwrap_err().code(), "database-newer");
    std::fs::write(home.path().join("aimon.db"), b"this is no database at all, but long enough to look at").unwrap();
    let _ = std::fs::remove_file(home.path().join("aimon.db-wal"));
    assert_eq!(Replica::open(home.path(), &options(NOW)).await.unwrap_err().code(), "database-damaged");
}

#[tokio::test]
async fn the_retention_is_set_at_the_first_start() {
    let home = TempDir::new().unwrap();
    let with = |days| Options { now: NOW, retention_days: Some(days) };
    assert_eq!(Replica::open(home.path(), &with(6)).await.unwrap_err().code(), "bad-retention");
    assert_eq!(Replica::open(home.path(), &with(30)).await.unwrap().retention_days(), 30);
    assert_eq!(Replica::open(home.path(), &with(300)).await.unwrap().retention_days(), 30);
}

#[tokio::test]
async fn gauges_are_the_newest_answers() {
    let home = TempDir::new().unwrap();
    let mut replica = open(&home).await;
    for (ago, used) in [(2, 10), (1, 30), (3, 90)] {
        let at = UtcMillis(NOW.0 - ago * 1000);
        let row = Row { values: vec!["5h".into()], measures: [("used_ppm".into(), used)].into() };
        let key = AnswerKey {
            account: "codex".into(),
            metric: "window".into(),
            dimensions: vec!["window".into()],
            bucket: Bucket { start: at, width: 0 },
        };
        let answer = Answer { key, observed: at, clock: Clock::Device, rows: vec![row] };
        replica.record(Commit { events: vec![Event::Answer(answer)], marks: vec![], now: NOW }).await.unwrap();
    }
    let mut reader = Replica::open_read(home.path(), &options(NOW)).await.unwrap();
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
    format!("{:?}", Report::cut(&query, days, &|_, _, _| None))
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
    let mut reader = Replica::open_read(home.path(), &options(NOW)).await.unwrap();
    assert_eq!(figures(&mut reader).await, [(2, 7), (3, 5)]);
    let calls = reader.copies(ALL, NOW.day()).await.unwrap();
    assert_eq!(calls.iter().map(|c| c.record.tokens.output).collect::<Vec<_>>(), [5, 7]);
    let written = figures(&mut replica).await;
    assert_eq!(figures(&mut reader).await, written);
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

/// A newer version's kind of event, beside a call and alone: it is carried through everything, and hides nothing.
#[tokio::test]
async fn what_a_newer_version_wrote_survives_sealing_and_export() {
    let home = TempDir::new().unwrap();
    let mut replica = open(&home).await;
    record(&mut replica, &[call(1, 7, 1)]).await;
    // Section 77 with one row, one column: id 1, plain numbers, one byte.
    let unknown = [77, 1, 1, 1, 0, 1, 42];
    let known = Batch::new([Event::Record(call(2, 5, 1))]).encode();
    let batches = [[known, unknown.to_vec()].concat(), [Batch::default().encode(), unknown.to_vec()].concat()];
    let mut chain = Chain::new(WriterId([9; 8])).unwrap();
    // And a batch in another format altogether.
    let batches = [&batches[..], &[vec![2, 1, 2, 3]]].concat();
    for batch in &batches {
        insert(&home, &replica, 1, chain.append(batch.clone())).await;
    }
    record(&mut replica, &[call(3, 2, 1)]).await;
    for _ in 0..2 {
        assert_eq!(figures(&mut replica).await, [(1, 14)]);
        let held = exported(&mut replica).await;
        assert_eq!(held.len(), 5);
        assert!(batches.iter().all(|batch| held.contains(batch)), "byte for byte");
        replica.seal(UtcMillis(NOW.0 + DAY)).await.unwrap();
        replica.rebuild().await.unwrap();
    }
    let health = replica.health().await.unwrap();
    assert_eq!((health.rows, health.quarantined.len(), health.rereading), (1, 0, false), "{health:?}");
}

/// A virtual machine resumed twice: two changes of one writer with one number. Automerge holds one of them, so such a
/// segment is not sealed.
#[tokio::test]
async fn both_branches_of_a_fork_are_kept() {
    let home = TempDir::new().unwrap();
    let mut replica = open(&home).await;
    let batch = |m| Batch::new([Event::Record(call(m, 1, 1))]).encode();
    let mut left = Chain::new(WriterId([9; 8])).unwrap();
    insert(&home, &replica, 1, left.append(batch(1))).await;
    let mut right = left.clone();
    insert(&home, &replica, 1, left.append(batch(2))).await;
    insert(&home, &replica, 1, right.append(batch(3))).await;
    record(&mut replica, &[call(4, 1, 1)]).await;
    assert_eq!(figures(&mut replica).await, [(1, 4)]);
    replica.seal(UtcMillis(NOW.0 + DAY)).await.unwrap();
    replica.rebuild().await.unwrap();
    assert_eq!(figures(&mut replica).await, [(1, 4)]);
}

/// A disk image started twice: both go on as one device, and what they wrote fits into one document.
#[tokio::test]
async fn a_cloned_folder_is_another_writer() {
    let (home, clone) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut replica = open(&home).await;
    record(&mut replica, &[call(1, 1, 0)]).await;
    drop(replica);
    // The connection closes on a thread of its own.
    while home.path().join("aimon.db-wal").exists() {
        tokio::task::yield_now().await;
    }
    for file in std::fs::read_dir(home.path()).unwrap().map(Result::unwrap) {
        std::fs::copy(file.path(), clone.path().join(file.file_name())).unwrap();
    }
    let (mut one, mut two) = (open(&home).await, open(&clone).await);
    assert_eq!(one.device(), two.device());
    for (replica, first) in [(&mut one, 10), (&mut two, 20)] {
        record(replica, &[call(first, 1, 0)]).await;
        record(replica, &[call(first + 1, 1, 0)]).await;
    }
    drop(two);
    let path = clone.path().join("aimon.db");
    let mut db: SqliteConnection = sqlx::sqlite::SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    let rows: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT bytes FROM changes ORDER BY seq").fetch_all(&mut db).await.unwrap();
    assert_eq!(rows.len(), 3);
    for row in rows {
        // What both held before is the same row again.
        insert(&home, &one, 0, row).await;
    }
    assert_eq!(figures(&mut one).await, [(0, 5)]);
    assert_eq!(exported(&mut one).await.len(), 5, "no writer's change has taken another's place");
}

/// What follows a commit that failed must not build on it: it would be left out of every document.
#[tokio::test]
async fn a_failed_commit_leaves_no_hole() {
    let home = TempDir::new().unwrap();
    let mut replica = open(&home).await;
    record(&mut replica, &[call(1, 1, 0)]).await;
    sql(&home, "CREATE TRIGGER full BEFORE INSERT ON marks BEGIN SELECT RAISE(ABORT, 'full'); END").await;
    let mark = Mark { source: "codex".into(), key: b"k".to_vec(), digest: 1, stamp: 1, value: Some(b"v".to_vec()) };
    let events = vec![Event::Record(call(2, 1, 0))];
    replica.record(Commit { events, marks: vec![mark], now: NOW }).await.unwrap_err();
    sql(&home, "DROP TRIGGER full").await;
    assert_eq!(figures(&mut replica).await, [(0, 1)], "all of it or nothing");
    record(&mut replica, &[call(3, 1, 0)]).await;
    assert_eq!(figures(&mut replica).await, [(0, 2)]);
    assert_eq!(exported(&mut replica).await.len(), 2);
}

/// A machine whose clock begins in 1970, then is set right, then jumps to 2030 and back: every call stays, on its day.
#[tokio::test]
async fn no_clock_misdates_or_expires_a_call() {
    let home = TempDir::new().unwrap();
    let clocks = [UtcMillis(5_000), NOW, UtcMillis(NOW.0 + 1500 * DAY), UtcMillis(0), UtcMillis(-DAY), NOW];
    let mut expected = Vec::new();
    for (i, now) in clocks.into_iter().enumerate() {
        let mut replica = Replica::open(home.path(), &options(now)).await.unwrap();
        let ago = i as i64 + 1;
        let events = vec![Event::Record(call(i as u8, 1 + i as u64, ago))];
        let done = replica.record(Commit { events, marks: vec![], now }).await.unwrap();
        assert_eq!((done.events, done.expired), (1, 0), "under clock {i}");
        expected.push((ago, 1 + i as u64));
        replica.seal(now).await.unwrap();
        assert_eq!(figures(&mut replica).await, expected, "under clock {i}");
    }
}

/// 180 days are 180 days: with each midnight exactly the oldest one goes, from the events and from each table.
#[tokio::test]
async fn days_expire_one_by_one() {
    let home = TempDir::new().unwrap();
    let mut replica = open(&home).await;
    replica.vouch(NOW).await.unwrap();
    let calls: Vec<Record> = (170..180).map(|days| call(days as u8, 1, days)).collect();
    record(&mut replica, &calls).await;
    for midnights in 0..5 {
        let now = UtcMillis(NOW.0 + midnights * DAY);
        replica.observe(now).await.unwrap();
        for detail in [Detail::Full, Detail::Hours] {
            let days = replica.history(ALL, now.day(), detail).await.unwrap();
            assert_eq!(days.len() as i64, 10 - midnights, "{detail:?}");
            assert_eq!(days[0].day, now.day().plus(-179));
        }
        assert_eq!(replica.health().await.unwrap().records as i64, 10 - midnights);
        // Nothing of an expired day is left in a derived table either.
        let path = home.path().join("aimon.db");
        let mut db: SqliteConnection =
            sqlx::sqlite::SqliteConnectOptions::new().filename(path).connect().await.unwrap();
        let rows: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM cells").fetch_one(&mut db).await.unwrap();
        let spans: Vec<Vec<u8>> = sqlx::query_scalar("SELECT bytes FROM hours").fetch_all(&mut db).await.unwrap();
        let gone = now.day().plus(-180).0.to_le_bytes();
        assert_eq!((rows, spans.iter().any(|s| s.windows(4).any(|w| w == gone))), (10 - midnights, false));
    }
}

/// A flipped bit in what is derived is no other figure: to a writer, who makes it again, and to a reader, who can't.
#[tokio::test]
async fn a_flipped_bit_in_a_derived_table_changes_nothing() {
    let home = TempDir::new().unwrap();
    let mut replica = open(&home).await;
    let calls: Vec<Record> = (0..200).map(|n| call(n, 1, i64::from(n % 40))).collect();
    record(&mut replica, &calls).await;
    let right = figures(&mut replica).await;
    let hours = async |replica: &mut Replica| strip(replica.history(ALL, NOW.day(), Detail::Hours).await.unwrap());
    let right_hours = hours(&mut replica).await;
    drop(replica);
    for (table, row) in [("cells", "day"), ("hours", "span"), ("pages", "page"), ("derived", "key")] {
        for damage in
            ["substr(bytes, 1, 20) || x'ff' || substr(bytes, 22)", "substr(bytes, 1, length(bytes) / 2)", "x''"]
        {
            let column = if table == "derived" { "value" } else { "bytes" };
            let which = if table == "derived" {
                "key = 'upto'".to_owned()
            } else {
                format!("{row} IN (SELECT {row} FROM {table} ORDER BY 1 DESC LIMIT 1)")
            };
            let text = format!("UPDATE {table} SET {column} = {} WHERE {which}", damage.replace("bytes", column));
            let path = home.path().join("aimon.db");
            let mut db: SqliteConnection =
                sqlx::sqlite::SqliteConnectOptions::new().filename(path).connect().await.unwrap();
            let done = sqlx::query(sqlx::AssertSqlSafe(text.clone())).execute(&mut db).await.unwrap();
            assert_eq!(done.rows_affected(), 1, "{text}");
            let mut reader = Replica::open_read(home.path(), &options(NOW)).await.unwrap();
            assert_eq!(
                (figures(&mut reader).await, hours(&mut reader).await),
                (right.clone(), right_hours.clone()),
                "{text}"
            );
            let mut writer = open(&home).await;
            if table == "pages" {
                // A page is read where a new call belongs to it.
                record(&mut writer, &calls).await;
            }
            assert_eq!(
                (figures(&mut writer).await, hours(&mut writer).await),
                (right.clone(), right_hours.clone()),
                "{text}"
            );
            assert_eq!(writer.health().await.unwrap().records % 200, 0);
        }
    }
}
