#![allow(clippy::unwrap_used)]
use aimon_core::crypto::{Entropy, Phrase, SecretKeys};
use aimon_replica::Enrolment;
use tempfile::TempDir;

use super::*;
use crate::workspace::begin;

/// A replica in a workspace whose relay is at an address.
async fn replica(home: &TempDir, relay: &str) -> Mutex<Replica> {
    let options = aimon_replica::Options { now: dates::now(), retention_days: None };
    let mut replica = Replica::open(home.path(), &options).await.unwrap();
    let secret = SecretKeys::of_seed([1; 32]);
    let phrase = Phrase::new(Entropy::new([2; 32])).keys();
    let device = replica.device();
    let statements = begin::begin(&phrase, device, secret.public(), 180).unwrap();
    let into = Enrolment { device, secret, statements, relay: Some(relay.to_owned()) };
    replica.found(into, dates::now()).await.unwrap();
    Mutex::new(replica)
}

#[tokio::test]
async fn a_relay_that_says_nothing_is_not_waited_for() {
    let home = tempfile::tempdir().unwrap();
    // The system accepts; nobody ever answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let replica = replica(&home, &format!("http://{}", silent.local_addr().unwrap())).await;
    let begun = Instant::now();
    let error = even(&replica, Goal::Even, Duration::from_millis(200)).await.unwrap_err();
    assert_eq!((error.code(), error.exit()), ("relay-unreachable", crate::error::exit::NOT_IN_STEP));
    assert!(error.to_string().contains("it says nothing for"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(20));
}

/// A relay that is refilled says nothing but what it has taken.
#[tokio::test]
async fn whoever_says_something_is_waited_for() {
    let home = tempfile::tempdir().unwrap();
    let replica = replica(&home, "http://127.0.0.1:1").await;
    tokio::time::pause();
    let (heard, begun) = (Heard::default(), Instant::now());
    let relay = async {
        for _ in 0..10 {
            tokio::time::sleep(PATIENCE / 2).await;
            heard.note(&Told::Heard);
        }
        // What it refuses once more, as it does every half minute, is nothing new.
        for _ in 0..100 {
            tokio::time::sleep(PATIENCE / 2).await;
            heard.note(&Told::Refused(Code::Quota));
        }
    };
    tokio::select! {
        () = relay => {}
        () = heard.silence(&replica, PATIENCE) => {}
    }
    let waited = begun.elapsed();
    assert!((PATIENCE * 6..PATIENCE * 8).contains(&waited), "{waited:?}");
    assert!(heard.has_refused.load(Ordering::Relaxed));

    // Nor is it silent while what it said is being worked on.
    let (heard, begun) = (Heard::default(), Instant::now());
    let working = async {
        let _working = replica.lock().await;
        tokio::time::sleep(PATIENCE * 5).await;
    };
    tokio::join!(working, heard.silence(&replica, PATIENCE));
    assert!(begun.elapsed() >= PATIENCE * 5);
}

#[test]
fn what_has_worked_is_tried_again_soon_and_what_has_not_less_often() {
    let mut pace = Pace::default();
    let mut now = Instant::now();
    // It lets the device in, and fails right after, each time.
    let mut waits = Vec::new();
    for _ in 0..12 {
        pace.connected(now);
        now += Duration::from_secs(1);
        waits.push(pace.ended(now));
    }
    assert!(waits.is_sorted() && waits[0] == AGAIN.0 * 2 && waits[11] == AGAIN.1, "{waits:?}");
    // Nobody is there.
    now += Duration::from_secs(90);
    assert_eq!(pace.ended(now), AGAIN.1);
    // Both held the same.
    pace.connected(now);
    pace.even();
    assert_eq!(pace.ended(now), AGAIN.0);
    assert_eq!(pace.ended(now), AGAIN.0 * 2, "that was another link");
    // It held for a while.
    pace.connected(now);
    assert_eq!(pace.ended(now + LASTED), AGAIN.0);
}
