//! Events as batches that can be read again. Whoever asks may have a million of them; one batch has limits.

use aimon_ledger::chunk;

use super::limits::{MAX_COLUMNS, MAX_ROWS, rows};
use super::{Batch, Written};
use crate::event::AnswerKey;

/// The most bytes of a batch that is recorded: it fits a chunk, with room for the header. Also where there is no workspace, since
/// there may be one tomorrow.
pub const MOST_BYTES: usize = chunk::MOST_BYTES - 16 * 1024;

/// One event alone is more than a batch may hold. It can't be divided: an answer stands or falls as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is too large to be recorded")]
pub struct TooLarge(pub String);

/// A batch's bytes, of which it is known that they can be read again. Nothing else is written into a segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Piece(Vec<u8>);

impl Piece {
    /// A batch that stands already, and that this version can't look into: it stays as it was written.
    pub fn kept(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl Batch {
    /// The same events as one batch, or as several where one would have more rows than it may, or more than `most` bytes; as none
    /// where there are none. Of each kind they keep their order.
    ///
    /// # Errors
    /// [`TooLarge`] names what does not fit a batch by itself; nothing is given back then.
    pub fn pieces(self, most: usize) -> Result<Vec<Piece>, TooLarge> {
        let mut pieces = Vec::new();
        self.add_pieces(most, &mut pieces)?;
        Ok(pieces)
    }

    fn add_pieces(mut self, most: usize, pieces: &mut Vec<Piece>) -> Result<(), TooLarge> {
        if self.is_empty() {
            return Ok(());
        }
        // Counted before: what is far too much need not be written to know it.
        if rows(&self).iter().all(|rows| *rows <= MAX_ROWS) {
            let written = self.write(super::ANSWERS);
            if written.can_be_read() && written.bytes.len() <= most {
                pieces.push(Piece(written.bytes));
                return Ok(());
            }
        }
        let Some(other) = self.split() else { return Err(TooLarge(self.what())) };
        self.add_pieces(most, pieces)?;
        other.add_pieces(most, pieces)
    }

    /// Leaves the first half here and gives the other back; `None` where it can't be divided: one event, or something in it that
    /// only a newer version understands.
    fn split(&mut self) -> Option<Self> {
        if self.len() < 2 || !self.is_understood() {
            return None;
        }
        let mut keep = self.len() / 2;
        let mut halve = |count: usize| {
            let here = keep.min(count);
            keep -= here;
            here
        };
        let (records, answers) = (halve(self.records.len()), halve(self.answers.len()));
        let (unchanged, settings) = (halve(self.unchanged.len()), halve(self.settings.len()));
        Some(Self {
            clock_offset_ms: self.clock_offset_ms,
            records: self.records.split_off(records),
            answers: self.answers.split_off(answers),
            unchanged: self.unchanged.split_off(unchanged),
            settings: self.settings.split_off(settings),
            ..Self::default()
        })
    }

    /// What is in it, for people; they look for the account or the log that it comes from.
    fn what(&self) -> String {
        let of = |key: &AnswerKey| format!("{} of {} ({})", key.metric, key.account, key.bucket.start.day());
        match (&self.records[..], &self.answers[..], &self.unchanged[..], &self.settings[..]) {
            ([record], [], [], []) => format!("a call in a log of {} ({})", record.source, record.time.day()),
            ([], [answer], [], []) => format!("the answer about {}", of(&answer.key)),
            ([], [], [note], []) => format!("a note about {}", of(&note.key)),
            ([], [], [], [_]) => "a setting".into(),
            _ => "what a newer version of aimon wrote".into(),
        }
    }
}

impl Written {
    /// Whether what is only known once it is written is within the limits.
    fn can_be_read(&self) -> bool {
        self.names <= MAX_ROWS && self.columns <= MAX_COLUMNS
    }
}
