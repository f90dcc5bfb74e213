//! A database of an older version.

use super::*;

/// `v1.sql` is what a real aimon of that version wrote: a sealed day, single changes, a mark, and a change that its derived
/// tables do not hold.
async fn version_1(home: &TempDir) {
    sql_file(home, include_str!("v1.sql")).await;
}

async fn sql_file(home: &TempDir, text: &'static str) {
    let path = home.path().join("aimon.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut db: SqliteConnection = options.connect().await.unwrap();
    sqlx::raw_sql(text).execute(&mut db).await.unwrap();
}

const FIGURES: [(i64, u64); 4] = [(0, 49), (1, 50), (2, 3), (3, 2)];

#[tokio::test]
async fn a_database_of_version_1_goes_on_with_all_that_it_has() {
    let home = TempDir::new().unwrap();
    version_1(&home).await;
    // A reader can't bring it up to date, and does not take it for an empty one.
    let error = Replica::open_read(home.path()).await.unwrap_err();
    assert_eq!(error.code(), "database-older");
    // The derived tables are of another version: they are made again.
    sql(&home, "INSERT INTO derived VALUES ('mark', x'00')").await;
    let mut replica = open(&home).await;
    assert_eq!(replica.device().to_string(), "01a05f6a-6b88-7d47-8a83-b5b3c508d9f7");
    assert_eq!((replica.retention_days(), replica.mark("codex", b"k").await.unwrap()), (100, Some(b"v".to_vec())));
    assert_eq!(figures(&mut replica).await, FIGURES);
    assert_eq!(replica.gauges().await.unwrap().len(), 1);
    let mut reader = Replica::open_read(home.path()).await.unwrap();
    assert_eq!(figures(&mut reader).await, FIGURES);
    let health = replica.health().await.unwrap();
    assert_eq!((health.rows, health.records, health.quarantined.len()), (4, 6, 0));
    drop(replica);
    let path = home.path().join("aimon.db");
    let mut db: SqliteConnection = sqlx::sqlite::SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    let kept: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM derived WHERE key = 'mark'").fetch_one(&mut db).await.unwrap();
    assert_eq!(kept, 0);
    let rows: Vec<(i64, i32)> =
        sqlx::query_as("SELECT seq, day FROM changes ORDER BY seq").fetch_all(&mut db).await.unwrap();
    let today = NOW.day().0;
    assert_eq!(rows, [(1, today - 3), (3, today - 2), (4, today), (5, today - 1)], "numbers stay");
    drop(db);
    let mut replica = open(&home).await;
    replica.rebuild().await.unwrap();
    assert_eq!(figures(&mut replica).await, FIGURES);
}

/// The derived tables know by its number what is new: one that was given once is never given again.
#[tokio::test]
async fn numbers_of_rows_that_have_gone_are_not_given_again() {
    let home = TempDir::new().unwrap();
    version_1(&home).await;
    sql(&home, "DELETE FROM changes WHERE seq >= 3").await;
    let mut replica = open(&home).await;
    record(&mut replica, &[call(9, 7, 0)]).await;
    drop(replica);
    let path = home.path().join("aimon.db");
    let mut db: SqliteConnection = sqlx::sqlite::SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    let rows: Vec<i64> = sqlx::query_scalar("SELECT seq FROM changes ORDER BY seq").fetch_all(&mut db).await.unwrap();
    assert_eq!(rows, [1, 6]);
}
