//! Adding an account: its key is checked, and what its provider keeps of the past is fetched.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use aimon_core::accounts::{AccountId, Accounts, Path};
use aimon_core::time::UtcMillis;
use aimon_replica::Replica;
use aimon_sources::provider::provider;
use tokio::sync::Mutex;

use super::identify::{id_of, identify};
use super::patience::Patience;
use crate::accounts::address::base;
use crate::accounts::outcome::Outcome;
use crate::accounts::polling::{How, Polling};
use crate::accounts::{AccountError, by_reason, called, keys, metrics_of, state};
use crate::cli::AddArgs;
use crate::error::Result;
use crate::place::Place;
use crate::render::text::visible;
use crate::secrets::{Secrets, Surroundings};
use crate::{dates, output, workspace};

pub(super) async fn add(args: &AddArgs) -> Result<()> {
    let place = Place::here()?;
    if place.is_demo() {
        return Err(AccountError::Demo.into());
    }
    let provider = provider(&args.provider).ok_or_else(|| AccountError::UnknownProvider(args.provider.clone()))?;
    // What another device says of where to ask counts for nothing: it would say where this one's key goes.
    let given = args.base_url.as_deref().map(base).transpose()?;
    let given = given.as_ref().map(|url| url.as_str().trim_end_matches('/'));
    let url = given.or(provider.url()).ok_or(AccountError::NeedsUrl(provider.title()))?;
    let label = args.label.as_deref().map(called).transpose()?.map(str::to_owned);
    let key = keys::ask(provider.title(), args.key_stdin)?;
    let patience = Patience::new();
    let identity = identify(provider, url, &key, &patience).await?;
    let id = id_of(provider, &identity, &key)?;
    let mut replica = place.borrow().await?;
    let mut secrets = Secrets::open(&place.home, &Surroundings::real()?)?;
    let print = keys::keep(&mut replica, &mut secrets, &id, &key, given).await?;
    // What was said of another key says nothing of this one.
    state::forget(&mut replica, &id).await?;
    let settings = workspace::settings(&mut replica).await?;
    let known = Accounts::of(&settings);
    let before = known.get(&id);
    let mut entries = vec![(Path::Key(replica.device()).of(&id), Some(print.to_string()))];
    // What the provider calls it is no reason to refuse it.
    let theirs = identity.label.as_deref().and_then(|label| called(label).ok()).filter(|_| before.is_none());
    let label = label.or_else(|| theirs.map(str::to_owned));
    entries.extend(label.map(|label| (Path::Label.of(&id), Some(label))));
    workspace::set(&mut replica, entries).await?;
    let shown = identity.label.map(|label| format!(" ({})", visible(&label))).unwrap_or_default();
    output::note(&match before {
        Some(known) if known.keys.contains_key(&replica.device()) => {
            format!("this device asks for {id}{shown} already: it has this key for it from now on")
        }
        Some(_) => format!("the workspace knows {id}{shown} already; this device asks for it now, too"),
        None => format!("{id}{shown} is added"),
    });
    let replica = Mutex::new(replica);
    let outcome = fill(&replica, &place, &id, (!args.no_backfill).then_some(&patience)).await?;
    told(&replica, &place, &id, &outcome).await
}

/// Asks for an account until nothing is due any more; for its past, too, with the patience to wait for what passes by itself.
async fn fill(replica: &Mutex<Replica>, place: &Place, id: &AccountId, backfill: Option<&Patience>) -> Result<Outcome> {
    let mut polling = Polling::new();
    polling.load(replica, place).await?;
    polling.backfills(backfill.is_some());
    polling.says_waits(output::stderr_is_terminal());
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
    loop {
        let outcome = polling.round(replica, place, How::Due, Some(id), &tell).await?;
        all.join(outcome);
        let (now, first) = (dates::now(), replica.lock().await.first_day());
        let (Some(patience), Some((until, why))) = (backfill, polling.waits(now, first, id)) else { break };
        let pause = until.0.saturating_sub(now.0).max(0).unsigned_abs();
        if !patience.wait(&why, Duration::from_millis(pause)).await {
            break;
        }
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
    let wrong = polling.state().of(id.name());
    let wrong = wrong.map(|(metric, trouble)| (metric, trouble.into()));
    for reason in by_reason(id.name(), metrics_of(id), wrong) {
        text.push_str(&format!("{}\n", reason.line()));
    }
    text.push_str(match polling.hears(id) {
        _ if outcome.loss().is_some() => "",
        (_, true) => "`aimon report --by account` shows it; `aimon up` asks for it each minute.\n",
        // Such a key is enough for balances and limits.
        (true, false) => "`aimon windows` shows what this key may ask for; `aimon up` asks for it each minute.\n",
        (false, false) => "",
    });
    replica.lock().await.settle().await;
    output::print(&text)?;
    match outcome.loss() {
        Some((_, why)) => Err(AccountError::Unheard { whom: id.to_string(), why: why.clone() }.into()),
        None => Ok(()),
    }
}
