//! A world of devices and a relay in which everything happens that can, from a seed: the same seed, the same world.
//!
//! ```text
//! seed ─► Plan (a list of actions, values) ─► World ─► heal ─► what must hold
//!              ▲                                               │ broken
//!              └────────────── shrink: fewer actions ◄─────────┘
//! ```
//!
//! The devices run `aimon-core`'s client, the relay runs `aimon-relay-core`: the code that ships, with disks, clocks and a network
//! that are made of memory. A fault ([`aimon_core::sync::Fault`]) can be planted into a device to see that it is found.

use std::collections::BTreeSet;

#[allow(missing_docs)]
pub mod accounts;
#[allow(missing_docs)]
mod check;
pub mod cost;
mod disk;
mod folder;
mod happening;
mod library;
#[allow(missing_docs)]
mod lies;
mod node;
#[allow(missing_docs)]
mod plan;
mod server;
mod survey;
#[allow(missing_docs)]
mod theme;
mod world;

pub use check::Broken;
pub use happening::Happening;
pub use plan::{Action, Plan};
pub use server::RelayFault;
pub use survey::{Survey, survey};
pub use world::{Faults, World};

/// Runs a plan to its end.
///
/// # Errors
/// What does not hold.
pub fn run(plan: &Plan, faults: &Faults) -> Result<(), Broken> {
    watch(plan, faults).map(|_| ())
}

/// Runs a plan to its end, and says what has come about in it.
///
/// # Errors
/// What does not hold.
pub fn watch(plan: &Plan, faults: &Faults) -> Result<BTreeSet<Happening>, Broken> {
    let mut world = World::new(plan, faults);
    for action in &plan.actions {
        world.act(action)?;
    }
    world.heal()?;
    check::all(&mut world)?;
    Ok(world.happened)
}

/// A shorter plan that breaks the same.
pub fn shrink(plan: &Plan, faults: &Faults) -> Plan {
    let breaks = |actions: &[Action]| run(&Plan { actions: actions.to_vec(), ..plan.clone() }, faults).is_err();
    Plan { actions: fewer(&plan.actions, breaks), ..plan.clone() }
}

/// Fewer actions with which it still breaks.
fn fewer<A: Clone>(actions: &[A], breaks: impl Fn(&[A]) -> bool) -> Vec<A> {
    let mut best = actions.to_vec();
    let mut size = best.len().div_ceil(2).max(1);
    loop {
        let mut at = 0;
        while at < best.len() {
            let mut fewer = best.clone();
            fewer.drain(at..(at + size).min(best.len()));
            if breaks(&fewer) {
                best = fewer;
            } else {
                at += size;
            }
        }
        if size == 1 {
            return best;
        }
        size = size.div_ceil(2);
    }
}
