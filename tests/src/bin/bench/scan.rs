//! Cold, warm, with a little that is new; and what a record costs at rest.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use aimon_tests::command::{binary, sealed};
use aimon_tests::sqlite;

use crate::Options;
use crate::logs::{Logs, megabyte};
use crate::measure::{Cost, median, once};
use crate::peers::{Peers, emptied};
use crate::table::{Page, ratio};

/// The product with its data in `data`.
pub fn aimon(logs: &Path, data: &Path, args: &[&str]) -> Command {
    let mut command = sealed(&binary(), logs);
    command.env("AIMON_HOME", data).env("AIMON_RETENTION_DAYS", "3650").args(args);
    command
}

const REPORT: [&str; 6] = ["report", "daily", "--json", "--timezone", "UTC", "--breakdown"];

fn scratch(options: &Options, name: &str) -> PathBuf {
    options.target.join("bench-scratch").join(name)
}

/// Everything for the first time.
pub fn cold(options: &Options, logs: &Logs, peers: &Peers, page: &mut Page) {
    page.head(
        "Cold: everything for the first time",
        &["tool", "wall", "CPU", "peak memory", "wall ratio", "CPU ratio"],
    );
    // Every file is in the page cache from here on, for all alike.
    let _ = once(&mut aimon(&logs.home, &emptied(scratch(options, "warmup")), &["scan"]), None);
    let data = scratch(options, "aimon");
    let ours = median(options.runs, || once(&mut aimon(&logs.home, &emptied(data.clone()), &["scan"]), None));
    let theirs: Vec<_> = peers
        .all()
        .iter()
        .map(|peer| {
            let cost = median(options.runs.min(3), || {
                let home = emptied(scratch(options, peer.name));
                once(&mut peer.report(&logs.home, &home)?, None)
            });
            (peer.name, cost)
        })
        .collect();
    let base = theirs.iter().find(|(name, _)| *name == "ccusage").and_then(|(_, cost)| *cost);
    page.cost("aimon scan", ours, base);
    for (name, cost) in theirs {
        page.cost(name, cost, base);
    }
    page.limit("wall and CPU ≤ 0.15× ccusage's, durable; peak memory ≤ 48 MB");
}

/// Nothing new, then a megabyte.
pub fn warm(options: &Options, logs: &Logs, peers: &Peers, page: &mut Page) {
    let data = scratch(options, "aimon");
    page.head("Warm: a report with nothing new", &["tool", "wall", "CPU", "peak memory", "times faster than ccusage"]);
    let runs = options.runs.max(5) * 3;
    let ours = median(runs, || once(&mut aimon(&logs.home, &data, &REPORT), None));
    let theirs = reports(options, logs, peers, |_| {});
    let base = theirs.iter().find(|(name, _)| *name == "ccusage").and_then(|(_, cost)| *cost);
    page.faster("aimon report daily", ours, base);
    for (name, cost) in theirs {
        page.faster(name, cost, base);
    }
    page.limit("≥ 100× faster than ccusage");

    page.head("Warm: a report with 1 MB new", &["tool", "wall", "CPU", "peak memory", "times faster than ccusage"]);
    let folder = logs.home.join(".claude/projects/-bench-new");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let mut seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() << 12;
    let mut news = |_: usize| {
        seed += 1;
        fs::write(folder.join(format!("{seed}.jsonl")), megabyte(seed)).unwrap();
    };
    let ours = median(options.runs.max(5), || {
        news(0);
        once(&mut aimon(&logs.home, &data, &REPORT), None)
    });
    let theirs = reports(options, logs, peers, &mut news);
    let _ = fs::remove_dir_all(&folder);
    let base = theirs.iter().find(|(name, _)| *name == "ccusage").and_then(|(_, cost)| *cost);
    page.faster("aimon report daily", ours, base);
    for (name, cost) in theirs {
        page.faster(name, cost, base);
    }
    page.limit("≥ 60× faster than ccusage");
}

fn reports(
    options: &Options,
    logs: &Logs,
    peers: &Peers,
    mut before: impl FnMut(usize),
) -> Vec<(&'static str, Option<Cost>)> {
    let mut found = Vec::new();
    for peer in peers.all() {
        let home = scratch(options, peer.name);
        let cost = median(options.runs.min(3), || {
            before(0);
            once(&mut peer.report(&logs.home, &home)?, None)
        });
        found.push((peer.name, cost));
    }
    found
}

/// What runs all day long.
pub fn small(options: &Options, logs: &Logs, page: &mut Page) {
    page.head("Small commands", &["command", "wall", "CPU", "peak memory"]);
    let data = scratch(options, "aimon");
    let turn = br#"{"hook_event_name":"Status","session_id":"bench","model":{"id":"claude-opus-4-8","display_name":"Opus"},"workspace":{"current_dir":"/home/ada/src/atlas"},"version":"2.2.4","cost":{"total_cost_usd":0.42},"context_window":{"used_percentage":12},"rate_limits":{"five_hour":{"used_percentage":23.5,"resets_at":1793890000},"seven_day":{"used_percentage":41.2,"resets_at":1794300000}}}"#;
    let runs = options.runs * 5;
    let status = median(runs, || once(&mut aimon(&logs.home, &data, &["status"]), None));
    let line = median(runs, || once(&mut aimon(&logs.home, &data, &["statusline"]), Some(turn)));
    let version = median(runs, || once(&mut aimon(&logs.home, &data, &["--version"]), None));
    page.plain("aimon status", status);
    page.plain("aimon statusline", line);
    page.plain("aimon --version (a bare start)", version);
    page.limit("`status` and `statusline` < 20 ms");
}

/// What a record takes once it rests.
pub fn at_rest(options: &Options, logs: &Logs, page: &mut Page) {
    page.head("At rest", &["what", "bytes", "a call"]);
    let data = scratch(options, "rest");
    let _ = once(&mut aimon(&logs.home, &emptied(data.clone()), &["scan"]), None);
    let path = sqlite::databases(&data).into_iter().next();
    // As on the next day: the first scan of a day seals the days before.
    if let Some(path) = &path {
        let _ = sqlite::ask(path, "DELETE FROM meta WHERE key = 'sealed' RETURNING key");
    }
    let _ = once(&mut aimon(&logs.home, &data, &["scan"]), None);
    let ask = |sql: &str| -> u64 {
        let answer = path.as_ref().and_then(|p| sqlite::ask(p, sql).ok());
        answer.and_then(|a| a.parse().ok()).unwrap_or(0)
    };
    let per = |bytes: u64| ratio(bytes.into(), u128::from(logs.calls.max(1)));
    let changes = ask("SELECT CAST(sum(length(bytes)) AS TEXT) FROM changes");
    page.row(&["events, identities included", &changes.to_string(), &per(changes)]);
    let marks = ask("SELECT CAST(sum(length(key) + length(value)) AS TEXT) FROM marks");
    page.row(&["read positions", &marks.to_string(), &per(marks)]);
    let whole: u64 = sqlite::databases(&data).iter().filter_map(|p| fs::metadata(p).ok()).map(|m| m.len()).sum();
    page.row(&["the whole database, with derived tables", &whole.to_string(), &per(whole)]);
    page.limit("a record ≤ 28 bytes once sealed, its identity included");
}
