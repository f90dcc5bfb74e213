//! A user's prices.
//!
//! ```json
//! { "models": {
//!     "my-gateway/claude": { "same_as": "claude-sonnet-4-5" },
//!     "gpt-5": { "from": "2026-10-01", "input": "1", "output": 8, "cache_read": "0.1",
//!                "above_200k": { "input": 2, "output": 12 }, "batch": { "times": "0.5" } }
//! } }
//! ```

use std::collections::BTreeMap;

use crate::event::ContextClass;
use crate::time::UtcDay;

use super::entry::{Row, Variant};
use super::json::{self, Key, Node, Value};
use super::{Kind, PerToken, PriceEntry, Prices};

/// What a user says of one name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Override {
    /// It costs what another name costs.
    SameAs(String),
    /// Its prices.
    Prices(Own),
}

/// Entries as written, ascending; one without a date comes first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Own(Vec<(UtcDay, PriceEntry)>);

impl Own {
    /// These prices from their first day on, the table's before it.
    pub(super) fn after(&self, listed: Option<Prices>) -> Prices {
        let first = self.0.first().map_or(UtcDay(i32::MIN), |(from, _)| *from);
        let before = listed.map(|prices| prices.entries).unwrap_or_default();
        let entries = before.into_iter().filter(|(from, _)| *from < first).chain(self.0.iter().cloned());
        Prices { entries: entries.collect() }
    }
}

/// An override that can't be used: where, what is wrong, and what to do.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct OverrideError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong.
    pub problem: OverrideProblem,
}

/// What can be wrong with an override.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OverrideProblem {
    /// Not JSON.
    #[error("this is not JSON: expected {0} here")]
    Json(&'static str),
    /// Something else than an object with `models`.
    #[error(r#"expected {{ "models": {{ "a model": {{ "input": "3", "output": "15" }} }} }}"#)]
    Shape,
    /// A key that means nothing.
    #[error(
        "`{0}` is not known here; use input, output, cache_write, cache_write_1h, cache_read, times, \
             above_100k and the like, batch, flex, priority, fast, from or same_as"
    )]
    Key(String),
    /// A model twice.
    #[error("`{0}` stands here twice; keep one, or make it a list of entries with `from`")]
    Twice(String),
    /// No price.
    #[error("`{0}` is not a price; write dollars for a million tokens, like \"0.125\", with up to six decimals")]
    Price(String),
    /// No date.
    #[error("`{0}` is not a day; write it like \"2026-10-01\"")]
    Date(String),
    /// Dates that don't ascend, or two entries without one.
    #[error("entries must follow each other by `from`, the oldest first; only the first may be without")]
    Order,
    /// Input or output missing.
    #[error("`{0}` needs both an input and an output price")]
    Incomplete(String),
    /// A threshold that calls are not told apart by.
    #[error("long-context prices can begin above {0} tokens")]
    Threshold(String),
    /// `times` beside prices.
    #[error("`times` stands alone: either it or prices, and only in batch, flex, priority and fast")]
    Times,
    /// `same_as` beside prices.
    #[error("`same_as` stands alone; drop it or the prices")]
    SameAs,
    /// `same_as` a name without prices.
    #[error("no prices are known for `{0}`; name a model that has some (not one with `same_as`)")]
    NoSuchModel(String),
}

use OverrideProblem as Problem;

fn fail<T>(line: usize, problem: Problem) -> Result<T, OverrideError> {
    Err(OverrideError { line, problem })
}

/// Overrides by name, with the line of each.
pub(super) fn parse(text: &str) -> Result<BTreeMap<String, (usize, Override)>, OverrideError> {
    let root = json::parse(text)
        .map_err(|broken| OverrideError { line: broken.line, problem: Problem::Json(broken.expected) })?;
    let mut models = BTreeMap::new();
    for (key, node) in members(&root)? {
        if key.text != "models" {
            return fail(key.line, Problem::Shape);
        }
        for (name, node) in members(node)? {
            let own = model(&name.text, node)?;
            if models.insert(name.text.clone(), (name.line, own)).is_some() {
                return fail(name.line, Problem::Twice(name.text.clone()));
            }
        }
    }
    Ok(models)
}

fn members(node: &Node) -> Result<&[(Key, Node)], OverrideError> {
    match &node.value {
        Value::Object(members) => Ok(members),
        _ => fail(node.line, Problem::Shape),
    }
}

fn model(name: &str, node: &Node) -> Result<Override, OverrideError> {
    let list = match &node.value {
        Value::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    if let [only] = list
        && let Some((key, other)) = members(only)?.iter().find(|(key, _)| key.text == "same_as")
    {
        return match &other.value {
            Value::Text(other) if members(only)?.len() == 1 => Ok(Override::SameAs(other.clone())),
            _ => fail(key.line, Problem::SameAs),
        };
    }
    let mut entries: Vec<(UtcDay, PriceEntry)> = Vec::new();
    for node in list {
        let (from, entry) = entry(name, node)?;
        if entries.last().is_some_and(|(last, _)| *last >= from) {
            return fail(node.line, Problem::Order);
        }
        entries.push((from, entry));
    }
    if entries.is_empty() {
        return fail(node.line, Problem::Incomplete(name.to_owned()));
    }
    Ok(Override::Prices(Own(entries)))
}

fn entry(name: &str, node: &Node) -> Result<(UtcDay, PriceEntry), OverrideError> {
    let mut from = UtcDay(i32::MIN);
    let (mut rows, mut factors) = (Vec::new(), Vec::new());
    let mut own = Vec::new();
    for (key, value) in members(node)? {
        match key.text.as_str() {
            "from" => from = day(value)?,
            "same_as" => return fail(key.line, Problem::SameAs),
            text => match Variant::NAMED.iter().find(|(variant, _)| *variant == text) {
                Some((_, variant)) => terms(*variant, members(value)?, &mut rows, &mut factors)?,
                None => own.push((key.clone(), value.clone())),
            },
        }
    }
    terms(Variant::List, &own, &mut rows, &mut factors)?;
    match PriceEntry::new(name, rows, factors) {
        Some(entry) => Ok((from, entry)),
        None => fail(node.line, Problem::Incomplete(name.to_owned())),
    }
}

type Rows = Vec<(Variant, u64, Row)>;

/// Prices, and longer contexts' prices, of the list or of a variant.
fn terms(
    variant: Variant,
    members: &[(Key, Node)],
    rows: &mut Rows,
    factors: &mut Vec<(Variant, u64)>,
) -> Result<(), OverrideError> {
    if let Some((key, node)) = members.iter().find(|(key, _)| key.text == "times") {
        if variant == Variant::List || members.len() > 1 {
            return fail(key.line, Problem::Times);
        }
        factors.push((variant, price(node)?.0));
        return Ok(());
    }
    let mut base = Row::default();
    for (key, node) in members {
        match key.text.strip_prefix("above_") {
            Some(threshold) => rows.push((variant, above(key, threshold)?, row(self::members(node)?)?)),
            None => cell(&mut base, key, node)?,
        }
    }
    rows.push((variant, 0, base));
    Ok(())
}

fn row(members: &[(Key, Node)]) -> Result<Row, OverrideError> {
    let mut row = Row::default();
    for (key, node) in members {
        cell(&mut row, key, node)?;
    }
    Ok(row)
}

fn cell(row: &mut Row, key: &Key, node: &Node) -> Result<(), OverrideError> {
    let kind = match key.text.as_str() {
        "input" => Kind::Input,
        "output" => Kind::Output,
        "cache_write" => Kind::CacheWrite5m,
        "cache_write_1h" => Kind::CacheWrite1h,
        "cache_read" => Kind::CacheRead,
        other => return fail(key.line, Problem::Key(other.to_owned())),
    };
    row.0[kind as usize] = Some(price(node)?);
    Ok(())
}

fn above(key: &Key, threshold: &str) -> Result<u64, OverrideError> {
    let tokens = threshold.strip_suffix('k').and_then(|k| k.parse::<u64>().ok()).and_then(|k| k.checked_mul(1000));
    match tokens {
        Some(tokens) if ContextClass::THRESHOLDS.contains(&tokens) => Ok(tokens),
        _ => {
            let known: Vec<String> = ContextClass::THRESHOLDS.iter().map(|t| format!("{}k", t / 1000)).collect();
            fail(key.line, Problem::Threshold(known.join(", ")))
        }
    }
}

fn text(node: &Node) -> &str {
    match &node.value {
        Value::Text(text) | Value::Number(text) => text.trim(),
        _ => "",
    }
}

fn price(node: &Node) -> Result<PerToken, OverrideError> {
    let text = text(node);
    match PerToken::parse(text) {
        Some(price) => Ok(price),
        None => fail(node.line, Problem::Price(text.to_owned())),
    }
}

fn day(node: &Node) -> Result<UtcDay, OverrideError> {
    let text = text(node);
    match text.parse() {
        Ok(date) => Ok(UtcDay::of(date)),
        Err(_) => fail(node.line, Problem::Date(text.to_owned())),
    }
}

pub(super) fn no_such_model(line: usize, name: &str) -> OverrideError {
    OverrideError { line, problem: Problem::NoSuchModel(name.to_owned()) }
}
