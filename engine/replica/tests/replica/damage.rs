//! Damage, failure, and whoever goes away half-way.

use super::*;

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
    assert_eq!(
        (health.quarantined.len(), health.quarantined[0].day, health.rereading),
        (1, Some(NOW.day().plus(-3)), true)
    );
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
async fn a_newer_and_a_broken_database_are_named() {
    let home = TempDir::new().unwrap();
    drop(open(&home).await);
    sql(&home, "PRAGMA user_version = 99").await;
    let error = Replica::open(home.path(), &options(NOW)).await.unwrap_err();
    assert_eq!(error.code(), "database-newer");
    assert_eq!(Replica::open_read(home.path()).await.unwrap_err().code(), "database-newer");
    std::fs::write(home.path().join("aimon.db"), b"this is no database at all, but long enough to look at").unwrap();
    let _ = std::fs::remove_file(home.path().join("aimon.db-wal"));
    assert_eq!(Replica::open(home.path(), &options(NOW)).await.unwrap_err().code(), "database-damaged");
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

/// A flipped bit in what is derived is no other figure: to a writer, who makes it again, and to a reader, who can't.
#[tokio::test]
async fn a_flipped_bit_in_a_derived_table_changes_nothing() {
    let home = TempDir::new().unwrap();
    let mut replica = open(&home).await;
    let calls: Vec<Record> = (0..200).map(|n| call(n, 1, i64::from(n % 40))).collect();
    record(&mut replica, &calls).await;
    readings::say(&mut replica, (0..40).map(|m| readings::usage(1, m, 0, 10))).await;
    let right = figures(&mut replica).await;
    let right_readings = readings::readings(&mut replica).await;
    let hours = async |replica: &mut Replica| strip(replica.history(ALL, NOW.day(), Detail::Hours).await.unwrap());
    let right_hours = hours(&mut replica).await;
    drop(replica);
    for (table, row) in
        [("cells", "day"), ("hours", "span"), ("readings", "day"), ("pages", "page"), ("derived", "key")]
    {
        // The last one is what damage further up in a table's tree comes to: a row that is not found.
        let gone = "";
        for damage in
            ["substr(bytes, 1, 20) || x'ff' || substr(bytes, 22)", "substr(bytes, 1, length(bytes) / 2)", "x''", gone]
        {
            if damage == gone && table == "derived" {
                continue;
            }
            let column = if table == "derived" { "value" } else { "bytes" };
            let which = if table == "derived" {
                "key = 'upto'".to_owned()
            } else {
                format!("{row} IN (SELECT {row} FROM {table} ORDER BY 1 DESC LIMIT 1)")
            };
            let text = match damage {
                "" => format!("DELETE FROM {table} WHERE {which}"),
                _ => format!("UPDATE {table} SET {column} = {} WHERE {which}", damage.replace("bytes", column)),
            };
            let path = home.path().join("aimon.db");
            let mut db: SqliteConnection =
                sqlx::sqlite::SqliteConnectOptions::new().filename(path).connect().await.unwrap();
            let done = sqlx::query(sqlx::AssertSqlSafe(text.clone())).execute(&mut db).await.unwrap();
            assert_eq!(done.rows_affected(), 1, "{text}");
            let mut reader = Replica::open_read(home.path()).await.unwrap();
            assert_eq!(
                (figures(&mut reader).await, hours(&mut reader).await),
                (right.clone(), right_hours.clone()),
                "{text}"
            );
            assert_eq!(readings::readings(&mut reader).await, right_readings, "{text}");
            let mut writer = open(&home).await;
            if table == "pages" {
                // A page is read where a new call belongs to it.
                record(&mut writer, &calls).await;
            }
            assert_eq!(readings::readings(&mut writer).await, right_readings, "{text}");
            assert_eq!(
                (figures(&mut writer).await, hours(&mut writer).await),
                (right.clone(), right_hours.clone()),
                "{text}"
            );
            assert_eq!(writer.health().await.unwrap().records % 200, 0);
        }
    }
}

/// What is quarantined leaves the figures at once, not only when they are made again.
#[tokio::test]
async fn a_row_that_is_damaged_later_leaves_the_figures() {
    for found_by in ["doctor", "explain"] {
        let home = TempDir::new().unwrap();
        let mut replica = open(&home).await;
        record(&mut replica, &[call(1, 7, 0), call(2, 5, 3)]).await;
        record(&mut replica, &[call(3, 2, 3)]).await;
        assert_eq!(figures(&mut replica).await, [(0, 7), (3, 7)]);
        drop(replica);
        sql(&home, "UPDATE changes SET bytes = x'856f4a83' || zeroblob(90) WHERE seq = 1").await;
        let mut replica = open(&home).await;
        match found_by {
            "doctor" => assert_eq!(replica.health().await.unwrap().quarantined.len(), 1),
            _ => assert_eq!(replica.copies(ALL, NOW.day()).await.unwrap().len(), 2),
        }
        let before = figures(&mut replica).await;
        assert_eq!(before, [(0, 7), (3, 2)], "{found_by}");
        assert!(replica.health().await.unwrap().rereading);
        replica.rebuild().await.unwrap();
        assert_eq!(figures(&mut replica).await, before);
        let done = replica.record(Commit { events: vec![Event::Record(call(1, 7, 0))], marks: vec![], now: NOW }).await;
        assert_eq!(done.unwrap().held, 1, "what is held is not written twice, in this process either");
    }
}

/// A status line that hangs up takes its request with it, at any moment: what follows must not build on a change that
/// was never stored.
#[tokio::test]
async fn who_goes_away_half_way_leaves_no_hole() {
    let home = TempDir::new().unwrap();
    let mut replica = open(&home).await;
    for n in 0..40_u8 {
        let patience = std::time::Duration::from_micros(u64::from(n) * 20);
        let commit = Commit { events: vec![Event::Record(call(n, 1, 1))], marks: vec![], now: NOW };
        // Whether it was in time or not.
        let _ = tokio::time::timeout(patience, replica.record(commit)).await;
        record(&mut replica, &[call(100 + n, 1, 1)]).await;
    }
    let before = figures(&mut replica).await;
    assert!(before[0].1 >= 40, "{before:?}");
    replica.seal(UtcMillis(NOW.0 + DAY)).await.unwrap();
    let health = replica.health().await.unwrap();
    assert_eq!(health.rows, health.segments, "a segment with a hole can't be sealed");
    replica.rebuild().await.unwrap();
    assert_eq!(figures(&mut replica).await, before);
}

/// The index tells which other days hold copies of a message. Without the page that knows, both copies would count.
#[tokio::test]
async fn a_lost_page_of_the_index_counts_nothing_twice() {
    let home = TempDir::new().unwrap();
    let mut replica = open(&home).await;
    record(&mut replica, &[call(1, 7, 2)]).await;
    assert_eq!(figures(&mut replica).await, [(2, 7)]);
    drop(replica);
    sql(&home, "DELETE FROM pages").await;
    let mut replica = open(&home).await;
    record(&mut replica, &[call(1, 9, 0)]).await;
    assert_eq!(figures(&mut replica).await, [(0, 9)]);
}

/// A new aimon reads beside an old `up`, whose tables mean something else to it.
#[tokio::test]
async fn a_reader_makes_its_own_where_the_tables_are_another_versions() {
    let home = TempDir::new().unwrap();
    let mut replica = open(&home).await;
    record(&mut replica, &[call(1, 7, 0), call(2, 5, 3)]).await;
    assert_eq!(figures(&mut replica).await, [(0, 7), (3, 5)]);
    drop(replica);
    sql(&home, "UPDATE derived SET value = zeroblob(8) WHERE key = 'version'").await;
    // What the tables still say of it is theirs.
    sql(&home, "DELETE FROM changes WHERE seq = 1").await;
    let mut reader = Replica::open_read(home.path()).await.unwrap();
    assert_eq!(figures(&mut reader).await, [(0, 7)]);
}
