//! Pauses: what a provider asks for is kept by every process, and what goes wrong beside it hides nothing.

use aimon_providers::{Axis, Fault, Provider, Wait};
use aimon_tests::Device;
use serde_json::Value;

use crate::rig::{World, device, report};

const USAGE: &str = "/v1/organization/usage/completions";

/// It is so many minutes after a moment, here and there.
fn after(world: &World, device: &Device, begin: i64, minutes: i64) {
    world.clock.set(begin + minutes * 60_000);
    let now = jiff::Timestamp::from_millisecond(world.clock.now()).unwrap();
    device.rig.env("AIMON_TEST_NOW", &now.to_string());
}

/// The codes of what is wrong with the first account, by metric.
fn troubles(device: &Device) -> Vec<(String, String)> {
    let list: Value = serde_json::from_str(&device.run(&["account", "list", "--json"]).out).unwrap();
    let all = list[0]["trouble"].as_object().unwrap();
    all.iter().map(|(metric, why)| (metric.clone(), why["code"].as_str().unwrap().to_owned())).collect()
}

/// `aimon poll` by cron, each minute in a process of its own.
#[test]
fn a_pause_outlives_the_process_that_was_told_of_it() {
    let (world, device) = (World::new(Provider::Anthropic, 51), device());
    world.add(&device, 1, &[]).fine();
    let begin = world.clock.now();
    after(&world, &device, begin, 5);
    let path = "/v1/organizations/usage_report/messages";
    world.server.fault(path, Fault::TooMany(Wait::Seconds(3600)));
    let said = device.run(&["poll"]);
    assert!(said.out.contains("provider-busy"), "{said:?}");
    let asked = world.server.requests().len();
    for minutes in [5, 6, 7, 30, 64] {
        after(&world, &device, begin, minutes);
        assert_eq!(device.run(&["poll"]).out, "Nothing is due.\n", "{minutes}");
        assert_eq!(device.run(&["poll", "--force"]).out, "Nothing is due.\n", "{minutes}");
        // What has units made anew ends no pause.
        device.run(&["account", "rename", "anthropic", &format!("at {minutes}")]);
        device.run(&["settings", "set", "poll-usage", if minutes % 2 == 0 { "1m" } else { "2m" }]);
    }
    assert_eq!(world.server.requests().len(), asked);
    after(&world, &device, begin, 66);
    device.run(&["poll"]);
    assert!(world.server.requests().len() > asked);
    assert_eq!((world.server.violations(), troubles(&device)), (vec![], vec![]));
}

/// What fails again and again is asked less and less often, whichever process asks.
#[test]
fn failures_are_counted_over_processes() {
    let (world, device) = (World::new(Provider::LiteLlm, 52), device());
    world.add(&device, 1, &[]).fine();
    let path = "/user/daily/activity";
    world.server.fault_always(path, Fault::Status(503));
    world.server.forget();
    let begin = world.clock.now();
    for minutes in 2..62 {
        after(&world, &device, begin, minutes);
        device.tell(&["poll"], "");
    }
    let asked = world.server.requests().len();
    assert!((5..=12).contains(&asked), "{asked} of 60");
}

/// An account that is heard of is not lost because one of its metrics fails, and nothing else was due.
#[test]
fn one_metric_that_fails_is_no_account_that_is_lost() {
    let (world, device) = (World::new(Provider::OpenAi, 53), device());
    world.add(&device, 1, &[]).fine();
    world.server.fault_always(USAGE, Fault::Status(404));
    after(&world, &device, world.clock.now(), 2);
    let said = device.tell(&["poll"], "");
    assert!(said.code == Some(0) && said.out.contains("provider-refused"), "{said:?}");
    // What is wrong with a metric stays said, though it is called `key`.
    let (world, device) = (World::new(Provider::OpenRouter, 54), crate::rig::device());
    world.add(&device, 1, &[]).fine();
    world.server.fault_always("/api/v1/key", Fault::Status(404));
    device.run(&["poll", "--force"]);
    device.run(&["poll"]);
    assert_eq!(troubles(&device), [("key".to_owned(), "provider-refused".to_owned())]);
}

/// A key that is not where it was put is said by every poll until it is there again.
#[test]
fn a_key_that_is_not_there_is_no_quiet() {
    let (world, device) = (World::new(Provider::OpenAi, 55), device());
    world.add(&device, 1, &[]).fine();
    let secrets = device.secrets();
    let [(name, key)] = &secrets[..] else { panic!("{}", secrets.len()) };
    let path = device.rig.aimon_home().join("secrets").join(name);
    std::fs::remove_file(&path).unwrap();
    for args in [&["poll"][..], &["poll", "--force"]] {
        let said = device.tell(args, "");
        assert!(said.code == Some(1) && said.err.contains("error[key-missing]"), "{said:?}");
        assert!(said.err.contains("aimon account rekey"), "{said:?}");
    }
    assert_eq!(troubles(&device), [("api-key".to_owned(), "key-missing".to_owned())]);
    std::fs::write(&path, key).unwrap();
    #[cfg(unix)]
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    device.run(&["poll"]);
    assert_eq!(troubles(&device), []);
}

/// Whoever adds an account waits for what passes, also beside something that does not.
#[test]
fn what_passes_is_waited_for_beside_what_lasts() {
    let (world, device) = (World::new(Provider::OpenAi, 56), device());
    world.server.fault("/v1/organization/costs", Fault::TooMany(Wait::Seconds(1)));
    world.server.fault_always("/v1/organization/usage/moderations", Fault::Status(404));
    world.server.fault_times(USAGE, Fault::Status(503), 2);
    let said = world.while_time_goes(|| world.add(&device, 1, &[]));
    assert_eq!(said.code, Some(0), "{said:?}");
    let waited = |why: &str| said.err.lines().any(|line| line.contains(why) && line.contains("going on at "));
    assert!(waited("asks for a pause of 1 s") && waited("has trouble (HTTP 503)"), "{said:?}");
    assert!(said.out.contains("usage.moderations: ") && said.out.contains("(provider-refused)"), "{said:?}");
    let uncounted = |models: std::collections::BTreeMap<String, crate::rig::Shown>| -> Vec<String> {
        models.into_keys().filter(|model| !model.contains("moderation")).collect()
    };
    assert_eq!(uncounted(report(&device, "model", "UTC")), uncounted(world.truth(Axis::Model)));
}
