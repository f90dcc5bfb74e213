//! From a name in a log to prices.

use std::collections::BTreeSet;
use std::fmt;

use crate::event::{ContextClass, Tier};
use crate::time::UtcDay;
use crate::units::Tokens;

use super::table::Found;
use super::{Cost, PriceTable, Prices, Rule};

/// How many rules in a row a name may need, and how many names are tried: both far above what any
/// real name needs, so that a strange one costs no time.
const STEPS: usize = 6;
const NAMES: usize = 200;

/// How a name was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Matched {
    /// The name in the table.
    pub name: String,
    /// The rules that led to it, in order; none for an exact match.
    pub rules: Vec<Rule>,
    /// Whether the prices are a user's.
    pub overridden: bool,
}

impl fmt::Display for Matched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        let own = self.overridden.then_some("your price");
        for (n, text) in own.into_iter().chain(self.rules.iter().map(|rule| rule.name())).enumerate() {
            write!(f, "{}{text}", if n == 0 { " (" } else { ", " })?;
        }
        if self.overridden || !self.rules.is_empty() { f.write_str(")") } else { Ok(()) }
    }
}

/// A model's prices, and how its name was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Resolved {
    /// Its prices over time.
    pub prices: Prices,
    /// How the name was found.
    pub matched: Matched,
    /// The tier that the name itself says (`…-fast`).
    pub tier: Option<Tier>,
}

impl Resolved {
    /// What calls of one day, tier and context class cost.
    pub fn cost(&self, day: UtcDay, tokens: &Tokens, tier: Tier, class: ContextClass) -> Cost {
        let tier = match (tier, self.tier) {
            (Tier::Standard, Some(named)) => named,
            _ => tier,
        };
        self.prices.at(day).map(|entry| super::cost(entry, tokens, tier, class)).unwrap_or_default()
    }
}

/// Tries the name, then all names that one rule makes of it, then two rules, …: the first that the
/// table knows counts. So the fewest rules win, and among them the one that is listed first.
pub(super) fn resolve(table: &PriceTable, model: &str) -> Option<Resolved> {
    walk(table, model, true)
}

/// `follow`: whether a user's "same as" may be followed. Once only, so that two can't run in a ring.
fn walk(table: &PriceTable, model: &str, follow: bool) -> Option<Resolved> {
    let mut seen = BTreeSet::from([model.to_owned()]);
    let mut names = vec![(model.to_owned(), Vec::new())];
    for _ in 0..=STEPS {
        for (name, rules) in &names {
            if let Some(found) = look_up(table, name, rules, follow) {
                return Some(found);
            }
        }
        let mut next = Vec::new();
        for (name, rules) in &names {
            for rule in Rule::ALL {
                let Some(other) = rule.apply(name, table) else { continue };
                if !other.is_empty() && seen.len() < NAMES && seen.insert(other.clone()) {
                    next.push((other, [rules.as_slice(), &[rule]].concat()));
                }
            }
        }
        names = next;
    }
    None
}

fn look_up(table: &PriceTable, name: &str, rules: &[Rule], follow: bool) -> Option<Resolved> {
    let (prices, name, rules, overridden) = match table.exact(name, follow)? {
        Found::Prices(prices, overridden) => (prices, name.to_owned(), rules.to_vec(), overridden),
        Found::SameAs(other) => {
            let found = walk(table, other, false)?;
            (found.prices, found.matched.name, [rules, &found.matched.rules].concat(), true)
        }
    };
    let tier = rules.contains(&Rule::Fast).then_some(Tier::Fast);
    Some(Resolved { prices, matched: Matched { name, rules, overridden }, tier })
}
