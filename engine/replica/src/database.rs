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
        Err(e) if is_unopenable(&e) && !home::log(home).exists() => reader(home, Access::Frozen).await,
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
    source.as_database_error().and_then(|e| e.code()).and_then(|c| c.parse::<i32>().ok()).map(|c| c & 0xff)
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
        return Error::Home { path: home::database(home), source };
    }
    // A value that can't be what we wrote.
    if matches!(&source, sqlx::Error::ColumnDecode { .. }) {
        return Error::Damaged { path, detail: source.to_string() };
    }
    match primary_code(&source) {
        Some(5 | 6) => Error::Busy(path),
        Some(13) => Error::Full(path),
        Some(11 | 26) => Error::Damaged { path, detail: source.to_string() },
        Some(8 | 10 | 14) => Error::Home { path, source: std::io::Error::other(source.to_string()) },
        _ => Error::Database { path, source },
    }
}
