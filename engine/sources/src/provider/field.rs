//! Figures in replies, exactly: a number never passes through a floating point.

use std::borrow::Cow;
use std::collections::HashMap;

use aimon_core::units::PicoUsd;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::failure::{Unreadable, shortened};

/// The most of anything that is believed of one row: a hundred trillion tokens, a billion dollars.
const MOST_COUNT: u64 = 100_000_000_000_000;
const MOST_DOLLARS: i128 = 1_000_000_000;

/// The most characters of a name: of a model, a key, a project. Each is kept with each figure.
const MOST_TEXT: usize = 256;

/// An object whose values are looked at one by one.
#[derive(Deserialize, Debug)]
#[serde(transparent)]
pub struct Fields<'a>(#[serde(borrow)] HashMap<Cow<'a, str>, &'a RawValue>);

impl<'a> Fields<'a> {
    /// The names of all fields, in the order of their bytes; also of those that are null.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.0.keys().map(AsRef::as_ref).collect();
        names.sort_unstable();
        names
    }

    /// Whether a field is there, if only as null.
    pub fn has(&self, field: &str) -> bool {
        self.0.contains_key(field)
    }

    /// A field's JSON, unless it is null or not there.
    pub fn raw(&self, field: &str) -> Option<&'a str> {
        self.0.get(field).map(|raw| raw.get()).filter(|raw| *raw != "null")
    }

    /// An object in a field.
    pub fn object(&self, field: &str) -> Result<Option<Fields<'a>>, Unreadable> {
        self.raw(field).map(serde_json::from_str).transpose().map_err(|_| shape(field, "no object"))
    }

    /// A text; empty where the provider gives null.
    pub fn text(&self, field: &str) -> Result<String, Unreadable> {
        match self.raw(field) {
            None => Ok(String::new()),
            Some("true") => Ok("true".to_owned()),
            Some("false") => Ok("false".to_owned()),
            Some(raw) => {
                let text: String = serde_json::from_str(raw).map_err(|_| shape(field, "no text"))?;
                believed(field, &text)?;
                Ok(text)
            }
        }
    }

    /// A count, if it is there.
    pub fn count(&self, field: &str) -> Result<Option<u64>, Unreadable> {
        let Some(raw) = self.raw(field) else { return Ok(None) };
        match raw.parse::<u64>() {
            Ok(count) if count <= MOST_COUNT => Ok(Some(count)),
            _ if is_number(raw) => Err(Unreadable::Absurd { field: field.to_owned(), value: shortened(raw) }),
            _ => Err(shape(field, "no number")),
        }
    }

    /// A count that must be there.
    pub fn need(&self, field: &str) -> Result<u64, Unreadable> {
        self.count(field)?.ok_or_else(|| shape(field, "missing"))
    }

    /// An amount in dollars, a number or a text, if it is there.
    pub fn dollars(&self, field: &str) -> Result<Option<PicoUsd>, Unreadable> {
        self.raw(field).map(|raw| amount(field, raw, PicoUsd::parse_dollars)).transpose()
    }

    /// An amount in cents, a number or a text, if it is there.
    pub fn cents(&self, field: &str) -> Result<Option<PicoUsd>, Unreadable> {
        self.raw(field).map(|raw| amount(field, raw, PicoUsd::parse_cents)).transpose()
    }
}

fn amount(field: &str, raw: &str, parse: fn(&str) -> Option<PicoUsd>) -> Result<PicoUsd, Unreadable> {
    let text: Cow<'_, str> = match raw.starts_with('"') {
        true => Cow::Owned(serde_json::from_str(raw).map_err(|_| shape(field, "no amount"))?),
        false => Cow::Borrowed(raw),
    };
    match parse(&text) {
        Some(amount) if amount.0.unsigned_abs() <= (MOST_DOLLARS * PicoUsd::DOLLAR).unsigned_abs() => Ok(amount),
        _ if is_number(text.trim()) => Err(Unreadable::Absurd { field: field.to_owned(), value: shortened(text) }),
        _ => Err(shape(field, "no amount")),
    }
}

/// A text that is no longer than any name.
pub fn believed<'a>(field: &str, text: &'a str) -> Result<&'a str, Unreadable> {
    match text.len() <= MOST_TEXT || text.chars().nth(MOST_TEXT).is_none() {
        true => Ok(text),
        false => Err(shape(field, "longer than any name")),
    }
}

fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c == '-' || c.is_ascii_digit())
}

/// What asks for the next page, where a reply says whether there is more, and what.
pub fn next(has_more: bool, next_page: Option<String>) -> Result<Option<String>, Unreadable> {
    match (has_more, next_page) {
        (false, _) => Ok(None),
        (true, None) => Err(shape("next_page", "missing, though there is more")),
        (true, next) => Ok(next),
    }
}

/// What is wrong with a field.
pub fn shape(field: &str, what: &str) -> Unreadable {
    Unreadable::Shape(format!("`{field}`: {what}"))
}

/// The measure of an amount in a currency: `cost_pusd`; of any other than dollars its own, which is never added to them.
pub fn cost_measure(currency: &str) -> Result<String, Unreadable> {
    let currency = currency.trim().to_ascii_lowercase();
    match currency.len() == 3 && currency.bytes().all(|b| b.is_ascii_lowercase()) {
        true => Ok(format!("cost_p{currency}")),
        false => Err(shape("currency", "no currency")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_longer_than_any_name_is_none() {
        let text = |text: &str| {
            let json = serde_json::json!({ "model": text }).to_string();
            serde_json::from_str::<Fields<'_>>(&json).map(|fields| fields.text("model").is_ok()).unwrap_or_default()
        };
        assert!(text("") && text(&"x".repeat(256)) && text(&"ü".repeat(256)));
        assert!(!text(&"x".repeat(257)) && !text(&"ü".repeat(257)));
    }
}
