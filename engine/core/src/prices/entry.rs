//! One model's prices, and how one line of the table reads.

use crate::event::ContextClass;
use crate::time::UtcDay;

use super::Notes;

/// A price: pico-dollars for one token. Providers' prices, in dollars for a million tokens, have
/// up to six decimals; the sixth is one pico-dollar per token.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct PerToken(pub u64);

impl PerToken {
    /// Reads plain decimal dollars for a million tokens: `3`, `0.125`. `None` if it is no such
    /// number, negative, or finer than six decimals.
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(part) {
            return None;
        }
        let part = part.trim_end_matches('0');
        if part.len() > 6 {
            return None;
        }
        let micro: u64 = format!("{part:0<6}").parse().ok()?;
        whole.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(micro).map(Self)
    }

    /// This price times `up` / `down`, to the pico-dollar, a half upwards.
    pub(super) fn scaled(self, up: u64, down: u64) -> Self {
        let down = u128::from(down.max(1));
        let scaled = (u128::from(self.0) * u128::from(up) + down / 2) / down;
        Self(u64::try_from(scaled).unwrap_or(u64::MAX))
    }
}

/// What a token was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Input that no cache knew.
    Input,
    /// Output, reasoning included.
    Output,
    /// Written to a cache for five minutes, or for a time that is not stated.
    CacheWrite5m,
    /// Written to a cache for one hour.
    CacheWrite1h,
    /// Read from a cache.
    CacheRead,
}

/// At whose terms a call ran.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Variant {
    List,
    Batch,
    Flex,
    Priority,
    Fast,
}

impl Variant {
    pub(super) const NAMED: [(&'static str, Self); 4] =
        [("batch", Self::Batch), ("flex", Self::Flex), ("priority", Self::Priority), ("fast", Self::Fast)];

    fn named(text: &str) -> Option<Self> {
        Self::NAMED.iter().find(|(name, _)| *name == text).map(|(_, variant)| *variant)
    }
}

/// The prices of all kinds under one condition. Unknown ones are `None`: not 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Row(pub(super) [Option<PerToken>; 5]);

impl Row {
    fn get(&self, kind: Kind) -> Option<PerToken> {
        self.0[kind as usize]
    }

    /// `3/15/3.75/6/0.3`, in the order of [`Kind`]; empty where unknown, the end may be missing.
    fn parse(text: &str) -> Option<Self> {
        let mut row = Self::default();
        for (n, part) in text.split('/').enumerate() {
            let cell = row.0.get_mut(n)?;
            if !part.is_empty() {
                *cell = Some(PerToken::parse(part)?);
            }
        }
        Some(row)
    }
}

/// What a model costs from some day on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PriceEntry {
    input: PerToken,
    output: PerToken,
    /// Prices of a variant for prompts above so many tokens; the list's at 0 is always there.
    pub(super) rows: Vec<(Variant, u64, Row)>,
    /// Variants whose every price is the list's times a factor, in millionths.
    pub(super) factors: Vec<(Variant, u64)>,
    /// Whether Anthropic's factors hold for cache prices that the table does not have.
    anthropic: bool,
}

const MILLION: u64 = 1_000_000;

impl PriceEntry {
    /// `None` without a list price of input and output.
    pub(super) fn new(model: &str, rows: Vec<(Variant, u64, Row)>, factors: Vec<(Variant, u64)>) -> Option<Self> {
        let list = rows.iter().find(|(variant, above, _)| *variant == Variant::List && *above == 0)?.2;
        let (input, output) = (list.get(Kind::Input)?, list.get(Kind::Output)?);
        Some(Self { input, output, rows, factors, anthropic: model.contains("claude") })
    }

    /// `3/15 >200k:6/22.5 batch:x0.5 flex>200k:…`, as `schema/prices/README.md` says.
    fn parse(model: &str, text: &str) -> Option<Self> {
        let (mut rows, mut factors) = (Vec::new(), Vec::new());
        for part in text.split(' ') {
            let (condition, prices) = part.rsplit_once(':').unwrap_or(("", part));
            let (variant, above) = condition.split_once('>').unwrap_or((condition, "0k"));
            let variant = if variant.is_empty() { Variant::List } else { Variant::named(variant)? };
            let above = above.strip_suffix('k')?.parse::<u64>().ok()?.checked_mul(1000)?;
            match prices.strip_prefix('x') {
                Some(factor) => factors.push((variant, PerToken::parse(factor)?.0)),
                None => rows.push((variant, above, Row::parse(prices)?)),
            }
        }
        Self::new(model, rows, factors)
    }

    /// The list price of input.
    pub fn input(&self) -> PerToken {
        self.input
    }

    /// The list price of output.
    pub fn output(&self) -> PerToken {
        self.output
    }

    /// The row for the longest context that a prompt of `class` reaches, and its threshold.
    fn row(&self, variant: Variant, class: ContextClass) -> Option<(u64, &Row)> {
        let reached = |above: u64| above == 0 || class.is_above(above);
        let mine = self.rows.iter().filter(|(v, above, _)| *v == variant && reached(*above));
        mine.max_by_key(|(_, above, _)| *above).map(|(_, above, row)| (*above, row))
    }

    /// The list price of a token: for prompts of `class` as a whole, not for the part above.
    pub(super) fn list(&self, kind: Kind, class: ContextClass) -> (PerToken, Notes) {
        let base = self.row(Variant::List, ContextClass(0)).map(|(_, row)| *row).unwrap_or_default();
        let row = self.row(Variant::List, class).map_or(base, |(_, row)| *row);
        if let Some(price) = row.get(kind) {
            return (price, Notes::NONE);
        }
        let input = row.get(Kind::Input).unwrap_or(self.input);
        match (kind, base.get(kind)) {
            (Kind::Input, _) => (input, Notes::NONE),
            (Kind::Output, _) => (self.output, Notes::LONG_CONTEXT_ASSUMED),
            // A cache's price is a fraction of the input's, with every provider that has both.
            (_, Some(price)) => (price.scaled(input.0, self.input.0), Notes::LONG_CONTEXT_ASSUMED),
            (_, None) => (self.cache_fallback(kind, class, input), Notes::CACHE_ASSUMED),
        }
    }

    /// What a cached token costs where the table does not say. Anthropic: 1.25 times the input for
    /// five minutes, twice for an hour, a tenth for a read. Others: like any input, which is never
    /// too little; an hour like five minutes.
    fn cache_fallback(&self, kind: Kind, class: ContextClass, input: PerToken) -> PerToken {
        match (kind, self.anthropic) {
            (Kind::CacheWrite5m, true) => input.scaled(5, 4),
            (Kind::CacheWrite1h, true) => input.scaled(2, 1),
            (Kind::CacheRead, true) => input.scaled(1, 10),
            (Kind::CacheWrite1h, false) => self.list(Kind::CacheWrite5m, class).0,
            _ => input,
        }
    }

    /// The price of a token under a variant; `None` if the table has none for the variant at all.
    pub(super) fn variant(&self, variant: Variant, kind: Kind, class: ContextClass) -> Option<(PerToken, Notes)> {
        let (list, notes) = self.list(kind, class);
        if let Some((_, factor)) = self.factors.iter().find(|(v, _)| *v == variant) {
            return Some((list.scaled(*factor, MILLION), notes));
        }
        let (above, row) = self.row(variant, class)?;
        let list_above = self.row(Variant::List, class).map_or(0, |(above, _)| above);
        // The list's prices under the same condition as `row`: what it is compared to.
        let same = if above < list_above { ContextClass(0) } else { class };
        let (same_list, same_notes) = self.list(kind, same);
        let same_input = self.list(Kind::Input, same).0;
        let input = row.get(Kind::Input).unwrap_or(same_input);
        let (price, notes) = match row.get(kind) {
            Some(price) => (price, Notes::NONE),
            None => (same_list.scaled(input.0, same_input.0), Notes::CACHE_ASSUMED | same_notes),
        };
        if above < list_above {
            return Some((price.scaled(list.0, same_list.0), notes | Notes::LONG_CONTEXT_ASSUMED));
        }
        Some((price, notes))
    }
}

/// A model's prices over time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Prices {
    /// Ascending; the first holds from the beginning, whatever its day.
    pub(super) entries: Vec<(UtcDay, PriceEntry)>,
}

impl Prices {
    /// Reads what follows the name in a line of the table: entries, later ones after ` @date `.
    pub(super) fn parse(model: &str, text: &str) -> Option<Self> {
        let mut entries = Vec::new();
        for (n, part) in text.split(" @").enumerate() {
            let (day, part) = if n == 0 { (UtcDay(i32::MIN), part) } else { dated(part)? };
            entries.push((day, PriceEntry::parse(model, part)?));
        }
        Some(Self { entries })
    }

    /// The prices on `day`.
    pub fn at(&self, day: UtcDay) -> Option<&PriceEntry> {
        let later = self.entries.partition_point(|(from, _)| *from <= day);
        self.entries.get(later.saturating_sub(1)).map(|(_, entry)| entry)
    }

    /// The days on which they changed, and to what. The first is the beginning of time.
    pub fn history(&self) -> impl Iterator<Item = (UtcDay, &PriceEntry)> {
        self.entries.iter().map(|(from, entry)| (*from, entry))
    }
}

fn dated(text: &str) -> Option<(UtcDay, &str)> {
    let (date, rest) = text.split_once(' ')?;
    Some((UtcDay::of(date.parse().ok()?), rest))
}
