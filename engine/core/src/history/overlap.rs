//! Calls that are told twice: by an agent's log, and by the account that pays for them. As long as nobody has said who pays, both
//! count; where the figures themselves show it, that is proposed.

use std::collections::{BTreeMap, BTreeSet};

use super::by_log::is_model;
use super::cells::DayCells;
use super::metered::{Metered, tells_of_calls};
use super::report::provider_of;
use crate::accounts::AccountId;
use crate::name::Name;
use crate::time::UtcDay;

/// An hour of a day.
type Hour = (UtcDay, u8);

/// A proposal takes so many hours in which a source was used, of so many days.
const LEAST_HOURS: usize = 3;
const LEAST_DAYS: usize = 2;

/// Calls of a source for which an account seems to pay.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Overlap {
    /// The source.
    pub source: Name,
    /// Whose its calls are as the log states it; empty where it states nothing.
    pub owner: Name,
    /// The account.
    pub account: AccountId,
    /// The hours in which the account has as many tokens of the model, within a fiftieth.
    pub alike: usize,
    /// The hours in which the source was used, of those of which the account has settled figures.
    pub hours: usize,
}

/// Tokens by model.
type Usage<'a> = BTreeMap<Hour, BTreeMap<&'a str, u64>>;

impl Overlap {
    /// What the figures of some days show. An account pays for a source if in nine of ten hours in which that was used it has at
    /// least its tokens, model by model, and in half of them just as many.
    pub fn of(days: &[DayCells], metered: &Metered<'_>) -> Vec<Self> {
        let accounts = usage_of_accounts(metered);
        if accounts.is_empty() {
            return Vec::new();
        }
        let mut found = Vec::new();
        for ((source, owner), used) in usage_of_sources(days, metered) {
            let provider = provider_of(source);
            let theirs = accounts.iter().filter(|(id, _)| provider.is_empty() || id.provider() == provider);
            let overlaps = theirs.filter_map(|(account, usage)| overlap((source, &owner), &used, account, usage));
            found.extend(overlaps.max_by_key(|one| (one.alike, std::cmp::Reverse(one.account.clone()))));
        }
        found
    }
}

fn overlap(
    (source, owner): (&Name, &Name),
    used: &Usage<'_>,
    account: &AccountId,
    usage: &Usage<'_>,
) -> Option<Overlap> {
    let none = BTreeMap::new();
    // An hour in which an account has nothing at all may not have been asked for.
    let days: BTreeSet<UtcDay> = usage.keys().map(|(day, _)| *day).collect();
    let (mut hours, mut within, mut alike) = (0, 0, 0);
    let mut days_alike = BTreeSet::new();
    for (hour, models) in used.iter().filter(|((day, _), _)| days.contains(day)) {
        let theirs = usage.get(hour).unwrap_or(&none);
        let of = |model: &str| theirs.iter().filter(|(name, _)| is_model(name, model)).map(|(_, n)| *n).sum::<u64>();
        hours += 1;
        within += usize::from(models.iter().all(|(model, n)| of(model) >= n - n / 50));
        if models.iter().all(|(model, n)| of(model).abs_diff(*n) <= n / 50) {
            alike += 1;
            days_alike.insert(hour.0);
        }
    }
    let is_shown =
        alike >= LEAST_HOURS && days_alike.len() >= LEAST_DAYS && within * 10 >= hours * 9 && alike * 2 >= hours;
    is_shown.then(|| Overlap { source: source.clone(), owner: owner.clone(), account: account.clone(), alike, hours })
}

fn usage_of_accounts<'a>(metered: &Metered<'a>) -> BTreeMap<AccountId, Usage<'a>> {
    let mut accounts: BTreeMap<AccountId, Usage<'a>> = BTreeMap::new();
    for day in metered.readings {
        for (key, reading) in &day.readings {
            // What is by UTC day only shows no hour.
            if !tells_of_calls(&key.metric) || !reading.is_settled || key.span.width > 3600 {
                continue;
            }
            let Some(id) = AccountId::parse(&key.account) else { continue };
            let model = key.model().unwrap_or_default();
            let hour = (day.day, key.span.start.quarter().0 / 4);
            let tokens: u64 = super::metered::tokens(reading).total();
            let sum = accounts.entry(id).or_default().entry(hour).or_default().entry(model).or_default();
            *sum = sum.saturating_add(tokens);
        }
    }
    accounts
}

/// Of calls of which nobody has said who pays for them.
fn usage_of_sources<'a>(days: &'a [DayCells], metered: &Metered<'_>) -> BTreeMap<(&'a Name, Name), Usage<'a>> {
    let mut sources: BTreeMap<(&Name, Name), Usage<'_>> = BTreeMap::new();
    for day in days {
        for (key, sums) in &day.cells {
            if metered.payer_named(day.day, key).is_some() || sums.tokens.is_zero() {
                continue;
            }
            let used = sources.entry((&key.source, key.payer.clone().unwrap_or_default())).or_default();
            let sum = used.entry((day.day, key.quarter.0 / 4)).or_default().entry(&key.model).or_default();
            *sum = sum.saturating_add(sums.tokens.total());
        }
    }
    sources
}
