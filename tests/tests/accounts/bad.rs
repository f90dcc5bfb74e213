//! Replies that nobody should believe: each is a state with its code beside the last good figures, and passes with its cause.

use aimon_generator::Prng;
use aimon_providers::{Absurd, Axis, Call, Fault, Kind, Provider, Schema, Tokens, Truth};
use aimon_tests::Device;
use serde_json::Value;

use crate::rig::{World, billed, device, report};

const USAGE: &str = "/v1/organization/usage/completions";

/// The code under which `account list` says what is wrong with a metric.
fn trouble(device: &Device, metric: &str) -> Option<String> {
    let list: Value = serde_json::from_str(&device.run(&["account", "list", "--json"]).out).unwrap();
    list[0]["trouble"][metric]["code"].as_str().map(str::to_owned)
}

#[test]
fn a_bad_reply_is_a_state_and_takes_nothing_away() {
    let (world, device) = (World::new(Provider::OpenAi, 31), device());
    let elsewhere = World::new(Provider::OpenAi, 32);
    world.add(&device, 1, &[]);
    let truth = world.truth(Axis::Model);
    let faults = [
        (Fault::CaptivePortal, "not-the-provider"),
        // It is asked for nothing compressed, and unpacks nothing.
        (Fault::GzipBomb, "reply-unreadable"),
        (Fault::HugeBody, "reply-too-large"),
        (Fault::BrokenJson, "reply-unreadable"),
        (Fault::Schema(Schema::Renamed), "reply-unreadable"),
        (Fault::Schema(Schema::NoHasMore), "reply-unreadable"),
        (Fault::Schema(Schema::Repeated), "reply-unreadable"),
        (Fault::LostNextPage, "reply-unreadable"),
        (Fault::EndlessPages, "reply-unreadable"),
        (Fault::Figures(Absurd::Negative), "figure-absurd"),
        (Fault::Figures(Absurd::Vast), "figure-absurd"),
        (Fault::Figures(Absurd::NotANumber), "reply-unreadable"),
        (Fault::Redirect(elsewhere.server.url().to_owned()), "not-the-provider"),
        (Fault::LongNames(257), "reply-unreadable"),
        (Fault::Status(404), "provider-refused"),
        (Fault::Status(529), "provider-down"),
    ];
    let mut wrong = Vec::new();
    for (fault, code) in faults {
        world.server.fault_always(USAGE, fault.clone());
        let said = device.rig.run(&["poll", "--force"]);
        // All the others were answered.
        assert_eq!(said.code, Some(0), "{fault:?}: {said:?}");
        let found = trouble(&device, "usage.completions");
        if found.as_deref() != Some(code) {
            wrong.push(format!("{fault:?}: {found:?}, not {code}"));
        }
        assert_eq!(report(&device, "model", "UTC"), truth, "{fault:?}");
        world.server.mend();
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(elsewhere.server.requests().is_empty(), "a key goes nowhere but to the address that it was given for");
    device.run(&["poll", "--force"]);
    assert_eq!(trouble(&device, "usage.completions"), None);
    assert_eq!(report(&device, "model", "UTC"), world.truth(Axis::Model));
}

/// What is billed counts once, as what is used does: a bucket that comes twice is no answer.
#[test]
fn a_bill_that_comes_twice_does_not_count_twice() {
    for (provider, path) in
        [(Provider::OpenAi, "/v1/organization/costs"), (Provider::Anthropic, "/v1/organizations/cost_report")]
    {
        let (world, device) = (World::new(provider, 35), device());
        world.server.fault_always(path, Fault::Schema(Schema::Repeated));
        let said = world.add(&device, 1, &["--no-backfill"]);
        assert!(said.out.contains("comes twice (reply-unreadable)"), "{said:?}");
        assert_eq!(billed(&device), 0);
        world.server.mend();
        device.run(&["poll", "--force"]);
        assert_eq!(billed(&device), world.billed(), "{provider:?}");
    }
}

/// What is billed in another currency is kept as it is, shown apart, and never added to dollars.
#[test]
fn another_currency_is_shown_apart() {
    let (world, device) = (World::new(Provider::OpenAi, 33), device());
    world.server.fault_always("/v1/organization/costs", Fault::Currency("eur".to_owned()));
    world.add(&device, 1, &[]);
    let said: Value = serde_json::from_str(&device.rig.run_report(&["monthly"], "UTC")).unwrap();
    assert_eq!((&said["totals"]["billedCost"], billed(&device)), (&Value::Null, 0));
    assert!(said["totals"]["billedOther"]["EUR"].as_f64().unwrap() > 0.0, "{}", said["totals"]);
    // Also where there is room for one line.
    let status = device.run(&["status"]).out;
    assert!(status.contains("billed EUR "), "{status}");
}

/// An answer that can't be recorded takes no other with it that came at the same time.
#[test]
fn an_answer_that_is_too_large_takes_no_other_with_it() {
    let (world, device) = (World::new(Provider::OpenAi, 34), device());
    let folder = device.rig.path("shared");
    std::fs::create_dir(&folder).unwrap();
    device.create(&aimon_tests::folder_address(&folder), "home");
    world.add(&device, 1, &[]).fine();
    let (mut rng, now) = (Prng::of(&[34]), world.clock.now());
    let call = |kind, model: &str, project: String| Call {
        kind,
        model: model.to_owned(),
        project: Some(project),
        tier: "default".to_owned(),
        tokens: Tokens { uncached: 7, ..Tokens::default() },
        ..Call::at(now - 5 * 60_000)
    };
    let name = |rng: &mut Prng| (0..12).map(|_| format!("{:016x}", rng.range(0, u64::MAX - 1))).collect::<String>();
    let many = (0..3_000).map(|_| call(Kind::Embeddings, "embedding", name(&mut rng))).collect::<Vec<_>>();
    let truth =
        Truth::clone(&world.server.truth()).with(many).with([call(Kind::Completions, "the-last-one", "p".to_owned())]);
    world.server.set_truth(truth);
    world.clock.set(now + 60_000);
    let said = device.run(&["poll", "--force"]);
    assert!(said.out.contains("usage.embeddings: the reply is too large (reply-too-large)"), "{said:?}");
    assert_eq!(trouble(&device, "usage.embeddings").as_deref(), Some("reply-too-large"));
    assert!(report(&device, "model", "UTC").contains_key("the-last-one"));
    // It is not asked for each minute.
    let asked = |world: &World| world.server.requests().iter().filter(|one| one.path.ends_with("/embeddings")).count();
    let before = asked(&world);
    device.run(&["poll"]);
    assert_eq!(asked(&world), before);
}
