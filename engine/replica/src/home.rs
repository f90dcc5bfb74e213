//! The folder that holds everything: owner-only, one writer at a time.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use fs4::FileExt;

use crate::Error;

/// The database's file in the folder.
pub(crate) fn database(home: &Path) -> PathBuf {
    home.join("aimon.db")
}

/// SQLite's write-ahead log beside it, while the database is open or was not closed.
pub(crate) fn log(home: &Path) -> PathBuf {
    home.join("aimon.db-wal")
}

/// Whether that log holds anything: one that could only just be begun says nothing that the database does not.
pub(crate) fn has_log(home: &Path) -> bool {
    fs::metadata(log(home)).is_ok_and(|is| is.len() > 0)
}

/// As much as SQLite wants at once.
const PROBE: usize = 32 << 10;

/// Whether the folder's disk has no room left. Only writing something tells for certain.
pub(crate) fn is_full(home: &Path) -> bool {
    let path = home.join(format!(".aimon-{}.full", std::process::id()));
    let written = File::create_new(&path).and_then(|mut file| std::io::Write::write_all(&mut file, &[0; PROBE]));
    // Nothing is left of it, whatever became of it.
    let _ = fs::remove_file(&path);
    written.is_err_and(|e| is_of_full_disk(&e))
}

/// Whether an error says that there is no room left.
pub(crate) fn is_of_full_disk(e: &std::io::Error) -> bool {
    matches!(e.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
}

/// The writer's lock. The operating system gives it back when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// Makes the folder, readable by its owner only.
pub(crate) fn create(home: &Path) -> Result<(), Error> {
    let fail = |source| Error::at(home, home, source);
    if home.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(home).map_err(fail)
}

/// The file that the writer's lock is on.
pub(crate) fn lock_file(home: &Path) -> PathBuf {
    home.join("lock")
}

/// Takes the writer's lock.
pub(crate) fn lock(home: &Path) -> Result<Lock, Error> {
    let path = lock_file(home);
    let fail = |source| Error::at(home, &path, source);
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(&path).map_err(fail)?;
    match FileExt::try_lock(&file) {
        Ok(()) => Ok(Lock { _file: file }),
        Err(fs4::TryLockError::WouldBlock) => Err(Error::Locked(home.to_owned())),
        Err(fs4::TryLockError::Error(source)) => Err(fail(source)),
    }
}
