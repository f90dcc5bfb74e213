//! `aimon statusline`
//!
//! It runs at each turn of somebody's conversation: it is quick, prints a line whatever happens, and
//! ends well. What it prints comes first, what it keeps second.

mod wrap;

use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use aimon_core::event::Event;
use aimon_core::history::Query;
use aimon_core::time::UtcMillis;
use aimon_replica::{Commit, Replica};
use aimon_sources::claude_code::login::account;
use aimon_sources::collector::Env;
use tokio::sync::Mutex;

use crate::agent::client::Client;
use crate::cli::StatuslineArgs;
use crate::dates::{self, Today};
use crate::error::Result;
use crate::place::Place;
use crate::pricing::Pricing;
use crate::render::labels::Labels;
use crate::render::number::{countdown, percent};
use crate::render::table::cost;
use crate::render::text::name;
use crate::statusline::{Reading, Told};
use crate::windows::{self, Window};
use crate::{output, scan, view, workspace};

/// How long a running agent has to take what is handed over.
const PATIENCE: Duration = Duration::from_millis(100);
/// How long the turn that has just ended may take to come in.
const SESSION: Duration = Duration::from_millis(8);
/// What says the same as before is kept again after so long, so that it does not look old.
const AGAIN_MS: i64 = 10 * 60_000;

/// Prints one line, and keeps the windows.
pub async fn run(args: &StatuslineArgs) -> Result<()> {
    if std::io::stdin().is_terminal() {
        output::note("Claude Code pipes JSON to this command; nothing was piped. In ~/.claude/settings.json:");
        output::note(r#"{"statusLine": {"type": "command", "command": "aimon statusline"}}"#);
    }
    let Some(command) = &args.wrap else {
        let told = Told::read(&wrap::read(None)).unwrap_or_default();
        let mut line = Line::of(&told);
        let opened = open(args.timezone.as_deref(), &told, &mut line).await;
        let printed = output::print(&format!("{}\n", line.text(&told)));
        // The line is out; what goes wrong from here on shows in `aimon doctor`.
        if let Ok(open) = opened {
            let _ = keep(open, told).await;
        }
        return printed;
    };
    let (input, ended) = wrap::run(command);
    let told = Told::read(&input).unwrap_or_default();
    // Whatever became of it: the windows are kept.
    if let Ok(open) = open(None, &told, &mut Line::of(&told)).await {
        let _ = keep(open, told).await;
    }
    ended
}

/// What is known when the line is printed.
struct Open {
    place: Place,
    writer: Option<Replica>,
    known: Vec<Window>,
}

/// What the line says.
struct Line {
    demo: bool,
    cost: Option<String>,
    windows: Vec<Window>,
    now: UtcMillis,
}

impl Line {
    fn of(told: &Told) -> Self {
        let now = dates::now();
        let reading = Reading { account: String::new(), windows: told.windows.clone() };
        Self { demo: false, cost: None, windows: reading.windows(now), now }
    }

    fn text(&self, told: &Told) -> String {
        let mut parts = Vec::new();
        if self.demo {
            parts.push("DEMO".to_owned());
        }
        parts.push(told.model.as_deref().map_or_else(|| "aimon".to_owned(), name));
        if let Some(cost) = &self.cost {
            parts.push(cost.clone());
        }
        for name in ["5h", "7d"] {
            let Some(w) = self.windows.iter().find(|w| w.name == name && !w.is_anew(self.now)) else { continue };
            let mut text = format!("{name} {}", percent(w.used_ppm));
            // The short window is the one that stops people.
            if let Some(s) = w.resets_in(self.now).filter(|_| name == "5h") {
                text.push_str(&format!(" (resets in {})", countdown(s)));
            }
            parts.push(text);
        }
        parts.join(" · ")
    }
}

/// Opens the replica and fills the line. What goes wrong is in the line.
async fn open(zone: Option<&str>, told: &Told, line: &mut Line) -> Result<Open> {
    let opened = try_open(zone, told, line).await;
    if let Err(e) = &opened {
        line.cost = Some(format!("aimon: {}", name(e.code())));
    }
    opened
}

async fn try_open(zone: Option<&str>, told: &Told, line: &mut Line) -> Result<Open> {
    let option = zone;
    dates::zone(option)?;
    let pricing = Pricing::load()?;
    let place = Place::here()?;
    line.demo = place.is_demo();
    let mut writer = place.try_open().await?;
    // A running agent takes the turn in by itself.
    if let Some(transcript) = told.transcript.as_deref().filter(|_| !line.demo)
        && let Some(replica) = writer.take()
    {
        let replica = Mutex::new(replica);
        // What can't be read now is read later.
        let _ = scan::session(&replica, Path::new(transcript), SESSION).await;
        writer = Some(replica.into_inner());
    }
    let mut reader = if writer.is_none() { place.open_read().await? } else { None };
    let mut known = Vec::new();
    if let Some(replica) = writer.as_mut().or(reader.as_mut()) {
        let zone = dates::zone_by(option, &workspace::settings(replica).await?)?;
        let today = Today::of(None, place.now, &zone);
        let query = Query { since: Some(today.local), until: Some(today.local), ..Query::daily(zone) };
        let report = view::report(replica, &query, today.utc, &pricing, &Labels::default()).await?;
        line.cost = Some(format!("today {}", cost(&report.total)));
        known = windows::of(&replica.gauges().await?, place.now);
        if line.windows.is_empty() {
            // This version of Claude Code says nothing of them, or not yet: what was seen last.
            line.windows = known.iter().filter(|w| w.agent() == "claude-code").cloned().collect();
        }
    }
    Ok(Open { place, writer, known })
}

/// Keeps the windows: here, or at the running agent's.
async fn keep(mut open: Open, told: Told) -> Result<()> {
    let kept = keep_windows(&mut open, told).await;
    if let Some(replica) = open.writer.as_mut() {
        replica.settle().await;
    }
    kept
}

async fn keep_windows(open: &mut Open, told: Told) -> Result<()> {
    // What is real never goes into the demo's folder.
    if told.windows.is_empty() || open.place.is_demo() {
        return Ok(());
    }
    let reading = Reading { account: account(&Env::of_process()), windows: told.windows };
    let now = open.place.now;
    if !is_news(&reading, &open.known, now) {
        return Ok(());
    }
    match &mut open.writer {
        Some(replica) => {
            let answer = windows::answer(&reading.account, &reading.windows(now), now);
            replica.record(Commit { events: vec![Event::Answer(answer)], marks: Vec::new(), now }).await?;
        }
        None => {
            if let Some(client) = Client::find(&open.place.home) {
                let body = serde_json::to_vec(&reading).unwrap_or_default();
                let _ = client.post::<serde_json::Value>("/v1/record", &body, PATIENCE);
            }
        }
    }
    Ok(())
}

/// Whether it says something that is not known, or was known too long ago.
pub fn is_news(reading: &Reading, known: &[Window], now: UtcMillis) -> bool {
    reading.windows(now).iter().any(|w| {
        !known.iter().any(|k| {
            let fresh = now.0.saturating_sub(k.seen.0) < AGAIN_MS;
            fresh && *k == Window { seen: k.seen, ..w.clone() }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statusline::Seen;

    #[test]
    fn what_is_known_is_not_kept_again() {
        let reading = |used_ppm| Reading {
            account: "claude-code".into(),
            windows: vec![Seen { window: "5h".into(), used_ppm, resets_at: Some(1), window_seconds: Some(18_000) }],
        };
        let known = reading(5).windows(UtcMillis(0));
        assert!(!is_news(&reading(5), &known, UtcMillis(AGAIN_MS - 1)));
        assert!(is_news(&reading(6), &known, UtcMillis(1)), "another figure");
        assert!(is_news(&reading(5), &known, UtcMillis(AGAIN_MS)), "known long ago");
        assert!(is_news(&reading(5), &[], UtcMillis(0)));
    }
}
