//! Anthropic: messages usage and costs of an organization. See README.md.

mod metrics;
mod read;
#[cfg(test)]
mod tests;

use aimon_core::polling::{Ask, Metric};
use secrecy::SecretString;

use super::failure::Unreadable;
use super::{Identity, Page, Provider, Request};

/// Anthropic.
#[derive(Debug)]
pub struct Anthropic;

/// The version of the API that this was written for.
const VERSION: &str = "2023-06-01";

impl Provider for Anthropic {
    fn name(&self) -> &'static str {
        "anthropic"
    }

    fn title(&self) -> &'static str {
        "Anthropic"
    }

    fn url(&self) -> Option<&'static str> {
        Some("https://api.anthropic.com")
    }

    fn check_key(&self, key: &str) -> Result<(), &'static str> {
        if key.starts_with("sk-ant-admin") {
            return Ok(());
        }
        Err(
            "usage and costs take an admin key (`sk-ant-admin…`), which an admin of the organization makes in the Claude Console under \
             Settings; individual accounts have none",
        )
    }

    fn headers(&self, key: &SecretString) -> Vec<(&'static str, SecretString)> {
        vec![("x-api-key", key.clone()), ("anthropic-version", VERSION.to_owned().into())]
    }

    fn metrics(&self) -> &'static [Metric] {
        metrics::ALL
    }

    fn whoami(&self) -> Request {
        Request::of("v1/organizations/me")
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
