//! `aimon scan`

use aimon_replica::Replica;
use tokio::sync::Mutex;

use crate::agent::client::{Client, ClientError};
use crate::cli::ScanArgs;
use crate::error::{Error, Result};
use crate::place::Place;
use crate::render::grid::{self, Grid, Weight, figures, words};
use crate::render::json::pretty;
use crate::render::number::{bytes, count, unreadable};
use crate::render::text::{visible, wrapped};
use crate::scan::{self, Scanned};
use crate::view::{self, View};
use crate::{dates, output, paint};

/// Takes in what is new. Lines that can't be taken are no failure: they are counted and shown.
pub async fn run(args: &ScanArgs) -> Result<()> {
    let scanned = once(&Place::here()?, args.json).await?;
    if args.json { output::print_plain(&pretty(&scanned)) } else { output::print(&show(&scanned)) }
}

/// The same for whoever shows it elsewhere. `quiet` shows no progress.
///
/// # Errors
/// Nothing can be recorded, or the running agent's.
pub async fn once(place: &Place, quiet: bool) -> Result<Scanned> {
    let Some(replica) = place.try_open().await? else {
        return match ask(place)? {
            Some(scanned) => {
                View::read_only(place).await?.tell_quarantined().await?;
                Ok(scanned)
            }
            // No agent: another command, which is over soon.
            None => take_in(place, place.open_patiently(super::PATIENCE).await?, quiet).await,
        };
    };
    take_in(place, replica, quiet).await
}

async fn take_in(place: &Place, replica: Replica, quiet: bool) -> Result<Scanned> {
    view::doubt_clock(&replica, place);
    let replica = Mutex::new(replica);
    let scanned = scan::scan(&replica, place, !quiet).await?;
    let mut replica = replica.into_inner();
    replica.seal(dates::now()).await?;
    replica.settle().await;
    view::tell_quarantined(replica.quarantined().await?);
    Ok(scanned)
}

/// Has the running agent scan; `None` where there is none.
fn ask(place: &Place) -> Result<Option<Scanned>> {
    let home = place.home.clone();
    let Some(client) = Client::find(&home).filter(Client::answers) else { return Ok(None) };
    if !client.is_well() {
        return Err(Error::NoAnswer { home, why: "nothing came within 5 s".to_owned() });
    }
    match client.scan() {
        Ok(scanned) => Ok(Some(scanned)),
        Err(ClientError::Refused(problem)) => Err(Error::Agent(problem)),
        Err(e) => Err(Error::NoAnswer { home, why: e.to_string() }),
    }
}

/// What a scan found, for people.
pub fn show(s: &Scanned) -> String {
    let mut text = String::new();
    let what = if s.is_news() {
        let from = count(s.files_read, "file");
        format!("{} from {from} ({})", count(s.records_new, "new record"), bytes(s.bytes_read))
    } else if s.files_seen > 0 {
        format!("Nothing new in {}", count(s.files_seen, "file"))
    } else {
        "No agent logs found".to_owned()
    };
    text.push_str(&format!("{}{}\n\n", if s.demo { "DEMO · " } else { "" }, paint::bold(&what)));
    text.push_str(&places(s, grid::width()));
    text.push_str(&notes(s));
    text
}

/// The folders that were looked at.
pub fn places(s: &Scanned, width: usize) -> String {
    let mut wide = Grid::new(&[words(""), figures(""), words("")]);
    // Where they don't stand side by side, the folder stands below: a path that is cut leads nowhere.
    let mut narrow = String::new();
    for root in &s.roots {
        let found = match &root.problem {
            Some(problem) => problem.clone(),
            None if !root.exists => "not there".to_owned(),
            None => count(root.files, "file"),
        };
        let weight = if root.exists { Weight::Plain } else { Weight::Part };
        let why = if root.why == "default" { String::new() } else { format!(" ({})", root.why) };
        let path = format!("{}{why}", root.path);
        let lines = wrapped(&format!("{}: {found}", root.source), 2, width) + &wrapped(&path, 4, width);
        narrow.push_str(&if root.exists { lines } else { lines.lines().map(|l| paint::dim(l) + "\n").collect() });
        wide.row(weight, vec![format!("  {}", root.source), found, path]);
    }
    grid::within(width, &wide).unwrap_or(narrow)
}

/// What could not be taken.
pub fn notes(s: &Scanned) -> String {
    let mut notes = Vec::new();
    if !s.lines_skipped.is_empty() {
        let reasons: Vec<String> = s.lines_skipped.iter().map(|(why, n)| format!("{n} {why}")).collect();
        notes.push(format!(
            "{} could not be taken: {}",
            count(s.lines_skipped.values().sum(), "line"),
            reasons.join(", ")
        ));
        notes.extend(s.skipped.iter().map(|skipped| {
            let line = skipped.line.map_or_else(String::new, |line| format!(":{line}"));
            format!("  {}{line}: {}", skipped.path, skipped.reason)
        }));
        let all: u64 = s.lines_skipped.values().sum();
        match all.saturating_sub(s.skipped.len() as u64) {
            0 => {}
            _ if s.skipped.is_empty() => {}
            more => notes.push(format!("  and {more} more")),
        }
    }
    if s.files_unreadable > 0 {
        notes.push(format!("{} could not be read:", unreadable(s.files_unreadable)));
        notes.extend(s.unreadable.iter().map(|u| format!("  {}: {}", u.path, u.reason)));
    }
    if s.dated_ahead > 0 {
        notes.push(format!(
            "{} dated more than a day ahead of this device's clock; each counts on the day that its log names",
            count(s.dated_ahead, "record")
        ));
    }
    if s.expired > 0 {
        notes.push(format!("{} of days that are not kept any more", count(s.expired, "record")));
    }
    if s.files_vanished > 0 {
        notes.push(format!("{} gone since; what was read from them is kept", count(s.files_vanished, "file")));
    }
    if notes.is_empty() {
        String::new()
    } else {
        format!("\n{}\n", notes.iter().map(|n| visible(n)).collect::<Vec<_>>().join("\n"))
    }
}
