//! Readings: what counts of the answers of one UTC day, summed by quarter of an hour and by everything that a report can ask
//! for. Like cells, they are derived: they can be thrown away and made again from the events.
//!
//! * `fold`: which answers count, and their sums.
//! * `heard`: of which parts of the day the providers have told, and whether that still changes.
//! * `encode`: as they rest in a derived table.

mod encode;
mod fold;
mod heard;

pub use heard::{Heard, Span, union};

use crate::accounts::Joined;
use crate::batch::Said;
use crate::event::Bucket;
use crate::name::Name;
use crate::time::UtcDay;

/// What readings have in common that are summed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ReadingKey {
    /// The account's provider id.
    pub account: Name,
    /// The metric.
    pub metric: Name,
    /// The quarter of an hour; where the provider's bucket is wider, that.
    pub span: Bucket,
    /// The dimensions by which the provider groups, and their values.
    pub dimensions: Vec<(Name, Name)>,
}

impl ReadingKey {
    /// The value of a dimension, where it has one.
    pub fn dimension(&self, name: &str) -> Option<&Name> {
        let found = self.dimensions.iter().find(|(of, _)| of.as_str() == name);
        found.map(|(_, value)| value).filter(|value| !value.is_empty())
    }

    /// The model.
    pub fn model(&self) -> Option<&str> {
        self.dimension("model").map(Name::as_str)
    }
}

/// A sum of readings.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reading {
    /// Measures by name.
    pub measures: Vec<(Name, i128)>,
    /// Whether every bucket in it was observed when it no longer changed.
    pub is_settled: bool,
}

/// The readings of one UTC day: of the buckets that begin on it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DayReadings {
    /// The day.
    pub day: UtcDay,
    /// Sorted by key.
    pub readings: Vec<(ReadingKey, Reading)>,
    /// What the providers have told of, also where that was nothing. Sorted by account and metric.
    pub heard: Vec<Heard>,
}

impl DayReadings {
    /// Folds all that a day holds of answers and of notes about them. `settling` is how long after a bucket's end a metric
    /// still changes, in milliseconds; what accounts said that are one is one account's.
    pub fn fold(day: UtcDay, said: &[Said], settling: &dyn Fn(&str) -> i64, joined: &Joined) -> Self {
        let (readings, heard) = fold::fold(said, settling, joined);
        Self { day, readings, heard }
    }

    /// Whether nothing was told of the day.
    pub fn is_empty(&self) -> bool {
        self.readings.is_empty() && self.heard.is_empty()
    }
}
