//! Accounts whose past is not all fetched yet: until it is, what they used before is missing in reports.

use std::collections::BTreeMap;

use aimon_core::accounts::AccountId;
use aimon_core::time::{UtcDay, UtcMillis};
use serde::{Deserialize, Serialize};

use crate::note::Noted;

/// From when on there is no hole, in milliseconds since 1970, by account; one of which all is fetched is not in it.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Past(BTreeMap<String, i64>);

impl Noted for Past {
    const KEY: &'static str = "past";
}

impl Past {
    /// Says from when on there is no hole; `None` where all is fetched. Days are told apart, not more.
    pub fn set(&mut self, account: &AccountId, from: Option<UtcMillis>) {
        match from {
            Some(from) => drop(self.0.insert(account.to_string(), from.day().start().0)),
            None => drop(self.0.remove(&account.to_string())),
        }
    }

    /// The first day that is fetched of an account, where more is to be.
    pub fn of(&self, account: &AccountId) -> Option<UtcDay> {
        self.0.get(&account.to_string()).map(|from| UtcMillis(*from).day())
    }

    /// Only what is said of these accounts.
    #[must_use]
    pub fn among(mut self, asked: impl Fn(&str) -> bool) -> Self {
        self.0.retain(|account, _| asked(account));
        self
    }

    /// What is missing, in a line for each account.
    pub fn lines(&self) -> Vec<String> {
        let line = |(account, from): (&String, &i64)| {
            let from = UtcMillis(*from).day();
            format!("{account} is fetched back to {from} (UTC): what it used before is missing; `aimon poll` goes on")
        };
        self.0.iter().map(line).collect()
    }
}
