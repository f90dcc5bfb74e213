//! Replies as rows.

use std::collections::BTreeMap;
use std::str::FromStr;

use aimon_core::event::{Bucket, Row};
use aimon_core::name::Name;
use aimon_core::polling::{Ask, Metric};
use aimon_core::time::UtcDay;
use jiff::civil::Date;
use serde::Deserialize;

use super::super::failure::Unreadable;
use super::super::field::{Fields, shape};
use super::super::{Identity, Page};

#[derive(Deserialize)]
struct Reply<'a> {
    #[serde(borrow)]
    data: Fields<'a>,
}

#[derive(Deserialize)]
struct Activity<'a> {
    #[serde(borrow)]
    data: Vec<Fields<'a>>,
}

/// Nothing in it is an account's id: a key's maker may have keys of several organizations. The label is the key's.
pub(super) fn identity(body: &[u8]) -> Result<Identity, Unreadable> {
    let Reply { data } = serde_json::from_slice(body)?;
    Ok(Identity { id: None, label: Some(data.text("label")?).filter(|label| !label.is_empty()) })
}

pub(super) fn page(metric: &Metric, ask: &Ask, body: &[u8]) -> Result<Page, Unreadable> {
    if metric.name == "activity" {
        return activity(ask, body);
    }
    let Reply { data } = serde_json::from_slice(body)?;
    let mut measures: BTreeMap<Name, i128> = BTreeMap::new();
    let mut measure = |name: &str, field: &str, must: bool| -> Result<(), Unreadable> {
        match data.dollars(field)? {
            Some(amount) => {
                measures.insert(name.into(), amount.0);
            }
            None if must => return Err(shape(field, "missing")),
            None => {}
        }
        Ok(())
    };
    if metric.name == "credits" {
        measure("bought_pusd", "total_credits", true)?;
        measure("used_pusd", "total_usage", true)?;
    } else {
        measure("used_pusd", "usage", true)?;
        measure("used_today_pusd", "usage_daily", false)?;
        measure("used_this_week_pusd", "usage_weekly", false)?;
        measure("used_this_month_pusd", "usage_monthly", false)?;
        measure("limit_pusd", "limit", false)?;
        measure("left_pusd", "limit_remaining", false)?;
    }
    if let (Some(bought), Some(used)) = (measures.get("bought_pusd"), measures.get("used_pusd")) {
        let balance = bought - used;
        measures.insert("balance_pusd".into(), balance);
    }
    Ok(Page {
        rows: vec![(Bucket { start: aimon_core::time::UtcMillis(0), width: 0 }, Row { values: vec![], measures })],
        ..Page::default()
    })
}

fn activity(ask: &Ask, body: &[u8]) -> Result<Page, Unreadable> {
    let Activity { data } = serde_json::from_slice(body)?;
    let mut rows = Vec::new();
    for fields in &data {
        let date = fields.text("date")?;
        // `2025-08-24`, or with the day's first moment behind it.
        let date = date.get(..10).and_then(|date| Date::from_str(date).ok()).ok_or_else(|| shape("date", "no date"))?;
        let start = UtcDay::of(date).start();
        // What is kept is told as a whole.
        if start < ask.from || start >= ask.to {
            continue;
        }
        let values = vec![fields.text("model")?.into(), fields.text("provider_name")?.into()];
        let mut measures: BTreeMap<Name, i128> = BTreeMap::new();
        let mut measure = |name: &str, value: i128| {
            measures.insert(name.into(), value);
        };
        measure("input_tokens", fields.need("prompt_tokens")?.into());
        measure("output_tokens", fields.need("completion_tokens")?.into());
        measure("reasoning_tokens", fields.count("reasoning_tokens")?.unwrap_or(0).into());
        measure("requests", fields.need("requests")?.into());
        measure("cost_pusd", fields.dollars("usage")?.ok_or_else(|| shape("usage", "missing"))?.0);
        measure("byok_cost_pusd", fields.dollars("byok_usage_inference")?.unwrap_or_default().0);
        rows.push((Bucket { start, width: ask.width }, Row { values, measures }));
    }
    Ok(Page { rows, ..Page::default() })
}
