//! A relay's rows in SQLite.
//!
//! One connection writes. Chunks lie by workspace and number, and their ids by segment and number, so that catching up reads on and
//! writing appends: the pages that a push touches are few. Which number an id has is kept in memory, of the segments that are used.
//! Sums are written once a transaction, however many chunks came in.

mod cache;
mod ids;
mod listed;
mod schema;

use std::path::{Path, PathBuf};

use aimon_ledger::chunk::{Chunk, Kind, Place};
use aimon_ledger::digest::Sum;
use aimon_ledger::frame::Want;
use aimon_ledger::ids::{ChunkId, DeviceId, Short, WorkspaceId};
use aimon_ledger::retention::TrustedTime;
use aimon_ledger::statement::Statement;
use aimon_ledger::time::{UtcDay, UtcMillis};
use aimon_relay_core::storage::{Held, Page, Segment, Storage, Tally};
use rusqlite::{Connection, OptionalExtension, params};

use cache::Cache;
use ids::Entries;

pub use listed::{Listed, list};
pub use schema::{FILE, checkpoint, open_reader};

/// Why the database could not.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// SQLite's words.
    #[error("the database: {0}")]
    Sql(#[from] rusqlite::Error),
    /// Made by a newer version.
    #[error("the database has version {0}, and this program knows {known}", known = schema::VERSION)]
    Newer(i64),
    /// The folder or a file in it.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
}

impl StorageError {
    /// Whether the disk is full.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Sql(rusqlite::Error::SqliteFailure(e, _)) if e.code == rusqlite::ErrorCode::DiskFull)
    }
}

/// Numbers within a workspace take 40 bits of a row's key.
const SEQ_BITS: u32 = 40;

/// In the place of a day, for what has none: before all days.
const NO_DAY: i64 = i32::MIN as i64 - 1;

fn day_of(place: &Place) -> i64 {
    place.day.map_or(NO_DAY, |day| i64::from(day.0))
}

fn kind_of(kind: Kind) -> i64 {
    match kind {
        Kind::Change => 0,
        Kind::Snapshot => 1,
        Kind::Summary => 2,
        Kind::Unknown(_) => 3,
    }
}

/// A relay's storage in a folder.
pub struct Sqlite {
    connection: Connection,
    is_in_transaction: bool,
    cache: Cache,
}

type Done<T> = Result<T, StorageError>;

impl Sqlite {
    /// Opens a folder's database, and makes it if there is none.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn open(folder: &Path) -> Done<Self> {
        Ok(Self { connection: schema::open(folder)?, is_in_transaction: false, cache: Cache::default() })
    }

    fn write(&mut self) -> Done<()> {
        if !self.is_in_transaction {
            self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
            self.is_in_transaction = true;
        }
        Ok(())
    }

    /// A workspace's row; `None` of an unknown one.
    fn number(&mut self, id: &WorkspaceId) -> Done<Option<i64>> {
        if let Some(known) = self.cache.workspace(id) {
            return Ok(Some(known.n));
        }
        let found = self
            .connection
            .prepare_cached("SELECT n, head, total, bytes, chunks, first_day FROM workspaces WHERE id = ?1")?
            .query_row([id.0], |row| {
                let tally = Tally {
                    head: row.get::<_, i64>(1)?.unsigned_abs(),
                    total: Sum::from_bytes(row.get(2)?),
                    bytes: row.get::<_, i64>(3)?.unsigned_abs(),
                    chunks: row.get::<_, i64>(4)?.unsigned_abs(),
                    first_day: UtcDay(row.get(5)?),
                };
                Ok((row.get::<_, i64>(0)?, tally))
            })
            .optional()?;
        let Some((n, tally)) = found else { return Ok(None) };
        self.cache.put_workspace(*id, n, tally);
        Ok(Some(n))
    }

    /// A workspace's row, which is made if there is none.
    fn make(&mut self, id: &WorkspaceId) -> Done<i64> {
        if let Some(n) = self.number(id)? {
            return Ok(n);
        }
        self.write()?;
        let tally = Tally::default();
        self.connection
            .prepare_cached(
                "INSERT INTO workspaces (id, head, total, bytes, chunks, first_day) VALUES (?1, 0, ?2, 0, 0, ?3)",
            )?
            .execute(params![id.0, tally.total.to_bytes(), tally.first_day.0])?;
        let n = self.connection.last_insert_rowid();
        self.cache.put_workspace(*id, n, tally);
        Ok(n)
    }

    /// A segment's row and sums; `None` if nothing of it is held.
    fn segment_row(&mut self, workspace: i64, place: &Place) -> Done<Option<(i64, Segment)>> {
        if let Some(known) = self.cache.segment(workspace, place) {
            return Ok(known.n.map(|n| (n, known.segment)));
        }
        let found = self
            .connection
            .prepare_cached(
                "SELECT n, sum, live, aside, snapshots FROM segments
                 WHERE workspace = ?1 AND device = ?2 AND day = ?3 AND part = ?4",
            )?
            .query_row(params![workspace, place.device.0, day_of(place), place.part], |row| {
                Ok((row.get(0)?, segment_from(row, 1)?))
            })
            .optional()?;
        self.cache.put_segment(workspace, *place, found);
        Ok(found)
    }

    fn make_segment(&mut self, workspace: i64, place: &Place) -> Done<i64> {
        if let Some((n, _)) = self.segment_row(workspace, place)? {
            return Ok(n);
        }
        self.write()?;
        self.connection
            .prepare_cached(
                "INSERT INTO segments (workspace, device, day, part, sum, live, aside, snapshots)
                 VALUES (?1, ?2, ?3, ?4, ?5, 0, 0, 0)",
            )?
            .execute(params![workspace, place.device.0, day_of(place), place.part, Sum::default().to_bytes()])?;
        let n = self.connection.last_insert_rowid();
        self.cache.put_segment(workspace, *place, Some((n, Segment::default())));
        Ok(n)
    }

    /// Writes the sums that have changed.
    fn flush(&mut self) -> Done<()> {
        for (n, tally) in self.cache.changed_workspaces() {
            self.connection
                .prepare_cached(
                    "UPDATE workspaces SET head = ?2, total = ?3, bytes = ?4, chunks = ?5, first_day = ?6 WHERE n = ?1",
                )?
                .execute(params![
                    n,
                    tally.head as i64,
                    tally.total.to_bytes(),
                    tally.bytes as i64,
                    tally.chunks as i64,
                    tally.first_day.0
                ])?;
        }
        for (n, segment) in self.cache.changed_segments() {
            if segment.is_empty() {
                self.connection.prepare_cached("DELETE FROM segments WHERE n = ?1")?.execute([n])?;
                self.cache.ids.forget(n);
            } else {
                self.connection
                    .prepare_cached("UPDATE segments SET sum = ?2, live = ?3, aside = ?4, snapshots = ?5 WHERE n = ?1")?
                    .execute(params![
                        n,
                        segment.sum.to_bytes(),
                        segment.live as i64,
                        segment.aside as i64,
                        segment.snapshots as i64
                    ])?;
            }
        }
        self.cache.written();
        Ok(())
    }

    /// A segment's row alone; `None` if nothing of it is held.
    fn segment_number(&mut self, workspace: &WorkspaceId, place: &Place) -> Done<Option<i64>> {
        let Some(n) = self.number(workspace)? else { return Ok(None) };
        Ok(self.segment_row(n, place)?.map(|(segment, _)| segment))
    }

    /// The chunks of a segment whose ids begin so, in no order.
    fn like(&mut self, segment: i64, short: Short) -> Done<Vec<(ChunkId, Held)>> {
        let connection = &self.connection;
        let seqs = self.cache.ids.seqs(segment, short, || read_entries(connection, segment))?;
        let mut found = Vec::with_capacity(seqs.len());
        for seq in seqs {
            let mut row = connection
                .prepare_cached("SELECT id, seq, aside, snapshot, length FROM ids WHERE segment = ?1 AND seq = ?2")?;
            found.extend(row.query_row(params![segment, seq as i64], row_from).optional()?);
        }
        found.retain(|(id, _)| id.short() == short);
        Ok(found)
    }

    fn insert(&self, workspace: i64, segment: i64, seq: u64, chunk: &Chunk, is_aside: bool) -> Done<()> {
        let (header, id) = (chunk.header(), chunk.id());
        let is_snapshot = header.kind == Kind::Snapshot;
        self.connection
            .prepare_cached(
                "INSERT INTO ids (segment, seq, id, aside, snapshot, length) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![segment, seq as i64, id.0, is_aside, is_snapshot, chunk.bytes().len() as i64])?;
        self.connection
            .prepare_cached("INSERT INTO chunks (key, aside, kind, day, bytes) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![
                key_of(workspace, seq),
                is_aside,
                kind_of(header.kind),
                day_of(&header.place),
                chunk.bytes()
            ])?;
        if is_snapshot && !is_aside {
            let covers: Vec<u8> = header.covers.iter().flat_map(|short| short.0).collect();
            self.connection
                .prepare_cached("INSERT INTO snapshots (segment, id, covers) VALUES (?1, ?2, ?3)")?
                .execute(params![segment, id.0, covers])?;
        }
        Ok(())
    }

    fn delete(&self, workspace: i64, segment: i64, id: &ChunkId, held: &Held) -> Done<()> {
        self.connection
            .prepare_cached("DELETE FROM ids WHERE segment = ?1 AND seq = ?2")?
            .execute(params![segment, held.seq as i64])?;
        self.connection.prepare_cached("DELETE FROM chunks WHERE key = ?1")?.execute([key_of(workspace, held.seq)])?;
        if held.is_snapshot {
            self.connection
                .prepare_cached("DELETE FROM snapshots WHERE segment = ?1 AND id = ?2")?
                .execute(params![segment, id.0])?;
        }
        Ok(())
    }
}

fn read_entries(connection: &Connection, segment: i64) -> Done<Entries> {
    let mut rows = connection.prepare_cached("SELECT id, seq FROM ids WHERE segment = ?1")?;
    let rows =
        rows.query_map([segment], |row| Ok(ids::entry(&ChunkId(row.get(0)?), row.get::<_, i64>(1)?.unsigned_abs())))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn segment_from(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<Segment> {
    Ok(Segment {
        sum: Sum::from_bytes(row.get(at)?),
        live: row.get::<_, i64>(at + 1)?.unsigned_abs(),
        aside: row.get::<_, i64>(at + 2)?.unsigned_abs(),
        snapshots: row.get::<_, i64>(at + 3)?.unsigned_abs(),
    })
}

/// Columns `id, seq, aside, snapshot, length`.
fn row_from(row: &rusqlite::Row<'_>) -> rusqlite::Result<(ChunkId, Held)> {
    let held = Held {
        seq: row.get::<_, i64>(1)?.unsigned_abs(),
        is_aside: row.get(2)?,
        is_snapshot: row.get(3)?,
        length: row.get::<_, i64>(4)?.unsigned_abs(),
    };
    Ok((ChunkId(row.get(0)?), held))
}

fn key_of(workspace: i64, seq: u64) -> i64 {
    workspace << SEQ_BITS | seq.min((1 << SEQ_BITS) - 1) as i64
}

fn seq_of(key: i64) -> u64 {
    (key & ((1 << SEQ_BITS) - 1)) as u64
}

impl Storage for Sqlite {
    type Error = StorageError;

    fn time(&mut self) -> Done<Option<TrustedTime>> {
        let until =
            self.connection.prepare_cached("SELECT until FROM time")?.query_row([], |row| row.get(0)).optional()?;
        Ok(until.map(|until| TrustedTime { until: UtcMillis(until), doubted: None }))
    }

    fn set_time(&mut self, time: TrustedTime) -> Done<()> {
        self.write()?;
        let mut set = self.connection.prepare_cached("INSERT OR REPLACE INTO time (n, until) VALUES (1, ?1)")?;
        set.execute([time.until.0])?;
        Ok(())
    }

    fn workspaces(&mut self, after: Option<WorkspaceId>, most: usize) -> Done<Vec<WorkspaceId>> {
        let after = after.map_or(Vec::new(), |id| id.0.to_vec());
        let mut rows =
            self.connection.prepare_cached("SELECT id FROM workspaces WHERE id > ?1 ORDER BY id LIMIT ?2")?;
        let rows = rows.query_map(params![after, most as i64], |row| Ok(WorkspaceId(row.get(0)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn statements(&mut self, workspace: &WorkspaceId) -> Done<Vec<Vec<u8>>> {
        let Some(n) = self.number(workspace)? else { return Ok(Vec::new()) };
        let mut rows =
            self.connection.prepare_cached("SELECT bytes FROM statements WHERE key BETWEEN ?1 AND ?2 ORDER BY key")?;
        let rows = rows.query_map([key_of(n, 0), key_of(n, u64::MAX)], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn add_statement(&mut self, workspace: &WorkspaceId, statement: &Statement) -> Done<()> {
        self.write()?;
        let n = self.make(workspace)?;
        self.connection
            .prepare_cached(
                "INSERT INTO statements (key, bytes)
                 SELECT coalesce(max(key) + 1, ?1), ?3 FROM statements WHERE key BETWEEN ?1 AND ?2",
            )?
            .execute(params![key_of(n, 0), key_of(n, u64::MAX), statement.bytes()])?;
        Ok(())
    }

    fn remove_workspace(&mut self, workspace: &WorkspaceId) -> Done<()> {
        let Some(n) = self.number(workspace)? else { return Ok(()) };
        self.write()?;
        self.flush()?;
        for delete in [
            "DELETE FROM ids WHERE segment IN (SELECT n FROM segments WHERE workspace = ?1)",
            "DELETE FROM snapshots WHERE segment IN (SELECT n FROM segments WHERE workspace = ?1)",
            "DELETE FROM segments WHERE workspace = ?1",
            "DELETE FROM workspaces WHERE n = ?1",
        ] {
            self.connection.execute(delete, [n])?;
        }
        for delete in
            ["DELETE FROM chunks WHERE key BETWEEN ?1 AND ?2", "DELETE FROM statements WHERE key BETWEEN ?1 AND ?2"]
        {
            self.connection.execute(delete, [key_of(n, 0), key_of(n, u64::MAX)])?;
        }
        self.cache.clear();
        Ok(())
    }

    fn tally(&mut self, workspace: &WorkspaceId) -> Done<Tally> {
        self.number(workspace)?;
        Ok(self.cache.workspace(workspace).map(|known| known.tally).unwrap_or_default())
    }

    fn set_tally(&mut self, workspace: &WorkspaceId, tally: Tally) -> Done<()> {
        self.write()?;
        self.make(workspace)?;
        self.cache.set_tally(workspace, tally);
        Ok(())
    }

    fn segment(&mut self, workspace: &WorkspaceId, place: &Place) -> Done<Segment> {
        let Some(n) = self.number(workspace)? else { return Ok(Segment::default()) };
        Ok(self.segment_row(n, place)?.map(|(_, segment)| segment).unwrap_or_default())
    }

    fn set_segment(&mut self, workspace: &WorkspaceId, place: &Place, segment: Segment) -> Done<()> {
        self.write()?;
        let n = self.make(workspace)?;
        if !segment.is_empty() || self.segment_row(n, place)?.is_some() {
            self.make_segment(n, place)?;
            self.cache.set_segment(n, place, segment);
        }
        Ok(())
    }

    fn segments(&mut self, workspace: &WorkspaceId, after: Option<Place>, most: usize) -> Done<Vec<(Place, Segment)>> {
        let Some(n) = self.number(workspace)? else { return Ok(Vec::new()) };
        if self.cache.has_changed_segments() {
            self.flush()?;
        }
        let mut rows = self.connection.prepare_cached(
            "SELECT device, day, part, sum, live, aside, snapshots FROM segments
             WHERE workspace = ?1 AND (device, day, part) > (?2, ?3, ?4) ORDER BY device, day, part LIMIT ?5",
        )?;
        let (device, day, part) = match &after {
            Some(place) => (place.device.0.to_vec(), day_of(place), i64::from(place.part)),
            None => (Vec::new(), 0, 0),
        };
        let rows = rows.query_map(params![n, device, day, part, most as i64], |row| {
            let day: i64 = row.get(1)?;
            let day = (day != NO_DAY).then(|| UtcDay(day.clamp(i32::MIN.into(), i32::MAX.into()) as i32));
            let place = Place { device: DeviceId(row.get(0)?), day, part: row.get(2)? };
            Ok((place, segment_from(row, 3)?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn find(&mut self, workspace: &WorkspaceId, place: &Place, id: &ChunkId) -> Done<Option<Held>> {
        let Some(segment) = self.segment_number(workspace, place)? else { return Ok(None) };
        let found = self.like(segment, id.short())?;
        Ok(found.into_iter().find(|(other, _)| other == id).map(|(_, held)| held))
    }

    fn beginning(&mut self, workspace: &WorkspaceId, place: &Place, short: Short) -> Done<Vec<(ChunkId, Held)>> {
        let Some(segment) = self.segment_number(workspace, place)? else { return Ok(Vec::new()) };
        let mut found = self.like(segment, short)?;
        found.sort_unstable_by_key(|(id, _)| *id);
        Ok(found)
    }

    fn ids(&mut self, workspace: &WorkspaceId, place: &Place) -> Done<Vec<(ChunkId, Held)>> {
        let Some(segment) = self.segment_number(workspace, place)? else { return Ok(Vec::new()) };
        let mut rows =
            self.connection.prepare_cached("SELECT id, seq, aside, snapshot, length FROM ids WHERE segment = ?1")?;
        let mut all = rows.query_map([segment], row_from)?.collect::<Result<Vec<_>, _>>()?;
        all.sort_unstable_by_key(|(id, _)| *id);
        Ok(all)
    }

    fn covers(&mut self, workspace: &WorkspaceId, place: &Place) -> Done<Vec<Vec<Short>>> {
        let Some(segment) = self.segment_number(workspace, place)? else { return Ok(Vec::new()) };
        let mut rows = self.connection.prepare_cached("SELECT covers FROM snapshots WHERE segment = ?1")?;
        let rows = rows.query_map([segment], |row| {
            let covers: Vec<u8> = row.get(0)?;
            Ok(covers.as_chunks::<4>().0.iter().copied().map(Short).collect())
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn chunk(&mut self, workspace: &WorkspaceId, seq: u64) -> Done<Option<Vec<u8>>> {
        let Some(n) = self.number(workspace)? else { return Ok(None) };
        let mut row = self.connection.prepare_cached("SELECT bytes FROM chunks WHERE key = ?1")?;
        Ok(row.query_row([key_of(n, seq)], |row| row.get(0)).optional()?)
    }

    fn above(&mut self, workspace: &WorkspaceId, seq: u64, want: Want, most: usize) -> Done<Page> {
        let mut page = Page { chunks: Vec::new(), through: seq };
        let Some(n) = self.number(workspace)? else { return Ok(page) };
        let head = self.cache.workspace(workspace).map_or(0, |known| known.tally.head);
        let (query, first) = match want {
            Want::All => (
                "SELECT key, bytes FROM chunks WHERE key > ?1 AND key <= ?2 AND aside = 0 AND ?3 = ?3 ORDER BY key",
                NO_DAY,
            ),
            Want::Since(day) => (
                "SELECT key, bytes FROM chunks WHERE key > ?1 AND key <= ?2 AND aside = 0
                 AND (day >= ?3 OR day = -2147483649) ORDER BY key",
                i64::from(day.0),
            ),
            Want::Summaries => (
                "SELECT key, bytes FROM chunks WHERE key > ?1 AND key <= ?2 AND aside = 0 AND kind = 2
                 AND ?3 = ?3 ORDER BY key",
                NO_DAY,
            ),
        };
        let mut rows = self.connection.prepare_cached(query)?;
        let mut rows = rows.query(params![key_of(n, seq), key_of(n, u64::MAX), first])?;
        let mut bytes = 0;
        while let Some(row) = rows.next()? {
            if bytes >= most {
                return Ok(page);
            }
            let (key, chunk): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
            page.through = seq_of(key);
            bytes += chunk.len();
            page.chunks.push((page.through, chunk));
        }
        page.through = page.through.max(head);
        Ok(page)
    }

    fn put(&mut self, workspace: &WorkspaceId, seq: u64, chunk: &Chunk, is_aside: bool) -> Done<()> {
        self.write()?;
        let n = self.make(workspace)?;
        let segment = self.make_segment(n, &chunk.header().place)?;
        let done = self.insert(n, segment, seq, chunk, is_aside);
        match done {
            Ok(()) => self.cache.ids.insert(segment, &chunk.id(), seq),
            // Some of it may be in the tables, or with it the whole transaction may be gone.
            Err(_) => self.cache.ids.clear(),
        }
        done
    }

    fn remove(&mut self, workspace: &WorkspaceId, place: &Place, id: &ChunkId) -> Done<()> {
        let Some(held) = self.find(workspace, place, id)? else { return Ok(()) };
        let Some(n) = self.number(workspace)? else { return Ok(()) };
        let Some((segment, _)) = self.segment_row(n, place)? else { return Ok(()) };
        self.write()?;
        let done = self.delete(n, segment, id, &held);
        match done {
            Ok(()) => self.cache.ids.remove(segment, id, held.seq),
            Err(_) => self.cache.ids.clear(),
        }
        done
    }

    fn commit(&mut self) -> Done<()> {
        if self.is_in_transaction {
            self.flush()?;
            self.connection.prepare_cached("COMMIT")?.execute([])?;
            self.is_in_transaction = false;
        }
        self.cache.settle();
        Ok(())
    }

    fn rollback(&mut self) -> Done<()> {
        self.cache.clear();
        if std::mem::take(&mut self.is_in_transaction) && !self.connection.is_autocommit() {
            self.connection.execute_batch("ROLLBACK")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
