//! `aimon scan`

use tokio::sync::Mutex;

use crate::agent::client::{Client, ClientError};
use crate::cli::ScanArgs;
use crate::error::{Error, Result};
use crate::place::Place;
use crate::render::grid::{self, Grid, Weight, figures, fit, words};
use crate::render::json::pretty;
use crate::render::number::{bytes, count};
use crate::scan::{self, Scanned};
use crate::{dates, output, paint};

/// Takes in what is new. Lines that can't be taken are no failure: they are counted and shown.
pub async fn run(args: &ScanArgs) -> Result<()> {
    let place = Place::here()?;
    let scanned = match place.try_open().await? {
        Some(replica) => {
            let replica = Mutex::new(replica);
            let scanned = scan::scan(&replica, &place, !args.json).await?;
            replica.into_inner().seal(dates::now()).await?;
            scanned
        }
        None => ask(&place)?,
    };
    if args.json { output::print_plain(&pretty(&scanned)) } else { output::print(&show(&scanned)) }
}

/// Has the process that holds the folder scan.
fn ask(place: &Place) -> Result<Scanned> {
    let home = place.home.clone();
    let Some(client) = Client::find(&home) else { return Err(aimon_replica::Error::Locked(home).into()) };
    client.scan().map_err(|e| match e {
        ClientError::Refused(problem) => Error::Agent(problem),
        // An `agent.json` that a crash left behind, and somebody else who scans.
        ClientError::Io(e) if e.kind() == std::io::ErrorKind::ConnectionRefused => {
            aimon_replica::Error::Locked(home).into()
        }
        e => Error::NoAnswer { home, why: e.to_string() },
    })
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
    let mut places = Grid::new(&[words(""), figures(""), words("")]);
    for root in &s.roots {
        let found = match &root.problem {
            Some(problem) => problem.clone(),
            None if !root.exists => "not there".to_owned(),
            None => count(root.files, "file"),
        };
        let weight = if root.exists { Weight::Plain } else { Weight::Part };
        let why = if root.why == "default" { String::new() } else { format!(" ({})", root.why) };
        places.row(weight, vec![format!("  {}", root.source), found, format!("{}{why}", root.path)]);
    }
    text.push_str(&fit(grid::width(), [places]));
    let mut notes = Vec::new();
    if !s.lines_skipped.is_empty() {
        let reasons: Vec<String> = s.lines_skipped.iter().map(|(why, n)| format!("{n} {why}")).collect();
        notes.push(format!(
            "{} could not be taken: {}",
            count(s.lines_skipped.values().sum(), "line"),
            reasons.join(", ")
        ));
    }
    if s.files_unreadable > 0 {
        notes.push(format!("{} or folders could not be read:", count(s.files_unreadable, "file")));
        notes.extend(s.unreadable.iter().map(|u| format!("  {}: {}", u.path, u.reason)));
    }
    if s.expired > 0 {
        notes.push(format!("{} of days that are not kept any more", count(s.expired, "record")));
    }
    if s.files_vanished > 0 {
        notes.push(format!("{} gone since; what was read from them is kept", count(s.files_vanished, "file")));
    }
    if !notes.is_empty() {
        text.push_str(&format!("\n{}\n", notes.join("\n")));
    }
    text
}
