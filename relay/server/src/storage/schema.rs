//! The tables, and how the database is opened.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::StorageError;
use crate::folder::keep_private;

/// The database's name in the data folder.
pub const FILE: &str = "relay.sqlite";

/// The version of the tables. In version 1 `ids` lay by segment and id.
pub(super) const VERSION: i64 = 2;

/// After how many pages of the journal the writer itself carries them over; before, a checkpoint beside it does.
const AUTOCHECKPOINT_PAGES: u32 = 10_000;

const TABLES: &str = "
CREATE TABLE time (n INTEGER PRIMARY KEY, until INTEGER NOT NULL);
CREATE TABLE workspaces (
    n INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, head INTEGER NOT NULL, total BLOB NOT NULL,
    bytes INTEGER NOT NULL, chunks INTEGER NOT NULL, first_day INTEGER NOT NULL);
-- Keys of statements and chunks: the workspace's n, then 40 bits of a number within it.
CREATE TABLE statements (key INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
CREATE TABLE segments (
    n INTEGER PRIMARY KEY, workspace INTEGER NOT NULL, device BLOB NOT NULL, day INTEGER NOT NULL, part INTEGER NOT NULL,
    sum BLOB NOT NULL, live INTEGER NOT NULL, aside INTEGER NOT NULL, snapshots INTEGER NOT NULL,
    UNIQUE (workspace, device, day, part));
CREATE TABLE chunks (
    key INTEGER PRIMARY KEY, aside INTEGER NOT NULL, kind INTEGER NOT NULL, day INTEGER NOT NULL, bytes BLOB NOT NULL);
CREATE INDEX summaries ON chunks (key) WHERE kind = 2;
CREATE TABLE snapshots (
    segment INTEGER NOT NULL, id BLOB NOT NULL, covers BLOB NOT NULL, PRIMARY KEY (segment, id)) WITHOUT ROWID;
";

/// Numbers within a segment only grow: its rows are appended, however random their ids are.
const IDS: &str = "
CREATE TABLE ids (
    segment INTEGER NOT NULL, seq INTEGER NOT NULL, id BLOB NOT NULL, aside INTEGER NOT NULL, snapshot INTEGER NOT NULL,
    length INTEGER NOT NULL, PRIMARY KEY (segment, seq)) WITHOUT ROWID;
";

/// Opens the folder's database to write, makes it if there is none, and brings an older one to this version.
pub(super) fn open(folder: &Path) -> Result<Connection, StorageError> {
    let path = folder.join(FILE);
    let failed = |source| StorageError::File { path: path.clone(), source };
    keep_private(&path, true).map_err(failed)?;
    // SQLite gives its journal the rights of the database; one that lies there already has those that it had then.
    for end in ["-wal", "-shm"] {
        keep_private(&folder.join(format!("{FILE}{end}")), false).map_err(failed)?;
    }
    let mut connection = Connection::open(&path)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // Durable before it is acknowledged.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // What was dropped leaves no bytes behind.
    connection.pragma_update(None, "secure_delete", "ON")?;
    connection.pragma_update(None, "wal_autocheckpoint", AUTOCHECKPOINT_PAGES)?;
    connection.pragma_update(None, "cache_size", -65_536)?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match version {
        0 => {
            let transaction = connection.transaction()?;
            transaction.execute_batch(TABLES)?;
            transaction.execute_batch(IDS)?;
            transaction.pragma_update(None, "user_version", VERSION)?;
            transaction.commit()?;
            sync_folder(folder)?;
        }
        1 => lay_ids_by_number(&mut connection)?,
        VERSION => {}
        newer => return Err(StorageError::Newer(newer)),
    }
    Ok(connection)
}

/// From version 1 to 2, wholly or not at all.
fn lay_ids_by_number(connection: &mut Connection) -> Result<(), StorageError> {
    tracing::info!("the database is of an older version and is brought to this one");
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch("ALTER TABLE ids RENAME TO ids_by_id")?;
    transaction.execute_batch(IDS)?;
    transaction.execute_batch(
        "INSERT INTO ids (segment, seq, id, aside, snapshot, length)
             SELECT segment, seq, id, aside, snapshot, length FROM ids_by_id ORDER BY segment, seq;
         DROP TABLE ids_by_id",
    )?;
    transaction.pragma_update(None, "user_version", 2)?;
    Ok(transaction.commit()?)
}

/// The folder's entry of a new file has to be durable as well.
fn sync_folder(folder: &Path) -> Result<(), StorageError> {
    let failed = |source| StorageError::File { path: folder.to_owned(), source };
    if cfg!(unix) {
        std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    }
    Ok(())
}

/// Opens the folder's database to read, beside a relay that runs. An older one is left as it is: whoever reads may ask only for what
/// all versions have.
///
/// # Errors
/// [`StorageError`].
pub fn open_reader(folder: &Path) -> Result<Connection, StorageError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(folder.join(FILE), flags)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version > VERSION { Err(StorageError::Newer(version)) } else { Ok(connection) }
}

/// Carries the journal over into the database. `is_whole` waits for everybody and leaves an empty journal: nothing of what was
/// dropped lies in it any more.
///
/// # Errors
/// [`StorageError`].
pub fn checkpoint(connection: &Connection, is_whole: bool) -> Result<(), StorageError> {
    let mode = if is_whole { "PRAGMA wal_checkpoint(TRUNCATE)" } else { "PRAGMA wal_checkpoint(PASSIVE)" };
    connection.query_row(mode, [], |_| Ok(()))?;
    Ok(())
}
