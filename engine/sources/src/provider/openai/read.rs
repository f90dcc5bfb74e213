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
    start_time: i64,
    end_time: i64,
    /// `result` in some of the specification's examples.
    #[serde(borrow, alias = "result")]
    results: Vec<Fields<'a>>,
}

pub(super) fn identity(body: &[u8]) -> Result<Identity, Unreadable> {
    let reply: Reply<'_> = serde_json::from_slice(body)?;
    // Not specified, but said with each cost.
    let id = reply.data.iter().flat_map(|told| &told.results).find_map(|row| row.text("organization_id").ok());
    Ok(Identity { id: id.filter(|id| !id.is_empty()), label: None })
}

pub(super) fn page(metric: &Metric, ask: &Ask, body: &[u8]) -> Result<Page, Unreadable> {
    let reply: Reply<'_> = serde_json::from_slice(body)?;
    let (mut rows, mut whole) = (Vec::new(), Vec::with_capacity(reply.data.len()));
    for told in &reply.data {
        let start = UtcMillis(told.start_time.saturating_mul(1000));
        // The present one ends now.
        if !(0..=i64::from(ask.width)).contains(&told.end_time.saturating_sub(told.start_time)) {
            return Err(shape("end_time", "a bucket of another width"));
        }
        let bucket = Bucket { start, width: ask.width };
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
    match metric.name {
        "costs" => {
            let amount = fields.object("amount")?.ok_or_else(|| shape("amount", "missing"))?;
            let value = amount.dollars("value")?.ok_or_else(|| shape("amount.value", "missing"))?;
            measure(&cost_measure(&amount.text("currency")?)?, value.0);
        }
        "usage.completions" => {
            let all = fields.need("input_tokens")?;
            let (read, written) = (fields.count("input_cached_tokens")?, fields.count("input_cache_write_tokens")?);
            let (read, written) = (read.unwrap_or(0), written.unwrap_or(0));
            // Cached ones are included in all.
            let fresh = match fields.count("input_uncached_tokens")? {
                Some(fresh) => fresh,
                None => all.saturating_sub(read).saturating_sub(written),
            };
            measure("input_tokens", fresh.into());
            measure("cache_read_tokens", read.into());
            measure("cache_write_tokens", written.into());
            measure("output_tokens", fields.need("output_tokens")?.into());
            measure("requests", fields.need("num_model_requests")?.into());
        }
        // The requests are those that `usage.completions` has.
        "usage.web_search_calls" => measure("web_searches", fields.need("num_requests")?.into()),
        "usage.file_search_calls" => measure("file_searches", fields.need("num_requests")?.into()),
        "usage.code_interpreter_sessions" => measure("sessions", fields.need("num_sessions")?.into()),
        "usage.vector_stores" => measure("stored_bytes", fields.need("usage_bytes")?.into()),
        name => {
            let what = match name {
                "usage.images" => "images",
                "usage.audio_speeches" => "characters",
                "usage.audio_transcriptions" => "seconds",
                _ => "input_tokens",
            };
            measure(what, fields.need(what)?.into());
            measure("requests", fields.need("num_model_requests")?.into());
        }
    }
    Ok(Row { values, measures })
}
