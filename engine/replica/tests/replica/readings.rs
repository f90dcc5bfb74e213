//! What counts of what providers said, in its table and beside it.

use aimon_core::event::Unchanged;
use aimon_core::history::DayReadings;

use super::*;

/// An answer about a minute, `days` days ago, that was observed so many minutes after it.
pub(super) fn usage(days: i64, minute: i64, after: i64, tokens: i128) -> Answer {
    let start = UtcMillis(NOW.day().plus(-(days as i32)).start().0 + minute * 60_000);
    Answer {
        key: AnswerKey {
            account: "org-1".into(),
            metric: "usage.completions".into(),
            dimensions: vec!["model".into()],
            bucket: Bucket { start, width: 60 },
        },
        observed: UtcMillis(start.0 + (1 + after) * 60_000),
        clock: Clock::Provider,
        rows: vec![Row { values: vec!["m".into()], measures: [("input_tokens".into(), tokens)].into() }],
    }
}

pub(super) async fn say(replica: &mut Replica, answers: impl IntoIterator<Item = Answer>) {
    let events = answers.into_iter().map(Event::Answer).collect();
    replica.record(Commit { events, marks: vec![], now: NOW }).await.unwrap();
}

pub(super) async fn readings(replica: &mut Replica) -> Vec<DayReadings> {
    replica.readings(ALL, NOW.day()).await.unwrap()
}

/// Tokens by days ago.
fn tokens(days: &[DayReadings]) -> Vec<(i32, i128)> {
    let sum = |day: &DayReadings| day.readings.iter().flat_map(|(_, reading)| &reading.measures).map(|(_, n)| n).sum();
    days.iter().rev().map(|day| (NOW.day().0 - day.day.0, sum(day))).collect()
}

/// However commits cut and repeat what was said, after a restart, sealed, to a reader and made anew: the same.
#[tokio::test]
async fn readings_are_a_function_of_what_was_said() {
    let home = TempDir::new().unwrap();
    let mut replica = open(&home).await;
    say(&mut replica, (0..40).map(|m| usage(1, m, 0, 10))).await;
    assert_eq!(tokens(&readings(&mut replica).await), [(1, 400)]);
    // A bucket that has grown, one that is said again, and another day.
    say(&mut replica, [usage(1, 7, 5, 13), usage(1, 8, 0, 10), usage(2, 0, 0, 1)]).await;
    let right = readings(&mut replica).await;
    assert_eq!(tokens(&right), [(1, 403), (2, 1)]);
    drop(replica);
    let mut reader = Replica::open_read(home.path()).await.unwrap();
    assert_eq!(readings(&mut reader).await, right);
    let mut replica = open(&home).await;
    assert_eq!(readings(&mut replica).await, right);
    assert_eq!(replica.seal(UtcMillis(NOW.0 + DAY)).await.unwrap(), 1, "the other day has one row");
    assert_eq!(readings(&mut replica).await, right);
    replica.rebuild().await.unwrap();
    assert_eq!(readings(&mut replica).await, right);
    let old = usage(1, 7, 0, 10);
    let note = Unchanged {
        key: old.key.clone(),
        answer: old.hash(),
        seen: UtcMillis(old.observed.0 + 3_600_000),
        clock: Clock::Provider,
    };
    replica.record(Commit { events: vec![Event::Unchanged(note)], marks: vec![], now: NOW }).await.unwrap();
    assert_eq!(tokens(&readings(&mut replica).await), [(1, 400), (2, 1)], "a note alone changes what counts");
}

/// Before the writer has brought its tables up to date.
#[tokio::test]
async fn a_reader_ahead_of_the_readings_shows_what_is_there() {
    let home = TempDir::new().unwrap();
    let mut replica = open(&home).await;
    say(&mut replica, [usage(0, 0, 0, 5)]).await;
    readings(&mut replica).await;
    say(&mut replica, [usage(0, 0, 1, 6), usage(0, 1, 1, 1)]).await;
    let mut reader = Replica::open_read(home.path()).await.unwrap();
    assert_eq!(tokens(&readings(&mut reader).await), [(0, 7)]);
}

#[tokio::test]
async fn readings_of_expired_days_are_gone() {
    let home = TempDir::new().unwrap();
    let mut replica = open(&home).await;
    replica.vouch(NOW, NOW).await.unwrap();
    say(&mut replica, [usage(179, 0, 0, 5), usage(178, 0, 0, 6)]).await;
    assert_eq!(tokens(&readings(&mut replica).await), [(178, 6), (179, 5)]);
    let as_of = NOW.day().plus(1);
    assert_eq!(tokens(&replica.readings(ALL, as_of).await.unwrap()), [(178, 6)]);
    replica.observe(UtcMillis(NOW.0 + DAY)).await.unwrap();
    assert_eq!(tokens(&replica.readings(ALL, as_of).await.unwrap()), [(178, 6)]);
    let path = home.path().join("aimon.db");
    let mut db: SqliteConnection = sqlx::sqlite::SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    let held: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM readings").fetch_one(&mut db).await.unwrap();
    assert_eq!(held, 1);
}

/// Names by the thousand, as nobody but an attacker writes them: they take nothing else out of the figures, and what is derived is
/// read after a restart and beside the writer, and comes out the same when it is made anew.
#[tokio::test]
async fn absurdly_many_names_take_nothing_else_away() {
    let home = TempDir::new().unwrap();
    let mut replica = open(&home).await;
    let of = |account: &str| {
        let mut answer = usage(1, 0, 0, 1);
        answer.key.account = account.into();
        answer
    };
    let (mut wide, mut deep) = (of("wide"), of("deep"));
    wide.rows[0].measures = (0..3_000).map(|m| (format!("m{m}").into(), 1)).collect();
    deep.key.dimensions = (0..100).map(|d| format!("d{d}").into()).collect();
    deep.rows[0].values = vec!["v".into(); 100];
    say(&mut replica, [usage(1, 3, 0, 10), wide, deep]).await;
    let right = readings(&mut replica).await;
    assert_eq!(tokens(&right), [(1, 10 + 1_024)]);
    drop(replica);
    assert_eq!(readings(&mut Replica::open_read(home.path()).await.unwrap()).await, right);
    let mut replica = open(&home).await;
    assert_eq!(readings(&mut replica).await, right);
    replica.rebuild().await.unwrap();
    assert_eq!(readings(&mut replica).await, right);
    assert_eq!(replica.quarantined().await.unwrap(), 0);
}
