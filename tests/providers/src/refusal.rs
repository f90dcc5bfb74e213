//! Why a server does not answer; each provider has a shape of its own for it.

use crate::json::Json;

/// A request that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// What the provider calls this sort of refusal.
    pub kind: &'static str,
    /// The parameter or header that is wrong.
    pub param: Option<String>,
    /// A short name for it, where a provider has one.
    pub code: Option<&'static str>,
    /// What people read.
    pub message: String,
    /// The whole body, where a provider's is like no other of its own.
    pub body: Option<Box<Json>>,
    /// When to ask again, in seconds.
    pub retry_after: Option<u64>,
}

impl Refusal {
    pub(crate) fn new(status: u16, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, param: None, code: None, message: message.into(), body: None, retry_after: None }
    }

    /// A parameter that is wrong.
    pub(crate) fn bad(param: &str, message: impl Into<String>) -> Self {
        Self::new(400, "invalid_request_error", message).about(param)
    }

    pub(crate) fn about(mut self, param: &str) -> Self {
        self.param = Some(param.to_owned());
        self
    }

    pub(crate) fn coded(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    pub(crate) fn saying(mut self, body: Json) -> Self {
        self.body = Some(Box::new(body));
        self
    }

    /// Nothing is at that path.
    pub(crate) fn nowhere(method: &str, path: &str) -> Self {
        Self::new(404, "not_found_error", format!("Nothing answers {method} {path}."))
    }
}
