//! The LiteLLM proxy's spend and daily activity, as version 1.110 of its source has them.

mod activity;

use crate::json::Json;
use crate::key::{Key, KeyKind};
use crate::money::{Money, python};
use crate::query::{Lists, Spec};
use crate::refusal::Refusal;
use crate::server::{Answer, Ask};
use crate::time::{DAY, floor};

const NOTHING: Spec = Spec { one: &[], many: &[], lists: Lists::Brackets };
const KEY: Spec = Spec { one: &["key"], many: &[], lists: Lists::Brackets };

/// Answers a request.
pub(crate) fn answer(ask: &Ask<'_>) -> Result<Answer, Refusal> {
    let known = ["/user/daily/activity", "/user/daily/activity/aggregated", "/key/info", "/global/spend"];
    if !known.contains(&ask.path) {
        return Err(detail(404, "Not Found".into()));
    }
    let key = admit(ask)?;
    match ask.path {
        "/user/daily/activity" => activity::paged(ask, key),
        "/user/daily/activity/aggregated" => activity::aggregated(ask, key),
        "/key/info" => key_info(ask, key),
        _ => global_spend(ask, key),
    }
}

fn admit<'a>(ask: &Ask<'a>) -> Result<&'a Key, Refusal> {
    let denied = |kind, message: &str| Refusal::new(401, kind, message).coded("401");
    let bearer = ask.bearer().ok_or_else(|| denied("auth_error", "Authentication Error: no key was sent."))?;
    let key = ask.key(bearer).filter(|key| key.kind != KeyKind::Revoked);
    key.ok_or_else(|| {
        denied("token_not_found_in_db", "Authentication Error: that is no key of this proxy.").about("key")
    })
}

/// What a key has spent. Somebody else's is an admin's to see.
fn key_info(ask: &Ask<'_>, caller: &Key) -> Result<Answer, Refusal> {
    let query = ask.read(KEY)?;
    let asked = query.one("key").unwrap_or(&caller.id);
    let key = ask
        .keys
        .iter()
        .find(|key| key.id == asked || key.secret == asked)
        .ok_or_else(|| Refusal::new(404, "not_found_error", "There is no such key").about("key").coded("404"))?;
    let own = key.id == caller.id || (key.user.is_some() && key.user == caller.user);
    if caller.kind != KeyKind::Admin && !own {
        let role = "That is somebody else's key.";
        return Err(Refusal::new(403, "auth_error", role).coded("403"));
    }
    let calls = ask.truth.known(ask.now, i64::MIN, i64::MAX);
    let spend = calls.filter(|call| call.key.as_ref() == Some(&key.id)).map(|call| call.cost).sum();
    let status = if key.kind == KeyKind::Revoked { "revoked" } else { "active" };
    let info = Json::object([
        ("key_name", key.label().into()),
        ("key_alias", Json::Null),
        ("spend", money(ask, spend)),
        ("max_budget", key.limit.map_or(Json::Null, |limit| money(ask, limit))),
        ("budget_duration", Json::Null),
        ("budget_reset_at", Json::Null),
        ("user_id", Json::text_or_null(key.user.as_deref())),
        ("team_id", Json::Null),
        ("models", Json::List(Vec::new())),
        ("blocked", if key.kind == KeyKind::Revoked { true.into() } else { Json::Null }),
        ("expires", Json::Null),
        ("status", status.into()),
    ]);
    Ok(Answer::whole(Json::object([("key", asked.into()), ("info", info)])))
}

/// What the proxy has spent in 30 days and today: the view that it reads is cut there.
fn global_spend(ask: &Ask<'_>, caller: &Key) -> Result<Answer, Refusal> {
    if caller.kind != KeyKind::Admin {
        let message = "Authentication Error: only a proxy admin may ask for Route=/global/spend.";
        return Err(Refusal::new(401, "auth_error", message).coded("401"));
    }
    ask.read(NOTHING)?;
    let from = floor(ask.now, DAY) - 30 * DAY;
    let spend = ask.truth.known(ask.now, from, i64::MAX).map(|call| call.cost).sum();
    Ok(Answer::whole(Json::object([("spend", money(ask, spend)), ("max_budget", Json::Number("0.0".to_owned()))])))
}

fn money(ask: &Ask<'_>, pico: i128) -> Json {
    match ask.habits.money {
        None | Some(Money::Plain) => Json::Number(python(pico)),
        Some(money) => money.json(pico, pico.unsigned_abs() as u64),
    }
}

/// A refusal in the shape of the framework below it.
fn detail(status: u16, detail: Json) -> Refusal {
    let message = detail.text().unwrap_or("See the detail.").to_owned();
    Refusal::new(status, "detail", message).saying(Json::object([("detail", detail)]))
}

/// A parameter that the framework does not let through.
fn unprocessable(name: &str, input: &str, message: &str) -> Refusal {
    let item = Json::object([
        ("type", "value_error".into()),
        ("loc", Json::List(vec!["query".into(), name.into()])),
        ("msg", message.into()),
        ("input", input.into()),
    ]);
    Refusal { message: message.to_owned(), ..detail(422, Json::List(vec![item])) }.about(name)
}

/// A refusal in LiteLLM's shape, or in that of the framework below it.
pub(crate) fn refusal(refusal: &Refusal) -> Json {
    if refusal.status == 400 {
        return Json::object([("detail", Json::object([("error", refusal.message.clone().into())]))]);
    }
    Json::object([(
        "error",
        Json::object([
            ("message", refusal.message.clone().into()),
            ("type", refusal.kind.into()),
            ("param", Json::text_or_null(refusal.param.as_deref())),
            ("code", refusal.status.to_string().into()),
        ]),
    )])
}
