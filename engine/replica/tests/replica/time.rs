//! Clocks and days: what is kept, and what expires.

use super::*;

/// Days expire before the fold: an expired copy hides nothing.
#[tokio::test]
async fn a_copy_on_an_expired_day_hides_nothing() {
    let home = TempDir::new().unwrap();
    let mut replica = open(&home).await;
    replica.vouch(NOW, NOW).await.unwrap();
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
    replica.vouch(NOW, NOW).await.unwrap();
    record(&mut replica, &[call(1, 9, 100)]).await;
    drop(replica);
    let later = UtcMillis(NOW.0 + 1500 * DAY);
    let mut replica = Replica::open(home.path(), &options(later)).await.unwrap();
    assert_eq!(figures(&mut replica).await, [(100, 9)]);
    assert_eq!(replica.health().await.unwrap().doubted_clock, Some((later, NOW)));
    replica.vouch(later, later).await.unwrap();
    assert_eq!(replica.health().await.unwrap().records, 0);
}

/// What a provider's `Date` says: the earlier of it and the clock lets days expire.
#[tokio::test]
async fn who_vouches_for_less_than_the_clock_says_leaves_it_in_doubt() {
    let home = TempDir::new().unwrap();
    let mut replica = open(&home).await;
    replica.vouch(NOW, NOW).await.unwrap();
    record(&mut replica, &[call(1, 9, 179), call(2, 1, 100)]).await;
    drop(replica);
    let (date, clock) = (UtcMillis(NOW.0 + DAY), UtcMillis(NOW.0 + 1500 * DAY));
    let mut replica = Replica::open(home.path(), &options(clock)).await.unwrap();
    replica.vouch(date, clock).await.unwrap();
    assert_eq!(replica.health().await.unwrap().doubted_clock, Some((clock, date)));
    assert_eq!((figures(&mut replica).await, replica.trusted_day()), (vec![(100, 1)], Some(date.day())));
    // One that is ahead of the clock moves nothing, either.
    replica.vouch(clock, date).await.unwrap();
    assert_eq!((figures(&mut replica).await, replica.trusted_day()), (vec![(100, 1)], Some(date.day())));
}

#[tokio::test]
async fn the_retention_is_set_at_the_first_start() {
    let home = TempDir::new().unwrap();
    let with = |days| Options { now: NOW, retention_days: Some(days) };
    assert_eq!(Replica::open(home.path(), &with(6)).await.unwrap_err().code(), "bad-retention");
    assert_eq!(Replica::open(home.path(), &with(30)).await.unwrap().retention_days(), 30);
    assert_eq!(Replica::open(home.path(), &with(300)).await.unwrap().retention_days(), 30);
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
    replica.vouch(NOW, NOW).await.unwrap();
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

/// A window that was last seen on a day that is not kept is not shown for ever.
#[tokio::test]
async fn gauges_expire_with_their_day() {
    let home = TempDir::new().unwrap();
    let mut replica = open(&home).await;
    replica.vouch(NOW, NOW).await.unwrap();
    for ago in [179, 178] {
        let at = UtcMillis(NOW.0 - ago * DAY);
        replica.record(Commit { events: vec![window(at, 10)], marks: vec![], now: NOW }).await.unwrap();
    }
    for (midnights, left) in [(0, 1), (1, 1), (2, 0)] {
        replica.observe(UtcMillis(NOW.0 + midnights * DAY)).await.unwrap();
        assert_eq!(replica.gauges().await.unwrap().len(), left, "after {midnights}");
        replica.rebuild().await.unwrap();
        assert_eq!(replica.gauges().await.unwrap().len(), left, "made again, after {midnights}");
    }
}
