//! Rows as chunks: put away as they travel, and put together again.

use aimon_ledger::chunk::{Chunk, Header};
use aimon_ledger::ids::ChunkId;
use aimon_ledger::signature::SIGNATURE_BYTES;
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::{Columns, Row};

/// How many chunks are put away in one statement.
const TOGETHER: usize = 100;

/// Puts chunks away, those that are not held.
pub(crate) async fn insert(db: &mut SqliteConnection, chunks: &[&Chunk]) -> Result<(), sqlx::Error> {
    // Many in one statement: each takes longer on its way to the database than in it.
    for some in chunks.chunks(TOGETHER) {
        let head = "INSERT INTO changes (id, device, day, part, kind, header, bytes, signature) ";
        let mut query = QueryBuilder::<Sqlite>::new(head);
        query.push_values(some, |mut row, chunk| {
            let place = chunk.header().place;
            row.push_bind(chunk.id().0.to_vec())
                .push_bind(place.device.0.to_vec())
                .push_bind(place.day.map(|day| day.0))
                .push_bind(i64::from(place.part))
                .push_bind(chunk.header().kind.number().cast_signed())
                .push_bind(chunk.header_bytes())
                .push_bind(chunk.ciphertext())
                .push_bind(chunk.signature().as_slice());
        });
        query.push(" ON CONFLICT DO NOTHING").build().persistent(false).execute(&mut *db).await?;
        // One may have been damaged, and has come again.
        let mut query = QueryBuilder::<Sqlite>::new("DELETE FROM quarantine WHERE id IN (");
        let mut ids = query.separated(", ");
        for chunk in some {
            ids.push_bind(chunk.id().0.to_vec());
        }
        ids.push_unseparated(")");
        query.build().persistent(false).execute(&mut *db).await?;
    }
    Ok(())
}

/// Puts a chunk in the place of a row that says the same. The row keeps its number: to the derived tables nothing is new.
pub(crate) async fn turn(db: &mut SqliteConnection, seq: i64, chunk: &Chunk) -> Result<(), sqlx::Error> {
    let sql = "UPDATE changes SET id = ?, device = ?, day = ?, part = ?, kind = ?, header = ?, bytes = ?, signature = ?
               WHERE seq = ?";
    as_columns(sql, chunk).bind(seq).execute(db).await.map(|_| ())
}

/// A statement with a chunk's columns, in the order of the table.
fn as_columns(sql: &'static str, chunk: &Chunk) -> Query<'static, Sqlite, SqliteArguments> {
    let place = chunk.header().place;
    sqlx::query(sql)
        .bind(chunk.id().0.as_slice())
        .bind(place.device.0.as_slice())
        .bind(place.day.map(|day| day.0))
        .bind(i64::from(place.part))
        .bind(chunk.header().kind.number().cast_signed())
        .bind(chunk.header_bytes())
        .bind(chunk.ciphertext())
        .bind(chunk.signature().as_slice())
}

/// All chunks: id, header, and how many bytes it has as it travels. Reads no ciphertext. One whose header can't be read is
/// left out: as if it were not held.
pub(crate) async fn headers(db: &mut SqliteConnection) -> Result<Vec<(ChunkId, Header, u32)>, sqlx::Error> {
    let rows: Vec<(Vec<u8>, Option<Vec<u8>>, i64)> =
        sqlx::query_as("SELECT id, header, LENGTH(bytes) FROM changes WHERE id IS NOT NULL ORDER BY seq")
            .fetch_all(db)
            .await?;
    let one = |(id, header, length): (Vec<u8>, Option<Vec<u8>>, i64)| {
        let encoded = header?;
        let size = 1 + framed(encoded.len()) + framed(length.unsigned_abs() as usize) + framed(SIGNATURE_BYTES);
        Some((ChunkId(id.try_into().ok()?), Header::decode(&encoded).ok()?, size as u32))
    };
    Ok(rows.into_iter().filter_map(one).collect())
}

/// How many bytes a byte string has in CBOR.
fn framed(length: usize) -> usize {
    length
        + match length {
            0..=23 => 1,
            24..=0xff => 2,
            0x100..=0xffff => 3,
            _ => 5,
        }
}

/// The row of a chunk, whether it counts or not.
pub(crate) async fn any(db: &mut SqliteConnection, id: &ChunkId) -> Result<Option<Row>, sqlx::Error> {
    let columns: Option<Columns> =
        sqlx::query_as("SELECT seq, id, device, day, part, header, bytes, signature FROM changes WHERE id = ?")
            .bind(id.0.as_slice())
            .fetch_optional(db)
            .await?;
    Ok(columns.map(Row::of))
}

/// Takes a chunk away, wherever it rests.
pub(crate) async fn remove(db: &mut SqliteConnection, id: &ChunkId) -> Result<(), sqlx::Error> {
    for sql in ["DELETE FROM changes WHERE id = ?", "DELETE FROM quarantine WHERE id = ?"] {
        sqlx::query(sql).bind(id.0.as_slice()).execute(&mut *db).await?;
    }
    Ok(())
}

/// Sets a chunk aside, or has it count again. Gives back its row's number if that changes something.
pub(crate) async fn count(db: &mut SqliteConnection, id: &ChunkId, counts: bool) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar("UPDATE changes SET counts = ? WHERE id = ? AND counts <> ? RETURNING seq")
        .bind(counts)
        .bind(id.0.as_slice())
        .bind(counts)
        .fetch_optional(db)
        .await
}

/// Whether something rests in clear.
pub(crate) async fn has_plain(db: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM changes WHERE id IS NULL)").fetch_one(db).await
}

/// Some rows behind `after` that rest in clear.
pub(crate) async fn plain(db: &mut SqliteConnection, after: i64) -> Result<Vec<Row>, sqlx::Error> {
    let rows: Vec<Columns> =
        sqlx::query_as(rows!("id IS NULL AND seq > ?", "LIMIT 200")).bind(after).fetch_all(db).await?;
    Ok(rows.into_iter().map(Row::of).collect())
}

/// Some rows behind `after` that are chunks and count.
pub(crate) async fn some_chunks(db: &mut SqliteConnection, after: i64) -> Result<Vec<Row>, sqlx::Error> {
    let rows: Vec<Columns> =
        sqlx::query_as(rows!("id IS NOT NULL AND seq > ?", "LIMIT 200")).bind(after).fetch_all(db).await?;
    Ok(rows.into_iter().map(Row::of).collect())
}

/// Some rows behind `after`, up to `end`, that count.
pub(crate) async fn some(db: &mut SqliteConnection, after: i64, end: i64) -> Result<Vec<Row>, sqlx::Error> {
    let rows: Vec<Columns> =
        sqlx::query_as(rows!("seq > ? AND seq <= ?", "LIMIT 200")).bind(after).bind(end).fetch_all(db).await?;
    Ok(rows.into_iter().map(Row::of).collect())
}

/// The greatest number of a row.
pub(crate) async fn last(db: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("SELECT COALESCE(MAX(seq), 0) FROM changes").fetch_one(db).await
}

/// Puts a chunk's content in its place, in clear. The row keeps its number.
pub(crate) async fn lay_open(db: &mut SqliteConnection, seq: i64, content: &[u8]) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE changes SET id = NULL, kind = NULL, header = NULL, signature = NULL, bytes = ? WHERE seq = ?")
        .bind(content)
        .bind(seq)
        .execute(db)
        .await
        .map(|_| ())
}

/// Takes a row away.
pub(crate) async fn remove_row(db: &mut SqliteConnection, seq: i64) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM changes WHERE seq = ?").bind(seq).execute(db).await.map(|_| ())
}

/// Takes all rows up to a number away.
pub(crate) async fn remove_upto(db: &mut SqliteConnection, end: i64) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM changes WHERE seq <= ?").bind(end).execute(db).await.map(|_| ())
}

/// Takes all chunks away.
pub(crate) async fn remove_chunks(db: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM changes WHERE id IS NOT NULL").execute(db).await.map(|_| ())
}

/// How many chunks are set aside.
pub(crate) async fn set_aside(db: &mut SqliteConnection) -> Result<u64, sqlx::Error> {
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM changes WHERE counts = 0").fetch_one(db).await?;
    Ok(count.unsigned_abs())
}
