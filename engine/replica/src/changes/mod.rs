//! The table of changes: the only module that knows how events rest on the disk.
//!
//! A row is a change or a saved document: as plaintext as long as there is no workspace, or its key is not held, else as a
//! chunk, exactly as it travels. Rows that are set aside, and chunks that nobody can read, are kept and not read.

/// Reads rows that count.
macro_rules! rows {
    ($which:literal) => {
        rows!($which, "")
    };
    ($which:literal, $most:literal) => {
        concat!(
            "SELECT seq, id, device, day, part, header, bytes, signature FROM changes WHERE counts = 1 AND broken IS NULL AND ",
            $which,
            " ORDER BY seq ",
            $most
        )
    };
}

mod chunks;
mod row;

use std::collections::BTreeMap;

use aimon_core::crypto::Keyring;
use aimon_core::time::UtcDay;
use aimon_ledger::chunk::Place;
use aimon_ledger::ids::{ChunkId, DeviceId};
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use row::Columns;

pub(crate) use chunks::{
    any, count, has_plain, headers, insert, last, lay_open, plain, remove, remove_chunks, remove_row, remove_upto,
    set_aside, some, some_chunks, turn,
};
pub(crate) use row::{Row, Unread, on_all_cores, read_all, values_of};

/// Appends changes as plaintext.
pub(crate) async fn append(db: &mut SqliteConnection, new: &[(Place, Vec<u8>)]) -> Result<(), sqlx::Error> {
    for some in new.chunks(1000) {
        let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO changes (device, day, part, bytes) ");
        query.push_values(some, |mut row, (place, bytes)| {
            row.push_bind(place.device.0.as_slice())
                .push_bind(place.day.map(|day| day.0))
                .push_bind(i64::from(place.part))
                .push_bind(bytes.as_slice());
        });
        query.build().persistent(false).execute(&mut *db).await?;
    }
    Ok(())
}

/// The rows behind `after`, as many as hold about `most` bytes, and at least one.
pub(crate) async fn after(db: &mut SqliteConnection, after: i64, most: i64) -> Result<Vec<Row>, sqlx::Error> {
    let to: Option<i64> = sqlx::query_scalar(
        "SELECT MIN(seq) FROM (SELECT seq, SUM(LENGTH(bytes)) OVER (ORDER BY seq) AS held FROM changes
         WHERE seq > ? AND counts = 1 AND broken IS NULL) WHERE held >= ?",
    )
    .bind(after)
    .bind(most)
    .fetch_one(&mut *db)
    .await?;
    let rows: Vec<Columns> =
        sqlx::query_as(rows!("seq > ? AND seq <= ?")).bind(after).bind(to.unwrap_or(i64::MAX)).fetch_all(db).await?;
    Ok(rows.into_iter().map(Row::of).collect())
}

/// How many chunks there are behind `after`.
pub(crate) async fn chunks_behind(db: &mut SqliteConnection, after: i64) -> Result<u64, sqlx::Error> {
    let sql = "SELECT COUNT(*) FROM changes WHERE counts = 1 AND broken IS NULL AND id IS NOT NULL AND seq > ?";
    let count: i64 = sqlx::query_scalar(sql).bind(after).fetch_one(db).await?;
    Ok(count.unsigned_abs())
}

/// One row, if it is there and counts.
pub(crate) async fn one(db: &mut SqliteConnection, seq: i64) -> Result<Option<Row>, sqlx::Error> {
    let columns: Option<Columns> = sqlx::query_as(rows!("seq = ?")).bind(seq).fetch_optional(db).await?;
    Ok(columns.map(Row::of))
}

/// The row of a chunk, if it is held and counts.
pub(crate) async fn of_chunk(db: &mut SqliteConnection, id: &ChunkId) -> Result<Option<Row>, sqlx::Error> {
    let columns: Option<Columns> = sqlx::query_as(rows!("id = ?")).bind(id.0.as_slice()).fetch_optional(db).await?;
    Ok(columns.map(Row::of))
}

/// The rows of one day.
pub(crate) async fn of_day(db: &mut SqliteConnection, day: UtcDay) -> Result<Vec<Row>, sqlx::Error> {
    let rows: Vec<Columns> = sqlx::query_as(rows!("day = ?")).bind(day.0).fetch_all(db).await?;
    Ok(rows.into_iter().map(Row::of).collect())
}

/// The rows of a segment.
pub(crate) async fn of_place(db: &mut SqliteConnection, place: Place) -> Result<Vec<Row>, sqlx::Error> {
    let rows: Vec<Columns> = sqlx::query_as(rows!("day IS ? AND device = ? AND part = ?"))
        .bind(place.day.map(|day| day.0))
        .bind(place.device.0.as_slice())
        .bind(i64::from(place.part))
        .fetch_all(db)
        .await?;
    Ok(rows.into_iter().map(Row::of).collect())
}

/// The rows without a day: settings.
pub(crate) async fn dayless(db: &mut SqliteConnection) -> Result<Vec<Row>, sqlx::Error> {
    let rows: Vec<Columns> = sqlx::query_as(rows!("day IS NULL")).fetch_all(db).await?;
    Ok(rows.into_iter().map(Row::of).collect())
}

/// Tells whether the rows without a day, and the keys by which they can be read, are others than they were.
pub(crate) async fn dayless_print(db: &mut SqliteConnection, ring: &Keyring) -> Result<Vec<u8>, sqlx::Error> {
    let sql = "SELECT COUNT(*), COALESCE(MAX(seq), 0), COALESCE(SUM(seq), 0) FROM changes
               WHERE day IS NULL AND counts = 1 AND broken IS NULL";
    let (rows, last, sum): (i64, i64, i64) = sqlx::query_as(sql).fetch_one(db).await?;
    let keys = ring.len() as u64;
    Ok([rows.to_le_bytes(), last.to_le_bytes(), sum.to_le_bytes(), keys.to_le_bytes()].concat())
}

/// The days that have changes, ascending, within a range.
pub(crate) async fn days(db: &mut SqliteConnection, (from, to): (UtcDay, UtcDay)) -> Result<Vec<UtcDay>, sqlx::Error> {
    let days: Vec<i32> =
        sqlx::query_scalar("SELECT DISTINCT day FROM changes WHERE day BETWEEN ? AND ? AND counts = 1 ORDER BY day")
            .bind(from.0)
            .bind(to.0)
            .fetch_all(db)
            .await?;
    Ok(days.into_iter().map(UtcDay).collect())
}

/// How many rows some days have.
pub(crate) async fn rows_by_day(
    db: &mut SqliteConnection,
    days: &[UtcDay],
) -> Result<BTreeMap<UtcDay, usize>, sqlx::Error> {
    let mut held = BTreeMap::new();
    for day in days {
        let sql = "SELECT COUNT(*) FROM changes WHERE day = ? AND counts = 1 AND broken IS NULL";
        let rows: i64 = sqlx::query_scalar(sql).bind(day.0).fetch_one(&mut *db).await?;
        held.insert(*day, rows.unsigned_abs() as usize);
    }
    Ok(held)
}

/// A segment as it rests.
pub(crate) struct Segment {
    pub(crate) place: Place,
    /// In how many rows.
    pub(crate) rows: u64,
    /// How many of them are no chunks.
    pub(crate) plain: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
}

/// device, day, part, rows, plain, bytes.
type Counted = (Vec<u8>, Option<i32>, i64, i64, i64, i64);

/// The segments.
pub(crate) async fn segments(db: &mut SqliteConnection) -> Result<Vec<Segment>, sqlx::Error> {
    let rows: Vec<Counted> = sqlx::query_as(
        "SELECT device, day, part, COUNT(*), SUM(id IS NULL), SUM(LENGTH(bytes)) FROM changes
         GROUP BY day, device, part ORDER BY 2, 1, 3",
    )
    .fetch_all(db)
    .await?;
    let segment = |(device, day, part, rows, plain, bytes): Counted| Segment {
        place: Place {
            device: DeviceId(device.try_into().unwrap_or_default()),
            day: day.map(UtcDay),
            part: part as u16,
        },
        rows: rows.unsigned_abs(),
        plain: plain.unsigned_abs(),
        bytes: bytes.unsigned_abs(),
    };
    Ok(rows.into_iter().map(segment).collect())
}

/// Puts `bytes` into the first of `rows` and takes the others away. The first keeps its number:
/// to the derived tables nothing is new.
pub(crate) async fn replace(db: &mut SqliteConnection, rows: &[i64], bytes: &[u8]) -> Result<(), sqlx::Error> {
    let Some((first, rest)) = rows.split_first() else { return Ok(()) };
    sqlx::query("UPDATE changes SET bytes = ? WHERE seq = ?").bind(bytes).bind(first).execute(&mut *db).await?;
    for seq in rest {
        sqlx::query("DELETE FROM changes WHERE seq = ?").bind(seq).execute(&mut *db).await?;
    }
    Ok(())
}

/// Takes a row that is not what was written out of the changes, and keeps it as it was found. A chunk is then not held: a
/// relay has it, or another device.
pub(crate) async fn quarantine(db: &mut SqliteConnection, row: &Row, reason: &str) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT OR REPLACE INTO quarantine (seq, id, device, day, part, reason, header, bytes, signature)
         SELECT seq, id, device, day, part, ?, header, bytes, signature FROM changes WHERE seq = ?",
    )
    .bind(reason)
    .bind(row.seq)
    .execute(&mut *db)
    .await?;
    for sql in
        ["DELETE FROM queue WHERE id = (SELECT id FROM changes WHERE seq = ?)", "DELETE FROM changes WHERE seq = ?"]
    {
        sqlx::query(sql).bind(row.seq).execute(&mut *db).await?;
    }
    Ok(())
}

/// Notes that a row is what its author wrote, and that nobody can read that. It is held like any other, so that nobody
/// sends it again, and is not read again.
pub(crate) async fn give_up(db: &mut SqliteConnection, row: &Row, reason: &str) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE changes SET broken = ? WHERE seq = ?").bind(reason).bind(row.seq).execute(db).await.map(|_| ())
}

/// Has all rows read again.
pub(crate) async fn read_again(db: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE changes SET broken = NULL WHERE broken IS NOT NULL").execute(db).await.map(|_| ())
}

/// What can't be read: its day, its bytes, and why.
pub(crate) async fn unreadable(db: &mut SqliteConnection) -> Result<Vec<(Option<UtcDay>, u64, String)>, sqlx::Error> {
    let rows: Vec<(Option<i32>, i64, String)> = sqlx::query_as(
        "SELECT day, LENGTH(bytes), reason FROM quarantine UNION ALL
         SELECT day, LENGTH(bytes), broken FROM changes WHERE broken IS NOT NULL ORDER BY 1",
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|(day, bytes, why)| (day.map(UtcDay), bytes.unsigned_abs(), why)).collect())
}

/// Takes away the days before `first`; says whether there were any.
pub(crate) async fn expire(db: &mut SqliteConnection, first: UtcDay) -> Result<bool, sqlx::Error> {
    let mut gone = 0;
    for sql in ["DELETE FROM changes WHERE day < ?", "DELETE FROM quarantine WHERE day < ?"] {
        gone += sqlx::query(sql).bind(first.0).execute(&mut *db).await?.rows_affected();
    }
    if gone > 0 {
        sqlx::query("DELETE FROM queue WHERE id NOT IN (SELECT id FROM changes WHERE id IS NOT NULL)")
            .execute(db)
            .await?;
    }
    Ok(gone > 0)
}
