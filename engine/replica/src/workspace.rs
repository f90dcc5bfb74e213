//! Beginning, joining and leaving a workspace: all that is held is written anew, in one transaction.

use aimon_core::batch::{Batch, BatchHash};
use aimon_core::crypto::{Keyring, SecretKeys};
use aimon_core::event::Event;
use aimon_core::ids::DeviceId;
use aimon_core::segment::Pen;
use aimon_core::settings::Settings;
use aimon_core::sync::{Client, Me, Step, Stored, SyncError, Write};
use aimon_core::time::UtcMillis;
use aimon_ledger::chunk::Chunk;
use aimon_ledger::ids::WorkspaceId;
use aimon_ledger::statement::Statement;
use sqlx::SqliteConnection;

use crate::changes::{self, Row, Unread};
use crate::database::error;
use crate::derived::Damaged;
use crate::keys::entropy;
use crate::replica::quarantine;
use crate::sync::{CAUGHT_UP, DAMAGED_FILES, READ_THROUGH, TIDIED, TOLD};
use crate::time::expire;
use crate::{Error, Replica, derived, marks, meta, queue, statements};

/// A workspace that a device comes to belong to.
#[derive(Debug)]
pub struct Enrolment {
    /// The device's id in it.
    pub device: DeviceId,
    /// The device's keys.
    pub secret: SecretKeys,
    /// All that its admit follows, back to the genesis, with what came behind it: each behind those that it follows.
    pub statements: Vec<Statement>,
    /// The relay's address.
    pub relay: Option<String>,
}

/// What was brought along.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Brought {
    /// Chunks that were written for it.
    pub chunks: u64,
    /// Rows that could not be read for want of their key, and stay behind.
    pub left: u64,
}

impl Replica {
    /// Begins a workspace of this device's own, under the id that it has: what it holds becomes chunks that wait for a
    /// relay, and no figure changes. The workspace's retention counts from here on.
    ///
    /// # Errors
    /// [`Error::InWorkspace`]; [`Error::Sync`] if the statements don't admit the device, or bring it no key.
    pub async fn found(&mut self, into: Enrolment, now: UtcMillis) -> Result<Brought, Error> {
        if self.workspace.is_some() {
            return Err(Error::InWorkspace(self.home.clone()));
        }
        let device = self.device;
        let mut client = self.new_client(&into)?;
        let (workspace, retention) = (client.workspace(), client.standing().retention);
        let first = retention.first_day(self.time.until.day());
        let (brought, rereading) = self
            .transaction(async |db| {
                // What is not kept any more is not brought.
                let mut rereading = expire(db, device, Some(&Keyring::default()), first, false).await?;
                settle_in(db, workspace, &into, u64::from(retention.days())).await?;
                let (brought, damaged) = turn_plain(db, &mut client, now).await?;
                rereading |= quarantine(db, device, &damaged).await?;
                Ok((brought, rereading))
            })
            .await?;
        self.rereading |= rereading;
        self.retention = retention;
        self.belong(Some(client), into.secret);
        self.follow().await?;
        Ok(brought)
    }

    /// Joins another workspace, under another id: all that is held is written anew as this device's, other devices' records
    /// under their names. Settings come in as the oldest ones. What the old workspace knew of itself is forgotten.
    ///
    /// # Errors
    /// [`Error::NoKeys`] in a workspace whose keys are not there; [`Error::Sync`] if the statements don't admit the device, or
    /// bring it no key.
    pub async fn join(&mut self, into: Enrolment, now: UtcMillis) -> Result<Brought, Error> {
        self.need_keys()?;
        let (old, ring) = (self.device, self.ring.clone());
        let mut client = self.new_client(&into)?;
        let (workspace, retention) = (client.workspace(), client.standing().retention);
        let first = retention.first_day(self.time.until.day());
        let (brought, rereading) = self
            .transaction(async |db| {
                let mut rereading = expire(db, old, Some(&ring), first, false).await?;
                statements::clear(db).await?;
                queue::clear(db).await?;
                settle_in(db, workspace, &into, u64::from(retention.days())).await?;
                let (brought, damaged) = write_anew(db, &mut client, &ring, old, now).await?;
                // Everything has another author.
                derived::clear(db).await?;
                rereading |= quarantine(db, old, &damaged).await?;
                Ok((brought, rereading))
            })
            .await?;
        self.rereading |= rereading;
        (self.device, self.retention) = (into.device, retention);
        self.belong(Some(client), into.secret);
        self.follow().await?;
        Ok(brought)
    }

    /// Goes on without a workspace: what is held rests in clear again, and no figure changes. Gives back how many chunks could
    /// not be read and are gone; the logs are then read again. With `lose` also where the keys are not there at all.
    ///
    /// # Errors
    /// [`Error::NoWorkspace`]; [`Error::NoKeys`] without the keys, unless it may `lose` what can't be read.
    pub async fn leave(&mut self, lose: bool) -> Result<u64, Error> {
        if self.workspace.is_none() {
            return Err(Error::NoWorkspace(self.home.clone()));
        }
        if !lose {
            self.need_keys()?;
        }
        let ring = self.ring.clone();
        let is_locked = self.is_locked();
        let lost = self
            .transaction(async |db| {
                let (mut lost, mut is_damaged, mut after) = (0, false, 0);
                loop {
                    let rows = changes::some_chunks(db, after).await?;
                    let Some(last) = rows.last() else { break };
                    after = last.seq;
                    for row in rows {
                        match row.content(&ring) {
                            Ok(Some(content)) => changes::lay_open(db, row.seq, &content).await?,
                            Ok(None) => changes::remove_row(db, row.seq).await?,
                            Err(why) => {
                                lost += 1;
                                is_damaged |= matches!(why, Unread::Damaged(_));
                                changes::remove_row(db, row.seq).await?;
                            }
                        }
                    }
                }
                changes::remove_chunks(db).await?;
                statements::clear(db).await?;
                queue::clear(db).await?;
                for key in
                    ["workspace", "relay", "cursor", "last", READ_THROUGH, TIDIED, DAMAGED_FILES, TOLD, CAUGHT_UP]
                {
                    meta::unset(db, key).await?;
                }
                if is_locked || is_damaged {
                    derived::clear(db).await?;
                }
                if lost > 0 {
                    marks::clear(db).await?;
                    meta::set(db, "rereading", &[1]).await?;
                }
                Ok(lost)
            })
            .await?;
        self.rereading |= lost > 0;
        (self.workspace, self.secret, self.ring) = (None, None, Keyring::default());
        self.client = None;
        self.session += 1;
        (self.pen, self.pending) = (Pen::default(), Step::default());
        self.follow().await?;
        Ok(lost)
    }

    /// What rests in clear becomes chunks, where the key for that is held.
    pub(crate) async fn enchunk(&mut self, now: UtcMillis) -> Result<(), Error> {
        if !changes::has_plain(&mut self.db).await.map_err(|e| error(&self.home, e))?
            || !self.client().await?.can_write()
        {
            return Ok(());
        }
        let (mut client, session) = self.take_client().await?;
        let device = self.device;
        let rereading = self
            .transaction(async |db| {
                let (_, damaged) = turn_plain(db, &mut client, now).await?;
                quarantine(db, device, &damaged).await
            })
            .await?;
        self.rereading |= rereading;
        self.pen = Pen::default();
        self.put_back(client, session);
        Ok(())
    }

    fn new_client(&self, into: &Enrolment) -> Result<Client, Error> {
        let me = Me { device: into.device, secret: SecretKeys::of_seed(*into.secret.seed()) };
        let stored = Stored { statements: into.statements.clone(), ..Stored::default() };
        let client = Client::load(me, stored, self.time, entropy)?;
        match (client.is_member(), client.can_write()) {
            (false, _) => Err(SyncError::NotAMember.into()),
            (_, false) => Err(SyncError::NoKey.into()),
            (true, true) => Ok(client),
        }
    }

    fn belong(&mut self, client: Option<Client>, secret: SecretKeys) {
        self.workspace = client.as_ref().map(Client::workspace);
        self.ring = client.as_ref().map(|client| client.keyring().clone()).unwrap_or_default();
        self.client = client;
        self.secret = Some(secret);
        self.session += 1;
        (self.pen, self.pending) = (Pen::default(), Step::default());
    }
}

/// Notes what workspace this is.
async fn settle_in(
    db: &mut SqliteConnection,
    workspace: WorkspaceId,
    into: &Enrolment,
    retention: u64,
) -> Result<(), sqlx::Error> {
    meta::set(db, "workspace", &workspace.0).await?;
    meta::set(db, "device", &into.device.0).await?;
    meta::set(db, "retention", &retention.to_le_bytes()).await?;
    for key in ["cursor", "last", "relay", READ_THROUGH, TIDIED, DAMAGED_FILES, CAUGHT_UP] {
        meta::unset(db, key).await?;
    }
    meta::unset_heard(db).await?;
    // They come from the relay, or were laid there before.
    let heads = statements::membership(workspace, into.statements.clone()).map(|set| set.heads());
    let heads: Vec<u8> = heads.into_iter().flatten().flat_map(|id| id.0).collect();
    meta::set(db, TOLD, &heads).await?;
    if let Some(relay) = &into.relay {
        meta::set(db, "relay", relay.as_bytes()).await?;
    }
    statements::insert(db, &into.statements).await
}

/// Turns rows that rest in clear into chunks. Rows keep their numbers: to the derived tables nothing is new.
async fn turn_plain(
    db: &mut SqliteConnection,
    client: &mut Client,
    now: UtcMillis,
) -> Result<(Brought, Damaged), sqlx::Error> {
    let (mut brought, mut damaged, mut after) = (Brought::default(), Damaged::new(), 0);
    loop {
        let rows = changes::plain(db, after).await?;
        let Some(last) = rows.last() else { return Ok((brought, damaged)) };
        after = last.seq;
        for row in rows {
            match bring(client, &Keyring::default(), client.device(), &row)? {
                Ok(write) => {
                    brought.chunks += write.chunks.len() as u64;
                    let chunks: Vec<&Chunk> = write.chunks.iter().collect();
                    if let Some((first, rest)) = chunks.split_first() {
                        changes::turn(db, row.seq, first).await?;
                        changes::insert(db, rest).await?;
                    }
                    note(db, &write, now).await?;
                }
                Err(why) => damaged.push((row, why)),
            }
        }
    }
}

/// Writes all rows anew, and takes the old ones away.
async fn write_anew(
    db: &mut SqliteConnection,
    client: &mut Client,
    ring: &Keyring,
    old: DeviceId,
    now: UtcMillis,
) -> Result<(Brought, Damaged), sqlx::Error> {
    let (mut brought, mut damaged, mut settings) = (Brought::default(), Damaged::new(), Settings::default());
    for row in changes::dayless(db).await? {
        for batch in row.values(ring).unwrap_or_default() {
            if let Ok(decoded) = Batch::decode(&batch) {
                settings.add(BatchHash::of(&batch), &decoded);
            }
        }
    }
    let end = changes::last(db).await?;
    let mut after = 0;
    loop {
        let rows = changes::some(db, after, end).await?;
        let Some(last) = rows.last() else { break };
        after = last.seq;
        for row in rows.into_iter().filter(|row| row.place.day.is_some()) {
            match bring(client, ring, old, &row)? {
                Ok(write) => {
                    brought.chunks += write.chunks.len() as u64;
                    changes::insert(db, &write.chunks.iter().collect::<Vec<_>>()).await?;
                    note(db, &write, now).await?;
                }
                Err(Unread::Waits(_)) => brought.left += 1,
                Err(why) => damaged.push((row, why)),
            }
        }
    }
    for (row, why) in damaged.iter().filter(|(_, why)| matches!(why, Unread::Damaged(_))) {
        changes::quarantine(db, row, &why.to_string()).await?;
    }
    changes::remove_upto(db, end).await?;
    let entries = settings.brought();
    if !entries.is_empty() {
        let batch = Batch::new(entries.into_iter().map(Event::Setting));
        let write = client.record(None, vec![batch], true).map_err(carried)?;
        changes::insert(db, &write.chunks.iter().collect::<Vec<_>>()).await?;
        note(db, &write, now).await?;
    }
    Ok((brought, damaged))
}

/// One row as this device's own chunks. What can't be read is told before anything is written of it.
fn bring(client: &mut Client, ring: &Keyring, own: DeviceId, row: &Row) -> Result<Result<Write, Unread>, sqlx::Error> {
    let content = match row.batches(ring).and_then(|_| row.content(ring)) {
        Ok(Some(content)) => content,
        Ok(None) => return Ok(Ok(Write::default())),
        Err(why) => return Ok(Err(why)),
    };
    let origin = (row.place.device != own).then_some(row.place.device);
    client.bring((row.place.day, row.place.part), &content, origin).map(Ok).map_err(carried)
}

async fn note(db: &mut SqliteConnection, write: &Write, now: UtcMillis) -> Result<(), sqlx::Error> {
    queue::push(db, &write.queued, now).await?;
    match &write.last {
        Some(last) => meta::set(db, "last", &meta::previous(last)).await,
        None => Ok(()),
    }
}

/// The sync machine's error through a transaction: [`crate::database::error`] takes it out again.
fn carried(e: SyncError) -> sqlx::Error {
    sqlx::Error::Encode(Box::new(e))
}
