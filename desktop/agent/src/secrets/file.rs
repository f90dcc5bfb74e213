//! Secrets as files that only their owner can read.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use secrecy::SecretSlice;
use secrecy::zeroize::Zeroizing;

use super::Label;
use crate::error::{Error, Result};
use crate::home;

/// More than any secret has.
const MOST: u64 = 64 * 1024;

/// The folder `secrets` in the data folder.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(home: &Path) -> Self {
        Self(home.join("secrets"))
    }

    fn path(&self, label: &Label) -> PathBuf {
        self.0.join(label.as_str())
    }

    pub(super) fn get(&self, label: &Label) -> Result<Option<SecretSlice<u8>>> {
        let path = self.path(label);
        let failed = |source| Error::SecretFile { path: path.clone(), source };
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(failed(e)),
        };
        // Of the open file: what is checked is what is read.
        let is = file.metadata().map_err(failed)?;
        if !is.is_file() {
            return Err(failed(ErrorKind::InvalidData.into()));
        }
        if others_may_read(&is) {
            return Err(Error::SecretReadable(path));
        }
        if is.len() > MOST {
            return Err(failed(ErrorKind::FileTooLarge.into()));
        }
        // As large as it has to be from the start: growing would leave copies behind.
        let mut bytes = Zeroizing::new(vec![0; is.len() as usize]);
        file.read_exact(&mut bytes).map_err(failed)?;
        Ok(Some(SecretSlice::from(std::mem::take(&mut *bytes))))
    }

    pub(super) fn put(&self, label: &Label, secret: &[u8]) -> Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.0).map_err(|source| Error::SecretFile { path: self.0.clone(), source })?;
        home::write_private(&self.path(label), secret)?;
        // The folder's own entry, should it be new.
        self.0.parent().map_or(Ok(()), sync_folder)
    }

    pub(super) fn remove(&self, label: &Label) -> Result<()> {
        remove_durably(&self.path(label))
    }

    /// The folder, with what a crash may have left in it.
    pub(super) fn remove_all(&self) -> Result<()> {
        match fs::remove_dir_all(&self.0) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::SecretFile { path: self.0.clone(), source: e }),
            _ => self.0.parent().map_or(Ok(()), sync_folder),
        }
    }
}

/// Removes a file, so that it is gone after a crash, too. That there is none is no error.
pub(super) fn remove_durably(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Ok(()) => path.parent().map_or(Ok(()), sync_folder),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        Err(source) => Err(Error::SecretFile { path: path.to_owned(), source }),
    }
}

fn sync_folder(folder: &Path) -> Result<()> {
    home::sync_folder(folder).map_err(|source| Error::SecretFile { path: folder.to_owned(), source })
}

#[cfg(unix)]
fn others_may_read(is: &fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&is.permissions()) & 0o077 != 0
}

/// The data folder lies in the user's profile, which others can't read.
#[cfg(not(unix))]
fn others_may_read(_: &fs::Metadata) -> bool {
    false
}
