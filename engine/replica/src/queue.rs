//! The queue: chunks that no relay has acknowledged, oldest first. What is refused stays, with its reason.

use aimon_core::time::UtcMillis;
use aimon_ledger::frame::Code;
use aimon_ledger::ids::ChunkId;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

/// One chunk that waits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Queued {
    /// Which chunk.
    pub id: ChunkId,
    /// Since when it waits.
    pub since: UtcMillis,
    /// Why it was refused, and when.
    pub refused: Option<(Code, UtcMillis)>,
    /// How many bytes it has.
    pub bytes: u64,
}

/// Puts chunks behind those that wait; one that waits already keeps its place.
pub(crate) async fn push(db: &mut SqliteConnection, ids: &[ChunkId], now: UtcMillis) -> Result<(), sqlx::Error> {
    for some in ids.chunks(1_000) {
        let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO queue (id, since) ");
        query.push_values(some, |mut row, id| {
            row.push_bind(id.0.as_slice()).push_bind(now.0);
        });
        query.push(" ON CONFLICT DO NOTHING").build().persistent(false).execute(&mut *db).await?;
    }
    Ok(())
}

/// Takes a chunk out.
pub(crate) async fn remove(db: &mut SqliteConnection, id: &ChunkId) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM queue WHERE id = ?").bind(id.0.as_slice()).execute(db).await.map(|_| ())
}

/// Notes why a chunk was refused; it stays.
pub(crate) async fn refuse(
    db: &mut SqliteConnection,
    id: &ChunkId,
    code: &Code,
    now: UtcMillis,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE queue SET refused = ?, refused_at = ? WHERE id = ?")
        .bind(code.word())
        .bind(now.0)
        .bind(id.0.as_slice())
        .execute(db)
        .await
        .map(|_| ())
}

type Columns = (Vec<u8>, i64, Option<String>, Option<i64>, i64);

/// All that waits, oldest first.
pub(crate) async fn all(db: &mut SqliteConnection) -> Result<Vec<Queued>, sqlx::Error> {
    let rows: Vec<Columns> = sqlx::query_as(
        "SELECT q.id, q.since, q.refused, q.refused_at, LENGTH(c.header) + LENGTH(c.bytes) + LENGTH(c.signature)
         FROM queue q JOIN changes c ON c.id = q.id ORDER BY q.n",
    )
    .fetch_all(db)
    .await?;
    let one = |(id, since, refused, at, bytes): Columns| {
        let refused = refused.map(|word| (Code::of(&word), UtcMillis(at.unwrap_or(since))));
        Some(Queued { id: ChunkId(id.try_into().ok()?), since: UtcMillis(since), refused, bytes: bytes.unsigned_abs() })
    };
    Ok(rows.into_iter().filter_map(one).collect())
}

/// Forgets what waits.
pub(crate) async fn clear(db: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM queue").execute(db).await.map(|_| ())
}
