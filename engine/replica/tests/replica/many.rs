//! More at once than one batch may hold.

use aimon_core::accounts::{AccountId, Joined};
use aimon_core::event::Setting;

use super::readings::{readings, say, usage};
use super::world::workspace;
use super::*;

/// An answer about a minute of yesterday, of so many rows of five measures.
fn page(minute: i64, rows: usize) -> Answer {
    let measures = ["cached", "input", "output", "requests", "searches"].map(|name| (name.into(), 1));
    let row = |n: usize| Row { values: vec![format!("model-{n}").into()], measures: measures.clone().into() };
    Answer { rows: (0..rows).map(row).collect(), ..usage(1, minute, 0, 0) }
}

/// 20,000 rows of five measures, none of which takes more than a few bits.
fn pages() -> Vec<Answer> {
    (0..200).map(|minute| page(minute, 100)).collect()
}

async fn has_all(replica: &mut Replica) {
    let held = replica.answers(NOW.day().plus(-1)).await.unwrap();
    let mut held: Vec<Answer> = held.into_iter().map(|standing| standing.answer).collect();
    held.sort_by_key(|answer| answer.key.bucket.start);
    assert!(held == pages(), "{} answers", held.len());
    let days = readings(replica).await;
    let sums = days.iter().flat_map(|day| &day.readings).flat_map(|(_, reading)| &reading.measures);
    assert_eq!(sums.map(|(_, sum)| sum).sum::<i128>(), 100_000);
    assert_eq!(replica.quarantined().await.unwrap(), 0);
}

#[tokio::test]
async fn twenty_thousand_rows_of_one_commit_are_all_read_back() {
    let home = TempDir::new().unwrap();
    let mut replica = open(&home).await;
    say(&mut replica, pages()).await;
    has_all(&mut replica).await;
    drop(replica);
    let mut replica = open(&home).await;
    replica.rebuild().await.unwrap();
    has_all(&mut replica).await;
    assert_eq!(replica.seal(UtcMillis(NOW.0 + DAY)).await.unwrap(), 1);
    has_all(&mut replica).await;
}

#[tokio::test]
async fn twenty_thousand_rows_of_one_commit_are_all_read_back_in_a_workspace() {
    let home = TempDir::new().unwrap();
    let (world, mut replica) = workspace(&home).await;
    say(&mut replica, pages()).await;
    has_all(&mut replica).await;
    drop(replica);
    let mut replica = world.open(&home).await;
    replica.rebuild().await.unwrap();
    has_all(&mut replica).await;
}

/// An answer stands or falls as a whole. One that can't be kept is told, and keeps nothing else from being recorded later.
#[tokio::test]
async fn an_answer_that_can_t_be_kept_is_refused_by_name() {
    let (alone, shared) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (_, in_workspace) = workspace(&shared).await;
    for mut replica in [open(&alone).await, in_workspace] {
        let events = vec![Event::Answer(page(0, 5)), Event::Answer(page(1, 13_108))];
        let why = replica.record(Commit { events, marks: vec![], now: NOW }).await.unwrap_err();
        assert_eq!(why.code(), "event-too-large");
        assert!(why.to_string().contains("usage.completions of org-1"), "{why}");
        assert!(readings(&mut replica).await.is_empty(), "all of a commit or nothing");
        say(&mut replica, [page(0, 5)]).await;
        assert_eq!(replica.answers(NOW.day().plus(-1)).await.unwrap().len(), 1);
    }
}

/// Each was recorded by itself; all together are more than one batch may hold.
#[tokio::test]
async fn gauges_of_very_many_rows_are_read_back() {
    let home = TempDir::new().unwrap();
    let mut replica = open(&home).await;
    let gauge = |n: usize| {
        let mut answer = page(0, 4_000);
        answer.key.metric = format!("limits-{n}").into();
        answer.key.bucket = Bucket { start: NOW, width: 0 };
        answer.observed = NOW;
        answer
    };
    for n in 0..8 {
        say(&mut replica, [gauge(n)]).await;
        assert_eq!(replica.gauges().await.unwrap().len(), n + 1);
    }
    say(&mut replica, [usage(1, 0, 0, 1)]).await;
    drop(replica);
    let mut reader = Replica::open_read(home.path()).await.unwrap();
    assert_eq!(reader.gauges().await.unwrap().len(), 8);
}

async fn set(replica: &mut Replica, path: &str, value: &str, counter: u64) {
    let setting = Setting { path: path.into(), value: Some(value.into()), counter };
    replica.record(Commit { events: vec![Event::Setting(setting)], marks: vec![], now: NOW }).await.unwrap();
    readings(replica).await;
}

/// Two accounts of which somebody said that they are two: the days are folded as before, whatever else is set from then on.
#[tokio::test]
async fn a_setting_that_joins_nothing_refolds_nothing() {
    let home = TempDir::new().unwrap();
    let mut replica = open(&home).await;
    let [one, other, third] =
        ["a", "b", "c"].map(|n| AccountId::parse(&format!("openrouter/key-{}", n.repeat(16))).unwrap());
    let of = |account: &AccountId, days| {
        let mut answer = usage(days, 0, 0, 1);
        answer.key.account = account.name().clone();
        answer
    };
    say(&mut replica, [of(&one, 1), of(&other, 2), of(&third, 3)]).await;
    readings(&mut replica).await;
    sql(&home, "CREATE TABLE folded (day INTEGER)").await;
    sql(&home, "CREATE TRIGGER put AFTER INSERT ON readings BEGIN INSERT INTO folded VALUES (new.day); END").await;
    sql(&home, "CREATE TRIGGER again AFTER UPDATE ON readings BEGIN INSERT INTO folded VALUES (new.day); END").await;
    let (path, no) = Joined::entry(one.clone(), other.clone(), false);
    set(&mut replica, path.as_str(), &no, 1).await;
    set(&mut replica, "zone", "UTC", 2).await;
    let folded = "SELECT COUNT(*) FROM folded";
    assert_eq!(super::chunks::number(&home, folded).await, 0);
    let (path, yes) = Joined::entry(one, third, true);
    set(&mut replica, path.as_str(), &yes, 3).await;
    let days = super::chunks::number(&home, folded).await;
    assert!(days >= 3, "what joins them folds {days} days");
    set(&mut replica, "zone", "Asia/Tokyo", 4).await;
    assert_eq!(super::chunks::number(&home, folded).await, days);
}
