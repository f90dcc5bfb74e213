//! The SQLite database, with OpenCode's tables.

use std::path::Path;

use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};

use super::session::Row;
use crate::Error;

const TABLES: [&str; 3] = [
    "CREATE TABLE session (id text PRIMARY KEY, project_id text NOT NULL, directory text NOT NULL, title text NOT NULL, version text NOT NULL, time_created integer NOT NULL, time_updated integer NOT NULL)",
    "CREATE TABLE message (id text PRIMARY KEY, session_id text NOT NULL, time_created integer NOT NULL, time_updated integer NOT NULL, data text NOT NULL)",
    "CREATE TABLE part (id text PRIMARY KEY, message_id text NOT NULL, session_id text NOT NULL, time_created integer NOT NULL, time_updated integer NOT NULL, data text NOT NULL)",
];

/// Writes a new database; its size in bytes.
pub(super) fn write(path: &Path, rows: Vec<Row>) -> Result<u64, Error> {
    let failed = |reason: String| Error::Database { path: path.to_owned(), reason };
    // A thread of its own: the caller may already run inside an async runtime.
    let result = std::thread::scope(|scope| {
        scope
            .spawn(|| {
                let runtime =
                    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
                runtime.block_on(fill(path, &rows)).map_err(|e| e.to_string())
            })
            .join()
            .unwrap_or_else(|_| Err("the writing thread died".to_owned()))
    });
    result.map_err(failed)?;
    std::fs::metadata(path).map(|m| m.len()).map_err(|source| Error::Write { path: path.to_owned(), source })
}

async fn fill(path: &Path, rows: &[Row]) -> Result<(), sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut db = SqliteConnection::connect_with(&options).await?;
    let mut tx = db.begin().await?;
    for table in TABLES {
        sqlx::query(table).execute(&mut *tx).await?;
    }
    for row in rows {
        sqlx::query("INSERT OR IGNORE INTO session VALUES (?, 'global', ?, 'work', '1.14.2', ?, ?)")
            .bind(&row.session)
            .bind("/home/ada/src/atlas")
            .bind(row.at)
            .bind(row.at)
            .execute(&mut *tx)
            .await?;
        sqlx::query("INSERT INTO message VALUES (?, ?, ?, ?, ?)")
            .bind(&row.id)
            .bind(&row.session)
            .bind(row.at)
            .bind(row.at)
            .bind(&row.data)
            .execute(&mut *tx)
            .await?;
        sqlx::query("INSERT INTO part VALUES (?, ?, ?, ?, ?, ?)")
            .bind(format!("prt_{}", row.id.trim_start_matches("msg_")))
            .bind(&row.id)
            .bind(&row.session)
            .bind(row.at)
            .bind(row.at)
            .bind(&row.part)
            .execute(&mut *tx)
            .await?;
    }
    tx.commit().await?;
    db.close().await
}
