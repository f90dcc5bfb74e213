//! What can't be recorded is asked for again by the same process: it does not believe that it is held.

use aimon_agent::accounts::polling::{How, Polling};
use aimon_agent::place::Place;
use aimon_core::time::UtcMillis;
use aimon_providers::{Axis, Provider};
use aimon_replica::{Options, Replica};
use aimon_tests::sqlite;
use tokio::sync::Mutex;

use crate::rig::{World, device, now, report};

/// What stands in the way of any write to the history, and of nothing else.
const BROKEN: &str = "CREATE TRIGGER broken BEFORE INSERT ON changes BEGIN SELECT RAISE(ABORT, 'no room'); END";

fn clock() -> UtcMillis {
    UtcMillis(now())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_recorded_is_asked_for_again() {
    let (world, device) = (World::new(Provider::OpenAi, 41), device());
    world.add(&device, 1, &["--no-backfill"]);
    world.server.forget();
    let home = device.rig.aimon_home();
    let replica = Replica::open(&home, &Options { now: clock(), retention_days: None }).await.unwrap();
    let (replica, place) = (Mutex::new(replica), Place::at(home.clone()).unwrap());

    let mut polling = Polling::by(clock);
    let database = sqlite::databases(&home).remove(0);
    sqlite::ask(&database, BROKEN).unwrap();
    for _ in 0..2 {
        polling.load(&replica, &place).await.unwrap();
        assert!(polling.round(&replica, &place, How::Due, None, &|_, _| {}).await.is_err());
    }
    assert!(!world.server.requests().is_empty(), "it has asked, and was answered");
    sqlite::ask(&database, "DROP TRIGGER broken").unwrap();
    polling.load(&replica, &place).await.unwrap();
    let outcome = polling.round(&replica, &place, How::Force, None, &|_, _| {}).await.unwrap();
    assert!(outcome.failed.is_empty() && outcome.events > 0, "{outcome:?}");
    replica.into_inner().settle().await;
    drop(polling);
    assert_eq!(report(&device, "model", "UTC"), world.truth(Axis::Model));
}
