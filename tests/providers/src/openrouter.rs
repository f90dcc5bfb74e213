//! OpenRouter's credits, key and activity.

use std::collections::BTreeMap;

use crate::json::Json;
use crate::key::{Key, KeyKind};
use crate::money::Money;
use crate::query::{Lists, Query, Spec};
use crate::refusal::Refusal;
use crate::server::{Answer, Ask};
use crate::time::{DAY, day, floor, month, parse_day, week};
use crate::truth::{Call, Sum};

/// How many days its activity goes back. Today is not one of them.
const DAYS: i64 = 30;

const NOTHING: Spec = Spec { one: &[], many: &[], lists: Lists::Brackets };
const ACTIVITY: Spec =
    Spec { one: &["date", "api_key_hash", "user_id", "group_by", "workspace_id"], many: &[], lists: Lists::Brackets };

/// Answers a request.
pub(crate) fn answer(ask: &Ask<'_>) -> Result<Answer, Refusal> {
    let known = ["/api/v1/credits", "/api/v1/key", "/api/v1/activity"];
    if !known.contains(&ask.path) {
        return Err(Refusal::nowhere(ask.method, ask.path));
    }
    let key = admit(ask)?;
    match ask.path {
        "/api/v1/key" => this_key(ask, key),
        _ if key.kind != KeyKind::Management => {
            Err(Refusal::new(403, "forbidden", "Only management keys can perform this operation"))
        }
        "/api/v1/credits" => credits(ask),
        _ => activity(ask),
    }
}

fn admit<'a>(ask: &Ask<'a>) -> Result<&'a Key, Refusal> {
    let bearer = ask.bearer().ok_or_else(|| Refusal::new(401, "unauthorized", "Missing Authentication header"))?;
    let key = ask.key(bearer).filter(|key| key.kind != KeyKind::Revoked);
    key.ok_or_else(|| Refusal::new(401, "unauthorized", "User not found."))
}

fn money(ask: &Ask<'_>, pico: i128) -> Json {
    ask.habits.money.unwrap_or(Money::Plain).json(pico, pico.unsigned_abs() as u64)
}

/// What was bought, and what of it was used.
fn credits(ask: &Ask<'_>) -> Result<Answer, Refusal> {
    ask.read(NOTHING)?;
    let used = ask.truth.known(ask.now, i64::MIN, i64::MAX).filter(|call| !call.byok).map(|call| call.cost).sum();
    let data = Json::object([("total_credits", money(ask, ask.org.credits)), ("total_usage", money(ask, used))]);
    Ok(Answer::whole(Json::object([("data", data)])))
}

/// What a key may spend and has spent: ever, today, this week from Monday on, this month, in UTC.
fn this_key(ask: &Ask<'_>, key: &Key) -> Result<Answer, Refusal> {
    ask.read(NOTHING)?;
    let since = |from: i64, byok: bool| -> i128 {
        let calls = ask.truth.known(ask.now, from, i64::MAX);
        calls.filter(|call| call.byok == byok && call.key.as_ref() == Some(&key.id)).map(|call| call.cost).sum()
    };
    let (today, week, month) = (floor(ask.now, DAY), week(ask.now), month(ask.now));
    let management = key.kind == KeyKind::Management;
    let limit = |pico: Option<i128>| pico.map_or(Json::Null, |pico| money(ask, pico));
    let data = Json::object([
        ("label", key.label().into()),
        ("limit", limit(key.limit)),
        ("limit_remaining", limit(key.limit.map(|limit| limit - since(month, false)))),
        ("limit_reset", if key.limit.is_some() { "monthly".into() } else { Json::Null }),
        ("usage", money(ask, since(i64::MIN, false))),
        ("usage_daily", money(ask, since(today, false))),
        ("usage_weekly", money(ask, since(week, false))),
        ("usage_monthly", money(ask, since(month, false))),
        ("byok_usage", money(ask, since(i64::MIN, true))),
        ("byok_usage_daily", money(ask, since(today, true))),
        ("byok_usage_weekly", money(ask, since(week, true))),
        ("byok_usage_monthly", money(ask, since(month, true))),
        ("include_byok_in_limit", false.into()),
        ("is_free_tier", false.into()),
        ("is_management_key", management.into()),
        ("is_provisioning_key", management.into()),
        ("creator_user_id", Json::text_or_null(key.user.as_deref())),
        ("expires_at", Json::Null),
        (
            "rate_limit",
            Json::object([
                ("requests", (-1_i64).into()),
                ("interval", "10s".into()),
                ("note", "This field is deprecated.".into()),
            ]),
        ),
    ]);
    Ok(Answer::whole(Json::object([("data", data)])))
}

/// A row of activity: date, model, endpoint, and workspace where it is asked for.
type Row = (String, String, String, Option<String>);

/// What was used on completed days, by day, model and endpoint.
fn activity(ask: &Ask<'_>) -> Result<Answer, Refusal> {
    let query = ask.read(ACTIVITY)?;
    let split = match query.one("group_by") {
        None => false,
        Some("workspace") => true,
        Some(_) => return Err(Refusal::bad("group_by", "Invalid request parameters: group_by")),
    };
    let (first, end) = window(ask, &query)?;
    let passes = |call: &&Call| {
        query.lets("api_key_hash", call.key.as_deref())
            && query.lets("user_id", call.user.as_deref())
            && query.lets("workspace_id", call.project.as_deref())
    };
    let mut rows: BTreeMap<Row, (Sum, i128)> = BTreeMap::new();
    for call in ask.truth.known(ask.now, first, end).filter(passes) {
        let workspace = if split { call.project.clone() } else { None };
        let row = (day(call.at), call.model_at(ask.now).to_owned(), call.upstream.clone(), workspace);
        let (sum, byok) = rows.entry(row).or_default();
        sum.add(call);
        *byok += if call.byok { call.cost } else { 0 };
    }
    let data: Vec<Json> = rows.iter().map(|(row, (sum, byok))| item(ask, row, sum, *byok, split)).collect();
    Ok(Answer::whole(Json::object([("data", data.into())])))
}

/// The days that a query reaches.
fn window(ask: &Ask<'_>, query: &Query) -> Result<(i64, i64), Refusal> {
    let today = floor(ask.now, DAY);
    let Some(date) = query.one("date") else { return Ok((today - DAYS * DAY, today)) };
    let known = parse_day(date).filter(|day| (today - DAYS * DAY..today).contains(day));
    let wrong = || Refusal::bad("date", "Date must be a completed UTC day within the last 30 days (YYYY-MM-DD)");
    known.map(|day| (day, day + DAY)).ok_or_else(wrong)
}

fn item(ask: &Ask<'_>, (date, model, upstream, workspace): &Row, sum: &Sum, byok: i128, split: bool) -> Json {
    let midnight = if ask.habits.midnight { " 00:00:00" } else { "" };
    let endpoint = Key::hash(&format!("{model} {upstream}"));
    let uuid = |at: std::ops::Range<usize>| endpoint.get(at).unwrap_or_default().to_owned();
    let endpoint = format!("{}-{}-4{}-8{}-{}", uuid(0..8), uuid(8..12), uuid(13..16), uuid(17..20), uuid(20..32));
    let mut item = Json::object([
        ("date", format!("{date}{midnight}").into()),
        ("model", model.clone().into()),
        ("model_permaslug", format!("{model}-20260101").into()),
        ("endpoint_id", endpoint.into()),
        ("provider_name", upstream.clone().into()),
        ("usage", money(ask, sum.cost - byok)),
        ("byok_usage_inference", money(ask, byok)),
        ("requests", sum.calls.into()),
        ("prompt_tokens", sum.tokens.input().into()),
        ("completion_tokens", sum.tokens.output.into()),
        ("reasoning_tokens", sum.tokens.reasoning.into()),
    ]);
    if split {
        item.insert("workspace_id", Json::text_or_null(workspace.as_deref()));
    }
    item
}

/// A refusal in OpenRouter's shape.
pub(crate) fn refusal(refusal: &Refusal) -> Json {
    let code = i64::from(refusal.status);
    Json::object([("error", Json::object([("code", code.into()), ("message", refusal.message.clone().into())]))])
}
