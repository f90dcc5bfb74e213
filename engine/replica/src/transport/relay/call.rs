//! One request and its answer, with bounds, and with errors that say whose fault it is.

use std::time::Duration;

use aimon_ledger::frame::Code;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::Deserialize;

use super::{Http, Token};
use crate::transport::Error;

/// How long an answer may take that the relay gives at once: a mebibyte goes out over a slow line in this.
pub(in crate::transport) const PROMPT: Duration = Duration::from_secs(60);

/// Says how long the relay may wait for something to answer, in seconds.
const WAIT: &str = "aimon-wait";

/// The longest that a relay waits.
pub(in crate::transport) const LONGEST_WAIT: Duration = Duration::from_secs(25);

/// What came back.
pub(in crate::transport) struct Answer {
    pub(in crate::transport) status: StatusCode,
    pub(in crate::transport) body: Vec<u8>,
}

/// An error as the relay writes it.
#[derive(Deserialize)]
struct Refusal {
    code: String,
    #[serde(default)]
    text: String,
}

pub(in crate::transport) fn with_body(request: RequestBuilder, body: Vec<u8>) -> RequestBuilder {
    request.header(CONTENT_TYPE, "application/cbor").body(body)
}

pub(in crate::transport) fn with_token(request: RequestBuilder, token: &Token) -> RequestBuilder {
    // A token has only characters that a header may have.
    match HeaderValue::from_str(&format!("Bearer {}", token.reveal())) {
        Ok(mut value) => {
            value.set_sensitive(true);
            request.header(AUTHORIZATION, value)
        }
        Err(_) => request,
    }
}

/// Lets the relay wait, and returns how long the whole may take.
pub(in crate::transport) fn with_wait(request: RequestBuilder, wait: Duration) -> (RequestBuilder, Duration) {
    let wait = wait.min(LONGEST_WAIT);
    (request.header(WAIT, wait.as_secs()), wait + PROMPT)
}

impl Http {
    /// Sends a request; an answer of over `most` bytes is none.
    pub(in crate::transport) async fn call(
        &self,
        request: RequestBuilder,
        within: Duration,
        most: usize,
    ) -> Result<Answer, Error> {
        let response = request.timeout(within).send().await.map_err(|e| self.failed(e))?;
        let status = response.status();
        let body = self.body(response, most).await?;
        if status.is_success() { Ok(Answer { status, body }) } else { Err(self.refusal(status, &body)) }
    }

    /// Reads an answer's body, up to `most` bytes.
    pub(in crate::transport) async fn body(&self, mut response: Response, most: usize) -> Result<Vec<u8>, Error> {
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|e| self.failed(e))? {
            if body.len() + part.len() > most {
                return Err(Error::Protocol(format!("its answer has over {most} bytes")));
            }
            body.extend_from_slice(&part);
        }
        Ok(body)
    }

    /// What an answer means that is no success.
    pub(in crate::transport) fn refusal(&self, status: StatusCode, body: &[u8]) -> Error {
        if let Ok(Refusal { code, text }) = serde_json::from_slice(body) {
            return Error::Refused { code: Code::of(&code), text };
        }
        match status {
            // What stands before a relay, when the relay does not answer; and a proxy that wants to know who asks.
            StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
            | StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                self.unreachable(format!("something on the way says {status}"))
            }
            _ => self.not_a_relay(format!("it says {status}")),
        }
    }

    pub(in crate::transport) fn not_a_relay(&self, why: String) -> Error {
        Error::NotARelay { address: self.origin.text(), why }
    }

    pub(in crate::transport) fn unreachable(&self, why: String) -> Error {
        Error::Unreachable { relay: self.origin.text(), why }
    }

    /// What an error of the HTTP client means. The address is not repeated.
    pub(in crate::transport) fn failed(&self, e: reqwest::Error) -> Error {
        if let Some(tls) = cause::<rustls::Error>(&e) {
            return Error::Tls { relay: self.origin.text(), why: tls.to_string() };
        }
        if e.is_timeout() {
            return self.unreachable("it does not answer in time".to_owned());
        }
        // The innermost error says most: "connection refused", "failed to lookup address".
        let mut innermost: &dyn std::error::Error = &e;
        while let Some(deeper) = innermost.source() {
            innermost = deeper;
        }
        self.unreachable(innermost.to_string())
    }
}

/// Looks for an error of one type beneath another. Those of the operating system's kind hold one without naming it as source.
fn cause<'e, T: std::error::Error + 'static>(e: &'e (dyn std::error::Error + 'static)) -> Option<&'e T> {
    let mut at = Some(e);
    while let Some(e) = at {
        if let Some(found) = e.downcast_ref::<T>() {
            return Some(found);
        }
        let held = e.downcast_ref::<std::io::Error>().and_then(|e| e.get_ref());
        if let Some(found) = held.and_then(|held| cause::<T>(held)) {
            return Some(found);
        }
        at = e.source();
    }
    None
}
