use std::collections::BTreeMap;

use crate::name::Name;
use crate::time::UtcMillis;

/// A span of time that an answer is about. A gauge has width 0 and begins when it was observed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Bucket {
    /// Its first millisecond.
    pub start: UtcMillis,
    /// Its width in seconds; 0 for a gauge.
    pub width: u32,
}

impl Bucket {
    /// Whether the answer is a momentary value: a balance, a quota window's use.
    pub fn is_gauge(self) -> bool {
        self.width == 0
    }

    /// The first millisecond after it.
    pub fn end(self) -> UtcMillis {
        UtcMillis(self.start.0.saturating_add(i64::from(self.width) * 1000))
    }
}

/// What an answer answers. Of answers with one key the one observed last stands, whole.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AnswerKey {
    /// The account's provider id, or the subscription's.
    pub account: Name,
    /// The metric: `usage.completions`, `costs`, `window`, …
    pub metric: Name,
    /// Names of the dimensions by which the rows are grouped, sorted. Together with the width:
    /// the grain.
    pub dimensions: Vec<Name>,
    /// What time it is about.
    pub bucket: Bucket,
}

/// Whose clock told when an answer was observed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Clock {
    /// The device's own, corrected by its measured offset.
    Device,
    /// The provider's (HTTP `Date` of the first page): goes before a device's.
    Provider,
}

/// One reading: the values of the key's dimensions, and measures as integers. The measure's name
/// ends in its unit (`input_tokens`, `used_ppm`, `resets_at_s`, `cost_pusd`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Row {
    /// Values, in the order of [`AnswerKey::dimensions`]; empty text where the provider gave null.
    pub values: Vec<Name>,
    /// Measures.
    pub measures: BTreeMap<Name, i128>,
}

/// All that a provider said for one key, recorded once its last page has come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// What it answers.
    pub key: AnswerKey,
    /// When it was observed.
    pub observed: UtcMillis,
    /// By whose clock.
    pub clock: Clock,
    /// Its rows, sorted.
    pub rows: Vec<Row>,
}

/// Eight bytes of BLAKE3 over an answer's rows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AnswerHash(pub [u8; 8]);

/// A note that a provider said the same again: it raises the time of exactly that answer, where it was seen by the same clock
/// that told when the answer was observed.
///
/// A gauge's note counts on the answer's own UTC day, and up to [`Unchanged::REACH_MS`] after its observation. So whoever polls a
/// gauge writes the answer again, instead of a note, when the one that it wrote is older than that, of the day before, or told by the
/// other clock.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unchanged {
    /// What was answered.
    pub key: AnswerKey,
    /// Which answer it repeats.
    pub answer: AnswerHash,
    /// When it was seen again.
    pub seen: UtcMillis,
    /// By whose clock.
    pub clock: Clock,
}

impl Unchanged {
    /// How long after an answer's observation a note about it counts, if it is a gauge's. Without an end to it, each answer of a
    /// day could be raised once more, and all of them would have to be kept.
    pub const REACH_MS: i64 = 15 * 60 * 1000;

    /// Whether it raises the time of this answer.
    pub fn is_of(&self, answer: &Answer) -> bool {
        let (day, after) = (answer.observed.day(), self.seen.0.saturating_sub(answer.observed.0));
        let is_in_reach = self.seen.day() == day && (0..=Self::REACH_MS).contains(&after);
        let may_be = self.key == answer.key && self.clock == answer.clock;
        may_be && (is_in_reach || !self.key.bucket.is_gauge()) && self.answer == answer.hash()
    }
}

impl Answer {
    /// The hash that a note about this answer carries.
    pub fn hash(&self) -> AnswerHash {
        let mut hasher = blake3::Hasher::new();
        let mut text = |t: &str| {
            hasher.update(&(t.len() as u64).to_le_bytes()).update(t.as_bytes());
        };
        for row in &self.rows {
            text("row");
            row.values.iter().for_each(|v| text(v));
            for (name, value) in &row.measures {
                text(name);
                text(&value.to_string());
            }
        }
        let mut out = [0; 8];
        out.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        AnswerHash(out)
    }
}
