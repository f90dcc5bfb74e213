//! `GET /v1/organization/costs`

use std::collections::BTreeMap;

use super::{body, bucket, limit, page, range, second};
use crate::json::Json;
use crate::money::Money;
use crate::page::Page;
use crate::query::{Lists, Query, Spec};
use crate::refusal::Refusal;
use crate::server::{Answer, Ask};
use crate::span::spans;
use crate::time::{DAY, Width};
use crate::truth::{Call, Part};

const SPEC: Spec = Spec {
    one: &["start_time", "end_time", "bucket_width", "limit", "page"],
    many: &["group_by", "project_ids", "api_key_ids"],
    lists: Lists::Either,
};

/// Money, and of how much it is the price.
#[derive(Default)]
struct Row {
    cost: i128,
    quantity: u64,
    tokens: bool,
}

/// Answers with whole days, today's too, wherever in a day the query begins.
pub(super) fn answer(ask: &Ask<'_>) -> Result<Answer, Refusal> {
    let query = ask.read(SPEC)?;
    if query.one("bucket_width").is_some_and(|name| name != Width::Day.name()) {
        return Err(Refusal::bad("bucket_width", "Invalid 'bucket_width': only '1d' is supported."));
    }
    let grouped = query.among("group_by", &["project_id", "line_item", "api_key_id"])?;
    let (start, end) = range(&query)?;
    let most = limit(ask, &query, Width::Day.usual(), 180)?;

    let known = ask.now - ask.habits.costs_behind;
    let this = page(ask, &query, Page { end: end.min(second(ask)), next: start })?;
    let spans = spans(this.next, this.end, DAY / 1000, most);
    let buckets = spans.shown.iter().map(|span| {
        let mut rows: BTreeMap<Vec<Option<String>>, Row> = BTreeMap::new();
        for call in ask.truth.known(known, span.start * 1000, span.end * 1000).filter(|call| passes(&query, call)) {
            for (part, cost, quantity) in call.parts() {
                let row = rows.entry(group(&grouped, call, part, known)).or_default();
                row.cost += cost;
                row.quantity += quantity;
                row.tokens = !matches!(part, Part::Whole | Part::WebSearch);
            }
        }
        let results = rows.iter().enumerate().map(|(n, (group, row))| {
            let salt = ask.fingerprint(&query) ^ span.start.unsigned_abs() ^ n as u64;
            result(ask, &grouped, group, row, salt)
        });
        bucket(span.start, span.end, results.collect())
    });
    let fingerprint = ask.fingerprint(&query);
    let next = spans.next.map(|next| Page { next, ..this }.token(fingerprint));
    Ok(Answer::paged(body(buckets.collect(), next), this.token(fingerprint)))
}

fn passes(query: &Query, call: &Call) -> bool {
    query.lets("project_ids", call.project.as_deref()) && query.lets("api_key_ids", call.key.as_deref())
}

fn group(grouped: &[&str], call: &Call, part: Part, now: i64) -> Vec<Option<String>> {
    let value = |field: &&str| match *field {
        "project_id" => call.project.clone(),
        "api_key_id" => call.key.clone(),
        _ => Some(line_item(call, part, now)),
    };
    grouped.iter().map(value).collect()
}

/// A model and what of it, as bills name it.
fn line_item(call: &Call, part: Part, now: i64) -> String {
    let model = call.model_at(now);
    let what = match part {
        Part::Uncached => "input",
        Part::CacheRead => "cached input",
        Part::CacheWrite5m | Part::CacheWrite1h => "cache write",
        Part::Output => "output",
        Part::WebSearch => return "web search".to_owned(),
        Part::Whole => return format!("{} | {model}", call.kind.name().replace('_', " ")),
    };
    format!("{model}, {what}")
}

fn result(ask: &Ask<'_>, grouped: &[&str], group: &[Option<String>], row: &Row, salt: u64) -> Json {
    let of = |name: &str| {
        let value = grouped.iter().position(|field| *field == name).and_then(|at| group.get(at));
        Json::text_or_null(value.and_then(Option::as_deref))
    };
    let counted = grouped.contains(&"line_item") && row.quantity > 0;
    let amount = ask.habits.money.unwrap_or(Money::Plain).json(row.cost, salt);
    Json::object([
        ("object", "organization.costs.result".into()),
        ("amount", Json::object([("value", amount), ("currency", "usd".into())])),
        ("line_item", of("line_item")),
        ("project_id", of("project_id")),
        ("api_key_id", of("api_key_id")),
        // Not in the description; live answers have it.
        ("organization_id", ask.org.id.clone().into()),
        ("quantity", if counted { row.quantity.into() } else { Json::Null }),
        ("quantity_unit", if counted && row.tokens { "tokens".into() } else { Json::Null }),
    ])
}
