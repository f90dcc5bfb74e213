//! Settings: what the workspace's devices agree on, folded from the entries in their batches.
//!
//! ```text
//! device A   {zone: Europe/Berlin, counter 1}            ┐
//! device B   {zone: Asia/Tokyo, counter 1}  {…, 2}       ┴─►  of each path the greatest (counter, batch hash) stands
//! ```
//!
//! [`Settings`] is a function of a *set* of (batch hash, entries): the order in which batches come, and how often, changes
//! nothing. Whoever writes takes one more than the greatest counter that it has seen, so what a person changes last on a
//! device that is in step stands, whatever the clocks say.
//!
//! Values are text. An entry without a value removes it; a value that can't be understood counts as none, and hides nothing
//! beside it.

mod asking;
mod known;

use std::collections::BTreeMap;

pub use asking::Asking;
pub use known::Path;
pub(crate) use known::shown;

use crate::batch::{Batch, BatchHash};
use crate::event::Setting;
use crate::name::Name;

/// What stands at one path. The order of the fields decides: counter first, then the batch's hash. One batch may hold a path
/// twice under one counter, then the greater value stands.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Standing {
    counter: u64,
    batch: BatchHash,
    value: Option<Name>,
}

/// The settings of a workspace, as a set of batches has them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Settings {
    standing: BTreeMap<Name, Standing>,
}

impl Settings {
    /// Takes in the entries of one batch; `hash` is that of the batch's bytes.
    pub fn add(&mut self, hash: BatchHash, batch: &Batch) {
        for entry in &batch.settings {
            let standing = Standing { counter: entry.counter, batch: hash, value: entry.value.clone() };
            self.offer(&entry.path, standing);
        }
    }

    /// Takes in what other batches have come to.
    pub fn merge(&mut self, other: &Self) {
        other.standing.iter().for_each(|(path, standing)| self.offer(path, standing.clone()));
    }

    fn offer(&mut self, path: &Name, new: Standing) {
        match self.standing.get_mut(path) {
            Some(old) if *old >= new => {}
            Some(old) => *old = new,
            None => {
                self.standing.insert(path.clone(), new);
            }
        }
    }

    /// The value that stands at a path.
    pub fn value(&self, path: &str) -> Option<&Name> {
        self.standing.get(path)?.value.as_ref()
    }

    /// All paths that have a value, in the order of their bytes, with their values.
    pub fn all(&self) -> impl Iterator<Item = (&Name, &Name)> {
        self.standing.iter().filter_map(|(path, standing)| Some((path, standing.value.as_ref()?)))
    }

    /// The entry that sets a path, or with `None` removes its value: one more than the greatest counter of any path.
    /// It stands once it was recorded and added.
    pub fn entry(&self, path: impl Into<Name>, value: Option<Name>) -> Setting {
        let greatest = self.standing.values().map(|s| s.counter).max().unwrap_or(0);
        Setting { path: path.into(), value, counter: greatest.saturating_add(1) }
    }

    /// What a device that joins a workspace brings: all values, with counter 0. They stand only where the workspace has
    /// never said anything, so joining changes nothing there. What was removed is not brought.
    pub fn brought(&self) -> Vec<Setting> {
        self.all().map(|(path, value)| Setting { path: path.clone(), value: Some(value.clone()), counter: 0 }).collect()
    }
}

#[cfg(test)]
mod tests;
