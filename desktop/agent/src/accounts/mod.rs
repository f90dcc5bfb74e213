//! Accounts: whom this device asks with which key, and what became of it.
//!
//! * [`keys`]: keys, in the same store as the device's own.
//! * [`http`]: the client.
//! * [`mod@unit`]: one metric of one account: when it is due, and what its answers come to.
//! * [`polling`]: all of them side by side.
//! * [`stay`]: going on with it beside everything else, as `aimon up` does.
//! * [`state`]: what became of the last tries, for whoever looks.

mod error;
pub mod http;
pub mod keys;
pub mod polling;
pub mod state;
pub mod stay;
pub mod unit;

use aimon_core::accounts::{Account, AccountId, Accounts};
use aimon_sources::provider::{Provider, provider};

pub use error::{AccountError, help_of};

use crate::error::Result;
use crate::render::text::name;

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

/// The command by which calls count once of which an account tells, too.
pub fn to_cover(source: &str, owner: Option<&str>, account: &str) -> String {
    let of = owner.map(|owner| format!(" --owner {}", name(owner))).unwrap_or_default();
    format!("`aimon source cover {} --by {account}{of}`", name(source))
}
