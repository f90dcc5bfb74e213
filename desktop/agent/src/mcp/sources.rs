//! Where the figures come from: agents and accounts, machines, folders.

use std::collections::BTreeMap;

use aimon_core::accounts::{Coverage, Covered, Payer};
use aimon_core::history::{Dimension, Query};
use aimon_core::time::UtcDay;
use serde::Serialize;
use utoipa::ToSchema;

use super::Given;
use super::asked::SourcesAsked;
use crate::commands::scan;
use crate::dates::{self, Today};
use crate::error::Result;
use crate::place::Place;
use crate::pricing::Pricing;
use crate::render::json::FiguresJson;
use crate::scan::RootScanned;
use crate::view::View;

/// What `sources` answers.
#[derive(Serialize, ToSchema, Debug)]
#[serde(rename_all = "camelCase")]
pub struct SourcesJson {
    /// Present, and true, where the figures are made up.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    demo: bool,
    /// By source, over all machines and all days that are kept. They add up: calls for which an account's own figures stand are not in the
    /// agent's.
    sources: Vec<SourceJson>,
    /// The folders on this machine in which logs are looked for; null where none were looked at now.
    roots: Option<Vec<RootScanned>>,
}

/// A coding agent whose logs are read, or a provider that was asked about an account.
#[derive(Serialize, ToSchema, Debug)]
#[serde(rename_all = "camelCase")]
struct SourceJson {
    source: String,
    first_day: String,
    last_day: String,
    /// On which machines, and until when; none where an account's own figures are meant.
    devices: Vec<DeviceJson>,
    /// Who pays, from which day on, as far as anybody has said.
    paid_by: Vec<PayerJson>,
    #[serde(flatten)]
    #[schema(inline)]
    figures: FiguresJson,
}

#[derive(Serialize, ToSchema, Debug)]
#[serde(rename_all = "camelCase")]
struct DeviceJson {
    device: String,
    name: String,
    last_day: String,
}

#[derive(Serialize, ToSchema, Debug)]
#[serde(rename_all = "camelCase")]
struct PayerJson {
    by: String,
    /// Null: from the beginning.
    from: Option<String>,
    /// Of one device's calls alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    /// Of one owner's calls alone, as the log states it; empty: of whom it says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
}

/// Answers it.
///
/// # Errors
/// The zone is none, or the replica's.
pub async fn read(asked: SourcesAsked, given: Given) -> Result<SourcesJson> {
    dates::zone(asked.timezone.as_deref())?;
    let pricing = Pricing::load()?;
    let place = Place::here()?;
    let roots = if given.no_scan { None } else { Some(scan::once(&place, true).await?.roots) };
    let mut view = View::open(&place, false, |_| None).await?;
    let zone = dates::zone_by(asked.timezone.as_deref(), view.settings())?;
    let today = Today::of(None, place.now, &zone).utc;
    let coverage = Coverage::of(view.settings());
    let labels = view.labels().clone();
    let by_source = Query { by: Some(Dimension::Source), ..Query::daily(zone) };
    let days = view.report(&by_source, today, &pricing).await?.rows;
    // By source its first and its last day: rows ascend.
    let mut known: BTreeMap<String, (String, String)> = BTreeMap::new();
    for row in &days {
        for group in &row.groups {
            let span = known.entry(group.id.clone()).or_insert_with(|| (row.period.clone(), row.period.clone()));
            span.1.clone_from(&row.period);
        }
    }
    let mut sources = Vec::new();
    for (source, (first_day, last_day)) in known {
        let query =
            Query { by: Some(Dimension::Device), sources: vec![source.clone()], is_part: true, ..by_source.clone() };
        let report = view.report(&query, today, &pricing).await?;
        let mut last: BTreeMap<&str, &str> = BTreeMap::new();
        for row in &report.rows {
            last.extend(row.groups.iter().filter(|g| !g.id.is_empty()).map(|g| (g.id.as_str(), row.period.as_str())));
        }
        let device = |(device, day): (&str, &str)| DeviceJson {
            device: device.to_owned(),
            name: labels.named(device),
            last_day: day.to_owned(),
        };
        let payers = coverage.all().filter(|(of, ..)| of.source.as_str() == source);
        let payer = |(of, from, payer): (&Covered, UtcDay, Option<&Payer>)| PayerJson {
            device: of.device.map(|device| device.to_string()),
            owner: of.owner.as_ref().map(ToString::to_string),
            by: Coverage::value(payer).to_owned(),
            from: (from != UtcDay(0)).then(|| from.to_string()),
        };
        sources.push(SourceJson {
            devices: last.into_iter().map(device).collect(),
            paid_by: payers.map(payer).collect(),
            figures: FiguresJson::of(&report.total),
            source,
            first_day,
            last_day,
        });
    }
    view.close().await;
    Ok(SourcesJson { demo: place.is_demo(), sources, roots })
}
