//! What providers said of accounts, as lines of a report: metered usage and what was billed, each in the place where calls from logs
//! stand. What a provider gives by UTC day only stays with that day, in every zone.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::cells::{CellKey, Sums};
use super::identity::Copy;
use super::readings::{DayReadings, Reading, ReadingKey, Span};
use super::twins::Twins;
use crate::accounts::{AccountId, Accounts, Payer};
use crate::event::{ContextClass, Quality, Tier};
use crate::ids::DeviceId;
use crate::name::Name;
use crate::time::{Quarter, UtcDay, UtcMillis};
use crate::units::Tokens;

const DAY_S: u32 = 86_400;
const QUARTER_MS: i64 = 900_000;

/// What accounts said, and who pays for what.
#[derive(Clone, Copy, Debug)]
pub struct Metered<'a> {
    /// Readings by day.
    pub readings: &'a [DayReadings],
    /// The accounts, and what they cover.
    pub accounts: &'a Accounts,
    /// Accounts that may be one, whose figures count once.
    pub twins: &'a Twins,
}

/// How exactly a line lies in its local day.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Place {
    /// It is of that local day.
    Exact,
    /// By whole hours, of which the zone's midnight cuts one in two.
    Hours,
    /// By UTC day: never divided.
    UtcDay,
}

/// One line.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) date: Date,
    pub(super) day: UtcDay,
    /// As a call would have it: the source is the provider, the payer the account, and nobody has observed it.
    pub(super) key: CellKey,
    /// The provider's id of the key that was used.
    pub(super) api_key: Option<Name>,
    /// What a bill's line is for, in the provider's words.
    pub(super) item: Option<Name>,
    /// The provider's project or workspace.
    pub(super) project: Option<Name>,
    pub(super) sums: Sums,
    /// Whether the provider counts calls.
    pub(super) counts_calls: bool,
    /// What was billed, by currency (`usd`), in 10⁻¹² of it.
    pub(super) billed: BTreeMap<Name, i128>,
    pub(super) place: Place,
    /// The metric that it is of.
    pub(super) metric: Name,
    /// How many quarters of an hour it is of, from its key's on.
    pub(super) quarters: u8,
}

static NOBODY: Accounts = Accounts::NONE;
static NO_TWINS: Twins = Twins::NONE;

impl Default for Metered<'_> {
    /// No accounts.
    fn default() -> Self {
        Self { readings: &[], accounts: &NOBODY, twins: &NO_TWINS }
    }
}

impl<'a> Metered<'a> {
    pub(super) fn lines(&self, zone: &TimeZone) -> Vec<Line> {
        let mut lines = Vec::new();
        for day in self.readings {
            let counting = day.readings.iter().filter(|(key, _)| !self.twins.leaves_out(&key.account, day.day));
            lines.extend(counting.filter_map(|(key, reading)| line(day.day, key, reading, zone)));
        }
        lines
    }

    /// The account whose own figure stands for a call, if there is one.
    pub fn explained_by(&self, copy: &Copy) -> Option<&'a AccountId> {
        let day = copy.record.time.day();
        self.explains(day, &CellKey::of(copy))
    }

    /// The account whose own figure stands for a cell's calls, if there is one: it pays for them, and what it says of that time no
    /// longer changes.
    pub(super) fn explains(&self, day: UtcDay, key: &CellKey) -> Option<&'a AccountId> {
        let account = self.account(day, key)?;
        let from = key.quarter.start(day);
        let span = (from, UtcMillis(from.0 + QUARTER_MS));
        let heard = self.readings.iter().filter(|one| one.day == day || one.day == day.plus(-1));
        let heard = heard
            .flat_map(|one| &one.heard)
            .filter(|heard| heard.account == *account.name() && tells_of_calls(&heard.metric));
        let is_within = |settled: &Span| settled.0 <= span.0 && settled.1 >= span.1;
        heard.flat_map(|heard| &heard.settled).any(is_within).then_some(account)
    }

    /// The account that pays for a cell's calls and has told of that day, as the one that stands for it.
    pub(super) fn told_payer(&self, day: UtcDay, key: &CellKey) -> Option<&'a AccountId> {
        let account = self.account(day, key)?;
        let has_told = |one: &DayReadings| one.day == day && one.heard.iter().any(|of| of.account == *account.name());
        self.readings.iter().any(has_told).then_some(account)
    }

    /// The account that pays for a cell's calls, if one does: the one under which its figures of that day are.
    fn account(&self, day: UtcDay, key: &CellKey) -> Option<&'a AccountId> {
        match self.payer(day, key)? {
            Payer::Account(account) => Some(self.twins.standing(self.accounts.joined().payer(account), day)),
            Payer::Subscription => None,
        }
    }

    /// Who pays for a cell's calls, as far as anybody has said.
    fn payer(&self, day: UtcDay, key: &CellKey) -> Option<&'a Payer> {
        self.accounts.coverage().payer(&key.source, key.device, key.payer.as_ref(), day)
    }

    /// The same as reports name it: of accounts that are one, the one that stands for them.
    pub(super) fn payer_named(&self, day: UtcDay, key: &CellKey) -> Option<&'a str> {
        match self.account(day, key) {
            Some(account) => Some(account.name()),
            None => self.payer(day, key).map(Payer::text),
        }
    }
}

/// Whether a metric tells of the calls that agents' logs tell of: the others (embeddings, images) say nothing of these.
pub(super) fn tells_of_calls(metric: &str) -> bool {
    ["usage.completions", "usage.messages", "activity"].contains(&metric)
}

fn line(day: UtcDay, key: &ReadingKey, reading: &Reading, zone: &TimeZone) -> Option<Line> {
    let dimension = |name: &str| key.dimension(name).cloned();
    let (sums, billed) = figures(reading);
    if sums == Sums::default() && billed.is_empty() {
        return None;
    }
    let is_day = key.span.width >= DAY_S;
    let (date, place) = match is_day {
        true => (day.date()?, Place::UtcDay),
        false => {
            let at = jiff::Timestamp::from_millisecond(key.span.start.0).ok()?;
            let cuts = zone.to_offset(at).seconds().rem_euclid(3600) != 0 && key.span.width > 900;
            (zone.to_datetime(at).date(), if cuts { Place::Hours } else { Place::Exact })
        }
    };
    let account = AccountId::parse(&key.account);
    let source = account.as_ref().map_or("account", AccountId::provider);
    let tier = match (dimension("batch").as_deref(), dimension("tier").as_deref()) {
        (Some("true"), _) | (_, Some("batch")) => Tier::Batch,
        (_, Some("priority" | "priority_on_demand")) => Tier::Priority,
        (_, Some("flex" | "flex_discount")) => Tier::Flex,
        (_, Some("fast")) => Tier::Fast,
        (_, None | Some("default" | "standard" | "auto" | "scale")) => Tier::Standard,
        _ => Tier::Unknown,
    };
    // Anthropic says on which side of a price's threshold a prompt is; others don't.
    let context = match dimension("context").as_deref() {
        Some("200k-1M" | "200k+" | ">200k") => ContextClass::of(200_001),
        _ => ContextClass(0),
    };
    let cell = CellKey {
        quarter: Quarter(if is_day { 0 } else { key.span.start.quarter().0 }),
        source: source.into(),
        model: dimension("model").unwrap_or_default(),
        session: Name::default(),
        device: DeviceId([0; 16]),
        tier,
        context,
        quality: Quality::Metered,
        payer: Some(key.account.clone()),
        project: None,
    };
    let (api_key, project, item) = (dimension("key"), dimension("project"), dimension("line"));
    let metric = key.metric.clone();
    let quarters = u8::try_from(key.span.width.div_ceil(900)).unwrap_or(u8::MAX).max(1);
    let counts_calls = reading.measures.iter().any(|(name, _)| name.as_str() == "requests");
    Some(Line { date, day, key: cell, api_key, item, project, sums, counts_calls, billed, place, metric, quarters })
}

fn figures(reading: &Reading) -> (Sums, BTreeMap<Name, i128>) {
    let mut sums = Sums::default();
    let mut billed: BTreeMap<Name, i128> = BTreeMap::new();
    for (name, value) in &reading.measures {
        match name.as_str() {
            "requests" => sums.calls = count(*value),
            "web_searches" => sums.web_searches = count(*value),
            name => {
                if let Some(currency) = name.strip_prefix("cost_p") {
                    *billed.entry(currency.into()).or_default() += value;
                }
            }
        }
    }
    sums.tokens = tokens(reading);
    sums.unstated = sums.tokens;
    (sums, billed)
}

/// The tokens of a reading.
pub(super) fn tokens(reading: &Reading) -> Tokens {
    let mut tokens = Tokens::default();
    for (name, value) in &reading.measures {
        match name.as_str() {
            "input_tokens" => tokens.input = count(*value),
            "output_tokens" => tokens.output = count(*value),
            "reasoning_tokens" => tokens.reasoning = count(*value),
            "cache_read_tokens" => tokens.cache_read = count(*value),
            "cache_write_tokens" => tokens.cache_write_5m = count(*value),
            "cache_write_1h_tokens" => tokens.cache_write_1h = count(*value),
            _ => {}
        }
    }
    tokens
}

fn count(value: i128) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
