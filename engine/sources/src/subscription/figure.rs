//! Percentages and moments in replies, exactly: a number never passes through a floating point.

use std::borrow::Cow;

use crate::codex::stamp;
use crate::json::Scanner;
use crate::provider::failure::{Unreadable, shortened};
use crate::provider::field::{Fields, shape};
use crate::window::{is_reset, ppm_of_percent};

/// A percentage in millionths, as a number or as a text; `None` where it is null. One that is not there at all is another shape of reply.
pub(super) fn percent(fields: &Fields<'_>, field: &str) -> Result<Option<i64>, Unreadable> {
    let Some(raw) = fields.raw(field) else {
        return if fields.has(field) { Ok(None) } else { Err(shape(field, "missing")) };
    };
    let text: Cow<'_, str> = match raw.starts_with('"') {
        true => Cow::Owned(serde_json::from_str(raw).map_err(|_| shape(field, "no percentage"))?),
        false => Cow::Borrowed(raw),
    };
    match ppm_of_percent(text.trim()) {
        Some(ppm) => Ok(Some(ppm)),
        None if text.trim().starts_with(|c: char| c == '-' || c.is_ascii_digit()) => {
            Err(Unreadable::Absurd { field: field.to_owned(), value: shortened(text) })
        }
        None => Err(shape(field, "no percentage")),
    }
}

/// A moment in seconds since 1970: a timestamp, or a number of seconds or milliseconds; `None` where it is not said, or 0. Replies
/// differ in fractions of a second about one and the same moment: the nearest whole one is meant.
pub(super) fn moment(fields: &Fields<'_>, field: &str) -> Result<Option<i64>, Unreadable> {
    let Some(raw) = fields.raw(field).filter(|raw| *raw != "0") else { return Ok(None) };
    let value = Scanner::new(raw.as_bytes()).value().map_err(|_| shape(field, "no moment"))?;
    let millis = stamp::value(value);
    match millis.map(|millis| millis.saturating_add(500).div_euclid(1000)) {
        Some(seconds) if is_reset(seconds) => Ok(Some(seconds)),
        None if raw.starts_with('"') => Err(shape(field, "no moment")),
        _ => Err(Unreadable::Absurd { field: field.to_owned(), value: shortened(raw) }),
    }
}
