//! A request as a provider sees it, and its answer: no socket, no lock, no clock.

use super::{Habits, Headers};
use crate::json::Json;
use crate::key::{Key, Org};
use crate::query::{Query, Spec};
use crate::refusal::Refusal;
use crate::subscription::Quota;
use crate::truth::Truth;

/// A request, and all that is needed to answer it.
pub(crate) struct Ask<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub query: &'a str,
    pub headers: &'a Headers,
    pub now: i64,
    pub habits: &'a Habits,
    /// Whose key was sent; an organization with nothing in it if nobody's.
    pub org: &'a Org,
    pub keys: &'a [Key],
    pub truth: &'a Truth,
    pub quotas: &'a [Quota],
}

impl<'a> Ask<'a> {
    pub(crate) fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name).map(String::as_str)
    }

    pub(crate) fn bearer(&self) -> Option<&'a str> {
        bearer(self.headers)
    }

    pub(crate) fn key(&self, secret: &str) -> Option<&'a Key> {
        self.keys.iter().find(|key| key.secret == secret)
    }

    /// The query, if it has nothing that `spec` does not know.
    pub(crate) fn read(&self, spec: Spec) -> Result<Query, Refusal> {
        Query::read(self.query, spec)
    }

    /// What page tokens of this query are bound to.
    pub(crate) fn fingerprint(&self, query: &Query) -> u64 {
        query.fingerprint(&[&self.org.id, self.path])
    }

    /// A page's size, or less where that is the habit.
    pub(crate) fn at_most(&self, size: u64) -> u64 {
        self.habits.page_at_most.map_or(size, |most| size.min(most.max(1)))
    }
}

/// What stands behind `Bearer`.
pub(super) fn bearer(headers: &Headers) -> Option<&str> {
    headers.get("authorization")?.strip_prefix("Bearer ")
}

/// A body, and the token that leads to it.
pub(crate) struct Answer {
    pub body: Json,
    /// What a page that never ends names as its next.
    pub this: Option<String>,
}

impl Answer {
    /// One that has no pages.
    pub(crate) fn whole(body: Json) -> Self {
        Self { body, this: None }
    }

    /// A page.
    pub(crate) fn paged(body: Json, this: String) -> Self {
        Self { body, this: Some(this) }
    }
}
