//! Logins that agents keep, read in place.

use std::io::Read;
use std::path::{Path, PathBuf};

use aimon_core::time::UtcMillis;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

use super::Subscription;
use crate::collector::Env;
use crate::provider::Failure;

/// No login is larger.
const LONGEST: u64 = 1 << 20;

/// What of a login is needed to ask.
#[derive(Clone, Debug)]
pub struct Login {
    /// The token.
    pub token: SecretString,
    /// The provider's id of the account that is asked for, where the question names one.
    pub account: Option<String>,
}

/// Why there is no reading: a state that a user sees.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoReading {
    /// Nothing lies where the agent keeps its login.
    #[error("nobody is logged in to `{agent}` here")]
    NoLogin {
        /// The agent.
        agent: &'static str,
    },
    /// What lies there can't be read. Never what it holds.
    #[error("the login of `{agent}` can't be read: {why}")]
    Login {
        /// The agent.
        agent: &'static str,
        /// Why.
        why: String,
    },
    /// The login is a key to the API, which has no windows.
    #[error("`{agent}` is logged in with an API key, not with a subscription")]
    NoSubscription {
        /// The agent.
        agent: &'static str,
    },
    /// The token has expired, or is refused.
    #[error("the token of `{agent}` is stale")]
    Stale {
        /// The agent.
        agent: &'static str,
    },
    /// The token may not ask.
    #[error("the token of `{agent}` may not ask for windows")]
    Scope {
        /// The agent.
        agent: &'static str,
    },
    /// There is no answer.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl NoReading {
    /// A stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoLogin { .. } => "no-login",
            Self::Login { .. } => "login-unreadable",
            Self::NoSubscription { .. } => "no-subscription",
            Self::Stale { .. } => "token-stale",
            Self::Scope { .. } => "token-scope",
            Self::Failed(failure) => failure.code(),
        }
    }
}

/// Reads the file of a login, and changes nothing of it; `None` where there is none.
///
/// # Errors
/// It can't be read.
pub fn file(of: &dyn Subscription, path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, NoReading> {
    let why = |why: String| NoReading::Login { agent: of.agent(), why };
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(why(e.to_string())),
    };
    let about = file.metadata().map_err(|e| why(e.to_string()))?;
    if !about.is_file() || about.len() > LONGEST {
        return Err(why("it is no file of the size of a login".to_owned()));
    }
    // Room for all of it at once: what is moved while it grows leaves copies behind.
    let room = usize::try_from(about.len()).unwrap_or_default() + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    Read::by_ref(&mut file).take(LONGEST).read_to_end(&mut bytes).map_err(|e| why(e.to_string()))?;
    Ok(Some(bytes))
}

/// The longest token: a JWT holds a person's claims.
const LONGEST_TOKEN: usize = 16 * 1024;

/// A token, if it can be one.
pub(super) fn token(of: &dyn Subscription, token: String) -> Result<SecretString, NoReading> {
    let token = SecretString::from(token);
    let text = token.expose_secret();
    match (8..=LONGEST_TOKEN).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
        true => Ok(token),
        false => Err(NoReading::Login { agent: of.agent(), why: "its token is none".to_owned() }),
    }
}

/// What is said of a login that is no JSON, or has another shape. The parser's own words may quote what it found.
pub(super) fn strange(of: &dyn Subscription) -> NoReading {
    NoReading::Login { agent: of.agent(), why: "it has a shape that this aimon does not know".to_owned() }
}

/// The folder of an agent: the first that a variable names, or one in the home.
pub(super) fn folder(env: &Env, variable: &str, default: &str) -> Option<PathBuf> {
    env.paths(variable).into_iter().next().or_else(|| env.in_home(default))
}

/// Whether a moment has passed.
pub(super) fn has_passed(at_ms: i64, now: UtcMillis) -> bool {
    at_ms <= now.0
}
