//! Replies as windows.

use serde_json::value::RawValue;

use super::super::Limit;
use super::super::figure::{moment, percent};
use crate::codex::windows::account;
use crate::provider::failure::Unreadable;
use crate::provider::field::{Fields, shape};
use crate::window::{MOST_MINUTES, Window, name};

/// The longest id of a limit that is believed.
const LONGEST_ID: usize = 64;

pub(super) fn limits(body: &[u8]) -> Result<Vec<Limit>, Unreadable> {
    let reply: Fields<'_> = serde_json::from_slice(body)?;
    // A plan without windows has none; a reply that does not know of them is another one.
    if !reply.has("rate_limit") {
        return Err(shape("rate_limit", "missing"));
    }
    let mut limits = Vec::new();
    limits.extend(limit(&reply, "")?);
    if let Some(raw) = reply.raw("additional_rate_limits") {
        let wrong = || shape("additional_rate_limits", "no list of objects");
        let all: Vec<&RawValue> = serde_json::from_str(raw).map_err(|_| wrong())?;
        for raw in all {
            let fields: Fields<'_> = serde_json::from_str(raw.get()).map_err(|_| wrong())?;
            let id = fields.text("metered_feature")?;
            // Logs name a limit by this id: without one nobody could say which it is.
            let fits = (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic());
            if fits && limits.iter().all(|limit: &Limit| limit.account != account(&id)) {
                limits.extend(limit(&fields, &id)?);
            }
        }
    }
    Ok(limits)
}

/// What stands in `rate_limit`.
fn limit(fields: &Fields<'_>, id: &str) -> Result<Option<Limit>, Unreadable> {
    let Some(fields) = fields.object("rate_limit")? else { return Ok(None) };
    let mut windows: Vec<Window> = Vec::new();
    for (field, slot) in [("primary_window", "primary"), ("secondary_window", "secondary")] {
        let Some(fields) = fields.object(field)? else { continue };
        let Some(used_ppm) = percent(&fields, "used_percent")? else { continue };
        // As logs have it, in whole minutes.
        let minutes = fields.count("limit_window_seconds")?.and_then(|s| i64::try_from(s.div_ceil(60)).ok());
        let minutes = minutes.filter(|minutes| (1..=MOST_MINUTES).contains(minutes));
        let called = minutes.map(name).filter(|name| windows.iter().all(|window| window.name != *name));
        windows.push(Window {
            name: called.unwrap_or_else(|| slot.to_owned()),
            used_ppm,
            resets_at_s: moment(&fields, "reset_at")?,
            window_s: minutes.map(|minutes| minutes * 60),
        });
    }
    windows.sort();
    Ok((!windows.is_empty()).then(|| Limit { account: account(id), windows }))
}
