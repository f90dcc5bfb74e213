//! The workspaces, listed beside a relay that runs.

use aimon_ledger::ids::WorkspaceId;
use rusqlite::Connection;

use super::{SEQ_BITS, StorageError};

/// A workspace, as a relay sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// Its id.
    pub id: WorkspaceId,
    /// How many chunks.
    pub chunks: u64,
    /// How many bytes.
    pub bytes: u64,
    /// How many statements.
    pub statements: u64,
}

/// All workspaces, ascending. Reads only what tables of each version have, and changes nothing.
///
/// # Errors
/// [`StorageError::Sql`].
pub fn list(reader: &Connection) -> Result<Vec<Listed>, StorageError> {
    // A relay that died before it had made its tables holds none.
    if reader.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))? == 0 {
        return Ok(Vec::new());
    }
    let mut rows = reader.prepare(
        "SELECT id, chunks, bytes,
             (SELECT count(*) FROM statements WHERE key BETWEEN w.n << ?1 AND ((w.n + 1) << ?1) - 1)
         FROM workspaces w ORDER BY id",
    )?;
    let rows = rows.query_map([SEQ_BITS], |row| {
        Ok(Listed {
            id: WorkspaceId(row.get(0)?),
            chunks: row.get::<_, i64>(1)?.unsigned_abs(),
            bytes: row.get::<_, i64>(2)?.unsigned_abs(),
            statements: row.get::<_, i64>(3)?.unsigned_abs(),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
