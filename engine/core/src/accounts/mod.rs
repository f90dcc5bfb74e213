//! Accounts: who pays for AI where. An account is known by its provider's id for it, and all that is said of it is in the settings, so
//! that every device knows of it; a key never is.
//!
//! ```text
//! account/openai/org-4fT…/label                                   work
//! account/openai/org-4fT…/key/018f6a54-7b0e-7c3e-9d2e-3f8a6b1c2d4e   9f86d081884c7d65             that device holds a key; which one
//! ```

mod coverage;
mod joined;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub use coverage::{Coverage, Covered, Payer, owner_of_root, stated};
pub use joined::Joined;

use crate::ids::DeviceId;
use crate::name::Name;
use crate::settings::{Settings, shown};

const PREFIX: &str = "account/";

/// The longest id of a provider's that is believed.
const MOST_ID: usize = 128;

/// How the id of an account begins that is known by a key.
const BY_KEY: &str = "key-";

/// What an account is called in events: its provider, and the provider's id for it (`openai/org-4fT…`). Where a provider has none,
/// a hash of the key (`openrouter/key-9f86d081884c7d65`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AccountId(Name);

impl AccountId {
    /// `None` where the id is nothing that can stand in a path: letters, digits, `.`, `_`, `-` and `@`, at most 128.
    pub fn new(provider: &str, id: &str) -> Option<Self> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@' | ':');
        let is_id = |text: &str| !text.is_empty() && text.len() <= MOST_ID && text.chars().all(fits);
        (is_id(provider) && is_id(id)).then(|| Self(format!("{provider}/{id}").into()))
    }

    /// Reads it as events have it.
    pub fn parse(text: &str) -> Option<Self> {
        let (provider, id) = text.split_once('/')?;
        Self::new(provider, id)
    }

    /// Of an account whose provider says no id: a hash of the key that it is polled with.
    pub fn of_key(provider: &str, key: &KeyPrint) -> Option<Self> {
        Self::new(provider, &format!("{BY_KEY}{key}"))
    }

    /// The provider's name.
    pub fn provider(&self) -> &str {
        self.0.split_once('/').map_or("", |(provider, _)| provider)
    }

    /// Whether its provider says no id, so that it is known by a key: another key may be the same account's.
    pub fn is_by_key(&self) -> bool {
        self.id().starts_with(BY_KEY)
    }

    /// The provider's id for it.
    pub fn id(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, id)| id)
    }

    /// As events have it.
    pub fn name(&self) -> &Name {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Eight bytes of BLAKE3 over a key: tells keys apart, and nothing else. A key is random and long, so nobody finds it by this.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct KeyPrint([u8; 8]);

impl KeyPrint {
    /// Of a key's text.
    pub fn of(provider: &str, key: &str) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("aimon/v1/key-print");
        hasher.update(provider.as_bytes()).update(&[0]).update(key.as_bytes());
        let mut print = [0; 8];
        print.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        Self(print)
    }

    fn parse(text: &str) -> Option<Self> {
        (text.len() == 16).then(|| u64::from_str_radix(text, 16).ok()).flatten().map(|n| Self(n.to_be_bytes()))
    }
}

impl fmt::Display for KeyPrint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

/// An account, as the settings have it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    /// What it is called in events.
    pub id: AccountId,
    /// What a person calls it.
    pub label: Option<String>,
    /// The devices that hold a key to it, and which.
    pub keys: BTreeMap<DeviceId, KeyPrint>,
}

/// All accounts that the settings know.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Accounts {
    all: BTreeMap<AccountId, Account>,
    joined: Joined,
    coverage: Coverage,
}

impl Accounts {
    /// None.
    pub const NONE: Self = Self { all: BTreeMap::new(), joined: Joined::NONE, coverage: Coverage::NONE };

    /// Of the settings.
    pub fn of(settings: &Settings) -> Self {
        let mut all: BTreeMap<AccountId, Account> = BTreeMap::new();
        for (path, value) in settings.all() {
            let Some((id, what)) = split(path) else { continue };
            if what.starts_with("same/") {
                continue;
            }
            let account = all.entry(id.clone()).or_insert_with(|| Account { id, label: None, keys: BTreeMap::new() });
            match what.split_once('/') {
                None if what == "label" => account.label = shown(value).map(str::to_owned),
                Some(("key", device)) => {
                    account.keys.extend(DeviceId::parse(device).zip(KeyPrint::parse(value)));
                }
                // What a newer version says.
                _ => {}
            }
        }
        let joined = Joined::of(settings);
        Self { all, coverage: Coverage::of(settings), joined }
    }

    /// All of them, by provider and id.
    pub fn all(&self) -> impl Iterator<Item = &Account> {
        self.all.values()
    }

    /// One of them.
    pub fn get(&self, id: &AccountId) -> Option<&Account> {
        self.all.get(id)
    }

    /// Which of them are one payer's.
    pub fn joined(&self) -> &Joined {
        &self.joined
    }

    /// What a person calls a payer: what any of the accounts is called that are one.
    pub fn label(&self, payer: &AccountId) -> Option<&str> {
        let own = self.all.get(payer).and_then(|account| account.label.as_deref());
        own.or_else(|| {
            let same = self.all.values().filter(|account| self.joined.payer(&account.id) == payer);
            same.filter_map(|account| account.label.as_deref()).next()
        })
    }

    /// Pairs that may be one account, of which nobody has said: of one provider, both known by a key.
    pub fn undecided(&self) -> Vec<(&AccountId, &AccountId)> {
        let by_key: Vec<&Account> = self.all.values().filter(|account| account.id.is_by_key()).collect();
        let mut pairs = BTreeSet::new();
        for (n, one) in by_key.iter().enumerate() {
            for other in by_key.iter().skip(n + 1) {
                let is_alike = one.id.provider() == other.id.provider();
                let (a, b) = (self.joined.payer(&one.id), self.joined.payer(&other.id));
                if is_alike && a != b && !self.joined.is_apart(a, b) {
                    pairs.insert((a.min(b), a.max(b)));
                }
            }
        }
        pairs.into_iter().collect()
    }

    /// What is said of who pays for which source.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// Those that a person may mean: by their label, their id or how that begins, or by their provider.
    pub fn find(&self, text: &str) -> Vec<&Account> {
        // An id goes before what a person calls another one.
        let by_id = self.all.values().find(|a| a.id.name().as_str() == text);
        let by_label = self.all.values().filter(|a| a.label.as_deref() == Some(text));
        let exact: Vec<&Account> = by_id.map_or_else(|| by_label.collect(), |one| vec![one]);
        if !exact.is_empty() || text.is_empty() {
            return exact;
        }
        let begins = |a: &&Account| a.id.name().starts_with(text) || a.id.id().starts_with(text);
        self.all.values().filter(begins).collect()
    }
}

/// The settings of one account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Path {
    /// What a person calls it.
    Label,
    /// Which key a device holds.
    Key(DeviceId),
    /// Whether another one is the same; see [`Joined::entry`].
    Same(AccountId),
}

impl Path {
    /// The path in the settings.
    pub fn of(&self, account: &AccountId) -> Name {
        let what = match self {
            Self::Label => "label".to_owned(),
            Self::Key(device) => format!("key/{device}"),
            Self::Same(other) => format!("same/{other}"),
        };
        format!("{PREFIX}{account}/{what}").into()
    }
}

/// The account that a path is about, and what it says of it.
fn split(path: &str) -> Option<(AccountId, &str)> {
    let mut parts = path.strip_prefix(PREFIX)?.splitn(3, '/');
    let (provider, id, what) = (parts.next()?, parts.next()?, parts.next()?);
    Some((AccountId::new(provider, id)?, what))
}

#[cfg(test)]
mod tests;
