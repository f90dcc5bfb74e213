//! The relay under load: a real process with its database on the disk, and devices that sign real chunks. The load generator
//! runs on the same cores.

mod crowd;
mod growth;
mod idle;
mod load;

use std::path::PathBuf;

use aimon_tests::Relay;

use crate::Options;
use crate::peers::emptied;
use crate::table::Page;

/// How much is asked of it.
#[derive(Clone, Copy)]
pub struct Size {
    /// Rows that the database holds before it is measured.
    pub rows: usize,
    /// For how many seconds a load is held.
    pub seconds: u64,
    /// Devices that only listen.
    pub idle: usize,
    /// Other workspaces, and chunks of a history.
    pub growth: &'static [usize],
}

/// All of a real measurement, or a part of it that shows whether anything is badly wrong.
pub fn size(quick: bool) -> Size {
    if quick {
        Size { rows: 100_000, seconds: 10, idle: 1_000, growth: &[10, 1_000] }
    } else {
        Size { rows: 1_000_000, seconds: 60, idle: 5_000, growth: &[10, 1_000, 10_000] }
    }
}

/// Durable chunks a second, and how long one takes.
pub fn load(options: &Options, size: Size, page: &mut Page) {
    runtime().block_on(load::measure(&scratch(options, "load"), size, page));
}

/// Devices that only listen, and how fast a poll reaches those that it is for.
pub fn idle(options: &Options, size: Size, page: &mut Page) {
    runtime().block_on(idle::measure(&scratch(options, "idle"), size, page));
}

/// Whether more workspaces, or a longer history, make anything slower.
pub fn growth(options: &Options, size: Size, page: &mut Page) {
    runtime().block_on(growth::measure(&scratch(options, "growth"), size, page));
}

/// A relay whose limits are not what is measured.
fn relay(data: &std::path::Path, more: &[&str]) -> Relay {
    let limits = ["--device-rate", "1000000", "--quota", "1000000000000"];
    Relay::with(data, &[&limits[..], more].concat(), "warn")
}

fn scratch(options: &Options, name: &str) -> PathBuf {
    emptied(options.target.join("bench-scratch").join("relay").join(name)).join("data")
}

/// One thread: the other core is the relay's.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}
