//! Claude: the windows of whoever is logged in to Claude Code. See README.md.

mod read;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use aimon_core::time::UtcMillis;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::login::{folder, has_passed, strange, token};
use super::{Limit, Login, NoReading, Subscription};
use crate::claude_code::login;
use crate::collector::{Env, Os};
use crate::provider::Request;
use crate::provider::failure::Unreadable;

/// Claude.
#[derive(Debug)]
pub struct Claude;

/// The scope without which a token may not ask.
const SCOPE: &str = "user:profile";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    claude_ai_oauth: Option<Oauth>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Oauth {
    access_token: Option<String>,
    expires_at: Option<i64>,
    scopes: Option<Vec<String>>,
}

impl Subscription for Claude {
    fn source(&self) -> &'static str {
        "claude-code"
    }

    fn agent(&self) -> &'static str {
        "claude"
    }

    fn title(&self) -> &'static str {
        "Claude"
    }

    fn url(&self) -> &'static str {
        "https://api.anthropic.com"
    }

    fn url_variable(&self) -> &'static str {
        "AIMON_CLAUDE_URL"
    }

    fn request(&self) -> Request {
        Request::of("api/oauth/usage")
    }

    fn file(&self, env: &Env) -> Option<PathBuf> {
        folder(env, "CLAUDE_CONFIG_DIR", ".claude").map(|folder| folder.join(".credentials.json"))
    }

    fn keychain(&self, env: &Env) -> Option<&'static str> {
        // With a folder of its own it is called otherwise, and this one is another login's.
        (env.os == Os::Mac && login::named(env).is_none()).then_some("Claude Code-credentials")
    }

    fn login(&self, bytes: &[u8], now: UtcMillis) -> Result<Login, NoReading> {
        let agent = self.agent();
        let file: File = serde_json::from_slice(bytes).map_err(|_| strange(self))?;
        // What holds other programs' tokens alone is no login.
        let Some(oauth) = file.claude_ai_oauth else { return Err(NoReading::NoLogin { agent }) };
        let Some(text) = oauth.access_token.filter(|text| !text.is_empty()) else {
            return Err(NoReading::NoLogin { agent });
        };
        let token = token(self, text)?;
        if oauth.scopes.is_some_and(|scopes| !scopes.iter().any(|scope| scope == SCOPE)) {
            return Err(NoReading::Scope { agent });
        }
        if oauth.expires_at.is_some_and(|at| has_passed(at, now)) {
            return Err(NoReading::Stale { agent });
        }
        Ok(Login { token, account: None })
    }

    fn headers(&self, login: &Login) -> Vec<(&'static str, SecretString)> {
        vec![
            ("authorization", format!("Bearer {}", login.token.expose_secret()).into()),
            ("anthropic-beta", "oauth-2025-04-20".to_owned().into()),
        ]
    }

    fn account(&self, env: &Env) -> String {
        login::account(env)
    }

    fn read(&self, account: &str, body: &[u8]) -> Result<Vec<Limit>, Unreadable> {
        read::limits(account, body)
    }
}
