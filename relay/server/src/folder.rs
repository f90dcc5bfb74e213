//! The data folder: the database, the key of tokens, the registration token, and the lock.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use aimon_ledger::ids::hex;
use fs4::{FileExt, TryLockError};
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::storage;

const LOCK: &str = "relay.lock";
const TOKEN_KEY: &str = "token.key";
const REGISTRATION: &str = "registration.token";

/// A relay's folder, held by this process alone.
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Takes a folder, which is made if it does not exist.
    ///
    /// # Errors
    /// [`Error::Running`], [`Error::Folder`].
    pub fn take(path: &Path) -> Result<Self> {
        let failed = |source| Error::Folder { path: path.to_owned(), source };
        make(path).map_err(failed)?;
        let lock = File::create(path.join(LOCK)).map_err(failed)?;
        match FileExt::try_lock(&lock) {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Error::Running(path.to_owned())),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The key of this relay's tokens, drawn at its first start.
    ///
    /// # Errors
    /// [`Error::Folder`].
    pub fn token_key(&self) -> Result<Zeroizing<[u8; 32]>> {
        let path = self.path.join(TOKEN_KEY);
        let failed = |source| Error::Folder { path: path.clone(), source };
        let bytes = match fs::read(&path).map(Zeroizing::new) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => Zeroizing::default(),
            Err(e) => return Err(failed(e)),
        };
        // A power cut can leave an empty file: no token was ever signed by that.
        if bytes.is_empty() {
            let key = random()?;
            write_private(&path, &*key).map_err(failed)?;
            return Ok(key);
        }
        let key = bytes.as_slice().try_into().map_err(|_| Error::TokenKey(path.clone()))?;
        Ok(Zeroizing::new(key))
    }
}

/// What whoever opens a workspace has to show; drawn when it is first asked for.
///
/// # Errors
/// [`Error::Folder`].
pub fn registration_token(folder: &Path) -> Result<Zeroizing<String>> {
    let path = folder.join(REGISTRATION);
    match fs::read_to_string(&path) {
        // One that is empty would let in whoever shows nothing.
        Ok(text) if !text.trim().is_empty() => return Ok(Zeroizing::new(text.trim().to_owned())),
        Err(source) if source.kind() != io::ErrorKind::NotFound => return Err(Error::Folder { path, source }),
        _ => {}
    }
    let token = Zeroizing::new(hex(&*random()?));
    set_registration_token(folder, &token)?;
    Ok(token)
}

/// Sets it.
///
/// # Errors
/// [`Error::BadToken`], [`Error::Folder`].
pub fn set_registration_token(folder: &Path, token: &str) -> Result<()> {
    let token = token.trim();
    if token.len() < 16 || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::BadToken);
    }
    let path = folder.join(REGISTRATION);
    let failed = |source| Error::Folder { path: path.clone(), source };
    make(folder).map_err(failed)?;
    write_private(&path, format!("{token}\n").as_bytes()).map_err(failed)
}

/// Whether a folder holds a relay's data.
pub fn has_data(folder: &Path) -> bool {
    folder.join(storage::FILE).is_file()
}

/// 32 random bytes of the operating system's.
///
/// # Errors
/// [`Error::System`].
pub fn random() -> Result<Zeroizing<[u8; 32]>> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut())
        .map_err(|e| Error::System { what: "no random bytes", source: io::Error::other(e.to_string()) })?;
    Ok(bytes)
}

/// Makes a folder that is its owner's alone, if it does not exist.
pub(crate) fn make(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// How a file is opened to be written that only its owner may read, where it is made by that.
pub(crate) fn private() -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Has a file be its owner's alone, whatever its folder lets others do: it is made if `may_make` says so, and what is there already loses
/// what others may do with it.
pub(crate) fn keep_private(path: &Path, may_make: bool) -> io::Result<()> {
    let opened = private().read(true).create(may_make).truncate(false).open(path);
    let file = match opened {
        Err(e) if !may_make && e.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if file.metadata()?.permissions().mode() & 0o077 != 0 {
            file.set_permissions(fs::Permissions::from_mode(0o600))?;
        }
    }
    drop(file);
    Ok(())
}

/// Writes a file that only its owner can read, whole or not at all.
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = private().create(true).truncate(true).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(beside, path)
}
