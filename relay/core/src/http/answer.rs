//! Answers, and refusals as JSON.

use std::future::Future;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;

use crate::relay::Refusal;

fn response(status: StatusCode, kind: &'static str, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// CBOR, or 204 where there is nothing, or why not.
pub(super) async fn of(done: impl Future<Output = Result<Vec<u8>, Refusal>>) -> Response {
    match done.await {
        Ok(body) if body.is_empty() => response(StatusCode::NO_CONTENT, "application/cbor", body),
        Ok(body) => response(StatusCode::OK, "application/cbor", body),
        Err(why) => refused(&why),
    }
}

pub(super) fn json(value: &serde_json::Value) -> Response {
    response(StatusCode::OK, "application/json", value.to_string().into_bytes())
}

/// A refusal: `{"code", "text"}`.
pub fn refused(why: &Refusal) -> Response {
    let body = serde_json::json!({"code": why.code.word(), "text": why.text});
    response(status(why), "application/json", body.to_string().into_bytes())
}

/// The status that goes with a refusal.
pub fn status(why: &Refusal) -> StatusCode {
    match why.code.word() {
        "not-a-member" | "registration-closed" | "signature" | "bad-challenge" | "challenge-spent" => {
            StatusCode::FORBIDDEN
        }
        "unknown-workspace" | "unknown-invitation" | "unknown-session" | "no-such-path" => StatusCode::NOT_FOUND,
        "invitation-expired" => StatusCode::GONE,
        "no-such-method" => StatusCode::METHOD_NOT_ALLOWED,
        "missing" | "invitation-spent" => StatusCode::CONFLICT,
        "too-large" => StatusCode::PAYLOAD_TOO_LARGE,
        "wrong-origin" => StatusCode::MISDIRECTED_REQUEST,
        "quota" => StatusCode::INSUFFICIENT_STORAGE,
        "rate" => StatusCode::TOO_MANY_REQUESTS,
        "unavailable" => StatusCode::SERVICE_UNAVAILABLE,
        word if word.starts_with("token-") => StatusCode::UNAUTHORIZED,
        _ => StatusCode::BAD_REQUEST,
    }
}
