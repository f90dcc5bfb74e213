//! `aimon poll`

use std::collections::BTreeMap;

use aimon_core::accounts::{AccountId, Accounts};
use aimon_sources::provider::Failure;
use serde::Serialize;
use tokio::sync::Mutex;

use crate::accounts::polling::{How, Outcome, Polling};
use crate::accounts::{AccountError, find};
use crate::cli::PollArgs;
use crate::error::{Error, Result};
use crate::place::Place;
use crate::render::json::pretty;
use crate::render::number::count;
use crate::{output, workspace};

/// What a round came to.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Polled {
    accounts: u64,
    answered: u64,
    events: u64,
    failed: BTreeMap<String, BTreeMap<String, Failed>>,
}

#[derive(Serialize)]
struct Failed {
    code: &'static str,
    text: String,
}

/// Asks for what is due, once.
pub async fn run(args: &PollArgs) -> Result<()> {
    let place = Place::here()?.needing_keys();
    let mut replica = place.borrow().await?;
    let accounts = Accounts::of(&workspace::settings(&mut replica).await?);
    let only = args.account.as_deref().map(|text| find(&accounts, text)).transpose()?.map(|account| account.id.clone());
    let replica = Mutex::new(replica);
    let how = if args.force { How::Force } else { How::Due };
    let mut polling = Polling::new();
    polling.load(&replica, &place).await?;
    let outcome = polling.round(&replica, &place, how, only.as_ref(), &|_, _| {}).await?;
    replica.into_inner().settle().await;
    if args.json {
        output::print_plain(&pretty(&polled(&outcome)))?;
    } else {
        output::print(&told(&outcome))?;
    }
    ended(&outcome, args.json)
}

fn polled(outcome: &Outcome) -> Polled {
    let failed = |failure: &Failure| Failed { code: failure.code(), text: failure.to_string() };
    let of = |all: &BTreeMap<String, Failure>| all.iter().map(|(metric, why)| (metric.clone(), failed(why))).collect();
    Polled {
        accounts: outcome.accounts,
        answered: outcome.answered.values().sum(),
        events: outcome.events,
        failed: outcome.failed.iter().map(|(account, all)| (account.to_string(), of(all))).collect(),
    }
}

fn told(outcome: &Outcome) -> String {
    if outcome.accounts == 0 {
        return "This device holds no key to any account: `aimon account add PROVIDER` adds one.\n".to_owned();
    }
    let answered: u64 = outcome.answered.values().sum();
    if answered == 0 && outcome.failed.is_empty() {
        return "Nothing is due.\n".to_owned();
    }
    let mut text = format!("{} answered; {} new.\n", count(answered, "question"), count(outcome.events, "answer"));
    for (account, all) in &outcome.failed {
        for (metric, why) in all {
            text.push_str(&format!("{account} {metric}: {why} ({})\n", why.code()));
        }
    }
    text
}

/// One failing metric is a state; an account of which nothing is heard is an error.
fn ended(outcome: &Outcome, is_told: bool) -> Result<()> {
    let lost: Vec<&AccountId> = outcome.lost();
    let Some(account) = lost.first() else { return Ok(()) };
    let failure = outcome.failed.get(*account).and_then(|all| all.values().next().cloned());
    match failure {
        _ if is_told => Err(Error::Ended(crate::error::exit::FAILURE)),
        Some(failure) => Err(AccountError::Failed { whom: account.to_string(), failure }.into()),
        None => Ok(()),
    }
}
