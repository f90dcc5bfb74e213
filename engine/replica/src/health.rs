//! What `aimon doctor` asks a replica.

use aimon_core::time::{UtcDay, UtcMillis};

use crate::{Error, Replica, changes, database, derived, replica};

/// A part of a segment that cannot be read, kept as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// Its day.
    pub day: UtcDay,
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
        if self.is_writer()
            && let Err(e) = self.sound_tables().await
        {
            self.mend(e).await?;
            self.sound_tables().await?;
        }
        let mut health = Health::default();
        let check: Vec<String> =
            sqlx::query_scalar("PRAGMA quick_check").fetch_all(&mut self.db).await.map_err(fail)?;
        health.database = check.into_iter().filter(|line| line != "ok").collect();
        for (id, rows, bytes) in changes::segments(&mut self.db).await.map_err(fail)? {
            health.segments += 1;
            health.rows += rows.unsigned_abs();
            health.bytes += bytes.unsigned_abs();
            health.days = Some(health.days.map_or((id.day, id.day), |(a, b)| (a.min(id.day), b.max(id.day))));
        }
        let mut damaged = Vec::new();
        if let Some((from, to)) = health.days {
            for day in changes::days(&mut self.db, (from, to)).await.map_err(fail)? {
                for row in changes::of_day(&mut self.db, day).await.map_err(fail)? {
                    match row.batches() {
                        Ok(batches) => {
                            health.records += batches.iter().map(|b| b.records.len() as u64).sum::<u64>();
                            health.answers += batches.iter().map(|b| b.answers.len() as u64).sum::<u64>();
                        }
                        Err(reason) => damaged.push((row, reason)),
                    }
                }
            }
        }
        if self.is_writer() && !damaged.is_empty() {
            self.transaction(async |db| replica::quarantine(db, &damaged).await).await?;
            self.rereading = true;
        }
        let rows: Vec<(i32, i64, String)> =
            sqlx::query_as("SELECT day, LENGTH(bytes), reason FROM quarantine ORDER BY day, seq")
                .fetch_all(&mut self.db)
                .await
                .map_err(fail)?;
        health.quarantined = rows
            .into_iter()
            .map(|(day, bytes, reason)| Quarantined { day: UtcDay(day), bytes: bytes.unsigned_abs(), reason })
            .collect();
        if !self.is_writer() {
            health.quarantined.extend(damaged.into_iter().map(|(row, reason)| Quarantined {
                day: row.segment.day,
                bytes: row.bytes.len() as u64,
                reason,
            }));
        }
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
