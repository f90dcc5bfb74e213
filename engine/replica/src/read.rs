//! Reading: cells, copies, answers, gauges.
//!
//! A read that meets something damaged has it mended (a derived table is thrown away, a row is quarantined), and reads once
//! more.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use aimon_core::batch::{About, BatchHash};
use aimon_core::event::MessageId;
use aimon_core::history::answers::{self, Standing};
use aimon_core::history::{Copy, DayCells, DayReadings, Detail, Gauges, standing};
use aimon_core::time::UtcDay;

use crate::changes::{Unread, read_all};
use crate::clear::Which;
use crate::database::error;
use crate::derived::{Damaged, Days, Reading, Tables};
use crate::replica::quarantine;
use crate::{Error, Replica, changes, checked, derived, meta};

/// What is newer than the derived tables, to a reader that may not write them.
#[derive(Default)]
pub(crate) struct Overlay {
    cells: BTreeMap<UtcDay, DayCells>,
    readings: BTreeMap<UtcDay, DayReadings>,
    gauges: Option<Gauges>,
    crossing: BTreeSet<(MessageId, UtcDay)>,
}

impl Overlay {
    /// The days from `first` on that share a message with a day before it.
    fn crossed_by(&self, first: UtcDay) -> impl Iterator<Item = UtcDay> {
        let before: HashSet<MessageId> =
            self.crossing.iter().filter(|(_, day)| *day < first).map(|(m, _)| *m).collect();
        self.crossing.iter().filter(move |(m, day)| *day >= first && before.contains(m)).map(|(_, day)| *day)
    }
}

/// Copies of one day in the order in which they are listed.
fn in_order(mut copies: Vec<Copy>) -> Vec<Copy> {
    copies.sort_by_key(|c| (c.record.time, c.record.message, c.record.request));
    copies
}

/// A read, and what it meets.
#[derive(Default)]
struct Attempt {
    damaged: Damaged,
    /// Once is enough: what is damaged again at once is not mended by another try.
    mended: bool,
}

/// Reads one state of the database; once more if something had to be mended on the way. A macro, since a closure's future
/// would not be `Send` for every borrow.
macro_rules! soundly {
    ($replica:ident, $damaged:ident => $read:expr) => {{
        let mut attempt = Attempt::default();
        loop {
            $replica.snapshot(true).await?;
            let $damaged = &mut attempt.damaged;
            let done = $read.await;
            if let Some(found) = $replica.mended(done, &mut attempt).await? {
                break Ok(found);
            }
        }
    }};
}

impl Replica {
    /// The cells of the kept days in a range, ascending. `as_of` is the day that counts as today:
    /// what is older than the retention leaves the set before the fold.
    /// Days come in the detail asked for, or finer.
    pub async fn history(
        &mut self,
        days: (UtcDay, UtcDay),
        as_of: UtcDay,
        detail: Detail,
    ) -> Result<Vec<DayCells>, Error> {
        soundly!(self, damaged => self.history_of(days, as_of, detail, damaged))
    }

    async fn history_of(
        &mut self,
        days: (UtcDay, UtcDay),
        as_of: UtcDay,
        detail: Detail,
        damaged: &mut Damaged,
    ) -> Result<Vec<DayCells>, Error> {
        let first = self.retention.first_day(as_of);
        let range = (days.0.max(first), days.1);
        let overlay = self.catch_up().await?;
        let home = self.home.clone();
        let fail = |e| error(&home, e);
        let (mut cells, mut again) = match self.tables {
            Tables::Ignored => Default::default(),
            Tables::Used => (
                derived::cells(&mut self.db, range, detail).await.map_err(fail)?,
                derived::crossed_by(&mut self.db, first).await.map_err(fail)?,
            ),
        };
        again.extend(overlay.crossed_by(first));
        cells.extend(overlay.cells.into_iter().filter(|(d, _)| *d >= range.0 && *d <= range.1));
        if self.is_locked() {
            self.in_clear(Which::New, first).await?.add_to(&mut cells, range, detail);
        }
        // Days that share a call with a day that is held but not kept as of `as_of`.
        again.retain(|d| *d >= range.0 && *d <= range.1);
        if !again.is_empty() && self.is_locked() {
            self.behind = true;
        } else if !again.is_empty() {
            let known = &overlay.crossing;
            let of = Days::unread(&self.ring, &again, known, first);
            let folded = derived::fold(&mut self.db, of, damaged, DayCells::fold).await;
            cells.extend(folded.map_err(fail)?);
        }
        Ok(cells.into_values().filter(|c| !c.cells.is_empty()).collect())
    }

    /// The records that stand in a range of days.
    pub async fn copies(&mut self, days: (UtcDay, UtcDay), as_of: UtcDay) -> Result<Vec<Copy>, Error> {
        soundly!(self, damaged => self.copies_of(days, as_of, damaged))
    }

    async fn copies_of(
        &mut self,
        days: (UtcDay, UtcDay),
        as_of: UtcDay,
        damaged: &mut Damaged,
    ) -> Result<Vec<Copy>, Error> {
        let first = self.retention.first_day(as_of);
        let overlay = self.catch_up().await?;
        let home = self.home.clone();
        let fail = |e| error(&home, e);
        let range = (days.0.max(first), days.1);
        if self.is_locked() {
            // What the tables' figures are made of can't be read.
            self.behind = true;
            let mut clear = self.in_clear(Which::All, first).await?;
            clear.days.retain(|day, _| *day >= range.0 && *day <= range.1);
            return Ok(clear.days.into_values().flat_map(in_order).collect());
        }
        let held: BTreeSet<UtcDay> = changes::days(&mut self.db, range).await.map_err(fail)?.into_iter().collect();
        let known = &overlay.crossing;
        let of = Days::unread(&self.ring, &held, known, first);
        let folded = derived::fold(&mut self.db, of, damaged, |day, copies: &[Copy]| {
            in_order(standing(copies).into_iter().filter(|c| c.record.time.day() == day).cloned().collect())
        });
        Ok(folded.await.map_err(fail)?.into_values().flatten().collect())
    }

    /// The days in a range that hold something, ascending.
    pub async fn days(&mut self, range: (UtcDay, UtcDay)) -> Result<Vec<UtcDay>, Error> {
        let range = (range.0.max(self.first_day()), range.1);
        changes::days(&mut self.db, range).await.map_err(|e| error(&self.home, e))
    }

    /// The answers of one day that stand, gauges included.
    pub async fn answers(&mut self, day: UtcDay) -> Result<Vec<Standing>, Error> {
        self.answers_about(day, &|_, _, _| true).await
    }

    /// The same of some accounts, metrics and buckets. All of a day may be a hundred thousand.
    pub async fn answers_about(&mut self, day: UtcDay, is_meant: About<'_>) -> Result<Vec<Standing>, Error> {
        soundly!(self, damaged => self.answers_of(day, is_meant, damaged))
    }

    async fn answers_of(
        &mut self,
        day: UtcDay,
        is_meant: About<'_>,
        damaged: &mut Damaged,
    ) -> Result<Vec<Standing>, Error> {
        let rows = changes::of_day(&mut self.db, day).await.map_err(|e| error(&self.home, e))?;
        let (mut answers, mut notes) = (Vec::new(), Vec::new());
        self.behind = false;
        let read = read_all(&rows, |row| {
            let said = row.said(&self.ring)?;
            Ok(said.into_iter().map(|said| said.about(is_meant)).collect::<Vec<_>>())
        });
        for (row, read) in rows.into_iter().zip(read) {
            match read {
                Ok(said) => said.into_iter().for_each(|(some, about)| {
                    answers.extend(some);
                    notes.extend(about);
                }),
                Err(Unread::Waits(_)) => self.behind = true,
                Err(why) => damaged.push((row, why)),
            }
        }
        Ok(answers::standing(answers, notes).0.into_values().collect())
    }

    /// What counts of what providers said on the kept days in a range, ascending. `as_of` is the day that counts as today.
    pub async fn readings(&mut self, days: (UtcDay, UtcDay), as_of: UtcDay) -> Result<Vec<DayReadings>, Error> {
        soundly!(self, _damaged => self.readings_of(days, as_of))
    }

    async fn readings_of(&mut self, days: (UtcDay, UtcDay), as_of: UtcDay) -> Result<Vec<DayReadings>, Error> {
        let range = (days.0.max(self.retention.first_day(as_of)), days.1);
        let overlay = self.catch_up().await?;
        let mut readings = match self.tables {
            Tables::Ignored => BTreeMap::new(),
            Tables::Used => derived::readings(&mut self.db, range).await.map_err(|e| error(&self.home, e))?,
        };
        readings.extend(overlay.readings.into_iter().filter(|(day, _)| *day >= range.0 && *day <= range.1));
        // Which answer counts is for whoever can read all of the day: what rests in clear waits for the keys.
        if self.is_locked() && self.in_clear(Which::New, range.0).await?.says_more() {
            self.behind = true;
        }
        Ok(readings.into_values().filter(|day| !day.is_empty()).collect())
    }

    /// The newest answer of each gauge.
    pub async fn gauges(&mut self) -> Result<Vec<Standing>, Error> {
        soundly!(self, _damaged => self.gauges_of())
    }

    async fn gauges_of(&mut self) -> Result<Vec<Standing>, Error> {
        let home = self.home.clone();
        let fail = |e| error(&home, e);
        let overlay = self.catch_up().await?;
        let mut gauges = match overlay.gauges {
            Some(gauges) => gauges,
            None if self.tables == Tables::Ignored => Gauges::default(),
            None => derived::read_gauges(&mut self.db).await.map_err(fail)?,
        };
        if self.is_locked() {
            let first = self.first_day();
            self.in_clear(Which::New, first).await?.absorbed_by(&mut gauges);
        }
        Ok(gauges.all().cloned().collect())
    }

    /// All that gauges said on the kept days in a range, each answer with when it was last seen: how a gauge came to where it is.
    pub async fn gauge_series(&mut self, days: (UtcDay, UtcDay)) -> Result<Vec<Standing>, Error> {
        soundly!(self, damaged => self.gauge_series_of(days, damaged))
    }

    async fn gauge_series_of(&mut self, days: (UtcDay, UtcDay), damaged: &mut Damaged) -> Result<Vec<Standing>, Error> {
        let home = self.home.clone();
        let fail = |e| error(&home, e);
        let range = (days.0.max(self.first_day()), days.1);
        self.behind = false;
        let mut series = Vec::new();
        for day in changes::days(&mut self.db, range).await.map_err(fail)? {
            let rows = changes::of_day(&mut self.db, day).await.map_err(fail)?;
            let (mut answers, mut notes) = (Vec::new(), Vec::new());
            let read = read_all(&rows, |row| row.figures(&self.ring));
            for (row, read) in rows.into_iter().zip(read) {
                match read {
                    Ok(batches) => batches.into_iter().for_each(|batch| {
                        answers.extend(batch.gauges);
                        notes.extend(batch.unchanged);
                    }),
                    Err(Unread::Waits(_)) => self.behind = true,
                    Err(why) => damaged.push((row, why)),
                }
            }
            series.extend(answers::standing(answers, notes).0.into_values());
        }
        Ok(series)
    }

    /// Ends a read: its result, or `None` where something turned out to be damaged and was mended, so that it is to be read
    /// again.
    async fn mended<T>(&mut self, done: Result<T, Error>, attempt: &mut Attempt) -> Result<Option<T>, Error> {
        let damaged = std::mem::take(&mut attempt.damaged);
        let is_last = attempt.mended;
        attempt.mended = true;
        match done {
            Err(e) if is_last => return Err(e),
            Err(e) => self.mend(e).await?,
            Ok(_) if !is_last && self.may_fold() && !damaged.is_empty() => self.set_aside(&damaged).await?,
            Ok(found) => {
                self.snapshot(false).await?;
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Quarantines damaged rows.
    pub(crate) async fn set_aside(&mut self, damaged: &Damaged) -> Result<(), Error> {
        let device = self.device;
        self.rereading |= self.transaction(async |db| quarantine(db, device, damaged).await).await?;
        if damaged.iter().any(|(row, why)| row.id().is_some() && matches!(why, Unread::Damaged(_))) {
            // The sync machine takes it for held.
            self.client = None;
            self.session += 1;
        }
        Ok(())
    }

    /// Where an error says that a derived table is damaged: a writer throws them all away, to be made again, a reader, and
    /// who has no keys to make them again with, goes on without them. Any other error is given back.
    pub(crate) async fn mend(&mut self, error: Error) -> Result<(), Error> {
        if !checked::is_broken(&error) {
            return Err(error);
        }
        tracing::warn!("a derived table is damaged; it is made again from the events");
        self.snapshot(false).await?;
        match self.may_fold() {
            true => self.transaction(async |db| derived::clear(db).await).await?,
            false => self.tables = Tables::Ignored,
        }
        Ok(())
    }

    /// Lets a reader see one state of the database throughout, while a writer goes on beside it.
    async fn snapshot(&mut self, begin: bool) -> Result<(), Error> {
        if self.is_writer() {
            return Ok(());
        }
        // A query that failed may have left its transaction open.
        let sql = if begin { "BEGIN" } else { "END" };
        match sqlx::query(sql).execute(&mut self.db).await {
            Err(e) if begin && e.as_database_error().is_none() => Err(error(&self.home, e)),
            _ => Ok(()),
        }
    }

    /// Brings the derived tables up to date. A reader stores nothing and gets what is new back. Without the keys of a
    /// workspace the tables are what they are, and what rests in clear comes on top of them ([`Replica::in_clear`]).
    pub(crate) async fn catch_up(&mut self) -> Result<Overlay, Error> {
        match self.catch_up_as(self.is_writer()).await {
            // What can't be stored can be shown all the same, as a reader would.
            Err(Error::Full(_)) if self.is_writer() => self.catch_up_as(false).await,
            done => done,
        }
    }

    async fn catch_up_as(&mut self, stores: bool) -> Result<Overlay, Error> {
        let home = self.home.clone();
        let fail = |e| error(&home, e);
        if !self.is_writer() {
            // Whoever writes may have made a workspace since.
            let workspace = meta::get(&mut self.db, "workspace").await.map_err(fail)?;
            self.workspace = workspace.and_then(|id| id.try_into().ok()).map(aimon_ledger::ids::WorkspaceId);
        }
        let mut overlay = Overlay::default();
        if !derived::is_current(&mut self.db).await.map_err(fail)? {
            match stores && self.may_fold() {
                true => self.transaction(async |db| derived::clear(db).await).await?,
                // Another version's tables say nothing to this one.
                false => self.tables = Tables::Ignored,
            }
        }
        let from = match self.tables {
            Tables::Used => derived::upto(&mut self.db).await.map_err(fail)?,
            Tables::Ignored => 0,
        };
        if self.is_locked() {
            self.behind = !derived::is_even(&mut self.db, from).await.map_err(fail)?;
            return Ok(overlay);
        }
        self.behind = false;
        // What a step adds to the index the next one finds in the tables: a reader, who stores nothing,
        // takes all at once.
        let most = if stores { derived::STEP } else { i64::MAX };
        let (first, tables) = (self.first_day(), self.tables);
        let (mut upto, mut pending) = (from, derived::Pending::default());
        if tables == Tables::Used {
            pending = derived::pending(&mut self.db, &self.ring).await.map_err(fail)?;
        }
        let accounts = derived::current(&mut self.db, &self.ring, tables == Tables::Used).await.map_err(fail)?;
        if accounts.is_news && tables == Tables::Used {
            pending.stale.extend(derived::joined_otherwise(&mut self.db, &accounts).await.map_err(fail)?);
            if stores {
                self.transaction(async |db| derived::join(db, &accounts, &pending).await).await?;
            }
        }
        loop {
            let reading = Reading { ring: &self.ring, joined: &accounts.joined, first, most, tables };
            let Some(step) = derived::step(&mut self.db, &reading, upto, &mut pending).await.map_err(fail)? else {
                break;
            };
            upto = step.upto();
            if stores && !step.damaged.is_empty() {
                self.set_aside(&step.damaged).await?;
                upto = derived::upto(&mut self.db).await.map_err(fail)?;
                pending = derived::pending(&mut self.db, &self.ring).await.map_err(fail)?;
            } else if stores {
                self.transaction(async |db| derived::write(db, &step).await).await?;
            } else {
                overlay.cells.extend(step.cells);
                overlay.readings.extend(step.readings);
                overlay.gauges = step.gauges.or(overlay.gauges);
                overlay.crossing.extend(step.crossing);
            }
        }
        Ok(overlay)
    }

    /// The batches of all devices' settings that can be read, each with its hash, in no particular order.
    pub async fn settings_batches(&mut self) -> Result<Vec<(BatchHash, Vec<u8>)>, Error> {
        soundly!(self, damaged => self.settings_of(damaged))
    }

    async fn settings_of(&mut self, damaged: &mut Damaged) -> Result<Vec<(BatchHash, Vec<u8>)>, Error> {
        self.behind = false;
        let mut batches = Vec::new();
        for row in changes::dayless(&mut self.db).await.map_err(|e| error(&self.home, e))? {
            match row.values(&self.ring) {
                Ok(values) => batches.extend(values.into_iter().map(|batch| (BatchHash::of(&batch), batch))),
                Err(Unread::Waits(_)) => self.behind = true,
                Err(why) => damaged.push((row, why)),
            }
        }
        Ok(batches)
    }
}
