//! How often equal lines came before, for lines that have no id.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};

/// How many different lines are remembered. Equal lines have equal times, so they stand near each other;
/// the limit keeps the state, which each mark repeats, small in a long file that has no ids at all.
const REMEMBERED: usize = 1024;

/// How often each of the last lines came. One that is forgotten begins at 0 again: it then has the
/// identity of its first copy, so it may count too little and never twice.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<(u64, u32)>", into = "Vec<(u64, u32)>")]
pub(crate) struct Repeats {
    counts: HashMap<u64, u32>,
    order: VecDeque<u64>,
}

impl Repeats {
    /// How often the line came before; `line` is a hash of what it says.
    pub(crate) fn nth(&mut self, line: u64) -> u32 {
        let count = self.counts.entry(line).or_insert_with(|| {
            self.order.push_back(line);
            0
        });
        let nth = *count;
        *count = nth.saturating_add(1);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.counts.remove(&oldest);
        }
        nth
    }

    /// The lines, the oldest first, each with how often it came.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (u64, u32)> {
        self.order.iter().map(|line| (*line, self.counts.get(line).copied().unwrap_or_default()))
    }

    /// What [`Repeats::entries`] gave; `None` for more than are remembered.
    pub(crate) fn from_entries(entries: impl ExactSizeIterator<Item = (u64, u32)>) -> Option<Self> {
        if entries.len() > REMEMBERED {
            return None;
        }
        let mut repeats = Self::default();
        for (line, count) in entries {
            if repeats.counts.insert(line, count).is_none() {
                repeats.order.push_back(line);
            }
        }
        Some(repeats)
    }
}

impl From<Repeats> for Vec<(u64, u32)> {
    fn from(repeats: Repeats) -> Self {
        repeats.entries().collect()
    }
}

impl TryFrom<Vec<(u64, u32)>> for Repeats {
    type Error = &'static str;

    fn try_from(entries: Vec<(u64, u32)>) -> Result<Self, Self::Error> {
        Self::from_entries(entries.into_iter()).ok_or("more lines than are remembered")
    }
}
