//! `aimon secrets`

use serde_json::json;

use crate::cli::{PassphraseArgs, SecretsCommand, SecretsShowArgs};
use crate::error::Result;
use crate::output;
use crate::place::Place;
use crate::render::json::pretty;
use crate::render::number::count;
use crate::render::text::visible;
use crate::secrets::{self, Kind, PASSPHRASE_FILE, PassphraseError, Secrets, Surroundings};

/// Does what is asked for.
pub async fn run(command: &SecretsCommand) -> Result<()> {
    match command {
        SecretsCommand::Show(args) => show(args),
        SecretsCommand::Passphrase(args) => passphrase(args).await,
    }
}

fn show(args: &SecretsShowArgs) -> Result<()> {
    let home = Place::here()?.home;
    let secrets = Secrets::open_if_chosen(&home, &Surroundings::real()?)?;
    let (store, is_protected, number) = match &secrets {
        Some(secrets) => (Some(secrets.kind().word()), secrets.is_protected(), secrets.count()),
        None => (None, false, 0),
    };
    if args.json {
        return output::print_plain(&pretty(&json!({
            "store": store, "passphrase": is_protected, "secrets": number,
        })));
    }
    let where_ = match store {
        None => return output::print("This device has no secrets yet.\n"),
        Some("file") => format!("in files in {}", home.join("secrets").display()),
        Some(_) => "in the system's keychain".to_owned(),
    };
    let how = match (store, is_protected) {
        (Some("file"), true) => ", under a passphrase",
        (Some("file"), false) => "; `aimon secrets passphrase` puts them under one",
        _ => "",
    };
    output::print(&format!("{} {}{how}.\n", count(number as u64, "secret"), visible(&where_)))
}

async fn passphrase(args: &PassphraseArgs) -> Result<()> {
    let place = Place::here()?;
    let around = Surroundings::real()?;
    // Where nothing is chosen yet nothing is chosen by the way: only the variable says that it will be files.
    let kind = Secrets::open_if_chosen(&place.home, &around)?.map(|secrets| secrets.kind()).or(around.forced);
    if kind != Some(Kind::File) {
        return Err(PassphraseError::NotInFiles.into());
    }
    // The one that stands comes first; then nobody else writes a secret.
    if place.home.exists() {
        drop(Secrets::open(&place.home, &around)?);
    }
    let new = if args.remove { None } else { Some(secrets::ask_new(args.new_from.as_deref())?) };
    let mut replica = place.borrow().await?;
    let mut secrets = Secrets::open(&place.home, &around)?;
    let was = secrets.is_protected();
    match &new {
        Some(new) => secrets.protect(new)?,
        None if was => secrets.unprotect()?,
        None => {}
    }
    replica.settle().await;
    if was && std::env::var_os(PASSPHRASE_FILE).is_some_and(|path| !path.is_empty()) {
        output::note("the file that AIMON_PASSPHRASE_FILE names is as it was");
    }
    output::print(match (was, new.is_some()) {
        (true, true) => "This device's secrets are under the new passphrase.\n",
        (false, true) => "This device's secrets are under a passphrase. Where it is forgotten they are gone.\n",
        (true, false) => "This device's secrets are under no passphrase any more.\n",
        (false, false) => "There is no passphrase.\n",
    })
}
