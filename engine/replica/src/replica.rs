//! Opening, recording, reading.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use aimon_core::batch::Batch;
use aimon_core::crypto::{Keyring, SecretKeys};
use aimon_core::event::Event;
use aimon_core::ids::{DeviceId, WriterId};
use aimon_core::name::Name;
use aimon_core::retention::{Retention, TrustedTime};
use aimon_core::segment::Chain;
use aimon_core::time::{UtcDay, UtcMillis};
use aimon_ledger::chunk::Place;
use aimon_ledger::ids::WorkspaceId;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::watch;

use crate::database::{self, error};
use crate::changes::Unread;
use crate::derived::{Damaged, Tables};
use crate::{Error, changes, derived, home, marks, meta};

/// The most events in one batch: a batch must fit a chunk.
const BATCH_EVENTS: usize = 4096;

/// How to open a replica.
#[derive(Clone, Debug)]
pub struct Options {
    /// What time it is.
    pub now: UtcMillis,
    /// How many days to keep, at the very first start; 180 if `None`. Ignored later.
    pub retention_days: Option<u64>,
}

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

/// Where a process goes on writing: its writer, drawn at the first write, and each day's chain.
#[derive(Default, Debug)]
struct Pen {
    writer: Option<WriterId>,
    chains: HashMap<Option<UtcDay>, (u16, Chain)>,
}

impl Pen {
    /// A batch as the next change of its day, and the segment that it belongs to.
    fn append(
        &mut self,
        home: &Path,
        device: DeviceId,
        day: Option<UtcDay>,
        batch: &Batch,
    ) -> Result<(Place, Vec<u8>), Error> {
        let writer = match self.writer {
            Some(writer) => writer,
            None => {
                let mut bytes = [0; 8];
                random(home, &mut bytes)?;
                *self.writer.insert(WriterId(bytes))
            }
        };
        let begin = || Chain::new(writer).map_err(|e| Error::Events(e.to_string()));
        let (part, chain) = match self.chains.entry(day) {
            std::collections::hash_map::Entry::Occupied(e) => e.into_mut(),
            std::collections::hash_map::Entry::Vacant(e) => e.insert((0, begin()?)),
        };
        if chain.is_full() {
            (*part, *chain) = (part.saturating_add(1), begin()?);
        }
        Ok((Place { device, day, part: *part }, chain.append(batch.encode())))
    }
}

/// A durable replica.
#[derive(Debug)]
pub struct Replica {
    pub(crate) home: PathBuf,
    pub(crate) db: SqliteConnection,
    lock: Option<home::Lock>,
    pub(crate) device: DeviceId,
    pub(crate) retention: Retention,
    pub(crate) time: TrustedTime,
    pub(crate) workspace: Option<WorkspaceId>,
    /// This device's keys, once they are there.
    pub(crate) secret: Option<SecretKeys>,
    /// The keys of the workspace, as far as they are held.
    pub(crate) ring: Keyring,
    /// Whether the last reading would have shown more with keys that are not held.
    pub(crate) behind: bool,
    pen: Pen,
    pub(crate) changed: watch::Sender<u64>,
    /// Whether damaged segments are being re-read: events that are held already are left out.
    pub(crate) rereading: bool,
    /// Ignored by a reader that has found them damaged.
    pub(crate) tables: Tables,
}

impl Replica {
    /// Opens the folder for writing; makes it, and the database, where they are not there.
    ///
    /// # Errors
    /// [`Error::Locked`] beside another writer; what the folder or the database refuse.
    pub async fn open(home: &Path, options: &Options) -> Result<Self, Error> {
        let retention = match options.retention_days {
            Some(days) => Retention::of(days).ok_or(Error::Retention(days))?,
            None => Retention::default(),
        };
        home::create(home)?;
        let lock = home::lock(home)?;
        let mut db = database::connect(home, database::Access::Write).await.map_err(|e| error(home, e))?;
        database::migrate(home, &mut db).await?;
        let fail = |e| error(home, e);
        let identity = match meta::identity(&mut db).await.map_err(fail)? {
            Some(identity) => identity,
            None => begin(home, &mut db, retention, options.now).await?,
        };
        let rereading = meta::get(&mut db, "rereading").await.map_err(fail)?.is_some();
        let mut replica = Self::new(home, db, Some(lock), identity);
        replica.rereading = rereading;
        replica.observe(options.now).await?;
        Ok(replica)
    }

    /// Opens the folder for reading, also beside a writer.
    ///
    /// # Errors
    /// [`Error::Empty`] where nothing was recorded yet.
    pub async fn open_read(home: &Path, _options: &Options) -> Result<Self, Error> {
        if !home::database(home).exists() {
            return Err(Error::Empty(home.to_owned()));
        }
        let fail = |e| error(home, e);
        let (mut db, version) = database::read(home).await.map_err(fail)?;
        if version > database::VERSION {
            return Err(Error::Newer { path: home.to_owned(), found: version, known: database::VERSION });
        }
        match version {
            0 => return Err(Error::Empty(home.to_owned())),
            found if found < database::VERSION => return Err(Error::Older { path: home.to_owned(), found }),
            _ => {}
        }
        let identity = meta::identity(&mut db).await.map_err(fail)?.ok_or_else(|| Error::Empty(home.to_owned()))?;
        Ok(Self::new(home, db, None, identity))
    }

    fn new(home: &Path, db: SqliteConnection, lock: Option<home::Lock>, identity: meta::Identity) -> Self {
        Self {
            home: home.to_owned(),
            db,
            lock,
            device: identity.device,
            retention: identity.retention,
            time: identity.time,
            workspace: identity.workspace,
            secret: None,
            ring: Keyring::default(),
            behind: false,
            pen: Pen::default(),
            changed: watch::Sender::new(0),
            rereading: false,
            tables: Tables::Used,
        }
    }

    /// Whether this process may write.
    pub fn is_writer(&self) -> bool {
        self.lock.is_some()
    }

    /// This installation.
    pub fn device(&self) -> DeviceId {
        self.device
    }

    /// How many days are kept.
    pub fn retention_days(&self) -> u32 {
        self.retention.days()
    }

    /// The folder.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The first day that is kept: nothing before it needs to be read.
    pub fn first_day(&self) -> UtcDay {
        self.retention.first_day(self.time.until.day())
    }

    /// Looks at the clock: lets days expire, unless the clock has jumped.
    pub async fn observe(&mut self, now: UtcMillis) -> Result<(), Error> {
        let mut time = self.time;
        time.observe(now);
        self.trust(time).await
    }

    /// Before the first calls are recorded no time is proven: the newest of them is the witness.
    async fn witness(&mut self, commit: &Commit) -> Result<(), Error> {
        let calls = commit.events.iter().filter_map(|event| match event {
            Event::Record(record) => Some(record.time),
            Event::Answer(_) | Event::Unchanged(_) | Event::Setting(_) => None,
        });
        let Some(newest) = calls.max().filter(|_| !self.time.is_proven()) else { return Ok(()) };
        let mut time = self.time;
        time.witness(newest, commit.now);
        self.trust(time).await
    }

    /// The last day that counts for expiry; `None` as long as nothing proves the clock.
    pub fn trusted_day(&self) -> Option<UtcDay> {
        self.time.is_proven().then(|| self.time.until.day())
    }

    /// Takes the clock as right after a jump, because somebody says so: days expire by it.
    pub async fn vouch(&mut self, now: UtcMillis) -> Result<(), Error> {
        let mut time = self.time;
        time.vouch(now, now);
        self.trust(time).await
    }

    /// Goes by another time, and lets days expire by it. Memory follows the disk: whoever stops this half-way has changed
    /// neither.
    async fn trust(&mut self, time: TrustedTime) -> Result<(), Error> {
        let first = self.retention.first_day(time.until.day());
        // A time within the same day changes nothing that is kept.
        let is_same = first == self.first_day() && time.doubted == self.time.doubted;
        if self.is_writer() && (!is_same || time.is_proven() != self.time.is_proven()) {
            let (device, ring) = (self.device, self.ring_to_fold().cloned());
            let rereading = self
                .transaction(async |db| {
                    meta::set_time(db, time).await?;
                    expire(db, device, ring.as_ref(), first).await
                })
                .await?;
            self.rereading |= rereading;
        }
        self.time = time;
        Ok(())
    }

    /// The (digest, stamp) of all marks, by source: what it takes to see that no log has changed.
    pub async fn mark_stamps(&mut self) -> Result<Vec<(String, Vec<(u64, u64)>)>, Error> {
        marks::stamps(&mut self.db).await.map_err(|e| error(&self.home, e))
    }

    /// The keys of all marks of a source.
    pub async fn mark_keys(&mut self, source: &str) -> Result<Vec<Vec<u8>>, Error> {
        marks::keys(&mut self.db, source).await.map_err(|e| error(&self.home, e))
    }

    /// What a collector stored about one log.
    pub async fn mark(&mut self, source: &str, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        marks::one(&mut self.db, source, key).await.map_err(|e| error(&self.home, e))
    }

    /// Records events and marks. When this returns they are on the disk.
    pub async fn record(&mut self, commit: Commit) -> Result<Recorded, Error> {
        self.witness(&commit).await?;
        self.observe(commit.now).await?;
        let mut recorded = Recorded::default();
        let first = self.first_day();
        let mut days: BTreeMap<UtcDay, Vec<Batch>> = BTreeMap::new();
        for event in commit.events {
            let day = event.day().ok_or_else(|| Error::Events("settings, which have no day".to_owned()))?;
            if day < first {
                recorded.expired += 1;
                continue;
            }
            let batches = days.entry(day).or_default();
            match batches.last_mut().filter(|batch| batch.len() < BATCH_EVENTS) {
                Some(batch) => batch.push(event),
                None => batches.push(Batch::new([event])),
            }
        }
        if self.rereading {
            self.leave_out_held(&mut days, &mut recorded).await?;
        }
        // Ours again only once all is on the disk: what follows must not depend on what was lost, also when whoever waits
        // for this goes away.
        let mut pen = std::mem::take(&mut self.pen);
        let mut new = Vec::new();
        for (day, batches) in &days {
            for batch in batches.iter().filter(|batch| !batch.is_empty()) {
                recorded.events += batch.len() as u64;
                recorded.records += batch.records.len() as u64;
                new.push(pen.append(&self.home, self.device, Some(*day), batch)?);
            }
        }
        self.transaction(async |db| {
            changes::append(db, &new).await?;
            marks::store(db, &commit.marks).await
        })
        .await?;
        self.pen = pen;
        if recorded.events > 0 {
            self.changed.send_modify(|n| *n += 1);
        }
        Ok(recorded)
    }

    /// Says that all logs have been read through: a re-reading of damaged segments is over.
    pub async fn read_through(&mut self) -> Result<(), Error> {
        if self.rereading {
            self.transaction(async |db| meta::unset(db, "rereading").await).await?;
            self.rereading = false;
        }
        Ok(())
    }

    async fn leave_out_held(
        &mut self,
        days: &mut BTreeMap<UtcDay, Vec<Batch>>,
        recorded: &mut Recorded,
    ) -> Result<(), Error> {
        for (day, batches) in days.iter_mut() {
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

    /// Throws the derived tables away and makes them again, which takes the keys.
    ///
    /// # Errors
    /// [`Error::NoKeys`] in a workspace whose keys are not there.
    pub async fn rebuild(&mut self) -> Result<(), Error> {
        self.need_keys()?;
        self.transaction(async |db| {
            changes::read_again(db).await?;
            derived::clear(db).await
        })
        .await?;
        self.catch_up().await.map(|_| ())
    }

    /// A number that grows with every recorded commit.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Runs `work` in one transaction: all of it is on the disk when this returns Ok, none otherwise.
    pub(crate) async fn transaction<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, Error> {
        let home = self.home.clone();
        let mut tx = self.db.begin_with("BEGIN IMMEDIATE").await.map_err(|e| error(&home, e))?;
        let done = match work(&mut tx).await {
            Ok(value) => tx.commit().await.map(|()| value),
            Err(e) => {
                // The first error is the one to tell.
                let _second = tx.rollback().await;
                Err(e)
            }
        };
        if done.is_err() {
            // SQLite has rolled back by itself if the disk is full, and the connection does not know: a fresh one does.
            if let Ok(db) = database::connect(&home, database::Access::Write).await {
                self.db = db;
            }
        }
        done.map_err(|e| error(&home, e))
    }

    /// Moves what lies in the database's log into the database itself, and empties the log: a copy of the one file then has it
    /// all, and nothing hangs on a log of which SQLite drops everything behind one damaged byte. Waits for no reader; what
    /// fails here is neither lost nor wrong, and is done the next time.
    pub async fn settle(&mut self) {
        if !self.is_writer() || std::fs::metadata(home::log(&self.home)).map_or(0, |log| log.len()) == 0 {
            return;
        }
        for sql in ["PRAGMA busy_timeout = 0", "PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA busy_timeout = 5000"] {
            if let Err(e) = sqlx::query(sql).execute(&mut self.db).await {
                tracing::debug!("the log stays as it is: {e}");
            }
        }
    }
}

/// Takes away the days before `first`. Says whether damaged rows were found on the way whose logs are to be read again.
pub(crate) async fn expire(
    db: &mut SqliteConnection,
    device: DeviceId,
    ring: Option<&Keyring>,
    first: UtcDay,
) -> Result<bool, sqlx::Error> {
    if !changes::expire(db, first).await? {
        return Ok(false);
    }
    let damaged = derived::expire(db, ring, first).await?;
    quarantine(db, device, &damaged).await
}

/// Quarantines damaged rows. What was derived of them is made anew without them, and where they may have come from this
/// device's logs, these are read again from their start: says so. A chunk that is what its author wrote, and nothing
/// that anybody can read, has never been in a derived table: it is kept, and not read again.
pub(crate) async fn quarantine(
    db: &mut SqliteConnection,
    device: DeviceId,
    damaged: &Damaged,
) -> Result<bool, sqlx::Error> {
    let (mut is_lost, mut rereading) = (false, false);
    for (row, why) in damaged {
        let day = row.place.day;
        match why {
            Unread::Waits(_) => {}
            Unread::Damaged(reason) => {
                tracing::warn!(?day, reason, "a damaged part of a segment is quarantined");
                changes::quarantine(db, row, reason).await?;
                is_lost = true;
                rereading |= row.id().is_none() || row.place.device == device;
            }
            Unread::Broken(reason) => {
                tracing::warn!(?day, reason, author = %row.place.device, "a chunk holds nothing that can be read");
                changes::give_up(db, row, reason).await?;
            }
        }
    }
    if is_lost {
        derived::clear(db).await?;
    }
    if rereading {
        marks::clear(db).await?;
        meta::set(db, "rereading", &[1]).await?;
    }
    Ok(rereading)
}

/// First start: a device id, the retention, the time.
async fn begin(
    home: &Path,
    db: &mut SqliteConnection,
    retention: Retention,
    now: UtcMillis,
) -> Result<meta::Identity, Error> {
    let mut entropy = [0; 10];
    random(home, &mut entropy)?;
    let device = DeviceId::new(now.0.max(0) as u64, entropy);
    let time = TrustedTime::unproven();
    let fail = |e| error(home, e);
    let mut tx = db.begin_with("BEGIN IMMEDIATE").await.map_err(fail)?;
    meta::set(&mut tx, "device", &device.0).await.map_err(fail)?;
    meta::set(&mut tx, "retention", &u64::from(retention.days()).to_le_bytes()).await.map_err(fail)?;
    meta::set_time(&mut tx, time).await.map_err(fail)?;
    // The first start writes most of the history; it should not do the next day's work as well.
    meta::set(&mut tx, "sealed", &now.day().0.to_le_bytes()).await.map_err(fail)?;
    tx.commit().await.map_err(fail)?;
    Ok(meta::Identity { device, retention, time, workspace: None })
}

pub(crate) fn random(home: &Path, bytes: &mut [u8]) -> Result<(), Error> {
    getrandom::fill(bytes)
        .map_err(|e| Error::Home { path: home.to_owned(), source: std::io::Error::other(e.to_string()) })
}
