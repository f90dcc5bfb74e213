//! A LiteLLM proxy: what it has spent by day. See README.md.

mod metrics;
mod read;
#[cfg(test)]
mod tests;

use aimon_core::polling::{Ask, Metric};
use secrecy::{ExposeSecret, SecretString};

use super::failure::Unreadable;
use super::{Identity, Page, Provider, Request};

/// A LiteLLM proxy.
#[derive(Debug)]
pub struct LiteLlm;

impl Provider for LiteLlm {
    fn name(&self) -> &'static str {
        "litellm"
    }

    fn title(&self) -> &'static str {
        "LiteLLM"
    }

    fn url(&self) -> Option<&'static str> {
        None
    }

    fn check_key(&self, key: &str) -> Result<(), &'static str> {
        if key.starts_with("sk-") {
            return Ok(());
        }
        Err("a LiteLLM key begins with `sk-`; the proxy's master key, or a virtual key of a user")
    }

    fn headers(&self, key: &SecretString) -> Vec<(&'static str, SecretString)> {
        vec![("authorization", format!("Bearer {}", key.expose_secret()).into())]
    }

    fn metrics(&self) -> &'static [Metric] {
        metrics::ALL
    }

    fn whoami(&self) -> Request {
        Request::of("key/info")
    }

    fn identity(&self, body: &[u8]) -> Result<Identity, Unreadable> {
        read::identity(body)
    }

    fn request(&self, metric: &Metric, ask: &Ask, page: Option<&str>) -> Request {
        metrics::request(metric, ask, page)
    }

    fn read(&self, _metric: &Metric, ask: &Ask, body: &[u8]) -> Result<Page, Unreadable> {
        read::page(ask, body)
    }
}
