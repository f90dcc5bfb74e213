//! What syncing asks of a replica, and has it keep: each writing call is one transaction.

use std::collections::{BTreeMap, BTreeSet};

use aimon_core::crypto::SecretKeys;
use aimon_core::ids::DeviceId;
use aimon_core::retention::Retention;
use aimon_core::sync::{Client, Held, Me, Step, Stored, SyncError, Write};
use aimon_core::time::{UtcDay, UtcMillis};
use aimon_ledger::chunk::{Chunk, Place};
use aimon_ledger::frame::Frame;
use aimon_ledger::ids::{ChunkId, StatementId, WorkspaceId};
use aimon_ledger::statement::{Author, Statement, What};

use crate::changes::{self, Row, Unread};
use crate::database::error;
use crate::derived::Damaged;
use crate::keys::entropy;
use crate::time::expire;
use crate::{Error, Mark, Queued, Replica, derived, marks, meta, queue, statements};

/// From how many bytes of chunks on a step is taken to be one of many, also where nothing else says so.
const MUCH: usize = 64 << 10;

/// Noted once all that the others had written by then is here: what comes in from then on is new.
pub(crate) const CAUGHT_UP: &str = "caught-up";

/// When a shared folder was read through last.
pub(crate) const READ_THROUGH: &str = "folder-read-through";

/// How many files of a shared folder, that hold what is lacking here, were damaged when it was last looked into.
pub(crate) const DAMAGED_FILES: &str = "folder-damaged";

/// The heads of the statements of which a relay is known to hold all.
pub(crate) const TOLD: &str = "told";

/// When a shared folder was tidied last, and how many purges were known then.
pub(crate) const TIDIED: &str = "folder-tidied";

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
            for key in [READ_THROUGH, TIDIED, DAMAGED_FILES] {
                meta::unset(db, key).await?;
            }
            match address {
                Some(address) => meta::set(db, "relay", address.as_bytes()).await,
                None => meta::unset(db, "relay").await,
            }
        })
        .await
    }

    /// When the shared folder was read through last. An earlier version noted the day alone: that says too little.
    pub(crate) async fn folder_read_through(&mut self) -> Result<Option<UtcMillis>, Error> {
        let at = meta::get(&mut self.db, READ_THROUGH).await.map_err(|e| error(&self.home, e))?;
        Ok(at.and_then(|at| at.try_into().ok()).map(i64::from_le_bytes).map(UtcMillis))
    }

    /// Notes that it was read through.
    pub(crate) async fn set_folder_read_through(&mut self, at: UtcMillis) -> Result<(), Error> {
        self.transaction(async |db| meta::set(db, READ_THROUGH, &at.0.to_le_bytes()).await).await
    }

    /// How many files of the shared folder, that hold what is lacking here and of which nothing else tells, were damaged when it was last
    /// looked into, and may no more be arriving than a day.
    ///
    /// # Errors
    /// The database can't be read.
    pub async fn damaged_files(&mut self) -> Result<u64, Error> {
        let count = meta::get(&mut self.db, DAMAGED_FILES).await.map_err(|e| error(&self.home, e))?;
        Ok(count.and_then(|count| count.try_into().ok()).map(u64::from_le_bytes).unwrap_or_default())
    }

    /// Notes how many there are.
    pub(crate) async fn set_damaged_files(&mut self, count: u64) -> Result<(), Error> {
        if self.damaged_files().await? == count {
            return Ok(());
        }
        self.transaction(async |db| meta::set(db, DAMAGED_FILES, &count.to_le_bytes()).await).await
    }

    /// The day on which the shared folder was tidied last, and how many purges were known then.
    pub(crate) async fn folder_tidied(&mut self) -> Result<Option<(UtcDay, u64)>, Error> {
        let state = meta::get(&mut self.db, TIDIED).await.map_err(|e| error(&self.home, e))?;
        Ok(state.and_then(|state| {
            let (day, purges) = state.split_first_chunk()?;
            Some((UtcDay(i32::from_le_bytes(*day)), u64::from_le_bytes(purges.try_into().ok()?)))
        }))
    }

    /// Notes that the relay holds all statements that are held here.
    pub(crate) async fn set_told(&mut self) -> Result<(), Error> {
        let heads: Vec<u8> = self.client().await?.membership().heads().iter().flat_map(|id| id.0).collect();
        if meta::get(&mut self.db, TOLD).await.map_err(|e| error(&self.home, e))?.as_ref() == Some(&heads) {
            return Ok(());
        }
        self.transaction(async |db| meta::set(db, TOLD, &heads).await).await
    }

    /// What of this device's own no relay is known to hold. Needs no keys.
    ///
    /// # Errors
    /// The database can't be read.
    pub async fn unsent(&mut self) -> Result<Unsent, Error> {
        let home = self.home.clone();
        let fail = |e| error(&home, e);
        let mut unsent = Unsent { chunks: self.queue().await?.len() as u64, ..Unsent::default() };
        let told = meta::get(&mut self.db, TOLD).await.map_err(fail)?;
        let (Some(workspace), Some(told)) = (self.workspace, told) else { return Ok(unsent) };
        let heads: Vec<StatementId> = told.as_chunks::<32>().0.iter().map(|id| StatementId(*id)).collect();
        let Some(set) = statements::membership(workspace, statements::all(&mut self.db).await.map_err(fail)?) else {
            return Ok(unsent);
        };
        for said in set.lacking(&heads).iter().map(|statement| statement.body()) {
            if said.author == Author::Device(self.device) {
                unsent.statements += 1;
                unsent.purges += u64::from(matches!(said.what, What::Purge { .. }));
            }
        }
        Ok(unsent)
    }

    /// Notes that it was tidied.
    pub(crate) async fn set_folder_tidied(&mut self, (day, purges): (UtcDay, u64)) -> Result<(), Error> {
        let state = [&day.0.to_le_bytes()[..], &purges.to_le_bytes()].concat();
        self.transaction(async |db| meta::set(db, TIDIED, &state).await).await
    }

    /// Notes whether this replica is in step, and, at the first time, that it has caught up.
    pub(crate) async fn set_in_step(&mut self, is_in_step: bool) -> Result<(), Error> {
        if is_in_step && !self.in_step {
            self.transaction(async |db| match meta::get(db, CAUGHT_UP).await? {
                None => meta::set(db, CAUGHT_UP, &[1]).await,
                Some(_) => Ok(()),
            })
            .await?;
        }
        self.in_step = is_in_step;
        Ok(())
    }

    /// When something that a device wrote or signed last came in here, by this device's clock. What was there already when this
    /// device joined does not count: when that was written nobody knows.
    ///
    /// # Errors
    /// The database can't be read.
    pub async fn heard(&mut self) -> Result<BTreeMap<DeviceId, UtcMillis>, Error> {
        meta::heard(&mut self.db).await.map_err(|e| error(&self.home, e))
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
            last: last.and_then(|bytes| meta::read_previous(&bytes)),
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

    /// The sync machine, as it stands.
    ///
    /// # Errors
    /// [`Error::NoWorkspace`], [`Error::NoKeys`].
    pub async fn client(&mut self) -> Result<&Client, Error> {
        let (client, session) = self.take_client().await?;
        self.session = session;
        Ok(self.client.insert(client))
    }

    /// Grows when the sync machine was loaded anew: a talk with a relay that was begun before is over.
    pub fn session(&self) -> u64 {
        self.session
    }

    /// Lets the sync machine take a step. What it changes is on the disk when this returns, all of it or nothing; what is then
    /// to be sent and told comes back, with what other calls have left to be sent and told.
    ///
    /// # Errors
    /// Those of the step; what the database refuses. The machine is then loaded anew: it is never ahead of the disk.
    pub async fn step(
        &mut self,
        now: UtcMillis,
        work: impl FnOnce(&mut Client) -> Result<Step, SyncError>,
    ) -> Result<Step, Error> {
        self.take_step(now, work).await?;
        Ok(std::mem::take(&mut self.pending))
    }

    /// Lets the sync machine take in a frame from a relay: as [`Replica::step`].
    pub async fn frame(&mut self, frame: Frame, now: UtcMillis) -> Result<Step, Error> {
        let needs = self.client().await?.needs(&frame);
        let held = self.held(&needs).await?;
        self.receive(now, |client| Ok(client.frame(frame, held, now))).await
    }

    /// Lets the sync machine take in chunks that a folder holds: as [`Replica::step`].
    pub async fn take(&mut self, chunks: Vec<Chunk>, now: UtcMillis) -> Result<Step, Error> {
        let frame = Frame::Deliver(chunks.iter().map(|chunk| (0, chunk.bytes().to_vec())).collect());
        let needs = self.client().await?.needs(&frame);
        let held = self.held(&needs).await?;
        self.receive(now, |client| Ok(client.take(chunks, held, now))).await
    }

    /// A step that brings what others wrote. While more comes behind it days are not folded: once is enough. Whatever ends that, a
    /// frame, the connection's end, or the next tick, is a step that folds.
    async fn receive(
        &mut self,
        now: UtcMillis,
        work: impl FnOnce(&mut Client) -> Result<Step, SyncError>,
    ) -> Result<Step, Error> {
        let brought = self.advance(now, work).await?;
        let has_more = brought >= MUCH || self.client.as_ref().is_some_and(Client::is_catching_up);
        if self.owes && !has_more {
            self.follow().await?;
        }
        Ok(std::mem::take(&mut self.pending))
    }

    /// Makes something durable that was not made by this replica's own sync machine, which is loaded anew: all of it is on the
    /// disk when this returns Ok, none otherwise.
    ///
    /// # Errors
    /// [`Error::NoWorkspace`], [`Error::NoKeys`]; what the database refuses.
    pub async fn apply(&mut self, write: &Write, now: UtcMillis) -> Result<(), Error> {
        drop(self.take_client().await?);
        self.keep(write, now, &[]).await?;
        self.client().await?;
        self.came(now).await?;
        self.follow().await
    }

    /// Whether this process has the sync machine.
    pub(crate) fn may_sync(&self) -> bool {
        self.is_writer() && self.workspace.is_some() && self.secret.is_some()
    }

    /// Takes the sync machine out, to be put back once all that it wrote is on the disk: whoever stops half-way has it loaded
    /// from there again. Also gives the number of its session.
    pub(crate) async fn take_client(&mut self) -> Result<(Client, u64), Error> {
        let Some(_) = self.workspace else { return Err(Error::NoWorkspace(self.home.clone())) };
        if let Some(client) = self.client.take() {
            return Ok((client, self.session));
        }
        let secret = match &self.secret {
            Some(secret) if self.is_writer() => SecretKeys::of_seed(*secret.seed()),
            _ => return Err(Error::NoKeys(self.home.clone())),
        };
        let stored = self.stored().await?;
        let client = Client::load(Me { device: self.device, secret }, stored, self.time, entropy)?;
        self.ring = client.keyring().clone();
        self.session += 1;
        // What was to be sent was for a talk that is over.
        self.pending.send.clear();
        Ok((client, self.session))
    }

    /// Puts the sync machine back, unless something went from the disk meanwhile that it knows of.
    pub(crate) fn put_back(&mut self, client: Client, session: u64) {
        if session == self.session {
            self.time = client.time();
            self.client = Some(client);
        }
    }

    /// A step whose sends and notices are kept for whoever asks next.
    pub(crate) async fn take_step(
        &mut self,
        now: UtcMillis,
        work: impl FnOnce(&mut Client) -> Result<Step, SyncError>,
    ) -> Result<(), Error> {
        self.advance(now, work).await?;
        if self.owes { self.follow().await } else { Ok(()) }
    }

    /// The same, as far as the derived tables are not looked at: how many bytes of chunks it brought.
    async fn advance(
        &mut self,
        now: UtcMillis,
        work: impl FnOnce(&mut Client) -> Result<Step, SyncError>,
    ) -> Result<usize, Error> {
        let (mut client, session) = self.take_client().await?;
        let step = match work(&mut client) {
            Ok(step) => step,
            Err(e) => {
                // These two come before anything is changed.
                if matches!(e, SyncError::NoKey | SyncError::NotAMember) {
                    self.put_back(client, session);
                }
                return Err(e.into());
            }
        };
        let Step { write, send, notices } = step;
        self.keep(&write, now, &[]).await?;
        self.ring = client.keyring().clone();
        self.put_back(client, session);
        self.pending.send.extend(send);
        self.pending.notices.extend(notices);
        if !write.statements.is_empty() {
            self.came(now).await?;
        }
        self.owes |= !(write.chunks.is_empty()
            && write.dropped.is_empty()
            && write.counts.is_empty()
            && write.statements.is_empty());
        Ok(write.chunks.iter().map(|chunk| chunk.bytes().len()).sum())
    }

    /// A step that only writes.
    pub(crate) async fn write(
        &mut self,
        now: UtcMillis,
        work: impl FnOnce(&mut Client) -> Result<Write, SyncError>,
    ) -> Result<(), Error> {
        self.take_step(now, |client| Ok(Step { write: work(client)?, ..Step::default() })).await
    }

    /// Statements have come, and perhaps keys with them: what rests in clear becomes chunks, and what was kept because a
    /// snapshot could not be looked into is looked into.
    pub(crate) async fn came(&mut self, now: UtcMillis) -> Result<(), Error> {
        self.enchunk(now).await?;
        let unreviewed = self.client().await?.unreviewed();
        if unreviewed.is_empty() {
            return Ok(());
        }
        let held = self.held(&unreviewed).await?;
        let (mut client, session) = self.take_client().await?;
        let Step { write, send, notices } = client.review(held);
        self.keep(&write, now, &[]).await?;
        self.put_back(client, session);
        self.pending.send.extend(send);
        self.pending.notices.extend(notices);
        Ok(())
    }

    pub(crate) async fn held(&mut self, ids: &[ChunkId]) -> Result<Held, Error> {
        Ok(self.chunks(ids).await?.into_iter().map(|chunk| (chunk.id(), chunk)).collect())
    }

    /// Writes all of a step, and marks, in one transaction.
    pub(crate) async fn keep(&mut self, write: &Write, now: UtcMillis, marks: &[Mark]) -> Result<(), Error> {
        if write.is_empty() && marks.is_empty() {
            return Ok(());
        }
        let time = write.time.unwrap_or(self.time);
        let retention = self.retention_after(&write.statements).await?;
        let first = retention.first_day(time.until.day());
        let Leaving { is_loss, expired } = self.leaving(write, first).await?;
        let (device, ring) = (self.device, self.ring.clone());
        let expires = write.time.is_some() || retention != self.retention || expired;
        let rereading = self
            .transaction(async |db| {
                store(db, write, device, now).await?;
                marks::store(db, marks).await?;
                if is_loss {
                    derived::clear(db).await?;
                }
                if !expires {
                    return Ok(false);
                }
                meta::set_time(db, time).await?;
                meta::set(db, "retention", &u64::from(retention.days()).to_le_bytes()).await?;
                expire(db, device, Some(&ring), first, expired).await
            })
            .await?;
        self.rereading |= rereading;
        (self.time, self.retention) = (time, retention);
        Ok(())
    }

    /// Brings the derived tables up to date and tells who waits for news. What is written is written: the tables can be made
    /// again at any time.
    pub(crate) async fn follow(&mut self) -> Result<(), Error> {
        self.owes = false;
        if let Err(e) = self.catch_up().await
            && let Err(e) = self.mend(e).await
        {
            tracing::warn!("the derived tables are behind: {e}");
        }
        self.changed.send_modify(|n| *n += 1);
        Ok(())
    }

    /// The retention that counts once these statements are held.
    async fn retention_after(&mut self, new: &[Statement]) -> Result<Retention, Error> {
        let Some(workspace) = self.workspace.filter(|_| !new.is_empty()) else { return Ok(self.retention) };
        let mut all = statements::all(&mut self.db).await.map_err(|e| error(&self.home, e))?;
        all.extend_from_slice(new);
        Ok(statements::membership(workspace, all).map_or(self.retention, |set| set.standing().retention))
    }

    /// Whether figures change by what leaves: by a batch that was folded and that its segment does not hold any more. What
    /// a snapshot covers and contains is said by the snapshot; what expires has a way of its own.
    async fn leaving(&mut self, write: &Write, first: UtcDay) -> Result<Leaving, Error> {
        let home = self.home.clone();
        let fail = |e| error(&home, e);
        let aside = write.counts.iter().filter(|(_, counts)| !counts).map(|(id, _)| id);
        let leaving: BTreeSet<ChunkId> = write.dropped.iter().chain(aside).copied().collect();
        let mut said: BTreeMap<Place, Vec<Row>> = BTreeMap::new();
        let mut found = Leaving::default();
        for id in &leaving {
            match changes::of_chunk(&mut self.db, id).await.map_err(fail)? {
                Some(row) if row.place.day.is_some_and(|day| day < first) => found.expired = true,
                Some(row) => said.entry(row.place).or_default().push(row),
                None => {}
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
                    Ok(_) | Err(Unread::Damaged(_)) => found.is_loss = true,
                }
            }
        }
        Ok(found)
    }
}

/// What a device has that nobody else does.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Unsent {
    /// Chunks that no relay has acknowledged.
    pub chunks: u64,
    /// Statements of this device's that no relay is known to hold.
    pub statements: u64,
    /// How many of them are purges.
    pub purges: u64,
}

/// What goes with the chunks that leave.
#[derive(Clone, Copy, Default)]
struct Leaving {
    /// Batches that figures were made of.
    is_loss: bool,
    /// Days that are not kept any more.
    expired: bool,
}

/// Writes all of a step but what it says of the time.
async fn store(
    db: &mut sqlx::SqliteConnection,
    write: &Write,
    here: DeviceId,
    now: UtcMillis,
) -> Result<(), sqlx::Error> {
    statements::insert(db, &write.statements).await?;
    let dropped: BTreeSet<&ChunkId> = write.dropped.iter().collect();
    let kept: Vec<&Chunk> = write.chunks.iter().filter(|chunk| !dropped.contains(&chunk.id())).collect();
    changes::insert(db, &kept).await?;
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
    hear(db, write, here, now).await?;
    queue::push(db, &write.queued, now).await?;
    for id in &write.acknowledged {
        queue::remove(db, id).await?;
    }
    for (id, code) in &write.refused {
        queue::refuse(db, id, code, now).await?;
    }
    if let Some(last) = write.last {
        meta::set(db, "last", &meta::previous(&last)).await?;
    }
    if let Some(cursor) = write.cursor {
        meta::set(db, "cursor", &cursor.to_le_bytes()).await?;
    }
    Ok(())
}

/// Notes of which other devices something came in.
async fn hear(
    db: &mut sqlx::SqliteConnection,
    write: &Write,
    here: DeviceId,
    now: UtcMillis,
) -> Result<(), sqlx::Error> {
    let signed = write.statements.iter().filter_map(|statement| match statement.body().author {
        Author::Device(device) => Some(device),
        Author::Phrase => None,
    });
    let mut devices: BTreeSet<DeviceId> = signed.chain(write.chunks.iter().map(|c| c.header().place.device)).collect();
    devices.remove(&here);
    if devices.is_empty() || meta::get(db, CAUGHT_UP).await?.is_none() {
        return Ok(());
    }
    meta::set_heard(db, &devices, now).await
}
