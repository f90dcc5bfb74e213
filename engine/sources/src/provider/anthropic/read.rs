//! Replies as rows.

use std::collections::BTreeMap;

use aimon_core::event::{Bucket, Row};
use aimon_core::name::Name;
use aimon_core::polling::{Ask, Metric};
use aimon_core::time::UtcMillis;
use serde::Deserialize;

use super::super::failure::Unreadable;
use super::super::field::{Fields, cost_measure, next, shape};
use super::super::{Identity, Page};
use super::metrics::field;

#[derive(Deserialize)]
struct Reply<'a> {
    #[serde(borrow)]
    data: Vec<Told<'a>>,
    has_more: bool,
    next_page: Option<String>,
}

#[derive(Deserialize)]
struct Told<'a> {
    starting_at: jiff::Timestamp,
    ending_at: jiff::Timestamp,
    #[serde(borrow)]
    results: Vec<Fields<'a>>,
}

pub(super) fn identity(body: &[u8]) -> Result<Identity, Unreadable> {
    let fields: Fields<'_> = serde_json::from_slice(body)?;
    let (id, label) = (fields.text("id")?, fields.text("name")?);
    if id.is_empty() {
        return Err(shape("id", "missing"));
    }
    Ok(Identity { id: Some(id), label: Some(label).filter(|label| !label.is_empty()) })
}

pub(super) fn page(metric: &Metric, ask: &Ask, body: &[u8]) -> Result<Page, Unreadable> {
    let reply: Reply<'_> = serde_json::from_slice(body)?;
    let (mut rows, mut whole) = (Vec::new(), Vec::with_capacity(reply.data.len()));
    for told in &reply.data {
        let (start, end) = (told.starting_at.as_millisecond(), told.ending_at.as_millisecond());
        if !(0..=i64::from(ask.width) * 1000).contains(&end.saturating_sub(start)) {
            return Err(shape("ending_at", "a bucket of another width"));
        }
        let bucket = Bucket { start: UtcMillis(start), width: ask.width };
        whole.push(bucket);
        for fields in &told.results {
            rows.push((bucket, row(metric, fields)?));
        }
    }
    Ok(Page { rows, whole, next: next(reply.has_more, reply.next_page)? })
}

fn row(metric: &Metric, fields: &Fields<'_>) -> Result<Row, Unreadable> {
    let values = metric.dimensions.iter().map(|dimension| fields.text(field(dimension)).map(Name::from));
    let values = values.collect::<Result<_, _>>()?;
    let mut measures: BTreeMap<Name, i128> = BTreeMap::new();
    let mut measure = |name: &str, value: i128| {
        measures.insert(name.into(), value);
    };
    if metric.name == "costs" {
        let amount = fields.cents("amount")?.ok_or_else(|| shape("amount", "missing"))?;
        measure(&cost_measure(&fields.text("currency")?)?, amount.0);
        return Ok(Row { values, measures });
    }
    measure("input_tokens", fields.need("uncached_input_tokens")?.into());
    measure("cache_read_tokens", fields.need("cache_read_input_tokens")?.into());
    measure("output_tokens", fields.need("output_tokens")?.into());
    if let Some(written) = fields.object("cache_creation")? {
        measure("cache_write_tokens", written.count("ephemeral_5m_input_tokens")?.unwrap_or(0).into());
        measure("cache_write_1h_tokens", written.count("ephemeral_1h_input_tokens")?.unwrap_or(0).into());
    }
    if let Some(tools) = fields.object("server_tool_use")? {
        measure("web_searches", tools.count("web_search_requests")?.unwrap_or(0).into());
    }
    Ok(Row { values, measures })
}
