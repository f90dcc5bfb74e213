//! Ten thousand worlds hold, and each planted fault is found within a thousand.

#![allow(clippy::panic)]

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use aimon_core::sync::Fault;
use aimon_simulator::{Faults, Happening, Plan, RelayFault, run, shrink, watch};

/// The first seed of a range whose world breaks, and in how many of those that hold what has come about.
fn survey(seeds: std::ops::Range<u64>, faults: &Faults) -> (Option<u64>, BTreeMap<Happening, u64>) {
    let (next, first) = (AtomicU64::new(seeds.start), AtomicU64::new(u64::MAX));
    let seen: Mutex<BTreeMap<Happening, u64>> = Mutex::default();
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end || seed > first.load(Ordering::Relaxed) {
                        return;
                    }
                    match watch(&Plan::of(seed), faults) {
                        Ok(happened) => {
                            let Ok(mut seen) = seen.lock() else { return };
                            happened.into_iter().for_each(|what| *seen.entry(what).or_default() += 1);
                        }
                        Err(_) => drop(first.fetch_min(seed, Ordering::Relaxed)),
                    }
                }
            });
        }
    });
    (Some(first.into_inner()).filter(|seed| *seed != u64::MAX), seen.into_inner().unwrap_or_default())
}

/// And each of them is about something: what a theme is there for comes about in at least one world of five hundred.
#[test]
fn ten_thousand_worlds_hold() {
    let faults = Faults::default();
    let (broken, seen) = survey(0..10_000, &faults);
    if let Some(seed) = broken {
        let plan = shrink(&Plan::of(seed), &faults);
        panic!("seed {seed}: {:?} with {} devices, after {:#?}", run(&plan, &faults).err(), plan.devices, plan.actions);
    }
    for what in Happening::ALL {
        let count = seen.get(&what).copied().unwrap_or(0);
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
        assert!(survey(0..1_000, &faults).0.is_some(), "{faults:?} is found by no seed");
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
