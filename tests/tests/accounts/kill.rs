//! `kill -9` at random moments of `account add`, `poll` and `up`: what is asked for goes on where it was, without a hole or a double.

use std::collections::BTreeMap;
use std::io::{Seek as _, Write as _};
use std::process::{Child, Stdio};
use std::time::Duration;

use aimon_generator::Prng;
use aimon_providers::{Axis, Provider};
use aimon_tests::{Device, sqlite};

use crate::rig::{World, billed, device, now, report};

/// A command that runs until it is killed; `account add` is given its key.
fn begun(world: &World, device: &Device, args: &[&str]) -> Child {
    let mut key = tempfile::tempfile().unwrap();
    writeln!(key, "{}", World::key_of(world.provider, 1)).unwrap();
    key.rewind().unwrap();
    device.rig.command(args).stdin(key).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Whether it was still running.
fn killed(mut child: Child) -> bool {
    let running = child.try_wait().unwrap().is_none();
    let _ = child.kill();
    child.wait().unwrap();
    running
}

/// How many questions about the past were asked again, though they were the same.
fn asked_again(world: &World) -> usize {
    let mut asked: BTreeMap<String, usize> = BTreeMap::new();
    for request in world.server.requests() {
        // A question is its first page; the sliding window is asked about again and again.
        if request.query.contains("bucket_width=1h") && !request.query.contains("page=") {
            *asked.entry(format!("{}?{}", request.path, request.query)).or_default() += 1;
        }
    }
    assert!(asked.len() > 20, "{asked:?}");
    asked.values().map(|times| times - 1).sum()
}

fn under_fire(provider: Provider, seed: u64, kills: usize) {
    let (world, device) = (World::new(provider, seed), device());
    // Every answer on several pages: more to be in the middle of.
    world.server.habits(|habits| habits.page_at_most = Some(40));
    let base = world.base();
    let add = ["account", "add", world.name(), "--base-url", &base, "--key-stdin"];
    let mut rng = Prng::of(&[seed, 0x6b]);
    let (mut hits, mut tries) = (0, 0);
    while hits < kills {
        tries += 1;
        assert!(tries < 20 * kills, "only {hits} of {tries} kills found something running");
        let args: &[&str] = match rng.below(4) {
            0 => &["up"],
            1 => &["poll"],
            2 => &["poll", "--force"],
            _ => &add,
        };
        let child = begun(&world, &device, args);
        std::thread::sleep(Duration::from_millis(rng.below(300)));
        hits += usize::from(killed(child));
    }
    let checks = sqlite::check(&device.rig.aimon_home());
    assert!(!checks.is_empty() && checks.iter().all(|check| check == "ok"), "{checks:?}");
    // The provider's clock stood still so far: now it says what has come meanwhile.
    world.clock.set(now());
    let said = world.add(&device, 1, &[]);
    assert_eq!(said.code, Some(0), "{said:?}");
    device.run(&["poll", "--force"]);
    assert_eq!(device.run(&["poll"]).out, "Nothing is due.\n", "it is complete");
    for (axis, by) in [(Axis::Model, "model"), (Axis::Key, "key"), (Axis::Project, "project")] {
        assert_eq!(report(&device, by, "UTC"), world.truth(axis), "{provider:?} by {by}");
    }
    assert_eq!(billed(&device), world.billed(), "{provider:?}");
    // Each kill takes away the questions that are under way at most: what was answered before is on the disk.
    let at_once = if provider == Provider::OpenAi { 4 } else { 1 };
    let again = asked_again(&world);
    assert!(again <= hits * at_once, "{again} questions were asked again after {hits} kills");
}

#[test]
fn openai_is_complete_after_forty_kills() {
    under_fire(Provider::OpenAi, 401, 40);
}

#[test]
fn anthropic_is_complete_after_twenty_kills() {
    under_fire(Provider::Anthropic, 402, 20);
}

#[test]
#[ignore = "long"]
fn two_hundred_kills() {
    under_fire(Provider::OpenAi, 403, 200);
}
