//! Requests over HTTPS, and what a page may be.

use std::net::IpAddr;
use std::time::Duration;

use aimon_core::time::UtcMillis;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};

use super::failure::{Unreadable, shortened};
use super::veil::Veil;
use super::{Failure, Provider, Request};

/// The most bytes of a page: a day of a large organization by the minute has a few megabytes.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// The most bytes of an error that are looked at.
const MOST_ERROR: usize = 64 * 1024;

/// How long a page may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A page as it came.
pub struct Reply {
    /// Its body.
    pub body: Vec<u8>,
    /// By the provider's clock.
    pub date: Option<UtcMillis>,
    /// Its headers.
    headers: HeaderMap,
}

impl Reply {
    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Why an address can't be asked.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadUrl {
    /// It can't be read.
    #[error("{0}")]
    Malformed(&'static str),
    /// It is not encrypted.
    #[error("plain HTTP is for this machine only")]
    NotEncrypted,
}

/// A base address: HTTPS, or plain HTTP on this machine.
///
/// # Errors
/// What is wrong with it.
pub fn base(text: &str) -> Result<Url, BadUrl> {
    let url = Url::parse(text.trim()).map_err(|_| BadUrl::Malformed("it is no URL"))?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(BadUrl::Malformed("it has a `?` or a `#`"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(BadUrl::Malformed("a name or password has no place in it"));
    }
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or(BadUrl::Malformed("it names no host"))?;
    let is_loopback = match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(ip) => ip.is_loopback(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback => Ok(url),
        "http" => Err(BadUrl::NotEncrypted),
        _ => Err(BadUrl::Malformed("it begins with neither https:// nor http://")),
    }
}

/// Whom to ask: a provider at an address with a key.
pub struct Asked<'a> {
    /// Who it is.
    pub provider: &'a dyn Provider,
    /// Where.
    pub base: &'a Url,
    /// With which key.
    pub key: &'a SecretString,
}

/// Fetches a page.
///
/// # Errors
/// What became of it instead.
pub async fn get(client: &Client, asked: &Asked<'_>, request: &Request) -> Result<Reply, Failure> {
    fetch(client, asked.base, request, asked.provider.headers(asked.key), asked.key).await
}

/// Fetches a page below an address, with headers of which none is ever shown. The secret that stands in them is in nothing that comes
/// back, whatever the server says.
///
/// # Errors
/// What became of it instead.
pub async fn fetch(
    client: &Client,
    base: &Url,
    request: &Request,
    with: Vec<(&'static str, SecretString)>,
    secret: &SecretString,
) -> Result<Reply, Failure> {
    let veil = Veil::over(secret);
    let mut url = base.clone();
    let path = format!("{}/{}", url.path().trim_end_matches('/'), request.path);
    url.set_path(&path);
    if !request.query.is_empty() {
        let pairs: Vec<String> =
            request.query.iter().map(|(name, value)| format!("{}={}", escaped(name), escaped(value))).collect();
        url.set_query(Some(&pairs.join("&")));
    }
    let mut headers = HeaderMap::new();
    for (name, value) in with {
        let mut value = HeaderValue::from_str(value.expose_secret())
            .map_err(|_| Failure::KeyRefused("it has characters that no key has".to_owned()))?;
        value.set_sensitive(true);
        headers.insert(HeaderName::from_static(name), value);
    }
    let sent = client.get(url).headers(headers).timeout(PATIENCE).send();
    let mut response = sent.await.map_err(|e| failed(&e))?;
    let status = response.status();
    let mut headers = std::mem::take(response.headers_mut());
    veil.headers(&mut headers);
    let date = headers.get(DATE).and_then(|date| date.to_str().ok()).and_then(date_of);
    let most = if status.is_success() { MOST_BYTES } else { MOST_ERROR };
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| failed(&e))? {
        if body.len() + chunk.len() > most {
            if status.is_success() {
                return Err(Failure::TooLarge);
            }
            break;
        }
        body.extend_from_slice(&chunk);
    }
    let body = veil.bytes(body);
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_page = is_page(kind, &body);
    if !status.is_success() {
        return Err(refused(status, &headers, is_page, &|| message(&body, &veil), date));
    }
    if is_page || !kind.to_ascii_lowercase().contains("json") {
        return Err(Failure::NotTheProvider(shortened(if kind.is_empty() { "no content type" } else { kind })));
    }
    if veil.is_escaped_in(&body) {
        return Err(Unreadable::Shape("it repeats the key in another spelling".to_owned()).into());
    }
    Ok(Reply { body, date, headers })
}

/// A part of a query. What may stand there stands there: OpenAI does not know its own tokens with `%3D` in the place of `=`.
fn escaped(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~=:,/[]".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

fn failed(e: &reqwest::Error) -> Failure {
    if e.is_timeout() {
        return Failure::TimedOut;
    }
    // The innermost cause says it; the address stands in what lies around it.
    let mut cause: &dyn std::error::Error = e;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    match e.is_body() || e.is_decode() {
        true => Failure::Unreachable(format!("it stopped in the middle ({})", shortened(cause))),
        false => Failure::Unreachable(shortened(cause)),
    }
}

/// Whether it is a page for people: no provider sends one, whatever it refuses.
fn is_page(kind: &str, body: &[u8]) -> bool {
    kind.to_ascii_lowercase().contains("html") || body.trim_ascii_start().starts_with(b"<")
}

fn refused(
    status: StatusCode,
    headers: &HeaderMap,
    is_page: bool,
    message: &dyn Fn() -> String,
    date: Option<UtcMillis>,
) -> Failure {
    let retry_after_s = || {
        let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
        if let Ok(seconds) = text.parse() {
            return Some(seconds);
        }
        let (at, now) = (date_of(text)?, date?);
        u64::try_from((at.0 - now.0).max(0) / 1000).ok()
    };
    match status.as_u16() {
        // The status of a proxy's or portal's page says nothing of the key, nor of the question.
        status @ (407 | 511) => Failure::NotTheProvider(format!("HTTP {status}")),
        status @ (400 | 401 | 403..=406 | 451) if is_page => Failure::NotTheProvider(format!("HTTP {status}")),
        401 => Failure::KeyRefused(message()),
        403 => Failure::Forbidden(message()),
        429 => Failure::RateLimited { retry_after_s: retry_after_s() },
        status @ (408 | 500..) => Failure::Down { status, retry_after_s: retry_after_s() },
        300..=399 => Failure::NotTheProvider(format!("HTTP {}", status.as_u16())),
        status => Failure::Refused { status, text: message() },
    }
}

/// What an error says for people, in the shapes that providers have. What was escaped is veiled once it is read.
fn message(body: &[u8], veil: &Veil<'_>) -> String {
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(body) else { return String::new() };
    let of = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => Some(veil.shown(text)),
        value => value.get("message").and_then(|text| text.as_str()).map(|text| veil.shown(text)),
    };
    value
        .get("error")
        .and_then(of)
        .or_else(|| value.get("detail").and_then(of))
        .or_else(|| of(&value))
        .unwrap_or_default()
}

/// An HTTP date (RFC 9110, 5.6.7).
fn date_of(text: &str) -> Option<UtcMillis> {
    let at = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(UtcMillis(at.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_in_the_providers_place_says_nothing_of_the_key() {
        let of = |status: u16, is_page: bool| {
            let status = StatusCode::from_u16(status).unwrap_or_default();
            refused(status, &HeaderMap::new(), is_page, &String::new, None).code()
        };
        for status in [302, 400, 401, 403, 404, 407, 451, 511] {
            assert_eq!(of(status, true), "not-the-provider", "{status}");
        }
        let json = [401, 403, 404, 407, 429, 503, 511].map(|status| of(status, false));
        let expected = ["key-refused", "key-forbidden", "provider-refused", "not-the-provider", "provider-busy"];
        assert_eq!(json, [&expected[..], &["provider-down", "not-the-provider"]].concat()[..]);
        // In front of many providers stands a proxy that tells of their trouble by a page.
        assert_eq!([of(429, true), of(502, true)], ["provider-busy", "provider-down"]);
        assert!(is_page("text/html; charset=utf-8", b"") && is_page("application/json", b"\n <!DOCTYPE html>"));
        assert!(!is_page("application/json", b" {}") && !is_page("", b""));
    }
}
