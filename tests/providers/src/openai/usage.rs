//! `GET /v1/organization/usage/…`

use std::collections::BTreeMap;

use super::{body, bucket, limit, page, range, second};
use crate::json::Json;
use crate::page::Page;
use crate::query::{Lists, Query, Spec};
use crate::refusal::Refusal;
use crate::server::{Answer, Ask};
use crate::span::spans;
use crate::time::Width;
use crate::truth::{Call, Kind, Sum};

/// A field by which results can be split, and its filter.
type Field = (&'static str, &'static str);

const PROJECT: Field = ("project_id", "project_ids");
const USER: Field = ("user_id", "user_ids");
const KEY: Field = ("api_key_id", "api_key_ids");
const MODEL: Field = ("model", "models");

/// What an endpoint splits by, in the order of its results' fields.
fn fields(kind: Kind) -> &'static [Field] {
    match kind {
        Kind::Completions => &[PROJECT, USER, KEY, MODEL, ("batch", "batch"), ("service_tier", "")],
        Kind::Embeddings | Kind::Moderations | Kind::AudioSpeeches | Kind::AudioTranscriptions => {
            &[PROJECT, USER, KEY, MODEL]
        }
        Kind::Images => &[PROJECT, USER, KEY, MODEL, ("size", "sizes"), ("source", "sources")],
        Kind::VectorStores | Kind::CodeInterpreterSessions => &[PROJECT],
        Kind::FileSearchCalls => &[PROJECT, USER, KEY, ("vector_store_id", "vector_store_ids")],
        Kind::WebSearchCalls => &[PROJECT, USER, KEY, MODEL, ("context_level", "context_levels")],
    }
}

const ONE: &[&str] = &["start_time", "end_time", "bucket_width", "limit", "page"];

fn spec(kind: Kind) -> Spec {
    let lists = |many| Spec { one: ONE, many, lists: Lists::Either };
    match kind {
        Kind::Completions => Spec {
            one: &["start_time", "end_time", "bucket_width", "limit", "page", "batch"],
            many: &["group_by", "project_ids", "user_ids", "api_key_ids", "models"],
            lists: Lists::Either,
        },
        Kind::Embeddings | Kind::Moderations | Kind::AudioSpeeches | Kind::AudioTranscriptions => {
            lists(&["group_by", "project_ids", "user_ids", "api_key_ids", "models"])
        }
        Kind::Images => lists(&["group_by", "project_ids", "user_ids", "api_key_ids", "models", "sizes", "sources"]),
        Kind::VectorStores | Kind::CodeInterpreterSessions => lists(&["group_by", "project_ids"]),
        Kind::FileSearchCalls => lists(&["group_by", "project_ids", "user_ids", "api_key_ids", "vector_store_ids"]),
        Kind::WebSearchCalls => {
            lists(&["group_by", "project_ids", "user_ids", "api_key_ids", "models", "context_levels"])
        }
    }
}

/// Where a call lies on a field.
fn value(field: &str, call: &Call, now: i64) -> Option<String> {
    match field {
        "project_id" => call.project.clone(),
        "user_id" => call.user.clone(),
        "api_key_id" => call.key.clone(),
        "model" => Some(call.model_at(now).to_owned()),
        "batch" => Some(call.batch.to_string()),
        "service_tier" => Some(call.tier.clone()),
        "size" => Some("1024x1024".to_owned()),
        "source" => Some("image.generation".to_owned()),
        "context_level" => Some("medium".to_owned()),
        "vector_store_id" => call.project.as_ref().map(|project| format!("vs_{project}")),
        _ => None,
    }
}

/// Answers with the buckets of a page. The first begins where the query does, and the last ends there, or now.
pub(super) fn answer(ask: &Ask<'_>, kind: Kind) -> Result<Answer, Refusal> {
    let query = ask.read(spec(kind))?;
    let width = match query.one("bucket_width") {
        None => Width::Day,
        Some(name) => Width::from_name(name).ok_or_else(|| {
            Refusal::bad(
                "bucket_width",
                format!("Invalid value: '{name}'. Supported values are: '1m', '1h', and '1d'."),
            )
        })?,
    };
    let names: Vec<&'static str> = fields(kind).iter().map(|(name, _)| *name).collect();
    let grouped = query.among("group_by", &names)?;
    let (start, end) = range(&query)?;
    let most = limit(ask, &query, width.usual(), width.most())?;
    let batch = if kind == Kind::Completions { query.boolean("batch")? } else { None };

    let this = page(ask, &query, Page { end: end.min(second(ask)), next: start })?;
    let spans = spans(this.next, this.end, width.millis() / 1000, most);
    let matches = |call: &&Call| {
        call.kind == kind && batch.is_none_or(|batch| batch == call.batch) && passes(kind, &query, call, ask.now)
    };
    let buckets = spans.shown.iter().map(|span| {
        let span = span.within(start, this.end);
        let mut rows: BTreeMap<Vec<Option<String>>, Sum> = BTreeMap::new();
        for call in ask.truth.known(ask.now, span.start * 1000, span.end * 1000).filter(matches) {
            let group = grouped.iter().map(|field| value(field, call, ask.now)).collect();
            rows.entry(group).or_default().add(call);
        }
        let results = rows.iter().map(|(group, sum)| result(kind, &grouped, group, sum)).collect();
        bucket(span.start, span.end, results)
    });
    let fingerprint = ask.fingerprint(&query);
    let next = spans.next.map(|next| Page { next, ..this }.token(fingerprint));
    Ok(Answer::paged(body(buckets.collect(), next), this.token(fingerprint)))
}

fn passes(kind: Kind, query: &Query, call: &Call, now: i64) -> bool {
    let mut filters = fields(kind).iter().filter(|(name, filter)| *name != "batch" && !filter.is_empty());
    filters.all(|(field, filter)| query.lets(filter, value(field, call, now).as_deref()))
}

fn result(kind: Kind, grouped: &[&str], group: &[Option<String>], sum: &Sum) -> Json {
    let mut result = Json::object([("object", object(kind).into())]);
    for (name, figure) in figures(kind, sum) {
        result.insert(name, figure.into());
    }
    for (name, _) in fields(kind) {
        let value = grouped.iter().position(|field| field == name).and_then(|at| group.get(at)).cloned().flatten();
        result.insert(
            name,
            match value {
                Some(value) if *name == "batch" => Json::Bool(value == "true"),
                Some(value) => Json::Text(value),
                None => Json::Null,
            },
        );
    }
    result
}

fn object(kind: Kind) -> String {
    let name = match kind {
        Kind::FileSearchCalls => "file_searches",
        Kind::WebSearchCalls => "web_searches",
        kind => kind.name(),
    };
    format!("organization.usage.{name}.result")
}

fn figures(kind: Kind, sum: &Sum) -> Vec<(&'static str, u64)> {
    let tokens = &sum.tokens;
    let requests = ("num_model_requests", sum.calls);
    match kind {
        Kind::Completions => vec![
            ("input_tokens", tokens.input()),
            ("input_cached_tokens", tokens.cache_read),
            ("input_cache_write_tokens", tokens.cache_write()),
            ("input_uncached_tokens", tokens.uncached),
            ("output_tokens", tokens.output),
            ("input_text_tokens", tokens.uncached),
            ("output_text_tokens", tokens.output),
            ("input_cached_text_tokens", tokens.cache_read),
            ("input_audio_tokens", 0),
            ("input_cached_audio_tokens", 0),
            ("output_audio_tokens", 0),
            ("input_image_tokens", 0),
            ("input_cached_image_tokens", 0),
            ("output_image_tokens", 0),
            requests,
        ],
        Kind::Embeddings | Kind::Moderations => vec![("input_tokens", tokens.input()), requests],
        Kind::Images => vec![("images", sum.amount), requests],
        Kind::AudioSpeeches => vec![("characters", sum.amount), requests],
        Kind::AudioTranscriptions => vec![("seconds", sum.amount), requests],
        Kind::VectorStores => vec![("usage_bytes", sum.amount)],
        Kind::CodeInterpreterSessions => vec![("num_sessions", sum.amount)],
        Kind::FileSearchCalls => vec![("num_requests", sum.amount)],
        Kind::WebSearchCalls => vec![requests, ("num_requests", sum.amount)],
    }
}
