//! Whose a key is.

use std::time::Duration;

use aimon_core::accounts::{AccountId, KeyPrint};
use aimon_sources::provider::http::Asked;
use aimon_sources::provider::{Failure, Identity, Provider, poll};
use secrecy::{ExposeSecret, SecretString};

use super::patience::Patience;
use crate::accounts::AccountError;
use crate::accounts::address::base;
use crate::accounts::http::Clients;
use crate::error::Result;

/// How often it is tried again where nothing answers at an address: it may be no provider's at all.
const TRIES: u32 = 4;

/// The longest pause of which nobody has said how long it is, in seconds, as a power of two.
const LONGEST: u32 = 6;

/// Whether a key may ask, and whose it is. What passes by itself is waited out.
pub(super) async fn identify(
    provider: &'static dyn Provider,
    url: &str,
    key: &SecretString,
    patience: &Patience,
) -> Result<Identity> {
    provider.check_key(key.expose_secret()).map_err(|why| AccountError::BadKey(why.to_owned()))?;
    let base = base(url)?;
    let clients = Clients::new()?;
    let asked = Asked { provider, base: &base, key };
    let mut tries = 0;
    loop {
        let failure = match poll::whoami(clients.to(&base), &asked).await {
            Ok(identity) => return Ok(identity),
            Err(failure) => failure,
        };
        tries += 1;
        let most = match failure {
            Failure::RateLimited { .. } | Failure::Down { .. } => u32::MAX,
            _ => TRIES,
        };
        // Who says that there is nothing to wait for, and is busy all the same, is asked less and less often.
        let pause = Duration::from_secs(failure.retry_after_s().unwrap_or(0).max(1 << tries.min(LONGEST)));
        let why = format!("{}: {failure}", provider.title());
        if !failure.is_passing() || tries > most || !patience.wait(&why, pause).await {
            return Err(AccountError::Unchecked { whom: provider.title().to_owned(), why: failure }.into());
        }
    }
}

/// What an account is called that a key is of.
pub(super) fn id_of(provider: &dyn Provider, identity: &Identity, key: &SecretString) -> Result<AccountId> {
    let print = KeyPrint::of(provider.name(), key.expose_secret());
    let id = identity.id.as_deref().and_then(|id| AccountId::new(provider.name(), id));
    id.or_else(|| AccountId::of_key(provider.name(), &print))
        .ok_or_else(|| AccountError::UnknownProvider(provider.name().to_owned()).into())
}
