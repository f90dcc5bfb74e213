//! Subscriptions: how full the quota windows are of whoever is logged in to an agent here, asked at the place where the agent itself asks,
//! with the login that it keeps on this machine. Only where somebody has said so.
//!
//! A login is read anew for each question, in place: it is never renewed, never written, and nothing of its file but what is needed is
//! kept. What comes is recorded as the agent's own logs and status line record it: one gauge, of which the newest observation stands.
//!
//! * [`login`]: the agents' files, and what can be wrong with them.
//! * `figure`: percentages and moments in replies, exactly.
//! * one folder for each subscription: `mod` (where the login lies, how a question reads), `read` (replies), `README`.
//!
//! A subscription is added by adding a folder, its module below, and its line in [`subscriptions`].

pub mod claude;
pub mod codex;
mod figure;
pub mod login;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use aimon_core::event::Answer;
use aimon_core::time::UtcMillis;
use reqwest::{Client, Url};
use secrecy::SecretString;

pub use login::{Login, NoReading};

use crate::collector::Env;
use crate::provider::failure::Unreadable;
use crate::provider::{Failure, Request, http};
use crate::window::{self, Window};

/// Every subscription that is known.
pub fn subscriptions() -> &'static [&'static dyn Subscription] {
    &[&claude::Claude, &codex::Codex]
}

/// The one of a source: `claude-code`, `codex`.
pub fn subscription(source: &str) -> Option<&'static dyn Subscription> {
    subscriptions().iter().copied().find(|one| one.source() == source)
}

/// Windows that were told together, of one account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limit {
    /// What the account is called in events.
    pub account: String,
    /// Its windows, sorted.
    pub windows: Vec<Window>,
}

impl Limit {
    /// The answer that records it.
    pub fn answer(&self, now: UtcMillis) -> Answer {
        window::answer(&self.account, window::ASKED, &self.windows, now)
    }
}

/// A subscription. A value of a unit type in a static: add a folder, its `pub mod`, and a line in [`subscriptions`].
pub trait Subscription: Sync {
    /// The source that it is for, as logs are called: `claude-code`.
    fn source(&self) -> &'static str;

    /// The command of the agent, which renews its login when it is used: `claude`.
    fn agent(&self) -> &'static str;

    /// As people write whoever is asked: `Claude`.
    fn title(&self) -> &'static str;

    /// The base address, without a slash at the end.
    fn url(&self) -> &'static str;

    /// The variable that names another base address: for tests, and for whoever has a proxy of their own.
    fn url_variable(&self) -> &'static str;

    /// The question.
    fn request(&self) -> Request;

    /// The file in which the agent keeps its login.
    fn file(&self, env: &Env) -> Option<PathBuf>;

    /// What the system's keychain calls it, where the agent keeps its login there instead of in the file.
    fn keychain(&self, env: &Env) -> Option<&'static str>;

    /// Reads what lies there.
    ///
    /// # Errors
    /// It is no login that can ask.
    fn login(&self, bytes: &[u8], now: UtcMillis) -> Result<Login, NoReading>;

    /// The headers that the question needs.
    fn headers(&self, login: &Login) -> Vec<(&'static str, SecretString)>;

    /// What the account is called in events, of whoever is logged in.
    fn account(&self, env: &Env) -> String;

    /// Reads the reply.
    ///
    /// # Errors
    /// It is something else than is known, or nothing that anybody can mean.
    fn read(&self, account: &str, body: &[u8]) -> Result<Vec<Limit>, Unreadable>;
}

/// Asks.
///
/// # Errors
/// What became of it instead.
pub async fn ask(
    client: &Client,
    base: &Url,
    subscription: &dyn Subscription,
    account: &str,
    login: &Login,
) -> Result<Vec<Limit>, NoReading> {
    let headers = subscription.headers(login);
    match http::fetch(client, base, &subscription.request(), headers, &login.token).await {
        Ok(reply) => Ok(subscription.read(account, &reply.body).map_err(Failure::from)?),
        // What a refusal says is not kept: it may repeat what it was sent.
        Err(Failure::KeyRefused(_)) => Err(NoReading::Stale { agent: subscription.agent() }),
        Err(Failure::Forbidden(_)) => Err(NoReading::Scope { agent: subscription.agent() }),
        // A pause of no time is none that anybody could keep.
        Err(Failure::RateLimited { retry_after_s: Some(0) }) => {
            Err(Failure::RateLimited { retry_after_s: None }.into())
        }
        Err(failure) => Err(failure.into()),
    }
}
