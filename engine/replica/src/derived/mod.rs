//! The derived tables: cells and readings by day, which messages cross days, newest gauges. They follow the
//! changes, and can be thrown away and made again at any time.
//!
//! `upto` is the last change that they hold. A writer moves it; a reader beside a writer that is
//! behind computes the same in memory and stores nothing. What they have gone past without holding it
//! stands in `waiting`: chunks whose key is not held, and such as have come to count again.
//!
//! To fold a day takes the keys of all that it holds. Without them the tables stay as they are: a day whose figures would
//! change by what expires is noted as stale, and folded anew once the keys are there.
//!
//! * `facts`: facts and lists of rows.
//! * `cells`: cells by day, and by hour.
//! * `readings`: what counts of what providers said, by day.
//! * `pages`: which days hold copies of which messages.
//! * `fold`: folding days.
//! * `joined`: which accounts are one payer's.
//! * `new`: reading what is new.
//! * `step`: taking it in.
//! * `expire`: days that are not kept any more.

mod cells;
mod expire;
mod facts;
mod fold;
mod joined;
mod new;
mod pages;
mod readings;
mod step;

use std::collections::BTreeSet;

use aimon_core::accounts::Joined;
use aimon_core::crypto::Keyring;
use aimon_core::history::Detail;
use aimon_core::history::index::PAGES;
use aimon_core::time::UtcDay;
use aimon_ledger::ids::KeyId;
use sqlx::SqliteConnection;

use crate::changes::{self, Row, Unread};
use facts::{STALE, get_days, number, put};

pub(crate) use cells::cells;
pub(crate) use expire::expire;
pub(crate) use facts::{read_gauges, upto};
pub(crate) use fold::{Days, crossed_by, fold};
pub(crate) use joined::{current, join, joined_otherwise};
pub(crate) use pages::known;
pub(crate) use readings::readings;
pub(crate) use step::{Step, step, write};

/// Grows when the derived tables' content or format changes, or when more batches can be read; others are
/// thrown away.
const VERSION: i64 = 8 + 256 * aimon_core::batch::VERSION as i64;

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
    /// Which accounts are one payer's.
    pub(crate) joined: &'k Joined,
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
    pub(crate) stale: BTreeSet<UtcDay>,
}

/// Looks at every checksum.
pub(crate) async fn check(db: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    upto(db).await?;
    read_gauges(db).await?;
    get_days(db, "stale", STALE).await?;
    facts::get(db, "joined", facts::JOINED).await?;
    for detail in [Detail::Full, Detail::Hours] {
        cells(db, (UtcDay(i32::MIN), UtcDay(i32::MAX)), detail).await?;
    }
    readings(db, (UtcDay(i32::MIN), UtcDay(i32::MAX))).await?;
    pages::pages(db, &(0..=PAGES).collect(), Tables::Used).await?;
    Ok(())
}

/// Throws everything derived away.
pub(crate) async fn clear(db: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    for sql in [
        "DELETE FROM derived",
        "DELETE FROM cells",
        "DELETE FROM hours",
        "DELETE FROM readings",
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
