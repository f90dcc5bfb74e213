//! `aimon source cover`

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use aimon_core::accounts::{Accounts, Coverage, Covered, Payer};
use aimon_core::history::Detail;
use aimon_core::ids::DeviceId;
use aimon_core::name::Name;
use aimon_core::settings::Settings;
use aimon_core::time::UtcDay;
use aimon_replica::Replica;
use aimon_sources::collector::{Collector, Env};

use super::{BEGINNING, NOBODY, UNSTATED, in_words, to_take_back};
use crate::accounts::{AccountError, find};
use crate::cli::CoverArgs;
use crate::dates::Today;
use crate::error::{Error, Result};
use crate::place::Place;
use crate::render::grid;
use crate::render::labels::Labels;
use crate::render::text::{name, wrapped};
use crate::scan::roots::{self, Roots};
use crate::{note, output, workspace};

pub(super) async fn run(args: &CoverArgs) -> Result<()> {
    let place = Place::here()?;
    let mut replica = place.borrow().await?;
    let settings = workspace::settings(&mut replica).await?;
    let (accounts, labels) = (Accounts::of(&settings), place.labels(Some(replica.device()), &settings));
    let payer = payer(&accounts, &args.by)?;
    let today = Today::of(None, place.now, &jiff::tz::TimeZone::UTC);
    let from = args.from.map_or(BEGINNING, |day| UtcDay::of(day.resolve(today.local)));
    // Tomorrow is today in some zone.
    if from > place.now.day().plus(1) {
        return Err(AccountError::NotYet(from).into());
    }
    let said = match &payer {
        Some(_) => None,
        None => said(args, &mut replica, accounts.coverage()).await?,
    };
    let covered = match said {
        Some(covered) => covered,
        None => {
            let covered = meant(args, &place, &mut replica, &labels).await?;
            if let Some(given) = covered.owner.as_ref().filter(|_| args.root.is_none()) {
                check_owner(&mut replica, &args.source, given, accounts.coverage(), place.now.day()).await?;
            }
            covered
        }
    };
    if let (Some(_), Some(given)) = (&payer, &args.root) {
        let root = root(source(&args.source)?, given, &Env::of_process())?;
        roots::know(&mut replica, &args.source, &root).await?;
    }
    let known: Roots = note::read(&mut replica).await?;
    let (entries, later) = said_anew(accounts.coverage(), &covered, from, payer.as_ref());
    workspace::set(&mut replica, entries).await?;
    replica.settle().await;
    let what = match args.root.as_ref().filter(|_| payer.is_none()) {
        Some(root) => format!("{} in {}", name(&args.source), name(&root.display().to_string())),
        None => in_words(&covered, &labels, &known),
    };
    let settings = workspace::settings(&mut replica).await?;
    let beside = beside(&settings, &covered, payer.as_ref(), (replica.device(), place.now.day()), (&labels, &known));
    let since = if args.from.is_some() { format!(" from {from} (UTC) on") } else { String::new() };
    // Which folder a call was read in is not known of those that were read before.
    let again = if args.root.is_some() { "Its logs are read again by the next scan or report.\n" } else { "" };
    // What was said of later days was said before, and by somebody who knew less.
    let instead = match later[..] {
        [] => String::new(),
        ref days => format!(
            "What was said from {} on is taken back.\n",
            days.iter().map(UtcDay::to_string).collect::<Vec<_>>().join(" and from ")
        ),
    };
    let said = match &payer {
        None => format!("Who pays for {what} is not said any more{since}.\n"),
        Some(Payer::Subscription) => {
            format!("A subscription pays for {what}{since}: its calls count by the logs.\n")
        }
        Some(Payer::Account(id)) => format!(
            "{id} pays for {what}{since}: where that account's own figures are settled they count, and the logs explain them.\n"
        ),
    };
    let again = if payer.is_some() { again } else { "" };
    let text = format!("{said}{instead}{again}{beside}");
    output::print(&text.lines().map(|line| wrapped(line, 0, grid::width())).collect::<String>())
}

/// What else is said of some of these calls, and goes before it; and, where nobody is said to pay for them by themselves, of more calls.
fn beside(
    settings: &Settings,
    covered: &Covered,
    payer: Option<&Payer>,
    (here, today): (DeviceId, UtcDay),
    (labels, roots): (&Labels, &Roots),
) -> String {
    let coverage = Accounts::of(settings).coverage().clone();
    let mut last: BTreeMap<&Covered, Option<&Payer>> = BTreeMap::new();
    last.extend(coverage.all().filter(|(which, ..)| *which != covered).map(|(which, _, payer)| (which, payer)));
    let is_in = |narrow: &Covered, wide: &Covered| {
        let fits = |a: bool, b: bool| a || b;
        narrow.source == wide.source
            && fits(wide.device.is_none(), wide.device == narrow.device)
            && fits(wide.owner.is_none(), wide.owner == narrow.owner)
    };
    let mut text = String::new();
    for (other, by) in last.into_iter().filter_map(|(other, by)| Some((other, by?))) {
        let what = in_words(other, labels, roots);
        if is_in(other, covered) && payer != Some(by) {
            text.push_str(&format!(
                "What was said of {what} goes before it: {} pays for it. {} takes that back.\n",
                by.text(),
                to_take_back(other)
            ));
        }
    }
    let device = covered.device.unwrap_or(here);
    let decides = coverage.decides(&covered.source, device, covered.owner.as_ref(), today);
    // What is said of a device says nothing of all, nor does what is said of one owner.
    let is_wider = |which: &Covered| {
        which != covered
            && !is_in(which, covered)
            && (covered.owner.is_some() || (covered.device.is_some() && which.owner.is_none()))
    };
    if let (None, Some((which, from, by))) = (payer, decides.filter(|(which, ..)| is_wider(which))) {
        let since = if from == BEGINNING { String::new() } else { format!(" from {from} (UTC) on") };
        text.push_str(&format!(
            "What was said of {} holds for it, too: {} pays{since}. `--by subscription` instead takes it out of that.\n",
            in_words(which, labels, roots),
            by.text()
        ));
    }
    text
}

/// What is to be put into the settings where it is said from a day on who pays, and the later days of which something else was said: that
/// is taken back, for what is said last holds from its day on.
fn said_anew(
    coverage: &Coverage,
    covered: &Covered,
    from: UtcDay,
    payer: Option<&Payer>,
) -> (Vec<(Name, Option<String>)>, Vec<UtcDay>) {
    let value = Coverage::value(payer).to_owned();
    let later = coverage.all().filter(|(which, day, _)| *which == covered && *day >= from);
    let (mut entries, mut days): (Vec<_>, Vec<UtcDay>) = (Vec::new(), Vec::new());
    for (which, day, before) in later {
        entries.push((Coverage::path(which, day), None));
        days.extend((day > from && before != payer).then_some(day));
    }
    // That nobody says it needs to be said only where somebody has, before.
    let is_said = coverage.all().any(|(which, day, _)| which == covered && day < from);
    if payer.is_some() || is_said {
        let path = Coverage::path(covered, from);
        entries.retain(|(held, _)| *held != path);
        entries.push((path, Some(value)));
    }
    (entries, days)
}

/// Who pays; `None` where that is not to be said any more.
fn payer(accounts: &Accounts, by: &str) -> Result<Option<Payer>> {
    match by {
        NOBODY => Ok(None),
        "subscription" => Ok(Some(Payer::Subscription)),
        text => match find(accounts, text) {
            Ok(account) => Ok(Some(Payer::Account(account.id.clone()))),
            Err(Error::Account(AccountError::Unknown(text))) => Err(AccountError::BadPayer(text).into()),
            Err(e) => Err(e),
        },
    }
}

/// Which calls are meant, of a source, a device and a folder that there are.
async fn meant(args: &CoverArgs, place: &Place, replica: &mut Replica, labels: &Labels) -> Result<Covered> {
    let source = source(&args.source)?;
    let mut covered = Covered::all_of(&args.source);
    if let Some(given) = &args.device {
        let devices = workspace::devices::all(replica).await?;
        covered.device = Some(workspace::devices::find(&devices, given, labels)?);
    }
    covered.owner = args.owner.as_deref().map(owner).transpose()?;
    if let Some(given) = &args.root {
        if place.is_demo() {
            return Err(AccountError::Demo.into());
        }
        let root = root(source, given, &Env::of_process())?;
        covered.owner = Some(roots::owner(replica, source.kind(), &root).await?);
    }
    Ok(covered)
}

/// What was said of exactly that, in the words in which `source list` says it: it can be taken back, whether the source, the device or the
/// folder is still there or not.
async fn said(args: &CoverArgs, replica: &mut Replica, coverage: &Coverage) -> Result<Option<Covered>> {
    let roots: Roots = note::read(replica).await?;
    let root = args.root.as_ref().map(|root| root.display().to_string());
    let device = args.device.as_deref().map(DeviceId::parse);
    let is_it = |covered: &&Covered| {
        let owner = covered.owner.as_ref();
        let is_owner = match (&args.owner, &root) {
            (Some(given), _) => {
                owner.is_some_and(|owner| **owner == **given || (owner.is_empty() && given == UNSTATED))
            }
            (None, Some(root)) => owner.is_some_and(|owner| roots.path(owner) == Some(root)),
            (None, None) => owner.is_none(),
        };
        *covered.source == *args.source && covered.device == device.flatten() && is_owner
    };
    // A name that is given for a device is looked up among those that there are.
    let is_named = device.is_some_and(|device| device.is_none());
    Ok(coverage.all().map(|(covered, ..)| covered).find(is_it).filter(|_| !is_named).cloned())
}

/// Whether somebody has such calls, or somebody has said so: nobody is meant by a slip of the keyboard.
async fn check_owner(
    replica: &mut Replica,
    source: &str,
    given: &Name,
    coverage: &Coverage,
    today: UtcDay,
) -> Result<()> {
    let days = replica.history((UtcDay(i32::MIN), UtcDay(i32::MAX)), today, Detail::Hours).await?;
    let calls = days.iter().flat_map(|day| &day.cells).map(|(key, _)| key).filter(|key| key.source.as_str() == source);
    let mut known: BTreeSet<Name> = calls.filter_map(|key| key.payer.clone()).collect();
    known.extend(
        coverage
            .all()
            .filter(|(which, ..)| which.source.as_str() == source)
            .filter_map(|(which, ..)| which.owner.clone()),
    );
    match given.is_empty() || known.contains(given) {
        true => Ok(()),
        false => Err(AccountError::UnknownOwner {
            given: given.to_string(),
            of: source.to_owned(),
            known: known.iter().filter(|owner| !owner.is_empty()).map(ToString::to_string).collect(),
        }
        .into()),
    }
}

/// The collector of a source.
fn source(given: &str) -> Result<&'static dyn Collector> {
    let known = aimon_sources::collectors();
    let found = known.iter().find(|one| one.kind() == given).copied();
    Ok(found.ok_or_else(|| AccountError::UnknownSource(given.to_owned()))?)
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
        "" => {
            Err(AccountError::BadOwner("an owner is not empty; `-` stands for calls of whom the log says nothing")
                .into())
        }
        given if given.len() > 200 || given.chars().any(char::is_control) => {
            Err(AccountError::BadOwner("an owner is one line of at most 200 bytes").into())
        }
        given => Ok(given.into()),
    }
}
