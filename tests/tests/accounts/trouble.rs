//! What goes wrong is said, and mends itself.

use aimon_providers::{Axis, Fault, Provider, Wait};

use crate::rig::{World, device, report};

/// Whatever servers do now and then: in the end it is all there, once.
#[test]
fn a_back_fill_gets_through_faults_without_a_hole_or_a_double() {
    for provider in [Provider::OpenAi, Provider::Anthropic] {
        let (world, device) = (World::new(provider, 11), device());
        let faults = vec![Fault::Status(500), Fault::CutBody, Fault::BrokenJson, Fault::Reset, Fault::CaptivePortal];
        world.server.faults_among(3, 300, faults);
        for _ in 0..4 {
            world.add(&device, 1, &["--no-backfill"]);
        }
        let account = device.tell(&["account", "list", "--json"], "").fine().out;
        assert!(account.contains(world.name()), "{account}");
        for _ in 0..6 {
            device.tell(&["poll", "--force"], "");
        }
        world.server.mend();
        device.run(&["poll", "--force"]);
        assert_eq!(report(&device, "model", "UTC"), world.truth(Axis::Model), "{provider:?}");
    }
}

#[test]
fn keys_of_the_wrong_kind_are_told_which_one_is_needed() {
    let (world, device) = (World::new(Provider::OpenAi, 1), device());
    let base = world.base();
    let add = |key: &str| device.tell(&["account", "add", "openai", "--base-url", &base, "--key-stdin"], key);
    let said = add("sk-proj-0123456789\n");
    assert!(said.err.contains("error[bad-key]") && said.err.contains("sk-admin-"), "{said:?}");
    for (key, code) in [(3, "key-f"), (4, "key-refused")] {
        let said = world.add(&device, key, &[]);
        assert!(said.err.contains("error[key-") && said.err.contains(code), "{said:?}");
    }
    for text in ["", "two words\n", "\n"] {
        assert!(add(text).err.contains("error[bad-key]"), "{text:?}");
    }
    assert!(device.tell(&["account", "list"], "").out.contains("No account yet"));
}

#[test]
fn a_pause_that_is_asked_for_is_kept_and_everything_comes() {
    // What is on its way already when a pause is asked for comes too early, and nothing behind it.
    for (provider, path, under_way) in [
        (Provider::Anthropic, "/v1/organizations/usage_report/messages", 0),
        (Provider::OpenAi, "/v1/organization/usage/completions", 3),
    ] {
        let (world, device) = (World::new(provider, 5), device());
        world.server.fault_times(path, Fault::TooMany(Wait::Seconds(2)), 2);
        let said = world.while_time_goes(|| world.add(&device, 1, &[]));
        assert_eq!(said.code, Some(0), "{said:?}");
        assert!(said.err.contains("asks for a pause"), "{said:?}");
        let violations = world.server.violations();
        assert!(violations.len() <= under_way, "{provider:?}: {} {:?}", violations.len(), violations.first());
        assert_eq!(report(&device, "model", "UTC"), world.truth(Axis::Model));
    }
}

/// A key that is revoked later is a state beside the last good figures, and another key goes on.
#[test]
fn a_revoked_key_is_a_state_until_there_is_another() {
    let (world, device) = (World::new(Provider::OpenAi, 9), device());
    world.add(&device, 1, &[]);
    let before = report(&device, "model", "UTC");
    world.server.set_kind(World::key_of(Provider::OpenAi, 1), aimon_providers::KeyKind::Revoked);
    let said = device.tell(&["poll", "--force"], "");
    assert!(said.err.contains("error[key-refused]") && said.code == Some(1), "{said:?}");
    let list = device.run(&["account", "list"]).out;
    assert!(list.contains("key-refused"), "{list}");
    assert_eq!(report(&device, "model", "UTC"), before);
    let said = device.tell(&["account", "rekey", "openai", "--key-stdin"], World::key_of(Provider::OpenAi, 2));
    assert_eq!(said.code, Some(0), "{said:?}");
    device.run(&["poll", "--force"]);
    assert!(!device.run(&["account", "list"]).out.contains("key-refused"));
}

/// No key in anything that is written: the data folder, but for the store, and all that was said.
#[test]
fn a_key_is_written_nowhere_but_into_its_store() {
    let (world, device) = (World::new(Provider::Anthropic, 2), device());
    let mut said = format!("{:?}", world.add(&device, 1, &[]));
    device.rig.env("AIMON_LOG", "trace");
    // A gateway that repeats the key in whatever it says.
    for status in [400, 401, 403, 404, 422] {
        world.server.fault("/v1/organizations/me", Fault::EchoedKey(status));
        let echoed = world.add(&device, 1, &[]);
        assert!(echoed.err.contains("Nobody may ask with ***"), "{echoed:?}");
        said += &format!("{echoed:?}");
        world.server.fault("/v1/organizations/usage_report/messages", Fault::EchoedKey(status));
        let echoed = device.tell(&["poll", "--force"], "");
        assert!(echoed.out.contains("Nobody may ask with ***"), "{echoed:?}");
        said += &format!("{echoed:?}{:?}", device.run(&["account", "list"]));
    }
    for args in [&["poll", "--force"][..], &["account", "list", "--json"], &["doctor"], &["status", "--json"]] {
        said += &format!("{:?}", device.tell(args, ""));
    }
    device.run(&["export", "--format", "jsonl", &device.rig.path("export").to_string_lossy()]);
    assert!(!said.contains("needle"), "{said}");
    let (mut found, mut open) = (Vec::new(), vec![device.rig.aimon_home(), device.rig.path("export")]);
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => open.push(path),
                false if std::fs::read(&path).unwrap().windows(6).any(|w| w == b"needle") => found.push(path),
                false => {}
            }
        }
    }
    assert!(found.iter().all(|path| path.parent().unwrap().ends_with("secrets")) && found.len() == 1, "{found:?}");
}
