//! Secrets as files that only their owner can read.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretSlice, SecretString};

use super::choice::Surroundings;
use super::passphrase::{PassphraseError, TRIES};
use super::sealed::{Costs, DataKey, Lock, Shut, is_sealed};
use super::{Label, draw};
use crate::error::{Error, Result};
use crate::{home, output};

/// More than any secret has.
const MOST: u64 = 64 * 1024;

/// What the passphrase opens: no secret is called so, as no label has a dot.
const LOCK: &str = "passphrase.lock";

/// The folder `secrets` in the data folder.
pub(super) struct Folder {
    path: PathBuf,
    /// Whether it is under a passphrase.
    is_protected: bool,
    /// What opens it then.
    key: Option<Arc<DataKey>>,
    /// Whether no secret may lie there in clear.
    are_all_sealed: bool,
}

impl Folder {
    /// As it lies there: what is under a passphrase stays shut.
    pub(super) fn shut(home: &Path) -> Self {
        let path = home.join("secrets");
        // What can't be looked at is there.
        let is_protected = path.join(LOCK).try_exists().unwrap_or(true);
        Self { path, is_protected, key: None, are_all_sealed: false }
    }

    /// Opens it; asks for the passphrase where there is one that this process has not had yet.
    pub(super) fn open(home: &Path, around: &Surroundings<'_>) -> Result<Self> {
        let mut folder = Self::shut(home);
        if let Some(lock) = folder.lock()? {
            let key = match around.kept.get(lock.id()) {
                Some(key) => key,
                None => {
                    let key = folder.unlock(&lock, around)?;
                    if !lock.are_all_sealed() {
                        output::note(
                            "secrets may still lie in clear here: `aimon secrets passphrase` was interrupted; run it again",
                        );
                    }
                    Arc::new(key)
                }
            };
            around.kept.keep(&key);
            (folder.key, folder.are_all_sealed) = (Some(key), lock.are_all_sealed());
        }
        Ok(folder)
    }

    fn unlock(&self, lock: &Lock, around: &Surroundings<'_>) -> Result<DataKey> {
        let mut tries = 1;
        loop {
            let (passphrase, may_try_again) = (around.passphrase)()?;
            match lock.open(passphrase.expose_secret().as_bytes()) {
                Err(Shut::Wrong) if may_try_again && tries < TRIES => {
                    tries += 1;
                    output::note("that is not it; once more");
                }
                opened => return opened.map_err(|why| refused(why, &self.path.join(LOCK))),
            }
        }
    }

    fn lock(&self) -> Result<Option<Lock>> {
        let path = self.path.join(LOCK);
        match fs::read(&path) {
            Ok(bytes) => Lock::parse(bytes).map(Some).map_err(|why| refused(why, &path)),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::SecretFile { path, source }),
        }
    }

    pub(super) fn is_protected(&self) -> bool {
        self.is_protected
    }

    fn path(&self, label: &Label) -> PathBuf {
        self.path.join(label.as_str())
    }

    fn key(&self) -> Result<&DataKey> {
        Ok(self.key.as_deref().ok_or(PassphraseError::Needed)?)
    }

    pub(super) fn get(&self, label: &Label) -> Result<Option<SecretSlice<u8>>> {
        let Some(mut bytes) = self.read(label)? else { return Ok(None) };
        let mut secret = match is_sealed(&bytes) {
            true => self.key()?.open(label, &bytes).map_err(|why| refused(why, &self.path(label)))?,
            false if self.are_all_sealed => return Err(refused(Shut::Damaged, &self.path(label))),
            // Also under a passphrase: who was interrupted while putting it on finds all that there was.
            false => Zeroizing::new(std::mem::take(&mut *bytes)),
        };
        Ok(Some(SecretSlice::from(std::mem::take(&mut *secret))))
    }

    /// What lies in the file.
    fn read(&self, label: &Label) -> Result<Option<Zeroizing<Vec<u8>>>> {
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
        Ok(Some(bytes))
    }

    pub(super) fn put(&self, label: &Label, secret: &[u8]) -> Result<()> {
        self.make()?;
        self.write(label, secret)?;
        // The folder's own entry, should it be new.
        self.path.parent().map_or(Ok(()), sync_folder)
    }

    fn write(&self, label: &Label, secret: &[u8]) -> Result<()> {
        match self.is_protected {
            true => home::write_private(&self.path(label), &self.seal(label, secret)?),
            false => home::write_private(&self.path(label), secret),
        }
    }

    fn seal(&self, label: &Label, secret: &[u8]) -> Result<Vec<u8>> {
        self.key()?.seal(label, secret, draw()?).map_err(|why| refused(why, &self.path(label)))
    }

    /// Puts it under a passphrase, or under another one. Each step leaves all of it readable by the passphrase that stands
    /// then, and what was interrupted is gone through again.
    pub(super) fn protect(&mut self, passphrase: &SecretString, costs: Costs) -> Result<()> {
        let key = match &self.key {
            Some(key) => Arc::clone(key),
            None if self.is_protected => return Err(PassphraseError::Needed.into()),
            None => Arc::new(DataKey::new(draw()?, Zeroizing::new(draw()?))),
        };
        let path = self.path.join(LOCK);
        let damaged = |why| refused(why, &path);
        let secret = passphrase.expose_secret().as_bytes();
        let lock = Lock::new(&key, secret, costs, draw()?, draw()?).map_err(damaged)?;
        // That it opens is known before anything depends on it.
        lock.open(secret).map_err(damaged)?;
        self.make()?;
        let lock = lock.with_all_sealed(self.are_all_sealed);
        home::write_private(&path, lock.bytes())?;
        (self.is_protected, self.key) = (true, Some(key));
        for label in self.labels()? {
            match self.read(&label)? {
                Some(bytes) if !is_sealed(&bytes) && !self.are_all_sealed => self.write(&label, &bytes)?,
                _ => {}
            }
        }
        if !self.are_all_sealed {
            home::write_private(&path, lock.with_all_sealed(true).bytes())?;
            self.are_all_sealed = true;
        }
        Ok(())
    }

    /// Takes the passphrase off: the lock goes last.
    pub(super) fn unprotect(&mut self) -> Result<()> {
        let Some(lock) = self.lock()? else { return Ok(()) };
        let labels = self.labels()?;
        // What can't be opened is said before anything lies in clear.
        let secrets = labels.iter().map(|label| self.get(label)).collect::<Result<Vec<_>>>()?;
        let path = self.path.join(LOCK);
        home::write_private(&path, lock.with_all_sealed(false).bytes())?;
        for (label, secret) in labels.iter().zip(secrets) {
            if let Some(secret) = secret {
                home::write_private(&self.path(label), secret.expose_secret())?;
            }
        }
        remove_durably(&path)?;
        (self.is_protected, self.key, self.are_all_sealed) = (false, None, false);
        Ok(())
    }

    /// All secrets that lie there. What a crash has left of writing one goes.
    fn labels(&self) -> Result<Vec<Label>> {
        let failed = |source| Error::SecretFile { path: self.path.clone(), source };
        let mut labels = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.path().extension().is_some_and(|end| end == "part") {
                remove_durably(&entry.path())?;
            }
            labels.extend(entry.file_name().to_str().and_then(Label::new));
        }
        labels.sort();
        Ok(labels)
    }

    fn make(&self) -> Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.path).map_err(|source| Error::SecretFile { path: self.path.clone(), source })
    }

    pub(super) fn remove(&self, label: &Label) -> Result<()> {
        remove_durably(&self.path(label))
    }

    /// The folder, with what a crash may have left in it.
    pub(super) fn remove_all(&self) -> Result<()> {
        match fs::remove_dir_all(&self.path) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::SecretFile { path: self.path.clone(), source: e }),
            _ => self.path.parent().map_or(Ok(()), sync_folder),
        }
    }
}

/// Whether a folder's secrets are under a passphrase.
pub(super) fn is_protected(home: &Path) -> bool {
    Folder::shut(home).is_protected
}

fn refused(why: Shut, path: &Path) -> Error {
    match why {
        Shut::Wrong => PassphraseError::Wrong,
        Shut::Damaged => PassphraseError::Damaged(path.to_owned()),
        Shut::Newer => PassphraseError::Newer(path.to_owned()),
    }
    .into()
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
