//! One account on several devices, and what the logs say beside it: counted once.

use std::time::{Duration, Instant};

use aimon_providers::{Axis, Fault, Provider};
use aimon_tests::up::Up;
use aimon_tests::{Relay, pair};

use crate::rig::{World, billed, device, report};

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

/// Two by one key, one by another of the same organization; one of them asks another provider, too; and for a while none reaches the others.
#[test]
fn three_devices_that_were_apart_agree() {
    let (world, other_world) = (World::new(Provider::OpenAi, 22), World::new(Provider::Anthropic, 23));
    let devices = [device(), device(), device()];
    let [one, other, third] = &devices;
    let mut relay = Relay::start(&one.rig.path("relay"));
    one.create(&relay.url(), "home");
    pair(one, other, "other");
    pair(one, third, "third");
    relay.kill();
    // Each of them by itself: all ask for everything.
    for (device, key) in [(one, 1), (other, 1), (third, 2)] {
        assert_eq!(world.add(device, key, &[]).code, Some(0));
        device.run(&["poll", "--force"]);
    }
    assert_eq!(other_world.add(third, 1, &[]).code, Some(0));
    relay.again();
    for _ in 0..2 {
        for device in &devices {
            device.sync();
        }
    }
    let mut truth = world.truth(Axis::Model);
    truth.extend(other_world.truth(Axis::Model));
    for device in &devices {
        assert_eq!(report(device, "model", "UTC"), truth);
        assert_eq!(billed(device), world.billed() + other_world.billed());
    }
    let reports = devices.each_ref().map(|device| device.reports("Asia/Kathmandu"));
    assert!(reports[0] == reports[1] && reports[1] == reports[2], "byte for byte");
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

/// OpenRouter does not say whose a key is: two keys of one account are proposed as one, and counted once meanwhile.
#[test]
fn two_keys_that_may_be_one_account_count_once_and_a_person_says_what_they_are() {
    let world = World::new(Provider::OpenRouter, 5);
    let device = device();
    world.add(&device, 1, &["--label", "mine"]);
    world.add(&device, 2, &[]);
    let truth = world.truth(Axis::Model);
    let twice = truth.iter().map(|(model, n)| (model.clone(), (2 * n.0, 2 * n.1, 2 * n.2, 2 * n.3, 2 * n.4))).collect();
    let list =
        || -> Vec<serde_json::Value> { serde_json::from_str(&device.run(&["account", "list", "--json"]).out).unwrap() };
    let ids: Vec<String> = list().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect();
    let [one, other] = &ids[..] else { panic!("{ids:?}") };
    assert_eq!(report(&device, "model", "UTC"), truth);
    assert_eq!(list()[0]["mayBe"], serde_json::json!([other]));
    let shown = device.run(&["account", "list"]).out;
    assert!(shown.contains(&format!("aimon account merge {one} {other}")), "{shown}");

    device.run(&["account", "merge", one, other, "--apart"]);
    assert_eq!(report(&device, "model", "UTC"), twice);
    device.run(&["account", "merge", one, other]);
    assert_eq!(report(&device, "model", "UTC"), truth);
    let accounts = report(&device, "account", "UTC");
    assert_eq!(accounts.keys().collect::<Vec<_>>(), [one]);
    assert_eq!(list()[1]["shownAs"], serde_json::json!(one));
    let windows: serde_json::Value = serde_json::from_str(&device.run(&["windows", "--json"]).out).unwrap();
    let count = |of: &str| windows[of].as_array().unwrap().len();
    assert_eq!((count("balances"), count("keys")), (1, 2), "one balance, and each key's own limit: {windows}");
    // From nothing but the events it comes out the same.
    device.run(&["doctor", "--rebuild"]);
    assert_eq!(report(&device, "model", "UTC"), truth);
    // Whoever asked last has asked for both.
    device.run(&["poll", "--force", one]);
    world.server.forget();
    device.run(&["poll"]);
    let asked = world.server.requests();
    assert!(asked.iter().all(|one| !one.path.contains("activity")), "{asked:?}");
    device.run(&["account", "merge", one, other, "--undo"]);
    assert_eq!((report(&device, "model", "UTC"), list()[0]["mayBe"].clone()), (truth, serde_json::json!([other])));
    let said = device.rig.run(&["account", "merge", one, one]);
    assert!(said.err.contains("error[never-one-account]"), "{said:?}");
}
