//! Providers' keys, in the same store as the device's own: the keychain, or files that only their owner can read.

use std::collections::BTreeMap;
use std::path::Path;

use aimon_core::accounts::{AccountId, KeyPrint};
use aimon_core::polling::Pause;
use aimon_core::time::UtcMillis;
use aimon_replica::Replica;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::address::Addresses;
use super::{AccountError, NoKey};
use crate::error::{Error, Result};
use crate::secrets::{Label, Secrets, Surroundings};
use crate::{hidden, note};

/// How long it takes until a key that could not be read is tried again, at first and at most, in milliseconds: a keychain may ask whoever
/// sits there each time.
const FIRST_PAUSE_MS: i64 = 60 * 1000;
const LONGEST_PAUSE_MS: i64 = 15 * 60 * 1000;

/// How the labels of accounts' keys begin.
const OF_A_KEY: &str = "key-";

/// Whether a secret of this name is an account's key, and not one of the device's own.
pub fn is_label(label: &str) -> bool {
    label.starts_with(OF_A_KEY)
}

/// Whether a file of the store holds an account's key, and not one of the device's own.
pub fn is_in(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(is_label)
}

/// What an account's key is called in the store: nothing of the account shows in it.
fn label(account: &AccountId) -> Result<Label> {
    let hash = blake3::hash(account.name().as_bytes()).to_hex();
    Label::new(&format!("{OF_A_KEY}{}", &hash.as_str()[..32])).ok_or_else(|| Error::SecretDamaged("key".to_owned()))
}

/// An account's key, if this device holds one.
///
/// # Errors
/// The store's; what lies there is no key.
pub fn get(secrets: &Secrets, account: &AccountId) -> Result<Option<SecretString>> {
    let label = label(account)?;
    let Some(secret) = secrets.get(&label)? else { return Ok(None) };
    match std::str::from_utf8(secret.expose_secret()) {
        Ok(text) => Ok(Some(SecretString::from(text.to_owned()))),
        Err(_) => Err(Error::SecretDamaged(label.as_str().to_owned())),
    }
}

/// Keeps a key, and the address that it is for; it is sent nowhere else.
///
/// # Errors
/// The store's, the replica's.
pub async fn keep(
    replica: &mut Replica,
    secrets: &mut Secrets,
    account: &AccountId,
    key: &SecretString,
    url: Option<&str>,
) -> Result<KeyPrint> {
    let print = KeyPrint::of(account.provider(), key.expose_secret());
    secrets.put(&label(account)?, key.expose_secret().as_bytes())?;
    let mut addresses = note::read::<Addresses>(replica).await?;
    addresses.set(account, print, url);
    note::write(replica, &addresses).await?;
    Ok(print)
}

/// Forgets it.
///
/// # Errors
/// The store's.
pub fn remove(secrets: &mut Secrets, account: &AccountId) -> Result<()> {
    secrets.remove(&label(account)?)
}

/// Asks for a key on the terminal, without showing it, or reads it from the standard input.
///
/// # Errors
/// What was given can be no key.
pub fn ask(title: &str, from_stdin: bool) -> Result<SecretString> {
    if !from_stdin && !crate::output::can_ask() {
        return Err(Error::Untyped { what: "a key is needed", option: "--key-stdin" });
    }
    let text = hidden::lines(&format!("The key for {title} (it is not shown):"), |text| text.contains('\n'))
        .map_err(|source| Error::System { what: "cannot read the key", source })?;
    let text = Zeroizing::new(text.trim().to_owned());
    if !aimon_sources::provider::is_key(&text) {
        return Err(
            AccountError::BadKey("what was given is no key: a key is one line without blanks".to_owned()).into()
        );
    }
    Ok(SecretString::from(text.as_str()))
}

/// The keys that this process has read, and those that it could not.
#[derive(Default)]
pub(super) struct Keys {
    known: BTreeMap<AccountId, (KeyPrint, SecretString)>,
    missing: BTreeMap<AccountId, (KeyPrint, NoKey)>,
    failures: u32,
    /// When the missing ones were last tried, and when they are again.
    rests: Option<Pause>,
}

impl Keys {
    /// An account's.
    pub(super) fn of(&self, account: &AccountId) -> Result<&SecretString, NoKey> {
        match (self.known.get(account), self.missing.get(account)) {
            (Some((_, key)), _) => Ok(key),
            (None, Some((_, why))) => Err(why.clone()),
            (None, None) => Err(none(account)),
        }
    }

    /// When a key was last looked for in vain, and when it is again.
    pub(super) fn rests(&self) -> Option<Pause> {
        self.rests
    }

    /// Whether keys that could not be read are to be tried again. A clock that was set back puts nothing off.
    pub(super) fn are_due(&self, now: UtcMillis) -> bool {
        self.rests.is_some_and(|(since, until)| now < since || now >= until)
    }

    /// Reads those that are wanted and not known yet; whether one was found. This may take as long as a person takes to answer the
    /// system's question: whoever calls it holds nothing that others wait for.
    pub(super) async fn read(&mut self, home: &Path, wanted: &[(AccountId, KeyPrint)], now: UtcMillis) -> bool {
        self.known.retain(|account, (print, _)| wanted.contains(&(account.clone(), *print)));
        let is_due = self.are_due(now);
        self.missing.retain(|account, (print, _)| !is_due && wanted.contains(&(account.clone(), *print)));
        let is_new = |(account, _): &&(AccountId, KeyPrint)| {
            !self.known.contains_key(account) && !self.missing.contains_key(account)
        };
        let new: Vec<(AccountId, KeyPrint)> = wanted.iter().filter(is_new).cloned().collect();
        let mut has_found = false;
        if !new.is_empty() {
            let (home, accounts) = (home.to_owned(), new.iter().map(|(account, _)| account.clone()).collect());
            let read = tokio::task::spawn_blocking(move || read_all(&home, accounts)).await.unwrap_or_default();
            let mut read = read.into_iter();
            for (account, print) in new {
                match read.next().unwrap_or_else(|| Err(none(&account))) {
                    Ok(key) => {
                        self.known.insert(account, (print, key));
                        has_found = true;
                    }
                    Err(why) => drop(self.missing.insert(account, (print, why))),
                }
            }
            if !self.missing.is_empty() {
                let pause = FIRST_PAUSE_MS.saturating_mul(1 << self.failures.min(10)).min(LONGEST_PAUSE_MS);
                self.failures = self.failures.saturating_add(1);
                self.rests = Some((now, UtcMillis(now.0.saturating_add(pause))));
            }
        }
        if self.missing.is_empty() {
            (self.failures, self.rests) = (0, None);
        }
        has_found
    }
}

fn none(account: &AccountId) -> NoKey {
    NoKey::of(&AccountError::KeyMissing(account.to_string()).into())
}

/// Reads the keys of accounts, in their order.
fn read_all(home: &Path, accounts: Vec<AccountId>) -> Vec<Result<SecretString, NoKey>> {
    let secrets = Surroundings::real().and_then(|around| Secrets::open(home, &around));
    let read = |account: AccountId| match &secrets {
        Ok(secrets) => match get(secrets, &account) {
            Ok(Some(key)) => Ok(key),
            Ok(None) => Err(none(&account)),
            Err(e) => Err(NoKey::of(&e)),
        },
        Err(e) => Err(NoKey::of(e)),
    };
    accounts.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// A key that is not there, or can't be read, is tried again, but less and less often; one that was read is not read again.
    #[tokio::test]
    async fn a_key_that_could_not_be_read_is_tried_again() {
        let home = tempfile::tempdir().unwrap();
        let choice = r#"{"store":"file","id":"00","labels":[]}"#;
        std::fs::write(home.path().join("secrets.json"), choice).unwrap();
        let account = AccountId::new("openai", "org").unwrap();
        let print = KeyPrint::of("openai", "sk-admin-1");
        let (wanted, minute) = ([(account.clone(), print)], 60_000);
        let mut keys = Keys::default();
        keys.read(home.path(), &wanted, UtcMillis(0)).await;
        assert_eq!(keys.of(&account).unwrap_err().code(), "key-missing");
        assert!(!keys.are_due(UtcMillis(minute - 1)) && keys.are_due(UtcMillis(minute)) && keys.are_due(UtcMillis(-1)));
        keys.read(home.path(), &wanted, UtcMillis(minute)).await;
        assert_eq!(keys.rests(), Some((UtcMillis(minute), UtcMillis(3 * minute))));
        let mut secrets = Secrets::open(home.path(), &Surroundings::real().unwrap()).unwrap();
        secrets.put(&label(&account).unwrap(), b"sk-admin-1").unwrap();
        keys.read(home.path(), &wanted, UtcMillis(2 * minute)).await;
        assert!(keys.of(&account).is_err(), "it is not due yet");
        keys.read(home.path(), &wanted, UtcMillis(3 * minute)).await;
        assert_eq!(keys.of(&account).unwrap().expose_secret(), "sk-admin-1");
        assert_eq!(keys.rests(), None);
        remove(&mut secrets, &account).unwrap();
        keys.read(home.path(), &wanted, UtcMillis(4 * minute)).await;
        assert!(keys.of(&account).is_ok());
        keys.read(home.path(), &[(account.clone(), KeyPrint::of("openai", "sk-admin-2"))], UtcMillis(5 * minute)).await;
        assert!(keys.of(&account).is_err(), "the workspace says that it is another one");
    }
}
