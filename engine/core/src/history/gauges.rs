//! The newest answer of each gauge: what a quota window or a balance is now.

use std::collections::BTreeMap;

use super::answers::Standing;
use crate::batch::{Batch, BatchError};
use crate::event::{Answer, Unchanged};
use crate::name::Name;
use crate::time::UtcDay;

/// Newest answers, absorbed one by one in any order. Of one (account, metric, dimensions) the
/// answer seen last is kept; a note raises the answer that it names, if that is the one kept.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Gauges(BTreeMap<(Name, Name, Vec<Name>), Standing>);

impl Gauges {
    /// Takes in what a batch says of gauges.
    pub fn absorb(&mut self, answers: &[Answer], notes: &[Unchanged]) {
        for answer in answers.iter().filter(|a| a.key.bucket.is_gauge()) {
            let one = Standing { seen: (answer.clock, answer.observed), answer: answer.clone() };
            let key = (answer.key.account.clone(), answer.key.metric.clone(), answer.key.dimensions.clone());
            match self.0.get(&key) {
                Some(held) if !one.goes_before(held) => {}
                _ => {
                    self.0.insert(key, one);
                }
            }
        }
        for note in notes.iter().filter(|n| n.key.bucket.is_gauge()) {
            let key = (note.key.account.clone(), note.key.metric.clone(), note.key.dimensions.clone());
            if let Some(held) = self.0.get_mut(&key)
                && held.answer.key == note.key
                && held.answer.hash() == note.answer
            {
                held.seen = held.seen.max((note.clock, note.seen));
            }
        }
    }

    /// Leaves out what was last seen before a day: that is not kept any more. Says whether there was something.
    pub fn expire(&mut self, first: UtcDay) -> bool {
        let before = self.0.len();
        self.0.retain(|_, standing| standing.seen.1.day() >= first);
        self.0.len() < before
    }

    /// The newest answers.
    pub fn all(&self) -> impl Iterator<Item = &Standing> {
        self.0.values()
    }

    /// Bytes for a derived table: a batch of the answers and of a note each.
    pub fn encode(&self) -> Vec<u8> {
        let answers = self.0.values().map(|s| s.answer.clone()).collect();
        let unchanged = self
            .0
            .values()
            .map(|s| Unchanged { key: s.answer.key.clone(), answer: s.answer.hash(), seen: s.seen.1, clock: s.seen.0 })
            .collect();
        Batch { answers, unchanged, ..Batch::default() }.encode()
    }

    /// Reads what [`Gauges::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, BatchError> {
        let batch = Batch::decode(bytes)?;
        let mut gauges = Self::default();
        gauges.absorb(&batch.answers, &batch.unchanged);
        Ok(gauges)
    }
}
