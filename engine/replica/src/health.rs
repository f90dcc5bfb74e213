//! What `aimon doctor` asks a replica.

use aimon_core::time::{UtcDay, UtcMillis};

use crate::changes::Unread;
use crate::{Error, Replica, changes, database, derived};

/// A part of a segment that cannot be read, kept as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// Its day; settings have none.
    pub day: Option<UtcDay>,
    /// Its size in bytes.
    pub bytes: u64,
    /// Why it cannot be read.
    pub reason: String,
}

/// The state of a replica.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// How many segments there are.
    pub segments: u64,
    /// How many rows they rest in.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The first and the last day that have events.
    pub days: Option<(UtcDay, UtcDay)>,
    /// Records that are held, copies included.
    pub records: u64,
    /// Answers that are held.
    pub answers: u64,
    /// Whether there is a workspace, and this process was not given the device's keys.
    pub locked: bool,
    /// Chunks whose key is not held: they show nothing until it is.
    pub waiting: u64,
    /// Chunks of devices that were revoked, and that nobody has listed: kept, and counted nowhere.
    pub set_aside: u64,
    /// What cannot be read.
    pub quarantined: Vec<Quarantined>,
    /// Whether damaged segments wait for their logs to be read again.
    pub rereading: bool,
    /// A clock that is more than two days ahead of what is trusted, and the trusted time: no day
    /// expires until it is vouched for.
    pub doubted_clock: Option<(UtcMillis, UtcMillis)>,
    /// What SQLite's own check finds wrong with the file.
    pub database: Vec<String>,
}

impl Replica {
    /// Reads everything and says what state it is in.
    pub async fn health(&mut self) -> Result<Health, Error> {
        let home = self.home.clone();
        let fail = |e| database::error(&home, e);
        if self.may_fold()
            && let Err(e) = self.sound_tables().await
        {
            self.mend(e).await?;
            self.sound_tables().await?;
        }
        let mut health = Health::default();
        let check: Vec<String> =
            sqlx::query_scalar("PRAGMA quick_check").fetch_all(&mut self.db).await.map_err(fail)?;
        health.database = check.into_iter().filter(|line| line != "ok").collect();
        for segment in changes::segments(&mut self.db).await.map_err(fail)? {
            health.segments += 1;
            health.rows += segment.rows;
            health.bytes += segment.bytes;
            let ends = |day: UtcDay| health.days.map_or((day, day), |(a, b)| (day.min(a), day.max(b)));
            health.days = segment.place.day.map(ends).or(health.days);
        }
        health.locked = self.is_locked();
        health.set_aside = changes::set_aside(&mut self.db).await.map_err(fail)?;
        let mut damaged = Vec::new();
        let mut rows = changes::dayless(&mut self.db).await.map_err(fail)?;
        let mut days = match health.days {
            Some(range) => changes::days(&mut self.db, range).await.map_err(fail)?,
            None => Vec::new(),
        };
        loop {
            for row in rows {
                match row.batches(&self.ring) {
                    Ok(batches) => {
                        health.records += batches.iter().map(|b| b.records.len() as u64).sum::<u64>();
                        health.answers += batches.iter().map(|b| b.answers.len() as u64).sum::<u64>();
                    }
                    Err(Unread::Waits(_)) => health.waiting += 1,
                    Err(why) => damaged.push((row, why)),
                }
            }
            let Some(day) = days.pop() else { break };
            rows = changes::of_day(&mut self.db, day).await.map_err(fail)?;
        }
        if self.may_fold() && !damaged.is_empty() {
            self.set_aside(&damaged).await?;
            damaged.clear();
        }
        let rows = changes::unreadable(&mut self.db).await.map_err(fail)?;
        let found = damaged.into_iter().map(|(row, why)| (row.place.day, row.len() as u64, why.to_string()));
        health.quarantined =
            rows.into_iter().chain(found).map(|(day, bytes, reason)| Quarantined { day, bytes, reason }).collect();
        health.rereading = crate::meta::get(&mut self.db, "rereading").await.map_err(fail)?.is_some();
        health.doubted_clock = self.time.doubted.map(|d| (d, self.time.until));
        Ok(health)
    }

    /// Brings the derived tables up to date and looks at all of them.
    async fn sound_tables(&mut self) -> Result<(), Error> {
        self.catch_up().await?;
        derived::check(&mut self.db).await.map_err(|e| database::error(&self.home, e))
    }
}
