//! Does a longer history make anything slower? The logs of its last 18 days are still there, as
//! they would be: agents delete theirs after a month.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::Options;
use crate::logs;
use crate::measure::{median, once};
use crate::peers::emptied;
use crate::scan::aimon;
use crate::table::{Page, times};

const END: u64 = 1_793_880_000;

/// Today's report, and a start, over histories of 18, 180 and 1,800 days.
pub fn measure(options: &Options, quick: bool, page: &mut Page) {
    page.head(
        "Growth",
        &[
            "history",
            "calls",
            "today's report",
            "status",
            "a start without a scan",
            "today's report, no log ever deleted",
        ],
    );
    let lengths: &[u32] = if quick { &[18, 180] } else { &[18, 180, 1_800] };
    for days in lengths {
        let made = logs::history(options, *days);
        let scratch = options.target.join("bench-scratch");
        let data = emptied(scratch.join(format!("history-{days}")));
        let home = emptied(scratch.join("growth"));
        link(&made.home, &home, SystemTime::UNIX_EPOCH);
        let _ = once(&mut aimon(&home, &data, &["scan"]), None);
        let run = |args: &[&str]| median(options.runs * 5, || once(&mut aimon(&home, &data, args), None));
        let today = ["--timezone", "UTC", "--as-of", "2026-11-05"];
        let report = [&["report", "daily", "--json", "--since", "2026-11-05"][..], &today].concat();
        // An agent that never deletes a log: each file has to be looked at.
        let all = run(&report);
        // The agents delete what is old; at the next scan it is seen to be gone.
        let home = emptied(home.clone());
        link(&made.home, &home, SystemTime::UNIX_EPOCH + Duration::from_secs(END - 18 * 86_400));
        let _ = run(&["scan"]);
        let recent = run(&report);
        let status = run(&[&["status"][..], &today].concat());
        let start = run(&[&["status", "--no-scan"][..], &today].concat());
        let days = format!("{days} days");
        page.row(&[&days, &made.calls.to_string(), &times(recent), &times(status), &times(start), &times(all)]);
    }
    page.limit("no slower with a longer history: p50 within 20 %");
}

/// Links what changed since then, below the same paths.
fn link(from: &Path, to: &Path, since: SystemTime) {
    let mut folders = vec![from.to_owned()];
    while let Some(folder) = folders.pop() {
        // A root that is empty is still there (`.codex/sessions`).
        let relative = folder.strip_prefix(from).unwrap();
        if relative.components().count() <= 2 {
            fs::create_dir_all(to.join(relative)).unwrap();
        }
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.metadata().and_then(|m| m.modified()).is_ok_and(|t| t >= since) {
                let place = to.join(path.strip_prefix(from).unwrap());
                fs::create_dir_all(place.parent().unwrap()).unwrap();
                fs::hard_link(&path, &place).unwrap();
            }
        }
    }
}
