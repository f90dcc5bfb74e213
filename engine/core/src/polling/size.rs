//! How large an answer may be.

use aimon_ledger::chunk;

use crate::batch::Batch;
use crate::event::{Answer, Event};

/// The most bytes of an answer: it has to fit a chunk, with what lies around it.
const MOST_BYTES: usize = chunk::MOST_BYTES - 20 * 1024;

/// The most that a count or a measure takes, and a name's length.
const FIGURE: usize = 20;

/// Whether an answer can be recorded. What is larger than a chunk can't travel, and whoever recorded it with others would lose those.
pub fn fits(answer: &Answer) -> bool {
    let texts = |row: &crate::event::Row| {
        let values = row.values.iter().map(|value| value.len() + FIGURE);
        let measures = row.measures.keys().map(|name| name.len() + 2 * FIGURE);
        values.chain(measures).sum::<usize>()
    };
    // Most answers are small by far, and need not be written to see it.
    answer.rows.iter().map(texts).sum::<usize>() < MOST_BYTES / 2
        || Batch::new([Event::Answer(answer.clone())]).encode().len() <= MOST_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{AnswerKey, Bucket, Clock, Row};
    use crate::time::UtcMillis;

    fn answer(rows: usize, value: impl Fn(usize) -> String) -> Answer {
        let bucket = Bucket { start: UtcMillis(0), width: 60 };
        let key = AnswerKey { account: "a".into(), metric: "m".into(), dimensions: vec!["key".into()], bucket };
        let row = |n: usize| Row { values: vec![value(n).into()], measures: [("requests".into(), 1)].into() };
        let mut rows: Vec<Row> = (0..rows).map(row).collect();
        rows.sort();
        Answer { key, observed: UtcMillis(60_000), clock: Clock::Provider, rows }
    }

    /// Texts of so many characters that no two have much in common.
    fn text(n: usize, length: usize) -> String {
        let hash = |part: usize| blake3::hash(format!("{n} {part}").as_bytes()).to_hex().to_string();
        (0..length.div_ceil(64)).map(hash).collect::<String>().chars().take(length).collect()
    }

    #[test]
    fn an_answer_fits_if_it_can_be_recorded_by_itself() {
        assert!(fits(&answer(0, |_| String::new())));
        assert!(fits(&answer(500, |n| text(n, 64))));
        assert!(!fits(&answer(5_000, |n| text(n, 256))));
        // Whatever is not looked at more closely is smaller than that.
        for rows in [10, 400, 1_000, 3_000] {
            let answer = answer(rows, |n| text(n, 40));
            let length = Batch::new([Event::Answer(answer.clone())]).encode().len();
            assert_eq!(fits(&answer), length <= MOST_BYTES, "{rows}: {length}");
        }
    }
}
