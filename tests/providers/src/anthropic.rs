//! Anthropic's Usage and Cost API, the one that its reference calls legacy since its analytics came.

mod costs;
mod usage;

use crate::json::Json;
use crate::key::KeyKind;
use crate::page::Page;
use crate::query::Query;
use crate::refusal::Refusal;
use crate::server::{Answer, Ask};
use crate::span::{Spans, spans};
use crate::time::{floor, parse_rfc3339, rfc3339};

/// The version of the API that a request names.
const VERSION: &str = "2023-06-01";
/// What lets a request group by speed.
const FAST_MODE: &str = "fast-mode-2026-02-01";

/// Answers a request.
pub(crate) fn answer(ask: &Ask<'_>) -> Result<Answer, Refusal> {
    let known = ["/v1/organizations/usage_report/messages", "/v1/organizations/cost_report", "/v1/organizations/me"];
    if !known.contains(&ask.path) {
        return Err(Refusal::nowhere(ask.method, ask.path));
    }
    admit(ask)?;
    match ask.path {
        "/v1/organizations/usage_report/messages" => usage::answer(ask),
        "/v1/organizations/cost_report" => costs::answer(ask),
        _ => organization(ask),
    }
}

/// Lets organization's admin keys in, and nobody else.
fn admit(ask: &Ask<'_>) -> Result<(), Refusal> {
    let denied = |message: &str| Refusal::new(401, "authentication_error", message);
    let secret = ask.header("x-api-key").ok_or_else(|| denied("x-api-key header is required"))?;
    match ask.header("anthropic-version") {
        Some(VERSION) => {}
        Some(_) => return Err(Refusal::bad("anthropic-version", "anthropic-version: is not a valid version")),
        None => return Err(Refusal::bad("anthropic-version", "anthropic-version: header is required")),
    }
    match ask.key(secret).map(|key| key.kind) {
        Some(KeyKind::Admin) => Ok(()),
        // A key that calls models is no key of the Admin API.
        _ => Err(denied("invalid x-api-key")),
    }
}

/// `GET /v1/organizations/me`
fn organization(ask: &Ask<'_>) -> Result<Answer, Refusal> {
    ask.read(crate::query::Spec { one: &[], many: &[], lists: crate::query::Lists::Brackets })?;
    Ok(Answer::whole(Json::object([
        ("id", ask.org.id.clone().into()),
        ("type", "organization".into()),
        ("name", ask.org.name.clone().into()),
    ])))
}

/// The buckets of a page, and the tokens of this page and the next.
struct Shown {
    spans: Spans,
    this: String,
    next: Option<String>,
}

/// Buckets of a width that begin at or after `starting_at`, which is moved back to the grid, have begun, and end by
/// `ending_at`.
fn shown(ask: &Ask<'_>, query: &Query, step: i64, usual: u64, most: u64) -> Result<Shown, Refusal> {
    let instant = |name: &str| {
        let Some(text) = query.one(name) else { return Ok(None) };
        let wrong = || Refusal::bad(name, format!("{name}: Input should be a valid datetime with an offset"));
        parse_rfc3339(text).map(Some).ok_or_else(wrong)
    };
    let missing = || Refusal::bad("starting_at", "starting_at: Field required");
    let start = floor(instant("starting_at")?.ok_or_else(missing)?, step);
    let end = instant("ending_at")?;
    if end.is_some_and(|end| end <= start) {
        return Err(Refusal::bad("ending_at", "ending_at: must be after starting_at"));
    }
    let limit = match query.integer("limit")? {
        None => usual,
        Some(limit) => u64::try_from(limit).ok().filter(|limit| (1..=most).contains(limit)).ok_or_else(|| {
            Refusal::bad("limit", format!("limit: Input should be from 1 to {most} for this bucket width"))
        })?,
    };
    // A bucket that has begun is there, unless it would end behind `ending_at`.
    let until = end.map_or(ask.now + 1, |end| floor(end, step).min(ask.now + 1));
    let fingerprint = ask.fingerprint(query);
    let first = Page { end: until, next: start };
    let this = match query.one("page") {
        None => first,
        Some(token) => Page::read(token, fingerprint)
            .ok_or_else(|| Refusal::bad("page", "page: Invalid page token for these query parameters"))?,
    };
    let spans = spans(this.next, this.end, step, ask.at_most(limit));
    let next = spans.next.map(|next| Page { next, ..this }.token(fingerprint));
    Ok(Shown { spans, this: this.token(fingerprint), next })
}

fn bucket(start: i64, end: i64, results: Vec<Json>) -> Json {
    Json::object([
        ("starting_at", rfc3339(start).into()),
        ("ending_at", rfc3339(end).into()),
        ("results", results.into()),
    ])
}

fn body(buckets: Vec<Json>, next: Option<&str>) -> Json {
    Json::object([
        ("data", buckets.into()),
        ("has_more", next.is_some().into()),
        ("next_page", Json::text_or_null(next)),
    ])
}

/// A refusal in Anthropic's shape.
pub(crate) fn refusal(refusal: &Refusal, request_id: &str) -> Json {
    let error = Json::object([("type", refusal.kind.into()), ("message", refusal.message.clone().into())]);
    Json::object([("type", "error".into()), ("error", error), ("request_id", request_id.into())])
}
