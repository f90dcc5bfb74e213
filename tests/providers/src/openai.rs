//! OpenAI's organization usage and costs, as its OpenAPI description and live answers have them.

mod costs;
mod usage;

use crate::json::Json;
use crate::key::KeyKind;
use crate::page::Page;
use crate::query::Query;
use crate::refusal::Refusal;
use crate::server::{Answer, Ask};
use crate::truth::Kind;

/// Answers a request.
pub(crate) fn answer(ask: &Ask<'_>) -> Result<Answer, Refusal> {
    if let Some(kind) = ask.path.strip_prefix("/v1/organization/usage/") {
        let kind = Kind::ALL.into_iter().find(|known| known.name() == kind).ok_or_else(|| nowhere(ask))?;
        admit(ask)?;
        return usage::answer(ask, kind);
    }
    match ask.path {
        "/v1/organization/costs" => {
            admit(ask)?;
            costs::answer(ask)
        }
        _ => Err(nowhere(ask)),
    }
}

fn nowhere(ask: &Ask<'_>) -> Refusal {
    Refusal::new(404, "invalid_request_error", format!("Invalid URL ({} {})", ask.method, ask.path))
}

/// Lets organization's admin keys in, and nobody else.
fn admit(ask: &Ask<'_>) -> Result<(), Refusal> {
    let Some(bearer) = ask.bearer() else {
        return Err(Refusal::new(
            401,
            "invalid_request_error",
            "No API key was sent: it belongs into `Authorization: Bearer KEY`.",
        ));
    };
    match ask.key(bearer).map(|key| key.kind) {
        Some(KeyKind::Admin) => Ok(()),
        None | Some(KeyKind::Revoked) => {
            Err(Refusal::new(401, "invalid_request_error", "That is no API key.").coded("invalid_api_key"))
        }
        Some(_) => {
            Err(Refusal::new(403, "invalid_request_error", "This key may not do that. Missing scopes: api.usage.read.")
                .coded("missing_scope"))
        }
    }
}

/// The page that a query asks for, or the first one.
fn page(ask: &Ask<'_>, query: &Query, first: Page) -> Result<Page, Refusal> {
    let Some(decoded) = query.one("page") else { return Ok(first) };
    // The live server compares what was sent: a token whose `=` came as `%3D` is refused.
    let token = if ask.habits.raw_tokens { query.sent("page").unwrap_or(decoded) } else { decoded };
    Page::read(token, ask.fingerprint(query)).ok_or_else(|| {
        Refusal::bad("page", "The page token is invalid: were the query parameters changed?")
            .coded("invalid_request_error")
    })
}

/// How many buckets a page shows.
fn limit(ask: &Ask<'_>, query: &Query, usual: u64, most: u64) -> Result<u64, Refusal> {
    let limit = match query.integer("limit")? {
        None => usual,
        Some(limit) => u64::try_from(limit).ok().filter(|limit| (1..=most).contains(limit)).ok_or_else(|| {
            Refusal::bad("limit", format!("Invalid 'limit': expected a value from 1 to {most}, got {limit}."))
        })?,
    };
    Ok(ask.at_most(limit))
}

/// The time of a query, in seconds: `end_time` is in the future if none is given.
fn range(query: &Query) -> Result<(i64, i64), Refusal> {
    let missing = || Refusal::bad("start_time", "Missing required parameter: 'start_time'.");
    let start = query.integer("start_time")?.ok_or_else(missing)?;
    if !(0..=253_402_300_799).contains(&start) {
        return Err(Refusal::bad("start_time", "Invalid 'start_time': expected seconds since 1970."));
    }
    let end = query.integer("end_time")?.unwrap_or(253_402_300_799);
    if end <= start {
        return Err(Refusal::bad("end_time", "Invalid 'end_time': it must be later than 'start_time'."));
    }
    Ok((start, end))
}

/// The clock's second, rounded up: what happened within it has happened.
fn second(ask: &Ask<'_>) -> i64 {
    ask.now.div_euclid(1000) + i64::from(ask.now.rem_euclid(1000) > 0)
}

fn bucket(start: i64, end: i64, results: Vec<Json>) -> Json {
    Json::object([
        ("object", "bucket".into()),
        ("start_time", start.into()),
        // Not in the description; live answers have it.
        ("start_time_iso", crate::time::rfc3339(start * 1000).replace('Z', "+00:00").into()),
        ("end_time", end.into()),
        ("results", results.into()),
    ])
}

fn body(buckets: Vec<Json>, next: Option<String>) -> Json {
    Json::object([
        ("object", "page".into()),
        ("data", buckets.into()),
        ("has_more", next.is_some().into()),
        ("next_page", Json::text_or_null(next.as_deref())),
    ])
}

/// A refusal in OpenAI's shape.
pub(crate) fn refusal(refusal: &Refusal) -> Json {
    Json::object([(
        "error",
        Json::object([
            ("message", refusal.message.clone().into()),
            ("type", refusal.kind.into()),
            ("param", Json::text_or_null(refusal.param.as_deref())),
            ("code", Json::text_or_null(refusal.code)),
        ]),
    )])
}
