//! What was asked, and what of it was not allowed.

use std::collections::BTreeMap;

use crate::fault::Fault;
use crate::server::Provider;
use crate::time::MINUTE;

/// A request as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET`
    pub method: String,
    /// The path, undecoded.
    pub path: String,
    /// The query, undecoded.
    pub query: String,
    /// The id of the key; `none` if there was none, `unknown` if it is nobody's.
    pub key: String,
    /// The client's `User-Agent`.
    pub agent: String,
    /// When, by the server's clock.
    pub at: i64,
    /// What it was answered with; 0 if the connection was reset.
    pub status: u16,
    /// What went wrong with the answer on purpose.
    pub fault: Option<Fault>,
}

/// A limit that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// When, by the server's clock.
    pub at: i64,
    /// At which path, with its query.
    pub place: String,
    /// Which limit.
    pub rule: String,
}

/// Keeps requests, and sees what they break.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) requests: Vec<Request>,
    pub(crate) violations: Vec<Violation>,
    /// Until when a key was told to wait.
    waits: BTreeMap<String, i64>,
}

impl Log {
    /// Keeps a request before it is answered, and says under which number.
    pub(crate) fn begin(&mut self, provider: Provider, request: Request) -> usize {
        let place = format!("{}?{}", request.path, request.query);
        if self.waits.get(&request.key).is_some_and(|until| request.at < *until) {
            self.broken(request.at, &place, "a request before Retry-After was over");
        }
        if let Some(rule) = self.sustained(provider, &request) {
            self.broken(request.at, &place, rule);
        }
        self.requests.push(request);
        self.requests.len() - 1
    }

    pub(crate) fn broken(&mut self, at: i64, place: &str, rule: &str) {
        self.violations.push(Violation { at, place: place.to_owned(), rule: rule.to_owned() });
    }

    /// Says what a request was answered with.
    pub(crate) fn end(&mut self, number: usize, status: u16, fault: Option<Fault>) {
        if let Some(request) = self.requests.get_mut(number) {
            request.status = status;
            request.fault = fault;
        }
    }

    /// From here on a key is told to wait.
    pub(crate) fn wait(&mut self, key: &str, until: i64) {
        self.waits.insert(key.to_owned(), until);
    }

    /// How many requests a key made from an instant on, the last one with it.
    pub(crate) fn since(&self, key: &str, from: i64) -> Vec<i64> {
        let those = self.requests.iter().filter(|request| request.key == key && request.at > from);
        those.filter(|request| request.status != 429).map(|request| request.at).collect()
    }

    /// Anthropic's reports may be polled once a minute; further pages of one poll may follow at once, and so may what
    /// follows on a failure.
    fn sustained(&self, provider: Provider, request: &Request) -> Option<&'static str> {
        if matches!(provider, Provider::ClaudeWindows | Provider::CodexWindows) {
            // Whatever became of the last one, and whoever asked: the account is one.
            let last = self.requests.last()?.at;
            return ((last..last + 5 * MINUTE).contains(&request.at))
                .then_some("windows asked for twice in five minutes");
        }
        let first = |request: &Request| !request.query.split('&').any(|pair| pair.starts_with("page="));
        if provider != Provider::Anthropic || !first(request) {
            return None;
        }
        let cost = request.path == "/v1/organizations/cost_report";
        let usage = request.path == "/v1/organizations/usage_report/messages";
        let again = |earlier: &&Request| {
            earlier.path == request.path && first(earlier) && earlier.key == request.key
                && (request.at - MINUTE + 1..=request.at).contains(&earlier.at)
                // Usage comes in several widths and groupings: the same query again is what counts there.
                && (cost || earlier.query == request.query)
                && earlier.status == 200 && earlier.fault.is_none()
        };
        (cost || usage).then(|| self.requests.iter().rev().find(again))?.map(|_| "polled more than once a minute")
    }
}
