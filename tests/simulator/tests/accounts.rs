//! Worlds with accounts hold, and each planted fault is found in one of them.

#![allow(clippy::panic)]

use aimon_simulator::accounts::{Fault, Happening, Plan, shrink, watch};
use aimon_simulator::survey;

/// Each sixteenth seed of ten thousand.
#[test]
fn worlds_with_accounts_hold() {
    let survey = survey(0..10_000, 16, |seed| watch(&Plan::of(seed), None));
    if let Some(seed) = survey.broken {
        let plan = shrink(&Plan::of(seed), None);
        panic!("seed {seed}: {:?} after {:#?}", watch(&plan, None).err(), plan.actions);
    }
    for what in Happening::ALL {
        let count = survey.seen.get(&what).copied().unwrap_or(0);
        assert!(count >= 10, "{what:?} comes about in {count} worlds of 625");
    }
}

/// A device whose clock was a day ahead, and was set right: what it had noted by it put off everything else. And one that stopped while
/// all came to rest (12 732): what it alone had was missed.
#[test]
fn worlds_that_broke_once_hold() {
    for seed in [94, 161, 12_732] {
        assert_eq!(watch(&Plan::of(seed), None).err(), None, "seed {seed}");
    }
}

#[test]
fn each_planted_fault_is_found() {
    for fault in Fault::ALL {
        let survey = survey(0..1_600, 16, |seed| watch(&Plan::of(seed), Some(fault)));
        assert!(survey.broken.is_some(), "{fault:?} is found by no seed");
    }
}

#[test]
fn a_seed_is_a_world() {
    for seed in 0..10 {
        assert_eq!(watch(&Plan::of(seed), None), watch(&Plan::of(seed), None));
    }
}
