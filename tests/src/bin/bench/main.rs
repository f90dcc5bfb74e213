//! `cargo xtask bench`: the product beside its peers, in one run, on one folder of logs.
//!
//! Prints a table and writes it to `target/bench.md`. It asserts nothing: a busy machine is no bug.
//! Ratios are what to look at; seconds are this machine's.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

mod accounts;
mod device;
mod growth;
mod idle;
mod logs;
mod measure;
mod peers;
mod relay;
mod scan;
mod table;

use std::path::PathBuf;

/// How the benchmark is run.
pub struct Options {
    /// Runs of each command; the median counts.
    pub runs: usize,
    /// Days of logs.
    pub days: u32,
    /// Where generated logs are kept between runs, and everything else for this one.
    pub target: PathBuf,
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    // Logs are made by a process of their own: what this one holds would show in its children's peaks.
    if let ["--generate", kind, days, into] = words.as_slice() {
        return logs::generate(kind, days.parse().unwrap(), into.as_ref());
    }
    // What asks accounts is a process of its own, too: it is what is measured.
    if let ["--ask", home, url, days] = words.as_slice() {
        return accounts::ask(home.as_ref(), url, days.parse().unwrap());
    }
    let quick = words.contains(&"--quick");
    let number = |name: &str, or: usize| {
        let at = words.iter().position(|w| *w == name);
        at.and_then(|at| words.get(at + 1)).map_or(or, |n| n.parse().expect("a number"))
    };
    let options = Options {
        runs: number("--runs", if quick { 3 } else { 5 }),
        days: number("--days", if quick { 30 } else { 180 }) as u32,
        target: target(),
    };
    let mut page = table::Page::new(&options);
    // `--only segment,growth`: what is being worked on. `warm` and `small` go on from where `cold` stops.
    let only = words.iter().position(|w| *w == "--only").and_then(|at| words.get(at + 1));
    let wanted = |part: &str| only.is_none_or(|only| only.split(',').any(|one| one == part));
    devices(&options, quick, &wanted, &mut page);
    if ["cold", "warm", "small", "rest", "growth", "idle"].into_iter().any(wanted) {
        alone(&options, quick, &wanted, &mut page);
    }
    page.write(&options.target.join("bench.md"));
}

/// Several devices, and what is between them.
fn devices(options: &Options, quick: bool, wanted: &dyn Fn(&str) -> bool, page: &mut table::Page) {
    let size = relay::size(quick);
    if wanted("segment") {
        page.segment();
    }
    if wanted("weight") {
        device::weight(quick, page);
    }
    if wanted("arrive") {
        device::arrive(options, quick, page);
    }
    if wanted("accounts") {
        accounts::measure_day(options, quick, page);
    }
    if wanted("accounts-live") {
        accounts::measure_live(options, quick, page);
    }
    if wanted("relay") {
        relay::load(options, size, page);
    }
    if wanted("relay-idle") {
        relay::idle(options, size, page);
    }
    if wanted("relay-growth") {
        relay::growth(options, size, page);
    }
}

/// One device and its logs.
fn alone(options: &Options, quick: bool, wanted: &dyn Fn(&str) -> bool, page: &mut table::Page) {
    let logs = logs::bench(options);
    page.say(&logs.says());
    let peers = peers::Peers::find();
    if wanted("cold") {
        scan::cold(options, &logs, &peers, page);
    }
    if wanted("warm") {
        scan::warm(options, &logs, &peers, page);
    }
    if wanted("small") {
        scan::small(options, &logs, page);
    }
    if wanted("rest") {
        scan::at_rest(options, &logs, page);
    }
    if wanted("growth") {
        growth::measure(options, quick, page);
    }
    if wanted("idle") {
        idle::measure(options, &logs, page);
    }
}

/// The target folder: the one that holds this program.
fn target() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let target = program.ancestors().find(|p| p.file_name().is_some_and(|n| n == "target"));
    target.map_or_else(|| program.parent().and_then(|p| p.parent()).unwrap().to_owned(), |t| t.to_owned())
}
