//! Tokens times prices.

use crate::event::{ContextClass, Tier};
use crate::units::{PicoUsd, Tokens};

use super::entry::Variant;
use super::{Kind, Notes, PerToken, PriceEntry};

/// What tokens cost, and what was assumed for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cost {
    /// The cost.
    pub amount: PicoUsd,
    /// Assumptions behind it.
    pub notes: Notes,
}

/// The cost of calls of one tier and one context class.
///
/// The class is that of each single call's whole prompt, cached parts included. Above a threshold
/// *all* tokens of the call have the higher price, as Anthropic, Google and OpenAI bill it.
pub fn cost(entry: &PriceEntry, tokens: &Tokens, tier: Tier, class: ContextClass) -> Cost {
    let counts = [
        (Kind::Input, tokens.input),
        (Kind::Output, tokens.output),
        (Kind::CacheWrite5m, tokens.cache_write_5m),
        (Kind::CacheWrite1h, tokens.cache_write_1h),
        (Kind::CacheRead, tokens.cache_read),
    ];
    let mut cost = Cost::default();
    for (kind, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
        let (price, notes) = entry.price(kind, tier, class);
        cost.amount += PicoUsd(i128::from(price.0).saturating_mul(i128::from(count)));
        cost.notes |= notes;
    }
    cost
}

impl PriceEntry {
    /// The price of one token, and what was assumed for it.
    pub fn price(&self, kind: Kind, tier: Tier, class: ContextClass) -> (PerToken, Notes) {
        let (variant, missing) = match tier {
            Tier::Standard => return self.list(kind, class),
            Tier::Fast => (Variant::Fast, Notes::TIER_AT_LIST),
            Tier::Priority => (Variant::Priority, Notes::TIER_AT_LIST),
            Tier::Flex => (Variant::Flex, Notes::TIER_AT_LIST),
            Tier::Batch => (Variant::Batch, Notes::TIER_AT_LIST),
            Tier::Unknown => (Variant::List, Notes::TIER_UNKNOWN),
        };
        if variant != Variant::List
            && let Some(priced) = self.variant(variant, kind, class)
        {
            return priced;
        }
        // OpenAI sells the same thing under both names: Codex' fast mode is priority processing.
        if tier == Tier::Fast
            && let Some((price, notes)) = self.variant(Variant::Priority, kind, class)
        {
            return (price, notes | Notes::FAST_AT_PRIORITY);
        }
        let (price, notes) = self.list(kind, class);
        (price, notes | missing)
    }
}
