//! Which store a folder uses.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aimon_ledger::ids::hex;
use keyring_core::CredentialStore;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::draw;
use super::file::remove_durably;
use super::keychain::{self, Keychain};
use super::passphrase::{self, Kept};
use crate::error::{Error, Result};
use crate::{home, output};

/// The variable that says where secrets lie: `file` or `keychain`.
pub const STORE: &str = "AIMON_SECRET_STORE";

/// A kind of store.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A file in the data folder that only its owner can read.
    File,
    /// The operating system's keychain.
    Keychain,
}

impl Kind {
    /// As the variable, and `secrets.json`, name it.
    pub fn word(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Keychain => "keychain",
        }
    }
}

/// What a choice depends on, outside of the folder.
pub struct Surroundings<'a> {
    /// What the variable says.
    pub forced: Option<Kind>,
    /// Reaches the keychain.
    pub keychain: &'a dyn Fn() -> keyring_core::Result<Arc<CredentialStore>>,
    /// Asks a person, who says yes or no; `None` where nobody is there.
    pub ask: &'a dyn Fn(&str) -> Option<bool>,
    /// Asks for the passphrase of secrets in files; also whether asking again makes sense where it is wrong.
    pub passphrase: &'a dyn Fn() -> Result<(SecretString, bool)>,
    /// What it opened before.
    pub kept: &'a Kept,
}

impl Surroundings<'_> {
    /// Those of this process: its environment, its user's keychain, its terminal.
    ///
    /// # Errors
    /// The variable names no store.
    pub fn real() -> Result<Self> {
        let forced = match std::env::var_os(STORE).filter(|v| !v.is_empty()) {
            None => None,
            Some(text) => match text.to_str() {
                Some("file") => Some(Kind::File),
                Some("keychain") => Some(Kind::Keychain),
                _ => return Err(Error::BadSecretStore(text.to_string_lossy().into_owned())),
            },
        };
        Ok(Self {
            forced,
            keychain: &keychain::system,
            ask: &output::ask,
            passphrase: &passphrase::ask,
            kept: &passphrase::KEPT,
        })
    }
}

/// `secrets.json`: what was chosen, and which secrets there are to remove. No secret stands in it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Chosen {
    pub(super) store: Kind,
    /// By which the keychain knows this folder: random, as a folder can move, and two may have had one path.
    pub(super) id: String,
    #[serde(default)]
    pub(super) labels: BTreeSet<String>,
}

fn path(home: &Path) -> PathBuf {
    home.join("secrets.json")
}

impl Chosen {
    /// What was chosen before.
    pub(super) fn read(home: &Path) -> Result<Option<Self>> {
        let path = path(home);
        match std::fs::read(&path) {
            // Another choice would hide the secrets that are there: what can't be read is not as if it were not there.
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(chosen) => Ok(Some(chosen)),
                Err(e) => {
                    tracing::debug!("{}: {e}", path.display());
                    Err(Error::SecretStoreDamaged(path))
                }
            },
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::SecretFile { path, source }),
        }
    }

    pub(super) fn write(&self, home: &Path) -> Result<()> {
        home::write_private(&path(home), &serde_json::to_vec(self).unwrap_or_default())
    }

    pub(super) fn remove(home: &Path) -> Result<()> {
        remove_durably(&path(home))
    }

    /// Chooses, and remembers it.
    pub(super) fn choose(home: &Path, around: &Surroundings<'_>) -> Result<Self> {
        let id = hex(&draw::<16>()?);
        // A keychain can be there and refuse, so it is tried with something that is not secret.
        let tried = || Keychain::open(around.keychain, &id).and_then(|keychain| keychain.try_out());
        let store = match around.forced {
            Some(Kind::File) => Kind::File,
            Some(Kind::Keychain) => tried().map(|()| Kind::Keychain)?,
            None => match tried() {
                Ok(()) => Kind::Keychain,
                Err(why) => {
                    let question = format!(
                        "There is no keychain for this device's secret key ({}).\nKeep it in a file in {} that only you can read?",
                        why.words(),
                        home.display()
                    );
                    match (around.ask)(&question) {
                        Some(true) => Kind::File,
                        _ => return Err(Error::NoSecretStore(why.words())),
                    }
                }
            },
        };
        let chosen = Self { store, id, labels: BTreeSet::new() };
        chosen.write(home)?;
        Ok(chosen)
    }
}
