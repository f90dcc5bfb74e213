//! From a request to an answer, and what goes wrong on the way.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Uri};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream;
use tokio::sync::oneshot;

use super::ask::bearer;
use super::door::{Door, Link};
use super::spoil::spoil;
use super::{Answer, Ask, Headers, Inner, Provider, Shared, bomb};
use crate::fault::{Fault, Wait};
use crate::json::Json;
use crate::key::{KeyKind, Org};
use crate::log::Request;
use crate::refusal::Refusal;
use crate::time::http_date;
use crate::truth::Truth;
use crate::{anthropic, litellm, openai, openrouter, subscription};

/// Serves until it is told to stop.
pub(super) fn run(listener: std::net::TcpListener, shared: Arc<Shared>, stopped: oneshot::Receiver<()>) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    runtime.block_on(async {
        let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
        let routes = Router::new().fallback(handle).with_state(shared);
        let service = routes.into_make_service_with_connect_info::<Link>();
        tokio::select! {
            _ = axum::serve(Door(listener), service) => {}
            _ = stopped => {}
        }
    });
    // Connections that are still open end with the runtime.
    runtime.shutdown_background();
}

/// What is sent back.
struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

/// A request, what to answer it with, and what goes wrong.
struct Handled {
    reply: Reply,
    fault: Option<Fault>,
}

async fn handle(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(link): ConnectInfo<Link>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response<Body> {
    let _open = shared.open();
    let handled = decide(&shared, &method, &uri, &headers);
    if let Some(Fault::Slow(delay)) = &handled.fault {
        tokio::time::sleep(*delay).await;
    }
    send(handled, &link)
}

/// Decides in one go, under the lock: requests at once are answered one after the other.
fn decide(shared: &Shared, method: &Method, uri: &Uri, headers: &HeaderMap) -> Handled {
    let now = shared.clock.now();
    let headers: Headers = headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let secret = match shared.provider {
        Provider::Anthropic => headers.get("x-api-key").map(String::as_str),
        _ => bearer(&headers),
    };
    let (path, query) = (uri.path(), uri.query().unwrap_or_default());
    let mut inner = shared.inner();
    let unknown = if secret.is_some() { "unknown" } else { "none" };
    let key = inner.account(secret).map_or(unknown, |(_, key)| &key.id).to_owned();
    let number = inner.log.begin(
        shared.provider,
        Request {
            method: method.to_string(),
            path: path.to_owned(),
            query: query.to_owned(),
            key: key.clone(),
            agent: headers.get("user-agent").cloned().unwrap_or_default(),
            at: now,
            status: 0,
            fault: None,
        },
    );
    let fault = inner.faults.next(path);
    if let (Some(Fault::KeyRevoked), Some(secret)) = (&fault, secret)
        && let Some(key) = inner.key(secret)
    {
        key.kind = KeyKind::Revoked;
    }
    let request_id = format!("req_{:022}", number + 1);
    let place = format!("{path}?{query}");
    let result = limited(&mut inner, &key, now, &place).and_then(|()| {
        let none = (Org { id: String::new(), name: String::new(), credits: 0 }, Truth::default());
        let account = inner.account(secret).map(|(account, _)| account);
        let ask = Ask {
            method: method.as_str(),
            path,
            query,
            headers: &headers,
            now,
            habits: &inner.habits,
            org: account.map_or(&none.0, |account| &account.org),
            keys: account.map_or(&[], |account| &account.keys),
            truth: account.map_or(&none.1, |account| &account.truth),
            quotas: &inner.quotas,
        };
        answer(shared.provider, &ask)
    });
    if let Err(refusal) = &result
        && matches!(refusal.status, 400 | 405 | 422)
    {
        let rule = format!("{}: {}", refusal.param.as_deref().unwrap_or("request"), refusal.message);
        inner.log.broken(now, &place, &rule);
    }
    let result = match &fault {
        Some(Fault::EchoedKey(status)) => {
            let said = format!("Nobody may ask with {}: {place}", secret.unwrap_or_default());
            Err(Refusal::new(*status, "invalid_request_error", said))
        }
        _ => result,
    };
    let reply = reply(shared.provider, result, fault.as_ref(), &request_id, now);
    let org = match &fault {
        Some(Fault::EchoedKey(_)) => secret.map(str::to_owned),
        _ => inner.account(secret).map(|(account, _)| account.org.id.clone()),
    };
    let mut reply = with_headers(shared.provider, reply, &request_id, org, now);
    let accepts = headers.get("accept-encoding").is_some_and(|encodings| encodings.contains("gzip"));
    if inner.habits.gzip && accepts {
        compress(&mut reply);
    }
    if reply.status == 429
        && let Some(Fault::TooMany(wait)) = &fault
    {
        inner.log.wait(&key, now + wait.seconds() as i64 * 1000);
    }
    let status = if fault == Some(Fault::Reset) { 0 } else { reply.status };
    inner.log.end(number, status, fault.clone());
    Handled { reply, fault }
}

/// Refuses what is more than the rate allows.
fn limited(inner: &mut Inner, key: &str, now: i64, place: &str) -> Result<(), Refusal> {
    let Some((most, within)) = inner.habits.rate else { return Ok(()) };
    let recent = inner.log.since(key, now - within);
    if recent.len() <= most {
        return Ok(());
    }
    inner.log.broken(now, place, "more requests than the rate limit allows");
    // When so many of them are too old to count that there is room for one.
    let free = recent.get(recent.len() - 1 - most).copied().unwrap_or(now) + within;
    let seconds = ((free - now).max(1) + 999) / 1000;
    inner.log.wait(key, free);
    Err(too_many(Wait::Seconds(seconds.unsigned_abs())))
}

fn too_many(wait: Wait) -> Refusal {
    let retry_after = if wait == Wait::Unsaid { None } else { Some(wait.seconds()) };
    Refusal { retry_after, ..Refusal::new(429, "rate_limit_error", "Rate limit exceeded.") }
}

fn answer(provider: Provider, ask: &Ask<'_>) -> Result<Answer, Refusal> {
    if ask.method != "GET" {
        return Err(Refusal::new(405, "invalid_request_error", format!("{} is not allowed here.", ask.method)));
    }
    match provider {
        Provider::OpenAi => openai::answer(ask),
        Provider::Anthropic => anthropic::answer(ask),
        Provider::OpenRouter => openrouter::answer(ask),
        Provider::LiteLlm => litellm::answer(ask),
        Provider::ClaudeWindows => subscription::claude(ask),
        Provider::CodexWindows => subscription::codex(ask),
    }
}

fn refused(provider: Provider, refusal: &Refusal, request_id: &str) -> Json {
    if let Some(body) = &refusal.body {
        return Json::clone(body);
    }
    match provider {
        Provider::OpenAi => openai::refusal(refusal),
        Provider::Anthropic => anthropic::refusal(refusal, request_id),
        Provider::OpenRouter => openrouter::refusal(refusal),
        Provider::LiteLlm => litellm::refusal(refusal),
        Provider::ClaudeWindows | Provider::CodexWindows => subscription::refusal(refusal),
    }
}

/// What is answered, after a fault has had its way with it.
fn reply(
    provider: Provider,
    result: Result<Answer, Refusal>,
    fault: Option<&Fault>,
    request_id: &str,
    now: i64,
) -> Reply {
    let result = match fault {
        Some(Fault::TooMany(wait)) => Err(too_many(*wait)),
        Some(Fault::Status(status)) => {
            let kind = if *status == 529 { "overloaded_error" } else { "api_error" };
            Err(Refusal::new(*status, kind, "Something went wrong on the server's side."))
        }
        _ => result,
    };
    let json = |status, body: &Json| Reply {
        status,
        headers: vec![("content-type", "application/json".to_owned())],
        body: body.to_string().into_bytes(),
    };
    let mut reply = match result {
        Ok(mut answer) => {
            if let Some(fault) = fault {
                spoil(&mut answer, fault);
            }
            json(200, &answer.body)
        }
        Err(refusal) => {
            let mut reply = json(refusal.status, &refused(provider, &refusal, request_id));
            if let Some(seconds) = refusal.retry_after {
                let date = matches!(fault, Some(Fault::TooMany(Wait::Date(_))));
                let after = if date { http_date(now + seconds as i64 * 1000) } else { seconds.to_string() };
                reply.headers.push(("retry-after", after));
            }
            reply
        }
    };
    match fault {
        Some(Fault::CaptivePortal) => {
            let page = "<!DOCTYPE html><html><head><title>Log in</title></head><body>Welcome.</body></html>";
            reply = Reply { status: 200, headers: vec![("content-type", "text/html".to_owned())], body: page.into() };
        }
        Some(Fault::BrokenJson) => drop(reply.body.pop()),
        Some(Fault::WrongType) => {
            reply.headers.retain(|(name, _)| *name != "content-type");
            reply.headers.push(("content-type", "text/plain".to_owned()));
        }
        Some(Fault::Redirect(to)) => {
            reply = Reply { status: 302, headers: vec![("location", to.clone())], body: Vec::new() };
        }
        Some(Fault::GzipBomb) => {
            reply.status = 200;
            reply.headers.push(("content-encoding", "gzip".to_owned()));
            reply.body = bomb::gzip().to_vec();
        }
        Some(Fault::HugeBody) => reply.status = 200,
        _ => {}
    }
    reply
}

/// Compresses a body that is not compressed yet.
fn compress(reply: &mut Reply) {
    if reply.headers.iter().any(|(name, _)| *name == "content-encoding") {
        return;
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    if let Ok(body) = encoder.write_all(&reply.body).and_then(|()| encoder.finish()) {
        reply.body = body;
        reply.headers.push(("content-encoding", "gzip".to_owned()));
    }
}

/// Headers that every answer of a provider has.
fn with_headers(provider: Provider, mut reply: Reply, request_id: &str, org: Option<String>, now: i64) -> Reply {
    let mut add = |name, value: String| reply.headers.push((name, value));
    add("date", http_date(now));
    match provider {
        Provider::OpenAi => {
            add("x-request-id", request_id.to_owned());
            add("openai-version", "2020-10-01".to_owned());
            if let Some(org) = org {
                add("openai-organization", org);
            }
        }
        Provider::Anthropic => {
            add("request-id", request_id.to_owned());
            if let Some(org) = org {
                add("anthropic-organization-id", org);
            }
        }
        Provider::OpenRouter | Provider::ClaudeWindows | Provider::CodexWindows => {}
        Provider::LiteLlm => add("x-litellm-call-id", request_id.to_owned()),
    }
    reply
}

/// Sends an answer, or as much of it as a fault lets through.
fn send(handled: Handled, link: &Link) -> Response<Body> {
    let Handled { reply, fault } = handled;
    let body = match fault {
        Some(Fault::CutBody) => half(&reply.body),
        Some(Fault::HugeBody) => huge(),
        _ => Body::from(reply.body.clone()),
    };
    if fault == Some(Fault::Reset) {
        link.reset();
    }
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    if fault == Some(Fault::CutBody) {
        response.headers_mut().insert("content-length", HeaderValue::from(reply.body.len()));
    }
    response
}

/// The first half, then an error: a body that breaks off ends its connection.
fn half(body: &[u8]) -> Body {
    let first = Bytes::copy_from_slice(body.get(..body.len() / 2).unwrap_or_default());
    Body::from_stream(stream::unfold(Some(first), |first| async move {
        match first {
            Some(first) => Some((Ok(first), None)),
            None => {
                // So that the first half is on its way before the connection goes.
                tokio::time::sleep(Duration::from_millis(20)).await;
                Some((Err(io::Error::from(io::ErrorKind::BrokenPipe)), None))
            }
        }
    }))
}

/// A gigabyte of blanks, 64 KiB at a time: JSON allows any number of them.
fn huge() -> Body {
    let piece = Bytes::from(vec![b' '; 1 << 16]);
    let pieces = (0..bomb::SIZE >> 16).map(move |_| Ok::<_, io::Error>(piece.clone()));
    Body::from_stream(stream::iter(pieces))
}
