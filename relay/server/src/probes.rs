//! For whoever watches over a relay: is it there, can it write, how much does it do.

use std::time::Duration;

use aimon_ledger::frame::Code;
use aimon_relay_core::http::refused;
use aimon_relay_core::relay::Refusal;
use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::time::timeout;

use crate::host::Server;

/// How long the writer may take for an answer.
const ANSWER: Duration = Duration::from_secs(2);

/// `/healthz` and `/readyz`.
pub fn health(server: Server) -> Router {
    Router::new().route("/healthz", get(async || "ok\n")).route("/readyz", get(ready)).with_state(server)
}

/// `/metrics`.
pub fn metrics(handle: PrometheusHandle) -> Router {
    let text = |State(handle): State<PrometheusHandle>| async move {
        ([(CONTENT_TYPE, "text/plain; version=0.0.4")], handle.render())
    };
    Router::new().route("/metrics", get(text)).with_state(handle)
}

async fn ready(State(server): State<Server>) -> Response {
    let text = if *server.stop.borrow() {
        "the relay is stopping"
    } else if !matches!(timeout(ANSWER, server.writer.sync()).await, Ok(Ok(()))) {
        "the relay does not come to writing"
    } else if !server.writer.can_write() {
        "the relay could not write what it was sent last: see its log, and its disk"
    } else {
        return "ready\n".into_response();
    };
    refused(&Refusal { code: Code::Unavailable, text: text.to_owned() })
}
