//! What a figure is made of: its calls, in parts that sum to it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use aimon_core::accounts::AccountId;
use aimon_core::event::{ContextClass, Quality, Tier};
use aimon_core::history::{Copy, CostMode};
use aimon_core::ids::DeviceId;
use aimon_core::name::Name;
use aimon_core::prices::{Kind, Notes};
use aimon_core::time::UtcDay;
use aimon_core::units::{PicoUsd, Tokens};

use crate::filter;
use crate::pricing::{LookUp, Pricing};

/// What the calls of one part have in common.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct PartKey {
    /// The agent's kind.
    pub source: Name,
    /// The model as the log names it.
    pub model: Name,
    /// The session.
    pub session: Name,
    /// Who observed.
    pub device: DeviceId,
    /// The price class.
    pub tier: Tier,
    /// The size class of the prompts, which can decide the price.
    pub context: ContextClass,
    /// How far it can be trusted.
    pub quality: Quality,
    /// Who paid, where stated.
    pub payer: Option<Name>,
    /// The account whose own figures stand for these calls, which are in no sum then.
    pub explains: Option<Name>,
}

impl PartKey {
    /// The model as reports name it.
    pub fn named(&self) -> Cow<'_, str> {
        filter::model(&self.model, self.tier)
    }
}

/// One part.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// How many calls.
    pub calls: u64,
    /// Their tokens.
    pub tokens: Tokens,
    /// What they cost, if the price of every one is known.
    pub cost: Option<PicoUsd>,
    /// Which calls, as indices.
    pub copies: Vec<usize>,
}

/// All parts of a figure, the largest first, and their sum.
#[derive(Clone, Debug, Default)]
pub struct Explained {
    /// The parts.
    pub parts: Vec<(PartKey, Part)>,
    /// Calls.
    pub calls: u64,
    /// Tokens.
    pub tokens: Tokens,
    /// The cost of what has a known price.
    pub cost: PicoUsd,
    /// Calls without a known price.
    pub unpriced_calls: u64,
}

/// What one call cost.
pub fn cost(copy: &Copy, mode: CostMode, prices: &LookUp<'_>) -> Option<PicoUsd> {
    let r = &copy.record;
    let computed = || {
        let class = ContextClass::of(r.tokens.prompt());
        prices.of(&r.model, r.time.day(), &r.tokens, r.tier, class)
    };
    match (mode, r.stated_cost) {
        (CostMode::Calculate, _) | (CostMode::Auto, None) => computed(),
        (CostMode::Display | CostMode::Auto, stated) => stated,
    }
}

impl Explained {
    /// Parts the calls; those for which an account's own figures stand are in no sum: `explains` says which one's.
    pub fn of(
        copies: &[Copy],
        mode: CostMode,
        prices: &LookUp<'_>,
        explains: &dyn Fn(&Copy) -> Option<AccountId>,
    ) -> Self {
        let mut parts: BTreeMap<PartKey, Part> = BTreeMap::new();
        let mut all = Self::default();
        for (index, copy) in copies.iter().enumerate() {
            let r = &copy.record;
            let key = PartKey {
                source: r.source.clone(),
                model: r.model.clone(),
                session: r.session.clone(),
                device: copy.device,
                tier: r.tier,
                context: ContextClass::of(r.tokens.prompt()),
                quality: r.quality,
                payer: r.payer.clone(),
                explains: explains(copy).map(|account| account.name().clone()),
            };
            let counts = key.explains.is_none();
            let cost = cost(copy, mode, prices);
            let part = parts.entry(key).or_insert_with(|| Part { cost: Some(PicoUsd(0)), ..Part::default() });
            part.calls += 1;
            part.tokens += r.tokens;
            part.cost = part.cost.zip(cost).map(|(a, b)| a + b);
            part.copies.push(index);
            if !counts {
                continue;
            }
            all.calls += 1;
            all.tokens += r.tokens;
            match cost {
                Some(cost) => all.cost += cost,
                None => all.unpriced_calls += 1,
            }
        }
        all.parts = parts.into_iter().collect();
        all.parts.sort_by(|(k, a), (l, b)| {
            let size = |p: &Part| (p.cost.unwrap_or_default(), p.tokens.total());
            size(b).cmp(&size(a)).then_with(|| k.cmp(l))
        });
        all
    }
}

/// How a model's price was found, and what it is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Rule {
    /// The name in the table and the rules that led to it; `None` if nobody knows the price.
    pub matched: Option<String>,
    /// What had to be assumed.
    pub notes: Vec<&'static str>,
    /// Dollars for a million tokens: input, output, cache written for 5 minutes, for an hour, read.
    pub per_million: [Option<String>; 5],
}

impl Rule {
    /// The rule for calls of one model, day, tier and class.
    pub fn of(model: &str, day: UtcDay, tier: Tier, class: ContextClass, pricing: &Pricing) -> Self {
        let Some(found) = pricing.resolve(model) else {
            return Self { matched: None, notes: Vec::new(), per_million: Default::default() };
        };
        let tier = match (tier, found.tier) {
            (Tier::Standard, Some(named)) => named,
            _ => tier,
        };
        let mut notes = Notes::NONE;
        let kinds = [Kind::Input, Kind::Output, Kind::CacheWrite5m, Kind::CacheWrite1h, Kind::CacheRead];
        let per_million = kinds.map(|kind| {
            let (price, assumed) = found.prices.at(day)?.price(kind, tier, class);
            notes |= assumed;
            Some(PicoUsd(i128::from(price.0) * 1_000_000).to_dollars())
        });
        Self { matched: Some(found.matched.to_string()), notes: notes.texts().collect(), per_million }
    }
}
