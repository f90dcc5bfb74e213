//! `aimon account`
//!
//! * `identify`: whose a key is.
//! * `patience`: how long is waited for a provider.
//! * `add`: adding one, with what its provider keeps of the past.
//! * `manage`: another key, another name, one with another account, forgotten here.
//! * `list`: showing them.

mod add;
mod identify;
mod list;
mod manage;
mod patience;

use aimon_core::accounts::Accounts;
use aimon_core::settings::Settings;
use aimon_replica::Replica;

use crate::cli::AccountCommand;
use crate::error::Result;
use crate::place::Place;
use crate::workspace;

/// Does what is asked for.
pub async fn run(command: &AccountCommand) -> Result<()> {
    match command {
        AccountCommand::Add(args) => add::add(args).await,
        AccountCommand::List(args) => list::list(args).await,
        AccountCommand::Rekey(args) => manage::rekey(args).await,
        AccountCommand::Rename(args) => manage::rename(args).await,
        AccountCommand::Merge(args) => manage::merge(args).await,
        AccountCommand::Remove(args) => manage::remove(args).await,
    }
}

async fn look(place: &Place) -> Result<(Accounts, Option<Replica>)> {
    let mut replica = place.open_to_look().await?;
    let settings = match &mut replica {
        Some(replica) => workspace::settings(replica).await?,
        None => Settings::default(),
    };
    Ok((Accounts::of(&settings), replica))
}
