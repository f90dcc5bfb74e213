//! `aimon source cover`

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use aimon_core::accounts::{Accounts, Coverage, Covered, Payer};
use aimon_core::name::Name;
use aimon_core::time::UtcDay;
use aimon_sources::collector::{Collector, Env};
use aimon_sources::scan::Owners;

use super::{BEGINNING, UNSTATED, in_words};
use crate::accounts::{AccountError, find};
use crate::cli::CoverArgs;
use crate::dates::Today;
use crate::error::{Error, Result};
use crate::place::Place;
use crate::scan::roots::{self, Roots};
use crate::{note, output, workspace};

/// Takes back what was said of who pays.
const NOBODY: &str = "nobody";

pub(super) async fn run(args: &CoverArgs) -> Result<()> {
    let source = source(&args.source)?;
    let place = Place::here()?;
    let mut replica = place.borrow().await?;
    let settings = workspace::settings(&mut replica).await?;
    let (accounts, labels) = (Accounts::of(&settings), place.labels(Some(replica.device()), &settings));
    let payer = match args.by.as_str() {
        NOBODY => None,
        "subscription" => Some(Payer::Subscription),
        text => match find(&accounts, text) {
            Ok(account) => Some(Payer::Account(account.id.clone())),
            Err(Error::Account(AccountError::Unknown(text))) => return Err(AccountError::BadPayer(text).into()),
            Err(e) => return Err(e),
        },
    };
    let mut covered = Covered {
        device: match &args.device {
            Some(given) => {
                Some(workspace::devices::find(&workspace::devices::all(&mut replica).await?, given, &labels)?)
            }
            None => None,
        },
        owner: args.owner.as_deref().map(owner).transpose()?,
        ..Covered::all_of(&args.source)
    };
    if let Some(given) = &args.root {
        if place.is_demo() {
            return Err(AccountError::Demo.into());
        }
        let root = root(source, given, &Env::of_process())?;
        covered.owner = Some(match payer {
            Some(_) => roots::know(&mut replica, source.kind(), &root).await?,
            None => Owners::name(replica.device(), source.kind(), &root),
        });
    }
    let known: Roots = note::read(&mut replica).await?;
    let today = Today::of(None, place.now, &jiff::tz::TimeZone::UTC);
    let from = args.from.map_or(BEGINNING, |day| UtcDay::of(day.resolve(today.local)));
    let entries: Vec<(Name, Option<String>)> = match &payer {
        // All that was ever said of it is taken back.
        None if args.from.is_none() => {
            let all = accounts.coverage().all().filter(|(which, ..)| **which == covered);
            all.map(|(which, from, _)| (Coverage::path(which, from), None)).collect()
        }
        payer => vec![(Coverage::path(&covered, from), Some(Coverage::value(payer.as_ref()).to_owned()))],
    };
    workspace::set(&mut replica, entries).await?;
    replica.settle().await;
    let what = in_words(&covered, &labels, &known);
    let since = if args.from.is_some() { format!(" from {from} (UTC) on") } else { String::new() };
    // Which folder a call was read in is not known of those that were read before.
    let again = if args.root.is_some() { "Its logs are read again by the next scan or report.\n" } else { "" };
    output::print(&match payer {
        None => format!("Who pays for {what} is not said any more{since}.\n"),
        Some(Payer::Subscription) => {
            format!("A subscription pays for {what}{since}: its calls count by the logs.\n{again}")
        }
        Some(Payer::Account(id)) => format!(
            "{id} pays for {what}{since}: where that account's own figures are settled they count, and the logs explain them.\n{again}"
        ),
    })
}

/// The collector of a source.
fn source(given: &str) -> Result<&'static dyn Collector> {
    let known = aimon_sources::collectors();
    known.iter().find(|one| one.kind() == given).copied().ok_or_else(|| {
        let known: BTreeSet<&str> = known.iter().map(|one| one.kind()).collect();
        let known: Vec<&str> = known.into_iter().collect();
        Error::BadSetting(format!("`{given}` is no source; there are {}", known.join(", ")))
    })
}

/// The root that a person means: by its own path, or by that of a folder that holds this root and no other.
fn root(source: &dyn Collector, given: &Path, env: &Env) -> Result<PathBuf> {
    let real = |path: &Path| std::fs::canonicalize(path).or_else(|_| std::path::absolute(path)).unwrap_or_default();
    let (meant, all) = (real(given), source.roots(env));
    let own = all.iter().find(|root| real(&root.path) == meant);
    let held: Vec<_> = all.iter().filter(|root| root.path.exists() && real(&root.path).starts_with(&meant)).collect();
    match (own, &held[..]) {
        (Some(root), _) => Ok(root.path.clone()),
        (None, [root]) => Ok(root.path.clone()),
        _ => Err(AccountError::UnknownRoot {
            given: given.display().to_string(),
            of: source.kind().to_owned(),
            known: all.iter().map(|root| root.path.display().to_string()).collect(),
        }
        .into()),
    }
}

/// An owner as events have it.
fn owner(given: &str) -> Result<Name> {
    match given {
        UNSTATED => Ok(Name::default()),
        "" => Err(Error::BadSetting(
            "an owner is not empty; `-` stands for calls of whom the log says nothing".to_owned(),
        )),
        given if given.len() > 200 || given.chars().any(char::is_control) => {
            Err(Error::BadSetting("an owner is as `aimon source list` shows it".to_owned()))
        }
        given => Ok(given.into()),
    }
}
