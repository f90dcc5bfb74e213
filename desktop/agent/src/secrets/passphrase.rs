//! The passphrase over the file store: where it comes from, and what is kept of it.
//!
//! It is typed at a terminal, or lies in a file that `AIMON_PASSPHRASE_FILE` names, for services: a credential of systemd, a
//! mounted secret. It is no argument and no variable's value, which other programs can read. A process asks once: it keeps the
//! key that the passphrase opens, never the passphrase. `aimon up` asks at its start, and not behind what it shows later.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::sealed::DataKey;
use crate::error::{Result, exit};
use crate::{hidden, output};

/// The variable that names the file in which the passphrase lies.
pub const PASSPHRASE_FILE: &str = "AIMON_PASSPHRASE_FILE";

/// The fewest characters of a new one.
const FEWEST: usize = 8;
/// More bytes than anybody types.
const MOST: u64 = 1024;
/// How often a person may try.
pub(super) const TRIES: u32 = 3;

/// An error about the passphrase.
#[derive(Debug, thiserror::Error)]
pub enum PassphraseError {
    /// Nobody can be asked, and no file says it.
    #[error(
        "this device's secrets are under a passphrase, and nobody can be asked for it here: set AIMON_PASSPHRASE_FILE to a file that holds it, or run it on a terminal"
    )]
    Needed,
    /// It opens nothing.
    #[error("that is not the passphrase of this device's secrets")]
    Wrong,
    /// The file that should hold it can't be used.
    #[error("the passphrase can't be read from {path}: {why}")]
    File {
        /// Which one.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// What was given can't be one.
    #[error("nothing was changed: {0}")]
    Unfit(&'static str),
    /// The secrets don't lie in files.
    #[error("this folder's secrets are not in files, and only files can be under a passphrase")]
    NotInFiles,
    /// The lock, or what it opens, is not what was written.
    #[error("{0} is not what was written, so what the passphrase protects can't be opened")]
    Damaged(PathBuf),
    /// Another version wrote it.
    #[error("a newer aimon has put {0} under a passphrase, in a way that this one can't read")]
    Newer(PathBuf),
}

impl PassphraseError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Needed => "passphrase-needed",
            Self::Wrong => "passphrase-wrong",
            Self::File { .. } => "passphrase-file",
            Self::Unfit(_) => "passphrase-unfit",
            Self::NotInFiles => "passphrase-not-here",
            Self::Damaged(_) => "passphrase-damaged",
            Self::Newer(_) => "passphrase-newer",
        }
    }

    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Needed => {
                "for a service, a systemd credential will do: LoadCredential=aimon:/etc/aimon.passphrase and \
                 Environment=AIMON_PASSPHRASE_FILE=%d/aimon"
            }
            Self::Wrong => {
                "nothing was changed; try again. Where it is forgotten, the secrets are gone: `aimon workspace leave --lose` and join \
                 again, `aimon account rekey` for each account"
            }
            Self::File { .. } => {
                "name a file that holds the passphrase on one line, and that only you can read (chmod 600)"
            }
            Self::Unfit(_) => "a passphrase has at least 8 characters, and is typed twice alike",
            Self::NotInFiles => {
                "the keychain has a lock of its own. Secrets go into files where AIMON_SECRET_STORE=file is set before there are any"
            }
            Self::Damaged(_) => {
                "bring the folder `secrets` back from a backup; where there is none, `aimon workspace leave --lose` and join again, \
                 `aimon account rekey` for each account"
            }
            Self::Newer(_) => "run the newer aimon",
        }
    }

    /// The process's exit code.
    pub fn exit(&self) -> u8 {
        match self {
            Self::File { .. } => exit::USAGE,
            _ => exit::FAILURE,
        }
    }
}

/// The keys that this process has opened.
#[derive(Default, Debug)]
pub struct Kept(Mutex<Vec<Arc<DataKey>>>);

impl Kept {
    /// None yet.
    pub const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    pub(super) fn get(&self, id: [u8; 8]) -> Option<Arc<DataKey>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().find(|key| key.id() == id).cloned()
    }

    pub(super) fn keep(&self, key: &Arc<DataKey>) {
        if self.get(key.id()).is_none() {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(key));
        }
    }
}

/// This process's.
pub(super) static KEPT: Kept = Kept::new();
static IS_SILENT: AtomicBool = AtomicBool::new(false);

/// From here on nobody is asked: what runs on behind a terminal would take what is typed for others.
pub fn ask_no_more() {
    IS_SILENT.store(true, Ordering::Relaxed);
}

/// The passphrase from where this process can have it: the file, else whoever is at the terminal. Whether another try makes sense.
pub(super) fn ask() -> Result<(SecretString, bool)> {
    if let Some(path) = std::env::var_os(PASSPHRASE_FILE).filter(|path| !path.is_empty()) {
        return Ok((read(Path::new(&path))?, false));
    }
    if IS_SILENT.load(Ordering::Relaxed) || !output::can_ask() {
        return Err(PassphraseError::Needed.into());
    }
    Ok((typed("The passphrase of this device's secrets (it is not shown):")?, true))
}

/// A new one: from a file, else typed twice.
///
/// # Errors
/// Nobody can be asked, or it can be none.
pub fn ask_new(file: Option<&Path>) -> Result<SecretString> {
    let new = match file {
        Some(path) => read(path)?,
        None if output::can_ask() => {
            let new = typed("The new passphrase (it is not shown):")?;
            if typed("The same once more:")?.expose_secret() != new.expose_secret() {
                return Err(PassphraseError::Unfit("they differ").into());
            }
            new
        }
        None => {
            return Err(crate::error::Error::Untyped { what: "a new passphrase is needed", option: "--new-from FILE" });
        }
    };
    if new.expose_secret().chars().count() < FEWEST {
        return Err(PassphraseError::Unfit("it is too short").into());
    }
    Ok(new)
}

fn typed(question: &str) -> Result<SecretString> {
    let text = hidden::lines(question, |text| text.contains('\n'))
        .map_err(|source| crate::error::Error::System { what: "cannot read the passphrase", source })?;
    Ok(line(&text))
}

/// The first line; blanks belong to it.
fn line(text: &str) -> SecretString {
    SecretString::from(text.lines().next().unwrap_or_default())
}

/// Reads it from a file that only its owner, and perhaps a group, can read.
fn read(path: &Path) -> Result<SecretString> {
    let failed = |why: String| PassphraseError::File { path: path.to_owned(), why };
    let file = std::fs::File::open(path).map_err(|e| failed(e.to_string()))?;
    let is = file.metadata().map_err(|e| failed(e.to_string()))?;
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&is.permissions()) & 0o007 != 0 {
        return Err(failed("everybody may read it".to_owned()).into());
    }
    if is.is_dir() {
        return Err(failed("it is a folder".to_owned()).into());
    }
    // As large as it can be from the start: growing would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MOST as usize + 1));
    file.take(MOST + 1).read_to_end(&mut bytes).map_err(|e| failed(e.to_string()))?;
    if bytes.len() as u64 > MOST {
        return Err(failed("it is too long for a passphrase".to_owned()).into());
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| failed("it is no text".to_owned()))?;
    let passphrase = line(text);
    match passphrase.expose_secret().is_empty() {
        true => Err(failed("it is empty".to_owned()).into()),
        false => Ok(passphrase),
    }
}
