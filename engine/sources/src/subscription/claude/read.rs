//! Replies as windows.

use serde_json::value::RawValue;

use super::super::Limit;
use super::super::figure::{moment, percent};
use crate::provider::failure::Unreadable;
use crate::provider::field::{Fields, shape};
use crate::window::Window;

/// The windows that fields are named after, what they are called here, and how long they are in seconds.
const KNOWN: [(&str, &str, i64); 2] = [("five_hour", "5h", 18_000), ("seven_day", "7d", 604_800)];

/// It shares the main limit, and has none of its own.
const SHARED: &str = "seven_day_omelette";

/// The longest name of a model that a window is called by.
const LONGEST_NAME: usize = 40;

pub(super) fn limits(account: &str, body: &[u8]) -> Result<Vec<Limit>, Unreadable> {
    let reply: Fields<'_> = serde_json::from_slice(body)?;
    let mut windows: Vec<Window> = Vec::new();
    let mut is_known = false;
    for field in reply.names() {
        let Some((name, length)) = name(field).filter(|_| field != SHARED) else { continue };
        is_known = true;
        if let Some(fields) = reply.object(field)? {
            windows.extend(window(&fields, "utilization", name, length)?);
        }
    }
    if let Some(raw) = reply.raw("limits") {
        is_known = true;
        let all: Vec<&RawValue> = serde_json::from_str(raw).map_err(|_| shape("limits", "no list"))?;
        for raw in all {
            let fields: Fields<'_> = serde_json::from_str(raw.get()).map_err(|_| shape("limits", "no object"))?;
            let Some((name, length)) = scoped(&fields)? else { continue };
            // What has a field of its own is not read twice.
            if windows.iter().all(|window| window.name != name) {
                windows.extend(window(&fields, "percent", name, length)?);
            }
        }
    }
    if !is_known {
        return Err(shape("five_hour", "missing, and everything like it"));
    }
    windows.sort();
    Ok(if windows.is_empty() { Vec::new() } else { vec![Limit { account: account.to_owned(), windows }] })
}

fn window(fields: &Fields<'_>, used: &str, name: String, length: i64) -> Result<Option<Window>, Unreadable> {
    let Some(used_ppm) = percent(fields, used)? else { return Ok(None) };
    Ok(Some(Window { name, used_ppm, resets_at_s: moment(fields, "resets_at")?, window_s: Some(length) }))
}

/// `five_hour` is `5h`, `seven_day_opus` is `7d-opus`, as the status line has it. Everything else has names that mean nothing to people.
fn name(field: &str) -> Option<(String, i64)> {
    KNOWN.iter().find_map(|(prefix, short, length)| {
        let rest = field.strip_prefix(prefix)?;
        let fits = rest.is_empty() || rest.starts_with('_') && rest.len() > 1;
        fits.then(|| (format!("{short}{}", rest.replace('_', "-")), *length))
    })
}

/// One of the list that newer replies have: `{kind: "weekly_scoped", scope: {model: {display_name: "Fable"}}, …}` is `7d-fable`.
fn scoped(fields: &Fields<'_>) -> Result<Option<(String, i64)>, Unreadable> {
    Ok(match fields.text("kind")?.as_str() {
        "session" => Some(("5h".to_owned(), 18_000)),
        "weekly_all" => Some(("7d".to_owned(), 604_800)),
        "weekly_scoped" => {
            let scope = fields.object("scope")?;
            let model = scope.as_ref().map(|scope| scope.object("model")).transpose()?.flatten();
            let called = model.as_ref().map(|model| model.text("display_name")).transpose()?.unwrap_or_default();
            let called = slug(&called);
            (!called.is_empty()).then(|| (format!("7d-{called}"), 604_800))
        }
        _ => None,
    })
}

/// A model's name as a window is called by it: `Claude Fable 5` is `claude-fable-5`.
fn slug(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let text: String = name.chars().take(LONGEST_NAME).map(plain).collect();
    text.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}
