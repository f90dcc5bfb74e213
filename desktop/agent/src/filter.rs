//! What `--model` and `--device` name: an id, or what tables show of it.

use std::borrow::Cow;
use std::collections::BTreeSet;

use aimon_core::event::Tier;
use aimon_core::history::{DayCells, Query};

use crate::render::labels;
use crate::render::table::{short_model, shown_model};

/// Behind the name of a model's fast variant.
pub const FAST: &str = "-fast";

/// A model as reports name it: the fast variant is one of its own, because its prices are.
pub fn model(model: &str, tier: Tier) -> Cow<'_, str> {
    if tier == Tier::Fast { Cow::Owned(format!("{model}{FAST}")) } else { Cow::Borrowed(model) }
}

/// Whether a model is meant: its full name, or the short one that tables show.
pub fn is_model(given: &str, model: &str) -> bool {
    given == model || given == short_model(model) || given == shown_model(model)
}

/// Whether a device is meant: its id, or its label.
pub fn is_device(given: &str, id: &str) -> bool {
    let end = labels::short(id);
    given == id || given == end || given == format!("device {end}") || given == format!("this device ({end})")
}

/// The query with the full names of what it names in short: the history knows no others.
pub fn in_full<'a>(query: &'a Query, days: &[DayCells]) -> Cow<'a, Query> {
    if query.models.is_empty() && query.devices.is_empty() {
        return Cow::Borrowed(query);
    }
    let keys = || days.iter().flat_map(|day| day.cells.iter().map(|(key, _)| key));
    let mut query = query.clone();
    if !query.models.is_empty() {
        let known: BTreeSet<(&str, bool)> = keys().map(|k| (k.model.as_str(), k.tier == Tier::Fast)).collect();
        let known = known.iter().flat_map(|(model, fast)| {
            std::iter::once((*model).to_owned()).chain(fast.then(|| self::model(model, Tier::Fast).into_owned()))
        });
        let given = std::mem::take(&mut query.models);
        query.models = known.filter(|model| given.iter().any(|g| is_model(g, model))).collect();
        // Nothing known is nothing, not everything.
        query.models.extend(given);
    }
    if !query.devices.is_empty() {
        let known: BTreeSet<_> = keys().map(|k| k.device).collect();
        let known = known.iter().map(ToString::to_string);
        let given = std::mem::take(&mut query.devices);
        query.devices = known.filter(|id| given.iter().any(|g| is_device(g, id))).collect();
        query.devices.extend(given);
    }
    Cow::Owned(query)
}
