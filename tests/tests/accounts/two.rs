//! One account on several devices, and what the logs say beside it: counted once.

use std::time::{Duration, Instant};

use aimon_providers::{Axis, Fault, Provider};
use aimon_tests::up::Up;
use aimon_tests::{Relay, pair};

use crate::rig::{World, device, report};

#[test]
fn two_devices_with_keys_of_one_organization_count_it_once() {
    let world = World::new(Provider::OpenAi, 21);
    let (one, other) = (device(), device());
    let relay = Relay::start(&one.rig.path("relay"));
    one.create(&relay.url(), "home");
    pair(&one, &other, "other");
    world.add(&one, 1, &[]);
    world.add(&other, 2, &[]);
    for _ in 0..2 {
        one.sync();
        other.sync();
    }
    let truth = world.truth(Axis::Model);
    assert_eq!((report(&one, "model", "UTC"), report(&other, "model", "UTC")), (truth.clone(), truth));
    let list = other.run(&["account", "list", "--json"]).out;
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    assert_eq!((list.as_array().unwrap().len(), list[0]["keys"].as_array().unwrap().len()), (1, 2), "{list}");
    // What one has just asked for the other one need not.
    world.server.forget();
    one.run(&["poll", "--force"]);
    one.sync();
    other.sync();
    let before = world.server.requests().len();
    assert_eq!(other.run(&["poll"]).out, "Nothing is due.\n");
    assert_eq!(world.server.requests().len(), before);
}

/// `aimon up` goes on by itself with what `add` has left.
#[test]
fn a_running_agent_fetches_the_past_by_itself() {
    let (world, device) = (World::new(Provider::LiteLlm, 4), device());
    world.server.fault_always("/user/daily/activity", Fault::Status(503));
    let said = world.add(&device, 1, &["--no-backfill"]);
    assert!(said.err.contains("error[provider-down]"), "{said:?}");
    world.server.mend();
    let up = Up::start(&device.rig);
    let end = Instant::now() + Duration::from_secs(60);
    while report(&device, "model", "UTC") != world.truth(Axis::Model) {
        assert!(Instant::now() < end, "not within a minute");
        std::thread::sleep(Duration::from_millis(500));
    }
    up.kill();
}
