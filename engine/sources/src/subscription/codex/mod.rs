//! Codex: the windows of whoever is logged in to Codex with a ChatGPT subscription. See README.md.

mod read;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use aimon_core::time::UtcMillis;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::login::{folder, strange, token};
use super::{Limit, Login, NoReading, Subscription};
use crate::codex::windows;
use crate::collector::Env;
use crate::provider::Request;
use crate::provider::failure::Unreadable;

/// Codex.
#[derive(Debug)]
pub struct Codex;

#[derive(Deserialize)]
struct File {
    tokens: Option<Tokens>,
    /// Only whether it is there.
    #[serde(rename = "OPENAI_API_KEY")]
    key: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Tokens {
    access_token: Option<String>,
    account_id: Option<String>,
}

impl Subscription for Codex {
    fn source(&self) -> &'static str {
        "codex"
    }

    fn agent(&self) -> &'static str {
        "codex"
    }

    fn title(&self) -> &'static str {
        "Codex"
    }

    fn url(&self) -> &'static str {
        "https://chatgpt.com/backend-api"
    }

    fn url_variable(&self) -> &'static str {
        "AIMON_CODEX_URL"
    }

    fn request(&self) -> Request {
        Request::of("wham/usage")
    }

    fn file(&self, env: &Env) -> Option<PathBuf> {
        folder(env, "CODEX_HOME", ".codex").map(|folder| folder.join("auth.json"))
    }

    fn keychain(&self, _: &Env) -> Option<&'static str> {
        None
    }

    fn login(&self, bytes: &[u8], _: UtcMillis) -> Result<Login, NoReading> {
        let agent = self.agent();
        let file: File = serde_json::from_slice(bytes).map_err(|_| strange(self))?;
        let has_key = file.key.is_some();
        let tokens =
            file.tokens.and_then(|tokens| Some((tokens.access_token.filter(|t| !t.is_empty())?, tokens.account_id)));
        match tokens {
            Some((text, account)) => Ok(Login { token: token(self, text)?, account: account.filter(|id| is_id(id)) }),
            None if has_key => Err(NoReading::NoSubscription { agent }),
            None => Err(NoReading::NoLogin { agent }),
        }
    }

    fn headers(&self, login: &Login) -> Vec<(&'static str, SecretString)> {
        let mut headers = vec![("authorization", format!("Bearer {}", login.token.expose_secret()).into())];
        headers.extend(login.account.as_ref().map(|id| ("chatgpt-account-id", id.clone().into())));
        headers
    }

    fn account(&self, _: &Env) -> String {
        windows::account("")
    }

    fn read(&self, _: &str, body: &[u8]) -> Result<Vec<Limit>, Unreadable> {
        read::limits(body)
    }
}

fn is_id(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic())
}
