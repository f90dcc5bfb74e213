//! Files within one folder, and never outside of it: all is opened relative to the folder, and a link that leads out is refused.

use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};

use crate::transport::Error;

/// What every file begins with that is just being written.
const PART: &str = ".aimon-";

/// The folder.
#[derive(Debug)]
pub(super) struct Files {
    root: Dir,
    path: PathBuf,
}

impl Files {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        match Dir::open_ambient_dir(path, ambient_authority()) {
            Ok(root) => Ok(Self { root, path: path.to_owned() }),
            // A disk that is not connected: making the folder would sync into nothing.
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                Err(Error::NoFolder(path.to_owned()))
            }
            Err(source) => Err(Error::Folder { path: path.to_owned(), source }),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn failed(&self, path: &Path, source: io::Error) -> Error {
        Error::Folder { path: self.path.join(path), source }
    }

    /// The names in a folder; none if there is no such folder.
    pub(super) fn names(&self, path: &Path) -> Result<Vec<String>, Error> {
        let failed = |e| self.failed(path, e);
        let entries = match self.root.symlink_metadata(here(path)).and_then(|is| match is.is_dir() {
            true => self.root.read_dir(here(path)),
            false => Err(ErrorKind::NotADirectory.into()),
        }) {
            Ok(entries) => entries,
            Err(e) if is_none(&e) => return Ok(Vec::new()),
            Err(e) => return Err(failed(e)),
        };
        // A name that is no text becomes one that is none of ours.
        entries.map(|entry| Ok(entry.map_err(failed)?.file_name().to_string_lossy().into_owned())).collect()
    }

    /// A file's bytes, up to `most` and one more; `None` if there is no such file.
    pub(super) fn read(&self, path: &Path, most: usize) -> Result<Option<Vec<u8>>, Error> {
        let read = || {
            // A pipe would be waited for, and nobody of ours makes links: what is no file is not opened.
            if !self.root.symlink_metadata(path)?.is_file() {
                return Ok(None);
            }
            let mut bytes = Vec::new();
            self.root.open(path)?.take(most as u64 + 1).read_to_end(&mut bytes)?;
            Ok(Some(bytes))
        };
        match read() {
            Err(e) if is_none(&e) => Ok(None),
            read => read.map_err(|e| self.failed(path, e)),
        }
    }

    /// When a file was written last; `None` if there is no such file, or its file system keeps no times.
    pub(super) fn written(&self, path: &Path) -> Result<Option<SystemTime>, Error> {
        match self.root.symlink_metadata(path) {
            Ok(is) => Ok(is.modified().ok().map(|at| at.into_std())),
            Err(e) if is_none(&e) => Ok(None),
            Err(e) => Err(self.failed(path, e)),
        }
    }

    /// Writes a file whole, under a name of its own first. Its folder is not synced yet.
    pub(super) fn put(&self, folder: &Path, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let path = folder.join(name);
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|e| self.failed(&path, io::Error::other(e.to_string())))?;
        let part = folder.join(format!("{PART}{:016x}", u64::from_le_bytes(random)));
        let write = || {
            let mut file = self.root.open_with(&part, OpenOptions::new().write(true).create_new(true))?;
            file.write_all(bytes)?;
            file.sync_all()?;
            drop(file);
            self.root.rename(&part, &self.root, &path)
        };
        write().map_err(|e| {
            // Nothing half-written is left, if it can be helped.
            let _ = self.root.remove_file(&part);
            self.failed(&path, e)
        })
    }

    /// Makes a folder, durably.
    pub(super) fn make(&self, folder: &Path) -> Result<(), Error> {
        if self.root.is_dir(folder) {
            return Ok(());
        }
        self.root.create_dir_all(folder).map_err(|e| self.failed(folder, e))?;
        folder.ancestors().skip(1).try_for_each(|parent| self.sync(parent))
    }

    /// Removes a file; it is no error if there is none.
    pub(super) fn remove(&self, path: &Path) -> Result<(), Error> {
        match self.root.remove_file(path) {
            Err(e) if !is_none(&e) => Err(self.failed(path, e)),
            _ => Ok(()),
        }
    }

    /// Removes a folder, if nothing is in it.
    pub(super) fn remove_empty(&self, folder: &Path) {
        let _ = self.root.remove_dir(folder);
    }

    /// Removes what is half-written in a folder, and was left `age` or longer before `now`.
    pub(super) fn remove_parts(&self, folder: &Path, now: SystemTime, age: Duration) -> Result<(), Error> {
        self.remove_old(folder, |name| name.starts_with(PART), now, age)
    }

    /// Removes files of some names that were left `age` or longer before `now`.
    pub(super) fn remove_old(
        &self,
        folder: &Path,
        is_meant: impl Fn(&str) -> bool,
        now: SystemTime,
        age: Duration,
    ) -> Result<(), Error> {
        for name in self.names(folder)?.iter().filter(|name| is_meant(name)) {
            let path = folder.join(name);
            let Ok(is) = self.root.symlink_metadata(&path) else { continue };
            // What shares the folder carries over when another machine wrote a file, by that one's clock; when it came to be here,
            // this one's clock says.
            let left = is.modified().ok().max(is.created().ok());
            if left.is_some_and(|at| now.duration_since(at.into_std()).is_ok_and(|old| old >= age)) {
                self.remove(&path)?;
            }
        }
        Ok(())
    }

    /// Makes durable which files a folder holds.
    pub(super) fn sync(&self, folder: &Path) -> Result<(), Error> {
        // Windows keeps no such promise, and syncs no folder.
        if cfg!(not(unix)) {
            return Ok(());
        }
        match self.root.open(here(folder)).and_then(|dir| dir.sync_all()) {
            // Some network file systems can't.
            Err(e) if !matches!(e.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => {
                Err(self.failed(folder, e))
            }
            _ => Ok(()),
        }
    }
}

/// The folder itself has the empty path.
fn here(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}

/// Whether a path leads to nothing that is ours: it is not there, something else is, or a link that leads out.
fn is_none(e: &io::Error) -> bool {
    // A link that leads out is refused by the library, not by the operating system.
    let leads_out = e.kind() == ErrorKind::PermissionDenied && e.raw_os_error().is_none();
    leads_out || matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}
