//! What a round of questions came to.

use std::collections::BTreeMap;

use aimon_core::accounts::AccountId;

use super::Unheard;

/// What a round came to.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Outcome {
    /// Events that were recorded.
    pub events: u64,
    /// Of these, answers; the others are notes that an answer still holds.
    pub answers: u64,
    /// Questions that were answered, by account.
    pub answered: BTreeMap<AccountId, u64>,
    /// What failed, by account and metric.
    pub failed: BTreeMap<AccountId, BTreeMap<String, Unheard>>,
    /// Accounts of which something failed and nothing is well, and why.
    pub lost: BTreeMap<AccountId, Unheard>,
    /// Accounts that this device asks for.
    pub accounts: u64,
}

impl Outcome {
    /// Takes in what a later round came to: what was answered then has not failed.
    pub fn join(&mut self, later: Self) {
        self.events += later.events;
        self.answers += later.answers;
        self.accounts = later.accounts;
        for (account, count) in later.answered {
            *self.answered.entry(account).or_default() += count;
        }
        (self.failed, self.lost) = (later.failed, later.lost);
    }

    /// Why the first account is lost that is.
    pub fn loss(&self) -> Option<(&AccountId, &Unheard)> {
        self.lost.iter().next()
    }
}
