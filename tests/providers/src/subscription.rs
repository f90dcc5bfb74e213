//! The endpoints at which Claude Code and Codex ask how full a subscription's windows are, as tools that read them describe them.

use crate::json::Json;
use crate::key::KeyKind;
use crate::query::{Lists, Spec};
use crate::refusal::Refusal;
use crate::server::{Answer, Ask};
use crate::time::rfc3339;

const NOTHING: Spec = Spec { one: &[], many: &[], lists: Lists::Brackets };

/// What a client may send, beside what is asked of it. Whatever else comes could give away more than is needed.
const HEADERS: [&str; 6] = ["host", "connection", "user-agent", "accept", "accept-encoding", "authorization"];

/// A window, as a test writes it down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Claude: the field, `five_hour`, or `weekly_scoped:` and a model's name. Codex: `primary`, `secondary`, or a feature and one of them
    /// with `:` between.
    pub name: String,
    /// How much is used, in percent, as the server writes it: `38.25`; `null` where it says nothing.
    pub percent: String,
    /// When it begins anew, in milliseconds; null if it says none.
    pub resets_at: Option<i64>,
    /// How long it is, in seconds.
    pub seconds: i64,
}

impl Quota {
    /// A window.
    pub fn new(name: &str, percent: &str, resets_at: Option<i64>, seconds: i64) -> Self {
        Self { name: name.to_owned(), percent: percent.to_owned(), resets_at, seconds }
    }

    fn percent(&self) -> Json {
        if self.percent == "null" { Json::Null } else { Json::Number(self.percent.clone()) }
    }
}

/// `GET /api/oauth/usage`
pub(crate) fn claude(ask: &Ask<'_>) -> Result<Answer, Refusal> {
    admit(ask, "/api/oauth/usage", "anthropic-beta", "oauth-2025-04-20")?;
    // Replies differ by fractions of a second about one moment.
    let moment = |at: Option<i64>| at.map_or(Json::Null, |at| rfc3339(at - 429).into());
    let mut body = Json::object([("seven_day_oauth_apps", Json::Null), ("iguana_necktie", Json::Null)]);
    let mut limits = Vec::new();
    for quota in ask.quotas {
        match quota.name.strip_prefix("weekly_scoped:") {
            Some(model) => limits.push(Json::object([
                ("kind", "weekly_scoped".into()),
                ("group", "weekly".into()),
                ("percent", quota.percent()),
                ("resets_at", moment(quota.resets_at)),
                (
                    "scope",
                    Json::object([("model", Json::object([("id", Json::Null), ("display_name", model.into())]))]),
                ),
                ("is_active", true.into()),
            ])),
            None => {
                let window = [("utilization", quota.percent()), ("resets_at", moment(quota.resets_at))];
                body.insert(&quota.name, Json::object(window));
            }
        }
    }
    body.insert("limits", limits.into());
    let extra = [("is_enabled", false.into()), ("monthly_limit", Json::Null), ("utilization", Json::Null)];
    body.insert("extra_usage", Json::object(extra));
    Ok(Answer::whole(body))
}

/// `GET /backend-api/wham/usage`
pub(crate) fn codex(ask: &Ask<'_>) -> Result<Answer, Refusal> {
    admit(ask, "/backend-api/wham/usage", "chatgpt-account-id", &ask.org.id)?;
    let mut extras: Vec<&str> = ask.quotas.iter().filter_map(|quota| Some(quota.name.split_once(':')?.0)).collect();
    extras.dedup();
    let extra = |feature: &&str| {
        Json::object([
            ("limit_name", feature.to_uppercase().into()),
            ("metered_feature", (*feature).into()),
            ("rate_limit", rate_limit(ask, &format!("{feature}:"))),
        ])
    };
    let extras: Vec<Json> = extras.iter().map(extra).collect();
    Ok(Answer::whole(Json::object([
        ("plan_type", "pro".into()),
        ("rate_limit", rate_limit(ask, "")),
        ("additional_rate_limits", extras.into()),
        ("credits", Json::object([("has_credits", false.into()), ("balance", "0".into())])),
    ])))
}

fn rate_limit(ask: &Ask<'_>, prefix: &str) -> Json {
    let window = |slot: &str| {
        let quota = ask.quotas.iter().find(|quota| quota.name == format!("{prefix}{slot}"));
        quota.map_or(Json::Null, |quota| {
            let left = quota.resets_at.map_or(0, |at| (at - ask.now) / 1000);
            Json::object([
                ("used_percent", quota.percent()),
                ("limit_window_seconds", quota.seconds.into()),
                ("reset_after_seconds", left.into()),
                ("reset_at", quota.resets_at.map_or(Json::Null, |at| (at / 1000).into())),
            ])
        })
    };
    let (primary, secondary) = (window("primary"), window("secondary"));
    Json::object([("allowed", true.into()), ("primary_window", primary), ("secondary_window", secondary)])
}

fn admit(ask: &Ask<'_>, path: &str, header: &str, value: &str) -> Result<(), Refusal> {
    if ask.path != path {
        return Err(Refusal::nowhere(ask.method, ask.path));
    }
    ask.read(NOTHING)?;
    if let Some(odd) = ask.headers.keys().find(|name| !HEADERS.contains(&name.as_str()) && *name != header) {
        return Err(Refusal::bad(odd, "A header that nothing asks for."));
    }
    let denied = |text: &str| Refusal::new(401, "authentication_error", text);
    let key = ask.bearer().and_then(|bearer| ask.key(bearer)).filter(|key| key.kind != KeyKind::Revoked);
    let key = key.ok_or_else(|| denied("OAuth token has expired."))?;
    if ask.header(header) != Some(value) {
        return Err(denied("OAuth authentication is currently not supported."));
    }
    match key.kind {
        KeyKind::Normal => Ok(()),
        _ => Err(Refusal::new(403, "permission_error", "OAuth token does not meet scope requirement user:profile")),
    }
}

/// A refusal in the shape of both.
pub(crate) fn refusal(refusal: &Refusal) -> Json {
    let error = [("type", refusal.kind.into()), ("message", refusal.message.clone().into())];
    Json::object([("error", Json::object(error))])
}
