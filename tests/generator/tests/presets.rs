//! The presets: ccusage agrees on what it can read, and the same plan gives the same logs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod witness;

use std::collections::BTreeMap;
use std::path::Path;

use aimon_generator::{Agent, Plan, generate};
use jiff::tz::TimeZone;

const ZONES: [&str; 5] = ["UTC", "America/Los_Angeles", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu"];

fn agrees_with_ccusage(plan: &Plan) {
    let dir = tempfile::tempdir().unwrap();
    let made = generate(plan, dir.path()).unwrap();
    for zone in ZONES {
        let theirs = witness::cells(&made.machines[0].home, zone);
        let ours = witness::truth(&made.truth, zone);
        assert_eq!(witness::sum(&ours), sum_of(&made.truth), "the cells of {zone} hold everything");
        let differences = witness::differences(&theirs, &ours);
        assert!(differences.is_empty(), "{zone}, seed {}:\n{}", plan.seed, differences.join("\n"));
    }
}

#[test]
fn clean_logs_of_all_agents_are_what_ccusage_says_in_five_zones() {
    agrees_with_ccusage(&Plan::clean(1));
    let mut midnight = Plan::clean(2);
    midnight.traps.midnight = 300;
    agrees_with_ccusage(&midnight);
}

#[test]
fn everyday_logs_are_what_ccusage_says_in_five_zones() {
    for seed in 1..=3 {
        agrees_with_ccusage(&Plan::everyday(seed));
    }
}

/// Everything but what ccusage leaves out.
fn sum_of(truth: &aimon_generator::Truth) -> u64 {
    let left_out = |c: &&aimon_generator::Call| matches!(c.agent, Agent::Gemini | Agent::OpenCode);
    let reasoning: u64 = truth.calls.iter().filter(left_out).map(|c| c.tokens.reasoning).sum();
    truth.total().total() - reasoning
}

fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_none_or(|e| e != "db") {
                let name = path.strip_prefix(dir).unwrap().to_string_lossy().into_owned();
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn the_same_plan_gives_the_same_logs_and_another_seed_gives_others() {
    let (a, b, c) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = generate(&Plan::truth(5), a.path()).unwrap();
    let again = generate(&Plan::truth(5), b.path()).unwrap();
    let other = generate(&Plan::truth(6), c.path()).unwrap();
    assert_eq!(first.truth.calls, again.truth.calls);
    assert!(files(a.path()) == files(b.path()), "the same plan wrote other bytes");
    assert_ne!(first.truth.total(), other.truth.total());
}

#[test]
fn the_truth_preset_holds_every_agent_and_calls_on_both_sides_of_midnight() {
    let dir = tempfile::tempdir().unwrap();
    let made = generate(&Plan::truth(5), dir.path()).unwrap();
    for agent in [Agent::ClaudeCode, Agent::Codex, Agent::Gemini, Agent::OpenCode] {
        assert!(made.truth.calls.iter().any(|c| c.agent == agent), "{agent:?}");
    }
    assert!(made.truth.calls.iter().any(|c| c.understated));
    for zone in ZONES {
        let zone = TimeZone::get(zone).unwrap();
        let edge = |c: &aimon_generator::Call, ms: i64| {
            let at = jiff::Timestamp::from_millisecond(c.at + ms).unwrap();
            zone.to_datetime(at).date() != zone.to_datetime(jiff::Timestamp::from_millisecond(c.at).unwrap()).date()
        };
        assert!(made.truth.calls.iter().any(|c| edge(c, 1)), "no call just before midnight");
        assert!(made.truth.calls.iter().any(|c| edge(c, -1)), "no call just after midnight");
    }
}

#[test]
fn the_demo_shows_180_days_of_three_machines_and_a_week_off() {
    let dir = tempfile::tempdir().unwrap();
    let plan = Plan::demo(1_793_880_000_000);
    let made = generate(&plan, dir.path()).unwrap();
    assert_eq!(made.machines.len(), 3);
    assert!(made.bytes < 16_000_000, "{} bytes", made.bytes);
    assert!(made.truth.days(&TimeZone::UTC).len() >= 150, "too many days without work");
    let laptop = made.truth.only(|c| c.machine == 0);
    let week = 33..40;
    let last = plan.end / 86_400_000;
    let off = laptop.calls.iter().filter(|c| week.contains(&(last - c.at / 86_400_000))).count();
    // A session of the evening before may still run past midnight.
    assert!(off < 20, "{off} calls in the week in which the laptop was off");
    assert!(made.truth.calls.iter().all(|c| c.at <= plan.end && c.at >= plan.begin()));
}
