//! Ten thousand worlds hold, and each planted fault is found within a thousand.

#![allow(clippy::panic)]

use aimon_core::sync::Fault;
use aimon_simulator::{Faults, Happening, Plan, RelayFault, run, shrink, survey, watch};

/// And each of them is about something: what a theme is there for comes about in at least one world of five hundred.
#[test]
fn ten_thousand_worlds_hold() {
    let faults = Faults::default();
    let survey = survey(0..10_000, 1, |seed| watch(&Plan::of(seed), &faults));
    if let Some(seed) = survey.broken {
        let plan = shrink(&Plan::of(seed), &faults);
        panic!("seed {seed}: {:?} with {} devices, after {:#?}", run(&plan, &faults).err(), plan.devices, plan.actions);
    }
    for what in Happening::ALL {
        let count = survey.seen.get(&what).copied().unwrap_or(0);
        assert!(count >= 20, "{what:?} comes about in {count} worlds of 10,000");
    }
}

/// Worlds beyond those ten thousand that have broken once: each says where in the code why that can't be any more.
#[test]
fn worlds_that_broke_once_hold() {
    for seed in [10_155, 10_710, 24_450, 28_461, 34_300, 38_444, 40_265, 43_453, 97_873] {
        assert_eq!(run(&Plan::of(seed), &Faults::default()), Ok(()), "seed {seed}");
    }
}

#[test]
fn a_seed_is_a_world() {
    for seed in 0..50 {
        let (plan, faults) = (Plan::of(seed), Faults::default());
        assert_eq!(watch(&plan, &faults), watch(&Plan::of(seed), &faults));
    }
}

#[test]
fn each_planted_fault_is_found() {
    let devices = Fault::ALL.into_iter().map(|fault| Faults { device: Some(fault), relay: None });
    let relay = Faults { device: None, relay: Some(RelayFault::AcknowledgeEarly) };
    for faults in devices.chain([relay]) {
        let survey = survey(0..1_000, 1, |seed| watch(&Plan::of(seed), &faults));
        assert!(survey.broken.is_some(), "{faults:?} is found by no seed");
    }
}

/// What the protocol costs is written down: whoever changes it sees by how much. `AIMON_BLESS=1` writes it anew.
#[test]
fn the_protocol_costs_what_is_written_down() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cost.txt");
    let costs = aimon_simulator::cost::table();
    if std::env::var_os("AIMON_BLESS").is_some() {
        assert!(std::fs::write(path, &costs).is_ok(), "{path} can't be written");
    }
    assert_eq!(
        std::fs::read_to_string(path).unwrap_or_default().lines().collect::<Vec<_>>(),
        costs.lines().collect::<Vec<_>>()
    );
}
