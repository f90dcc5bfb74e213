//! Events: immutable observations.

mod answer;
mod quality;
mod record;

pub use answer::{Answer, AnswerHash, AnswerKey, Bucket, Clock, Row, Unchanged};
pub use quality::Quality;
pub use record::{ContextClass, MessageId, Record, RequestId, Tier};

use crate::time::UtcDay;

/// One immutable observation. Kinds that a newer version writes are carried by the batch that
/// holds them and do not appear here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// One model call seen in a local log.
    Record(Record),
    /// All that a provider said for one key.
    Answer(Answer),
    /// A provider said the same again.
    Unchanged(Unchanged),
}

impl Event {
    /// The UTC day of what the event is about, which decides the segment: of the call, of the
    /// bucket's start, of a gauge's observation.
    pub fn day(&self) -> UtcDay {
        match self {
            Self::Record(r) => r.time.day(),
            Self::Answer(a) if a.key.bucket.is_gauge() => a.observed.day(),
            Self::Answer(a) => a.key.bucket.start.day(),
            Self::Unchanged(u) if u.key.bucket.is_gauge() => u.seen.day(),
            Self::Unchanged(u) => u.key.bucket.start.day(),
        }
    }
}
