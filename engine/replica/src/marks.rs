//! How far each log file was read: what its collector stored, committed together with the events.

use std::collections::HashMap;

use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use crate::replica::Mark;

/// All marks of a source, by key.
pub(crate) async fn of(db: &mut SqliteConnection, source: &str) -> Result<HashMap<Vec<u8>, Vec<u8>>, sqlx::Error> {
    let rows: Vec<(Vec<u8>, Vec<u8>)> =
        sqlx::query_as("SELECT key, value FROM marks WHERE source = ?").bind(source).fetch_all(db).await?;
    Ok(rows.into_iter().collect())
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
