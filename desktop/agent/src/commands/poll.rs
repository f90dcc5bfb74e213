//! `aimon poll`

use std::collections::BTreeMap;

use aimon_core::accounts::Accounts;
use aimon_sources::subscription::NoReading;
use serde::Serialize;
use tokio::sync::Mutex;

use crate::accounts::outcome::Outcome;
use crate::accounts::polling::{How, LOOK, Polling};
use crate::accounts::{AccountError, Unheard, by_reason, find};
use crate::cli::PollArgs;
use crate::error::{Error, Result};
use crate::place::Place;
use crate::render::json::pretty;
use crate::render::number::count;
use crate::render::text::visible;
use crate::subscriptions::asking::{Came, Round, Rounds};
use crate::{output, workspace};

/// What a round came to.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Polled {
    accounts: u64,
    answered: u64,
    events: u64,
    failed: BTreeMap<String, BTreeMap<String, Failed>>,
    /// By source, the subscriptions whose windows this device asks for.
    subscriptions: BTreeMap<&'static str, Asked>,
}

/// What came of a subscription.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    /// Whether it was asked, and has answered.
    answered: bool,
    events: u64,
    failed: Option<Failed>,
}

#[derive(Serialize)]
struct Failed {
    code: String,
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
    polling.says_waits(output::stderr_is_terminal());
    polling.load(&replica, &place).await?;
    let mut outcome = polling.round(&replica, &place, how, only.as_ref(), &|_, _| {}).await?;
    polling.recall_lost(&mut outcome, only.as_ref());
    let round = match only {
        None => {
            let mut rounds = Rounds::default();
            waiting("subscriptions", rounds.round(&replica, &place)).await?
        }
        Some(_) => Round::default(),
    };
    replica.into_inner().settle().await;
    if args.json {
        output::print_plain(&pretty(&polled(&outcome, &round)))?;
    } else {
        output::print(&told(&outcome, &round))?;
    }
    ended(&outcome, &round, args.json)
}

/// Waits for it, and says so after a while where somebody looks on.
async fn waiting<T>(whom: &str, what: impl Future<Output = T>) -> T {
    let mut what = std::pin::pin!(what);
    tokio::select! {
        done = &mut what => return done,
        () = tokio::time::sleep(LOOK), if output::stderr_is_terminal() => output::note(&format!("waiting for {whom}")),
    }
    what.await
}

fn polled(outcome: &Outcome, round: &Round) -> Polled {
    let failed = |why: &Unheard| Failed { code: why.code().to_owned(), text: why.to_string() };
    let asked = |came: &Came| Asked {
        answered: matches!(came, Came::Answered(_)),
        events: if let Came::Answered(events) = came { *events } else { 0 },
        failed: match came {
            Came::InVain(why) => Some(Failed { code: why.code().to_owned(), text: why.to_string() }),
            _ => None,
        },
    };
    let of = |all: &BTreeMap<String, Unheard>| all.iter().map(|(metric, why)| (metric.clone(), failed(why))).collect();
    Polled {
        accounts: outcome.accounts,
        answered: outcome.answered.values().sum(),
        events: outcome.events,
        failed: outcome.failed.iter().map(|(account, all)| (account.to_string(), of(all))).collect(),
        subscriptions: round.came.iter().map(|(source, came)| (*source, asked(came))).collect(),
    }
}

fn told(outcome: &Outcome, round: &Round) -> String {
    if outcome.accounts == 0 && round.came.is_empty() {
        return "This device holds no key to any account: `aimon account add PROVIDER` adds one.\n".to_owned();
    }
    let (mut answered, mut answers) = (outcome.answered.values().sum::<u64>(), outcome.answers);
    for came in round.came.values() {
        if let Came::Answered(more) = came {
            (answered, answers) = (answered + 1, answers + more);
        }
    }
    let in_vain = || round.came.iter().filter_map(|(source, came)| in_vain(came).map(|why| (source, why)));
    if answered == 0 && outcome.failed.is_empty() && in_vain().next().is_none() {
        return "Nothing is due.\n".to_owned();
    }
    let mut text = format!("{} answered; {} new.\n", count(answered, "question"), count(answers, "answer"));
    for (source, why) in in_vain() {
        text.push_str(&visible(&format!("{source} windows: {why} ({})", why.code())));
        text.push('\n');
    }
    for (account, all) in &outcome.failed {
        // Of an account that has answered some of it, it is some of it that fails.
        let has_answered = outcome.answered.get(account).is_some_and(|answered| *answered > 0);
        let asked = if has_answered { usize::MAX } else { all.len() };
        let wrong = all.iter().map(|(metric, why)| (metric, why.into()));
        for reason in by_reason(account.name(), asked, wrong) {
            text.push_str(&format!("{}\n", reason.line()));
        }
    }
    text
}

/// One failing metric is a state; an account of which nothing is well is an error, and so is a subscription that was asked in vain.
fn ended(outcome: &Outcome, round: &Round, is_told: bool) -> Result<()> {
    let lost =
        outcome.loss().map(|(account, why)| AccountError::Unheard { whom: account.to_string(), why: why.clone() });
    let unread = || round.came.iter().find_map(|(source, came)| Some((*source, in_vain(came)?.clone())));
    let unread = || unread().map(|(source, why)| AccountError::NoReading { whom: source.to_owned(), why });
    match lost.or_else(unread) {
        Some(_) if is_told => Err(Error::Ended(crate::error::exit::FAILURE)),
        Some(e) => Err(e.into()),
        None => Ok(()),
    }
}

fn in_vain(came: &Came) -> Option<&NoReading> {
    match came {
        Came::InVain(why) => Some(why),
        _ => None,
    }
}
