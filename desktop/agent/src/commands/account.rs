//! `aimon account`

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};

use aimon_core::accounts::{Account, AccountId, Accounts, KeyPrint, Path};
use aimon_core::settings::Settings;
use aimon_core::time::UtcMillis;
use aimon_replica::Replica;
use aimon_sources::provider::http::Asked;
use aimon_sources::provider::{Identity, Provider, poll, provider};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use tokio::sync::Mutex;

use crate::accounts::http::Clients;
use crate::accounts::polling::{How, Outcome, Polling, base};
use crate::accounts::state::{State, Trouble};
use crate::accounts::{AccountError, find, keys, provider_of};
use crate::cli::{AccountCommand, AccountListArgs, AddArgs, RekeyArgs, RemoveArgs, RenameAccountArgs};
use crate::error::{Error, Result};
use crate::place::Place;
use crate::render::grid::{self, Grid, Weight, words};
use crate::render::json::pretty;
use crate::render::text::{visible, visible_lines};
use crate::secrets::{Secrets, Surroundings};
use crate::{dates, output, workspace};

/// How long `add` waits for a provider that asks for a pause, in milliseconds, all pauses together.
const PATIENCE_MS: i64 = 10 * 60 * 1000;

/// Does what is asked for.
pub async fn run(command: &AccountCommand) -> Result<()> {
    match command {
        AccountCommand::Add(args) => add(args).await,
        AccountCommand::List(args) => list(args).await,
        AccountCommand::Rekey(args) => rekey(args).await,
        AccountCommand::Rename(args) => rename(args).await,
        AccountCommand::Remove(args) => remove(args).await,
    }
}

/// Whether a key may ask, and whose it is.
async fn identify(provider: &'static dyn Provider, url: &str, key: &SecretString) -> Result<Identity> {
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

fn id_of(provider: &dyn Provider, identity: &Identity, key: &SecretString) -> Result<AccountId> {
    let print = KeyPrint::of(provider.name(), key.expose_secret());
    let id = identity.id.as_deref().and_then(|id| AccountId::new(provider.name(), id));
    id.or_else(|| AccountId::of_key(provider.name(), &print))
        .ok_or_else(|| AccountError::UnknownProvider(provider.name().to_owned()).into())
}

async fn add(args: &AddArgs) -> Result<()> {
    let place = Place::here()?;
    if place.is_demo() {
        return Err(AccountError::Demo.into());
    }
    let provider = provider(&args.provider).ok_or_else(|| AccountError::UnknownProvider(args.provider.clone()))?;
    let url = match args.base_url.as_deref().or(provider.url()) {
        Some(url) => base(url)?.to_string(),
        None => return Err(AccountError::NeedsUrl(provider.title()).into()),
    };
    let key = keys::ask(provider.title(), args.key_stdin)?;
    let identity = identify(provider, &url, &key).await?;
    let id = id_of(provider, &identity, &key)?;
    let mut replica = place.borrow().await?;
    let mut secrets = Secrets::open(&place.home, &Surroundings::real()?)?;
    keys::put(&mut secrets, &id, &key)?;
    let settings = workspace::settings(&mut replica).await?;
    let known = Accounts::of(&settings);
    let before = known.get(&id);
    let print = KeyPrint::of(provider.name(), key.expose_secret());
    let mut entries = vec![(Path::Key(replica.device()).of(&id), Some(print.to_string()))];
    let label = args.label.clone().or_else(|| identity.label.clone().filter(|_| before.is_none()));
    entries.extend(label.map(|label| (Path::Label.of(&id), Some(label))));
    if let Some(url) = &args.base_url {
        entries.push((Path::Url.of(&id), Some(url.trim_end_matches('/').to_owned())));
    }
    workspace::set(&mut replica, entries).await?;
    let shown = identity.label.map(|label| format!(" ({})", visible(&label))).unwrap_or_default();
    output::note(&match before {
        Some(_) => format!("the workspace knows {id}{shown} already; this device asks for it now, too"),
        None => format!("{id}{shown} is added"),
    });
    let replica = Mutex::new(replica);
    let outcome = fill(&replica, &place, &id, !args.no_backfill).await?;
    told(&replica, &place, &id, &outcome).await
}

/// Asks for an account until nothing is due any more; waits where the provider asks for a pause.
async fn fill(replica: &Mutex<Replica>, place: &Place, id: &AccountId, backfill: bool) -> Result<Outcome> {
    let mut polling = Polling::new();
    polling.load(replica, place).await?;
    polling.backfills(backfill);
    let last = AtomicI64::new(0);
    let tell = |polling: &Polling, now: UtcMillis| {
        let first = now.day().plus(-3650);
        let (done, of) = polling.progress(now, first, id);
        // A line now and then: this is no terminal, perhaps.
        if of > 0 && now.0 - last.load(Ordering::Relaxed) > 3_000 {
            last.store(now.0, Ordering::Relaxed);
            output::note(&format!("{} % of the past is fetched", done.saturating_mul(100) / of));
        }
    };
    let mut all = Outcome::default();
    let end = dates::now().0.saturating_add(PATIENCE_MS);
    loop {
        let outcome = polling.round(replica, place, How::Due, Some(id), &tell).await?;
        all.join(outcome);
        let (now, first) = (dates::now(), replica.lock().await.first_day());
        let Some(rest) = polling.rests_until(now, first, id).filter(|rest| backfill && rest.0 < end) else { break };
        if !polling.is_worth_waiting(id) {
            break;
        }
        let pause = rest.0.saturating_sub(now.0).max(0).unsigned_abs();
        output::note(&format!("the provider asks for a pause; going on in {} s", pause.div_ceil(1000)));
        tokio::time::sleep(std::time::Duration::from_millis(pause + 1)).await;
    }
    Ok(all)
}

async fn told(replica: &Mutex<Replica>, place: &Place, id: &AccountId, outcome: &Outcome) -> Result<()> {
    let mut polling = Polling::new();
    polling.load(replica, place).await?;
    let (now, first) = (dates::now(), replica.lock().await.first_day());
    let mut text = match polling.begins(now, first, id) {
        Some(from) => format!("Its history begins on {} here (UTC).\n", from.day()),
        None => String::new(),
    };
    let (done, of) = polling.progress(now, first, id);
    if done < of {
        text.push_str("There is more to fetch: `aimon poll` or `aimon up` go on.\n");
    }
    for (metric, trouble) in polling.state().of(id.name()) {
        text.push_str(&format!("{metric}: {} ({})\n", trouble.text, trouble.code));
    }
    text.push_str("`aimon report --by account` shows it; `aimon up` asks for it each minute.\n");
    replica.lock().await.settle().await;
    output::print(&text)?;
    match outcome.lost().first().and_then(|lost| outcome.failed.get(*lost)).and_then(|all| all.values().next()) {
        Some(failure) => Err(AccountError::Failed { whom: id.to_string(), failure: failure.clone() }.into()),
        None => Ok(()),
    }
}

async fn rekey(args: &RekeyArgs) -> Result<()> {
    let place = Place::here()?;
    let (accounts, _) = look(&place).await?;
    let account = find(&accounts, &args.account)?.clone();
    let provider = provider_of(&account.id)?;
    let url = account.url.as_deref().or(provider.url()).unwrap_or_default();
    let key = keys::ask(provider.title(), args.key_stdin)?;
    let identity = identify(provider, url, &key).await?;
    // Where a provider says no id, any of its keys may be the account's: who pays is for a person to know.
    if let Some(found) = identity.id.as_deref().filter(|found| *found != account.id.id()) {
        let found = format!("{}/{found}", provider.name());
        return Err(AccountError::OtherAccount { found, asked: account.id.to_string() }.into());
    }
    let mut replica = place.borrow().await?;
    let mut secrets = Secrets::open(&place.home, &Surroundings::real()?)?;
    keys::put(&mut secrets, &account.id, &key)?;
    let print = KeyPrint::of(provider.name(), key.expose_secret());
    let path = Path::Key(replica.device()).of(&account.id);
    workspace::set(&mut replica, vec![(path, Some(print.to_string()))]).await?;
    let mut state = State::read(&mut replica).await?;
    state.forget(account.id.name());
    state.write(&mut replica).await?;
    replica.settle().await;
    output::print(&format!("{} has a new key on this device; its history stays.\n", account.id))
}

async fn rename(args: &RenameAccountArgs) -> Result<()> {
    let place = Place::here()?;
    let mut replica = place.borrow().await?;
    let settings = workspace::settings(&mut replica).await?;
    let id = find(&Accounts::of(&settings), &args.account)?.id.clone();
    let name = args.name.trim();
    if name.is_empty() || name.chars().any(char::is_control) || name.len() > 200 {
        return Err(Error::BadSetting("an account's name is one line of 1 to 200 bytes".to_owned()));
    }
    workspace::set(&mut replica, vec![(Path::Label.of(&id), Some(name.to_owned()))]).await?;
    replica.settle().await;
    output::print(&format!("{id} is called {name} now.\n"))
}

async fn remove(args: &RemoveArgs) -> Result<()> {
    let place = Place::here()?;
    let mut replica = place.borrow().await?;
    let settings = workspace::settings(&mut replica).await?;
    let id = find(&Accounts::of(&settings), &args.account)?.id.clone();
    if let Some(mut secrets) = Secrets::open_if_chosen(&place.home, &Surroundings::real()?)? {
        keys::remove(&mut secrets, &id)?;
    }
    let path = Path::Key(replica.device()).of(&id);
    workspace::set(&mut replica, vec![(path, None)]).await?;
    let mut state = State::read(&mut replica).await?;
    state.forget(id.name());
    state.write(&mut replica).await?;
    replica.settle().await;
    output::print(&format!("This device holds no key to {id} any more. What is known of it stays.\n"))
}

/// An account, as it is shown.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AccountJson {
    id: String,
    provider: String,
    label: Option<String>,
    base_url: Option<String>,
    /// The devices that hold a key.
    keys: Vec<HolderJson>,
    /// When anybody last heard of it, in milliseconds since 1970.
    heard: Option<i64>,
    /// What is wrong here, by metric.
    trouble: BTreeMap<String, Trouble>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HolderJson {
    device: String,
    name: String,
    is_here: bool,
    /// When the device was last heard, in milliseconds since 1970.
    heard: Option<i64>,
}

async fn look(place: &Place) -> Result<(Accounts, Option<Replica>)> {
    let mut replica = place.open_to_look().await?;
    let settings = match &mut replica {
        Some(replica) => workspace::settings(replica).await?,
        None => Settings::default(),
    };
    Ok((Accounts::of(&settings), replica))
}

/// A device that was not heard of for so long sleeps, in milliseconds.
const ASLEEP_MS: i64 = 60 * 60 * 1000;

async fn list(args: &AccountListArgs) -> Result<()> {
    let place = Place::here()?;
    let (accounts, replica) = look(&place).await?;
    let mut all = Vec::new();
    if let Some(mut replica) = replica {
        let settings = workspace::settings(&mut replica).await?;
        let labels = place.labels(Some(replica.device()), &settings);
        let state = State::read(&mut replica).await?;
        let devices = workspace::devices::all(&mut replica).await?;
        let now = dates::now();
        let readings = replica.readings((now.day().plus(-31), now.day()), now.day()).await?;
        let gauges = replica.gauges().await?;
        for account in accounts.all() {
            let heard = readings.iter().flat_map(|day| &day.heard).filter(|one| one.account == *account.id.name());
            let seen = gauges.iter().filter(|one| one.answer.key.account == *account.id.name()).map(|one| one.seen.1);
            let heard = heard.map(|one| one.newest).chain(seen).max();
            let holders = account.keys.keys().map(|device| HolderJson {
                device: device.to_string(),
                name: labels.device(&device.to_string()).to_string(),
                is_here: *device == replica.device(),
                heard: devices.iter().find(|one| one.id == *device).and_then(|one| one.heard).map(|at| at.0),
            });
            all.push(AccountJson {
                keys: holders.collect(),
                heard: heard.map(|at| at.0),
                trouble: state.of(account.id.name()).map(|(metric, why)| (metric.clone(), why.clone())).collect(),
                ..shown(account)
            });
        }
    }
    if args.json {
        return output::print_plain(&pretty(&all));
    }
    if all.is_empty() {
        return output::print(
            "No account yet: `aimon account add openai` (or anthropic, openrouter, litellm) adds one.\n",
        );
    }
    output::print(&table(&all, dates::now()))
}

fn shown(account: &Account) -> AccountJson {
    AccountJson {
        id: account.id.to_string(),
        provider: account.id.provider().to_owned(),
        label: account.label.clone(),
        base_url: account.url.clone(),
        keys: Vec::new(),
        heard: None,
        trouble: BTreeMap::new(),
    }
}

fn table(all: &[AccountJson], now: UtcMillis) -> String {
    let ago = |at: Option<i64>| match at {
        Some(at) => crate::render::number::ago(now.0.saturating_sub(at) / 1000),
        None => "never".to_owned(),
    };
    let mut wide = Grid::new(&[words("Account"), words("Name"), words("Heard"), words("Keys on")]);
    let mut narrow = Grid::new(&[words("Account"), words("Heard")]);
    let mut notes = String::new();
    for account in all {
        let name = account.label.clone().unwrap_or_default();
        let holders: Vec<&str> = account.keys.iter().map(|holder| holder.name.as_str()).collect();
        wide.row(Weight::Plain, vec![account.id.clone(), name.clone(), ago(account.heard), holders.join(", ")]);
        let called = if name.is_empty() { account.id.clone() } else { name };
        narrow.row(Weight::Plain, vec![called, ago(account.heard)]);
        for (metric, why) in &account.trouble {
            let since = crate::render::number::ago(now.0.saturating_sub(why.since) / 1000);
            notes.push_str(&format!("{} {metric}: {} ({}), since {since}\n", account.id, why.text, why.code));
        }
        let is_awake =
            |holder: &HolderJson| holder.is_here || holder.heard.is_some_and(|at| now.0.saturating_sub(at) < ASLEEP_MS);
        if !account.keys.iter().any(is_awake) {
            notes.push_str(&format!(
                "{}: {}\n",
                account.id,
                if account.keys.is_empty() { "no device holds a key" } else { "all devices that hold a key sleep" }
            ));
        }
    }
    let mut text = grid::fit(grid::width(), [wide, narrow]);
    if !notes.is_empty() {
        text.push('\n');
        text.push_str(&visible_lines(&notes));
    }
    text
}
