//! Figures: sums of a row or of the whole, what they cost, and what of them can't be cut exactly.

use std::collections::BTreeMap;

use super::cells::Sums;
use super::metered::{Line, Place};
use crate::event::Quality;
use crate::name::Name;
use crate::units::{PicoUsd, Tokens};

/// Sums with what they cost.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Figures {
    /// Tokens, calls, and what the log states.
    pub sums: Sums,
    /// The cost of all calls whose price is known.
    pub cost: PicoUsd,
    /// How many calls have no known price: their cost is unknown, not 0.
    pub unpriced_calls: u64,
    /// Calls by quality. Providers that count no calls are there with none.
    pub qualities: BTreeMap<Quality, u64>,
    /// Whether some of it is told by a provider that counts no calls: there are more than these.
    pub has_uncounted: bool,
    /// What was billed, by currency (`usd`), in 10⁻¹² of it. Currencies are never added up.
    pub billed: BTreeMap<Name, i128>,
    /// What calls that are not in the sums say of the same usage: an account's own figures stand for them.
    pub explained: Explained,
    /// Whether some of it is by UTC day, or by hours that the zone's midnight cuts.
    pub grain: Grain,
    /// Whether the price of some of it is known.
    pub has_priced: bool,
    /// Whether the price of some of it is not known.
    pub has_unpriced: bool,
}

/// What the logs say of usage for which an account's own figures stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Explained {
    /// Calls and tokens.
    pub sums: Sums,
    /// What they would cost, as far as prices are known.
    pub cost: PicoUsd,
}

/// What of a figure can't be cut by local days exactly.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Grain {
    /// Some of it is by UTC day.
    pub utc_days: bool,
    /// Some of it is by hours, and the zone's midnight cuts them.
    pub hours: bool,
}

impl Figures {
    pub(super) fn add(&mut self, sums: &Sums, quality: Quality, cost: Cost) {
        self.sums += *sums;
        self.cost += cost.known;
        self.unpriced_calls += cost.unpriced_calls;
        *self.qualities.entry(quality).or_default() += sums.calls;
        self.has_priced |= cost.has_priced;
        self.has_unpriced |= cost.has_unpriced;
    }

    /// Beside the sums of what a provider said, what else it says.
    pub(super) fn add_line(&mut self, line: &Line) {
        self.has_uncounted |= !line.counts_calls && !line.sums.tokens.is_zero();
        for (currency, amount) in &line.billed {
            let sum = self.billed.entry(currency.clone()).or_default();
            *sum = sum.saturating_add(*amount);
        }
        self.grain.utc_days |= line.place == Place::UtcDay;
        self.grain.hours |= line.place == Place::Hours;
    }

    pub(super) fn add_explained(&mut self, sums: &Sums, cost: Cost) {
        self.explained.sums += *sums;
        self.explained.cost += cost.known;
    }

    /// Takes in the figures of another row.
    pub fn join(&mut self, other: &Self) {
        self.sums += other.sums;
        self.cost += other.cost;
        self.unpriced_calls = self.unpriced_calls.saturating_add(other.unpriced_calls);
        self.has_uncounted |= other.has_uncounted;
        for (quality, calls) in &other.qualities {
            *self.qualities.entry(*quality).or_default() += calls;
        }
        for (currency, amount) in &other.billed {
            let sum = self.billed.entry(currency.clone()).or_default();
            *sum = sum.saturating_add(*amount);
        }
        self.explained.sums += other.explained.sums;
        self.explained.cost += other.explained.cost;
        self.grain.utc_days |= other.grain.utc_days;
        self.grain.hours |= other.grain.hours;
        self.has_priced |= other.has_priced;
        self.has_unpriced |= other.has_unpriced;
    }

    /// Whether there is nothing at all.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// The cost, if the price of at least something is known.
    pub fn known_cost(&self) -> Option<PicoUsd> {
        (self.has_priced || !self.has_unpriced).then_some(self.cost)
    }

    /// What was billed in dollars, if anything was.
    pub fn billed_usd(&self) -> Option<PicoUsd> {
        self.billed.get("usd").map(|amount| PicoUsd(*amount))
    }

    /// The least trusted quality of any call.
    pub fn quality(&self) -> Option<Quality> {
        self.qualities.keys().next_back().copied()
    }

    /// Tokens of all kinds.
    pub fn tokens(&self) -> Tokens {
        self.sums.tokens
    }
}

/// What calls cost.
#[derive(Clone, Copy)]
pub(super) struct Cost {
    pub(super) known: PicoUsd,
    pub(super) unpriced_calls: u64,
    pub(super) has_priced: bool,
    pub(super) has_unpriced: bool,
}

impl Cost {
    /// There is nothing that costs anything.
    pub(super) const NOTHING: Self =
        Self { known: PicoUsd(0), unpriced_calls: 0, has_priced: false, has_unpriced: false };
}
