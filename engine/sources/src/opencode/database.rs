//! The database. It is another program's, which may be writing: it is opened read-only, nothing is
//! created beside it, and a busy or damaged one is left for the next time.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use aimon_core::name::Name;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{Connection, Row};

use super::KIND;
use super::cursor::Cursor;
use super::message::Message;
use crate::collector::{CollectError, Out, Progress};

/// Rows in one step: a message's row is about a kilobyte.
const ROWS: usize = 2000;

/// How long to wait for the program that writes.
const PATIENCE: Duration = Duration::from_secs(2);

/// Reads one step of the table `message`.
pub(super) fn read(path: &Path, state: Option<&[u8]>, out: &mut Out) -> Result<Progress, CollectError> {
    let cursor = Cursor::resume(state)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CollectError::Unreadable(error.to_string()))?;
    let before = Standing::of(path);
    let still = before.is_still();
    let rows = match runtime.block_on(step(path, still, &cursor)) {
        // Somebody began to write while the file was taken for one that nobody writes.
        Ok(_) | Err(_) if still && Standing::of(path) != before => runtime.block_on(step(path, false, &cursor)),
        other => other,
    };
    let rows = rows.map_err(|error| CollectError::Unreadable(said(&error)))?;
    Ok(take(rows, cursor, out))
}

/// What lies on the disk.
#[derive(PartialEq)]
struct Standing {
    file: Option<(u64, Option<SystemTime>)>,
    wal: Option<(u64, Option<SystemTime>)>,
    journal: Option<(u64, Option<SystemTime>)>,
}

impl Standing {
    fn of(path: &Path) -> Self {
        let stat = |suffix: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            let stat = std::fs::metadata(PathBuf::from(name)).ok()?;
            Some((stat.len(), stat.modified().ok()))
        };
        Self { file: stat(""), wal: stat("-wal"), journal: stat("-journal") }
    }

    /// Whether the file alone is the whole database. Then it is read as one that does not change,
    /// for which SQLite neither locks nor creates anything.
    fn is_still(&self) -> bool {
        let is_empty = |side: &Option<(u64, _)>| side.as_ref().is_none_or(|(length, _)| *length == 0);
        is_empty(&self.wal) && is_empty(&self.journal)
    }
}

/// A row of the table.
struct Line {
    row: i64,
    session: String,
    data: Vec<u8>,
    created: Option<i64>,
    updated: Option<i64>,
}

impl Line {
    fn of(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            row: row.try_get(0)?,
            session: row.try_get::<Option<String>, _>(1).ok().flatten().unwrap_or_default(),
            data: row.try_get::<Option<Vec<u8>>, _>(2)?.unwrap_or_default(),
            created: row.try_get(3)?,
            updated: row.try_get(4)?,
        })
    }
}

/// The rows of a step, in their order, and the open ones that were looked at first.
struct Rows {
    open: Vec<Line>,
    next: Vec<Line>,
}

async fn step(path: &Path, still: bool, cursor: &Cursor) -> Result<Rows, sqlx::Error> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .immutable(still)
        .create_if_missing(false)
        .busy_timeout(PATIENCE);
    let mut db = SqliteConnection::connect_with(&options).await?;
    let rows = select(&mut db, cursor).await;
    // What is left of an error is the error.
    let closed = db.close().await;
    let rows = rows?;
    closed.map(|()| rows)
}

async fn select(db: &mut SqliteConnection, cursor: &Cursor) -> Result<Rows, sqlx::Error> {
    let columns: Vec<String> =
        sqlx::query_scalar("SELECT name FROM pragma_table_info('message')").fetch_all(&mut *db).await?;
    let has = |name: &str| columns.iter().any(|column| column == name);
    // The two columns that the first versions did not have.
    let created = if has("time_created") { "CAST(time_created AS INTEGER)" } else { "NULL" };
    let updated = if has("time_updated") { "CAST(time_updated AS INTEGER)" } else { "NULL" };
    let fields = format!("rowid, CAST(session_id AS TEXT), CAST(data AS BLOB), {created}, {updated}");

    let mut rows = Rows { open: Vec::new(), next: Vec::new() };
    if cursor.row.is_none() && !cursor.open.is_empty() {
        let open = cursor.open.iter().map(|(row, _)| row.to_string()).collect::<Vec<_>>().join(",");
        let open = format!("SELECT {fields} FROM message WHERE rowid IN ({open}) ORDER BY rowid");
        for row in sqlx::query(sqlx::AssertSqlSafe(open)).fetch_all(&mut *db).await? {
            rows.open.push(Line::of(&row)?);
        }
    }
    let next = format!(
        "SELECT {fields} FROM message WHERE rowid > ?1 AND (rowid > ?2 OR {updated} > ?3) ORDER BY rowid LIMIT {ROWS}"
    );
    let next = sqlx::query(sqlx::AssertSqlSafe(next))
        .bind(cursor.row.unwrap_or(i64::MIN))
        .bind(cursor.before.row)
        .bind(cursor.before.updated);
    for row in next.fetch_all(&mut *db).await? {
        rows.next.push(Line::of(&row)?);
    }
    Ok(rows)
}

fn take(rows: Rows, mut cursor: Cursor, out: &mut Out) -> Progress {
    let source = Name::from(KIND);
    let more = rows.next.len() >= ROWS;
    // Those that are gone from the table are not in `rows.open`.
    let open = if cursor.row.is_none() { std::mem::take(&mut cursor.open) } else { Vec::new() };
    let last = rows.next.last().map(|line| line.row);
    for line in rows.open {
        let hash = hash(&line.data);
        if open.contains(&(line.row, hash)) {
            cursor.pass(line.row, None, Some(hash));
        } else if rows.next.iter().all(|next| next.row != line.row) {
            let open = Message::take(&line.data, &source, &line.session, line.created, out);
            cursor.pass(line.row, None, open.then_some(hash));
        }
    }
    for line in rows.next {
        let hash = hash(&line.data);
        // A change that left the data alone: nothing new is said.
        let open = if open.contains(&(line.row, hash)) {
            true
        } else {
            Message::take(&line.data, &source, &line.session, line.created, out)
        };
        cursor.pass(line.row, line.updated, open.then_some(hash));
    }
    cursor.row = last;
    if !more {
        cursor.end();
    }
    Progress { state: cursor.to_bytes(), more }
}

fn hash(data: &[u8]) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&blake3::hash(data).as_bytes()[..8]);
    u64::from_le_bytes(first)
}

/// SQLite's own words, without ours around them.
fn said(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        other => other.to_string(),
    }
}
