//! Readings by day.

use std::collections::{BTreeMap, BTreeSet};

use aimon_core::accounts::Joined;
use aimon_core::crypto::Keyring;
use aimon_core::history::DayReadings;
use aimon_core::history::answers::settling_ms;
use aimon_core::time::UtcDay;
use sqlx::SqliteConnection;

use super::Damaged;
use super::facts::{READ_DAYS, get_days, put_days, upsert};
use crate::changes::{self, Row, Unread, on_all_cores};
use crate::checked;

/// How many bytes of changes are held at once.
const TOGETHER: usize = 16 << 20;

/// What counts of the answers of days, made of all that they hold.
pub(crate) async fn fold_readings(
    db: &mut SqliteConnection,
    (ring, joined): (&Keyring, &Joined),
    days: &BTreeSet<UtcDay>,
    damaged: &mut Damaged,
) -> Result<BTreeMap<UtcDay, DayReadings>, sqlx::Error> {
    let mut folded = BTreeMap::new();
    let mut held: Vec<(UtcDay, Vec<Row>)> = Vec::new();
    let mut bytes = 0;
    for (nth, day) in days.iter().enumerate() {
        let rows = changes::of_day(db, *day).await?;
        bytes += rows.iter().map(Row::len).sum::<usize>();
        held.push((*day, rows));
        if bytes < TOGETHER && nth + 1 < days.len() {
            continue;
        }
        let some = std::mem::take(&mut held);
        let made = on_all_cores(&some, bytes, |(day, rows)| of_rows((ring, joined), *day, rows));
        bytes = 0;
        for ((day, rows), (readings, broken)) in some.into_iter().zip(made) {
            folded.insert(day, readings);
            for (row, why) in rows.into_iter().zip(broken).filter_map(|(row, why)| Some((row, why?))) {
                if !damaged.iter().any(|(known, _)| known.seq == row.seq) {
                    damaged.push((row, why));
                }
            }
        }
    }
    Ok(folded)
}

/// One day's; and of each row why it can't be read, if it is damaged.
fn of_rows((ring, joined): (&Keyring, &Joined), day: UtcDay, rows: &[Row]) -> (DayReadings, Vec<Option<Unread>>) {
    let (mut said, mut damaged) = (Vec::new(), Vec::new());
    for row in rows {
        damaged.push(match row.said(ring) {
            Ok(all) => {
                said.extend(all);
                None
            }
            Err(Unread::Waits(_)) => None,
            Err(why) => Some(why),
        });
    }
    (DayReadings::fold(day, &said, &settling_ms, joined), damaged)
}

/// The stored readings of a range of days.
pub(crate) async fn readings(
    db: &mut SqliteConnection,
    (from, to): (UtcDay, UtcDay),
) -> Result<BTreeMap<UtcDay, DayReadings>, sqlx::Error> {
    if from > to {
        return Ok(BTreeMap::new());
    }
    let rows: Vec<(i32, Vec<u8>)> = sqlx::query_as("SELECT day, bytes FROM readings WHERE day BETWEEN ? AND ?")
        .bind(from.0)
        .bind(to.0)
        .fetch_all(&mut *db)
        .await?;
    let bytes = rows.iter().map(|(_, bytes)| bytes.len()).sum();
    let decoded = on_all_cores(&rows, bytes, |(day, bytes)| {
        let bytes = checked::open(i64::from(*day), bytes)?;
        DayReadings::decode(UtcDay(*day), bytes).map_err(|e| sqlx::Error::Decode(Box::new(e)))
    });
    let readings = decoded.into_iter().map(|day| day.map(|day| (day.day, day)));
    let readings: BTreeMap<UtcDay, DayReadings> = readings.collect::<Result<_, _>>()?;
    // A row that is not found is no damage that its own checksum could show.
    match get_days(db, "readings", READ_DAYS).await?.range(from..=to).all(|day| readings.contains_key(day)) {
        true => Ok(readings),
        false => Err(checked::broken()),
    }
}

/// Writes days' readings.
pub(super) async fn store(
    db: &mut SqliteConnection,
    readings: &BTreeMap<UtcDay, DayReadings>,
) -> Result<(), sqlx::Error> {
    if readings.is_empty() {
        return Ok(());
    }
    let rows: Vec<(i64, Vec<u8>)> = readings.values().map(|day| (i64::from(day.day.0), day.encode())).collect();
    upsert(db, "INSERT OR REPLACE INTO readings (day, bytes) ", &rows).await?;
    let mut listed = get_days(db, "readings", READ_DAYS).await?;
    let before = listed.len();
    listed.extend(readings.keys().copied());
    if listed.len() > before {
        put_days(db, "readings", READ_DAYS, &listed).await?;
    }
    Ok(())
}

/// Takes the days before one out.
pub(super) async fn expire(db: &mut SqliteConnection, first: UtcDay) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM readings WHERE day < ?").bind(first.0).execute(&mut *db).await?;
    let mut listed = get_days(db, "readings", READ_DAYS).await?;
    let before = listed.len();
    listed.retain(|day| *day >= first);
    if listed.len() < before {
        put_days(db, "readings", READ_DAYS, &listed).await?;
    }
    Ok(())
}
