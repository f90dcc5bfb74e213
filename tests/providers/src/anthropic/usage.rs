//! `GET /v1/organizations/usage_report/messages`

use std::collections::BTreeMap;

use super::{FAST_MODE, body, bucket, shown};
use crate::json::Json;
use crate::query::{Lists, Query, Spec};
use crate::refusal::Refusal;
use crate::server::{Answer, Ask};
use crate::time::Width;
use crate::truth::{Call, Kind, Sum};

const SPEC: Spec = Spec {
    one: &["starting_at", "ending_at", "bucket_width", "limit", "page"],
    many: &[
        "group_by",
        "account_ids",
        "api_key_ids",
        "context_window",
        "inference_geos",
        "models",
        "service_account_ids",
        "service_tiers",
        "speeds",
        "workspace_ids",
    ],
    lists: Lists::Brackets,
};

/// Fields by which results can be split, and their filters.
const FIELDS: [(&str, &str); 9] = [
    ("account_id", "account_ids"),
    ("api_key_id", "api_key_ids"),
    ("context_window", "context_window"),
    ("inference_geo", "inference_geos"),
    ("model", "models"),
    ("service_account_id", "service_account_ids"),
    ("service_tier", "service_tiers"),
    ("speed", "speeds"),
    ("workspace_id", "workspace_ids"),
];

/// Where a call lies on a field.
fn value(field: &str, call: &Call, now: i64) -> Option<String> {
    match field {
        "account_id" => call.user.clone(),
        "api_key_id" => call.key.clone(),
        "context_window" => Some(call.context.name().to_owned()),
        "inference_geo" => Some(call.geo.clone().unwrap_or_else(|| "not_available".to_owned())),
        "model" => Some(call.model_at(now).to_owned()),
        "service_tier" => Some(call.tier.clone()),
        "speed" => Some(if call.fast { "fast" } else { "standard" }.to_owned()),
        "workspace_id" => call.project.clone(),
        _ => None,
    }
}

/// Answers with the buckets of a page.
pub(super) fn answer(ask: &Ask<'_>) -> Result<Answer, Refusal> {
    let query = ask.read(SPEC)?;
    let width = match query.one("bucket_width") {
        None => Width::Day,
        Some(name) => Width::from_name(name)
            .ok_or_else(|| Refusal::bad("bucket_width", "bucket_width: Input should be '1d', '1m' or '1h'"))?,
    };
    let grouped = query.among("group_by", &FIELDS.map(|(field, _)| field))?;
    query.among("context_window", &["0-200k", "200k-1M"])?;
    query.among("inference_geos", &["global", "us", "not_available"])?;
    query.among("service_tiers", &["standard", "batch", "priority", "priority_on_demand", "flex", "flex_discount"])?;
    let speeds = query.among("speeds", &["standard", "fast"])?;
    let beta = ask.header("anthropic-beta").is_some_and(|betas| betas.split(',').any(|beta| beta.trim() == FAST_MODE));
    if (grouped.contains(&"speed") || !speeds.is_empty()) && !beta {
        return Err(Refusal::bad("group_by", format!("speed: requires the anthropic-beta header {FAST_MODE}")));
    }
    let shown = shown(ask, &query, width.millis(), width.usual(), width.most())?;
    let buckets = shown.spans.shown.iter().map(|span| {
        let mut rows: BTreeMap<Vec<Option<String>>, Sum> = BTreeMap::new();
        let calls = ask.truth.known(ask.now, span.start, span.end);
        for call in calls.filter(|call| call.kind == Kind::Completions && passes(&query, call, ask.now)) {
            rows.entry(grouped.iter().map(|field| value(field, call, ask.now)).collect()).or_default().add(call);
        }
        bucket(span.start, span.end, rows.iter().map(|(group, sum)| result(&grouped, group, sum)).collect())
    });
    Ok(Answer::paged(body(buckets.collect(), shown.next.as_deref()), shown.this))
}

fn passes(query: &Query, call: &Call, now: i64) -> bool {
    FIELDS.iter().all(|(field, filter)| query.lets(filter, value(field, call, now).as_deref()))
}

fn result(grouped: &[&str], group: &[Option<String>], sum: &Sum) -> Json {
    let tokens = &sum.tokens;
    let mut result = Json::object([
        ("uncached_input_tokens", tokens.uncached.into()),
        (
            "cache_creation",
            Json::object([
                ("ephemeral_1h_input_tokens", tokens.cache_write_1h.into()),
                ("ephemeral_5m_input_tokens", tokens.cache_write_5m.into()),
            ]),
        ),
        ("cache_read_input_tokens", tokens.cache_read.into()),
        ("output_tokens", tokens.output.into()),
        ("server_tool_use", Json::object([("web_search_requests", sum.web_searches.into())])),
    ]);
    for (field, _) in FIELDS {
        let at = grouped.iter().position(|grouped| *grouped == field);
        if at.is_some() || field != "speed" {
            let value = at.and_then(|at| group.get(at)).and_then(Option::as_deref);
            result.insert(field, Json::text_or_null(value));
        }
    }
    result
}
