//! The routes of `schema/protocol.md`, but for the socket, which needs a runtime: generic over whoever hosts them.

mod answer;
mod body;
mod invitations;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use aimon_ledger::cbor;
use aimon_ledger::frame::{Code, Frame};
use aimon_ledger::ids::{WorkspaceId, unhex};
use aimon_ledger::time::UtcMillis;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use axum::routing::{get, post, put};

use self::body::{Unread, malformed};
use crate::auth::{Auth, Who, refusal};
use crate::check::View;
use crate::relay::{NOT_A_MEMBER, REGISTRATION_CLOSED, Refusal, Stated, UNKNOWN_WORKSPACE};

pub use answer::{refused, status};

/// The longest that a request waits for something to come.
pub const MOST_WAIT: Duration = Duration::from_secs(25);

/// The most bytes of a body with frames.
const FRAMES_BYTES: usize = 2 << 20;

/// The most bytes of any other body.
const BODY_BYTES: usize = 8 << 10;

/// What a relay says of itself to whoever asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct About {
    /// Which program.
    pub relay: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The addresses under which it is known.
    pub origins: Vec<String>,
    /// Whether anybody may open a workspace.
    pub is_open: bool,
}

/// One request of a session.
#[derive(Clone, PartialEq, Debug)]
pub struct Request {
    /// The how-manieth of the session it is, from 0. They are taken up in this order, at most two are on the way.
    pub turn: u64,
    /// What the device says.
    pub frames: Vec<Frame>,
    /// How long it waits where there is nothing to tell.
    pub wait: Duration,
}

/// Whoever hosts the routes: brings the time, randomness, and the one who writes.
pub trait Host: Clone + Send + Sync + 'static {
    /// The time.
    fn now(&self) -> UtcMillis;
    /// Random bytes.
    ///
    /// # Errors
    /// `unavailable`.
    fn random(&self) -> Result<[u8; 8], Refusal>;
    /// What it says of itself.
    fn about(&self) -> About;
    /// Whether somebody who shows this may open a workspace.
    fn may_open(&self, shown: Option<&str>) -> bool;
    /// Challenges, tokens and invitations, under their lock.
    fn auth<R>(&self, f: impl FnOnce(&mut Auth) -> R) -> R;
    /// What is known of a workspace.
    fn view(&self, workspace: WorkspaceId) -> impl Future<Output = Result<Option<Arc<View>>, Refusal>> + Send;
    /// Takes statements in; they are durable when this is done.
    fn statements(
        &self,
        workspace: WorkspaceId,
        statements: Vec<Vec<u8>>,
        may_open: bool,
    ) -> impl Future<Output = Result<Stated, Refusal>> + Send;
    /// What a device is told upon a request in a session: at once if there is anything, else what comes within its wait, and
    /// before a later one does.
    fn exchange(
        &self,
        who: Who,
        session: [u8; 16],
        request: Request,
    ) -> impl Future<Output = Result<Vec<u8>, Refusal>> + Send;
    /// How often an invitation has changed.
    fn changes(&self) -> u64;
    /// An invitation has changed.
    fn change(&self);
    /// Waits until invitations have changed more often than this, or `wait` is over.
    fn changed(&self, since: u64, wait: Duration) -> impl Future<Output = ()> + Send;
}

/// The routes.
pub fn router<H: Host>(host: H) -> Router {
    let invitation = put(invitations::make::<H>)
        .post(invitations::request::<H>)
        .get(invitations::requested::<H>)
        .delete(invitations::withdraw::<H>);
    let answer = put(invitations::answer::<H>).get(invitations::answered::<H>);
    let small = Router::new()
        .route("/v1", get(about::<H>))
        .route("/v1/challenge", post(challenge::<H>))
        .route("/v1/token", post(token::<H>))
        .route("/v1/invitations/{invitation}", invitation)
        .route("/v1/invitations/{invitation}/answer", answer)
        .route("/v1/invitations/{invitation}/decline", post(invitations::decline::<H>))
        .layer(DefaultBodyLimit::max(BODY_BYTES));
    let large = Router::new()
        .route("/v1/workspaces/{workspace}/statements", post(statements::<H>))
        .route("/v1/frames", post(frames::<H>))
        .layer(DefaultBodyLimit::max(FRAMES_BYTES));
    small.merge(large).fallback(nowhere).method_not_allowed_fallback(not_so).with_state(host)
}

/// Whether a request to one of the routes is heard only with a token.
pub fn takes_token(method: &Method, path: &str) -> bool {
    let path = path.strip_prefix("/v1/").unwrap_or_default();
    match path.split('/').collect::<Vec<_>>()[..] {
        ["frames"] => *method == Method::POST,
        ["invitations", _] => matches!(*method, Method::PUT | Method::GET | Method::DELETE),
        ["invitations", _, "answer"] => *method == Method::PUT,
        _ => false,
    }
}

/// The token that a request shows.
pub fn token_of(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
}

/// Who shows this token, if that is a member still.
///
/// # Errors
/// `token-…`, `unknown-workspace`, `not-a-member`.
pub async fn authenticate<H: Host>(host: &H, token: Option<&str>) -> Result<Who, Refusal> {
    let token = token.ok_or_else(|| refusal("token-missing", "show a token: answer the relay's challenge for one"))?;
    let now = host.now();
    let who = host.auth(|auth| auth.tokens.verify(token, now))?;
    let view = host.view(who.workspace).await?;
    let view = view.ok_or_else(|| Refusal::new(Code::UnknownWorkspace, UNKNOWN_WORKSPACE))?;
    if view.is_member(&who.device) { Ok(who) } else { Err(Refusal::new(Code::NotAMember, NOT_A_MEMBER)) }
}

async fn member<H: Host>(host: &H, headers: &HeaderMap) -> Result<Who, Refusal> {
    authenticate(host, token_of(headers)).await
}

fn wait_of(headers: &HeaderMap) -> Duration {
    let seconds = headers.get("aimon-wait").and_then(|value| value.to_str().ok()?.parse().ok());
    Duration::from_secs(seconds.unwrap_or(0)).min(MOST_WAIT)
}

async fn about<H: Host>(State(host): State<H>) -> Response {
    let about = host.about();
    let registration = if about.is_open { "open" } else { "token" };
    answer::json(&serde_json::json!({
        "relay": about.relay,
        "version": about.version,
        "protocol": [aimon_ledger::frame::VERSION],
        "origins": about.origins,
        "registration": registration,
    }))
}

async fn challenge<H: Host>(State(host): State<H>, asked: Unread) -> Response {
    answer::of(async {
        let (who, origin) = asked.array(3, |d| Ok((crate::auth::who(d)?, d.str()?.to_owned()))).await?;
        let (random, now) = (host.random()?, host.now());
        host.auth(|auth| {
            if !auth.tokens.origins().contains(&origin) {
                let text = "the relay is not known under this address: whoever runs it can add it with --origin";
                return Err(refusal("wrong-origin", text));
            }
            let challenge = auth.challenges.make(&who, &origin, random, now);
            Ok(cbor::write(|e| e.array(1)?.bytes(&challenge)?.ok()))
        })
    })
    .await
}

async fn token<H: Host>(State(host): State<H>, asked: Unread) -> Response {
    answer::of(async {
        let read = asked.array(4, |d| Ok((crate::auth::who(d)?, d.bytes()?.to_vec(), cbor::fixed(d)?)));
        let (who, challenge, signature) = read.await?;
        let view = host.view(who.workspace).await?;
        let view = view.ok_or_else(|| Refusal::new(Code::UnknownWorkspace, UNKNOWN_WORKSPACE))?;
        let now = host.now();
        host.auth(|auth| {
            let origin = auth.challenges.answer(&who, &challenge, &signature, &view, now)?;
            let (token, expires) = auth.tokens.make(&who, &origin, now)?;
            Ok(cbor::write(|e| e.array(2)?.str(&token)?.i64(expires.0)?.ok()))
        })
    })
    .await
}

async fn statements<H: Host>(State(host): State<H>, Path(workspace): Path<String>, asked: Unread) -> Response {
    answer::of(async {
        let workspace = unhex(&workspace).map(WorkspaceId);
        let workspace = workspace.ok_or_else(|| Refusal::new(Code::UnknownWorkspace, UNKNOWN_WORKSPACE))?;
        let shown = asked.headers().get("aimon-registration").and_then(|value| value.to_str().ok());
        let may_open = host.may_open(shown);
        // Statements carry their own proof; whether they could open anything is known before.
        if !may_open && host.view(workspace).await?.is_none() {
            return Err(refusal("registration-closed", REGISTRATION_CLOSED));
        }
        let mut statements = Vec::new();
        for frame in asked.frames().await? {
            let Frame::Statements(some) = frame else { return Err(malformed()) };
            statements.extend(some);
        }
        let stated = host.statements(workspace, statements, may_open).await?;
        let heads: Vec<u8> = stated.heads.iter().flat_map(|head| head.0).collect();
        Ok(cbor::write(|e| e.array(2)?.u64(stated.taken)?.bytes(&heads)?.ok()))
    })
    .await
}

async fn frames<H: Host>(State(host): State<H>, asked: Unread) -> Response {
    answer::of(async {
        let headers = asked.headers();
        let (who, wait) = (member(&host, headers).await?, wait_of(headers));
        let session = headers.get("aimon-session").and_then(|value| unhex(value.to_str().ok()?));
        let session = session.ok_or_else(malformed)?;
        let turn = headers.get("aimon-turn").and_then(|value| value.to_str().ok()?.parse().ok());
        let turn = turn.ok_or_else(malformed)?;
        host.exchange(who, session, Request { turn, frames: asked.frames().await?, wait }).await
    })
    .await
}

async fn nowhere() -> Response {
    refused(&refusal("no-such-path", "the relay has no such address: schema/protocol.md lists them"))
}

async fn not_so() -> Response {
    refused(&refusal("no-such-method", "this address is not asked like that: schema/protocol.md says how"))
}
