//! How far each log file was read: what its collector stored, committed together with the events.

use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use crate::record::Mark;

/// The (digest, stamp) of all marks of all sources.
pub(crate) async fn stamps(db: &mut SqliteConnection) -> Result<Vec<(String, Vec<(u64, u64)>)>, sqlx::Error> {
    // One row a source: each row that is fetched wakes the thread that waits for it.
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT source, group_concat(digest || ' ' || stamp) FROM marks INDEXED BY marks_stamps GROUP BY source",
    )
    .fetch_all(db)
    .await?;
    let number = |text: &str| text.parse::<i64>().ok().map(i64::cast_unsigned);
    let pairs = |text: &str| {
        let pair = |row: &str| row.split_once(' ').and_then(|(d, s)| Some((number(d)?, number(s)?)));
        text.split_terminator(',').filter_map(pair).collect()
    };
    Ok(rows.into_iter().map(|(source, text)| (source, pairs(&text))).collect())
}

/// The keys of all marks of a source.
pub(crate) async fn keys(db: &mut SqliteConnection, source: &str) -> Result<Vec<Vec<u8>>, sqlx::Error> {
    sqlx::query_scalar("SELECT key FROM marks WHERE source = ?").bind(source).fetch_all(db).await
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
            let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO marks (source, key, digest, stamp, value) ");
            let present = some.iter().filter_map(|m| m.value.as_deref().map(|v| (m, v)));
            query.push_values(present, |mut row, (mark, value)| {
                row.push_bind(mark.source.as_str())
                    .push_bind(mark.key.as_slice())
                    .push_bind(mark.digest.cast_signed())
                    .push_bind(mark.stamp.cast_signed())
                    .push_bind(value);
            });
            query.push(" ON CONFLICT (source, key) DO UPDATE SET stamp = excluded.stamp, value = excluded.value");
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
