//! What a step changes, as a value: whoever keeps a replica makes it durable, all of it in one transaction, before
//! anything of the step is sent.

use aimon_ledger::chunk::{Chunk, Header, Previous};
use aimon_ledger::frame::{Code, Frame};
use aimon_ledger::ids::ChunkId;
use aimon_ledger::retention::TrustedTime;
use aimon_ledger::statement::Statement;

use super::SyncError;

/// What is held at the start.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// All statements, each behind those that it follows: the genesis first.
    pub statements: Vec<Statement>,
    /// All chunks: each one's header, and how many bytes it has.
    pub chunks: Vec<(ChunkId, Header, u32)>,
    /// What no relay has acknowledged yet, oldest first, with the reason where it was refused.
    pub queue: Vec<(ChunkId, Option<Code>)>,
    /// The chunk that this device wrote last.
    pub last: Option<Previous>,
    /// The last number that was delivered.
    pub cursor: u64,
}

/// What is to be made durable.
#[derive(Clone, Debug, Default)]
pub struct Write {
    /// New statements, each behind those that it follows.
    pub statements: Vec<Statement>,
    /// New chunks: keep their bytes.
    pub chunks: Vec<Chunk>,
    /// Chunks that count no more and need not be kept: take their bytes away. Also those of `chunks` that are in both.
    pub dropped: Vec<ChunkId>,
    /// Chunks that are kept and don't count from now on (a revoked device's), or count again.
    pub counts: Vec<(ChunkId, bool)>,
    /// Chunks to be offered until a relay has acknowledged them, behind what is queued.
    pub queued: Vec<ChunkId>,
    /// Chunks that leave the queue.
    pub acknowledged: Vec<ChunkId>,
    /// Chunks that stay in the queue, and why.
    pub refused: Vec<(ChunkId, Code)>,
    /// The chunk that this device wrote last.
    pub last: Option<Previous>,
    /// The last number that was delivered.
    pub cursor: Option<u64>,
    /// What is trusted of the time.
    pub time: Option<TrustedTime>,
}

impl Write {
    /// What is done after this, in the same transaction.
    pub fn join(&mut self, other: Self) {
        self.statements.extend(other.statements);
        self.chunks.extend(other.chunks);
        self.dropped.extend(other.dropped);
        self.counts.extend(other.counts);
        self.queued.extend(other.queued);
        self.acknowledged.extend(other.acknowledged);
        self.refused.extend(other.refused);
        self.last = other.last.or(self.last);
        self.cursor = other.cursor.or(self.cursor);
        self.time = other.time.or(self.time);
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        let Self { statements, chunks, dropped, counts, queued, acknowledged, refused, last, cursor, time } = self;
        statements.is_empty()
            && chunks.is_empty()
            && dropped.is_empty()
            && counts.is_empty()
            && queued.is_empty()
            && acknowledged.is_empty()
            && refused.is_empty()
            && last.is_none()
            && cursor.is_none()
            && time.is_none()
    }
}

/// What is to be sent once all of the step's [`Write`] is durable.
#[derive(Clone, PartialEq, Debug)]
pub enum Send {
    /// This frame.
    Frame(Box<Frame>),
    /// A push of these chunks, as they rest: at most a frame's worth.
    Push(Vec<ChunkId>),
}

impl Step {
    /// What is done after this, at once with it.
    pub fn join(&mut self, other: Self) {
        self.write.join(other.write);
        self.send.extend(other.send);
        self.notices.extend(other.notices);
    }
}

/// What people should hear of.
#[derive(Clone, PartialEq, Debug)]
pub enum Notice {
    /// All that the relay has is here, and all that is here is there.
    Even,
    /// Keys have come: what waited for them can be read, and what was kept back can be written.
    Keys,
    /// Somebody else writes under this device's id: it was cloned, or restored from a backup.
    Cloned,
    /// Chunks came in that don't count, or are none; how many.
    Ignored(u64),
    /// A chunk was refused.
    Refused(ChunkId, Code),
    /// A snapshot covered a chunk that it does not contain; its events were written anew.
    Rewritten(ChunkId),
    /// Both sides go on differing after repair.
    Uneven,
    /// This device was revoked.
    Revoked,
    /// Somebody was revoked, and a new key can't be brought: who is out goes on reading.
    KeyStays(SyncError),
    /// The relay goes no further.
    Failed(Code, String),
}

/// One step.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// First, durably.
    pub write: Write,
    /// Then.
    pub send: Vec<Send>,
    /// And to be told.
    pub notices: Vec<Notice>,
}
