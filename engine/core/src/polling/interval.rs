//! How often providers are asked, as the workspace's devices agree: not more often than is worth it, which the providers say.
//!
//! ```text
//! poll/usage    300       seconds: usage, credits, and what else changes by the minute
//! poll/costs    7200      costs, and days that are over
//! ```

use std::ops::RangeInclusive;

use crate::name::Name;
use crate::settings::Settings;

use super::Metric;

/// What is asked more rarely is about costs.
const COSTS_S: u32 = 1800;

/// The longest interval: half a day, so that the finest buckets that one request reaches leave no hole.
const LONGEST_S: u32 = 12 * 3600;

/// What an interval is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rhythm {
    /// Usage, credits, and what else changes by the minute.
    Usage,
    /// Costs, and days that are over.
    Costs,
}

impl Rhythm {
    /// The path in the settings.
    pub fn path(self) -> Name {
        match self {
            Self::Usage => "poll/usage",
            Self::Costs => "poll/costs",
        }
        .into()
    }

    /// What it can be, in seconds.
    pub fn range(self) -> RangeInclusive<u32> {
        match self {
            Self::Usage => 60..=LONGEST_S,
            Self::Costs => COSTS_S..=LONGEST_S,
        }
    }

    /// Reads it as the settings have it; what it can't be is none.
    fn of(self, settings: &Settings) -> Option<u32> {
        settings.value(&self.path())?.parse().ok().filter(|s| self.range().contains(s))
    }
}

/// The intervals, in seconds, where somebody has said so.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Intervals {
    /// Of [`Rhythm::Usage`].
    pub usage: Option<u32>,
    /// Of [`Rhythm::Costs`].
    pub costs: Option<u32>,
}

impl Intervals {
    /// Of the settings.
    pub fn of(settings: &Settings) -> Self {
        Self { usage: Rhythm::Usage.of(settings), costs: Rhythm::Costs.of(settings) }
    }

    /// A metric that is asked so often; never more often than is worth it.
    #[must_use]
    pub fn adjusted(self, metric: Metric) -> Metric {
        let asked = if metric.every_s < COSTS_S { self.usage } else { self.costs };
        Metric { every_s: asked.unwrap_or(metric.every_s).max(metric.every_s), ..metric }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Batch, BatchHash};
    use crate::event::{Event, Setting};
    use crate::polling::Kind;

    #[test]
    fn a_metric_is_asked_less_often_and_never_more() {
        let of = |usage: &str, costs: &str| {
            let entry =
                |rhythm: Rhythm, value: &str| Setting { path: rhythm.path(), value: Some(value.into()), counter: 1 };
            let batch = Batch::new([entry(Rhythm::Usage, usage), entry(Rhythm::Costs, costs)].map(Event::Setting));
            let mut settings = Settings::default();
            settings.add(BatchHash::of(&batch.encode()), &batch);
            let every = |every_s| {
                let metric = Metric { name: "x", dimensions: &[], every_s, kind: Kind::Gauge };
                Intervals::of(&settings).adjusted(metric).every_s
            };
            [every(60), every(300), every(1800)]
        };
        assert_eq!(of("", ""), [60, 300, 1800]);
        assert_eq!(of("120", "7200"), [120, 300, 7200]);
        // What another version wrote, or nobody can mean.
        assert_eq!(of("59", "60"), [60, 300, 1800]);
        assert_eq!(of("43201", "-1"), [60, 300, 1800]);
    }
}
