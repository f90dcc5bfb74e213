//! Figures are the provider's own: by model, key, project and tier, tokens and money, in every zone.

use std::time::Duration;

use aimon_providers::{Axis, Call, DAY, Fault, Provider, Tokens, Truth};
use aimon_tests::sqlite;

use crate::rig::{World, billed, device, explained, now, report};

/// Adds an account, and compares all that is shown.
fn agrees(provider: Provider, axes: &[(Axis, &str)]) {
    let (world, device) = (World::new(provider, 7), device());
    // Every answer on several pages.
    world.server.habits(|habits| habits.page_at_most = Some(50));
    if provider == Provider::OpenAi {
        // So that questions meet.
        world.server.faults_among(1, 1000, vec![Fault::Slow(Duration::from_millis(3))]);
    }
    let said = world.add(&device, 1, &[]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(world.server.violations().is_empty(), "{:?}", world.server.violations().first());
    let at_once = world.server.most_at_once();
    assert!(if provider == Provider::OpenAi { (2..=4).contains(&at_once) } else { at_once == 1 }, "{at_once}");
    for (axis, by) in axes {
        for zone in ["UTC", "Asia/Kathmandu"] {
            assert_eq!(report(&device, by, zone), world.truth(*axis), "{provider:?} by {by} in {zone}");
        }
    }
    assert_eq!(billed(&device), world.billed(), "{provider:?}");
    // Line by line it is the same money, and the same tokens: each once.
    let all =
        world.truth(Axis::Model).into_values().map(|(input, read, written, output, _)| input + read + written + output);
    assert_eq!(explained(&device), (world.billed(), all.sum()), "{provider:?}");
}

#[test]
fn openai_is_shown_as_it_is() {
    agrees(Provider::OpenAi, &[(Axis::Model, "model"), (Axis::Key, "key"), (Axis::Project, "project")]);
}

#[test]
fn anthropic_is_shown_as_it_is() {
    agrees(Provider::Anthropic, &[(Axis::Model, "model"), (Axis::Key, "key"), (Axis::Project, "project")]);
}

#[test]
fn openrouter_is_shown_as_it_is() {
    agrees(Provider::OpenRouter, &[(Axis::Model, "model")]);
}

#[test]
fn a_litellm_proxy_is_shown_as_it_is() {
    agrees(Provider::LiteLlm, &[(Axis::Model, "model")]);
}

/// What a provider says later of the last hour takes the place of what it said before: calls that become known late, and calls that it
/// counts for another model from then on.
#[test]
fn what_grows_late_and_what_is_attributed_anew_is_followed() {
    for provider in [Provider::OpenAi, Provider::Anthropic, Provider::LiteLlm] {
        let now = now();
        let call = |n: i64| {
            // Never before midnight: the provider that tells by days would tell of two.
            let at = (now - n * 90_000).max(now / DAY * DAY + n);
            let tokens =
                Tokens { uncached: 1_000 + n as u64, cache_read: 7, output: 10 * n as u64, ..Tokens::default() };
            let call = Call { model: "gpt-5".to_owned(), tokens, cost: 1_000_000 * i128::from(n), ..Call::at(at) };
            match n % 3 {
                0 => Call { visible_from: now + 10_000, ..call },
                1 => Call { moved: Some((now + 20_000, "gpt-5-2026".to_owned())), ..call },
                _ => call,
            }
        };
        let (world, device) = (World::over(provider, Truth::of((1..30).map(call).collect()), now), device());
        world.add(&device, 1, &[]);
        let mut seen = vec![world.truth(Axis::Model)];
        assert_eq!(report(&device, "model", "UTC"), seen[0], "{provider:?}");
        for later in [15_000, 30_000] {
            world.clock.set(now + later);
            device.run(&["poll", "--force"]);
            seen.push(world.truth(Axis::Model));
            assert_eq!(Some(&report(&device, "model", "UTC")), seen.last(), "{provider:?} after {later}");
            assert_eq!(billed(&device), world.billed(), "{provider:?} after {later}");
        }
        assert!(seen[0] != seen[1] && seen[1] != seen[2], "it did change: {seen:?}");
    }
}

/// What answers over plain HTTP is on this machine, and has its clock: after a jump it would say that the jump is right, and the history
/// would expire by it.
#[test]
fn a_provider_on_this_machine_does_not_vouch_for_the_clock() {
    let (world, device) = (World::new(Provider::OpenAi, 7), device());
    // As it rests: the smallest number is no time.
    let is_proven = || {
        let databases = sqlite::databases(&device.rig.aimon_home());
        let sql = "SELECT hex(value) FROM meta WHERE key = 'time'";
        let all: Vec<String> = databases.iter().filter_map(|path| sqlite::ask(path, sql).ok()).collect();
        all.iter().any(|time| !time.is_empty() && !time.starts_with("0000000000000080"))
    };
    device.run(&["settings", "set", "zone", "UTC"]);
    world.add(&device, 1, &[]).fine();
    assert!(!is_proven());
    device.run(&["doctor", "--trust-clock"]);
    assert!(is_proven(), "but a person does");
}
