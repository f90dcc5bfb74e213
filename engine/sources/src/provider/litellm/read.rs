//! Replies as rows.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::str::FromStr;

use aimon_core::event::{Bucket, Row};
use aimon_core::name::Name;
use aimon_core::polling::Ask;
use aimon_core::time::UtcDay;
use jiff::civil::Date;
use serde::Deserialize;

use super::super::failure::Unreadable;
use super::super::field::{Fields, believed, shape};
use super::super::{Identity, Page};

#[derive(Deserialize)]
struct Reply<'a> {
    #[serde(borrow)]
    results: Vec<Day<'a>>,
    metadata: Paging,
}

#[derive(Deserialize)]
struct Paging {
    page: u64,
    has_more: bool,
}

#[derive(Deserialize)]
struct Day<'a> {
    #[serde(borrow)]
    date: Cow<'a, str>,
    #[serde(borrow)]
    breakdown: Breakdown<'a>,
}

#[derive(Deserialize)]
struct Breakdown<'a> {
    #[serde(borrow)]
    models: BTreeMap<Cow<'a, str>, Model<'a>>,
}

#[derive(Deserialize)]
struct Model<'a> {
    #[serde(borrow)]
    metrics: Fields<'a>,
    /// Not in older versions.
    #[serde(borrow, default)]
    api_key_breakdown: BTreeMap<Cow<'a, str>, Key<'a>>,
}

#[derive(Deserialize)]
struct Key<'a> {
    #[serde(borrow)]
    metrics: Fields<'a>,
}

/// Any number of proxies number their users alike: the key says which one it is.
pub(super) fn identity(body: &[u8]) -> Result<Identity, Unreadable> {
    let reply: Fields<'_> = serde_json::from_slice(body)?;
    let label = match reply.object("info")? {
        Some(info) => info.text("key_alias").or_else(|_| info.text("user_id"))?,
        None => return Err(shape("info", "missing")),
    };
    Ok(Identity { id: None, label: Some(label).filter(|label| !label.is_empty()) })
}

pub(super) fn page(ask: &Ask, body: &[u8]) -> Result<Page, Unreadable> {
    let reply: Reply<'_> = serde_json::from_slice(body)?;
    let mut rows = Vec::new();
    for day in &reply.results {
        let date =
            day.date.get(..10).and_then(|date| Date::from_str(date).ok()).ok_or_else(|| shape("date", "no date"))?;
        let bucket = Bucket { start: UtcDay::of(date).start(), width: ask.width };
        for (model, figures) in &day.breakdown.models {
            let model = believed("models", model)?;
            if figures.api_key_breakdown.is_empty() {
                rows.push((bucket, row("", model, &figures.metrics)?));
            }
            for (key, figures) in &figures.api_key_breakdown {
                rows.push((bucket, row(key, model, &figures.metrics)?));
            }
        }
    }
    let page = |page: u64| page.checked_add(1).ok_or_else(|| shape("page", "no page has such a number"));
    let next = reply.metadata.has_more.then(|| page(reply.metadata.page)).transpose()?;
    // A day may be divided between pages.
    Ok(Page { rows, next: next.map(|page| page.to_string()), ..Page::default() })
}

fn row(key: &str, model: &str, metrics: &Fields<'_>) -> Result<Row, Unreadable> {
    let mut measures: BTreeMap<Name, i128> = BTreeMap::new();
    let mut measure = |name: &str, value: i128| {
        measures.insert(name.into(), value);
    };
    let all = metrics.need("prompt_tokens")?;
    let (read, written) = (metrics.count("cache_read_input_tokens")?, metrics.count("cache_creation_input_tokens")?);
    let (read, written) = (read.unwrap_or(0), written.unwrap_or(0));
    // As everywhere in LiteLLM, a prompt's tokens include those of the cache.
    measure("input_tokens", all.saturating_sub(read).saturating_sub(written).into());
    measure("cache_read_tokens", read.into());
    measure("cache_write_tokens", written.into());
    measure("output_tokens", metrics.need("completion_tokens")?.into());
    measure("requests", metrics.count("api_requests")?.unwrap_or(0).into());
    measure("cost_pusd", metrics.dollars("spend")?.ok_or_else(|| shape("spend", "missing"))?.0);
    // A virtual key's hash, shortened: enough to tell keys apart.
    let key = key.get(..16).unwrap_or(key);
    Ok(Row { values: vec![key.into(), model.into()], measures })
}
