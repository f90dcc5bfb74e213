//! What an account was billed, line by line, beside what its tokens would cost: where the two differ, and by how much. Both by UTC day,
//! since bills have no others.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::cells::CellKey;
use super::metered::{Line, Metered};
use super::report::Price;
use crate::name::Name;
use crate::time::UtcDay;
use crate::units::{PicoUsd, Tokens};

/// An account's bill.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bill {
    /// The account.
    pub account: Name,
    /// The dearest first.
    pub lines: Vec<BillLine>,
}

/// A line of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BillLine {
    /// As the provider names it; of tokens that no line names, the model and their kind.
    pub text: String,
    /// What was billed, by currency (`usd`), in 10⁻¹² of it. Nothing, where no line names these tokens.
    pub billed: BTreeMap<Name, i128>,
    /// Tokens that it is for; none, where it is for something else or nobody can tell.
    pub tokens: u64,
    /// What these cost by the price table; `None` where a price is not known, or it is not for tokens.
    pub derived: Option<PicoUsd>,
}

/// A kind of token that bills tell apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Kind {
    Input,
    CacheRead,
    CacheWrite5m,
    CacheWrite1h,
    Output,
}

const KINDS: [Kind; 5] = [Kind::Input, Kind::CacheRead, Kind::CacheWrite5m, Kind::CacheWrite1h, Kind::Output];

/// Tokens of one model and kind, and what they cost.
#[derive(Clone, Copy, Default)]
struct Used {
    tokens: u64,
    cost: PicoUsd,
    is_unpriced: bool,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::CacheRead => "cached input",
            Self::CacheWrite5m => "cache write",
            Self::CacheWrite1h => "cache write (1h)",
            Self::Output => "output",
        }
    }

    fn of(self, tokens: &Tokens) -> Tokens {
        let none = Tokens::default();
        match self {
            Self::Input => Tokens { input: tokens.input, ..none },
            Self::CacheRead => Tokens { cache_read: tokens.cache_read, ..none },
            Self::CacheWrite5m => Tokens { cache_write_5m: tokens.cache_write_5m, ..none },
            Self::CacheWrite1h => Tokens { cache_write_1h: tokens.cache_write_1h, ..none },
            Self::Output => Tokens { output: tokens.output, ..none },
        }
    }

    /// The kinds that a bill's line is for, by its words: `gpt-5, cached input`, `Claude Sonnet 4.5 Usage - Input Tokens, Cache Write (1h)`.
    fn named(line: &str) -> Vec<Self> {
        let line = line.to_lowercase();
        let has = |word: &str| line.contains(word);
        if has("cach") && (has("write") || has("creation")) {
            return match (has("1h"), has("5m")) {
                (true, _) => vec![Self::CacheWrite1h],
                (_, true) => vec![Self::CacheWrite5m],
                _ => vec![Self::CacheWrite5m, Self::CacheWrite1h],
            };
        }
        match () {
            () if has("cach") => vec![Self::CacheRead],
            () if has("output") => vec![Self::Output],
            () if has("input") => vec![Self::Input],
            () => Vec::new(),
        }
    }
}

impl Bill {
    /// Bills of the UTC days from `since` to `until`, by account.
    pub fn of(metered: &Metered<'_>, (since, until): (Option<Date>, Option<Date>), price: &Price<'_>) -> Vec<Self> {
        let mut building: BTreeMap<Name, Building> = BTreeMap::new();
        for line in metered.lines(&TimeZone::UTC) {
            if since.is_some_and(|day| line.date < day) || until.is_some_and(|day| line.date > day) {
                continue;
            }
            let Some(account) = line.key.payer.clone() else { continue };
            building.entry(account).or_default().add(&line, price);
        }
        building.into_iter().map(|(account, building)| building.bill(account)).collect()
    }

    /// What was billed, by currency, and what the tokens cost as far as prices are known.
    pub fn sums(&self) -> (BTreeMap<Name, i128>, PicoUsd) {
        let (mut billed, mut derived) = (BTreeMap::new(), PicoUsd(0));
        for line in &self.lines {
            for (currency, amount) in &line.billed {
                let sum: &mut i128 = billed.entry(currency.clone()).or_default();
                *sum = sum.saturating_add(*amount);
            }
            derived += line.derived.unwrap_or_default();
        }
        (billed, derived)
    }
}

#[derive(Default)]
struct Building {
    used: BTreeMap<(Name, Kind), Used>,
    /// By the provider's words.
    items: BTreeMap<Name, BTreeMap<Name, i128>>,
    /// By model, where the provider bills models.
    models: BTreeMap<Name, BTreeMap<Name, i128>>,
}

impl Building {
    fn add(&mut self, line: &Line, price: &Price<'_>) {
        let billed = match &line.item {
            Some(item) => self.items.entry(item.clone()).or_default(),
            None if line.billed.is_empty() => &mut BTreeMap::new(),
            None => self.models.entry(line.key.model.clone()).or_default(),
        };
        for (currency, amount) in &line.billed {
            let sum = billed.entry(currency.clone()).or_default();
            *sum = sum.saturating_add(*amount);
        }
        for kind in KINDS {
            let tokens = kind.of(&line.sums.tokens);
            if !tokens.is_zero() {
                self.used.entry((line.key.model.clone(), kind)).or_default().add(&line.key, line.day, &tokens, price);
            }
        }
    }

    fn bill(self, account: Name) -> Bill {
        let Self { mut used, items, models } = self;
        let known: BTreeSet<Name> = used.keys().map(|(model, _)| model.clone()).collect();
        let mut lines = Vec::new();
        for (item, billed) in items {
            let model = model_in(&item, &known);
            let taken = Kind::named(&item).into_iter().filter_map(|kind| used.remove(&(model.clone()?, kind)));
            lines.push(line(item.to_string(), billed, taken.collect()));
        }
        for (model, billed) in models {
            let taken = KINDS.into_iter().filter_map(|kind| used.remove(&(model.clone(), kind))).collect();
            lines.push(line(model.to_string(), billed, taken));
        }
        for ((model, kind), one) in used {
            lines.push(line(format!("{model}, {}", kind.word()), BTreeMap::new(), vec![one]));
        }
        let size =
            |line: &BillLine| line.billed.get("usd").copied().unwrap_or(0).max(line.derived.map_or(0, |cost| cost.0));
        lines.sort_by(|a, b| size(b).cmp(&size(a)).then_with(|| a.text.cmp(&b.text)));
        Bill { account, lines }
    }
}

impl Used {
    fn add(&mut self, key: &CellKey, day: UtcDay, tokens: &Tokens, price: &Price<'_>) {
        self.tokens = self.tokens.saturating_add(tokens.total());
        match price(key, day, tokens) {
            Some(cost) => self.cost += cost,
            None => self.is_unpriced = true,
        }
    }
}

fn line(text: String, billed: BTreeMap<Name, i128>, used: Vec<Used>) -> BillLine {
    let is_known = !used.is_empty() && used.iter().all(|one| !one.is_unpriced);
    BillLine {
        text,
        billed,
        tokens: used.iter().fold(0, |sum, one| sum.saturating_add(one.tokens)),
        derived: is_known.then(|| used.iter().fold(PicoUsd(0), |sum, one| sum + one.cost)),
    }
}

/// The model of an account's that a line names: the one of most words.
fn model_in(line: &str, known: &BTreeSet<Name>) -> Option<Name> {
    /// What may stand behind a model's name.
    const BEHIND: [&str; 8] = ["usage", "input", "output", "cached", "cache", "batch", "flex", "priority"];
    let line = words(line);
    let names = |model: &&Name| {
        let model = words(model);
        let ends = |at: usize| line.get(at + model.len()).is_none_or(|word| BEHIND.contains(&word.as_str()));
        !model.is_empty() && line.windows(model.len()).enumerate().any(|(at, some)| some == model && ends(at))
    };
    known.iter().filter(names).max_by_key(|model| words(model).len()).cloned()
}

/// Words in lower case, without the dates of versions: `Claude Sonnet 4.5` and `claude-sonnet-4-5-20250929` are the same.
fn words(text: &str) -> Vec<String> {
    let all: Vec<String> =
        text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    let is_number = |word: &String, digits: usize| word.len() == digits && word.bytes().all(|b| b.is_ascii_digit());
    let mut out: Vec<String> = Vec::new();
    let mut rest = all.as_slice();
    while let [word, behind @ ..] = rest {
        rest = match behind {
            [month, day, behind @ ..] if is_number(word, 4) && is_number(month, 2) && is_number(day, 2) => behind,
            behind if is_number(word, 8) => behind,
            behind => {
                out.push(word.clone());
                behind
            }
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_the_model_of_most_words_and_never_a_longer_one() {
        let known: BTreeSet<Name> =
            ["gpt-4o-2024-08-06", "gpt-4o-mini", "claude-sonnet-4-20250514", "claude-sonnet-4-5"]
                .map(Name::from)
                .into();
        let named = |line| model_in(line, &known).map(|name| name.to_string()).unwrap_or_default();
        assert_eq!(named("gpt-4o-2024-08-06, cached input"), "gpt-4o-2024-08-06");
        assert_eq!(named("gpt-4o-mini-2024-07-18, input"), "gpt-4o-mini");
        assert_eq!(named("gpt-4o-audio, input"), "");
        assert_eq!(named("Claude Sonnet 4 Usage - Output Tokens"), "claude-sonnet-4-20250514");
        assert_eq!(named("Claude Sonnet 4.5 Usage - Input Tokens, Cache Hit"), "claude-sonnet-4-5");
        assert_eq!(named("Claude Sonnet 4.6 Usage - Output Tokens"), "");
        assert_eq!(named("Web Search Usage"), "");
        assert_eq!(Kind::named("gpt-5, cached input"), [Kind::CacheRead]);
        assert_eq!(Kind::named("Claude Usage - Input Tokens, Cache Write (1h)"), [Kind::CacheWrite1h]);
        assert_eq!(Kind::named("gpt-5, cache write"), [Kind::CacheWrite5m, Kind::CacheWrite1h]);
        assert_eq!(Kind::named("Web Search Usage"), []);
    }
}
