//! Lineages of cumulative totals.
//!
//! Codex writes, after a call, what the call used (`last`) and what its session has used so far
//! (`total`). The same pair comes again whenever something else about the line changes, and where
//! sub-agents write into one file there are several totals that take turns. So a line is not
//! compared with its neighbour but with the lineage that it continues:
//!
//! * A total that a lineage stands at already is a repetition, whatever its `last` says.
//! * A line belongs to the lineage whose total equals its `total − last`, and used `last`.
//! * One that continues none used min(`last`, growth) where the file has one lineage that can have
//!   grown to it, else (also where `last` is the whole `total`) it opens a new one with `last`.

use serde::{Deserialize, Serialize};

use super::usage::Usage;

/// More sub-agents than this taking turns in one file were never seen; the one that was silent
/// longest makes room.
const MOST: usize = 64;

/// The last totals of the file's lineages, the one that moved last in front.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Lineages(Vec<Usage>);

impl Lineages {
    /// Takes a line and says what it used: nothing if it repeats. `seen` says whether exactly this
    /// pair was taken before; it is asked only about a line that continues no lineage, where an
    /// old line that is written again looks like a new counter.
    pub fn take(&mut self, total: Usage, last: Option<Usage>, seen: impl FnOnce() -> bool) -> Usage {
        if let Some(at) = self.0.iter().position(|lineage| *lineage == total) {
            self.0[..=at].rotate_right(1);
            return Usage::default();
        }
        let Some(last) = last else { return self.grow(total, seen) };
        let before = total.minus(last);
        if let Some(at) = before.and_then(|before| self.0.iter().position(|lineage| *lineage == before)) {
            self.put(at, total);
            return last;
        }
        if seen() {
            return Usage::default();
        }
        match self.0.as_slice() {
            // All that was ever used is this call: a counter's first.
            _ if total == last => {
                self.open(total);
                last
            }
            [only] if total.covers(*only) => {
                let growth = total.above(*only);
                // Enough growth for this call and others: those lines are lost, or it is another
                // agent's counter, of which a single kind may well be near this one's.
                let used = if growth.sum() >= last.sum() { last } else { last.min(growth) };
                self.put(0, total);
                used
            }
            _ => {
                self.open(total);
                last.min(total)
            }
        }
    }

    /// A total without a `last`: its growth, over the lineage that is nearest below it. The first
    /// total of a counter grew from nothing.
    fn grow(&mut self, total: Usage, seen: impl FnOnce() -> bool) -> Usage {
        let below = self.0.iter().enumerate().filter(|(_, lineage)| total.covers(**lineage));
        if let Some((at, lineage)) = below.max_by_key(|(_, lineage)| lineage.sum()) {
            let used = total.above(*lineage);
            self.put(at, total);
            return used;
        }
        if seen() {
            return Usage::default();
        }
        self.open(total);
        total
    }

    fn put(&mut self, at: usize, total: Usage) {
        self.0[at] = total;
        self.0[..=at].rotate_right(1);
    }

    fn open(&mut self, total: Usage) {
        self.0.truncate(MOST - 1);
        self.0.insert(0, total);
    }
}
