//! A small relay that keeps to `schema/protocol.md`, "HTTP", and can be told to misbehave. It checks no membership and stores
//! nothing on a disk: what it is for is what travels.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aimon_core::crypto::SecretKeys;
use aimon_ledger::cbor;
use aimon_ledger::chunk::{Chunk, Place};
use aimon_ledger::digest::Sum;
use aimon_ledger::frame::{self, Code, Frame, Outcome, Welcome};
use aimon_ledger::ids::{ChunkId, DeviceId, StatementId, WorkspaceId};
use aimon_ledger::signature::Purpose;
use aimon_ledger::statement::Statement;
use aimon_ledger::time::{UtcDay, UtcMillis};
use axum::Router;
use axum::body::Bytes;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use minicbor::Decoder;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

pub const WORKSPACE: WorkspaceId = WorkspaceId([7; 32]);
pub const DEVICE: DeviceId = DeviceId([1; 16]);
pub const REGISTRATION: &str = "let-me-in";

/// The device's keys, which the relay knows.
pub fn keys() -> SecretKeys {
    SecretKeys::of_seed([1; 32])
}

/// What it does wrong.
#[derive(Default)]
pub struct Faults {
    /// Something on the way answers a socket's handshake with this status, in words of its own.
    pub sockets: Option<StatusCode>,
    /// The relay itself refuses sockets with this code.
    pub refuses: Option<&'static str>,
    /// Challenges name this origin.
    pub origin: Option<String>,
    /// Challenges name this device.
    pub device: Option<DeviceId>,
    /// Answers of batches are given at once, though they are empty.
    pub hasty: bool,
    /// Every other request takes longer to arrive, so that the next one overtakes it.
    pub overtaken: bool,
    /// What a socket gets instead of a welcome.
    pub says: Option<Message>,
    /// Statements that a session brings are not taken in, for this reason.
    pub takes_no_statements: Option<Code>,
}

/// A joiner's post, or an inviter's.
type Post = Option<Vec<u8>>;

/// What it holds, and what it saw.
#[derive(Default)]
pub struct Held {
    pub faults: Faults,
    pub sockets_tried: usize,
    pub requests: usize,
    /// Requests that wait for something to be said.
    pub waiting: usize,
    pub challenges: HashMap<Vec<u8>, bool>,
    pub tokens: HashSet<String>,
    pub statements: Vec<Vec<u8>>,
    pub posts: usize,
    pub registration: Option<String>,
    pub invitations: HashMap<String, (Post, Post)>,
    pub targets: Vec<String>,
    sessions: HashMap<String, Arc<Session>>,
    pub seq: u64,
    /// Whose relay it is, if not DEVICE's.
    pub who: Option<(WorkspaceId, DeviceId, SecretKeys)>,
    /// The chunks among what was pushed.
    pub chunks: Vec<Chunk>,
}

impl Held {
    fn who(&self) -> (WorkspaceId, DeviceId, SecretKeys) {
        match &self.who {
            Some((workspace, device, secret)) => (*workspace, *device, SecretKeys::of_seed(*secret.seed())),
            None => (WORKSPACE, DEVICE, keys()),
        }
    }
}

/// One device's session: what is to be sent to it.
struct Session {
    outbox: Mutex<VecDeque<Frame>>,
    /// Grows with each frame and each request, and ends waits.
    bell: watch::Sender<u64>,
    /// The latest request that has come, and the one that is to be taken up.
    turns: Mutex<(u64, u64)>,
}

impl Session {
    fn new() -> Arc<Self> {
        let (bell, _) = watch::channel(0);
        Arc::new(Self { outbox: Mutex::default(), bell, turns: Mutex::default() })
    }

    fn say(&self, frame: Frame) {
        self.outbox.lock().unwrap().push_back(frame);
        self.bell.send_modify(|n| *n += 1);
    }

    fn drain(&self) -> Vec<u8> {
        self.outbox.lock().unwrap().drain(..).flat_map(|frame| frame.encode().unwrap()).collect()
    }
}

#[derive(Clone)]
pub struct Relay {
    origin: String,
    held: Arc<Mutex<Held>>,
}

impl Relay {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let relay = Self::at(format!("http://{}", listener.local_addr().unwrap()));
        let router = relay.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        relay
    }

    pub fn router(&self) -> Router {
        let track = |State(relay): State<Self>, request: axum::extract::Request, next: axum::middleware::Next| {
            let mut held = relay.held();
            held.requests += 1;
            held.targets.push(request.uri().to_string());
            drop(held);
            next.run(request)
        };
        Router::new()
            .route("/v1", get(about))
            .route("/v1/challenge", post(challenge))
            .route("/v1/token", post(token))
            .route("/v1/workspaces/{workspace}/statements", post(statements))
            .route("/v1/socket", get(socket))
            .route("/v1/frames", post(frames))
            .route("/v1/invitations/{invitation}", get(request).put(invite).post(spend).delete(withdraw))
            .route("/v1/invitations/{invitation}/answer", get(answer).put(set_answer))
            .layer(axum::middleware::from_fn_with_state(self.clone(), track))
            .with_state(self.clone())
    }

    /// One that is reached by this address; serving it is for the caller.
    pub fn at(origin: String) -> Self {
        Self { origin, held: Arc::default() }
    }

    pub fn origin(&self) -> String {
        self.origin.clone()
    }

    pub fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap()
    }

    /// Says something to all sessions.
    pub fn say(&self, frame: &Frame) {
        self.held().sessions.values().for_each(|session| session.say(frame.clone()));
    }

    pub fn forget_sessions(&self) {
        self.held().sessions.clear();
    }

    fn is_token(&self, token: &str) -> bool {
        self.held().tokens.contains(token)
    }

    fn is_member(&self, headers: &HeaderMap) -> bool {
        let token = headers.get("authorization").and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        token.is_some_and(|token| self.is_token(token))
    }

    fn take(&self, session: &Session, frame: Frame) {
        match frame {
            Frame::Hello(_) => {
                session.say(Frame::Welcome(Welcome {
                    version: 1,
                    time: UtcMillis(5),
                    first_day: UtcDay(20_000),
                    head: self.held().seq,
                    heads: vec![],
                    digest: Sum::default(),
                }));
                session.say(Frame::Live);
            }
            Frame::Push(chunks) => {
                let outcomes = chunks.iter().map(|chunk| {
                    let mut held = self.held();
                    held.seq += 1;
                    held.chunks.extend(Chunk::parse(chunk.clone()));
                    (ChunkId::of(chunk), Outcome::Accepted(held.seq))
                });
                session.say(Frame::Outcomes(outcomes.collect()));
            }
            Frame::Ping(n) => session.say(Frame::Pong(n)),
            Frame::Digest { .. } => {
                let mut sums: BTreeMap<Place, Sum> = BTreeMap::new();
                for chunk in &self.held().chunks {
                    sums.entry(chunk.header().place).or_default().add(&chunk.id());
                }
                session.say(Frame::Digest { sums: sums.into_iter().collect(), more: false });
            }
            Frame::Statements(_) => {
                if let Some(code) = self.held().faults.takes_no_statements.clone() {
                    session.say(Frame::Failed { code, text: "no, and this is why".to_owned() });
                }
            }
            _ => {}
        }
    }
}

fn refuse(status: StatusCode, code: &str) -> Response {
    let body = format!(r#"{{"code":"{code}","text":"no, and this is why"}}"#);
    (status, [("content-type", "application/json")], body).into_response()
}

fn unauthorized() -> Response {
    refuse(StatusCode::UNAUTHORIZED, "unauthorized")
}

async fn about(State(relay): State<Relay>) -> String {
    let origin = relay.origin();
    format!(
        r#"{{"relay":"test","version":"0","protocol":[1],"origins":["{origin}"],"registration":"token","new":{{"a":1}}}}"#
    )
}

async fn challenge(State(relay): State<Relay>, body: Bytes) -> Response {
    let mut d = Decoder::new(&body);
    assert_eq!(d.array().unwrap(), Some(3));
    assert_eq!(d.bytes().unwrap(), relay.held().who().0.0);
    let device: [u8; 16] = d.bytes().unwrap().try_into().unwrap();
    let origin = d.str().unwrap();
    if origin != relay.origin() {
        return refuse(StatusCode::BAD_REQUEST, "wrong-origin");
    }
    let mut held = relay.held();
    let origin = held.faults.origin.clone().unwrap_or_else(|| origin.to_owned());
    let device = held.faults.device.map_or(device, |device| device.0);
    let nonce = [held.challenges.len() as u8; 16];
    let challenge = cbor::write(|e| e.array(4)?.str(&origin)?.bytes(&device)?.bytes(&nonce)?.i64(60_000)?.ok());
    held.challenges.insert(challenge.clone(), false);
    cbor::write(|e| e.array(1)?.bytes(&challenge)?.ok()).into_response()
}

async fn token(State(relay): State<Relay>, body: Bytes) -> Response {
    let mut d = Decoder::new(&body);
    assert_eq!(d.array().unwrap(), Some(4));
    let workspace = WorkspaceId(d.bytes().unwrap().try_into().unwrap());
    let mut held = relay.held();
    let (known, device, keys) = held.who();
    assert_eq!((workspace, d.bytes().unwrap()), (known, &device.0[..]));
    let challenge = d.bytes().unwrap().to_vec();
    let signature: [u8; 64] = d.bytes().unwrap().try_into().unwrap();
    let key = ed25519_dalek::VerifyingKey::from_bytes(&keys.public().signing).unwrap();
    match held.challenges.insert(challenge.clone(), true) {
        Some(false) if Purpose::Challenge.is_signed(&workspace, &challenge, &signature, &key) => {}
        Some(true) => return refuse(StatusCode::FORBIDDEN, "challenge-spent"),
        _ => return refuse(StatusCode::FORBIDDEN, "bad-challenge"),
    }
    let token = format!("head.claims.{}-_", held.tokens.len());
    held.tokens.insert(token.clone());
    cbor::write(|e| e.array(2)?.str(&token)?.i64(900_000)?.ok()).into_response()
}

async fn statements(
    State(relay): State<Relay>,
    Path(workspace): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    assert!(body.len() <= frame::MOST_BYTES);
    assert_eq!(workspace, WORKSPACE.to_string());
    assert!(!headers.contains_key("authorization"));
    let registration = headers.get("aimon-registration").map(|value| value.to_str().unwrap().to_owned());
    if registration.as_deref() != Some(REGISTRATION) {
        return refuse(StatusCode::FORBIDDEN, "registration-closed");
    }
    let mut held = relay.held();
    (held.registration, held.posts) = (registration, held.posts + 1);
    let mut new = 0;
    for frame in frame::sequence(&body).unwrap() {
        let Frame::Statements(all) = frame else { panic!("{frame:?}") };
        for statement in all {
            if !held.statements.contains(&statement) {
                held.statements.push(statement);
                new += 1;
            }
        }
    }
    let last = Statement::parse(held.statements.last().unwrap().clone()).unwrap();
    let StatementId(head) = last.id();
    cbor::write(|e| e.array(2)?.u64(new)?.bytes(&head)?.ok()).into_response()
}

async fn socket(State(relay): State<Relay>, headers: HeaderMap, upgrade: WebSocketUpgrade) -> Response {
    {
        let mut held = relay.held();
        held.sockets_tried += 1;
        if let Some(status) = held.faults.sockets {
            return (status, "<html>this network lets nothing but the web through</html>").into_response();
        }
        if let Some(code) = held.faults.refuses {
            return refuse(StatusCode::FORBIDDEN, code);
        }
    }
    let protocols = headers["sec-websocket-protocol"].to_str().unwrap();
    let token = protocols.split(", ").find_map(|one| one.strip_prefix("aimon.token."));
    if !protocols.split(", ").any(|one| one == "aimon.v1") || !token.is_some_and(|token| relay.is_token(token)) {
        return unauthorized();
    }
    upgrade.protocols(["aimon.v1"]).on_upgrade(move |socket| talk(relay, socket))
}

async fn talk(relay: Relay, mut socket: WebSocket) {
    let says = relay.held().faults.says.take();
    if let Some(message) = says {
        let _ = socket.send(message).await;
        return;
    }
    let session = Session::new();
    let name = format!("socket {}", relay.held().sockets_tried);
    relay.held().sessions.insert(name, Arc::clone(&session));
    let mut bell = session.bell.subscribe();
    loop {
        let say: Vec<Frame> = session.outbox.lock().unwrap().drain(..).collect();
        for frame in say {
            let goes_on = relay.held().faults.takes_no_statements.is_some();
            let is_over = matches!(frame, Frame::Failed { .. }) && !goes_on;
            if socket.send(Message::Binary(frame.encode().unwrap().into())).await.is_err() || is_over {
                return;
            }
        }
        tokio::select! {
            message = socket.recv() => match message {
                Some(Ok(Message::Binary(bytes))) => relay.take(&session, Frame::decode(&bytes).unwrap()),
                Some(Ok(Message::Close(_))) | Some(Err(_)) | None => return,
                Some(Ok(_)) => {}
            },
            _ = bell.changed() => {}
        }
    }
}

async fn frames(State(relay): State<Relay>, headers: HeaderMap, body: Bytes) -> Response {
    let turn: u64 = headers["aimon-turn"].to_str().unwrap().parse().unwrap();
    let is_late = relay.held().faults.overtaken && turn % 2 == 1;
    if is_late {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    if !relay.is_member(&headers) {
        return unauthorized();
    }
    assert!(body.len() <= frame::MOST_BYTES);
    let name = headers["aimon-session"].to_str().unwrap().to_owned();
    assert!(name.len() == 32 && name.bytes().all(|b| b.is_ascii_hexdigit()));
    let frames = frame::sequence(&body).unwrap();
    let held = relay.held().sessions.get(&name).cloned();
    let session = match held {
        Some(session) => session,
        None if matches!(frames.first(), Some(Frame::Hello(_))) => {
            let session = Session::new();
            relay.held().sessions.insert(name, Arc::clone(&session));
            session
        }
        None => return refuse(StatusCode::NOT_FOUND, "unknown-session"),
    };
    // A request ends the wait of the one before, and is taken up behind it, though it may have come first.
    let mut bell = session.bell.subscribe();
    {
        let mut turns = session.turns.lock().unwrap();
        turns.0 = turns.0.max(turn);
    }
    session.bell.send_modify(|n| *n += 1);
    while session.turns.lock().unwrap().1 != turn {
        bell.changed().await.unwrap();
    }
    frames.into_iter().for_each(|frame| relay.take(&session, frame));

    let wait = headers["aimon-wait"].to_str().unwrap().parse().unwrap();
    assert!(wait <= 25);
    let until = Instant::now() + Duration::from_secs(wait);
    loop {
        bell.mark_unchanged();
        let is_next = session.turns.lock().unwrap().0 > turn;
        if !session.outbox.lock().unwrap().is_empty() || is_next || relay.held().faults.hasty {
            break;
        }
        relay.held().waiting += 1;
        let in_time = timeout_at(until, bell.changed()).await.is_ok();
        relay.held().waiting -= 1;
        if !in_time {
            break;
        }
    }
    let answer = session.drain();
    session.turns.lock().unwrap().1 += 1;
    session.bell.send_modify(|n| *n += 1);
    answer.into_response()
}

async fn invite(State(relay): State<Relay>, Path(invitation): Path<String>, headers: HeaderMap) -> Response {
    if !relay.is_member(&headers) {
        return unauthorized();
    }
    relay.held().invitations.insert(invitation, (None, None));
    StatusCode::NO_CONTENT.into_response()
}

async fn spend(State(relay): State<Relay>, Path(invitation): Path<String>, body: Bytes) -> Response {
    match relay.held().invitations.get_mut(&invitation) {
        None => refuse(StatusCode::NOT_FOUND, "unknown-invitation"),
        Some((Some(_), _)) => refuse(StatusCode::CONFLICT, "invitation-spent"),
        Some((request, _)) => {
            *request = Some(body.to_vec());
            StatusCode::NO_CONTENT.into_response()
        }
    }
}

async fn request(State(relay): State<Relay>, Path(invitation): Path<String>, headers: HeaderMap) -> Response {
    if !relay.is_member(&headers) {
        return unauthorized();
    }
    posted(relay.held().invitations.get(&invitation).map(|(request, _)| request.clone()))
}

async fn set_answer(
    State(relay): State<Relay>,
    Path(invitation): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !relay.is_member(&headers) {
        return unauthorized();
    }
    relay.held().invitations.get_mut(&invitation).unwrap().1 = Some(body.to_vec());
    StatusCode::NO_CONTENT.into_response()
}

async fn answer(State(relay): State<Relay>, Path(invitation): Path<String>) -> Response {
    posted(relay.held().invitations.get(&invitation).map(|(_, answer)| answer.clone()))
}

fn posted(post: Option<Post>) -> Response {
    match post {
        None => refuse(StatusCode::NOT_FOUND, "unknown-invitation"),
        Some(None) => StatusCode::NO_CONTENT.into_response(),
        Some(Some(post)) => post.into_response(),
    }
}

async fn withdraw(State(relay): State<Relay>, Path(invitation): Path<String>, headers: HeaderMap) -> Response {
    if !relay.is_member(&headers) {
        return unauthorized();
    }
    relay.held().invitations.remove(&invitation);
    StatusCode::NO_CONTENT.into_response()
}
