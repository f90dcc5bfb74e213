//! The newest answer of each gauge: what a quota window or a balance is now.
//!
//! [`Gauges`] is a function of a *set* of answers and notes: in whatever order they come, in whatever pieces, and how often, it is
//! the same. A note may come long before the answer that it names, and raise one that was not the newest until then, so the newest
//! answer alone is too little to go by.
//!
//! What is kept is bounded all the same, because a note reaches back [`Unchanged::REACH_MS`] and no further. Per clock, what is
//! further than that before the newest time at which any answer was seen can't come to be the newest, whatever is still to come:
//! that time only grows with the set. Nor is it missed when days expire. A note is of its answer's own day, so what is let go is of
//! the day of the newest or of one before, and has expired if the newest has.

use std::collections::{BTreeMap, BTreeSet};

use super::answers::Standing;
use crate::batch::columns::{Reader, put};
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
    /// Nothing as long as it is known by notes alone: these count as nothing until it comes. Of repeated ones the last: a note
    /// later than that which reaches an earlier one reaches it too.
    answer: Option<Answer>,
    /// When it was noted. The latest alone won't do: it may be out of the answer's reach, and an earlier one not.
    noted: BTreeSet<UtcMillis>,
}

impl Seen {
    /// The answer that is held, and when it was last seen.
    fn last(&self) -> Option<(UtcMillis, &Answer)> {
        let answer = self.answer.as_ref()?;
        let reach = UtcMillis(answer.observed.0.saturating_add(Unchanged::REACH_MS));
        let noted = self.noted.range(answer.observed..=reach).next_back();
        Some((noted.map_or(answer.observed, |noted| *noted), answer))
    }

    /// Lets go what is too old, and notes that raise nothing. Says whether something remains.
    fn prune(&mut self, oldest: UtcMillis) -> bool {
        let observed = self.answer.as_ref().map(|answer| answer.observed);
        self.noted.retain(|noted| *noted >= oldest && Some(*noted) > observed);
        self.answer.take_if(|answer| answer.observed < oldest);
        self.answer.is_some() || !self.noted.is_empty()
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
        let sight = (note.clock, note.seen.day(), note.key.bucket.start, note.answer);
        self.seen.entry(sight).or_default().noted.insert(note.seen);
    }

    /// The answer that a clock saw last, and when.
    fn newest(&self, clock: Clock) -> Option<(UtcMillis, &Answer)> {
        let held = self.seen.iter().filter(|((by, ..), _)| *by == clock).filter_map(|(_, seen)| seen.last());
        // As `Standing::goes_before`, without a copy of each.
        held.max_by(|(last, a), (other, b)| {
            (last, &a.rows, a.observed, a.key.bucket.start).cmp(&(other, &b.rows, b.observed, b.key.bucket.start))
        })
    }

    /// Lets go what no answer or note that is still to come could make the newest, and says which answer stands.
    fn settle(&mut self) {
        for clock in [Clock::Device, Clock::Provider] {
            if let Some((last, _)) = self.newest(clock) {
                let oldest = UtcMillis(last.0.saturating_sub(Unchanged::REACH_MS));
                self.seen.retain(|(by, ..), seen| *by != clock || seen.prune(oldest));
            }
        }
        // A provider's time goes before a device's.
        let stands = [Clock::Provider, Clock::Device].into_iter().find_map(|clock| Some((clock, self.newest(clock)?)));
        self.stands = stands.map(|(clock, (last, answer))| Standing { seen: (clock, last), answer: answer.clone() });
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

    /// Bytes for a derived table: batches of the answers and notes that are kept, each behind its length.
    pub fn encode(&self) -> Vec<u8> {
        let mut batch = Batch::default();
        for ((account, metric, dimensions), gauge) in &self.0 {
            for ((clock, _, start, hash), seen) in &gauge.seen {
                batch.answers.extend(seen.answer.clone());
                batch.unchanged.extend(seen.noted.iter().map(|noted| Unchanged {
                    key: AnswerKey {
                        account: account.clone(),
                        metric: metric.clone(),
                        dimensions: dimensions.clone(),
                        bucket: Bucket { start: *start, width: 0 },
                    },
                    answer: *hash,
                    seen: *noted,
                    clock: *clock,
                }));
            }
        }
        // Each was in a batch before, so none is too large for one; all together may be.
        let mut out = Vec::new();
        for piece in batch.pieces(usize::MAX).unwrap_or_default() {
            put(&mut out, piece.bytes().len() as u64);
            out.extend_from_slice(piece.bytes());
        }
        out
    }

    /// Reads what [`Gauges::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, BatchError> {
        let (mut r, mut gauges) = (Reader::new(bytes), Self::default());
        while !r.is_empty() {
            let length = r.len_of(1)?;
            let batch = Batch::decode(r.bytes(length)?)?;
            gauges.absorb(&batch.answers, &batch.unchanged);
        }
        Ok(gauges)
    }
}
