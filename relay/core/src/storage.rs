//! What a relay keeps, as its storage sees it: rows of one workspace at a time, written in transactions.
//!
//! The trait is synchronous: a native relay has one writer thread, a Durable Object's SQLite is synchronous, and a simulator's
//! memory too. It decides nothing. Which rows there are is decided in [`crate::log`], once for all storages, and no operation
//! reads a whole history: a push reads its segment's sum, a row or two, and the covers of its segment's snapshots.

use aimon_ledger::chunk::{Chunk, Place};
use aimon_ledger::digest::Sum;
use aimon_ledger::frame::Want;
use aimon_ledger::ids::{ChunkId, Short, WorkspaceId};
use aimon_ledger::retention::TrustedTime;
use aimon_ledger::statement::Statement;
use aimon_ledger::time::UtcDay;

/// A workspace's sums, kept in the same transaction as what they sum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tally {
    /// The greatest number that was given.
    pub head: u64,
    /// The sum of the live chunks' ids.
    pub total: Sum,
    /// The bytes of all chunks that are held, those set aside included.
    pub bytes: u64,
    /// How many chunks are held, those set aside included.
    pub chunks: u64,
    /// Nothing of a day before this one is held.
    pub first_day: UtcDay,
}

impl Default for Tally {
    fn default() -> Self {
        Self { head: 0, total: Sum::default(), bytes: 0, chunks: 0, first_day: UtcDay(i32::MIN) }
    }
}

/// A segment's sums. One of which nothing is held is the default, and no row.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Segment {
    /// The sum of its live chunks' ids.
    pub sum: Sum,
    /// How many of its chunks are live.
    pub live: u64,
    /// How many are set aside.
    pub aside: u64,
    /// How many of the live ones are snapshots: without any, nothing is covered.
    pub snapshots: u64,
}

impl Segment {
    /// Whether nothing of it is held.
    pub fn is_empty(&self) -> bool {
        self.live == 0 && self.aside == 0
    }
}

/// A chunk that is held, without its bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Held {
    /// Its number.
    pub seq: u64,
    /// Whether it is set aside: not offered, in no sum, covering nothing.
    pub is_aside: bool,
    /// Whether it is a snapshot.
    pub is_snapshot: bool,
    /// Its bytes' count.
    pub length: u64,
}

/// Live chunks by their numbers.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Page {
    /// Number and bytes, ascending.
    pub chunks: Vec<(u64, Vec<u8>)>,
    /// Up to which number was looked, whether or not a chunk there was wanted.
    pub through: u64,
}

/// Where a relay keeps what it holds. What is written is seen by whoever reads next, and is durable once
/// [`Storage::commit`] has returned.
pub trait Storage {
    /// What can go wrong.
    type Error: std::error::Error + Send + Sync + 'static;

    /// The time by which days expire; `None` before a first start.
    fn time(&mut self) -> Result<Option<TrustedTime>, Self::Error>;
    /// Keeps it over a restart.
    fn set_time(&mut self, time: TrustedTime) -> Result<(), Self::Error>;

    /// Workspaces behind this one, ascending, at most so many.
    fn workspaces(&mut self, after: Option<WorkspaceId>, most: usize) -> Result<Vec<WorkspaceId>, Self::Error>;
    /// A workspace's statements, in the order in which they were added; none of an unknown workspace.
    fn statements(&mut self, workspace: &WorkspaceId) -> Result<Vec<Vec<u8>>, Self::Error>;
    /// Adds one that is not held.
    fn add_statement(&mut self, workspace: &WorkspaceId, statement: &Statement) -> Result<(), Self::Error>;
    /// Takes a workspace out, with all that is held of it.
    fn remove_workspace(&mut self, workspace: &WorkspaceId) -> Result<(), Self::Error>;

    /// A workspace's sums; the default of an unknown one.
    fn tally(&mut self, workspace: &WorkspaceId) -> Result<Tally, Self::Error>;
    /// Sets them.
    fn set_tally(&mut self, workspace: &WorkspaceId, tally: Tally) -> Result<(), Self::Error>;

    /// A segment's sums; the default of one of which nothing is held.
    fn segment(&mut self, workspace: &WorkspaceId, place: &Place) -> Result<Segment, Self::Error>;
    /// Sets them; an empty one is taken out.
    fn set_segment(&mut self, workspace: &WorkspaceId, place: &Place, segment: Segment) -> Result<(), Self::Error>;
    /// Segments behind this one, ascending, at most so many.
    fn segments(
        &mut self,
        workspace: &WorkspaceId,
        after: Option<Place>,
        most: usize,
    ) -> Result<Vec<(Place, Segment)>, Self::Error>;

    /// A chunk of a segment.
    fn find(&mut self, workspace: &WorkspaceId, place: &Place, id: &ChunkId) -> Result<Option<Held>, Self::Error>;
    /// The chunks of a segment whose ids begin so.
    fn beginning(
        &mut self,
        workspace: &WorkspaceId,
        place: &Place,
        short: Short,
    ) -> Result<Vec<(ChunkId, Held)>, Self::Error>;
    /// All chunks of a segment, ascending by id.
    fn ids(&mut self, workspace: &WorkspaceId, place: &Place) -> Result<Vec<(ChunkId, Held)>, Self::Error>;
    /// What each live snapshot of a segment covers.
    fn covers(&mut self, workspace: &WorkspaceId, place: &Place) -> Result<Vec<Vec<Short>>, Self::Error>;
    /// The bytes of the chunk with a number.
    fn chunk(&mut self, workspace: &WorkspaceId, seq: u64) -> Result<Option<Vec<u8>>, Self::Error>;
    /// Live chunks with numbers above this one that are wanted, until their bytes reach `most`.
    fn above(&mut self, workspace: &WorkspaceId, seq: u64, want: Want, most: usize) -> Result<Page, Self::Error>;
    /// Puts a chunk under a number that no chunk has.
    fn put(&mut self, workspace: &WorkspaceId, seq: u64, chunk: &Chunk, is_aside: bool) -> Result<(), Self::Error>;
    /// Takes a chunk out that is held.
    fn remove(&mut self, workspace: &WorkspaceId, place: &Place, id: &ChunkId) -> Result<(), Self::Error>;

    /// Makes all that was written durable. Nothing is acknowledged before.
    fn commit(&mut self) -> Result<(), Self::Error>;
    /// Forgets what was written since the last commit.
    fn rollback(&mut self) -> Result<(), Self::Error>;
}

/// Whether a device that wants this wants a chunk.
pub fn is_wanted(want: Want, header: &aimon_ledger::chunk::Header) -> bool {
    match want {
        Want::All => true,
        Want::Since(first) => header.place.day.is_none_or(|day| day >= first),
        Want::Summaries => header.kind == aimon_ledger::chunk::Kind::Summary,
    }
}
