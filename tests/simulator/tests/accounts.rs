//! Worlds with accounts hold, and each planted fault is found in one of them.

#![allow(clippy::panic)]

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use aimon_simulator::accounts::{Fault, Happening, Plan, shrink, watch};

/// The first seed of a range whose world breaks, and in how many of those that hold what has come about.
fn survey(count: u64, fault: Option<Fault>) -> (Option<u64>, BTreeMap<Happening, u64>) {
    let (next, first) = (AtomicU64::new(0), AtomicU64::new(u64::MAX));
    let seen: Mutex<BTreeMap<Happening, u64>> = Mutex::default();
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(16, Ordering::Relaxed);
                    if seed >= 16 * count || seed > first.load(Ordering::Relaxed) {
                        return;
                    }
                    match watch(&Plan::of(seed), fault) {
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

/// Each sixteenth seed of ten thousand.
#[test]
fn worlds_with_accounts_hold() {
    let (broken, seen) = survey(625, None);
    if let Some(seed) = broken {
        let plan = shrink(&Plan::of(seed), None);
        panic!("seed {seed}: {:?} after {:#?}", watch(&plan, None).err(), plan.actions);
    }
    for what in Happening::ALL {
        let count = seen.get(&what).copied().unwrap_or(0);
        assert!(count >= 10, "{what:?} comes about in {count} worlds of 625");
    }
}

/// A device whose clock was a day ahead, and was set right: what it had noted by it put off everything else.
#[test]
fn worlds_that_broke_once_hold() {
    for seed in [94, 161] {
        assert_eq!(watch(&Plan::of(seed), None).err(), None, "seed {seed}");
    }
}

#[test]
fn each_planted_fault_is_found() {
    for fault in Fault::ALL {
        assert!(survey(100, Some(fault)).0.is_some(), "{fault:?} is found by no seed");
    }
}

#[test]
fn a_seed_is_a_world() {
    for seed in 0..10 {
        assert_eq!(watch(&Plan::of(seed), None), watch(&Plan::of(seed), None));
    }
}
