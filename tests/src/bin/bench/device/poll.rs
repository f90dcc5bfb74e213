//! What one poll travels in: ten accounts, three of whose values have changed.

use aimon_core::batch::Batch;
use aimon_core::event::{Answer, AnswerKey, Bucket, Clock, Event, Row};
use aimon_core::time::UtcMillis;
use aimon_ledger::frame::Frame;
use aimon_tests::bench::author::{Author, statements};

use crate::table::Page;

const NOW: UtcMillis = UtcMillis(20_700 * 86_400_000 + 43_200_000);

/// A poll's push.
pub fn measure(page: &mut Page) {
    page.head("A poll of ten accounts with three changed values", &["", "bytes"]);
    let mut author = Author::new(statements(), NOW);
    let mut bytes = Vec::new();
    for poll in 0..100_i64 {
        let now = UtcMillis(NOW.0 + poll * 60_000);
        // What did not change is not repeated.
        let changed = (0..3).map(|n| balance((poll * 3 + n) % 10, 1_000_000 - poll * 1_117, now));
        let chunk = author.record(now.day(), Batch::new(changed.map(Event::Answer)));
        bytes.push(Frame::Push(vec![chunk.bytes().to_vec()]).encode().unwrap().len());
    }
    bytes.sort_unstable();
    page.row(&["a push, the median of 100", &bytes[bytes.len() / 2].to_string()]);
    page.limit("≤ 350 bytes of frame payload");
}

fn balance(account: i64, micros: i64, now: UtcMillis) -> Answer {
    Answer {
        key: AnswerKey {
            account: format!("org-{account:02}-4f9d2c1e").into(),
            metric: "credits".into(),
            dimensions: vec![],
            bucket: Bucket { start: now, width: 0 },
        },
        observed: now,
        clock: Clock::Provider,
        rows: vec![Row { values: vec![], measures: [("left_pusd".into(), i128::from(micros) * 1_000_000)].into() }],
    }
}
