//! A storage in memory: for the simulator and for tests. Cloned it is a backup, [`Memory::default`] is an emptied relay, and
//! [`Storage::rollback`] is what is left when the power fails.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

use aimon_ledger::chunk::{Chunk, Kind, Place};
use aimon_ledger::frame::Want;
use aimon_ledger::ids::{ChunkId, Short, WorkspaceId};
use aimon_ledger::retention::TrustedTime;
use aimon_ledger::statement::Statement;

use crate::storage::{Held, Page, Segment, Storage, Tally, is_wanted};

/// Rows, and what stood in them at the last commit.
#[derive(Clone, Debug)]
struct Table<K, V> {
    rows: BTreeMap<K, V>,
    undo: Vec<(K, Option<V>)>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), undo: Vec::new() }
    }
}

impl<K: Ord + Clone, V> Table<K, V> {
    fn set(&mut self, key: K, value: Option<V>) {
        let before = match value {
            Some(value) => self.rows.insert(key.clone(), value),
            None => self.rows.remove(&key),
        };
        self.undo.push((key, before));
    }

    fn rollback(&mut self) {
        while let Some((key, before)) = self.undo.pop() {
            match before {
                Some(value) => self.rows.insert(key, value),
                None => self.rows.remove(&key),
            };
        }
    }
}

/// A chunk's row, by workspace and number.
#[derive(Clone, Debug)]
struct Row {
    chunk: Arc<Chunk>,
    is_aside: bool,
}

/// A storage in memory.
#[derive(Clone, Default, Debug)]
pub struct Memory {
    time: Table<(), TrustedTime>,
    statements: Table<(WorkspaceId, u64), Arc<[u8]>>,
    tallies: Table<WorkspaceId, Tally>,
    segments: Table<(WorkspaceId, Place), Segment>,
    numbers: Table<(WorkspaceId, Place, ChunkId), u64>,
    chunks: Table<(WorkspaceId, u64), Row>,
}

impl Memory {
    /// The live chunks of a workspace, ascending by number.
    pub fn live(&self, workspace: &WorkspaceId) -> impl Iterator<Item = &Chunk> {
        self.held(workspace).filter(|(_, is_aside)| !is_aside).map(|(chunk, _)| chunk)
    }

    /// The statements of a workspace, in the order in which they were added.
    pub fn said(&self, workspace: &WorkspaceId) -> impl Iterator<Item = &[u8]> {
        self.statements.rows.range((*workspace, 0)..=(*workspace, u64::MAX)).map(|(_, bytes)| &**bytes)
    }

    /// All chunks of a workspace, and whether each is set aside.
    pub fn held(&self, workspace: &WorkspaceId) -> impl Iterator<Item = (&Chunk, bool)> {
        let rows = self.chunks.rows.range((*workspace, 0)..=(*workspace, u64::MAX));
        rows.map(|(_, row)| (&*row.chunk, row.is_aside))
    }

    fn row(&self, workspace: &WorkspaceId, seq: u64) -> Option<Held> {
        let row = self.chunks.rows.get(&(*workspace, seq))?;
        let is_snapshot = row.chunk.header().kind == Kind::Snapshot;
        Some(Held { seq, is_aside: row.is_aside, is_snapshot, length: row.chunk.bytes().len() as u64 })
    }

    fn range(&self, workspace: &WorkspaceId, place: &Place, from: ChunkId, to: ChunkId) -> Vec<(ChunkId, Held)> {
        let keys = self.numbers.rows.range((*workspace, *place, from)..=(*workspace, *place, to));
        keys.filter_map(|((_, _, id), seq)| Some((*id, self.row(workspace, *seq)?))).collect()
    }
}

type Done<T> = Result<T, Infallible>;

impl Storage for Memory {
    type Error = Infallible;

    fn time(&mut self) -> Done<Option<TrustedTime>> {
        Ok(self.time.rows.get(&()).copied())
    }

    fn set_time(&mut self, time: TrustedTime) -> Done<()> {
        self.time.set((), Some(time));
        Ok(())
    }

    fn workspaces(&mut self, after: Option<WorkspaceId>, most: usize) -> Done<Vec<WorkspaceId>> {
        let from = after.map_or(Unbounded, Excluded);
        Ok(self.tallies.rows.range((from, Unbounded)).take(most).map(|(workspace, _)| *workspace).collect())
    }

    fn statements(&mut self, workspace: &WorkspaceId) -> Done<Vec<Vec<u8>>> {
        let rows = self.statements.rows.range((*workspace, 0)..=(*workspace, u64::MAX));
        Ok(rows.map(|(_, bytes)| bytes.to_vec()).collect())
    }

    fn add_statement(&mut self, workspace: &WorkspaceId, statement: &Statement) -> Done<()> {
        let last = self.statements.rows.range((*workspace, 0)..=(*workspace, u64::MAX)).next_back();
        let n = last.map_or(0, |((_, n), _)| n + 1);
        self.statements.set((*workspace, n), Some(statement.bytes().into()));
        let tally = self.tally(workspace)?;
        self.set_tally(workspace, tally)
    }

    fn remove_workspace(&mut self, workspace: &WorkspaceId) -> Done<()> {
        self.tallies.set(*workspace, None);
        let keys: Vec<_> = self.statements.rows.keys().filter(|(w, _)| w == workspace).copied().collect();
        keys.into_iter().for_each(|key| self.statements.set(key, None));
        let keys: Vec<_> = self.segments.rows.keys().filter(|(w, _)| w == workspace).copied().collect();
        keys.into_iter().for_each(|key| self.segments.set(key, None));
        let keys: Vec<_> = self.numbers.rows.keys().filter(|(w, ..)| w == workspace).copied().collect();
        keys.into_iter().for_each(|key| self.numbers.set(key, None));
        let keys: Vec<_> = self.chunks.rows.keys().filter(|(w, _)| w == workspace).copied().collect();
        keys.into_iter().for_each(|key| self.chunks.set(key, None));
        Ok(())
    }

    fn tally(&mut self, workspace: &WorkspaceId) -> Done<Tally> {
        Ok(self.tallies.rows.get(workspace).copied().unwrap_or_default())
    }

    fn set_tally(&mut self, workspace: &WorkspaceId, tally: Tally) -> Done<()> {
        self.tallies.set(*workspace, Some(tally));
        Ok(())
    }

    fn segment(&mut self, workspace: &WorkspaceId, place: &Place) -> Done<Segment> {
        Ok(self.segments.rows.get(&(*workspace, *place)).copied().unwrap_or_default())
    }

    fn set_segment(&mut self, workspace: &WorkspaceId, place: &Place, segment: Segment) -> Done<()> {
        self.segments.set((*workspace, *place), (!segment.is_empty()).then_some(segment));
        Ok(())
    }

    fn segments(&mut self, workspace: &WorkspaceId, after: Option<Place>, most: usize) -> Done<Vec<(Place, Segment)>> {
        let least = Place { device: aimon_ledger::ids::DeviceId([0; 16]), day: None, part: 0 };
        let from = match after {
            Some(place) => Excluded((*workspace, place)),
            None => std::ops::Bound::Included((*workspace, least)),
        };
        let rows = self.segments.rows.range((from, Unbounded)).take_while(|((w, _), _)| w == workspace);
        Ok(rows.take(most).map(|((_, place), segment)| (*place, *segment)).collect())
    }

    fn find(&mut self, workspace: &WorkspaceId, place: &Place, id: &ChunkId) -> Done<Option<Held>> {
        let seq = self.numbers.rows.get(&(*workspace, *place, *id));
        Ok(seq.and_then(|seq| self.row(workspace, *seq)))
    }

    fn beginning(&mut self, workspace: &WorkspaceId, place: &Place, short: Short) -> Done<Vec<(ChunkId, Held)>> {
        let (mut from, mut to) = ([0; 32], [255; 32]);
        from[..4].copy_from_slice(&short.0);
        to[..4].copy_from_slice(&short.0);
        Ok(self.range(workspace, place, ChunkId(from), ChunkId(to)))
    }

    fn ids(&mut self, workspace: &WorkspaceId, place: &Place) -> Done<Vec<(ChunkId, Held)>> {
        Ok(self.range(workspace, place, ChunkId([0; 32]), ChunkId([255; 32])))
    }

    fn covers(&mut self, workspace: &WorkspaceId, place: &Place) -> Done<Vec<Vec<Short>>> {
        let ids = self.ids(workspace, place)?;
        let rows = ids.iter().filter_map(|(_, held)| self.chunks.rows.get(&(*workspace, held.seq)));
        let snapshots = rows.filter(|row| !row.is_aside && row.chunk.header().kind == Kind::Snapshot);
        Ok(snapshots.map(|row| row.chunk.header().covers.clone()).collect())
    }

    fn chunk(&mut self, workspace: &WorkspaceId, seq: u64) -> Done<Option<Vec<u8>>> {
        Ok(self.chunks.rows.get(&(*workspace, seq)).map(|row| row.chunk.bytes().to_vec()))
    }

    fn above(&mut self, workspace: &WorkspaceId, seq: u64, want: Want, most: usize) -> Done<Page> {
        let mut page = Page { chunks: Vec::new(), through: seq };
        let mut bytes = 0;
        let rows = self.chunks.rows.range((Excluded((*workspace, seq)), Excluded((*workspace, u64::MAX))));
        for ((_, seq), row) in rows {
            if bytes >= most {
                return Ok(page);
            }
            page.through = *seq;
            if !row.is_aside && is_wanted(want, row.chunk.header()) {
                bytes += row.chunk.bytes().len();
                page.chunks.push((*seq, row.chunk.bytes().to_vec()));
            }
        }
        page.through = page.through.max(self.tally(workspace)?.head);
        Ok(page)
    }

    fn put(&mut self, workspace: &WorkspaceId, seq: u64, chunk: &Chunk, is_aside: bool) -> Done<()> {
        self.numbers.set((*workspace, chunk.header().place, chunk.id()), Some(seq));
        self.chunks.set((*workspace, seq), Some(Row { chunk: Arc::new(chunk.clone()), is_aside }));
        Ok(())
    }

    fn remove(&mut self, workspace: &WorkspaceId, place: &Place, id: &ChunkId) -> Done<()> {
        if let Some(seq) = self.numbers.rows.get(&(*workspace, *place, *id)).copied() {
            self.numbers.set((*workspace, *place, *id), None);
            self.chunks.set((*workspace, seq), None);
        }
        Ok(())
    }

    fn commit(&mut self) -> Done<()> {
        self.time.undo.clear();
        self.statements.undo.clear();
        self.tallies.undo.clear();
        self.segments.undo.clear();
        self.numbers.undo.clear();
        self.chunks.undo.clear();
        Ok(())
    }

    fn rollback(&mut self) -> Done<()> {
        self.time.rollback();
        self.statements.rollback();
        self.tallies.rollback();
        self.segments.rollback();
        self.numbers.rollback();
        self.chunks.rollback();
        Ok(())
    }
}
