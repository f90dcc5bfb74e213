//! The local HTTP API. It answers on the loopback address only, to whoever has the token.

use std::sync::Arc;
use std::time::Duration;

use aimon_core::settings::Settings;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use clap::ValueEnum;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{IntoParams, Modify, OpenApi, ToSchema};

use super::client::{Problem, ProblemBody};
use super::events;
use super::file::Token;
use super::state::Agent;
use crate::cli::{ByArg, ModeArg, PeriodArg, RangeArgs, WeekdayArg};
use crate::commands::report::{Asked, dimension, first_of_week, period};
use crate::dates;
use crate::error::Error;
use crate::render::exposition;
use crate::render::json::ReportJson;
use crate::render::status::StatusJson;
use crate::render::windows::WindowsJson;
use crate::scan::Scanned;
use crate::statusline::Reading;

/// The largest body that anybody has to send.
const LONGEST: usize = 64 << 10;
/// How long an answer may take; a scan takes as long as it takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// What handlers share.
#[derive(Clone, Debug)]
pub struct Shared {
    /// The agent.
    pub agent: Arc<Agent>,
    /// What requests have to bring.
    pub token: Token,
    /// Where it listens.
    pub port: u16,
}

/// All routes.
pub fn router(shared: Shared) -> Router {
    let quick = Router::new()
        .route("/v1/report", get(report))
        .route("/v1/status", get(status))
        .route("/v1/windows", get(windows))
        .route("/v1/record", post(record))
        .route("/metrics", get(metrics))
        .method_not_allowed_fallback(not_so)
        .layer(middleware::from_fn(in_time));
    let long = Router::new()
        .route("/v1/scan", post(scan))
        .route("/v1/rebuild", post(rebuild))
        .route("/v1/trust-clock", post(trust_clock))
        .route("/v1/lend", post(lend))
        .route("/v1/events", get(changes))
        .method_not_allowed_fallback(not_so);
    let closed = quick.merge(long).layer(middleware::from_fn_with_state(shared.clone(), with_token));
    Router::new()
        .route("/openapi.json", get(openapi))
        .method_not_allowed_fallback(not_so)
        .merge(closed)
        .fallback(nothing_here)
        .layer(DefaultBodyLimit::max(LONGEST))
        .layer(middleware::from_fn_with_state(shared.clone(), from_here))
        .with_state(shared)
}

/// The API's description.
#[derive(OpenApi, Debug)]
#[openapi(
    info(
        title = "AI Monitor, local API",
        description = "What `aimon up` answers on 127.0.0.1, to whoever has the token of AIMON_HOME/agent.json."
    ),
    paths(report, status, windows, metrics, scan, record, rebuild, trust_clock, lend, changes),
    modifiers(&Bearer),
    security(("token" = []))
)]
pub struct Api;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        openapi.components.get_or_insert_default().add_security_scheme("token", scheme);
    }
}

/// The description as text, as it stands in `schema/api/openapi.json`.
pub fn description() -> String {
    let mut text = Api::openapi().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

/// An error as an answer.
#[derive(Debug)]
pub struct Failure(StatusCode, Problem);

impl From<Error> for Failure {
    fn from(e: Error) -> Self {
        use crate::error::exit;
        let status = match e.exit() {
            exit::USAGE => StatusCode::BAD_REQUEST,
            exit::LOCKED => StatusCode::CONFLICT,
            exit::NOT_WRITABLE => StatusCode::INSUFFICIENT_STORAGE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self(status, Problem::from(&e))
    }
}

impl Failure {
    fn new(status: StatusCode, code: &str, message: &str, help: &str) -> Self {
        let problem = Problem { code: code.to_owned(), message: message.to_owned(), help: help.to_owned(), exit: 1 };
        Self(status, problem)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.0, Json(ProblemBody { error: self.1 })).into_response()
    }
}

type Answer<T> = Result<Json<T>, Failure>;

/// What `/v1/report` can be asked, as the command's options. Lists have commas between them.
#[derive(Deserialize, IntoParams, Default, Debug)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ReportParams {
    /// `daily`, `weekly`, `monthly` or `session`
    period: Option<String>,
    /// First day: YYYY-MM-DD, YYYYMMDD, today, yesterday, 7d
    since: Option<String>,
    /// Last day
    until: Option<String>,
    /// IANA name; the agent's own if left out
    timezone: Option<String>,
    /// The day that counts as today
    as_of: Option<String>,
    /// Only these agents
    source: Option<String>,
    /// Only these models
    model: Option<String>,
    /// Only these devices
    device: Option<String>,
    /// `model`, `source`, `device`, `session`, `quality`, `tier`, `account` or `project`
    by: Option<String>,
    /// `calculate`, `display` or `auto`
    mode: Option<String>,
    /// `monday`, …
    start_of_week: Option<String>,
}

/// Usage by period, as `aimon report --json` prints it.
#[utoipa::path(get, path = "/v1/report", params(ReportParams), responses(
    (status = 200, body = ReportJson),
    (status = 400, description = "A parameter can't be understood", body = ProblemBody),
    (status = 401, description = "The token is missing or wrong", body = ProblemBody),
))]
async fn report(
    State(shared): State<Shared>,
    params: Result<Query<ReportParams>, QueryRejection>,
) -> Answer<ReportJson> {
    let p = understood(params)?;
    let list = |text: &Option<String>| text.iter().flat_map(|t| t.split(',')).map(str::to_owned).collect::<Vec<_>>();
    let range = RangeArgs {
        since: day("since", &p.since)?,
        until: day("until", &p.until)?,
        timezone: None,
        as_of: day("asOf", &p.as_of)?,
        source: list(&p.source),
        model: list(&p.model),
        device: list(&p.device),
        mode: choice::<ModeArg>("mode", &p.mode)?.unwrap_or_default(),
        no_scan: true,
    };
    let period_arg = choice::<PeriodArg>("period", &p.period)?.unwrap_or_default();
    let week = choice::<WeekdayArg>("startOfWeek", &p.start_of_week)?;
    let settings = shared.agent.settings().await?;
    let by = choice::<ByArg>("by", &p.by)?.map(dimension);
    let asked = Asked::within(&range, zone(&shared, &p.timezone, &settings)?, dates::now())?;
    let query = asked.query(period(period_arg, first_of_week(week, &settings)), by);
    let labels = shared.agent.labels().await?;
    let report = shared.agent.report(&query, asked.today.utc, &labels).await?;
    Ok(Json(ReportJson::of(&report, query.period, query.by, &labels)))
}

/// What `/v1/status` can be asked.
#[derive(Deserialize, IntoParams, Default, Debug)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StatusParams {
    /// IANA name; the agent's own if left out
    timezone: Option<String>,
    /// The day that counts as today
    as_of: Option<String>,
}

/// Today, 7 and 30 days, and the quota windows, as `aimon status --json` prints them.
#[utoipa::path(get, path = "/v1/status", params(StatusParams), responses(
    (status = 200, body = StatusJson),
    (status = 400, description = "A parameter can't be understood", body = ProblemBody),
    (status = 401, description = "The token is missing or wrong", body = ProblemBody),
))]
async fn status(
    State(shared): State<Shared>,
    params: Result<Query<StatusParams>, QueryRejection>,
) -> Answer<StatusJson> {
    let p = understood(params)?;
    let zone = zone(&shared, &p.timezone, &shared.agent.settings().await?)?;
    let status = shared.agent.status(&zone, day("asOf", &p.as_of)?).await?;
    Ok(Json(StatusJson::of(&status, &shared.agent.labels().await?)))
}

/// Quota windows and who used them up, balances, and what keys may spend, as `aimon windows --json` prints them.
#[utoipa::path(get, path = "/v1/windows", responses(
    (status = 200, body = WindowsJson),
    (status = 401, description = "The token is missing or wrong", body = ProblemBody),
))]
async fn windows(State(shared): State<Shared>) -> Answer<WindowsJson> {
    let labels = shared.agent.labels().await?;
    let limits = shared.agent.limits(&labels).await?;
    Ok(Json(WindowsJson::of(&limits, &labels, dates::now())))
}

/// How things stand, for Prometheus: docs/metrics.md.
#[utoipa::path(get, path = "/metrics", responses(
    (status = 200, description = "Prometheus' text format", content_type = "text/plain", body = String),
    (status = 401, description = "The token is missing or wrong", body = ProblemBody),
))]
async fn metrics(State(shared): State<Shared>) -> Result<Response, Failure> {
    let text = super::metrics::text(&shared.agent).await?;
    Ok(([(header::CONTENT_TYPE, exposition::CONTENT_TYPE)], text).into_response())
}

/// Takes in what is new, and says what was found.
#[utoipa::path(post, path = "/v1/scan", responses(
    (status = 200, body = Scanned),
    (status = 401, description = "The token is missing or wrong", body = ProblemBody),
    (status = 507, description = "The disk is full", body = ProblemBody),
))]
async fn scan(State(shared): State<Shared>) -> Answer<Scanned> {
    // A task of its own: whoever hangs up does not end the scan half-way.
    let agent = Arc::clone(&shared.agent);
    let scanned = tokio::spawn(async move { agent.scan(false).await }).await;
    match scanned {
        Ok(scanned) => Ok(Json(scanned?)),
        Err(_) => Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, "ending", "aimon is ending", "start it again")),
    }
}

/// What became of a reading.
#[derive(Serialize, ToSchema, Debug)]
pub struct Kept {
    /// Whether it was news, and is kept.
    kept: bool,
}

/// Keeps quota windows that a status line has seen.
#[utoipa::path(post, path = "/v1/record", request_body = Reading, responses(
    (status = 200, body = Kept),
    (status = 400, description = "It is no reading", body = ProblemBody),
    (status = 401, description = "The token is missing or wrong", body = ProblemBody),
    (status = 507, description = "The disk is full", body = ProblemBody),
))]
async fn record(State(shared): State<Shared>, body: Result<Bytes, BytesRejection>) -> Answer<Kept> {
    let body = body.map_err(|e| match e.status() {
        too_long @ StatusCode::PAYLOAD_TOO_LARGE => {
            let what = format!("the body is longer than {} KiB", LONGEST >> 10);
            Failure::new(too_long, "too-long", &what, "see /openapi.json, Reading")
        }
        status => Failure::new(status, "bad-reading", &e.body_text(), "send the body again"),
    })?;
    let reading: Option<Reading> = serde_json::from_slice(&body).ok();
    let Some(reading) = reading.filter(Reading::is_sound) else {
        let what = "the body is no reading of windows";
        return Err(Failure::new(StatusCode::BAD_REQUEST, "bad-reading", what, "see /openapi.json, Reading"));
    };
    Ok(Json(Kept { kept: shared.agent.record(&reading).await? }))
}

/// That something was done.
#[derive(Serialize, ToSchema, Debug)]
pub struct Done {
    /// Always true.
    done: bool,
}

/// Throws the derived tables away and makes them again.
#[utoipa::path(post, path = "/v1/rebuild", responses(
    (status = 200, body = Done),
    (status = 401, description = "The token is missing or wrong", body = ProblemBody),
))]
async fn rebuild(State(shared): State<Shared>) -> Answer<Done> {
    shared.agent.rebuild().await?;
    shared.agent.scan(false).await?;
    Ok(Json(Done { done: true }))
}

/// Takes the clock as right, after it has jumped ahead by days.
#[utoipa::path(post, path = "/v1/trust-clock", responses(
    (status = 200, body = Done),
    (status = 401, description = "The token is missing or wrong", body = ProblemBody),
))]
async fn trust_clock(State(shared): State<Shared>) -> Answer<Done> {
    shared.agent.trust_clock().await?;
    Ok(Json(Done { done: true }))
}

/// Lends the folder to another command, which opens it at once; it comes back by itself.
#[utoipa::path(post, path = "/v1/lend", responses(
    (status = 200, body = Done),
    (status = 401, description = "The token is missing or wrong", body = ProblemBody),
))]
async fn lend(State(shared): State<Shared>) -> Answer<Done> {
    shared.agent.lend().await;
    Ok(Json(Done { done: true }))
}

/// Server-sent events: `change`, with a number that grows, whenever something was recorded.
#[utoipa::path(get, path = "/v1/events", responses(
    (status = 200, description = "Events named `change`", content_type = "text/event-stream", body = String),
    (status = 401, description = "The token is missing or wrong", body = ProblemBody),
))]
async fn changes(State(shared): State<Shared>) -> Response {
    events::stream(shared.agent.changes()).into_response()
}

async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], description()).into_response()
}

async fn nothing_here() -> Failure {
    Failure::new(StatusCode::NOT_FOUND, "no-such-path", "there is nothing at this path", "see /openapi.json")
}

async fn not_so() -> Failure {
    let what = "this path knows no such method";
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, "no-such-method", what, "see /openapi.json")
}

/// A page of somebody else's can make a browser connect here under another name: the name must be
/// this host's own.
async fn from_here(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|h| h.to_str().ok()).unwrap_or_default();
    let own = ["127.0.0.1", "localhost"].iter().any(|name| host == format!("{name}:{}", shared.port));
    if !own {
        let help = "use the address that `aimon up` prints";
        return Failure::new(StatusCode::FORBIDDEN, "bad-host", "the request is for another host", help)
            .into_response();
    }
    next.run(request).await
}

async fn with_token(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    if bearer(request.headers()).is_some_and(|t| shared.token.is(t)) {
        return next.run(request).await;
    }
    let help = "send `Authorization: Bearer TOKEN`, with the token of AIMON_HOME/agent.json";
    Failure::new(StatusCode::UNAUTHORIZED, "unauthorized", "the token is missing or wrong", help).into_response()
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(PATIENCE, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let what = "the answer took too long";
            Failure::new(StatusCode::GATEWAY_TIMEOUT, "timeout", what, "ask again").into_response()
        }
    }
}

fn understood<T>(params: Result<Query<T>, QueryRejection>) -> Result<T, Failure> {
    match params {
        Ok(Query(params)) => Ok(params),
        Err(e) => Err(bad_parameter(&e.body_text())),
    }
}

fn bad_parameter(what: &str) -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, "bad-parameter", what, "see /openapi.json")
}

/// The zone that is named, else the agent's or the settings' own: itself, because it need not have a name.
fn zone(shared: &Shared, name: &Option<String>, settings: &Settings) -> Result<TimeZone, Failure> {
    match name {
        Some(name) => Ok(dates::zone(Some(name))?),
        None => Ok(shared.agent.zone(settings)),
    }
}

fn day(name: &str, text: &Option<String>) -> Result<Option<dates::Day>, Failure> {
    let parse = |t: &String| t.parse().map_err(|e| bad_parameter(&format!("{name} is `{t}`: {e}")));
    text.as_ref().map(parse).transpose()
}

fn choice<T: ValueEnum>(name: &str, text: &Option<String>) -> Result<Option<T>, Failure> {
    let parse = |t: &String| T::from_str(t, false).map_err(|e| bad_parameter(&format!("{name} is `{t}`: {e}")));
    text.as_ref().map(parse).transpose()
}

#[cfg(test)]
mod tests {
    /// The description in the repository is the code's own. `AIMON_BLESS=1` writes it anew.
    #[test]
    #[allow(clippy::unwrap_used)]
    fn the_description_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schema/api/openapi.json");
        if std::env::var_os("AIMON_BLESS").is_some() {
            std::fs::create_dir_all(std::path::Path::new(path).parent().unwrap()).unwrap();
            std::fs::write(path, super::description()).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap_or_default().replace("\r\n", "\n");
        assert!(written == super::description(), "run the test with AIMON_BLESS=1 and look at the difference");
    }
}
