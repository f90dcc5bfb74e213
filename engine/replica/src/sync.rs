//! What syncing asks of a replica, and has it keep: each writing call is one transaction.

use std::collections::{BTreeMap, BTreeSet};

use aimon_core::retention::Retention;
use aimon_core::sync::{Stored, Write};
use aimon_core::time::{UtcDay, UtcMillis};
use aimon_ledger::chunk::{Chunk, Place};
use aimon_ledger::ids::{ChunkId, WorkspaceId};
use aimon_ledger::statement::Statement;

use crate::changes::{self, Row, Unread};
use crate::database::error;
use crate::derived::Damaged;
use crate::replica::expire;
use crate::{Error, Queued, Replica, derived, meta, queue, statements};

impl Replica {
    /// The workspace, once one was created or joined.
    pub fn workspace(&self) -> Option<WorkspaceId> {
        self.workspace
    }

    /// The relay's address.
    pub async fn relay(&mut self) -> Result<Option<String>, Error> {
        let address = meta::get(&mut self.db, "relay").await.map_err(|e| error(&self.home, e))?;
        Ok(address.and_then(|bytes| String::from_utf8(bytes).ok()))
    }

    /// Goes by another relay. Nothing is known of what it holds: what it was delivered is forgotten.
    pub async fn set_relay(&mut self, address: Option<&str>) -> Result<(), Error> {
        self.transaction(async |db| {
            meta::unset(db, "cursor").await?;
            match address {
                Some(address) => meta::set(db, "relay", address.as_bytes()).await,
                None => meta::unset(db, "relay").await,
            }
        })
        .await
    }

    /// All that the sync machine begins with. Reads headers, and no chunk's content.
    pub async fn stored(&mut self) -> Result<Stored, Error> {
        let home = self.home.clone();
        let fail = |e| error(&home, e);
        let Some(workspace) = self.workspace else { return Ok(Stored::default()) };
        let all = statements::all(&mut self.db).await.map_err(fail)?;
        let set = statements::membership(workspace, all);
        let queued = queue::all(&mut self.db).await.map_err(fail)?;
        let last = meta::get(&mut self.db, "last").await.map_err(fail)?;
        let cursor = meta::get(&mut self.db, "cursor").await.map_err(fail)?;
        Ok(Stored {
            statements: set.iter().flat_map(|set| set.statements()).cloned().collect(),
            chunks: changes::headers(&mut self.db).await.map_err(fail)?,
            queue: queued.into_iter().map(|q| (q.id, q.refused.map(|(code, _)| code))).collect(),
            last: last.and_then(|id| id.try_into().ok()).map(ChunkId),
            cursor: cursor.and_then(|n| n.try_into().ok()).map(u64::from_le_bytes).unwrap_or_default(),
        })
    }

    /// Chunks as they travel, those that are held, in the order asked for. One that is not what was stored is quarantined,
    /// and as if it were not held.
    pub async fn chunks(&mut self, ids: &[ChunkId]) -> Result<Vec<Chunk>, Error> {
        let (mut chunks, mut damaged) = (Vec::with_capacity(ids.len()), Damaged::new());
        for id in ids {
            let Some(row) = changes::any(&mut self.db, id).await.map_err(|e| error(&self.home, e))? else { continue };
            match row.chunk() {
                Ok(chunk) => chunks.extend(chunk),
                Err(why) => damaged.push((row, why)),
            }
        }
        if self.may_fold() && !damaged.is_empty() {
            self.set_aside(&damaged).await?;
        }
        Ok(chunks)
    }

    /// What no relay has acknowledged yet, oldest first, with the reason where it was refused.
    pub async fn queue(&mut self) -> Result<Vec<Queued>, Error> {
        queue::all(&mut self.db).await.map_err(|e| error(&self.home, e))
    }

    /// Makes a step of sync durable: all of it is on the disk when this returns Ok, none otherwise. The derived tables follow.
    ///
    /// # Errors
    /// [`Error::NoKeys`] where the workspace's keys are not there; what the database refuses.
    pub async fn apply(&mut self, write: &Write, now: UtcMillis) -> Result<(), Error> {
        self.need_keys()?;
        if write.is_empty() {
            return Ok(());
        }
        let time = write.time.unwrap_or(self.time);
        let retention = self.retention_after(&write.statements).await?;
        let first = retention.first_day(time.until.day());
        let loses = self.loses(write, first).await?;
        let (device, ring) = (self.device, self.ring.clone());
        let expires = write.time.is_some() || retention != self.retention;
        let rereading = self
            .transaction(async |db| {
                keep(db, write, now).await?;
                if loses {
                    derived::clear(db).await?;
                }
                if !expires {
                    return Ok(false);
                }
                meta::set_time(db, time).await?;
                meta::set(db, "retention", &u64::from(retention.days()).to_le_bytes()).await?;
                expire(db, device, Some(&ring), first).await
            })
            .await?;
        self.rereading |= rereading;
        (self.time, self.retention) = (time, retention);
        if !write.statements.is_empty()
            && let Some(secret) = self.secret.take()
        {
            let gathered = self.gather(&secret).await;
            self.secret = Some(secret);
            gathered?;
        }
        self.changed.send_modify(|n| *n += 1);
        // What is written is written: the tables can be made again at any time.
        if let Err(e) = self.catch_up().await {
            tracing::warn!("the derived tables are behind: {e}");
        }
        Ok(())
    }

    /// The retention that counts once these statements are held.
    async fn retention_after(&mut self, new: &[Statement]) -> Result<Retention, Error> {
        let Some(workspace) = self.workspace.filter(|_| !new.is_empty()) else { return Ok(self.retention) };
        let mut all = statements::all(&mut self.db).await.map_err(|e| error(&self.home, e))?;
        all.extend_from_slice(new);
        Ok(statements::membership(workspace, all).map_or(self.retention, |set| set.standing().retention))
    }

    /// Whether figures change by what leaves: a batch that was folded and that its segment does not hold any more. What
    /// a snapshot covers and contains is said by the snapshot; what expires has a way of its own.
    async fn loses(&mut self, write: &Write, first: UtcDay) -> Result<bool, Error> {
        let home = self.home.clone();
        let fail = |e| error(&home, e);
        let aside = write.counts.iter().filter(|(_, counts)| !counts).map(|(id, _)| id);
        let leaving: BTreeSet<ChunkId> = write.dropped.iter().chain(aside).copied().collect();
        let mut said: BTreeMap<Place, Vec<Row>> = BTreeMap::new();
        for id in &leaving {
            if let Some(row) = changes::of_chunk(&mut self.db, id).await.map_err(fail)?
                && row.place.day.is_none_or(|day| day >= first)
            {
                said.entry(row.place).or_default().push(row);
            }
        }
        for (place, rows) in said {
            let mut stays: BTreeSet<Vec<u8>> = BTreeSet::new();
            for row in changes::of_place(&mut self.db, place).await.map_err(fail)? {
                if row.id().is_none_or(|id| !leaving.contains(&id)) {
                    stays.extend(row.values(&self.ring).unwrap_or_default());
                }
            }
            for chunk in &write.chunks {
                if chunk.header().place == place && !leaving.contains(&chunk.id()) {
                    stays.extend(changes::values_of(chunk, &self.ring));
                }
            }
            for row in rows {
                match row.values(&self.ring) {
                    Ok(values) if values.iter().all(|value| stays.contains(value)) => {}
                    // It has never been folded.
                    Err(Unread::Waits(_) | Unread::Broken(_)) => {}
                    Ok(_) | Err(Unread::Damaged(_)) => return Ok(true),
                }
            }
        }
        Ok(false)
    }
}

/// Writes all of a step but what it says of the time.
async fn keep(db: &mut sqlx::SqliteConnection, write: &Write, now: UtcMillis) -> Result<(), sqlx::Error> {
    statements::insert(db, &write.statements).await?;
    let dropped: BTreeSet<&ChunkId> = write.dropped.iter().collect();
    for chunk in write.chunks.iter().filter(|chunk| !dropped.contains(&chunk.id())) {
        changes::insert(db, chunk).await?;
    }
    for id in dropped {
        changes::remove(db, id).await?;
        queue::remove(db, id).await?;
    }
    for (id, counts) in &write.counts {
        if let Some(seq) = changes::count(db, id, *counts).await?
            && *counts
        {
            derived::take_in(db, seq).await?;
        }
    }
    queue::push(db, &write.queued, now).await?;
    for id in &write.acknowledged {
        queue::remove(db, id).await?;
    }
    for (id, code) in &write.refused {
        queue::refuse(db, id, code, now).await?;
    }
    if let Some(last) = write.last {
        meta::set(db, "last", &last.0).await?;
    }
    if let Some(cursor) = write.cursor {
        meta::set(db, "cursor", &cursor.to_le_bytes()).await?;
    }
    Ok(())
}
