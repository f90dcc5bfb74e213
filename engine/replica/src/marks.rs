//! How far each log file was read: what its collector stored, committed together with the events.

use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use crate::derived::unhex;
use crate::replica::Mark;

/// The first `bytes` bytes of all marks, by source and key: in one row a source.
pub(crate) async fn heads(
    db: &mut SqliteConnection,
    bytes: u32,
) -> Result<Vec<(String, Vec<u8>, Vec<u8>)>, sqlx::Error> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT source, group_concat(hex(key) || ' ' || hex(substr(value, 1, ?))) FROM marks GROUP BY source",
    )
    .bind(bytes)
    .fetch_all(db)
    .await?;
    let mut heads = Vec::new();
    for (source, text) in rows {
        heads.extend(text.split_terminator(',').filter_map(|row| {
            let (key, head) = row.split_once(' ')?;
            Some((source.clone(), unhex(key)?, unhex(head)?))
        }));
    }
    Ok(heads)
}

/// One whole mark.
pub(crate) async fn one(db: &mut SqliteConnection, source: &str, key: &[u8]) -> Result<Option<Vec<u8>>, sqlx::Error> {
    sqlx::query_scalar("SELECT value FROM marks WHERE source = ? AND key = ?")
        .bind(source)
        .bind(key)
        .fetch_optional(db)
        .await
}

/// Stores marks; one without a value is taken away.
pub(crate) async fn store(db: &mut SqliteConnection, marks: &[Mark]) -> Result<(), sqlx::Error> {
    // SQLite takes at most 32,766 parameters in a statement.
    for some in marks.chunks(4000) {
        if some.iter().any(|m| m.value.is_some()) {
            let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO marks (source, key, value) ");
            let present = some.iter().filter_map(|m| m.value.as_deref().map(|v| (m, v)));
            query.push_values(present, |mut row, (mark, value)| {
                row.push_bind(mark.source.as_str()).push_bind(mark.key.as_slice()).push_bind(value);
            });
            query.push(" ON CONFLICT (source, key) DO UPDATE SET value = excluded.value");
            query.build().persistent(false).execute(&mut *db).await?;
        }
    }
    for gone in marks.iter().filter(|m| m.value.is_none()) {
        sqlx::query("DELETE FROM marks WHERE source = ? AND key = ?")
            .bind(gone.source.as_str())
            .bind(gone.key.as_slice())
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

/// Forgets all marks: every log is read again from its start.
pub(crate) async fn clear(db: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM marks").execute(db).await.map(|_| ())
}
