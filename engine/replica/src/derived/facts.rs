//! Facts and lists of rows, each with its checksum.

use std::collections::BTreeSet;

use aimon_core::history::Gauges;
use aimon_core::history::index::PAGES;
use aimon_core::time::UtcDay;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::VERSION;
use crate::checked;

/// Under which number the last change that the tables hold has its checksum, and the gauges, and the lists of rows theirs.
pub(super) const UPTO: i64 = 1;
pub(super) const GAUGES: i64 = 2;
pub(super) const DAYS: i64 = 3;
pub(super) const PAGE_LIST: i64 = 4;
pub(super) const STALE: i64 = 5;
pub(super) const READ_DAYS: i64 = 6;
pub(super) const JOINED: i64 = 7;

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

/// The days that `cells` and `hours` have. A row that is not found is no damage that its checksum could show: one flipped
/// bit further up in a table's tree hides rows.
pub(super) async fn listed_days(db: &mut SqliteConnection) -> Result<BTreeSet<UtcDay>, sqlx::Error> {
    get_days(db, "days", DAYS).await
}

pub(super) async fn list_days(db: &mut SqliteConnection, days: &BTreeSet<UtcDay>) -> Result<(), sqlx::Error> {
    put_days(db, "days", DAYS, days).await
}

pub(super) async fn get_days(
    db: &mut SqliteConnection,
    key: &str,
    number: i64,
) -> Result<BTreeSet<UtcDay>, sqlx::Error> {
    let bytes = get(db, key, number).await?;
    let number = |bytes: &[u8; 4]| i32::from_le_bytes(*bytes);
    let (ends, _) = bytes.as_chunks::<4>();
    let (ranges, _) = ends.as_chunks::<2>();
    Ok(ranges.iter().flat_map(|[from, to]| number(from)..=number(to)).map(UtcDay).collect())
}

/// Writes a list of days as ranges: days follow each other.
pub(super) async fn put_days(
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
pub(super) async fn listed_pages(db: &mut SqliteConnection) -> Result<Vec<u8>, sqlx::Error> {
    let mut bits = get(db, "pages", PAGE_LIST).await?;
    bits.resize(usize::from(PAGES) / 8 + 1, 0);
    Ok(bits)
}

/// The stored newest gauges.
pub(crate) async fn read_gauges(db: &mut SqliteConnection) -> Result<Gauges, sqlx::Error> {
    let bytes = get(db, "gauges", GAUGES).await?;
    match bytes.is_empty() {
        true => Ok(Gauges::default()),
        false => Gauges::decode(&bytes).map_err(|e| sqlx::Error::Decode(Box::new(e))),
    }
}

/// What is stored under a key; nothing before it was first written.
pub(super) async fn get(db: &mut SqliteConnection, key: &str, number: i64) -> Result<Vec<u8>, sqlx::Error> {
    let bytes: Option<Vec<u8>> =
        sqlx::query_scalar("SELECT value FROM derived WHERE key = ?").bind(key).fetch_optional(db).await?;
    match bytes {
        Some(bytes) => checked::open(number, &bytes).map(<[u8]>::to_vec),
        None => Ok(Vec::new()),
    }
}

pub(super) async fn number(db: &mut SqliteConnection, key: &str) -> Result<Option<i64>, sqlx::Error> {
    let value: Option<Vec<u8>> =
        sqlx::query_scalar("SELECT value FROM derived WHERE key = ?").bind(key).fetch_optional(db).await?;
    Ok(value.and_then(|v| v.try_into().ok()).map(i64::from_le_bytes))
}

pub(super) async fn put(db: &mut SqliteConnection, key: &str, value: &[u8]) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT OR REPLACE INTO derived (key, value) VALUES (?, ?)")
        .bind(key)
        .bind(value)
        .execute(db)
        .await
        .map(|_| ())
}

/// Writes rows of one of the tables of bytes, each with its checksum.
pub(super) async fn upsert(db: &mut SqliteConnection, head: &str, rows: &[(i64, Vec<u8>)]) -> Result<(), sqlx::Error> {
    for some in rows.chunks(1000) {
        let mut query = QueryBuilder::<Sqlite>::new(head);
        query.push_values(some, |mut row, (key, bytes)| {
            row.push_bind(*key).push_bind(checked::seal(*key, bytes.clone()));
        });
        query.build().persistent(false).execute(&mut *db).await?;
    }
    Ok(())
}
