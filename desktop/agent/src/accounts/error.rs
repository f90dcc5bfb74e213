//! What can go wrong with accounts.

use std::collections::BTreeSet;

use aimon_core::time::UtcDay;
use aimon_sources::provider::failure::duration;
use aimon_sources::provider::{Failure, providers};
use aimon_sources::subscription::{NoReading, subscriptions};

use super::state::Trouble;
use crate::error::{Error, exit};

/// An error about an account, or whoever is asked about it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AccountError {
    /// A provider that this aimon does not know.
    #[error("`{0}` is no provider that this aimon knows")]
    UnknownProvider(String),
    /// An account that the workspace does not know.
    #[error("`{0}` is no account of this workspace")]
    Unknown(String),
    /// Several accounts are meant.
    #[error("`{given}` could be several accounts: {found}")]
    Ambiguous {
        /// What was given.
        given: String,
        /// What it could be.
        found: String,
    },
    /// What was given is no key, or one of the wrong kind.
    #[error("{0}")]
    BadKey(String),
    /// This device's key for an account is not where it was put.
    #[error("this device's key for {0} is not in its store")]
    KeyMissing(String),
    /// Nobody has said on this device where to send its key for an account.
    #[error("nobody has said on this device where to ask for {0}")]
    AddressMissing(String),
    /// A key of another account than it was given for.
    #[error("that key is {found}'s, not {asked}'s")]
    OtherAccount {
        /// Whose it is.
        found: String,
        /// Whose it should be.
        asked: String,
    },
    /// An address that can't be asked.
    #[error("`{text}` can't be asked: {why}")]
    BadUrl {
        /// What was given.
        text: String,
        /// What is wrong with it.
        why: String,
    },
    /// A provider of which everybody has one of their own.
    #[error("{0} has no address of its own")]
    NeedsUrl(&'static str),
    /// A real account in the demo's folder.
    #[error("this folder is the demo's, and its figures are made up")]
    Demo,
    /// Who pays can't be understood.
    #[error("`{0}` is neither an account nor `subscription`")]
    BadPayer(String),
    /// An account was given twice where two are meant.
    #[error("both are {0}: an account is one with itself already")]
    Itself(String),
    /// Two accounts that can't be one: they are of two providers.
    #[error("{one} and {other} can't be one account: they are of two providers")]
    NeverOne {
        /// One.
        one: String,
        /// The other.
        other: String,
    },
    /// A name that an account can't have.
    #[error("`{0}` can't be an account's name")]
    BadName(String),
    /// A source that this aimon does not know.
    #[error("`{0}` is no source")]
    UnknownSource(String),
    /// What can be no owner.
    #[error("{0}")]
    BadOwner(&'static str),
    /// Nobody's calls, by what is recorded.
    #[error("no call of {of} is known to be `{given}`'s")]
    UnknownOwner {
        /// What was given.
        given: String,
        /// The source.
        of: String,
        /// The owners that there are.
        known: Vec<String>,
    },
    /// Who pays from a day on that is yet to come.
    #[error("{0} is yet to come: who pays then is not known before")]
    NotYet(UtcDay),
    /// A source without a subscription that can be asked.
    #[error("`{0}` is no source whose windows can be asked for")]
    UnknownSubscription(String),
    /// A folder in which a source's logs don't lie.
    #[error("`{given}` is no folder in which this device looks for the logs of {of}")]
    UnknownRoot {
        /// What was given.
        given: String,
        /// The source.
        of: String,
        /// The folders that there are.
        known: Vec<String>,
    },
    /// A subscription has no reading.
    #[error("{whom}: {why}")]
    NoReading {
        /// Which one.
        whom: String,
        /// Why.
        why: NoReading,
    },
    /// Whose a key is could not be found out.
    #[error("{whom}: {why}")]
    Unchecked {
        /// Which provider.
        whom: String,
        /// Why.
        why: Failure,
    },
    /// Nothing is heard of an account.
    #[error("{whom}: {why}")]
    Unheard {
        /// Whose account.
        whom: String,
        /// Why.
        why: Unheard,
    },
}

/// Why nothing is heard of an account, or of one of its metrics.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unheard {
    /// The provider has no answer.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// It can't be asked.
    #[error(transparent)]
    NoKey(#[from] NoKey),
    /// It was in vain before, and it is too early to ask again.
    #[error("{}", .0.text)]
    Before(Box<Trouble>),
}

impl Unheard {
    /// The stable code.
    pub fn code(&self) -> &str {
        match self {
            Self::Failed(failure) => failure.code(),
            Self::NoKey(why) => why.code(),
            Self::Before(trouble) => &trouble.code,
        }
    }

    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            Self::Failed(failure) => help_of(failure),
            Self::NoKey(why) => why.help.clone(),
            Self::Before(trouble) if trouble.help.is_empty() => "`aimon poll --force` asks again".to_owned(),
            Self::Before(trouble) => trouble.help.clone(),
        }
    }

    /// The code, the words, and what to do.
    pub fn told(&self) -> (&str, String, String) {
        (self.code(), self.to_string(), self.help())
    }
}

/// Why an account's key can't be had: what the store said, for whoever looks later.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{text}")]
pub struct NoKey {
    code: String,
    text: String,
    help: String,
    exit: u8,
}

impl NoKey {
    /// Of an error.
    pub fn of(e: &Error) -> Self {
        Self { code: e.code().to_owned(), text: e.to_string(), help: e.help(), exit: e.exit() }
    }

    /// The stable code.
    pub fn code(&self) -> &str {
        &self.code
    }
}

impl AccountError {
    /// The stable code.
    pub fn code(&self) -> &str {
        match self {
            Self::UnknownProvider(_) => "unknown-provider",
            Self::Unknown(_) => "unknown-account",
            Self::Ambiguous { .. } => "ambiguous-account",
            Self::BadKey(_) => "bad-key",
            Self::KeyMissing(_) => "key-missing",
            Self::AddressMissing(_) => "address-missing",
            Self::OtherAccount { .. } => "other-account",
            Self::BadUrl { .. } => "bad-url",
            Self::NeedsUrl(_) => "needs-url",
            Self::Demo => "demo-has-no-accounts",
            Self::BadPayer(_) => "bad-payer",
            Self::Itself(_) | Self::NeverOne { .. } => "never-one-account",
            Self::BadName(_) => "bad-account-name",
            Self::UnknownSource(_) => "unknown-source",
            Self::BadOwner(_) | Self::UnknownOwner { .. } => "unknown-owner",
            Self::NotYet(_) => "day-to-come",
            Self::UnknownSubscription(_) => "unknown-subscription",
            Self::UnknownRoot { .. } => "unknown-root",
            Self::NoReading { why, .. } => why.code(),
            Self::Unchecked { why, .. } => why.code(),
            Self::Unheard { why, .. } => why.code(),
        }
    }

    /// What to do about it.
    pub fn help(&self) -> String {
        let known = || providers().iter().map(|one| one.name()).collect::<Vec<_>>().join(", ");
        match self {
            Self::UnknownProvider(_) => format!("there are {}", known()),
            Self::Unknown(_) => "`aimon account list` names them".to_owned(),
            Self::Ambiguous { .. } => "give more of its id: `aimon account list`".to_owned(),
            Self::BadKey(_) => "nothing was changed; run it again with that key".to_owned(),
            Self::KeyMissing(account) => format!("`aimon account rekey {account}` asks for it again"),
            Self::AddressMissing(account) => {
                let provider = account.split('/').next().unwrap_or_default();
                format!(
                    "`aimon account add {provider}` says so, with --base-url where it is not the provider's own address"
                )
            }
            Self::OtherAccount { .. } => "`aimon account add` adds the other account; nothing was changed".to_owned(),
            Self::BadUrl { .. } => {
                "give the base address as the provider's SDK takes it, such as https://gateway.example/v1".to_owned()
            }
            Self::NeedsUrl(_) => "name it: `--base-url https://…`".to_owned(),
            Self::Demo => "run it without AIMON_HOME, or with a folder of your own".to_owned(),
            Self::BadPayer(_) => "`aimon account list` names the accounts".to_owned(),
            Self::Itself(_) | Self::NeverOne { .. } => {
                "name two accounts of one provider: `aimon account list`".to_owned()
            }
            Self::BadName(_) => {
                "an account's name is one line of 1 to 200 bytes, without control characters or marks that turn the \
                 direction of writing"
                    .to_owned()
            }
            Self::UnknownSource(_) => {
                let known: BTreeSet<&str> = aimon_sources::collectors().iter().map(|one| one.kind()).collect();
                format!("there are {}", known.into_iter().collect::<Vec<_>>().join(", "))
            }
            Self::BadOwner(_) => "`aimon source list` names the owners".to_owned(),
            Self::UnknownOwner { of, known, .. } if known.is_empty() => {
                format!("{of}'s logs state no owner, as far as they are recorded: `aimon scan` reads what is new")
            }
            Self::UnknownOwner { known, .. } => {
                format!("there are {}; `aimon scan` reads what is new", known.join(", "))
            }
            Self::NotYet(_) => "say it when that day has come, or leave --from out".to_owned(),
            Self::UnknownSubscription(_) => {
                format!("there are {}", subscriptions().iter().map(|one| one.source()).collect::<Vec<_>>().join(", "))
            }
            Self::UnknownRoot { known, .. } => format!("it looks in {}; `aimon doctor` says why", known.join(", ")),
            Self::NoReading { why, .. } => crate::subscriptions::help(why),
            Self::Unchecked { why, .. } => help_of_unchecked(why),
            Self::Unheard { why, .. } => why.help(),
        }
    }

    /// The process's exit code.
    pub fn exit(&self) -> u8 {
        match self {
            Self::UnknownProvider(_)
            | Self::Ambiguous { .. }
            | Self::BadUrl { .. }
            | Self::NeedsUrl(_)
            | Self::BadPayer(_)
            | Self::UnknownSubscription(_)
            | Self::UnknownRoot { .. }
            | Self::BadName(_)
            | Self::UnknownSource(_)
            | Self::BadOwner(_)
            | Self::UnknownOwner { .. }
            | Self::NotYet(_)
            | Self::Itself(_)
            | Self::NeverOne { .. } => exit::USAGE,
            Self::Unheard { why: Unheard::NoKey(why), .. } => why.exit,
            _ => exit::FAILURE,
        }
    }
}

/// What to do where a provider has no answer.
pub fn help_of(failure: &Failure) -> String {
    match failure {
        Failure::KeyRefused(_) => {
            "the key was revoked, has expired or is another provider's: `aimon account rekey` takes a new one"
        }
        Failure::Forbidden(_) => {
            "a key of another kind, or with more permissions, is needed: `aimon account rekey` takes it"
        }
        Failure::RateLimited { .. } | Failure::Down { .. } | Failure::TimedOut | Failure::Unfinished { .. } => {
            "nothing: `aimon up` asks again by itself, `aimon poll` when it is due; what was known before stays"
        }
        Failure::Unreachable(_) => "look whether this device is online, and whether a proxy is needed (HTTPS_PROXY)",
        Failure::Refused { .. } => {
            "look at the base address; where it is right, this aimon is too old for the provider"
        }
        Failure::NotTheProvider(_) => {
            "open any page in a browser, and log in where the network wants it; where it wants a proxy, set HTTPS_PROXY; else look at the \
             base address: it may be another program's"
        }
        Failure::Unreadable(_) | Failure::TooLarge => {
            "nothing was recorded of it; where it stays so, this aimon is too old for the provider: report it"
        }
    }
    .to_owned()
}

/// What to do where a key could not be checked: nothing asks again by itself, as nobody is known yet whom to ask.
fn help_of_unchecked(failure: &Failure) -> String {
    let again = match failure {
        Failure::KeyRefused(_) => {
            "with another key: this one was revoked, has expired, or is another provider's".to_owned()
        }
        Failure::Forbidden(_) => "with a key of another kind, or with more permissions".to_owned(),
        Failure::RateLimited { retry_after_s: Some(s) } | Failure::Down { retry_after_s: Some(s), .. } => {
            format!("in {}", duration(*s))
        }
        failure if failure.is_passing() && !matches!(failure, Failure::Unreachable(_)) => "later".to_owned(),
        failure => return format!("{}. Nothing was changed", help_of(failure)),
    };
    format!("nothing was changed: run it again {again}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_could_not_add_an_account_is_told_what_to_do_and_not_that_it_goes_on() {
        let unchecked = |why| AccountError::Unchecked { whom: "OpenAI".to_owned(), why }.help();
        let unheard = |why: Failure| AccountError::Unheard { whom: "openai/o".to_owned(), why: why.into() }.help();
        let busy = || Failure::RateLimited { retry_after_s: Some(10_800) };
        let down = || Failure::Down { status: 503, retry_after_s: None };
        let refused = || Failure::KeyRefused(String::new());
        assert_eq!(unchecked(busy()), "nothing was changed: run it again in 3 h");
        assert_eq!(unchecked(down()), "nothing was changed: run it again later");
        assert!(unchecked(refused()).contains("run it again with another key"));
        assert!(unheard(busy()).contains("`aimon up` asks again") && unheard(refused()).contains("rekey"));
        for portal in [unchecked, unheard].map(|help| help(Failure::NotTheProvider("text/html".to_owned()))) {
            assert!(portal.contains("browser") && portal.contains("HTTPS_PROXY") && portal.contains("base address"));
        }
    }
}
