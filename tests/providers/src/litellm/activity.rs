//! `GET /user/daily/activity`, and the same `/aggregated`.
//!
//! The paged one pages over rows of a table (a day, user, key, model and upstream each), not over days: a day can
//! stand on several pages, each with a part of its sums, and `metadata` sums the page alone.

use std::collections::{BTreeMap, BTreeSet};

use super::{detail, money, unprocessable};
use crate::json::Json;
use crate::key::{Key, KeyKind};
use crate::query::{Lists, Query, Spec};
use crate::refusal::Refusal;
use crate::server::{Answer, Ask};
use crate::time::{DAY, MINUTE, day, floor, parse_day};
use crate::truth::Sum;

const PAGED: Spec = Spec {
    one: &[
        "start_date",
        "end_date",
        "model",
        "api_key",
        "user_id",
        "page",
        "page_size",
        "timezone",
        "include_current_utc_day",
    ],
    many: &[],
    lists: Lists::Brackets,
};
const AGGREGATED: Spec = Spec {
    one: &[
        "start_date",
        "end_date",
        "model",
        "api_key",
        "user_id",
        "timezone",
        "include_current_utc_day",
        "api_key_limit",
    ],
    many: &[],
    lists: Lists::Brackets,
};

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    date: String,
    user: String,
    key: String,
    model: String,
    upstream: String,
}

/// Days backwards, and within one by the row's random id.
fn table(ask: &Ask<'_>, caller: &Key, query: &Query) -> Result<Vec<(Row, Sum)>, Refusal> {
    let (from, to) = range(ask, query)?;
    let user = whose(caller, query)?;
    let mut rows: BTreeMap<Row, Sum> = BTreeMap::new();
    for call in ask.truth.known(ask.now, from, to) {
        let row = Row {
            date: day(call.at),
            user: call.user.clone().unwrap_or_default(),
            key: call.key.clone().unwrap_or_default(),
            model: call.model_at(ask.now).to_owned(),
            upstream: call.upstream.to_lowercase(),
        };
        let key = if row.key.is_empty() { "unattributed" } else { &row.key };
        let asked = query.lets("model", Some(&row.model)) && query.lets("api_key", Some(key));
        if asked && user.as_ref().is_none_or(|user| *user == row.user) {
            rows.entry(row).or_default().add(call);
        }
    }
    let mut rows: Vec<_> = rows.into_iter().collect();
    let id = |row: &Row| Key::hash(&format!("{row:?}"));
    rows.sort_by_cached_key(|(row, _)| (std::cmp::Reverse(row.date.clone()), id(row)));
    Ok(rows)
}

/// The days that are asked for.
fn range(ask: &Ask<'_>, query: &Query) -> Result<(i64, i64), Refusal> {
    let wrong = |message: &str| Refusal::bad("start_date", message);
    let (Some(start), Some(end)) = (query.one("start_date"), query.one("end_date")) else {
        return Err(wrong("start_date and end_date are missing"));
    };
    let (Some(start), Some(end)) = (parse_day(start), parse_day(end)) else {
        return Err(wrong("start_date and end_date have to be days as YYYY-MM-DD"));
    };
    if end < start {
        return Err(wrong("end_date must not be before start_date"));
    }
    let zone = integer(query, "timezone", i64::MIN..=i64::MAX)?;
    let today = floor(ask.now, DAY);
    let current = query
        .boolean("include_current_utc_day")
        .map_err(|refusal| unprocessable("include_current_utc_day", "", &refusal.message))?;
    let end = match zone {
        // As JavaScript counts: minutes from local time to UTC.
        Some(zone) if current == Some(true) && end >= floor(ask.now - zone * MINUTE, DAY) => end.max(today),
        _ => end,
    };
    Ok((start, end + DAY))
}

/// Whose rows a caller sees: everybody's is an admin's to see.
fn whose(caller: &Key, query: &Query) -> Result<Option<String>, Refusal> {
    let asked = query.one("user_id");
    let forbidden = |message: &str| detail(403, Json::object([("error", message.into())]));
    match (caller.kind, &caller.user) {
        (KeyKind::Admin, _) => Ok(asked.map(str::to_owned)),
        (_, None) => Err(forbidden("A key of nobody's can't ask for anybody's activity.")),
        (_, Some(own)) if asked.is_some_and(|asked| asked != own) => {
            Err(forbidden("Only an admin sees what others spent."))
        }
        (_, Some(own)) => Ok(Some(own.clone())),
    }
}

fn integer(query: &Query, name: &str, within: std::ops::RangeInclusive<i64>) -> Result<Option<i64>, Refusal> {
    let Some(text) = query.one(name) else { return Ok(None) };
    let number = text.parse().map_err(|_| unprocessable(name, text, "Input should be a valid integer"))?;
    if !within.contains(&number) {
        let message = format!("Input should be from {} to {}", within.start(), within.end());
        return Err(unprocessable(name, text, &message));
    }
    Ok(Some(number))
}

/// A page of rows.
pub(super) fn paged(ask: &Ask<'_>, caller: &Key) -> Result<Answer, Refusal> {
    let query = ask.read(PAGED)?;
    let page = integer(&query, "page", 1..=i64::MAX)?.unwrap_or(1).unsigned_abs();
    let size = integer(&query, "page_size", 1..=1000)?.unwrap_or(50).unsigned_abs();
    // Nobody may count on a page being full.
    let size = ask.at_most(size);
    let rows = table(ask, caller, &query)?;
    let total = rows.len() as u64;
    let skip = (page - 1).saturating_mul(size);
    let shown: Vec<_> = rows.into_iter().skip(skip as usize).take(size as usize).collect();
    let extra = vec![
        ("page", page.into()),
        ("total_pages", total.div_ceil(size).into()),
        ("has_more", (page.saturating_mul(size) < total).into()),
        ("api_key_limit", Json::Null),
        ("total_api_keys", Json::Null),
        ("entity_total_api_keys", Json::Null),
    ];
    Ok(Answer::paged(body(ask, &shown, None, extra), page.to_string()))
}

/// All rows, with per-key lists cut at the keys that spent most.
pub(super) fn aggregated(ask: &Ask<'_>, caller: &Key) -> Result<Answer, Refusal> {
    let query = ask.read(AGGREGATED)?;
    let limit = integer(&query, "api_key_limit", 1..=1000)?.unwrap_or(100).unsigned_abs();
    let rows = table(ask, caller, &query)?;
    let mut spent: BTreeMap<&str, i128> = BTreeMap::new();
    for (row, sum) in &rows {
        *spent.entry(&row.key).or_default() += sum.cost;
    }
    let mut keys: Vec<_> = spent.iter().map(|(key, spent)| (std::cmp::Reverse(*spent), (*key).to_owned())).collect();
    keys.sort();
    let total = keys.len();
    let listed: BTreeSet<String> = keys.into_iter().take(limit as usize).map(|(_, key)| key).collect();
    let extra = vec![
        ("page", 1_u64.into()),
        ("total_pages", 1_u64.into()),
        ("has_more", false.into()),
        ("api_key_limit", limit.into()),
        ("total_api_keys", total.into()),
        ("entity_total_api_keys", Json::Null),
    ];
    Ok(Answer::whole(body(ask, &rows, Some(&listed), extra)))
}

fn body(ask: &Ask<'_>, rows: &[(Row, Sum)], keys: Option<&BTreeSet<String>>, extra: Vec<(&str, Json)>) -> Json {
    let mut days: BTreeMap<std::cmp::Reverse<&str>, Vec<&(Row, Sum)>> = BTreeMap::new();
    for row in rows {
        days.entry(std::cmp::Reverse(&row.0.date)).or_default().push(row);
    }
    let results: Vec<Json> = days
        .iter()
        .map(|(date, rows)| {
            let listed = |row: &Row| keys.is_none_or(|keys| keys.contains(&row.key));
            Json::object([
                ("date", date.0.into()),
                ("metrics", metrics(ask, &sum(rows.iter().map(|row| &row.1)), "")),
                ("breakdown", breakdown(ask, rows, &listed)),
            ])
        })
        .collect();
    let mut metadata = metrics(ask, &sum(rows.iter().map(|row| &row.1)), "total_");
    for (name, value) in extra {
        metadata.insert(name, value);
    }
    Json::object([("results", results.into()), ("metadata", metadata)])
}

fn breakdown(ask: &Ask<'_>, rows: &[&(Row, Sum)], listed: &impl Fn(&Row) -> bool) -> Json {
    let by = |name: fn(&Row) -> String| {
        let names: BTreeSet<String> = rows.iter().map(|row| name(&row.0)).collect();
        let entry = |wanted: String| {
            let those: Vec<_> = rows.iter().copied().filter(|row| name(&row.0) == wanted).collect();
            let whole = metrics(ask, &sum(those.iter().map(|row| &row.1)), "");
            let keys = by_key(ask, &those, listed);
            let empty = Json::Object(Vec::new());
            (wanted, Json::object([("metrics", whole), ("metadata", empty), ("api_key_breakdown", keys)]))
        };
        Json::Object(names.into_iter().map(entry).collect())
    };
    let empty = || Json::Object(Vec::new());
    Json::object([
        ("mcp_servers", empty()),
        ("models", by(|row| row.model.clone())),
        ("model_groups", by(|row| row.model.clone())),
        ("providers", by(|row| row.upstream.clone())),
        ("endpoints", by(|_| "/chat/completions".to_owned())),
        ("api_keys", by_key(ask, rows, listed)),
        ("entities", by(|row| if row.user.is_empty() { "Unassigned".to_owned() } else { row.user.clone() })),
        ("guardrails", empty()),
    ])
}

fn by_key(ask: &Ask<'_>, rows: &[&(Row, Sum)], listed: &impl Fn(&Row) -> bool) -> Json {
    let keys: BTreeSet<&str> = rows.iter().filter(|row| listed(&row.0)).map(|row| row.0.key.as_str()).collect();
    let entry = |key: &str| {
        let those = rows.iter().filter(|row| row.0.key == key).map(|row| &row.1);
        let alias = if key.is_empty() { "Unattributed".into() } else { Json::Null };
        let metadata = Json::object([
            ("key_alias", alias),
            ("team_id", Json::Null),
            ("user_id", Json::Null),
            ("user_email", Json::Null),
            ("key_exists", (!key.is_empty()).into()),
        ]);
        let name = if key.is_empty() { "unattributed" } else { key };
        (name.to_owned(), Json::object([("metrics", metrics(ask, &sum(those), "")), ("metadata", metadata)]))
    };
    Json::Object(keys.into_iter().map(entry).collect())
}

fn sum<'a>(sums: impl Iterator<Item = &'a Sum>) -> Sum {
    let mut total = Sum::default();
    sums.for_each(|sum| total.join(sum));
    total
}

/// Figures of a sum; `total_` stands before each name in the metadata.
fn metrics(ask: &Ask<'_>, sum: &Sum, before: &str) -> Json {
    let tokens = &sum.tokens;
    let none = || Json::Number("0.0".to_owned());
    let total = if before.is_empty() { "total_tokens" } else { "tokens" };
    let time = if before.is_empty() { "total_response_time_ms" } else { "response_time_ms" };
    let mut metrics = Json::Object(Vec::new());
    for (name, value) in [
        ("spend", money(ask, sum.cost)),
        ("flat_cost", none()),
        ("ptu_hours", none()),
        ("prompt_tokens", tokens.input().into()),
        ("completion_tokens", tokens.output.into()),
        ("cache_read_input_tokens", tokens.cache_read.into()),
        ("cache_creation_input_tokens", tokens.cache_write().into()),
        (total, (tokens.input() + tokens.output).into()),
        ("successful_requests", sum.calls.into()),
        ("failed_requests", 0_u64.into()),
        ("api_requests", sum.calls.into()),
        (time, (sum.calls * 900).into()),
        ("timed_requests", sum.calls.into()),
    ] {
        metrics.insert(&format!("{before}{name}"), value);
    }
    metrics
}
