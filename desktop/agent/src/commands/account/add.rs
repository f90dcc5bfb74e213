//! Adding an account: its key is checked, and what its provider keeps of the past is fetched.

use std::sync::atomic::{AtomicI64, Ordering};

use aimon_core::accounts::{AccountId, Accounts, KeyPrint, Path};
use aimon_core::time::UtcMillis;
use aimon_replica::Replica;
use aimon_sources::provider::provider;
use secrecy::ExposeSecret;
use tokio::sync::Mutex;

use super::identify::{id_of, identify};
use crate::accounts::polling::{How, Outcome, Polling, base};
use crate::accounts::{AccountError, keys};
use crate::cli::AddArgs;
use crate::error::Result;
use crate::place::Place;
use crate::render::text::visible;
use crate::secrets::{Secrets, Surroundings};
use crate::{dates, output, workspace};

/// How long `add` waits for a provider that asks for a pause, in milliseconds, all pauses together.
const PATIENCE_MS: i64 = 10 * 60 * 1000;

pub(super) async fn add(args: &AddArgs) -> Result<()> {
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
