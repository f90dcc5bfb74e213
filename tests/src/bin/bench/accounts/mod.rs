//! What ten accounts cost that are polled each minute.
//!
//! * [`used`]: what they used, and the server that says so.
//! * [`asked`]: the process that asks: the agent's own polling, by a clock that it is given.
//! * [`day`]: a day of it, in minutes.
//! * [`live`]: a few minutes of `aimon up`, in minutes.

mod asked;
mod day;
mod live;
mod used;

pub use asked::ask;

use crate::Options;
use crate::table::Page;

/// How many accounts.
pub const ACCOUNTS: usize = 10;

const MINUTE: i64 = 60_000;

/// A day by a clock that is given.
pub fn measure_day(options: &Options, quick: bool, page: &mut Page) {
    head(page);
    day::measure(options, quick, page);
    page.limit("< 0.5 % of one core, memory flat, sealed bytes ≤ 1.15× delta columns + zstd-19");
}

/// Some minutes by the system's.
pub fn measure_live(options: &Options, quick: bool, page: &mut Page) {
    head(page);
    live::measure(options, quick, page);
    page.limit("< 0.5 % of one core, memory flat");
}

fn head(page: &mut Page) {
    page.head(
        "Ten accounts polled each minute: 5 models × 3 keys each, the sliding window read again",
        &["what", "measured"],
    );
}
