//! The newest answer of each gauge: what a quota window or a balance is now.
//!
//! [`Gauges`] is a function of a *set* of answers and notes: in whatever order they come, in whatever pieces, and how often, it is
//! the same. A note may come long before the answer that it names, and raise one that was not the newest until then, so the newest
//! answer alone is too little to go by. What is kept is bounded all the same: a note is about an answer of its own UTC day, because
//! a writer's first note in a segment repeats the answer, so of each clock only the newest day that has an answer matters, and
//! notes of later days whose answers have not come.

use std::collections::BTreeMap;

use super::answers::Standing;
use crate::batch::{Batch, BatchError};
use crate::event::{Answer, AnswerHash, AnswerKey, Bucket, Clock, Unchanged};
use crate::name::Name;
use crate::time::{UtcDay, UtcMillis};

/// Account, metric, dimensions: what a gauge is known by.
type Series = (Name, Name, Vec<Name>);

/// Newest answers, absorbed one by one in any order. Of one (account, metric, dimensions) the
/// answer seen last stands; a note raises exactly the answer that it names.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Gauges(BTreeMap<Series, Gauge>);

/// One gauge.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Gauge {
    seen: BTreeMap<Sight, Seen>,
    stands: Option<Standing>,
}

/// By whose clock, on which day, and of which answer: when that began, and the hash of its rows.
type Sight = (Clock, UtcDay, UtcMillis, AnswerHash);

/// What is known of an answer on a day.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Seen {
    /// Nothing as long as it is known by notes alone: these count as nothing until it comes.
    answer: Option<Answer>,
    /// When it was last noted.
    noted: Option<UtcMillis>,
}

impl Seen {
    /// When an answer that is held was last seen; `raised` is when a better clock noted it.
    fn last(&self, answer: &Answer, raised: Option<UtcMillis>) -> UtcMillis {
        self.noted.max(raised).map_or(answer.observed, |noted| noted.max(answer.observed))
    }
}

impl Gauge {
    fn answer(&mut self, answer: &Answer) {
        let sight = (answer.clock, answer.observed.day(), answer.key.bucket.start, answer.hash());
        let seen = self.seen.entry(sight).or_default();
        // Repeated answers differ in when they were observed; larger rows under an equal hash are next to impossible.
        let rank = |answer: &Answer| (answer.observed, answer.rows.clone());
        if seen.answer.as_ref().is_none_or(|held| rank(held) < rank(answer)) {
            seen.answer = Some(answer.clone());
        }
    }

    fn note(&mut self, note: &Unchanged) {
        let seen = self.seen.entry((note.clock, note.seen.day(), note.key.bucket.start, note.answer)).or_default();
        seen.noted = seen.noted.max(Some(note.seen));
    }

    /// Lets go what no answer or note that is still to come could make the newest, and says which answer stands.
    fn settle(&mut self) {
        let newest = |clock: Clock| {
            let held = self.seen.iter().filter(|((by, ..), seen)| *by == clock && seen.answer.is_some());
            held.map(|((_, day, ..), _)| *day).max()
        };
        let (device, provider) = (newest(Clock::Device), newest(Clock::Provider));
        let newest = |clock: Clock| match clock {
            Clock::Device => device,
            Clock::Provider => provider,
        };
        self.seen.retain(|(clock, day, ..), _| newest(*clock).is_none_or(|newest| *day >= newest));
        // A provider's time goes before a device's; a provider's note of a device's answer raises its time, not its clock.
        let clock = if provider.is_some() { Clock::Provider } else { Clock::Device };
        let candidates = self.seen.iter().filter(|((by, day, ..), _)| *by == clock && Some(*day) == newest(clock));
        let standing = candidates.filter_map(|((_, day, start, hash), seen)| {
            let answer = seen.answer.as_ref()?;
            let by_provider = self.seen.get(&(Clock::Provider, *day, *start, *hash));
            Some((seen.last(answer, by_provider.and_then(|seen| seen.noted)), answer))
        });
        // As `Standing::goes_before`, without a copy of each.
        let best = standing.max_by(|(last, a), (other, b)| {
            (last, &a.rows, a.observed, a.key.bucket.start).cmp(&(other, &b.rows, b.observed, b.key.bucket.start))
        });
        self.stands = best.map(|(last, answer)| Standing { seen: (clock, last), answer: answer.clone() });
    }
}

impl Gauges {
    /// Takes in what a batch says of gauges.
    pub fn absorb(&mut self, answers: &[Answer], notes: &[Unchanged]) {
        let mut touched: Vec<Series> = Vec::new();
        for answer in answers.iter().filter(|a| a.key.bucket.is_gauge()) {
            self.gauge(&answer.key, &mut touched).answer(answer);
        }
        for note in notes.iter().filter(|n| n.key.bucket.is_gauge()) {
            self.gauge(&note.key, &mut touched).note(note);
        }
        touched.sort_unstable();
        touched.dedup();
        for series in touched {
            self.0.entry(series).or_default().settle();
        }
    }

    fn gauge(&mut self, key: &AnswerKey, touched: &mut Vec<Series>) -> &mut Gauge {
        let series = (key.account.clone(), key.metric.clone(), key.dimensions.clone());
        touched.push(series.clone());
        self.0.entry(series).or_default()
    }

    /// Leaves out what was last seen before a day: that is not kept any more. Says whether there was something.
    pub fn expire(&mut self, first: UtcDay) -> bool {
        let mut has_expired = false;
        self.0.retain(|_, gauge| {
            let before = gauge.seen.len();
            gauge.seen.retain(|(_, day, ..), _| *day >= first);
            if gauge.seen.len() < before {
                has_expired = true;
                gauge.settle();
            }
            !gauge.seen.is_empty()
        });
        has_expired
    }

    /// The newest answers.
    pub fn all(&self) -> impl Iterator<Item = &Standing> {
        self.0.values().filter_map(|gauge| gauge.stands.as_ref())
    }

    /// Bytes for a derived table: a batch of the answers and notes that are kept.
    pub fn encode(&self) -> Vec<u8> {
        let mut batch = Batch::default();
        for ((account, metric, dimensions), gauge) in &self.0 {
            for ((clock, _, start, hash), seen) in &gauge.seen {
                batch.answers.extend(seen.answer.clone());
                batch.unchanged.extend(seen.noted.map(|noted| Unchanged {
                    key: AnswerKey {
                        account: account.clone(),
                        metric: metric.clone(),
                        dimensions: dimensions.clone(),
                        bucket: Bucket { start: *start, width: 0 },
                    },
                    answer: *hash,
                    seen: noted,
                    clock: *clock,
                }));
            }
        }
        batch.encode()
    }

    /// Reads what [`Gauges::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, BatchError> {
        let batch = Batch::decode(bytes)?;
        let mut gauges = Self::default();
        gauges.absorb(&batch.answers, &batch.unchanged);
        Ok(gauges)
    }
}
