//! The derived tables: cells by day, which messages cross days, newest gauges. They follow the
//! changes, and can be thrown away and made again at any time.
//!
//! `upto` is the last change that they hold. A writer moves it; a reader beside a writer that is
//! behind computes the same in memory and stores nothing. What they have gone past without holding it
//! stands in `waiting`: chunks whose key is not held, and such as have come to count again.
//!
//! To fold a day takes the keys of all that it holds. Without them the tables stay as they are: a day whose figures would
//! change by what expires is noted as stale, and folded anew once the keys are there.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use aimon_core::crypto::Keyring;
use aimon_core::event::MessageId;
use aimon_core::history::index::{FRESH, FRESH_PAIRS, PAGES, Page, page_of};
use aimon_core::history::{Copy, DayCells, Detail, Gauges};
use aimon_core::time::UtcDay;
use aimon_ledger::ids::KeyId;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use crate::changes::{self, Row, Unread};
use crate::checked;

/// Grows when the derived tables' content or format changes, or when more batches can be read; others are
/// thrown away.
const VERSION: i64 = 4 + 256 * aimon_core::batch::VERSION as i64;

/// How many bytes of changes a writer takes in at once, so that memory stays bounded.
pub(crate) const STEP: i64 = 8 << 20;

/// What a row that cannot be read is called by.
pub(crate) type Damaged = Vec<(Row, Unread)>;

/// Whether the derived tables are read, or everything is made of the events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tables {
    Used,
    Ignored,
}

/// How changes are read.
pub(crate) struct Reading<'k> {
    pub(crate) ring: &'k Keyring,
    /// Days before it are left out of the set.
    pub(crate) first: UtcDay,
    /// How many bytes of changes one step takes in.
    pub(crate) most: i64,
    pub(crate) tables: Tables,
}

/// What is to be taken in beside the changes behind `upto`.
#[derive(Default)]
pub(crate) struct Pending {
    /// Rows that waited.
    rows: Vec<i64>,
    /// Days that are to be folded anew.
    stale: BTreeSet<UtcDay>,
}

/// What one step found out, before it is written.
#[derive(Default)]
pub(crate) struct Step {
    upto: i64,
    /// Rows that waited, and wait no more.
    waited: Vec<i64>,
    /// Rows whose key is not held.
    waiting: Vec<(i64, KeyId)>,
    /// Whether days were stale, and are not any more.
    refolded: bool,
    pages: BTreeMap<u16, Page>,
    /// Pairs of messages that several days hold.
    pub(crate) crossing: BTreeSet<(MessageId, UtcDay)>,
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
    let stored: Option<Vec<u8>> =
        sqlx::query_scalar("SELECT value FROM derived WHERE key = 'upto'").fetch_optional(db).await?;
    match stored {
        Some(stored) if version == Some(VERSION) => {
            let bytes = checked::open(UPTO, &stored)?.try_into();
            Ok(bytes.map_or(0, i64::from_le_bytes))
        }
        _ => Ok(0),
    }
}

/// Under which number the last change that the tables hold has its checksum, and the gauges, and the lists of rows theirs.
const UPTO: i64 = 1;
const GAUGES: i64 = 2;
const DAYS: i64 = 3;
const PAGE_LIST: i64 = 4;
const STALE: i64 = 5;

/// Looks at every checksum.
pub(crate) async fn check(db: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    upto(db).await?;
    read_gauges(db).await?;
    get_days(db, "stale", STALE).await?;
    for detail in [Detail::Full, Detail::Hours] {
        cells(db, (UtcDay(i32::MIN), UtcDay(i32::MAX)), detail).await?;
    }
    pages(db, &(0..=PAGES).collect(), Tables::Used).await?;
    Ok(())
}

/// The days that `cells` and `hours` have. A row that is not found is no damage that its checksum could show: one flipped
/// bit further up in a table's tree hides rows.
async fn listed_days(db: &mut SqliteConnection) -> Result<BTreeSet<UtcDay>, sqlx::Error> {
    get_days(db, "days", DAYS).await
}

async fn list_days(db: &mut SqliteConnection, days: &BTreeSet<UtcDay>) -> Result<(), sqlx::Error> {
    put_days(db, "days", DAYS, days).await
}

async fn get_days(db: &mut SqliteConnection, key: &str, number: i64) -> Result<BTreeSet<UtcDay>, sqlx::Error> {
    let bytes = get(db, key, number).await?;
    let number = |bytes: &[u8; 4]| i32::from_le_bytes(*bytes);
    let (ends, _) = bytes.as_chunks::<4>();
    let (ranges, _) = ends.as_chunks::<2>();
    Ok(ranges.iter().flat_map(|[from, to]| number(from)..=number(to)).map(UtcDay).collect())
}

/// Writes a list of days as ranges: days follow each other.
async fn put_days(
    db: &mut SqliteConnection,
    key: &str,
    number: i64,
    days: &BTreeSet<UtcDay>,
) -> Result<(), sqlx::Error> {
    let mut ranges: Vec<(i32, i32)> = Vec::new();
    for day in days {
        match ranges.last_mut() {
            Some((_, to)) if to.checked_add(1) == Some(day.0) => *to = day.0,
            _ => ranges.push((day.0, day.0)),
        }
    }
    let bytes = ranges.into_iter().flat_map(|(from, to)| [from.to_le_bytes(), to.to_le_bytes()].concat()).collect();
    put(db, key, &checked::seal(number, bytes)).await
}

/// The pages that there are, a bit each.
async fn listed_pages(db: &mut SqliteConnection) -> Result<Vec<u8>, sqlx::Error> {
    let mut bits = get(db, "pages", PAGE_LIST).await?;
    bits.resize(usize::from(PAGES) / 8 + 1, 0);
    Ok(bits)
}

/// What is stored under a key; nothing before it was first written.
async fn get(db: &mut SqliteConnection, key: &str, number: i64) -> Result<Vec<u8>, sqlx::Error> {
    let bytes: Option<Vec<u8>> =
        sqlx::query_scalar("SELECT value FROM derived WHERE key = ?").bind(key).fetch_optional(db).await?;
    match bytes {
        Some(bytes) => checked::open(number, &bytes).map(<[u8]>::to_vec),
        None => Ok(Vec::new()),
    }
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
    for sql in [
        "DELETE FROM derived",
        "DELETE FROM cells",
        "DELETE FROM hours",
        "DELETE FROM pages",
        "DELETE FROM crossing",
        "DELETE FROM waiting",
    ] {
        sqlx::query(sql).execute(&mut *db).await?;
    }
    put(db, "version", &VERSION.to_le_bytes()).await
}

/// Whether the tables are of this version.
pub(crate) async fn is_current(db: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    Ok(number(db, "version").await? == Some(VERSION))
}

/// What waits and can be taken in with these keys.
pub(crate) async fn pending(db: &mut SqliteConnection, ring: &Keyring) -> Result<Pending, sqlx::Error> {
    let rows: Vec<(i64, Option<Vec<u8>>)> =
        sqlx::query_as("SELECT seq, key FROM waiting ORDER BY seq DESC").fetch_all(&mut *db).await?;
    let is_ready = |key: &Option<Vec<u8>>| match key {
        None => true,
        Some(key) => key.as_slice().try_into().is_ok_and(|key| ring.get(&KeyId(key)).is_some()),
    };
    Ok(Pending {
        rows: rows.into_iter().filter(|(_, key)| is_ready(key)).map(|(seq, _)| seq).collect(),
        stale: get_days(db, "stale", STALE).await?,
    })
}

/// Whether the tables hold all that takes keys to be read, when `upto` is the last change that they hold.
pub(crate) async fn is_even(db: &mut SqliteConnection, upto: i64) -> Result<bool, sqlx::Error> {
    Ok(changes::chunks_behind(db, upto).await? == 0
        && waiting(db).await? == 0
        && get_days(db, "stale", STALE).await?.is_empty())
}

/// How many rows the tables have gone past for want of their key.
pub(crate) async fn waiting(db: &mut SqliteConnection) -> Result<u64, sqlx::Error> {
    let count: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM waiting JOIN changes USING (seq) WHERE key IS NOT NULL AND counts = 1",
    )
    .fetch_one(db)
    .await?;
    Ok(count.unsigned_abs())
}

/// Has a row taken in that the tables have gone past: it counts again.
pub(crate) async fn take_in(db: &mut SqliteConnection, seq: i64) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT OR REPLACE INTO waiting (seq, key) VALUES (?, NULL)").bind(seq).execute(db).await.map(|_| ())
}

/// Looks at what waited, and at the changes behind `upto`; `None` when there is nothing.
pub(crate) async fn step(
    db: &mut SqliteConnection,
    reading: &Reading<'_>,
    upto: i64,
    pending: &mut Pending,
) -> Result<Option<Step>, sqlx::Error> {
    let Reading { ring, first, most, tables } = *reading;
    let mut step = Step { upto, ..Step::default() };
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
    if pending.rows.is_empty() {
        let behind = changes::after(db, upto, most).await?;
        step.upto = behind.last().map_or(upto, |row| row.seq);
        new.extend(behind);
    }
    let stale = std::mem::take(&mut pending.stale);
    step.refolded = !stale.is_empty();
    if new.is_empty() && step.waited.is_empty() && stale.is_empty() {
        return Ok(None);
    }
    let mut pairs: Vec<(MessageId, UtcDay)> = Vec::new();
    let mut gauges: Option<Gauges> = None;
    for row in new {
        match row.batches(ring) {
            Ok(batches) => {
                for batch in batches {
                    if let Some(day) = row.place.day {
                        pairs.extend(batch.records.iter().map(|r| (r.message, day)));
                    }
                    if !batch.answers.is_empty() || !batch.unchanged.is_empty() {
                        let held = match gauges.take() {
                            Some(held) => held,
                            None if tables == Tables::Used => read_gauges(db).await?,
                            None => Gauges::default(),
                        };
                        gauges.insert(held).absorb(&batch.answers, &batch.unchanged);
                    }
                }
            }
            Err(Unread::Waits(key)) => step.waiting.push((row.seq, key)),
            Err(why) => step.damaged.push((row, why)),
        }
    }
    step.gauges = gauges;
    pairs.sort_unstable();
    pairs.dedup();
    let mut dirty: BTreeSet<UtcDay> = pairs.iter().map(|p| p.1).chain(stale).collect();
    index(db, &mut step, &pairs, first, tables).await?;
    dirty.extend(step.crossing.iter().map(|c| c.1));
    dirty.retain(|d| *d >= first);
    let known: BTreeSet<_> = step.crossing.clone();
    step.cells = fold(db, ring, &dirty, &known, first, &mut step.damaged, DayCells::fold).await?;
    Ok(Some(step))
}

/// Adds the pairs to the index. What few a usual commit has go to one page; the others are only read.
async fn index(
    db: &mut SqliteConnection,
    step: &mut Step,
    pairs: &[(MessageId, UtcDay)],
    first: UtcDay,
    tables: Tables,
) -> Result<(), sqlx::Error> {
    if pairs.is_empty() {
        return Ok(());
    }
    let mut fresh = pages(db, &BTreeSet::from([FRESH]), tables).await?.remove(&FRESH).unwrap_or_default();
    let is_full = fresh.pairs().len() + pairs.len() > FRESH_PAIRS;
    let mut touched: BTreeSet<u16> = pairs.iter().map(|p| page_of(p.0)).collect();
    if is_full {
        touched.extend(fresh.pairs().iter().map(|p| page_of(p.0)));
    }
    let mut held = pages(db, &touched, tables).await?;
    for number in touched {
        let of_page = |pairs: &[(MessageId, UtcDay)]| {
            let from = pairs.partition_point(|p| page_of(p.0) < number);
            let to = pairs.partition_point(|p| page_of(p.0) <= number);
            from..to
        };
        let mut page = held.remove(&number).unwrap_or_default();
        page.add(&fresh.pairs()[of_page(fresh.pairs())], first);
        step.crossing.extend(page.add(&pairs[of_page(pairs)], first));
        if is_full {
            step.pages.insert(number, page);
        }
    }
    if is_full {
        fresh = Page::default();
    } else {
        fresh.add(pairs, first);
    }
    step.pages.insert(FRESH, fresh);
    Ok(())
}

/// Those of some messages of which the tables hold a copy, of a day from `first` on.
pub(crate) async fn known(
    db: &mut SqliteConnection,
    messages: &BTreeSet<MessageId>,
    first: UtcDay,
    tables: Tables,
) -> Result<HashSet<MessageId>, sqlx::Error> {
    if messages.is_empty() {
        return Ok(HashSet::new());
    }
    let numbers: BTreeSet<u16> = messages.iter().map(|message| page_of(*message)).chain([FRESH]).collect();
    let held = pages(db, &numbers, tables).await?;
    let pairs = held.values().flat_map(Page::pairs);
    Ok(pairs.filter(|(message, day)| *day >= first && messages.contains(message)).map(|pair| pair.0).collect())
}

/// Reads pages of the index.
async fn pages(
    db: &mut SqliteConnection,
    numbers: &BTreeSet<u16>,
    tables: Tables,
) -> Result<HashMap<u16, Page>, sqlx::Error> {
    if tables == Tables::Ignored {
        return Ok(HashMap::new());
    }
    let rows: Vec<(i64, Vec<u8>)> = if numbers.len() > usize::from(PAGES) / 4 {
        sqlx::query_as("SELECT page, bytes FROM pages").fetch_all(&mut *db).await?
    } else {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT page, bytes FROM pages WHERE page IN (");
        let mut list = query.separated(", ");
        for number in numbers {
            list.push(i64::from(*number));
        }
        list.push_unseparated(")");
        query.build_query_as().persistent(false).fetch_all(&mut *db).await?
    };
    let page = |(number, bytes): (i64, Vec<u8>)| {
        let page = Page::decode(checked::open(number, &bytes)?).map_err(|e| sqlx::Error::Decode(Box::new(e)))?;
        Ok((number as u16, page))
    };
    let found: HashMap<u16, Page> = rows.into_iter().map(page).collect::<Result<_, sqlx::Error>>()?;
    let listed = listed_pages(db).await?;
    let is_listed = |number: &u16| listed[usize::from(*number) / 8] >> (number % 8) & 1 == 1;
    if numbers.iter().any(|number| is_listed(number) && !found.contains_key(number)) {
        return Err(checked::broken());
    }
    Ok(found)
}

/// Folds days: for each, all that it holds and all copies that other days hold of its messages.
/// `known` are crossing pairs that are not in the table yet. Days before `first` are left out of
/// the set.
pub(crate) async fn fold<T>(
    db: &mut SqliteConnection,
    ring: &Keyring,
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
        for copy in copies(db, ring, day, damaged).await? {
            if crossing.get(&copy.record.message).is_some_and(|d| d.contains(&day)) {
                shared.entry(copy.record.message).or_default().push((day, copy));
            }
        }
    }
    let mut out = BTreeMap::new();
    for day in days {
        let mut all = copies(db, ring, *day, damaged).await?;
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

/// Everything that one day's segments hold of records, as far as its keys are held.
pub(crate) async fn copies(
    db: &mut SqliteConnection,
    ring: &Keyring,
    day: UtcDay,
    damaged: &mut Damaged,
) -> Result<Vec<Copy>, sqlx::Error> {
    let mut out = Vec::new();
    for row in changes::of_day(db, day).await? {
        match row.batches(ring) {
            Ok(batches) => {
                let records = batches.into_iter().flat_map(|b| b.records);
                out.extend(records.map(|r| Copy::new(row.place.device, r)));
            }
            Err(Unread::Waits(_)) => {}
            Err(why) if !damaged.iter().any(|(d, _)| d.seq == row.seq) => damaged.push((row, why)),
            Err(_) => {}
        }
    }
    Ok(out)
}

/// Writes what a step found out.
pub(crate) async fn write(db: &mut SqliteConnection, step: &Step) -> Result<(), sqlx::Error> {
    put(db, "upto", &checked::seal(UPTO, step.upto.to_le_bytes().to_vec())).await?;
    if step.refolded {
        put_days(db, "stale", STALE, &BTreeSet::new()).await?;
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
    for (message, day) in &step.crossing {
        sqlx::query("INSERT OR IGNORE INTO crossing (message, day) VALUES (?, ?)")
            .bind(message.0.as_slice())
            .bind(day.0)
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

/// Writes rows of one of the tables of bytes, each with its checksum.
async fn upsert(db: &mut SqliteConnection, head: &str, rows: &[(i64, Vec<u8>)]) -> Result<(), sqlx::Error> {
    for some in rows.chunks(1000) {
        let mut query = QueryBuilder::<Sqlite>::new(head);
        query.push_values(some, |mut row, (key, bytes)| {
            row.push_bind(*key).push_bind(checked::seal(*key, bytes.clone()));
        });
        query.build().persistent(false).execute(&mut *db).await?;
    }
    Ok(())
}

/// Takes expired days out, and folds the days again of whose messages a copy has left the set; without a ring they are noted
/// as stale. Gives back damaged rows that were found on the way.
pub(crate) async fn expire(
    db: &mut SqliteConnection,
    ring: Option<&Keyring>,
    first: UtcDay,
) -> Result<Damaged, sqlx::Error> {
    let again = crossed_by(db, first).await?;
    for sql in ["DELETE FROM cells WHERE day < ?", "DELETE FROM crossing WHERE day < ?"] {
        sqlx::query(sql).bind(first.0).execute(&mut *db).await?;
    }
    sqlx::query("DELETE FROM waiting WHERE seq NOT IN (SELECT seq FROM changes)").execute(&mut *db).await?;
    let Ok(mut listed) = listed_days(db).await else {
        clear(db).await?;
        return Ok(Damaged::new());
    };
    listed.retain(|day| *day >= first);
    list_days(db, &listed).await?;
    // Of the row that `first` is in, what is before it goes too: nothing of an expired day stays.
    sqlx::query("DELETE FROM hours WHERE span < ?").bind(span_of(first)).execute(&mut *db).await?;
    let rows: Vec<(i64, Vec<u8>)> =
        sqlx::query_as("SELECT span, bytes FROM hours WHERE span = ?").bind(span_of(first)).fetch_all(&mut *db).await?;
    for (number, bytes) in rows {
        let Ok(bytes) = checked::open(number, &bytes) else {
            clear(db).await?;
            return Ok(Damaged::new());
        };
        let mut span = Span::decode(bytes);
        span.0.retain(|day, _| *day >= first);
        upsert(db, "INSERT OR REPLACE INTO hours (span, bytes) ", &[(number, span.encode())]).await?;
    }
    let Ok(mut gauges) = read_gauges(db).await else {
        clear(db).await?;
        return Ok(Damaged::new());
    };
    if gauges.expire(first) {
        put(db, "gauges", &checked::seal(GAUGES, gauges.encode())).await?;
    }
    let mut damaged = Damaged::new();
    match ring {
        Some(ring) => {
            let cells = fold(db, ring, &again, &BTreeSet::new(), first, &mut damaged, DayCells::fold).await?;
            store(db, &cells).await?;
        }
        None => {
            let Ok(mut stale) = get_days(db, "stale", STALE).await else {
                clear(db).await?;
                return Ok(Damaged::new());
            };
            stale.extend(again);
            stale.retain(|day| *day >= first);
            put_days(db, "stale", STALE, &stale).await?;
        }
    }
    Ok(damaged)
}

/// Writes days' cells in both details.
async fn store(db: &mut SqliteConnection, cells: &BTreeMap<UtcDay, DayCells>) -> Result<(), sqlx::Error> {
    let rows: Vec<(i64, Vec<u8>)> = cells.iter().map(|(day, cells)| (i64::from(day.0), cells.encode())).collect();
    upsert(db, "INSERT OR REPLACE INTO cells (day, bytes) ", &rows).await?;
    let mut listed = listed_days(db).await?;
    let before = listed.len();
    listed.extend(cells.keys().copied());
    if listed.len() > before {
        list_days(db, &listed).await?;
    }
    let numbers: BTreeSet<i64> = cells.keys().map(|day| span_of(*day)).collect();
    let mut spans = Vec::new();
    for number in numbers {
        let bytes: Option<Vec<u8>> =
            sqlx::query_scalar("SELECT bytes FROM hours WHERE span = ?").bind(number).fetch_optional(&mut *db).await?;
        let mut span = match bytes {
            Some(bytes) => Span::decode(checked::open(number, &bytes)?),
            None => Span::default(),
        };
        let new = cells.iter().filter(|(day, _)| span_of(**day) == number);
        span.0.extend(new.map(|(day, cells)| (*day, cells.by_hour().encode())));
        spans.push((number, span.encode()));
    }
    upsert(db, "INSERT OR REPLACE INTO hours (span, bytes) ", &spans).await
}

/// Days in one row of `hours`.
const SPAN_DAYS: i32 = 32;

fn span_of(day: UtcDay) -> i64 {
    i64::from(day.0.div_euclid(SPAN_DAYS))
}

/// One row of `hours`: for each day its number, the length of its cells, and the cells.
#[derive(Default)]
struct Span(BTreeMap<UtcDay, Vec<u8>>);

impl Span {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (day, bytes) in &self.0 {
            out.extend(day.0.to_le_bytes());
            out.extend((bytes.len() as u32).to_le_bytes());
            out.extend(bytes);
        }
        out
    }

    /// Bytes with the right checksum are whole.
    fn decode(mut rest: &[u8]) -> Self {
        let mut span = Self::default();
        while let Some((head, after)) = rest.split_first_chunk::<8>() {
            let [a, b, c, d, e, f, g, h] = *head;
            let length = u32::from_le_bytes([e, f, g, h]) as usize;
            let Some((bytes, after)) = after.split_at_checked(length) else { break };
            span.0.insert(UtcDay(i32::from_le_bytes([a, b, c, d])), bytes.to_vec());
            rest = after;
        }
        span
    }
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
    if from > to {
        return Ok(BTreeMap::new());
    }
    let cells = cells_found(db, (from, to), detail).await?;
    match listed_days(db).await?.range(from..=to).all(|day| cells.contains_key(day)) {
        true => Ok(cells),
        false => Err(checked::broken()),
    }
}

async fn cells_found(
    db: &mut SqliteConnection,
    (from, to): (UtcDay, UtcDay),
    detail: Detail,
) -> Result<BTreeMap<UtcDay, DayCells>, sqlx::Error> {
    let decode = |day: UtcDay, bytes: &[u8]| {
        DayCells::decode(day, bytes).map(|cells| (day, cells)).map_err(|e| sqlx::Error::Decode(Box::new(e)))
    };
    match detail {
        Detail::Full => {
            let rows: Vec<(i32, Vec<u8>)> = sqlx::query_as("SELECT day, bytes FROM cells WHERE day BETWEEN ? AND ?")
                .bind(from.0)
                .bind(to.0)
                .fetch_all(&mut *db)
                .await?;
            rows.iter().map(|(day, bytes)| decode(UtcDay(*day), checked::open(i64::from(*day), bytes)?)).collect()
        }
        Detail::Hours => {
            let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as("SELECT span, bytes FROM hours WHERE span BETWEEN ? AND ?")
                .bind(span_of(from))
                .bind(span_of(to))
                .fetch_all(&mut *db)
                .await?;
            let mut cells = BTreeMap::new();
            for (number, bytes) in rows {
                for (day, bytes) in Span::decode(checked::open(number, &bytes)?).0 {
                    if day >= from && day <= to {
                        cells.extend([decode(day, &bytes)?]);
                    }
                }
            }
            Ok(cells)
        }
    }
}

/// The stored newest gauges.
pub(crate) async fn read_gauges(db: &mut SqliteConnection) -> Result<Gauges, sqlx::Error> {
    let bytes = get(db, "gauges", GAUGES).await?;
    match bytes.is_empty() {
        true => Ok(Gauges::default()),
        false => Gauges::decode(&bytes).map_err(|e| sqlx::Error::Decode(Box::new(e))),
    }
}

impl Step {
    /// The last change that it holds.
    pub(crate) fn upto(&self) -> i64 {
        self.upto
    }
}
