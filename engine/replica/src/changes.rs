//! The table of changes: the only module that knows how events rest on the disk.

use aimon_core::batch::{Batch, BatchError};
use aimon_core::ids::{DeviceId, SegmentId};
use aimon_core::segment;
use aimon_core::time::UtcDay;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

/// One row: a change, or a saved document of a finished segment.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) seq: i64,
    pub(crate) segment: SegmentId,
    pub(crate) bytes: Vec<u8>,
}

type Columns = (i64, Vec<u8>, i32, i64, Vec<u8>);

impl Stored {
    fn of((seq, device, day, part, bytes): Columns) -> Self {
        // A device that is no id reads as nobody's: the row is still read, and shown.
        let device = DeviceId(device.try_into().unwrap_or_default());
        Self { seq, segment: SegmentId { device, day: UtcDay(day), part: part as u16 }, bytes }
    }

    /// The row's batches, or why it is damaged. One in a format that only a newer version reads is held
    /// like any other, and shows nothing until then.
    pub(crate) fn batches(&self) -> Result<Vec<Batch>, String> {
        let mut batches = Vec::new();
        for bytes in segment::batches(&self.bytes).map_err(|e| e.to_string())? {
            match Batch::decode(&bytes) {
                Ok(batch) => batches.push(batch),
                Err(BatchError::Version(format)) => {
                    tracing::debug!(format, day = %self.segment.day, "a batch of a newer version is held, and not read");
                }
                Err(e) => return Err(e.to_string()),
            }
        }
        Ok(batches)
    }
}

/// Appends changes.
pub(crate) async fn append(db: &mut SqliteConnection, new: &[(SegmentId, Vec<u8>)]) -> Result<(), sqlx::Error> {
    for some in new.chunks(1000) {
        let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO changes (device, day, part, bytes) ");
        query.push_values(some, |mut row, (segment, bytes)| {
            row.push_bind(segment.device.0.as_slice())
                .push_bind(segment.day.0)
                .push_bind(i64::from(segment.part))
                .push_bind(bytes.as_slice());
        });
        query.build().persistent(false).execute(&mut *db).await?;
    }
    Ok(())
}

/// The rows behind `after`, as many as hold about `most` bytes, and at least one.
pub(crate) async fn after(db: &mut SqliteConnection, after: i64, most: i64) -> Result<Vec<Stored>, sqlx::Error> {
    let to: Option<i64> = sqlx::query_scalar(
        "SELECT MIN(seq) FROM (SELECT seq, SUM(LENGTH(bytes)) OVER (ORDER BY seq) AS held FROM changes WHERE seq > ?)
         WHERE held >= ?",
    )
    .bind(after)
    .bind(most)
    .fetch_one(&mut *db)
    .await?;
    let rows: Vec<Columns> =
        sqlx::query_as("SELECT seq, device, day, part, bytes FROM changes WHERE seq > ? AND seq <= ? ORDER BY seq")
            .bind(after)
            .bind(to.unwrap_or(i64::MAX))
            .fetch_all(db)
            .await?;
    Ok(rows.into_iter().map(Stored::of).collect())
}

/// The rows of one day.
pub(crate) async fn of_day(db: &mut SqliteConnection, day: UtcDay) -> Result<Vec<Stored>, sqlx::Error> {
    let rows: Vec<Columns> =
        sqlx::query_as("SELECT seq, device, day, part, bytes FROM changes WHERE day = ? ORDER BY seq")
            .bind(day.0)
            .fetch_all(db)
            .await?;
    Ok(rows.into_iter().map(Stored::of).collect())
}

/// The days that have changes, ascending, within a range.
pub(crate) async fn days(db: &mut SqliteConnection, (from, to): (UtcDay, UtcDay)) -> Result<Vec<UtcDay>, sqlx::Error> {
    let days: Vec<i32> = sqlx::query_scalar("SELECT DISTINCT day FROM changes WHERE day BETWEEN ? AND ? ORDER BY day")
        .bind(from.0)
        .bind(to.0)
        .fetch_all(db)
        .await?;
    Ok(days.into_iter().map(UtcDay).collect())
}

/// The segments, with how many rows and bytes each has.
pub(crate) async fn segments(db: &mut SqliteConnection) -> Result<Vec<(SegmentId, i64, i64)>, sqlx::Error> {
    let rows: Vec<(Vec<u8>, i32, i64, i64, i64)> = sqlx::query_as(
        "SELECT device, day, part, COUNT(*), SUM(LENGTH(bytes)) FROM changes GROUP BY day, device, part ORDER BY 2, 1, 3",
    )
    .fetch_all(db)
    .await?;
    let segment = |device: Vec<u8>, day, part| SegmentId {
        device: DeviceId(device.try_into().unwrap_or_default()),
        day: UtcDay(day),
        part: part as u16,
    };
    Ok(rows.into_iter().map(|(device, day, part, n, b)| (segment(device, day, part), n, b)).collect())
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

/// Takes a row that cannot be read out of the changes, and keeps it as it was found.
pub(crate) async fn quarantine(db: &mut SqliteConnection, row: &Stored, reason: &str) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT OR REPLACE INTO quarantine SELECT seq, device, day, part, bytes, ? FROM changes WHERE seq = ?")
        .bind(reason)
        .bind(row.seq)
        .execute(&mut *db)
        .await?;
    sqlx::query("DELETE FROM changes WHERE seq = ?").bind(row.seq).execute(&mut *db).await?;
    Ok(())
}

/// Takes away the days before `first`; says whether there were any.
pub(crate) async fn expire(db: &mut SqliteConnection, first: UtcDay) -> Result<bool, sqlx::Error> {
    let mut gone = 0;
    for sql in ["DELETE FROM changes WHERE day < ?", "DELETE FROM quarantine WHERE day < ?"] {
        gone += sqlx::query(sql).bind(first.0).execute(&mut *db).await?.rows_affected();
    }
    Ok(gone > 0)
}
