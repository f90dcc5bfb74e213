//! Where this device's secrets lie: the seed of its keys, and later API keys.
//!
//! ```text
//! AIMON_HOME/secrets.json     which store the folder uses, and the random id by which the store knows the folder
//!   "keychain"                the operating system's: Keychain, Credential Manager, Secret Service
//!   "file"                    AIMON_HOME/secrets/NAME, which only its owner can read; sealed, where there is a passphrase
//! ```
//!
//! The keychain is used if it answers. Where none does, a person at a terminal is asked whether a file will do; without a
//! terminal, `AIMON_SECRET_STORE=file` says so. What was chosen once stays: secrets that lie in two places are secrets
//! that are found in neither.
//!
//! Calls block, on a keychain until a person has unlocked it.

mod choice;
mod file;
mod keychain;
mod passphrase;
mod sealed;

use std::path::{Path, PathBuf};

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretBox, SecretSlice, SecretString};

use choice::Chosen;
pub use choice::{Kind, STORE, Surroundings};
use file::Folder;
use keychain::Keychain;
pub use keychain::KeychainError;
pub use passphrase::{Kept, PASSPHRASE_FILE, PassphraseError, ask_new};
use sealed::Costs;

use crate::error::{Error, Result};

/// What a secret is called: part of a file's name and of the keychain's entry.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Label(String);

impl Label {
    /// The seed of the device's keys.
    pub fn device() -> Self {
        Self("device".to_owned())
    }

    /// The seed of the keys that the device is about to have.
    pub fn next_device() -> Self {
        Self("next-device".to_owned())
    }

    /// Another one: 1 to 64 lower-case letters, digits and hyphens.
    pub fn new(text: &str) -> Option<Self> {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        (matches!(text.len(), 1..=64) && text.bytes().all(fits)).then(|| Self(text.to_owned()))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What another program keeps in this user's keychain, under a name of its own. It is read, and nothing else; the system may ask whoever
/// sits there. The words of an error are the keychain's, and never what it keeps.
pub fn of_another(service: &str, user: &str) -> Result<Option<SecretSlice<u8>>, String> {
    keychain::of_another(service, user).map_err(|e| e.words())
}

enum Store {
    File(Folder),
    Keychain(Keychain),
}

impl Store {
    fn of(home: &Path, chosen: &Chosen, around: &Surroundings<'_>) -> Result<Self> {
        Ok(match chosen.store {
            Kind::File => Self::File(Folder::open(home, around)?),
            Kind::Keychain => Self::Keychain(Keychain::open(around.keychain, &chosen.id)?),
        })
    }
}

/// The secrets of one data folder.
pub struct Secrets {
    home: PathBuf,
    store: Store,
    chosen: Chosen,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secrets").field("home", &self.home).field("store", &self.chosen.store).finish_non_exhaustive()
    }
}

impl Secrets {
    /// Opens the folder's store; chooses one where none was chosen yet. The folder exists.
    ///
    /// # Errors
    /// There is no store, `AIMON_SECRET_STORE` names another one than the folder uses, or the store does not answer.
    pub fn open(home: &Path, around: &Surroundings<'_>) -> Result<Self> {
        let chosen = match Chosen::read(home)? {
            Some(chosen) => match around.forced {
                Some(forced) if forced != chosen.store => {
                    return Err(Error::SecretStoreDiffers { used: chosen.store.word(), asked: forced.word() });
                }
                _ => chosen,
            },
            None => Chosen::choose(home, around)?,
        };
        Ok(Self { home: home.to_owned(), store: Store::of(home, &chosen, around)?, chosen })
    }

    /// The same, if a store was chosen before: what is only looked at, or removed, leaves nothing behind, and takes no
    /// passphrase.
    ///
    /// # Errors
    /// As [`Secrets::open`].
    pub fn open_if_chosen(home: &Path, around: &Surroundings<'_>) -> Result<Option<Self>> {
        match Chosen::read(home)? {
            Some(chosen) if chosen.store == Kind::File && around.forced != Some(Kind::Keychain) => {
                Ok(Some(Self { home: home.to_owned(), store: Store::File(Folder::shut(home)), chosen }))
            }
            Some(_) => Self::open(home, around).map(Some),
            None => Ok(None),
        }
    }

    /// Whether they are under a passphrase.
    pub fn is_protected(&self) -> bool {
        matches!(&self.store, Store::File(folder) if folder.is_protected())
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.chosen.labels.len()
    }

    /// Puts them under a passphrase, or under another one.
    ///
    /// # Errors
    /// They don't lie in files, or these can't be written.
    pub fn protect(&mut self, passphrase: &SecretString) -> Result<()> {
        self.protect_at(passphrase, Costs::DEFAULT)
    }

    fn protect_at(&mut self, passphrase: &SecretString, costs: Costs) -> Result<()> {
        match &mut self.store {
            Store::File(folder) => folder.protect(passphrase, costs),
            Store::Keychain(_) => Err(PassphraseError::NotInFiles.into()),
        }
    }

    /// Takes the passphrase off.
    ///
    /// # Errors
    /// The files can't be written.
    pub fn unprotect(&mut self) -> Result<()> {
        match &mut self.store {
            Store::File(folder) => folder.unprotect(),
            Store::Keychain(_) => Err(PassphraseError::NotInFiles.into()),
        }
    }

    /// Which store it is.
    pub fn kind(&self) -> Kind {
        self.chosen.store
    }

    /// A secret, if there is one under this label.
    ///
    /// # Errors
    /// The store does not answer, or others may read the file.
    pub fn get(&self, label: &Label) -> Result<Option<SecretSlice<u8>>> {
        match &self.store {
            Store::File(folder) => folder.get(label),
            Store::Keychain(keychain) => Ok(keychain.get(label)?),
        }
    }

    /// Keeps a secret; it is durable, and reads back, when this returns.
    ///
    /// # Errors
    /// The store does not take it, or gives something else back.
    pub fn put(&mut self, label: &Label, secret: &[u8]) -> Result<()> {
        // First what there will be to remove, then the secret: a crash in between leaves no secret that nobody knows of.
        if self.chosen.labels.insert(label.as_str().to_owned()) {
            self.chosen.write(&self.home)?;
        }
        match &self.store {
            Store::File(folder) => folder.put(label, secret)?,
            Store::Keychain(keychain) => keychain.put(label, secret)?,
        }
        match self.get(label)? {
            Some(kept) if kept.expose_secret() == secret => Ok(()),
            _ => Err(Error::SecretDamaged(label.as_str().to_owned())),
        }
    }

    /// Removes a secret; it is no error if there is none.
    ///
    /// # Errors
    /// The store does not answer.
    pub fn remove(&mut self, label: &Label) -> Result<()> {
        match &self.store {
            Store::File(folder) => folder.remove(label)?,
            Store::Keychain(keychain) => keychain.remove(label)?,
        }
        if self.chosen.labels.remove(label.as_str()) {
            self.chosen.write(&self.home)?;
        }
        Ok(())
    }

    /// Removes the secrets that are not to be kept; where none is, also that there ever were any.
    ///
    /// # Errors
    /// As [`Secrets::remove_all`].
    pub fn remove_but(mut self, is_kept: impl Fn(&str) -> bool) -> Result<()> {
        if !self.chosen.labels.iter().any(|label| is_kept(label)) {
            return self.remove_all();
        }
        let gone: Vec<Label> =
            self.chosen.labels.iter().filter(|label| !is_kept(label)).filter_map(|label| Label::new(label)).collect();
        gone.iter().try_for_each(|label| self.remove(label))
    }

    /// Removes all secrets, and that there ever were any.
    ///
    /// # Errors
    /// The store does not answer; what is left is still known of.
    pub fn remove_all(mut self) -> Result<()> {
        for label in std::mem::take(&mut self.chosen.labels).into_iter().filter_map(|text| Label::new(&text)) {
            match &self.store {
                Store::File(folder) => folder.remove(&label)?,
                Store::Keychain(keychain) => keychain.remove(&label)?,
            }
        }
        if let Store::File(folder) = &self.store {
            folder.remove_all()?;
        }
        Chosen::remove(&self.home)
    }

    /// The seed of the device's keys, if it has any yet.
    ///
    /// # Errors
    /// As [`Secrets::get`], or what lies there is no seed.
    pub fn device_seed(&self) -> Result<Option<SecretBox<[u8; 32]>>> {
        self.seed(&Label::device())
    }

    fn seed(&self, label: &Label) -> Result<Option<SecretBox<[u8; 32]>>> {
        let Some(secret) = self.get(label)? else { return Ok(None) };
        let seed = Zeroizing::new(
            <[u8; 32]>::try_from(secret.expose_secret())
                .map_err(|_| Error::SecretDamaged(label.as_str().to_owned()))?,
        );
        Ok(Some(SecretBox::new(Box::new(*seed))))
    }

    /// The seed of a device that has keys: one without was cut off from its store.
    ///
    /// # Errors
    /// As [`Secrets::device_seed`], or there is none.
    pub fn need_device_seed(&self) -> Result<SecretBox<[u8; 32]>> {
        let store = self.chosen.store.word();
        self.device_seed()?.ok_or(Error::SecretMissing { home: self.home.clone(), store })
    }

    /// The seed of the keys that a device joins another workspace with, as long as it is not there for certain.
    ///
    /// # Errors
    /// As [`Secrets::device_seed`].
    pub fn next_seed(&self) -> Result<Option<SecretBox<[u8; 32]>>> {
        self.seed(&Label::next_device())
    }

    /// Keeps it, beside the seed that is in use.
    ///
    /// # Errors
    /// As [`Secrets::put`].
    pub fn put_next_seed(&mut self, seed: &[u8; 32]) -> Result<()> {
        self.put(&Label::next_device(), seed)
    }

    /// Puts it into its place: the device has joined.
    ///
    /// # Errors
    /// As [`Secrets::put`].
    pub fn take_next_seed(&mut self) -> Result<()> {
        if let Some(seed) = self.next_seed()? {
            self.put_device_seed(seed.expose_secret())?;
        }
        self.remove(&Label::next_device())
    }

    /// Keeps the seed of the device's keys.
    ///
    /// # Errors
    /// As [`Secrets::put`].
    pub fn put_device_seed(&mut self, seed: &[u8; 32]) -> Result<()> {
        self.put(&Label::device(), seed)
    }
}

/// Opens what a passphrase protects, for a process that stays: it asks now, and not again.
///
/// # Errors
/// The passphrase is wrong, or can't be read. That nobody is there to ask is said where a secret is needed.
pub fn open_to_stay(home: &Path) -> Result<()> {
    if file::is_protected(home) {
        match Secrets::open(home, &Surroundings::real()?) {
            Err(Error::Passphrase(e)) if !matches!(e, PassphraseError::Needed) => return Err(e.into()),
            _ => {}
        }
    }
    passphrase::ask_no_more();
    Ok(())
}

/// Random bytes.
fn draw<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| Error::System {
        what: "cannot draw random bytes",
        source: std::io::Error::other(e.to_string()),
    })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
