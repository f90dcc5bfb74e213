//! Events: immutable observations.

mod answer;
mod quality;
mod record;
mod setting;

pub use answer::{Answer, AnswerHash, AnswerKey, Bucket, Clock, Row, Unchanged};
pub use quality::Quality;
pub use record::{ContextClass, MessageId, Record, RequestId, Tier};
pub use setting::Setting;

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
    /// A value that the workspace's devices agree on.
    Setting(Setting),
}

impl Event {
    /// The UTC day of what the event is about, which decides the segment: of the call, of the
    /// bucket's start, of a gauge's observation. A setting has no day: it is kept until another takes its place.
    pub fn day(&self) -> Option<UtcDay> {
        match self {
            Self::Record(r) => Some(r.time.day()),
            Self::Answer(a) if a.key.bucket.is_gauge() => Some(a.observed.day()),
            Self::Answer(a) => Some(a.key.bucket.start.day()),
            Self::Unchanged(u) if u.key.bucket.is_gauge() => Some(u.seen.day()),
            Self::Unchanged(u) => Some(u.key.bucket.start.day()),
            Self::Setting(_) => None,
        }
    }
}
