//! `aimon source`

use std::collections::BTreeSet;

use aimon_core::accounts::{Accounts, Coverage, Payer};
use aimon_core::name::Name;
use aimon_core::time::UtcDay;
use serde::Serialize;

use crate::accounts::{AccountError, find};
use crate::cli::{CoverArgs, SourceCommand, SourceListArgs};
use crate::dates::Today;
use crate::error::{Error, Result};
use crate::output;
use crate::place::Place;
use crate::render::json::pretty;
use crate::workspace;

/// Takes back what was said of who pays.
const NOBODY: &str = "nobody";

/// A day before every kept one: from the beginning.
const BEGINNING: UtcDay = UtcDay(0);

/// Does what is asked for.
pub async fn run(command: &SourceCommand) -> Result<()> {
    match command {
        SourceCommand::Cover(args) => cover(args).await,
        SourceCommand::Ask(args) => super::ask::run(args).await,
        SourceCommand::List(args) => list(args).await,
    }
}

async fn cover(args: &CoverArgs) -> Result<()> {
    let known: BTreeSet<&str> = aimon_sources::collectors().iter().map(|one| one.kind()).collect();
    if !known.contains(args.source.as_str()) {
        let known: Vec<&str> = known.into_iter().collect();
        return Err(Error::BadSetting(format!("`{}` is no source; there are {}", args.source, known.join(", "))));
    }
    let place = Place::here()?;
    let mut replica = place.borrow().await?;
    let settings = workspace::settings(&mut replica).await?;
    let accounts = Accounts::of(&settings);
    let payer = match args.by.as_str() {
        NOBODY => None,
        "subscription" => Some(Payer::Subscription),
        text => match find(&accounts, text) {
            Ok(account) => Some(Payer::Account(account.id.clone())),
            Err(Error::Account(AccountError::Unknown(text))) => return Err(AccountError::BadPayer(text).into()),
            Err(e) => return Err(e),
        },
    };
    let today = Today::of(None, place.now, &jiff::tz::TimeZone::UTC);
    let from = args.from.map_or(BEGINNING, |day| UtcDay::of(day.resolve(today.local)));
    let entries: Vec<(Name, Option<String>)> = match &payer {
        // All that was ever said of it.
        None if args.from.is_none() => {
            let all = accounts.coverage().all().filter(|(source, ..)| source.as_str() == args.source);
            all.map(|(source, from, _)| (Coverage::path(source, from), None)).collect()
        }
        payer => vec![(Coverage::path(&args.source, from), payer.as_ref().map(|payer| payer.text().to_owned()))],
    };
    workspace::set(&mut replica, entries).await?;
    replica.settle().await;
    let since = if args.from.is_some() { format!(" from {from} (UTC) on") } else { String::new() };
    output::print(&match payer {
        None => format!("Who pays for {} is not said any more{since}.\n", args.source),
        Some(Payer::Subscription) => {
            format!("A subscription pays for {}{since}: its calls count by the logs.\n", args.source)
        }
        Some(Payer::Account(id)) => format!(
            "{id} pays for {}{since}: where that account's own figures are settled they count, and the logs explain them.\n",
            args.source
        ),
    })
}

/// Who pays for a source, from a day on.
#[derive(Serialize)]
struct CoverJson {
    source: String,
    from: Option<String>,
    by: String,
}

async fn list(args: &SourceListArgs) -> Result<()> {
    let place = Place::here()?;
    let (settings, asking) = match &mut place.open_to_look().await? {
        Some(replica) => {
            let settings = workspace::settings(replica).await?;
            let asking = super::ask::lines(replica, &place, &settings).await?;
            (settings, asking)
        }
        None => (aimon_core::settings::Settings::default(), String::new()),
    };
    let coverage = Coverage::of(&settings);
    let from = |day: UtcDay| (day != BEGINNING).then(|| day.to_string());
    if args.json {
        let all = coverage.all().map(|(source, day, payer)| CoverJson {
            source: source.to_string(),
            from: from(day),
            by: payer.text().to_owned(),
        });
        return output::print_plain(&pretty(&all.collect::<Vec<_>>()));
    }
    if coverage.is_empty() {
        return output::print(&format!(
            "Nobody has said who pays for any source: calls count by the logs, and accounts' figures beside them.\n\
             `aimon source cover SOURCE --by ACCOUNT` (or `--by subscription`) says so.\n{asking}"
        ));
    }
    let lines = coverage.all().map(|(source, day, payer)| {
        let from = from(day).map(|day| format!(" from {day} on")).unwrap_or_default();
        format!("{source}: {}{from}\n", payer.text())
    });
    output::print(&format!("{}{asking}", lines.collect::<String>()))
}
