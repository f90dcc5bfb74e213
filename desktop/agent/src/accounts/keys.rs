//! Providers' keys, in the same store as the device's own: the keychain, or files that only their owner can read.

use aimon_core::accounts::AccountId;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::AccountError;
use crate::error::{Error, Result};
use crate::hidden;
use crate::secrets::{Label, Secrets};

/// What an account's key is called in the store: nothing of the account shows in it.
fn label(account: &AccountId) -> Result<Label> {
    let hash = blake3::hash(account.name().as_bytes()).to_hex();
    Label::new(&format!("key-{}", &hash.as_str()[..32])).ok_or_else(|| Error::SecretDamaged("key".to_owned()))
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

/// Keeps it.
///
/// # Errors
/// The store's.
pub fn put(secrets: &mut Secrets, account: &AccountId, key: &SecretString) -> Result<()> {
    secrets.put(&label(account)?, key.expose_secret().as_bytes())
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
        return Err(Error::Unasked("a key is needed"));
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
