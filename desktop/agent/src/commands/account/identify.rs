//! Whose a key is.

use aimon_core::accounts::{AccountId, KeyPrint};
use aimon_sources::provider::http::Asked;
use aimon_sources::provider::{Identity, Provider, poll};
use secrecy::{ExposeSecret, SecretString};

use crate::accounts::AccountError;
use crate::accounts::http::Clients;
use crate::accounts::polling::base;
use crate::error::Result;
use crate::output;

/// Whether a key may ask, and whose it is.
pub(super) async fn identify(provider: &'static dyn Provider, url: &str, key: &SecretString) -> Result<Identity> {
    provider.check_key(key.expose_secret()).map_err(|why| AccountError::BadKey(why.to_owned()))?;
    let base = base(url)?;
    let clients = Clients::new()?;
    let asked = Asked { provider, base: &base, key };
    let mut tries = 0;
    loop {
        match poll::whoami(clients.to(&base), &asked).await {
            Ok(identity) => return Ok(identity),
            // What passes is waited out.
            Err(why) if why.is_passing() && why.retry_after_s().unwrap_or(0) <= 60 && tries < 4 => {
                tries += 1;
                let pause = why.retry_after_s().unwrap_or(1 << tries).max(1);
                output::note(&format!("{}: {why}; trying again in {pause} s", provider.title()));
                tokio::time::sleep(std::time::Duration::from_secs(pause)).await;
            }
            Err(failure) => return Err(AccountError::Failed { whom: provider.title().to_owned(), failure }.into()),
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
