//! What is done to a data folder beside serving it: backup, restore, the list of workspaces, and taking one out.

use std::fs::{self, File};
use std::path::Path;

use aimon_ledger::ids::{WorkspaceId, unhex};
use aimon_relay_core::storage::Storage;
use rusqlite::params;

use crate::error::{Error, Result};
use crate::folder::{Folder, has_data, make, private};
use crate::storage::{FILE, Sqlite, StorageError, checkpoint, list, open_reader};

pub use crate::storage::Listed;

/// Writes what the relay holds into another folder, also while it runs. Neither the key of its tokens nor the
/// registration token is in it.
///
/// # Errors
/// [`Error::NoData`], [`Error::NotEmpty`], [`Error::Folder`], [`Error::Storage`].
pub fn backup(data: &Path, to: &Path) -> Result<()> {
    if !has_data(data) {
        return Err(Error::NoData(data.to_owned()));
    }
    copy(data, to)
}

/// Puts a backup into a folder that holds no relay's data yet. What came in since then devices bring again.
///
/// # Errors
/// As [`backup`].
pub fn restore(from: &Path, data: &Path) -> Result<()> {
    if !has_data(from) {
        return Err(Error::NoData(from.to_owned()));
    }
    let folder = Folder::take(data)?;
    copy(from, folder.path())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if has_data(to) {
        return Err(Error::NotEmpty(to.to_owned()));
    }
    let failed = |source| Error::Folder { path: to.to_owned(), source };
    make(to).map_err(failed)?;
    let (part, whole) = (to.join("relay.part"), to.join(FILE));
    if part.exists() {
        fs::remove_file(&part).map_err(failed)?;
    }
    let connection = open_reader(from)?;
    // An empty file of this name is taken, with what others may do with it.
    private().create_new(true).open(&part).map_err(failed)?;
    connection
        .execute("VACUUM INTO ?1", params![part.to_string_lossy()])
        .map_err(|error| Error::Storage(error.into()))?;
    File::options().write(true).open(&part).and_then(|file| file.sync_all()).map_err(failed)?;
    fs::rename(&part, whole).map_err(failed)?;
    if cfg!(unix) {
        File::open(to).and_then(|folder| folder.sync_all()).map_err(failed)?;
    }
    Ok(())
}

/// All workspaces, also while the relay runs.
///
/// # Errors
/// [`Error::NoData`], [`Error::Storage`].
pub fn workspaces(data: &Path) -> Result<Vec<Listed>> {
    if !has_data(data) {
        return Err(Error::NoData(data.to_owned()));
    }
    // Opened to write, an older database would change under a relay of its own version.
    Ok(list(&open_reader(data)?)?)
}

/// Takes a workspace out, with all that is held of it, and leaves none of its bytes.
///
/// # Errors
/// [`Error::NoData`], [`Error::Running`], [`Error::NoWorkspace`], [`Error::Storage`].
pub fn purge(data: &Path, workspace: &str) -> Result<()> {
    if !has_data(data) {
        return Err(Error::NoData(data.to_owned()));
    }
    let _folder = Folder::take(data)?;
    let unknown = || Error::NoWorkspace(workspace.to_owned());
    let id = unhex(workspace).map(WorkspaceId).ok_or_else(unknown)?;
    let mut storage = Sqlite::open(data)?;
    if storage.statements(&id)?.is_empty() {
        return Err(unknown());
    }
    storage.remove_workspace(&id)?;
    storage.commit()?;
    drop(storage);
    let connection = open_reader(data)?;
    checkpoint(&connection, true)?;
    connection.execute_batch("VACUUM").map_err(StorageError::from)?;
    Ok(checkpoint(&connection, true)?)
}
