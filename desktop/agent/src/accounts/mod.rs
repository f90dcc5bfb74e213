//! Accounts: whom this device asks with which key, and what became of it.
//!
//! * [`keys`]: keys, in the same store as the device's own.
//! * [`address`]: where they are sent, which this device alone says.
//! * [`http`]: the client.
//! * [`mod@unit`]: one metric of one account: when it is due, and what its answers come to.
//! * [`past`]: accounts whose past is not all fetched yet.
//! * [`polling`]: all of them side by side.
//! * [`outcome`]: what a round of it came to.
//! * `reasons`: what is wrong with an account, each reason once.
//! * [`shown`]: how accounts are doing, for whoever looks.
//! * [`stay`]: going on with it beside everything else, as `aimon up` does.
//! * [`state`]: what became of the last tries, over a restart and for whoever looks.

pub mod address;
mod error;
pub mod http;
pub mod keys;
pub mod outcome;
pub mod past;
pub mod polling;
mod reasons;
pub mod shown;
pub mod state;
pub mod stay;
pub mod unit;

use aimon_core::accounts::{Account, AccountId, Accounts};
use aimon_core::ids::DeviceId;
use aimon_sources::provider::{Provider, provider};

pub use error::{AccountError, NoKey, Unheard, help_of};
pub use reasons::{by_reason, metrics_of};

use crate::error::Result;
use crate::render::text::{quoted, visible};

/// The account that a person means.
///
/// # Errors
/// None, or several.
pub fn find<'a>(accounts: &'a Accounts, text: &str) -> Result<&'a Account> {
    match accounts.find(text)[..] {
        [one] => Ok(one),
        [] => Err(AccountError::Unknown(text.to_owned()).into()),
        ref several => Err(AccountError::Ambiguous {
            given: text.to_owned(),
            found: several.iter().map(|account| account.id.to_string()).collect::<Vec<_>>().join(", "),
        }
        .into()),
    }
}

/// An account's provider.
///
/// # Errors
/// A newer aimon has added it.
pub fn provider_of(id: &AccountId) -> Result<&'static dyn Provider> {
    Ok(provider(id.provider()).ok_or_else(|| AccountError::UnknownProvider(id.provider().to_owned()))?)
}

/// This device's own number for an account, from 0 to 999: devices don't ask for one account at once, nor one device for all of its.
pub fn share(device: DeviceId, account: &str) -> u16 {
    let hash = blake3::Hasher::new().update(&device.0).update(account.as_bytes()).finalize();
    let [low, high, ..] = *hash.as_bytes();
    u16::from_le_bytes([low, high]) % 1000
}

/// What an account may be called: by a person, or by its provider.
///
/// # Errors
/// It is no name, or would act where it is shown.
pub fn called(text: &str) -> Result<&str> {
    let name = text.trim();
    match name.is_empty() || name.len() > 200 || visible(name) != name {
        true => Err(AccountError::BadName(visible(name).into_owned()).into()),
        false => Ok(name),
    }
}

/// The command by which calls count once of which an account tells, too.
pub fn to_cover(source: &str, owner: Option<&str>, account: &str) -> String {
    let of = owner.map(|owner| format!(" --owner {}", quoted(owner))).unwrap_or_default();
    format!("`aimon source cover {} --by {account}{of}`", quoted(source))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_name_is_a_line_that_is_seen_as_it_is() {
        assert_eq!(called("  my team ").ok(), Some("my team"));
        for bad in ["", " ", "a\nb", "a\u{202e}b", "\u{2066}x", "\u{1b}[31m", &"x".repeat(201)] {
            let e = called(bad).unwrap_err();
            assert!(e.code() == "bad-account-name" && e.help().contains("one line of 1 to 200 bytes"), "{bad:?}");
        }
    }

    #[test]
    fn shares_differ_by_device_and_by_account() {
        let of = |device: u8, account: u8| share(DeviceId([device; 16]), &format!("openai/org-{account}"));
        let all: BTreeSet<u16> = (0..10).flat_map(|n| [of(n, 0), of(0, n)]).collect();
        assert!(all.len() > 15 && all.iter().all(|share| *share < 1000), "{all:?}");
        assert_eq!(of(1, 1), of(1, 1));
    }
}
