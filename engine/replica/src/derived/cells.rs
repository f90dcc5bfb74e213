//! Cells by day, and the same by hour, 32 days a row.

use std::collections::{BTreeMap, BTreeSet};

use aimon_core::history::{DayCells, Detail};
use aimon_core::time::UtcDay;
use sqlx::SqliteConnection;

use super::facts::{list_days, listed_days, upsert};
use crate::checked;

/// Days in one row of `hours`.
const SPAN_DAYS: i32 = 32;

pub(super) fn span_of(day: UtcDay) -> i64 {
    i64::from(day.0.div_euclid(SPAN_DAYS))
}

/// One row of `hours`: for each day its number, the length of its cells, and the cells.
#[derive(Default)]
pub(super) struct Span(pub(super) BTreeMap<UtcDay, Vec<u8>>);

impl Span {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (day, bytes) in &self.0 {
            out.extend(day.0.to_le_bytes());
            out.extend((bytes.len() as u32).to_le_bytes());
            out.extend(bytes);
        }
        out
    }

    /// Bytes with the right checksum are whole.
    pub(super) fn decode(mut rest: &[u8]) -> Self {
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

pub(super) async fn cells_found(
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

/// Writes days' cells in both details.
pub(super) async fn store(db: &mut SqliteConnection, cells: &BTreeMap<UtcDay, DayCells>) -> Result<(), sqlx::Error> {
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
