//! The least that a day of readings needs: delta columns, zstd-19. What is stored is held to it.

use std::collections::BTreeMap;

use aimon_core::batch::Batch;
use aimon_core::event::{Answer, AnswerKey, Unchanged};
use aimon_core::name::Name;

/// What tells the columns of one series from another's.
type Series<'a> = (&'a Name, &'a Name, &'a [Name]);

fn series(key: &AnswerKey) -> Series<'_> {
    (&key.account, &key.metric, &key.dimensions)
}

/// The bytes of all answers and notes of some batches, without names, framing, hashes or ids: a column for each series' times, and for
/// each of its rows' measures; in the order in which they were observed, or bucket by bucket, whichever is less.
///
/// # Errors
/// Those of zstd.
pub fn least(batches: &[Batch]) -> std::io::Result<usize> {
    let observed = columns(batches, &|answer| (answer.observed.0, answer.key.bucket.start.0));
    let by_bucket = columns(batches, &|answer| (answer.key.bucket.start.0, answer.observed.0));
    let size = |bytes: &[u8]| zstd::bulk::compress(bytes, 19).map(|packed| packed.len());
    Ok(size(&observed)?.min(size(&by_bucket)?))
}

fn columns(batches: &[Batch], order: &dyn Fn(&Answer) -> (i64, i64)) -> Vec<u8> {
    let mut answers: BTreeMap<Series<'_>, Vec<&Answer>> = BTreeMap::new();
    let mut notes: BTreeMap<Series<'_>, Vec<&Unchanged>> = BTreeMap::new();
    for batch in batches {
        batch.answers.iter().for_each(|answer| answers.entry(series(&answer.key)).or_default().push(answer));
        batch.unchanged.iter().for_each(|note| notes.entry(series(&note.key)).or_default().push(note));
    }
    let mut out = Vec::new();
    for all in answers.values_mut() {
        all.sort_by_key(|answer| order(answer));
        put(all.iter().map(|answer| answer.key.bucket.start.0.into()), &mut out);
        put(all.iter().map(|answer| (answer.observed.0 - answer.key.bucket.start.0).into()), &mut out);
        put(all.iter().map(|answer| answer.rows.len() as i128), &mut out);
        rows(all, &mut out);
    }
    for all in notes.values_mut() {
        all.sort_by_key(|note| (note.key.bucket.start, note.seen));
        put(all.iter().map(|note| note.key.bucket.start.0.into()), &mut out);
        put(all.iter().map(|note| (note.seen.0 - note.key.bucket.start.0).into()), &mut out);
    }
    out
}

/// Which rows there are, and a column for each of their measures.
fn rows(answers: &[&Answer], out: &mut Vec<u8>) {
    let mut which = Vec::new();
    let mut numbers: BTreeMap<&[Name], i128> = BTreeMap::new();
    let mut measures: BTreeMap<(i128, &Name), Vec<i128>> = BTreeMap::new();
    for row in answers.iter().flat_map(|answer| &answer.rows) {
        let next = numbers.len() as i128;
        let number = *numbers.entry(&row.values).or_insert(next);
        which.push(number);
        row.measures.iter().for_each(|(name, value)| measures.entry((number, name)).or_default().push(*value));
    }
    put(which, out);
    measures.into_values().for_each(|column| put(column, out));
}

/// A column: deltas as varints.
pub(super) fn put(values: impl IntoIterator<Item = i128>, out: &mut Vec<u8>) {
    let mut before = 0;
    for value in values {
        let delta: i128 = value - before;
        before = value;
        let mut zigzag = ((delta << 1) ^ (delta >> 127)) as u128;
        while zigzag >= 0x80 {
            out.push(zigzag as u8 | 0x80);
            zigzag >>= 7;
        }
        out.push(zigzag as u8);
    }
}
