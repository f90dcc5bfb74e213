//! The table: a sorted text that is searched, not loaded.

use std::collections::BTreeMap;
use std::fmt;

use crate::event::{ContextClass, Tier};
use crate::time::UtcDay;
use crate::units::Tokens;

use super::overrides::{self, Override, OverrideError};
use super::{Cost, Prices, Resolved};

/// A line for each model, sorted by the bytes of its name: `name`, a tab, its prices. The first
/// line says the format's version, the day of the newest prices and where they are from.
const EMBEDDED: &str = include_str!("../../../../schema/prices/prices.txt");

/// Prices of models by name.
#[derive(Clone)]
pub struct PriceTable {
    text: &'static str,
    overrides: BTreeMap<String, Override>,
}

impl PriceTable {
    /// The table that aimon brings.
    pub const fn embedded() -> Self {
        Self { text: EMBEDDED, overrides: BTreeMap::new() }
    }

    /// Puts a user's prices in front of the table's; `text` is JSON as `schema/prices/README.md`
    /// describes it. Overrides of a name that was overridden before replace those.
    pub fn with_overrides(mut self, text: &str) -> Result<Self, OverrideError> {
        let parsed = overrides::parse(text)?;
        self.overrides.extend(parsed.iter().map(|(name, (_, own))| (name.clone(), own.clone())));
        for (name, (line, own)) in &parsed {
            if let Override::SameAs(other) = own
                && self.resolve(name).is_none()
            {
                return Err(overrides::no_such_model(*line, other));
            }
        }
        Ok(self)
    }

    /// The day of the newest prices, as the table's first line says it.
    pub fn date(&self) -> Option<UtcDay> {
        Some(UtcDay::of(self.header()?.split(' ').nth(2)?.parse().ok()?))
    }

    /// Where the table is from: `litellm 1.110.2`.
    pub fn source(&self) -> &'static str {
        self.header().and_then(|line| line.splitn(4, ' ').nth(3)).unwrap_or_default()
    }

    /// What calls of one model, day, tier and context class cost. `None`: nobody knows.
    pub fn cost(&self, model: &str, day: UtcDay, tokens: &Tokens, tier: Tier, class: ContextClass) -> Option<Cost> {
        Some(self.resolve(model)?.cost(day, tokens, tier, class))
    }

    /// The price of a model by its name in a log: [`Resolved`] says by which rules it was found.
    pub fn resolve(&self, model: &str) -> Option<Resolved> {
        super::resolve::resolve(self, model)
    }

    /// Names that have prices, sorted; the user's first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.overrides.keys().map(String::as_str).chain(lines(self.body()).map(|(name, _)| name))
    }

    /// What is known of exactly this name; of a user's "same as" only where it may be followed.
    pub(super) fn exact(&self, name: &str, follow: bool) -> Option<Found<'_>> {
        let listed = || self.line(name).and_then(|prices| Prices::parse(name, prices));
        match self.overrides.get(name) {
            Some(Override::SameAs(other)) if follow => Some(Found::SameAs(other)),
            Some(Override::Prices(own)) => Some(Found::Prices(own.after(listed()), true)),
            _ => listed().map(|prices| Found::Prices(prices, false)),
        }
    }

    /// The names that begin with `prefix`, sorted, from the table alone.
    pub(super) fn starting_with<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        let from = self.lower_bound(prefix);
        lines(&self.body()[from..]).map(|(name, _)| name).take_while(move |name| name.starts_with(prefix))
    }

    fn header(&self) -> Option<&'static str> {
        self.text.split('\n').next()
    }

    fn body(&self) -> &'static str {
        self.text.split_once('\n').map_or("", |(_, body)| body)
    }

    fn line(&self, name: &str) -> Option<&'static str> {
        let (found, prices) = lines(&self.body()[self.lower_bound(name)..]).next()?;
        (found == name).then_some(prices)
    }

    /// Where the first line begins whose name is not before `name`.
    fn lower_bound(&self, name: &str) -> usize {
        let body = self.body().as_bytes();
        let (mut low, mut high) = (0, body.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let start = body[low..middle].iter().rposition(|b| *b == b'\n').map_or(low, |n| low + n + 1);
            let end = body[middle..high].iter().position(|b| *b == b'\n').map_or(high, |n| middle + n + 1);
            let tab = body[start..end].iter().position(|b| *b == b'\t').map_or(end, |n| start + n);
            if &body[start..tab] < name.as_bytes() { low = end } else { high = start }
        }
        low
    }
}

impl fmt::Debug for PriceTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PriceTable").field("from", &self.source()).field("overrides", &self.overrides).finish()
    }
}

/// What the table says of one name.
pub(super) enum Found<'a> {
    /// Its prices, and whether a user overrode them.
    Prices(Prices, bool),
    /// By a user's word it costs the same as another name.
    SameAs(&'a str),
}

fn lines(text: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    text.lines().filter_map(|line| line.split_once('\t'))
}
