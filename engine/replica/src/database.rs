//! SQLite's file: how it is opened, in which version, and what its errors mean to a user.

use std::path::Path;
use std::time::Duration;

use aimon_core::sync::SyncError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, SqliteConnection};

use crate::{Error, home};

/// The database's newest version.
pub(crate) const VERSION: i64 = 3;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// How a database is opened.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Write,
    /// Beside whoever writes.
    Read,
    /// In a folder where nothing can be written, and nobody has left a log.
    Frozen,
}

/// Opens the database to read, and says its version.
pub(crate) async fn read(home: &Path) -> Result<(SqliteConnection, i64), sqlx::Error> {
    match reader(home, Access::Read).await {
        // SQLite keeps a file of its own beside a database that is open. Where it can't, nobody else of us can
        // either: without a log to read there is but the database itself.
        Err(e) if is_unopenable(&e) && !home::has_log(home) => reader(home, Access::Frozen).await,
        other => other,
    }
}

async fn reader(home: &Path, access: Access) -> Result<(SqliteConnection, i64), sqlx::Error> {
    let mut db = connect(home, access).await?;
    let version = version(&mut db).await?;
    Ok((db, version))
}

/// Opens a connection.
pub(crate) async fn connect(home: &Path, access: Access) -> Result<SqliteConnection, sqlx::Error> {
    let path = home::database(home);
    if access == Access::Write {
        // SQLite would make the file readable by others under a usual umask.
        let mut options = std::fs::OpenOptions::new();
        options.create(true).truncate(false).write(true).read(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&path).map_err(sqlx::Error::Io)?;
    }
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(false)
        .busy_timeout(Duration::from_secs(5))
        .foreign_keys(false)
        // Rows come from a thread of their own: handed over in few large groups.
        .row_buffer_size(4096)
        .pragma("temp_store", "MEMORY");
    let options = match access {
        Access::Write => options
            .journal_mode(SqliteJournalMode::Wal)
            // What is deleted is overwritten. It costs a cold scan of 108,000 calls nothing that could be measured.
            .pragma("secure_delete", "ON")
            // An event is on the disk before anything else sees it, also after a power cut.
            .synchronous(SqliteSynchronous::Full),
        // A reader must not change the journal mode; the database says its own.
        Access::Read => options.pragma("query_only", "ON"),
        Access::Frozen => options.read_only(true).immutable(true),
    };
    options.disable_statement_logging().connect().await
}

/// Whether SQLite could not open the database or a file beside it (https://sqlite.org/rescode.html).
fn is_unopenable(source: &sqlx::Error) -> bool {
    matches!(primary_code(source), Some(8 | 10 | 14))
}

fn primary_code(source: &sqlx::Error) -> Option<i32> {
    code(source).map(|c| c & 0xff)
}

/// SQLite's extended code.
fn code(source: &sqlx::Error) -> Option<i32> {
    source.as_database_error().and_then(|e| e.code()).and_then(|c| c.parse().ok())
}

async fn version(db: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("PRAGMA user_version").fetch_one(db).await
}

/// Brings the database to [`VERSION`].
pub(crate) async fn migrate(home: &Path, db: &mut SqliteConnection) -> Result<(), Error> {
    let fail = |e| error(home, e);
    let found = version(db).await.map_err(fail)?;
    if found > VERSION {
        return Err(Error::Newer { path: home.to_owned(), found, known: VERSION });
    }
    if found < VERSION {
        MIGRATIONS.run(db).await.map_err(|e| match e {
            sqlx::migrate::MigrateError::Execute(e) | sqlx::migrate::MigrateError::ExecuteMigration(e, _) => fail(e),
            other => Error::Damaged { path: home.to_owned(), detail: other.to_string() },
        })?;
    }
    Ok(())
}

/// Sorts SQLite's errors by what the user can do about them (https://sqlite.org/rescode.html).
pub(crate) fn error(home: &Path, source: sqlx::Error) -> Error {
    let path = home.to_owned();
    if let sqlx::Error::Encode(e) = &source
        && let Some(e) = e.downcast_ref::<SyncError>()
    {
        return Error::Sync(e.clone());
    }
    if let sqlx::Error::Io(source) = source {
        return Error::at(home, &home::database(home), source);
    }
    // A value that can't be what we wrote.
    if matches!(&source, sqlx::Error::ColumnDecode { .. }) {
        return Error::Damaged { path, detail: source.to_string() };
    }
    match code(&source).map(|code| Meaning::of(code, || home::is_full(home))) {
        Some(Meaning::Busy) => Error::Busy(path),
        Some(Meaning::Full) => Error::Full(path),
        Some(Meaning::Damaged) => Error::Damaged { path, detail: source.to_string() },
        Some(Meaning::Folder) => Error::Home { path, source: std::io::Error::other(source.to_string()) },
        Some(Meaning::Other) | None => Error::Database { path, source },
    }
}

/// What one of SQLite's codes says to a user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Meaning {
    /// Somebody else holds it.
    Busy,
    /// The disk is full.
    Full,
    /// It is not what was written.
    Damaged,
    /// Something about the folder: rights, a disk that is read-only or fails.
    Folder,
    /// Anything else.
    Other,
}

impl Meaning {
    /// SQLite says that the disk is full only where it writes pages. Where it can't lengthen the file that readers and writer
    /// share (`SQLITE_IOERR_SHMSIZE`), or make a file at all, it speaks of an error like any other: the disk itself tells.
    fn of(code: i32, is_full: impl FnOnce() -> bool) -> Self {
        const SHMSIZE: i32 = 10 | 19 << 8;
        match code & 0xff {
            5 | 6 => Self::Busy,
            13 => Self::Full,
            11 | 26 => Self::Damaged,
            _ if code == SHMSIZE => Self::Full,
            10 | 14 => {
                if is_full() {
                    Self::Full
                } else {
                    Self::Folder
                }
            }
            8 => Self::Folder,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Meaning;

    #[test]
    fn a_full_disk_is_one_by_whichever_code_sqlite_says_so() {
        let [full, roomy] = [true, false].map(|full| move |code| Meaning::of(code, || full));
        // FULL; IOERR_SHMSIZE.
        for code in [13, 4874] {
            assert_eq!((full(code), roomy(code)), (Meaning::Full, Meaning::Full), "{code}");
        }
        // IOERR with _WRITE, _FSYNC, _TRUNCATE, _SHMOPEN, _SHMMAP; CANTOPEN.
        for code in [10, 778, 1034, 1546, 4618, 5386, 14] {
            assert_eq!((full(code), roomy(code)), (Meaning::Full, Meaning::Folder), "{code}");
        }
        // What a full disk does not explain.
        for (code, means) in [(5, Meaning::Busy), (261, Meaning::Busy), (11, Meaning::Damaged), (8, Meaning::Folder)] {
            assert_eq!((full(code), roomy(code)), (means, means), "{code}");
        }
        assert_eq!(full(19), Meaning::Other);
    }
}
