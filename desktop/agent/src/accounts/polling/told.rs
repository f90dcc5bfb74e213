//! What can be told of an account by what became of its questions.

use std::collections::BTreeMap;

use aimon_core::accounts::{Account, AccountId};
use aimon_core::polling::Kind;
use aimon_core::time::{UtcDay, UtcMillis};

use super::Polling;
use crate::accounts::Unheard;
use crate::accounts::outcome::Outcome;
use crate::accounts::state::Trouble;
use crate::accounts::unit::Unit;

impl Polling {
    fn units_of<'a>(&'a self, account: &'a AccountId) -> impl Iterator<Item = &'a Unit> {
        self.units.iter().filter(|unit| unit.endpoint.account == *account)
    }

    fn trouble_of(&self, unit: &Unit) -> Option<&Trouble> {
        self.state.trouble(unit.endpoint.account.name(), unit.metric().name)
    }

    /// The metrics of an account of which something is to be heard: all but those that its key was never meant for.
    fn heard_of<'a>(&'a self, account: &'a AccountId) -> impl Iterator<Item = &'a Unit> {
        self.units_of(account).filter(|unit| !self.trouble_of(unit).is_some_and(Trouble::is_not_meant))
    }

    /// Whether something of an account is to be heard; and whether some of it goes into reports, or all are balances and limits.
    pub fn hears(&self, account: &AccountId) -> (bool, bool) {
        let mut kinds = self.heard_of(account).map(|unit| unit.metric().kind).peekable();
        (kinds.peek().is_some(), kinds.any(|kind| kind != Kind::Gauge))
    }

    /// Since when an account's history has no hole, as far as its metrics have a past.
    pub fn begins(&self, now: UtcMillis, first: UtcDay, account: &AccountId) -> Option<UtcMillis> {
        let first = self.first(now, first);
        self.heard_of(account).filter_map(|unit| unit.track().begins(now, first)).max()
    }

    /// How much of the past has been heard of, and how much there is, in milliseconds.
    pub fn progress(&self, now: UtcMillis, first: UtcDay, account: &AccountId) -> (i64, i64) {
        let first = self.first(now, first);
        let all = self.heard_of(account).map(|unit| unit.track().progress(now, first));
        all.fold((0, 0), |(done, of), (more, and)| (done + more, of + and))
    }

    /// Until when whoever waits for the past of an account has to wait, and for what: until the first of its metrics goes on that rest
    /// for what passes by itself. `None` where there is none: what lasts is not waited for.
    pub fn waits(&self, now: UtcMillis, first: UtcDay, account: &AccountId) -> Option<(UtcMillis, String)> {
        let first = self.first(now, first);
        let waiting = self
            .units_of(account)
            .filter(|unit| self.trouble_of(unit).is_none_or(Trouble::passes))
            .filter(|unit| unit.track().is_resting(now) && unit.track().backfill(now, first).is_some());
        let until = waiting.filter_map(|unit| unit.track().rests_until(now)).min()?;
        let why = self.state.of(account.name()).map(|(_, trouble)| trouble).find(|trouble| trouble.passes());
        Some((until, why.map(|why| why.text.clone()).unwrap_or_default()))
    }

    /// Why nothing of an account is well, if so; `failed` is what has just failed of it. With a key that is none any more nothing is: what
    /// was not asked for since would be refused, too. What passes, or was not asked for yet, is a reason to wait, unless it has just
    /// failed and nothing else was ever heard.
    pub(super) fn loss(&self, account: &AccountId, failed: Option<&BTreeMap<String, Unheard>>) -> Option<Unheard> {
        let before = |trouble: &Trouble| Unheard::Before(Box::new(trouble.clone()));
        let troubles = || self.state.of(account.name()).map(|(_, trouble)| trouble);
        if let Some(lost) = troubles().find(|trouble| trouble.is_lost_key()) {
            return Some(before(lost));
        }
        let Some(failed) = failed else {
            let mut units = self.units_of(account).peekable();
            let all_last = units.peek().is_some()
                && units.all(|unit| self.trouble_of(unit).is_some_and(|trouble| !trouble.passes()));
            return troubles().find(|trouble| !trouble.passes()).filter(|_| all_last).map(before);
        };
        let is_well = |unit: &Unit| self.trouble_of(unit).is_none() && unit.track().newest().is_some();
        if self.units_of(account).any(is_well) {
            return None;
        }
        // What lasts is what somebody has to mend.
        let lasting = failed.values().find(|why| !Trouble::has_passing(why.code()));
        lasting.or_else(|| failed.values().next()).cloned()
    }

    /// Adds to an outcome the accounts of which nothing is well, and which are left alone for now.
    pub fn recall_lost(&self, outcome: &mut Outcome, only: Option<&AccountId>) {
        let is_meant = |account: &AccountId| only.is_none_or(|only| account == only);
        for (Account { id, .. }, _) in self.of.accounts.iter().filter(|(account, _)| is_meant(&account.id)) {
            if outcome.failed.contains_key(id) {
                continue;
            }
            let Some(why) = self.loss(id, None) else { continue };
            let wrong = self.state.of(id.name()).filter(|(_, trouble)| !trouble.passes());
            let wrong = wrong.map(|(metric, trouble)| (metric.clone(), Unheard::Before(Box::new(trouble.clone()))));
            outcome.failed.insert(id.clone(), wrong.collect());
            outcome.lost.insert(id.clone(), why);
        }
    }
}
