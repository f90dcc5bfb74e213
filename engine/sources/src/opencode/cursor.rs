//! How far a database was read.

use serde::{Deserialize, Serialize};

use crate::collector::CollectError;

/// The version of the remembered state.
const VERSION: u8 = 1;

/// More answers than this are never under way at once; the oldest make room.
const OPEN: usize = 256;

/// Rows are read in passes, in the order in which they lie in the table: each pass those that are new
/// or were changed since the one before.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Cursor {
    version: u8,
    /// What the passes before this one have seen.
    pub before: Seen,
    /// What this pass has seen.
    pub now: Seen,
    /// The last row of this pass.
    pub row: Option<i64>,
    /// Rows that usage may still be added to, each with a hash of what it says. They are read again
    /// in each pass, since not every version dates its changes.
    pub open: Vec<(i64, u64)>,
}

/// The newest that was seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Seen {
    /// The latest change.
    pub updated: i64,
    /// The greatest row.
    pub row: i64,
}

impl Default for Cursor {
    fn default() -> Self {
        let nothing = Seen { updated: i64::MIN, row: i64::MIN };
        Self { version: VERSION, before: nothing, now: nothing, row: None, open: Vec::new() }
    }
}

impl Cursor {
    /// At the start, or where an earlier pass stopped.
    pub fn resume(state: Option<&[u8]>) -> Result<Self, CollectError> {
        let Some(state) = state else { return Ok(Self::default()) };
        let cursor: Self = serde_json::from_slice(state).map_err(|_| CollectError::State)?;
        if cursor.version == VERSION { Ok(cursor) } else { Err(CollectError::State) }
    }

    /// Notes a row; `open` is the hash of one that usage may still be added to.
    pub fn pass(&mut self, row: i64, updated: Option<i64>, open: Option<u64>) {
        self.now.row = self.now.row.max(row);
        self.now.updated = self.now.updated.max(updated.unwrap_or(i64::MIN));
        self.open.retain(|(other, _)| *other != row);
        if let Some(hash) = open {
            if self.open.len() >= OPEN {
                self.open.remove(0);
            }
            self.open.push((row, hash));
        }
    }

    /// The pass is over.
    pub fn end(&mut self) {
        self.before =
            Seen { updated: self.before.updated.max(self.now.updated), row: self.before.row.max(self.now.row) };
        self.now = Seen { updated: i64::MIN, row: i64::MIN };
        self.row = None;
    }

    /// The bytes to remember.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}
