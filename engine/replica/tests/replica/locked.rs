//! Without the keys: what rests in clear is shown with what the tables hold, and each call counts once, then and later.

use aimon_core::sync::Write;

use super::world::{B, arrival, locked_with_a_call, secret, workspace};
use super::*;

/// What every way to read says: by day, by hour, call by call, and the gauges.
async fn seen(replica: &mut Replica) -> (Vec<(i64, u64)>, Vec<u64>, Vec<u64>, Vec<i128>) {
    let hours = replica.history(ALL, NOW.day(), Detail::Hours).await.unwrap();
    let copies = replica.copies(ALL, NOW.day()).await.unwrap();
    let gauges = replica.gauges().await.unwrap();
    (
        figures(replica).await,
        hours.iter().rev().map(sum).collect(),
        copies.iter().map(|copy| copy.record.tokens.output).collect(),
        gauges.iter().map(|gauge| gauge.answer.rows[0].measures["used_ppm"]).collect(),
    )
}

/// What somebody sees who reads beside the one who writes, also without keys.
async fn seen_beside(home: &TempDir) -> (Vec<(i64, u64)>, Vec<u64>, Vec<u64>, Vec<i128>) {
    seen(&mut Replica::open_read(home.path()).await.unwrap()).await
}

#[tokio::test]
async fn a_device_that_never_had_a_call_shows_those_that_come() {
    let home = TempDir::new().unwrap();
    let (world, replica) = workspace(&home).await;
    drop(replica);
    let mut locked = open(&home).await;
    assert!(locked.is_locked());
    // Copies of one message on two days, streamed and in two commits: the largest counts, on its day.
    record(&mut locked, &[call(1, 7, 1), call(2, 5, 1)]).await;
    record(&mut locked, &[call(1, 9, 2), call(1, 7, 1), call(3, 4, 0)]).await;
    let commit = Commit { events: vec![window(NOW, 30)], marks: vec![], now: NOW };
    locked.record(commit).await.unwrap();
    let all = (vec![(0, 4), (1, 5), (2, 9)], vec![4, 5, 9], vec![9, 5, 4], vec![30]);
    assert_eq!(seen(&mut locked).await, all);
    assert_eq!(seen_beside(&home).await, all);
    assert_eq!((figures(&mut locked).await, locked.is_behind()), (all.0.clone(), false), "there is nothing else");
    // An earlier day as today: what is kept as of then is the same.
    let as_of = locked.history(ALL, UtcDay(NOW.day().0 + 178), Detail::Full).await.unwrap();
    assert_eq!(as_of.iter().map(sum).collect::<Vec<_>>(), [7 + 5, 4], "the larger copy's day is not kept as of then");
    locked.unlock(secret(world.a), NOW).await.unwrap();
    assert_eq!(seen(&mut locked).await, all);
    assert_eq!(number_of_plain_rows(&home).await, 0);
    drop(locked);
    assert_eq!(figures(&mut open(&home).await).await, all.0, "locked again");
}

#[tokio::test]
async fn what_is_new_comes_on_top_of_what_the_tables_hold() {
    let home = TempDir::new().unwrap();
    let (mut world, mut replica) = workspace(&home).await;
    let events = vec![window(UtcMillis(NOW.0 - 2), 10)];
    replica.record(Commit { events, marks: vec![], now: NOW }).await.unwrap();
    let chunk = world.calls(B, 1, &[call(1, 7, 1)]);
    replica.apply(&arrival(&[&chunk]), NOW).await.unwrap();
    drop(replica);
    let mut locked = open(&home).await;
    record(&mut locked, &[call(2, 5, 1), call(3, 4, 0)]).await;
    let events = vec![window(UtcMillis(NOW.0 - 3), 20)];
    locked.record(Commit { events, marks: vec![], now: NOW }).await.unwrap();
    let (days, hours, _, gauges) = seen(&mut locked).await;
    assert_eq!((days, hours, gauges), (vec![(0, 4), (1, 12)], vec![4, 12], vec![10]), "an older answer is no news");
    assert_eq!((figures(&mut locked).await, locked.is_behind()), (vec![(0, 4), (1, 12)], false));
    // What others write meanwhile shows with the keys.
    let chunk = world.calls(B, 0, &[call(4, 2, 0)]);
    drop(locked);
    let mut replica = world.open(&home).await;
    replica.apply(&arrival(&[&chunk]), NOW).await.unwrap();
    assert_eq!(figures(&mut replica).await, [(0, 6), (1, 12)]);
    assert_eq!(seen(&mut replica).await.3, [10]);
}

/// A copy of a call whose other copies can't be read: one of them counts already. Which one stands, the keys show.
#[tokio::test]
async fn a_copy_of_what_the_tables_know_is_not_counted_again() {
    let home = TempDir::new().unwrap();
    let (world, mut locked) = locked_with_a_call(&home).await;
    record(&mut locked, &[call(1, 9, 0), call(2, 5, 0)]).await;
    assert_eq!((figures(&mut locked).await, locked.is_behind()), (vec![(0, 5), (1, 7)], true));
    locked.unlock(secret(world.a), NOW).await.unwrap();
    assert_eq!((figures(&mut locked).await, locked.is_behind()), (vec![(0, 14)], false));
}

/// A device that was not given the newest key records in clear, too, and folds that as long as it has its keys.
#[tokio::test]
async fn what_was_folded_in_clear_is_not_added_again() {
    let home = TempDir::new().unwrap();
    let (mut world, mut replica) = workspace(&home).await;
    let rotate = world.rotate(B, world.a);
    replica.apply(&Write { statements: vec![rotate], ..Write::default() }, NOW).await.unwrap();
    record(&mut replica, &[call(1, 7, 1)]).await;
    assert_eq!(figures(&mut replica).await, [(1, 7)]);
    assert_eq!(number_of_plain_rows(&home).await, 1);
    drop(replica);
    let mut locked = open(&home).await;
    record(&mut locked, &[call(2, 5, 1)]).await;
    let (days, hours, copies, _) = seen(&mut locked).await;
    assert_eq!((days, hours, copies), (vec![(1, 12)], vec![12], vec![7, 5]));
    locked.unlock(secret(world.a), NOW).await.unwrap();
    assert_eq!(figures(&mut locked).await, [(1, 12)]);
}

async fn number_of_plain_rows(home: &TempDir) -> i64 {
    let path = home.path().join("aimon.db");
    let mut db: SqliteConnection = sqlx::sqlite::SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    sqlx::query_scalar("SELECT COUNT(*) FROM changes WHERE id IS NULL").fetch_one(&mut db).await.unwrap()
}
