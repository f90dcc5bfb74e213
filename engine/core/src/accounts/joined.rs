//! Which accounts are one payer's. A provider that says no id is known by its keys, and two keys may be one account's: only a person
//! knows, and says so once for the whole workspace.
//!
//! ```text
//! account/openrouter/key-9f86d081884c7d65/same/openrouter/key-2c26b46b68ffc68f    yes
//! account/openrouter/key-9f86d081884c7d65/same/openrouter/key-fcde2b2edba56bf4    no      they were asked for, and are two
//! ```

use std::collections::{BTreeMap, BTreeSet};

use super::{AccountId, Path, split};
use crate::name::Name;
use crate::settings::Settings;

const YES: &str = "yes";
const NO: &str = "no";

/// What was said of which accounts are one.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Joined {
    /// Each account that is one with a smaller one, and the smallest of all that are one with it.
    payers: BTreeMap<AccountId, AccountId>,
    /// Pairs of which somebody said that they are two, the smaller before the larger.
    apart: BTreeSet<(AccountId, AccountId)>,
}

impl Joined {
    /// Nothing was said.
    pub const NONE: Self = Self { payers: BTreeMap::new(), apart: BTreeSet::new() };

    /// Of the settings.
    pub fn of(settings: &Settings) -> Self {
        let mut joined = Self::NONE;
        for (path, value) in settings.all() {
            let Some((one, what)) = split(path) else { continue };
            let Some(other) = what.strip_prefix("same/").and_then(AccountId::parse) else { continue };
            match value.as_str() {
                YES => joined.join(&one, &other),
                NO => drop(joined.apart.insert(in_order(one, other))),
                _ => {}
            }
        }
        joined
    }

    /// The path that says of two accounts whether they are one, and the value for it.
    pub fn entry(one: AccountId, other: AccountId, is_one: bool) -> (Name, String) {
        let (one, other) = in_order(one, other);
        (Path::Same(other).of(&one), if is_one { YES } else { NO }.to_owned())
    }

    /// Accounts of two providers are never one.
    fn join(&mut self, one: &AccountId, other: &AccountId) {
        if one.provider() != other.provider() {
            return;
        }
        let (small, large) = in_order(self.payer(one).clone(), self.payer(other).clone());
        if small == large {
            return;
        }
        self.payers.values_mut().filter(|payer| **payer == large).for_each(|payer| *payer = small.clone());
        self.payers.insert(large, small);
    }

    /// By which account its payer is known: the smallest of those that are one with it.
    pub fn payer<'a>(&'a self, account: &'a AccountId) -> &'a AccountId {
        self.payers.get(account).unwrap_or(account)
    }

    /// The same by its name in events; `None` where it is known by itself.
    pub fn payer_named(&self, account: &str) -> Option<&Name> {
        if self.payers.is_empty() {
            return None;
        }
        AccountId::parse(account).and_then(|id| self.payers.get(&id)).map(AccountId::name)
    }

    /// Whether somebody said of two accounts that they are two: of themselves, or of others that are one with them.
    pub fn is_apart(&self, one: &AccountId, other: &AccountId) -> bool {
        let pair = in_order(self.payer(one).clone(), self.payer(other).clone());
        self.apart.iter().any(|(a, b)| in_order(self.payer(a).clone(), self.payer(b).clone()) == pair)
    }

    /// Those that are known by another one, and by which.
    pub fn all(&self) -> impl Iterator<Item = (&AccountId, &AccountId)> {
        self.payers.iter()
    }
}

impl FromIterator<(AccountId, AccountId)> for Joined {
    /// Of pairs that are one.
    fn from_iter<I: IntoIterator<Item = (AccountId, AccountId)>>(pairs: I) -> Self {
        let mut joined = Self::NONE;
        pairs.into_iter().for_each(|(one, other)| joined.join(&one, &other));
        joined
    }
}

fn in_order(one: AccountId, other: AccountId) -> (AccountId, AccountId) {
    if one <= other { (one, other) } else { (other, one) }
}
