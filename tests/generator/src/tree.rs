//! The files of one machine's home.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::Error;

/// Writes files under one home folder and counts them.
pub(crate) struct Tree {
    home: PathBuf,
    made: BTreeSet<PathBuf>,
    pub bytes: u64,
    pub files: u64,
}

impl Tree {
    pub fn new(home: PathBuf) -> Self {
        Self { home, made: BTreeSet::new(), bytes: 0, files: 0 }
    }

    /// Where `path` lies; its folder is made.
    pub fn place(&mut self, path: &str) -> Result<PathBuf, Error> {
        let full = self.home.join(path);
        if let Some(folder) = full.parent()
            && self.made.insert(folder.to_owned())
        {
            fs::create_dir_all(folder).map_err(|source| Error::Write { path: folder.to_owned(), source })?;
        }
        Ok(full)
    }

    /// Writes a file last changed at `at`.
    pub fn write(&mut self, path: &str, bytes: &[u8], at: i64) -> Result<(), Error> {
        let full = self.place(path)?;
        let wrap = |source| Error::Write { path: full.clone(), source };
        fs::write(&full, bytes).map_err(wrap)?;
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(at.max(0) as u64);
        fs::File::options().append(true).open(&full).and_then(|f| f.set_modified(time)).map_err(wrap)?;
        self.bytes += bytes.len() as u64;
        self.files += 1;
        Ok(())
    }

    /// Writes a file compressed with zstd.
    pub fn write_zstd(&mut self, path: &str, bytes: &[u8], at: i64) -> Result<(), Error> {
        let packed = zstd::encode_all(bytes, 3).map_err(|source| Error::Write { path: path.into(), source })?;
        self.write(path, &packed, at)
    }

    /// Notes a file that somebody else wrote.
    pub fn wrote(&mut self, bytes: u64) {
        self.bytes += bytes;
        self.files += 1;
    }
}
