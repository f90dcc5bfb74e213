//! What `--model` and `--device` name: an id, or what tables show of it.

use std::borrow::Cow;
use std::collections::BTreeSet;

use aimon_core::event::Tier;
use aimon_core::history::{CellKey, DayCells, DayReadings, Query, ReadingKey};
use aimon_core::ids::DeviceId;

use crate::error::{Error, Result};
use crate::render::labels::{self, Labels};
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
fn is_device(given: &str, id: &str, labels: &Labels) -> bool {
    let end = labels::short(id);
    given == id
        || given == end
        || given == format!("device {end}")
        || given == format!("this device ({end})")
        || labels.devices.get(id).is_some_and(|name| name == given || format!("{name} ({end})") == given)
        || given == labels.device(id)
        || given == labels.named(id)
}

/// Which of the known devices are meant by a name, an id, or how an id begins. Nothing known gives nothing.
///
/// # Errors
/// Ids of several devices begin so.
pub fn devices(given: &str, known: &BTreeSet<DeviceId>, labels: &Labels) -> Result<BTreeSet<DeviceId>> {
    let meant: BTreeSet<DeviceId> =
        known.iter().copied().filter(|device| is_device(given, &device.to_string(), labels)).collect();
    if !meant.is_empty() || given.is_empty() {
        return Ok(meant);
    }
    let begin = given.to_ascii_lowercase();
    let meant: BTreeSet<DeviceId> =
        known.iter().copied().filter(|device| device.to_string().starts_with(&begin)).collect();
    let shown: BTreeSet<DeviceId> = meant.iter().map(|device| labels.shown(*device)).collect();
    if shown.len() > 1 {
        return Err(Error::ambiguous_device(given, &shown, labels));
    }
    Ok(meant)
}

/// The ids under which the devices are shown that are given, those that were merged into them included.
///
/// # Errors
/// As [`devices`].
pub fn shown_ids(given: &[String], mut known: BTreeSet<DeviceId>, labels: &Labels) -> Result<Vec<String>> {
    known.extend(labels.devices.keys().filter_map(|id| DeviceId::parse(id)));
    known.extend(labels.same.iter().flat_map(|(device, shown)| [*device, *shown]));
    let mut ids = BTreeSet::new();
    for given in given {
        let meant = devices(given, &known, labels)?;
        if meant.is_empty() {
            // Nothing known is nothing, not everything.
            ids.insert(given.clone());
        }
        ids.extend(meant.into_iter().map(|device| labels.shown(device).to_string()));
    }
    Ok(ids.into_iter().collect())
}

/// What of the things that a query names nothing is known of in the whole history: a typing error, more likely than not.
///
/// # Errors
/// As [`devices`].
pub fn unknown<'a>(
    query: &'a Query,
    all: &[DayCells],
    readings: &[DayReadings],
    labels: &Labels,
) -> Result<Vec<(&'static str, &'a str)>> {
    let keys = || all.iter().flat_map(|day| day.cells.iter().map(|(key, _)| key));
    let metered = || readings.iter().flat_map(|day| day.readings.iter().map(|(key, _)| key));
    let mut unknown = Vec::new();
    for given in &query.sources {
        let is_provider = |key: &ReadingKey| key.account.split_once('/').is_some_and(|(provider, _)| provider == given);
        if !keys().any(|key| key.source.as_str() == given) && !metered().any(is_provider) {
            unknown.push(("source", given.as_str()));
        }
    }
    for given in &query.models {
        let of_cell = |key: &CellKey| is_model(given, &model(&key.model, key.tier)) || is_model(given, &key.model);
        if !keys().any(of_cell) && !metered().filter_map(ReadingKey::model).any(|model| is_model(given, model)) {
            unknown.push(("model", given.as_str()));
        }
    }
    for given in &query.devices {
        let mut known: BTreeSet<DeviceId> = keys().map(|key| key.device).collect();
        known.extend(labels.devices.keys().filter_map(|id| DeviceId::parse(id)));
        known.extend(labels.same.iter().flat_map(|(device, shown)| [*device, *shown]));
        if devices(given, &known, labels)?.is_empty() {
            unknown.push(("device", given.as_str()));
        }
    }
    Ok(unknown)
}

/// The query with the full names of what it names in short: the history knows no others. Cells are already those of the devices
/// that are shown.
///
/// # Errors
/// As [`devices`].
pub fn in_full<'a>(
    query: &'a Query,
    days: &[DayCells],
    readings: &[DayReadings],
    labels: &Labels,
) -> Result<Cow<'a, Query>> {
    if query.models.is_empty() && query.devices.is_empty() {
        return Ok(Cow::Borrowed(query));
    }
    let keys = || days.iter().flat_map(|day| day.cells.iter().map(|(key, _)| key));
    let mut query = query.clone();
    if !query.models.is_empty() {
        let mut known: BTreeSet<(&str, bool)> = keys().map(|k| (k.model.as_str(), k.tier == Tier::Fast)).collect();
        let metered = readings.iter().flat_map(|day| &day.readings).filter_map(|(key, _)| key.model());
        known.extend(metered.map(|model| (model, false)));
        let known = known.iter().flat_map(|(model, fast)| {
            std::iter::once((*model).to_owned()).chain(fast.then(|| self::model(model, Tier::Fast).into_owned()))
        });
        let given = std::mem::take(&mut query.models);
        query.models = known.filter(|model| given.iter().any(|g| is_model(g, model))).collect();
        // Nothing known is nothing, not everything.
        query.models.extend(given);
    }
    if !query.devices.is_empty() {
        query.devices = shown_ids(&query.devices, keys().map(|k| k.device).collect(), labels)?;
    }
    Ok(Cow::Owned(query))
}
