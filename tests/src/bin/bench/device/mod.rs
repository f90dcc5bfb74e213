//! A device's side: what chunks weigh, and how soon a new device knows everything.

mod arrive;
mod poll;
mod samod;
mod weight;

use crate::Options;
use crate::table::Page;

/// How many days of polls.
pub fn days(quick: bool) -> i32 {
    if quick { 30 } else { 180 }
}

/// The bytes of chunks, sealed, and of one poll.
pub fn weight(quick: bool, page: &mut Page) {
    weight::measure(if quick { 2 } else { 5 }, page);
    poll::measure(page);
}

/// A new device, from the welcome to its first full report; a week later; beside it samod.
pub fn arrive(options: &Options, quick: bool, page: &mut Page) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (days, full) = arrive::samples(options, days(quick), page).await;
        samod::measure(days, full, page);
        page.limit("< 1 s, and ≤ 1/20 of samod's");
        arrive::records(options, page).await;
    });
}
