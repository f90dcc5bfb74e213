//! The JSON of `report daily`, and the truth in its shape.

use std::collections::{BTreeMap, BTreeSet};

use aimon_generator::Truth;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;

/// A day, a source and a model.
pub type Cell = (Date, String, String);

/// What the report says of one cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Fresh input.
    pub input: u64,
    /// Output with reasoning.
    pub output: u64,
    /// Cache writes of both lifetimes.
    pub cache_write: u64,
    /// Cache reads.
    pub cache_read: u64,
}

impl Figures {
    fn of(value: &Value) -> Self {
        let figure = |key: &str| value[key].as_u64().unwrap_or_else(|| panic!("no {key} in {value}"));
        Self {
            input: figure("inputTokens"),
            output: figure("outputTokens"),
            cache_write: figure("cacheCreationTokens"),
            cache_read: figure("cacheReadTokens"),
        }
    }

    fn total(self) -> u64 {
        self.input + self.output + self.cache_write + self.cache_read
    }

    fn plus(self, o: Self) -> Self {
        Self {
            input: self.input + o.input,
            output: self.output + o.output,
            cache_write: self.cache_write + o.cache_write,
            cache_read: self.cache_read + o.cache_read,
        }
    }
}

/// Adds the cells of one source's report.
///
/// # Panics
/// When a day is not the sum of its models, `totals` not that of the days, or a key is missing.
pub fn cells(json: &str, source: &str, into: &mut BTreeMap<Cell, Figures>) {
    let report: Value = serde_json::from_str(json).unwrap();
    let mut sum = Figures::default();
    for day in report["daily"].as_array().unwrap() {
        let date = period(day);
        let mut models = Figures::default();
        for model in day["modelBreakdowns"].as_array().unwrap() {
            let figures = Figures::of(model);
            models = models.plus(figures);
            let name = model["modelName"].as_str().unwrap().to_owned();
            if figures != Figures::default() {
                let twice = into.insert((date, source.to_owned(), name.clone()), figures);
                assert!(twice.is_none(), "{date}: {name} twice");
            }
        }
        let whole = Figures::of(day);
        assert_eq!(whole, models, "{date}: the models don't add up to the day");
        assert_eq!(day["totalTokens"].as_u64(), Some(whole.total()), "{date}: totalTokens");
        assert!(day["reasoningTokens"].as_u64().is_some_and(|r| r <= whole.output), "{date}: reasoningTokens");
        sum = sum.plus(whole);
    }
    if let Some(totals) = report.get("totals").filter(|t| !t.is_null()) {
        assert_eq!(Figures::of(totals), sum, "the days don't add up to totals");
    }
}

/// The days of a report over all sources.
pub fn days(json: &str) -> BTreeMap<Date, Figures> {
    let report: Value = serde_json::from_str(json).unwrap();
    let days = report["daily"].as_array().unwrap().iter();
    days.map(|day| (period(day), Figures::of(day))).filter(|(_, f)| *f != Figures::default()).collect()
}

/// Cells added up by day.
pub fn by_day(cells: &BTreeMap<Cell, Figures>) -> BTreeMap<Date, Figures> {
    let mut days: BTreeMap<Date, Figures> = BTreeMap::new();
    for ((day, _, _), figures) in cells {
        let sum = days.entry(*day).or_default();
        *sum = sum.plus(*figures);
    }
    days
}

/// The reasoning tokens of each day.
pub fn reasoning(json: &str) -> BTreeMap<Date, u64> {
    let report: Value = serde_json::from_str(json).unwrap();
    let days = report["daily"].as_array().unwrap().iter();
    days.map(|day| (period(day), day["reasoningTokens"].as_u64().unwrap())).filter(|(_, n)| *n > 0).collect()
}

/// The truth in the report's shape.
pub fn truth(truth: &Truth, zone: &str) -> BTreeMap<Cell, Figures> {
    let zone = TimeZone::get(zone).unwrap();
    let cells = truth.cells(&zone).into_iter();
    cells
        .map(|(cell, t)| {
            let figures =
                Figures { input: t.input, output: t.output, cache_write: t.cache_write(), cache_read: t.cache_read };
            (cell, figures)
        })
        .collect()
}

/// The truth's reasoning tokens of each day.
pub fn true_reasoning(truth: &Truth, zone: &str) -> BTreeMap<Date, u64> {
    let zone = TimeZone::get(zone).unwrap();
    let mut days = BTreeMap::new();
    for ((day, _, _), tokens) in truth.cells(&zone) {
        *days.entry(day).or_insert(0) += tokens.reasoning;
    }
    days.retain(|_, n| *n > 0);
    days
}

/// Cells that differ, one a line.
pub fn differences(said: &BTreeMap<Cell, Figures>, truth: &BTreeMap<Cell, Figures>) -> Vec<String> {
    let cells: BTreeSet<&Cell> = said.keys().chain(truth.keys()).collect();
    cells
        .into_iter()
        .filter(|cell| said.get(*cell) != truth.get(*cell))
        .map(|cell| {
            let (day, source, model) = cell;
            format!("{day} {source} {model}: {:?}, truth {:?}", said.get(cell), truth.get(cell))
        })
        .collect()
}

fn period(day: &Value) -> Date {
    day["period"].as_str().unwrap().parse().unwrap()
}
