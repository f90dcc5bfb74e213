//! Taking in what is new: looked at in one step, written in another.

use std::collections::{BTreeMap, BTreeSet};

use aimon_core::batch::Figures;
use aimon_core::event::MessageId;
use aimon_core::history::index::Page;
use aimon_core::history::{Copy, DayCells, DayReadings, Gauges};
use aimon_core::time::UtcDay;
use aimon_ledger::ids::KeyId;
use sqlx::SqliteConnection;

use super::cells::store;
use super::facts::{GAUGES, PAGE_LIST, STALE, UPTO, listed_pages, put, put_days, read_gauges, upsert};
use super::fold::{Days, fold};
use super::pages::index;
use super::readings::{self, fold_readings};
use super::{Damaged, Pending, Reading, Tables, new};
use crate::changes::{self, Row, Unread};
use crate::checked;

/// What one step found out, before it is written.
#[derive(Default)]
pub(crate) struct Step {
    upto: i64,
    /// Rows that waited, and wait no more.
    waited: Vec<i64>,
    /// Rows whose key is not held.
    waiting: Vec<(i64, KeyId)>,
    /// Days that are still to be folded, where these are others than before.
    stale: Option<BTreeSet<UtcDay>>,
    pub(super) pages: BTreeMap<u16, Page>,
    /// Pairs of messages that several days hold.
    pub(crate) crossing: BTreeSet<(MessageId, UtcDay)>,
    /// Days whose cells are new.
    pub(crate) cells: BTreeMap<UtcDay, DayCells>,
    /// Days whose readings are new.
    pub(crate) readings: BTreeMap<UtcDay, DayReadings>,
    /// Newest answers, if they are new.
    pub(crate) gauges: Option<Gauges>,
    /// Rows that cannot be read.
    pub(crate) damaged: Damaged,
}

impl Step {
    /// The last change that it holds.
    pub(crate) fn upto(&self) -> i64 {
        self.upto
    }
}

/// Looks at what waited, and at the changes behind `upto`; `None` when there is nothing.
pub(crate) async fn step(
    db: &mut SqliteConnection,
    reading: &Reading<'_>,
    upto: i64,
    pending: &mut Pending,
) -> Result<Option<Step>, sqlx::Error> {
    let Reading { ring, joined, first, tables, .. } = *reading;
    let mut step = Step { upto, ..Step::default() };
    let (new, has_more) = next(db, reading.most, pending, &mut step).await?;
    let stale = std::mem::take(&mut pending.stale);
    if new.is_empty() && step.waited.is_empty() && stale.is_empty() {
        return Ok(None);
    }
    let new::New { rows, mut whole } = new::read(db, (ring, joined), new).await?;
    let Brought { pairs, mut answered, copies } = sort(db, tables, rows, &whole, &mut step).await?;
    let mut dirty: BTreeSet<UtcDay> = pairs.iter().map(|p| p.1).chain(stale.iter().copied()).collect();
    index(db, &mut step, &pairs, first, tables).await?;
    dirty.extend(step.crossing.iter().map(|c| c.1));
    dirty.retain(|d| *d >= first);
    answered.extend(stale.iter().copied());
    answered.retain(|d| *d >= first);
    // One that is here as a whole is summed already.
    whole.retain(|day, _| answered.contains(day));
    answered.retain(|day| !whole.contains_key(day));
    let later = if has_more { put_off(&mut dirty, &mut answered, &copies) } else { BTreeSet::new() };
    step.stale = (later != stale).then(|| later.clone());
    pending.stale = later;
    let known: BTreeSet<_> = step.crossing.clone();
    let of = Days { ring, days: &dirty, held: copies, known: &known, first };
    step.cells = fold(db, of, &mut step.damaged, DayCells::fold).await?;
    step.readings = fold_readings(db, (ring, joined), &answered, &mut step.damaged).await?;
    step.readings.append(&mut whole);
    Ok(Some(step))
}

/// The rows of one step: those that waited, as many as it takes, then those behind its last change. Whether more come behind them.
async fn next(
    db: &mut SqliteConnection,
    most: i64,
    pending: &mut Pending,
    step: &mut Step,
) -> Result<(Vec<Row>, bool), sqlx::Error> {
    let (mut new, mut bytes) = (Vec::new(), 0);
    while bytes < most
        && let Some(seq) = pending.rows.pop()
    {
        step.waited.push(seq);
        // What has gone since waits no more either.
        let row = changes::one(db, seq).await?;
        bytes = bytes.saturating_add(row.as_ref().map_or(0, |row| row.len() as i64));
        new.extend(row);
    }
    if !pending.rows.is_empty() {
        return Ok((new, true));
    }
    let behind = changes::after(db, step.upto, most).await?;
    step.upto = behind.last().map_or(step.upto, |row| row.seq);
    let has_more = behind.iter().map(Row::len).sum::<usize>() as i64 >= most;
    new.extend(behind);
    // One that waits again may not have been gone past yet.
    new.sort_unstable_by_key(|row| row.seq);
    new.dedup_by_key(|row| row.seq);
    Ok((new, has_more))
}

/// What new rows bring.
struct Brought {
    /// Messages, and the days that hold calls of them.
    pairs: Vec<(MessageId, UtcDay)>,
    /// Days of which providers said something.
    answered: BTreeSet<UtcDay>,
    /// The copies of calls of days that nothing else is held of.
    copies: BTreeMap<UtcDay, Vec<Copy>>,
}

/// Sorts what new rows say; those that can't be read, and the newest answers, are the step's.
async fn sort(
    db: &mut SqliteConnection,
    tables: Tables,
    rows: Vec<(Row, Result<Vec<Figures>, Unread>)>,
    whole: &BTreeMap<UtcDay, DayReadings>,
    step: &mut Step,
) -> Result<Brought, sqlx::Error> {
    let mut brought = Brought { pairs: Vec::new(), answered: BTreeSet::new(), copies: BTreeMap::new() };
    for (row, read) in rows {
        let all = match read {
            Ok(all) => all,
            Err(Unread::Waits(key)) => {
                step.waiting.push((row.seq, key));
                continue;
            }
            Err(why) => {
                step.damaged.push((row, why));
                continue;
            }
        };
        for figures in all {
            if !figures.gauges.is_empty() || !figures.unchanged.is_empty() {
                let held = match step.gauges.take() {
                    Some(held) => held,
                    None if tables == Tables::Used => read_gauges(db).await?,
                    None => Gauges::default(),
                };
                step.gauges.insert(held).absorb(&figures.gauges, &figures.unchanged);
            }
            let Some(day) = row.place.day else { continue };
            brought.pairs.extend(figures.records.iter().map(|r| (r.message, day)));
            brought.answered.extend(figures.has_buckets.then_some(day));
            if whole.contains_key(&day) {
                let of_day = brought.copies.entry(day).or_default();
                of_day.extend(figures.records.into_iter().map(|r| Copy::new(row.place.device, r)));
            }
        }
    }
    brought.pairs.sort_unstable();
    brought.pairs.dedup();
    Ok(brought)
}

/// A day that many steps bring something to is folded once, behind the last of them: takes those out that are not here as a whole.
fn put_off(
    dirty: &mut BTreeSet<UtcDay>,
    answered: &mut BTreeSet<UtcDay>,
    copies: &BTreeMap<UtcDay, Vec<Copy>>,
) -> BTreeSet<UtcDay> {
    let (now, mut later) = std::mem::take(dirty).into_iter().partition(|day| copies.contains_key(day));
    *dirty = now;
    later.append(answered);
    later
}

/// Writes what a step found out.
pub(crate) async fn write(db: &mut SqliteConnection, step: &Step) -> Result<(), sqlx::Error> {
    put(db, "upto", &checked::seal(UPTO, step.upto.to_le_bytes().to_vec())).await?;
    if let Some(stale) = &step.stale {
        put_days(db, "stale", STALE, stale).await?;
    }
    for seq in &step.waited {
        sqlx::query("DELETE FROM waiting WHERE seq = ?").bind(seq).execute(&mut *db).await?;
    }
    for (seq, key) in &step.waiting {
        let sql = "INSERT OR REPLACE INTO waiting (seq, key) VALUES (?, ?)";
        sqlx::query(sql).bind(seq).bind(key.0.as_slice()).execute(&mut *db).await?;
    }
    if let Some(gauges) = &step.gauges {
        put(db, "gauges", &checked::seal(GAUGES, gauges.encode())).await?;
    }
    let pages: Vec<(i64, Vec<u8>)> = step.pages.iter().map(|(n, p)| (i64::from(*n), p.encode())).collect();
    upsert(db, "INSERT OR REPLACE INTO pages (page, bytes) ", &pages).await?;
    let mut listed = listed_pages(db).await?;
    for number in step.pages.keys() {
        listed[usize::from(*number) / 8] |= 1 << (number % 8);
    }
    put(db, "pages", &checked::seal(PAGE_LIST, listed)).await?;
    store(db, &step.cells).await?;
    readings::store(db, &step.readings).await?;
    for (message, day) in &step.crossing {
        sqlx::query("INSERT OR IGNORE INTO crossing (message, day) VALUES (?, ?)")
            .bind(message.0.as_slice())
            .bind(day.0)
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}
