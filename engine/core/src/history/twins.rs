//! Accounts that may be one: known by two keys, of a provider that does not say whose they are. Where both say the same of a day on
//! which something was used, they are taken for one until somebody says that they are two, so that nothing is summed twice meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use super::readings::{DayReadings, Heard, Reading, ReadingKey};
use crate::accounts::{AccountId, Accounts, Joined};
use crate::name::Name;
use crate::time::UtcDay;

/// Accounts that may be one, and whose figures don't count meanwhile.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Twins {
    pairs: Vec<(AccountId, AccountId)>,
    /// Whose figures of a day are another one's, and whose.
    left_out: BTreeMap<(Name, UtcDay), AccountId>,
}

/// What one account said of a day.
struct Told<'a> {
    readings: Vec<&'a (ReadingKey, Reading)>,
    heard: Vec<&'a Heard>,
}

impl Twins {
    /// None.
    pub const NONE: Self = Self { pairs: Vec::new(), left_out: BTreeMap::new() };

    /// Those that all readings show: of every kept day, since a day on which two differ tells them apart.
    pub fn of(accounts: &Accounts, readings: &[DayReadings]) -> Self {
        let undecided = accounts.undecided();
        if undecided.is_empty() {
            return Self::NONE;
        }
        let is_twin = |(one, other): &(&AccountId, &AccountId)| {
            let days = readings.iter().map(|day| (Told::of(day, one), Told::of(day, other)));
            let both = days.filter(|(a, b)| !a.heard.is_empty() && !b.heard.is_empty());
            let mut is_alike = false;
            for (a, b) in both {
                let same = a.says_the_same_as(&b);
                if !same && a.is_settled() && b.is_settled() {
                    return false;
                }
                is_alike |= same && !a.readings.is_empty();
            }
            is_alike
        };
        let pairs: Vec<(AccountId, AccountId)> =
            undecided.into_iter().filter(is_twin).map(|(a, b)| (a.clone(), b.clone())).collect();
        let mut left_out = BTreeMap::new();
        let groups = groups(&pairs);
        for day in readings {
            for group in &groups {
                let heard = |account: &&AccountId| !Told::of(day, account).heard.is_empty();
                // The one that was heard of last knows most; of equals the smaller.
                let newest = |account: &AccountId| Told::of(day, account).heard.iter().map(|one| one.newest).max();
                let mut told: Vec<&AccountId> = group.iter().copied().filter(heard).collect();
                told.sort_by(|a, b| newest(b).cmp(&newest(a)).then_with(|| a.cmp(b)));
                let Some((counts, others)) = told.split_first() else { continue };
                left_out.extend(others.iter().map(|one| ((one.name().clone(), day.day), (*counts).clone())));
            }
        }
        Self { pairs, left_out }
    }

    /// Pairs that may be one account.
    pub fn pairs(&self) -> &[(AccountId, AccountId)] {
        &self.pairs
    }

    /// Whether an account's figures of a day don't count, since a twin's do.
    pub(super) fn leaves_out(&self, account: &Name, day: UtcDay) -> bool {
        !self.left_out.is_empty() && self.left_out.contains_key(&(account.clone(), day))
    }

    /// The account whose figures of a day stand for an account's: its own, unless a twin's do.
    pub(super) fn standing<'a>(&'a self, account: &'a AccountId, day: UtcDay) -> &'a AccountId {
        if self.left_out.is_empty() {
            return account;
        }
        self.left_out.get(&(account.name().clone(), day)).unwrap_or(account)
    }
}

/// Twins of twins are twins.
fn groups(pairs: &[(AccountId, AccountId)]) -> Vec<BTreeSet<&AccountId>> {
    let joined: Joined = pairs.iter().cloned().collect();
    let mut groups: BTreeMap<AccountId, BTreeSet<&AccountId>> = BTreeMap::new();
    for account in pairs.iter().flat_map(|(one, other)| [one, other]) {
        groups.entry(joined.payer(account).clone()).or_default().insert(account);
    }
    groups.into_values().collect()
}

impl<'a> Told<'a> {
    fn of(day: &'a DayReadings, account: &AccountId) -> Self {
        // Both are sorted by account.
        let name = account.name();
        let (from, to) = bounds(&day.readings, |(key, _)| &key.account, name);
        let readings = day.readings.get(from..to).unwrap_or_default().iter();
        let (from, to) = bounds(&day.heard, |heard| &heard.account, name);
        let heard = day.heard.get(from..to).unwrap_or_default().iter();
        Self { readings: readings.filter(|(_, reading)| !is_nothing(reading)).collect(), heard: heard.collect() }
    }

    /// Whether no figure differs; that one is settled already says nothing.
    fn says_the_same_as(&self, other: &Self) -> bool {
        fn figures((key, reading): &(ReadingKey, Reading)) -> impl Eq {
            ((&key.metric, key.span, &key.dimensions), &reading.measures)
        }
        self.readings.iter().copied().map(figures).eq(other.readings.iter().copied().map(figures))
    }

    fn is_settled(&self) -> bool {
        self.heard.iter().any(|heard| !heard.settled.is_empty()) && self.readings.iter().all(|(_, one)| one.is_settled)
    }
}

fn bounds<T>(all: &[T], account: impl Fn(&T) -> &Name, name: &Name) -> (usize, usize) {
    (all.partition_point(|one| account(one) < name), all.partition_point(|one| account(one) <= name))
}

fn is_nothing(reading: &Reading) -> bool {
    reading.measures.iter().all(|(_, value)| *value == 0)
}
