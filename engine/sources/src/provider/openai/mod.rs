//! OpenAI: usage and costs of an organization. See README.md.

mod metrics;
mod read;
#[cfg(test)]
mod tests;

use aimon_core::polling::{Ask, Metric};
use secrecy::{ExposeSecret, SecretString};

use super::failure::Unreadable;
use super::{Identity, Page, Provider, Request};

/// OpenAI.
#[derive(Debug)]
pub struct OpenAi;

impl Provider for OpenAi {
    fn name(&self) -> &'static str {
        "openai"
    }

    fn title(&self) -> &'static str {
        "OpenAI"
    }

    fn url(&self) -> Option<&'static str> {
        Some("https://api.openai.com/v1")
    }

    fn check_key(&self, key: &str) -> Result<(), &'static str> {
        if key.starts_with("sk-admin-") {
            return Ok(());
        }
        Err("usage and costs take an admin key (`sk-admin-…`), which an owner of the organization makes at \
             platform.openai.com/settings/organization/admin-keys")
    }

    fn headers(&self, key: &SecretString) -> Vec<(&'static str, SecretString)> {
        vec![("authorization", format!("Bearer {}", key.expose_secret()).into())]
    }

    fn at_once(&self) -> usize {
        // Each kind of usage is a question of its own: one after the other a back-fill of half a year takes a while.
        4
    }

    fn metrics(&self) -> &'static [Metric] {
        metrics::ALL
    }

    fn whoami(&self) -> Request {
        // What any admin key may ask, and the smallest reply that there is.
        let query =
            vec![("start_time", "1735689600".to_owned()), ("bucket_width", "1d".to_owned()), ("limit", "1".to_owned())];
        Request { path: "organization/costs".to_owned(), query }
    }

    fn identity_header(&self) -> Option<&'static str> {
        Some("openai-organization")
    }

    fn identity(&self, body: &[u8]) -> Result<Identity, Unreadable> {
        read::identity(body)
    }

    fn request(&self, metric: &Metric, ask: &Ask, page: Option<&str>) -> Request {
        metrics::request(metric, ask, page)
    }

    fn read(&self, metric: &Metric, ask: &Ask, body: &[u8]) -> Result<Page, Unreadable> {
        read::page(metric, ask, body)
    }
}
