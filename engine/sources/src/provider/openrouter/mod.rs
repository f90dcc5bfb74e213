//! OpenRouter: credits, what a key may spend, and daily activity. See README.md.

mod metrics;
mod read;
#[cfg(test)]
mod tests;

use aimon_core::polling::{Ask, Metric};
use secrecy::{ExposeSecret, SecretString};

use super::failure::Unreadable;
use super::{Identity, Page, Provider, Request};

/// OpenRouter.
#[derive(Debug)]
pub struct OpenRouter;

impl Provider for OpenRouter {
    fn name(&self) -> &'static str {
        "openrouter"
    }

    fn title(&self) -> &'static str {
        "OpenRouter"
    }

    fn url(&self) -> Option<&'static str> {
        Some("https://openrouter.ai/api/v1")
    }

    fn check_key(&self, key: &str) -> Result<(), &'static str> {
        if key.starts_with("sk-or-") {
            return Ok(());
        }
        Err(
            "an OpenRouter key begins with `sk-or-`; daily activity takes a management key, made at openrouter.ai/settings/management-keys",
        )
    }

    fn headers(&self, key: &SecretString) -> Vec<(&'static str, SecretString)> {
        vec![("authorization", format!("Bearer {}", key.expose_secret()).into())]
    }

    fn metrics(&self) -> &'static [Metric] {
        metrics::ALL
    }

    fn whoami(&self) -> Request {
        Request::of("key")
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
