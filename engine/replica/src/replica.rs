//! Opening, and what all else stands on: transactions, the derived tables, quarantine.

use std::path::{Path, PathBuf};

use aimon_core::crypto::{Keyring, SecretKeys};
use aimon_core::ids::DeviceId;
use aimon_core::retention::{Retention, TrustedTime};
use aimon_core::segment::Pen;
use aimon_core::sync::{Client, Step};
use aimon_core::time::{UtcDay, UtcMillis};
use aimon_ledger::ids::WorkspaceId;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::watch;

use crate::changes::Unread;
use crate::database::{self, error};
use crate::derived::{Damaged, Tables};
use crate::{Error, changes, derived, home, marks, meta};

/// How to open a replica.
#[derive(Clone, Debug)]
pub struct Options {
    /// What time it is.
    pub now: UtcMillis,
    /// How many days to keep, at the very first start; 180 if `None`. Ignored later.
    pub retention_days: Option<u64>,
}

/// A durable replica.
#[derive(Debug)]
pub struct Replica {
    pub(crate) home: PathBuf,
    pub(crate) db: SqliteConnection,
    pub(crate) lock: Option<home::Lock>,
    pub(crate) device: DeviceId,
    pub(crate) retention: Retention,
    pub(crate) time: TrustedTime,
    pub(crate) workspace: Option<WorkspaceId>,
    /// This device's keys, once they are there.
    pub(crate) secret: Option<SecretKeys>,
    /// The keys of the workspace, as far as they are held.
    pub(crate) ring: Keyring,
    /// The sync machine, as far as the disk has what it knows.
    pub(crate) client: Option<Client>,
    /// Whether all that its relay, or the shared folder, holds is held here: as of the last that was heard of it.
    pub(crate) in_step: bool,
    /// Grows when it is loaded anew.
    pub(crate) session: u64,
    /// What it has to send and to tell since somebody asked last.
    pub(crate) pending: Step,
    /// Whether chunks came in that the derived tables were not brought up to date with.
    pub(crate) owes: bool,
    /// Whether the last reading would have shown more with keys that are not held.
    pub(crate) behind: bool,
    /// Where plaintext is written on.
    pub(crate) pen: Pen,
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
    pub async fn open_read(home: &Path) -> Result<Self, Error> {
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
            client: None,
            in_step: false,
            session: 0,
            pending: Step::default(),
            owes: false,
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
