//! What was used today, as series.

use std::collections::{BTreeMap, BTreeSet};

use aimon_core::accounts::AccountId;
use aimon_core::history::{Dimension, Figures, Query, Report, Row};
use aimon_core::units::{PicoUsd, Tokens};
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::dates::Today;
use crate::error::Result;
use crate::pricing::Pricing;
use crate::render::labels::Labels;
use crate::view::{Held, cut};

/// What was used within so many days has a series today, too, with 0 in it: one that is missing until its first call hides that call
/// from whoever looks at what has grown.
const KNOWN_DAYS: i64 = 7;

/// What tokens and calls are told apart by.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Series {
    /// Whose model, where that is known.
    pub provider: String,
    /// The model.
    pub model: String,
    /// The agent, or the provider that was asked.
    pub source: String,
    /// The device's name; none where an account's own figures are meant.
    pub device: String,
}

/// What was used of it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Used {
    /// Tokens.
    pub tokens: Tokens,
    /// Calls.
    pub calls: u64,
    /// What that costs; `None` where no price is known.
    pub cost: Option<PicoUsd>,
}

/// All of it.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Usage {
    /// By series.
    pub used: BTreeMap<Series, Used>,
    /// What providers billed, by account and currency.
    pub billed: BTreeMap<(String, String), i128>,
}

/// The days that are looked at.
pub fn query(zone: &TimeZone, today: Today) -> Query {
    let first = today.local.checked_sub((KNOWN_DAYS - 1).days()).unwrap_or(Date::MIN);
    Query { since: Some(first), until: Some(today.local), is_part: true, ..Query::daily(zone.clone()) }
}

impl Usage {
    /// Cuts it from what is held of the days.
    ///
    /// # Errors
    /// None: what is asked for by name is there.
    pub fn of(held: Held, query: &Query, today: Today, pricing: &Pricing, labels: &Labels) -> Result<Self> {
        let of_today = today.local.to_string();
        let report = |query: Query| cut(&query, held.clone(), pricing, labels);
        let by = |by, sources: &[&str]| Query {
            by: Some(by),
            sources: sources.iter().map(|&source| source.to_owned()).collect(),
            ..query.clone()
        };
        let mut usage = Self::default();
        for row in &report(by(Dimension::Account, &[]))?.rows {
            for group in &row.groups {
                for (currency, amount) in &group.figures.billed {
                    let sum = usage.billed.entry((group.id.clone(), currency.to_string())).or_default();
                    *sum = if row.period == of_today { *amount } else { *sum };
                }
            }
        }
        for source in ids(&report(by(Dimension::Source, &[]))?) {
            for device in ids(&report(by(Dimension::Device, &[&source]))?) {
                let devices = if device.is_empty() { Vec::new() } else { vec![device.clone()] };
                let name = if device.is_empty() { device } else { labels.named(&device) };
                for row in &report(Query { devices, ..by(Dimension::Provider, &[&source]) })?.rows {
                    usage.take(row, row.period == of_today, &source, &name);
                }
            }
        }
        Ok(usage)
    }

    fn take(&mut self, row: &Row, is_today: bool, source: &str, device: &str) {
        let provider = match &row.groups[..] {
            [one] => one.id.as_str(),
            _ => "",
        };
        for (model, figures) in &row.models {
            let series = Series {
                provider: provider.to_owned(),
                model: model.clone(),
                source: source.to_owned(),
                device: device.to_owned(),
            };
            let used = self.used.entry(series).or_default();
            if is_today {
                *used = Used::of(figures);
            }
        }
    }
}

impl Used {
    fn of(figures: &Figures) -> Self {
        Self { tokens: figures.tokens(), calls: figures.sums.calls, cost: figures.known_cost() }
    }
}

/// What a report is divided into, over all of its rows.
fn ids(report: &Report) -> BTreeSet<String> {
    report.rows.iter().flat_map(|row| &row.groups).map(|group| group.id.clone()).collect()
}

/// A provider's name in OpenTelemetry's conventions, where they have one for it.
pub fn convention(provider: &str) -> &str {
    match provider {
        // Which of Google's endpoints was asked no log says.
        "google" => "gcp.gen_ai",
        provider => provider,
    }
}

/// The provider of an account.
pub fn provider(account: &str) -> String {
    AccountId::parse(account).map(|account| account.provider().to_owned()).unwrap_or_default()
}
