//! Recording: events become batches, batches changes, and these rest as chunks once there is a workspace.

use std::collections::{BTreeMap, HashSet};

use aimon_core::batch::{Batch, MOST_BYTES};
use aimon_core::event::Event;
use aimon_core::ids::WriterId;
use aimon_core::name::Name;
use aimon_core::sync::{SyncError, Write};
use aimon_core::time::{UtcDay, UtcMillis};
use aimon_ledger::chunk::Place;

use crate::database::error;
use crate::replica::random;
use crate::{Error, Replica, changes, marks, meta, purge};

/// The most events in one batch, so that few have to be divided once they are written: that is as many as mostly fit a chunk.
const BATCH_EVENTS: usize = 4096;

/// What is recorded with more events than this is followed by more: the derived tables follow at the end of it.
const FOLLOWED: u64 = 1000;

/// What a collector wants to find again: how far a log was read.
#[derive(Clone, Debug)]
pub struct Mark {
    /// The agent's kind.
    pub source: Name,
    /// Which log.
    pub key: Vec<u8>,
    /// Tells keys apart: a hash.
    pub digest: u64,
    /// Tells whether the log has changed since: a hash, or 0 where that needs the whole mark.
    pub stamp: u64,
    /// What to store; `None` forgets the log.
    pub value: Option<Vec<u8>>,
}

/// What is recorded at once: all of it or nothing.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// New events.
    pub events: Vec<Event>,
    /// How far the logs that they come from were read.
    pub marks: Vec<Mark>,
    /// What time it is.
    pub now: UtcMillis,
}

/// What became of a commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Events that are on the disk now.
    pub events: u64,
    /// Of them: records of calls.
    pub records: u64,
    /// Events of days that are not kept.
    pub expired: u64,
    /// Events that were held already (only looked for while damaged segments are re-read).
    pub held: u64,
}

/// Batches by their day.
type Days = BTreeMap<Option<UtcDay>, Vec<Batch>>;

impl Replica {
    /// Records events and marks. When this returns they are on the disk: as chunks that wait for a relay, where the key for
    /// them is held, else as plaintext that becomes chunks once it is.
    ///
    /// # Errors
    /// [`SyncError::TooLarge`] names an event that no batch has room for. As with any other, nothing of the commit is kept then.
    pub async fn record(&mut self, commit: Commit) -> Result<Recorded, Error> {
        let calls = commit.events.iter().filter_map(|event| match event {
            Event::Record(record) => Some(record.time),
            Event::Answer(_) | Event::Unchanged(_) | Event::Setting(_) => None,
        });
        if let Some(newest) = calls.max().filter(|_| !self.time.is_proven()) {
            self.witness(newest, commit.now).await?;
        }
        self.observe(commit.now).await?;
        let mut recorded = Recorded::default();
        let first = self.first_day();
        let mut days = Days::new();
        for event in commit.events {
            let day = event.day();
            if day.is_some_and(|day| day < first) {
                recorded.expired += 1;
                continue;
            }
            let batches = days.entry(day).or_default();
            match batches.last_mut().filter(|batch| batch.len() < BATCH_EVENTS) {
                Some(batch) => batch.push(event),
                None => batches.push(Batch::new([event])),
            }
        }
        self.obey(&mut days).await?;
        if self.rereading {
            self.leave_out_held(&mut days, &mut recorded).await?;
        }
        days.values_mut().for_each(|batches| batches.retain(|batch| !batch.is_empty()));
        for batch in days.values().flatten() {
            recorded.events += batch.len() as u64;
            recorded.records += batch.records.len() as u64;
        }
        match self.may_sync() && self.client().await?.can_write() {
            true => self.record_chunks(days, &commit.marks, commit.now, &recorded).await?,
            false => self.record_plain(days, &commit.marks).await?,
        }
        if recorded.events > 0 {
            self.changed.send_modify(|n| *n += 1);
        }
        Ok(recorded)
    }

    /// Leaves out what was purged: logs that are read again bring nothing of it back.
    async fn obey(&mut self, days: &mut Days) -> Result<(), Error> {
        let own = purge::all(&mut self.db).await.map_err(|e| error(&self.home, e))?;
        for batch in days.values_mut().flatten() {
            own.iter().for_each(|purge| purge.sieve(batch));
        }
        if self.may_sync() {
            let device = self.device;
            let client = self.client().await?;
            for (day, batches) in days {
                batches.iter_mut().for_each(|batch| client.obey(device, *day, batch));
            }
        }
        Ok(())
    }

    async fn record_plain(&mut self, days: Days, marks: &[Mark]) -> Result<(), Error> {
        // Ours again only once all is on the disk: what follows must not depend on what was lost, also when whoever waits
        // for this goes away.
        let mut pen = std::mem::take(&mut self.pen);
        let (home, device) = (self.home.clone(), self.device);
        let writer = || {
            let mut bytes = [0; 8];
            random(&home, &mut bytes).map(|()| WriterId(bytes))
        };
        let mut new = Vec::new();
        for (day, batches) in days {
            for batch in batches {
                for piece in batch.pieces(MOST_BYTES).map_err(SyncError::from)? {
                    let (part, change) = pen.append(day, piece, writer)?;
                    new.push((Place { device, day, part }, change));
                }
            }
        }
        self.transaction(async |db| {
            changes::append(db, &new).await?;
            marks::store(db, marks).await
        })
        .await?;
        self.pen = pen;
        Ok(())
    }

    async fn record_chunks(
        &mut self,
        days: Days,
        marks: &[Mark],
        now: UtcMillis,
        recorded: &Recorded,
    ) -> Result<(), Error> {
        let (mut client, session) = self.take_client().await?;
        let mut write = Write::default();
        for (day, batches) in days {
            // Calls leave with the next tick, so that they can't be timed by what travels.
            let is_urgent = batches.iter().all(|batch| batch.records.is_empty());
            write.join(client.record(day, batches, is_urgent)?);
        }
        self.keep(&write, now, marks).await?;
        self.put_back(client, session);
        match recorded.events {
            0 | FOLLOWED.. => Ok(()),
            _ => self.follow().await,
        }
    }

    /// Says that all logs have been read through: a re-reading of damaged segments is over.
    pub async fn read_through(&mut self) -> Result<(), Error> {
        if self.rereading {
            self.transaction(async |db| meta::unset(db, "rereading").await).await?;
            self.rereading = false;
        }
        // Whoever has no keys sees what whoever has them has made of the chunks.
        match self.may_sync() {
            true => self.follow().await,
            false => Ok(()),
        }
    }

    async fn leave_out_held(&mut self, days: &mut Days, recorded: &mut Recorded) -> Result<(), Error> {
        for (day, batches) in days.iter_mut() {
            let Some(day) = day else { continue };
            let mut held = HashSet::new();
            for row in changes::of_day(&mut self.db, *day).await.map_err(|e| error(&self.home, e))? {
                // What cannot be read holds nothing: its events come in again.
                for batch in row.batches(&self.ring).unwrap_or_default() {
                    held.extend(batch.records.iter().map(|r| (r.message, r.request, r.sidechain, r.time, r.tokens)));
                }
            }
            for batch in batches {
                let before = batch.len();
                batch.retain_records(|r| !held.contains(&(r.message, r.request, r.sidechain, r.time, r.tokens)));
                recorded.held += (before - batch.len()) as u64;
            }
        }
        Ok(())
    }
}
