//! Where this device asks for its accounts: noted beside their keys, on this device alone. What the workspace's devices agree on says
//! nothing of it: another one would say where this one's keys go.

use std::collections::BTreeMap;

use aimon_core::accounts::{AccountId, KeyPrint};
use aimon_sources::provider::{Provider, http};
use serde::{Deserialize, Serialize};

use super::AccountError;
use crate::error::Result;
use crate::note::Noted;

/// Where one account is asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Address {
    /// Which key was given for it. No other one goes there, wherever adding or changing one was interrupted.
    key: String,
    /// The base address; the provider's own where none was given.
    url: Option<String>,
}

/// By account.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Addresses(BTreeMap<String, Address>);

impl Noted for Addresses {
    const KEY: &'static str = "addresses";
}

impl Addresses {
    /// The address that was given for an account, whichever key it was given with; `None` where none was.
    pub fn given(&self, account: &AccountId) -> Option<&str> {
        self.0.get(account.name().as_str())?.url.as_deref()
    }

    /// Where an account is asked, whichever key it was given with; `None` where nobody has said so on this device.
    pub fn of<'a>(&'a self, account: &AccountId, provider: &'a dyn Provider) -> Option<&'a str> {
        let address = self.0.get(account.name().as_str())?;
        address.url.as_deref().or(provider.url())
    }

    /// Where a key may be sent; `None` where it was given for no address.
    pub fn of_key<'a>(&'a self, account: &AccountId, key: KeyPrint, provider: &'a dyn Provider) -> Option<&'a str> {
        let address = self.0.get(account.name().as_str()).filter(|address| address.key == key.to_string())?;
        address.url.as_deref().or(provider.url())
    }

    /// A key is for an account that is asked there: at the provider's own address where no other is given.
    pub fn set(&mut self, account: &AccountId, key: KeyPrint, url: Option<&str>) {
        let address = Address { key: key.to_string(), url: url.map(str::to_owned) };
        self.0.insert(account.to_string(), address);
    }

    /// Forgets an account.
    pub fn forget(&mut self, account: &AccountId) {
        self.0.remove(account.name().as_str());
    }
}

/// A base address.
///
/// # Errors
/// What is wrong with it.
pub fn base(text: &str) -> Result<reqwest::Url> {
    http::base(text).map_err(|why| AccountError::BadUrl { text: harmless(text), why: why.to_string() }.into())
}

/// An address without what may be a secret in it: a name and password, a query. It need not be one that can be read, and a password may
/// hold whatever it should not.
fn harmless(text: &str) -> String {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), text),
    };
    let (login, rest) = rest.rsplit_once('@').map_or(("", rest), |(_, rest)| ("***@", rest));
    let rest = match rest.find(['?', '#']) {
        Some(at) => format!("{}***", rest.get(..=at).unwrap_or_default()),
        None => rest.to_owned(),
    };
    format!("{scheme}{login}{rest}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use aimon_sources::provider::provider;

    use super::*;

    #[test]
    fn a_key_goes_where_it_was_given_for_and_nowhere_else() {
        let (openai, litellm) = (provider("openai").unwrap(), provider("litellm").unwrap());
        let account = AccountId::new("openai", "org").unwrap();
        let [one, other] = ["sk-admin-1", "sk-admin-2"].map(|key| KeyPrint::of("openai", key));
        let mut all = Addresses::default();
        assert_eq!(all.of_key(&account, one, openai), None, "nobody has said where");
        all.set(&account, one, Some("https://gateway.example/v1"));
        assert_eq!(all.of_key(&account, one, openai), Some("https://gateway.example/v1"));
        assert_eq!(all.of_key(&account, other, openai), None, "another key");
        assert_eq!(all.of(&account, openai), Some("https://gateway.example/v1"));
        all.set(&account, other, None);
        assert_eq!(all.of_key(&account, other, openai), openai.url());
        assert_eq!((all.of_key(&account, other, litellm), all.given(&account)), (None, None));
        let noted = serde_json::to_vec(&all).unwrap();
        assert_eq!(serde_json::from_slice::<Addresses>(&noted).unwrap(), all);
        all.forget(&account);
        assert_eq!(all, Addresses::default());
    }

    #[test]
    fn an_address_that_is_refused_is_repeated_without_its_secrets() {
        let said = |text: &str| base(text).map_err(|e| e.to_string()).map(|url| url.to_string()).unwrap_or_else(|e| e);
        for (given, shown) in [
            ("https://me:secret@gateway.example/v1", "`https://***@gateway.example/v1`"),
            ("https://secret@gateway.example", "`https://***@gateway.example`"),
            ("http://me:se/cr?e@t@host", "`http://***@host`"),
            ("me:secret@gateway.example", "`***@gateway.example`"),
            ("https://gateway.example/v1?key=secret", "`https://gateway.example/v1?***`"),
            ("https://gateway.example/#secret", "`https://gateway.example/#***`"),
            ("ftp://gateway.example", "`ftp://gateway.example`"),
        ] {
            let said = said(given);
            assert!(said.contains(shown) && !said.contains("secret"), "{given}: {said}");
        }
    }
}
