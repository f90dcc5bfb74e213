//! The derived tables: cells by day, which messages cross days, newest gauges. They follow the
//! changes, and can be thrown away and made again at any time.
//!
//! `upto` is the last change that they hold. A writer moves it; a reader beside a writer that is
//! behind computes the same in memory and stores nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use aimon_core::event::MessageId;
use aimon_core::history::index::{PAGES, Page, page_of};
use aimon_core::history::{Copy, DayCells, Detail, Gauges};
use aimon_core::time::UtcDay;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use crate::changes::{self, Stored};

/// Grows when the derived tables' content or format changes; others are thrown away.
const VERSION: i64 = 1;

/// How many bytes of changes are taken in at once, so that memory stays bounded.
const STEP: i64 = 8 << 20;

/// What a row that cannot be read is called by.
pub(crate) type Damaged = Vec<(Stored, String)>;

/// What one step found out, before it is written.
#[derive(Default)]
pub(crate) struct Step {
    upto: i64,
    pages: BTreeMap<u16, Page>,
    crossing: BTreeSet<(MessageId, UtcDay)>,
    /// Days whose cells are new.
    pub(crate) cells: BTreeMap<UtcDay, DayCells>,
    /// Newest answers, if they are new.
    pub(crate) gauges: Option<Gauges>,
    /// Rows that cannot be read.
    pub(crate) damaged: Damaged,
}

/// The last change that the derived tables hold; 0 if they are of another version.
pub(crate) async fn upto(db: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    let version = number(db, "version").await?;
    if version == Some(VERSION) { Ok(number(db, "upto").await?.unwrap_or(0)) } else { Ok(0) }
}

async fn number(db: &mut SqliteConnection, key: &str) -> Result<Option<i64>, sqlx::Error> {
    let value: Option<Vec<u8>> =
        sqlx::query_scalar("SELECT value FROM derived WHERE key = ?").bind(key).fetch_optional(db).await?;
    Ok(value.and_then(|v| v.try_into().ok()).map(i64::from_le_bytes))
}

async fn put(db: &mut SqliteConnection, key: &str, value: &[u8]) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT OR REPLACE INTO derived (key, value) VALUES (?, ?)")
        .bind(key)
        .bind(value)
        .execute(db)
        .await
        .map(|_| ())
}

/// Throws everything derived away.
pub(crate) async fn clear(db: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    for sql in
        ["DELETE FROM derived", "DELETE FROM cells", "DELETE FROM hours", "DELETE FROM pages", "DELETE FROM crossing"]
    {
        sqlx::query(sql).execute(&mut *db).await?;
    }
    put(db, "version", &VERSION.to_le_bytes()).await
}

/// Whether the tables are of this version.
pub(crate) async fn is_current(db: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    Ok(number(db, "version").await? == Some(VERSION))
}

/// Looks at the changes behind `upto`; `None` when there are none.
pub(crate) async fn step(db: &mut SqliteConnection, upto: i64, first: UtcDay) -> Result<Option<Step>, sqlx::Error> {
    let new = changes::after(db, upto, STEP).await?;
    let Some(last) = new.last() else { return Ok(None) };
    let mut step = Step { upto: last.seq, ..Step::default() };
    let mut pairs: Vec<(MessageId, UtcDay)> = Vec::new();
    let mut gauges: Option<Gauges> = None;
    for row in new {
        match row.batches() {
            Ok(batches) => {
                for batch in batches {
                    pairs.extend(batch.records.iter().map(|r| (r.message, row.segment.day)));
                    if !batch.answers.is_empty() || !batch.unchanged.is_empty() {
                        let held = match gauges.take() {
                            Some(held) => held,
                            None => read_gauges(db).await?,
                        };
                        gauges.insert(held).absorb(&batch.answers, &batch.unchanged);
                    }
                }
            }
            Err(reason) => step.damaged.push((row, reason)),
        }
    }
    step.gauges = gauges;
    pairs.sort_unstable();
    pairs.dedup();
    let mut dirty: BTreeSet<UtcDay> = pairs.iter().map(|p| p.1).collect();
    index(db, &mut step, &pairs, first).await?;
    dirty.extend(step.crossing.iter().map(|c| c.1));
    dirty.retain(|d| *d >= first);
    let known: BTreeSet<_> = step.crossing.clone();
    step.cells = fold(db, &dirty, &known, first, &mut step.damaged, DayCells::fold).await?;
    Ok(Some(step))
}

/// Adds the pairs to the pages that hold them.
async fn index(
    db: &mut SqliteConnection,
    step: &mut Step,
    pairs: &[(MessageId, UtcDay)],
    first: UtcDay,
) -> Result<(), sqlx::Error> {
    let touched: BTreeSet<u16> = pairs.iter().map(|p| page_of(p.0)).collect();
    let mut held: HashMap<u16, Page> = HashMap::new();
    let rows: Vec<(i64, Vec<u8>)> = if touched.len() > usize::from(PAGES) / 4 {
        sqlx::query_as("SELECT page, bytes FROM pages").fetch_all(&mut *db).await?
    } else {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT page, bytes FROM pages WHERE page IN (");
        let mut list = query.separated(", ");
        for page in &touched {
            list.push(i64::from(*page));
        }
        list.push_unseparated(")");
        query.build_query_as().persistent(false).fetch_all(&mut *db).await?
    };
    for (page, bytes) in rows {
        // A page that cannot be read is derived: `doctor --rebuild` makes it again.
        held.insert(page as u16, Page::decode(&bytes).unwrap_or_default());
    }
    for some in pairs.chunk_by(|a, b| page_of(a.0) == page_of(b.0)) {
        let Some(pair) = some.first() else { continue };
        let number = page_of(pair.0);
        let mut page = held.remove(&number).unwrap_or_default();
        step.crossing.extend(page.add(some, first));
        step.pages.insert(number, page);
    }
    Ok(())
}

/// Folds days: for each, all that it holds and all copies that other days hold of its messages.
/// `known` are crossing pairs that are not in the table yet. Days before `first` are left out of
/// the set.
pub(crate) async fn fold<T>(
    db: &mut SqliteConnection,
    days: &BTreeSet<UtcDay>,
    known: &BTreeSet<(MessageId, UtcDay)>,
    first: UtcDay,
    damaged: &mut Damaged,
    make: impl Fn(UtcDay, &[Copy]) -> T,
) -> Result<BTreeMap<UtcDay, T>, sqlx::Error> {
    let mut crossing: HashMap<MessageId, BTreeSet<UtcDay>> = HashMap::new();
    for (message, day) in known {
        crossing.entry(*message).or_default().insert(*day);
    }
    for day in days {
        let rows: Vec<(Vec<u8>, i32)> = sqlx::query_as(
            "SELECT b.message, b.day FROM crossing a JOIN crossing b ON b.message = a.message WHERE a.day = ?",
        )
        .bind(day.0)
        .fetch_all(&mut *db)
        .await?;
        for (message, day) in rows {
            if let Ok(message) = message.try_into() {
                crossing.entry(MessageId(message)).or_default().insert(UtcDay(day));
            }
        }
    }
    // Copies that one of these days needs of another: collected once, whoever needs them.
    let others: BTreeSet<UtcDay> = crossing.values().flatten().copied().filter(|d| *d >= first).collect();
    let mut shared: HashMap<MessageId, Vec<(UtcDay, Copy)>> = HashMap::new();
    for day in others {
        for copy in copies(db, day, damaged).await? {
            if crossing.get(&copy.record.message).is_some_and(|d| d.contains(&day)) {
                shared.entry(copy.record.message).or_default().push((day, copy));
            }
        }
    }
    let mut out = BTreeMap::new();
    for day in days {
        let mut all = copies(db, *day, damaged).await?;
        let mut taken: HashSet<MessageId> = HashSet::new();
        for i in 0..all.len() {
            let message = all[i].record.message;
            if let Some(list) = shared.get(&message)
                && taken.insert(message)
            {
                all.extend(list.iter().filter(|(d, _)| d != day).map(|(_, c)| c.clone()));
            }
        }
        out.insert(*day, make(*day, &all));
    }
    Ok(out)
}

/// Everything that one day's segments hold of records.
pub(crate) async fn copies(
    db: &mut SqliteConnection,
    day: UtcDay,
    damaged: &mut Damaged,
) -> Result<Vec<Copy>, sqlx::Error> {
    let mut out = Vec::new();
    for row in changes::of_day(db, day).await? {
        match row.batches() {
            Ok(batches) => {
                let records = batches.into_iter().flat_map(|b| b.records);
                out.extend(records.map(|r| Copy::new(row.segment.device, r)));
            }
            Err(reason) if !damaged.iter().any(|(d, _)| d.seq == row.seq) => damaged.push((row, reason)),
            Err(_) => {}
        }
    }
    Ok(out)
}

/// Writes what a step found out.
pub(crate) async fn write(db: &mut SqliteConnection, step: &Step) -> Result<(), sqlx::Error> {
    put(db, "upto", &step.upto.to_le_bytes()).await?;
    if let Some(gauges) = &step.gauges {
        put(db, "gauges", &gauges.encode()).await?;
    }
    let pages: Vec<(i64, Vec<u8>)> = step.pages.iter().map(|(n, p)| (i64::from(*n), p.encode())).collect();
    upsert(db, "INSERT OR REPLACE INTO pages (page, bytes) ", &pages).await?;
    store(db, &step.cells).await?;
    for (message, day) in &step.crossing {
        sqlx::query("INSERT OR IGNORE INTO crossing (message, day) VALUES (?, ?)")
            .bind(message.0.as_slice())
            .bind(day.0)
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

async fn upsert(db: &mut SqliteConnection, head: &str, rows: &[(i64, Vec<u8>)]) -> Result<(), sqlx::Error> {
    for some in rows.chunks(1000) {
        let mut query = QueryBuilder::<Sqlite>::new(head);
        query.push_values(some, |mut row, (key, bytes)| {
            row.push_bind(*key).push_bind(bytes.as_slice());
        });
        query.build().persistent(false).execute(&mut *db).await?;
    }
    Ok(())
}

/// Takes expired days out; returns the days whose cells must be folded again, because a copy of one
/// of their messages has left the set.
pub(crate) async fn expire(db: &mut SqliteConnection, first: UtcDay) -> Result<(), sqlx::Error> {
    let again = crossed_by(db, first).await?;
    for sql in
        ["DELETE FROM cells WHERE day < ?", "DELETE FROM hours WHERE day < ?", "DELETE FROM crossing WHERE day < ?"]
    {
        sqlx::query(sql).bind(first.0).execute(&mut *db).await?;
    }
    let mut damaged = Damaged::new();
    let cells = fold(db, &again, &BTreeSet::new(), first, &mut damaged, DayCells::fold).await?;
    store(db, &cells).await
}

/// Writes days' cells in both details.
async fn store(db: &mut SqliteConnection, cells: &BTreeMap<UtcDay, DayCells>) -> Result<(), sqlx::Error> {
    let rows = |of: &dyn Fn(&DayCells) -> Vec<u8>| -> Vec<(i64, Vec<u8>)> {
        cells.iter().map(|(day, cells)| (i64::from(day.0), of(cells))).collect()
    };
    upsert(db, "INSERT OR REPLACE INTO cells (day, bytes) ", &rows(&DayCells::encode)).await?;
    upsert(db, "INSERT OR REPLACE INTO hours (day, bytes) ", &rows(&|c| c.by_hour().encode())).await
}

/// The days from `first` on that share a message with a day before it.
pub(crate) async fn crossed_by(db: &mut SqliteConnection, first: UtcDay) -> Result<BTreeSet<UtcDay>, sqlx::Error> {
    let days: Vec<i32> = sqlx::query_scalar(
        "SELECT DISTINCT b.day FROM crossing a JOIN crossing b ON b.message = a.message WHERE a.day < ? AND b.day >= ?",
    )
    .bind(first.0)
    .bind(first.0)
    .fetch_all(db)
    .await?;
    Ok(days.into_iter().map(UtcDay).collect())
}

/// The stored cells of a range of days, ascending.
pub(crate) async fn cells(
    db: &mut SqliteConnection,
    (from, to): (UtcDay, UtcDay),
    detail: Detail,
) -> Result<BTreeMap<UtcDay, DayCells>, sqlx::Error> {
    // One row for all: each row that is fetched wakes the thread that waits for it.
    let sql = match detail {
        Detail::Full => "SELECT group_concat(day || ' ' || hex(bytes)) FROM cells WHERE day BETWEEN ? AND ?",
        Detail::Hours => "SELECT group_concat(day || ' ' || hex(bytes)) FROM hours WHERE day BETWEEN ? AND ?",
    };
    let text: Option<String> = sqlx::query_scalar(sql).bind(from.0).bind(to.0).fetch_one(&mut *db).await?;
    let rows = text.as_deref().unwrap_or_default().split_terminator(',').filter_map(|row| {
        let (day, bytes) = row.split_once(' ')?;
        Some((day.parse::<i32>().ok()?, unhex(bytes)?))
    });
    let mut out = BTreeMap::new();
    let mut unreadable = BTreeSet::new();
    for (day, bytes) in rows {
        match DayCells::decode(UtcDay(day), &bytes) {
            Ok(cells) => {
                out.insert(UtcDay(day), cells);
            }
            Err(_) => {
                unreadable.insert(UtcDay(day));
            }
        }
    }
    // Derived bytes that cannot be read are made again from the events.
    let mut damaged = Damaged::new();
    out.extend(fold(db, &unreadable, &BTreeSet::new(), from, &mut damaged, DayCells::fold).await?);
    Ok(out)
}

/// The stored newest gauges.
pub(crate) async fn read_gauges(db: &mut SqliteConnection) -> Result<Gauges, sqlx::Error> {
    let bytes: Option<Vec<u8>> =
        sqlx::query_scalar("SELECT value FROM derived WHERE key = 'gauges'").fetch_optional(db).await?;
    Ok(bytes.and_then(|b| Gauges::decode(&b).ok()).unwrap_or_default())
}

impl Step {
    /// The last change that it holds.
    pub(crate) fn upto(&self) -> i64 {
        self.upto
    }
}

/// The inverse of SQLite's `hex`.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |c: u8| match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'A'..=b'F' => Some(c - b'A' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}
