//! What a day of 10 providers polled each minute weighs as sealed chunks, headers and signatures included.

use aimon_core::batch::Batch;
use aimon_core::event::Event;
use aimon_core::time::{UtcDay, UtcMillis};
use aimon_tests::bench::author::{Author, statements};
use aimon_tests::bench::segment;

use crate::table::{Page, ratio};

/// The first of the days.
const FIRST: i32 = 20_700;

/// In how many processes such a day is written, at most: one every five minutes.
const WRITERS: usize = 288;

/// One writer a day; then 288.
pub fn measure(days: i32, page: &mut Page) {
    page.head(
        "The chunk log of 10 providers polled each minute, once it is sealed",
        &["", "bytes a day", "against delta columns + zstd-19", "chunks a day", "before it is sealed"],
    );
    for writers in [1, WRITERS] {
        let now = UtcMillis(i64::from(FIRST + days) * 86_400_000 + 1);
        let mut author = Author::new(statements(), now);
        let (mut least, mut before) = (0, 0);
        for day in FIRST..FIRST + days {
            let polls = segment::day(day);
            least += segment::least(&polls).unwrap();
            for polls in polls.chunks(polls.len() / writers) {
                if writers > 1 {
                    author.restart(now);
                }
                for poll in polls {
                    let batch = Batch::new(poll.iter().cloned().map(Event::Answer));
                    before += author.record(UtcDay(day), batch).bytes().len();
                }
            }
        }
        author.seal(UtcDay(FIRST + days));
        let bytes: usize = author.chunks().map(|chunk| chunk.bytes().len()).sum();
        let (each, count) = (bytes / days as usize, author.chunks().count());
        page.row(&[
            &format!("{writers} writers a day"),
            &each.to_string(),
            &format!("{}×", ratio(bytes as u128, least as u128)),
            &ratio(count as u128, days as u128),
            &format!("{} bytes a day", before / days as usize),
        ]);
    }
    page.limit("≤ 1.15× with one writer; 288 beside it");
}
