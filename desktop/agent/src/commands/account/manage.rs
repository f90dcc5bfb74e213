//! Another key for an account, another name, one with another account, or forgotten on this device.

use aimon_core::accounts::{Accounts, Joined, Path};
use aimon_replica::Replica;

use super::identify::identify;
use super::look;
use super::patience::Patience;
use crate::accounts::address::Addresses;
use crate::accounts::{AccountError, called, find, keys, provider_of, state};
use crate::cli::{MergeAccountArgs, RekeyArgs, RemoveArgs, RenameAccountArgs};
use crate::error::Result;
use crate::place::Place;
use crate::secrets::{Secrets, Surroundings};
use crate::{note, output, workspace};

pub(super) async fn rekey(args: &RekeyArgs) -> Result<()> {
    let place = Place::here()?;
    let (accounts, replica) = look(&place).await?;
    let account = find(&accounts, &args.account)?.clone();
    let addresses: Addresses = match replica {
        Some(mut replica) => note::read(&mut replica).await?,
        None => Addresses::default(),
    };
    let provider = provider_of(&account.id)?;
    // A gateway's key is not the provider's: where it goes was said when the account was added here.
    let url = addresses.of(&account.id, provider);
    let url = url.ok_or_else(|| AccountError::AddressMissing(account.id.to_string()))?;
    let key = keys::ask(provider.title(), args.key_stdin)?;
    let identity = identify(provider, url, &key, &Patience::new()).await?;
    // Where a provider says no id, any of its keys may be the account's: who pays is for a person to know.
    if let Some(found) = identity.id.as_deref().filter(|found| *found != account.id.id()) {
        let found = format!("{}/{found}", provider.name());
        return Err(AccountError::OtherAccount { found, asked: account.id.to_string() }.into());
    }
    let mut replica = place.borrow().await?;
    let mut secrets = Secrets::open(&place.home, &Surroundings::real()?)?;
    let print = keys::keep(&mut replica, &mut secrets, &account.id, &key, addresses.given(&account.id)).await?;
    let path = Path::Key(replica.device()).of(&account.id);
    workspace::set(&mut replica, vec![(path, Some(print.to_string()))]).await?;
    state::forget(&mut replica, &account.id).await?;
    replica.settle().await;
    output::print(&format!("{} has a new key on this device; its history stays.\n", account.id))
}

pub(super) async fn rename(args: &RenameAccountArgs) -> Result<()> {
    let place = Place::here()?;
    let mut replica = place.borrow().await?;
    let settings = workspace::settings(&mut replica).await?;
    let id = find(&Accounts::of(&settings), &args.account)?.id.clone();
    let name = called(&args.name)?;
    workspace::set(&mut replica, vec![(Path::Label.of(&id), Some(name.to_owned()))]).await?;
    replica.settle().await;
    output::print(&format!("{id} is called {name} now.\n"))
}

pub(super) async fn remove(args: &RemoveArgs) -> Result<()> {
    let place = Place::here()?;
    let mut replica = place.borrow().await?;
    let settings = workspace::settings(&mut replica).await?;
    let id = find(&Accounts::of(&settings), &args.account)?.id.clone();
    if let Some(mut secrets) = Secrets::open_if_chosen(&place.home, &Surroundings::real()?)? {
        keys::remove(&mut secrets, &id)?;
    }
    let path = Path::Key(replica.device()).of(&id);
    workspace::set(&mut replica, vec![(path, None)]).await?;
    let mut addresses = note::read::<Addresses>(&mut replica).await?;
    addresses.forget(&id);
    note::write(&mut replica, &addresses).await?;
    state::forget(&mut replica, &id).await?;
    replica.settle().await;
    output::print(&format!("This device holds no key to {id} any more. What is known of it stays.\n"))
}

/// Says of two accounts whether they are one.
pub(super) async fn merge(args: &MergeAccountArgs) -> Result<()> {
    let place = Place::here()?;
    let mut replica = place.borrow().await?;
    let accounts = Accounts::of(&workspace::settings(&mut replica).await?);
    let [one, other] = [&args.account, &args.other].map(|text| find(&accounts, text).map(|account| account.id.clone()));
    let (one, other) = (one?, other?);
    if one == other {
        return Err(AccountError::Itself(one.to_string()).into());
    }
    if one.provider() != other.provider() {
        return Err(AccountError::NeverOne { one: one.to_string(), other: other.to_string() }.into());
    }
    let (path, value) = Joined::entry(one.clone(), other.clone(), !args.apart);
    workspace::set(&mut replica, vec![(path, (!args.undo).then_some(value))]).await?;
    let joined = Accounts::of(&workspace::settings(&mut replica).await?);
    let joined = joined.joined();
    // The history is folded by it at once, so that whoever looks next does not wait.
    settle(&mut replica).await?;
    let is_one = joined.payer(&one) == joined.payer(&other);
    output::print(&match is_one {
        true if args.undo || args.apart => {
            format!(
                "{one} and {other} are still one account: both are one with another. `aimon account list` shows it.\n"
            )
        }
        true => {
            format!("{one} and {other} are one account now, shown as {}; each call counts once.\n", joined.payer(&one))
        }
        false if args.undo => format!("Whether {one} and {other} are one account is not said any more.\n"),
        false => format!("{one} and {other} are two accounts: both count.\n"),
    })
}

async fn settle(replica: &mut Replica) -> Result<()> {
    replica.gauges().await?;
    replica.settle().await;
    Ok(())
}
