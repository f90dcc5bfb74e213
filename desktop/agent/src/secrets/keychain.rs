//! Secrets in the operating system's keychain.

use std::sync::Arc;

use keyring_core::{CredentialStore, Entry, Error};
use secrecy::SecretSlice;

use super::Label;

use self::KeychainError as Why;

/// The service under which the keychain lists our entries.
const SERVICE: &str = "aimon";

/// The keychain of this user.
#[cfg(target_os = "macos")]
pub(super) fn system() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(apple_native_keyring_store::keychain::Store::new()?)
}

/// The keychain of this user.
#[cfg(target_os = "windows")]
pub(super) fn system() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(windows_native_keyring_store::Store::new()?)
}

/// The keychain of this user.
#[cfg(all(unix, not(target_os = "macos")))]
pub(super) fn system() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(zbus_secret_service_keyring_store::Store::new()?)
}

/// Why a keychain does not do what it is asked, in its own words. Never what it keeps.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeychainError {
    /// It is there, and lets nobody in now.
    #[error("the keychain is locked, and can't be unlocked from here: {0}")]
    Locked(String),
    /// Anything else.
    #[error("the keychain does not answer as it should: {0}")]
    Failed(String),
}

impl KeychainError {
    /// Its own words.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Locked(words) => format!("it is locked: {words}"),
            Self::Failed(words) => words.clone(),
        }
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Locked(_) => "keychain-locked",
            Self::Failed(_) => "keychain-failed",
        }
    }

    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Locked(_) if cfg!(all(unix, not(target_os = "macos"))) => {
                "sign in on the desktop, or unlock it there, and try again. Where there is no desktop, `gnome-keyring-daemon --unlock` takes \
                 the keyring's password on its standard input"
            }
            Self::Locked(_) => "sign in on the desktop, or unlock it there, and try again",
            Self::Failed(_) => "unlock it, or start it, and try again",
        }
    }
}

/// What one folder keeps in the keychain.
pub(super) struct Keychain {
    store: Arc<CredentialStore>,
    id: String,
}

impl Keychain {
    pub(super) fn open(reach: &dyn Fn() -> keyring_core::Result<Arc<CredentialStore>>, id: &str) -> Result<Self, Why> {
        Ok(Self { store: reach().map_err(words)?, id: id.to_owned() })
    }

    fn entry(&self, label: &str) -> Result<Entry, Why> {
        // Windows would else carry it to each machine that a roaming profile goes to.
        let stays = std::collections::HashMap::from([("persistence", "Local")]);
        let modifiers = cfg!(windows).then_some(&stays);
        self.store.build(SERVICE, &format!("{}/{label}", self.id), modifiers).map_err(words)
    }

    pub(super) fn get(&self, label: &Label) -> Result<Option<SecretSlice<u8>>, Why> {
        match self.entry(label.as_str())?.get_secret() {
            Ok(secret) => Ok(Some(SecretSlice::from(secret))),
            Err(Error::NoEntry) => Ok(None),
            Err(e) => Err(words(e)),
        }
    }

    pub(super) fn put(&self, label: &Label, secret: &[u8]) -> Result<(), Why> {
        self.entry(label.as_str())?.set_secret(secret).map_err(words)
    }

    pub(super) fn remove(&self, label: &Label) -> Result<(), Why> {
        match self.entry(label.as_str())?.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(e) => Err(words(e)),
        }
    }

    /// Keeps something, reads it back and removes it.
    pub(super) fn try_out(&self) -> Result<(), Why> {
        let entry = self.entry("try")?;
        entry.set_secret(b"try").map_err(words)?;
        let kept = entry.get_secret().map_err(words);
        entry.delete_credential().map_err(words)?;
        match kept?.as_slice() {
            b"try" => Ok(()),
            _ => Err(Why::Failed("it gives back something else than it was given".to_owned())),
        }
    }
}

/// What another program keeps under a name of its own. It is read, and nothing else.
pub(super) fn of_another(service: &str, user: &str) -> Result<Option<SecretSlice<u8>>, Why> {
    let entry = system().and_then(|store| store.build(service, user, None)).map_err(words)?;
    match entry.get_secret() {
        Ok(secret) => Ok(Some(SecretSlice::from(secret))),
        Err(Error::NoEntry) => Ok(None),
        Err(e) => Err(words(e)),
    }
}

/// Some of the library's errors hold what was read: they are put into words here, and go no further.
fn words(e: Error) -> Why {
    match e {
        Error::BadEncoding(_) | Error::BadDataFormat(..) => Why::Failed("what it keeps can't be read".to_owned()),
        Error::Ambiguous(_) => Why::Failed("it keeps several secrets of one name".to_owned()),
        Error::NoStorageAccess(e) => Why::Locked(e.to_string()),
        Error::PlatformFailure(e) => Why::Failed(e.to_string()),
        e => Why::Failed(e.to_string()),
    }
}
