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

#[test]
fn what_could_not_be_recorded_is_asked_for_again() {
    let (world, device) = (World::new(Provider::OpenAi, 41), device());
    world.add(&device, 1, &["--no-backfill"]);
    world.server.forget();
    let home = device.rig.aimon_home();
    let database = sqlite::databases(&home).remove(0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let options = Options { now: clock(), retention_days: None };
    let replica = Mutex::new(runtime.block_on(Replica::open(&home, &options)).unwrap());
    let place = Place::at(home).unwrap();
    let mut polling = Polling::by(clock);
    let mut round = |how| {
        runtime.block_on(async {
            polling.load(&replica, &place).await.unwrap();
            polling.round(&replica, &place, how, None, &|_, _| {}).await
        })
    };

    sqlite::ask(&database, BROKEN).unwrap();
    for _ in 0..2 {
        assert!(round(How::Due).is_err());
    }
    assert!(!world.server.requests().is_empty(), "it has asked, and was answered");
    sqlite::ask(&database, "DROP TRIGGER broken").unwrap();
    let outcome = round(How::Force).unwrap();
    assert!(outcome.failed.is_empty() && outcome.events > 0, "{outcome:?}");
    runtime.block_on(replica.into_inner().settle());
    assert_eq!(report(&device, "model", "UTC"), world.truth(Axis::Model));
}
