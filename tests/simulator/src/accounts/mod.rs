//! Accounts in a world of devices: two payers at a provider that says late what was used, and three devices that ask it: two of them
//! with one key, the third with another key of the same organization, and one to the other payer as well. They share their history as
//! all devices here do, over a relay that loses its mind now and then.
//!
//! ```text
//! meter ──answer──► asker (core's Track and Window) ──news──► the device's chunks ──relay──► everybody's
//!   │ late, down, moved from one model to another                                             │ folded, cut
//!   └─────────────────────────────── judge: each bucket once ◄───────────────────────────────┘
//! ```
//!
//! A part of what the first account meters stands in a log too, whose source it covers from some day on: of these calls the log
//! counts until the account's own figure is settled, and explains it from then on.

mod asker;
mod judge;
mod meter;
mod plan;
mod shown;
mod world;

use std::collections::BTreeSet;

pub use plan::{Action, Plan};

use crate::Broken;
use world::World;

/// What is done wrong on purpose.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Fault {
    /// What was asked by the hour counts beside what was asked by the minute.
    AddWidths,
    /// What was said of a bucket when it ended is taken to be final.
    IgnoreSettling,
    /// A covered call counts beside its account's figure.
    IgnoreCoverage,
    /// A note that something still holds raises nothing.
    DeafToNotes,
    /// What a provider says of a bucket is recorded once.
    RecordOnce,
    /// Two keys of one organization are two accounts.
    KeysAreAccounts,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::AddWidths,
        Self::IgnoreSettling,
        Self::IgnoreCoverage,
        Self::DeafToNotes,
        Self::RecordOnce,
        Self::KeysAreAccounts,
    ];
}

/// Something that these worlds are there for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Happening {
    /// A device has nothing to ask, since another one has just asked.
    OtherHasAsked,
    /// One goes on with the past where another one has stopped.
    GoneOnWith,
    /// A device stops between an answer and its commit.
    StoppedBetween,
    /// A provider moves usage to another model after it was recorded.
    Moved,
    /// A whole day of an account that is down is shown by its log.
    ShownByLog,
    /// That day, later, by the account itself.
    ShownAfterAll,
    /// A day by the account, its calls in the log explained.
    Explained,
    /// A device that was away for a week comes back.
    BackAfterAWeek,
}

impl Happening {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::OtherHasAsked,
        Self::GoneOnWith,
        Self::StoppedBetween,
        Self::Moved,
        Self::ShownByLog,
        Self::ShownAfterAll,
        Self::Explained,
        Self::BackAfterAWeek,
    ];
}

/// Runs a plan to its end, and says what has come about in it.
///
/// # Errors
/// What does not hold.
pub fn watch(plan: &Plan, fault: Option<Fault>) -> Result<BTreeSet<Happening>, Broken> {
    let mut world = World::new(plan, fault);
    for action in &plan.actions {
        world.act(action)?;
    }
    world.heal()?;
    Ok(world.happened)
}

/// A shorter plan that breaks, too.
#[must_use]
pub fn shrink(plan: &Plan, fault: Option<Fault>) -> Plan {
    let breaks = |actions: &[Action]| watch(&Plan { actions: actions.to_vec(), ..plan.clone() }, fault).is_err();
    Plan { actions: crate::fewer(&plan.actions, breaks), ..plan.clone() }
}
