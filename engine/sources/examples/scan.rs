//! Scans this machine's agent logs, then scans them again, keeps nothing, and says how long it took.
//!
//! ```text
//! cargo run --release -p aimon-sources --example scan -- [how often again]
//! ```
#![allow(clippy::print_stdout)]

use std::convert::Infallible;
use std::time::Instant;

use aimon_sources::collector::Env;
use aimon_sources::scan::{Marks, Options, scan};

fn main() {
    let env = Env::of_process();
    let collectors = aimon_sources::collectors();
    let mut marks = Marks::new();
    let again = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(1);
    for round in std::iter::once("cold").chain(std::iter::repeat_n("warm", again)) {
        let mut new = Vec::new();
        let start = Instant::now();
        let result = scan(collectors, &env, &marks, &Options::default(), &mut |read| {
            new.push((read.source, read.key, read.mark));
            Ok::<_, Infallible>(())
        });
        let Ok(summary) = result;
        println!(
            "{round}: {:?}, {} files, {} unchanged, {} MB read, {} events, {} skipped lines, {} unreadable",
            start.elapsed(),
            summary.files,
            summary.unchanged,
            summary.bytes >> 20,
            summary.events,
            summary.skipped.total(),
            summary.unreadable.count,
        );
        for (source, key, mark) in new {
            marks.insert(source, key, mark);
        }
    }
}
