//! What goes wrong is said, and mends itself.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use aimon_providers::{Axis, Fault, Provider, Wait};
use aimon_tests::up::Up;

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
    assert_eq!(list.matches("key-refused").count(), 1, "once for all that is asked: {list}");
    assert_eq!(report(&device, "model", "UTC"), before);
    // It is too early to ask again, and it is as it was: nobody who runs this each minute is told that all is well.
    let said = device.tell(&["poll"], "");
    assert!(said.err.contains("error[key-refused]") && said.err.contains("aimon account rekey"), "{said:?}");
    assert_eq!(said.code, Some(1), "{said:?}");
    let doctor = device.run(&["doctor"]).out;
    assert_eq!(doctor.matches("key-refused").count(), 1, "{doctor}");
    let said = device.tell(&["account", "rekey", "openai", "--key-stdin"], World::key_of(Provider::OpenAi, 2));
    assert_eq!(said.code, Some(0), "{said:?}");
    device.run(&["poll", "--force"]);
    assert!(!device.run(&["account", "list"]).out.contains("key-refused"));
}

/// A key that one question is refused with is none any more, also while the others are not due yet; and one that answers again is one.
#[test]
fn a_key_is_lost_with_the_first_question_that_is_refused() {
    let (world, device) = (World::new(Provider::OpenAi, 10), device());
    let path = "/v1/organization/usage/embeddings";
    world.server.fault_always(path, Fault::Status(401));
    world.add(&device, 1, &[]).fine();
    device.run(&["poll", "--force"]);
    assert_eq!(device.tell(&["poll"], "").code, Some(0), "it may not ask for that, and is answered elsewhere");
    assert!(!device.run(&["status"]).out.contains("key-refused"));
    let doctor = device.run(&["doctor", "--json"]).out;
    let doctor: serde_json::Value = serde_json::from_str(&doctor).unwrap();
    let said =
        |of: &str| doctor[of].as_array().unwrap().iter().any(|one| one.as_str().unwrap().contains("key-refused"));
    assert!(said("remarks") && !said("problems"), "{doctor}");
    assert!(device.run(&["report"]).err.contains("what it used before is missing"), "it is not all fetched");
    world.server.mend();
    device.run(&["poll", "--force"]);
    assert!(!device.run(&["report"]).err.contains("missing"));
    // What could be asked for once is missed, also where the key is answered otherwise.
    world.server.fault_always(path, Fault::Status(401));
    assert_eq!(device.tell(&["poll", "--force"], "").code, Some(0));
    for said in [device.run(&["status"]).out, device.run(&["report"]).err] {
        let said = said.replace('\n', " ");
        assert!(
            said.contains("usage.embeddings: the provider refuses the key") && said.contains("more permissions"),
            "{said}"
        );
    }
    world.server.mend();
    device.run(&["poll", "--force"]);
    // Two minutes later nothing is answered any more: what is due is refused, and costs are not due.
    let later = world.clock.now() + 120_000;
    world.clock.set(later);
    device.rig.env("AIMON_TEST_NOW", &jiff::Timestamp::from_millisecond(later).unwrap().to_string());
    world.server.set_kind(World::key_of(Provider::OpenAi, 1), aimon_providers::KeyKind::Revoked);
    assert_eq!(device.tell(&["poll"], "").code, Some(1));
    let said = device.tell(&["poll"], "");
    assert!(said.err.contains("error[key-refused]") && said.code == Some(1), "{said:?}");
    let status = device.run(&["status"]).out;
    assert!(status.contains("(key-refused)") && status.contains("aimon account rekey"), "{status}");
    let list: serde_json::Value = serde_json::from_str(&device.run(&["account", "list", "--json"]).out).unwrap();
    let trouble = &list[0]["trouble"];
    assert!(
        trouble["usage.completions"]["code"] == "key-refused" && trouble["costs"].is_null(),
        "not all were asked: {list}"
    );
    // Another key takes the place of the lost one by `add` as well as by `rekey`, and all is asked for again at once.
    let said = world.add(&device, 2, &[]);
    assert!(said.code == Some(0) && !said.out.contains("key-refused"), "{said:?}");
    assert!(!device.run(&["status"]).out.contains("key-refused"));
    // What nobody asks for any more nobody misses.
    device.run(&["account", "remove", "openai"]);
    device.rig.env("AIMON_TEST_NOW", &jiff::Timestamp::from_millisecond(later + 4 * 86_400_000).unwrap().to_string());
    let status = device.run(&["status"]).out;
    assert!(!status.contains("openai/"), "{status}");
}

/// A key that may say what it has spent, and nothing of the account, is enough for that.
#[test]
fn a_plain_key_of_openrouter_shows_what_it_spends() {
    let (world, device) = (World::new(Provider::OpenRouter, 12), device());
    let said = world.add(&device, 3, &[]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.contains("`aimon windows` shows") && said.out.contains("key-forbidden"), "{said:?}");
    for wrong in ["begins", "more to fetch", "report"] {
        assert!(!said.out.contains(wrong), "{said:?}");
    }
    let asked = world.server.requests().len();
    assert!(asked <= 4, "nothing is asked twice: {asked}");
    let status = device.run(&["status"]).out;
    assert!(status.contains("key: ") && status.contains(" in all") && !status.contains("$0.00  "), "{status}");
    let doctor = device.tell(&["doctor"], "");
    assert!(doctor.out.contains("key-forbidden") && doctor.code == Some(0), "{doctor:?}");
}

/// No key in anything that is written: the data folder, but for the store, and all that was said; by commands, and by an agent that runs.
#[test]
fn a_key_is_written_nowhere_but_into_its_store() {
    for (provider, path) in [
        (Provider::OpenAi, "/v1/organization/usage/completions"),
        (Provider::Anthropic, "/v1/organizations/usage_report/messages"),
        (Provider::OpenRouter, "/api/v1/activity"),
        (Provider::LiteLlm, "/user/daily/activity"),
    ] {
        let (world, device) = (World::new(provider, 2), device());
        // A gateway that repeats the key in whatever it says. What has failed is tried again soon.
        world.server.fault_always(path, Fault::EchoedKey(503));
        let mut said = format!("{:?}", world.add(&device, 1, &["--no-backfill"]));
        device.rig.env("AIMON_LOG", "trace");
        let log = device.rig.path("log");
        let up = Up::telling(&device.rig, std::fs::File::create(&log).unwrap().into());
        wait_until("it has told of it", || std::fs::read_to_string(&log).unwrap().contains("asked in vain"));
        for path in ["/v1/status", "/v1/report", "/v1/windows"] {
            said += &up.ask("GET", path).to_string();
        }
        up.kill();
        said += &std::fs::read_to_string(&log).unwrap();
        world.server.mend();
        let echoes = |status| world.server.faults_among(1, 1000, vec![Fault::EchoedKey(status)]);
        let mut repeated = 0;
        for status in [400, 401, 403, 404, 422] {
            echoes(status);
            let echoed = world.add(&device, 1, &[]);
            let asked = device.tell(&["poll", "--force"], "");
            for text in [&echoed.err, &asked.out] {
                repeated += text.matches("Nobody may ask with ***").count();
            }
            said += &format!("{echoed:?}{asked:?}{:?}", device.run(&["account", "list"]));
        }
        assert!(repeated > 0, "{provider:?} repeats what it was told");
        world.server.mend();
        let (folder, csv) = (device.rig.path("export"), ["report", "daily", "--csv"]);
        device.run(&["export", "--format", "jsonl", &folder.to_string_lossy()]);
        for args in [
            &["poll", "--force"][..],
            &["account", "list", "--json"],
            &["doctor", "--json"],
            &["status", "--json"],
            &["explain", "--json"],
            &["report", "daily", "--by", "key", "--json"],
            &csv,
        ] {
            said += &format!("{:?}", device.tell(args, ""));
        }
        // OpenRouter itself calls a key by its first characters and its last ones: `sk-or-needle...e-1`.
        assert!(!said.contains("needle-"), "{provider:?}: {said}");
        let all = [device.rig.aimon_home(), folder];
        let found: Vec<_> = all.iter().flat_map(|folder| needles(folder)).collect();
        let is_store = |path: &PathBuf| path.parent().unwrap().ends_with("secrets");
        assert!(found.iter().all(is_store) && found.len() == 1, "{provider:?}: {found:?}");
    }
}

/// The files in a folder that have a key in them.
fn needles(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut open) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => open.push(path),
                false if std::fs::read(&path).unwrap().windows(7).any(|w| w == b"needle-") => found.push(path),
                false => {}
            }
        }
    }
    found
}

fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < end, "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
