//! The sections of answers and of notes that an answer was seen again.

use super::BatchError;
use super::column::{Carried, Columns, Encoding, Writer};
use super::limits::MAX_ROWS;
use super::names::{Dictionary, Names};
use super::sheet::Keys;
use crate::event::{Answer, AnswerHash, AnswerKey, Clock, Unchanged};
use crate::name::Name;
use crate::time::UtcMillis;

// Column ids: part of the format. 1 to 6 are the key's, in both sections.
pub(super) const ACCOUNT: u64 = 1;
pub(super) const METRIC: u64 = 2;
pub(super) const DIMENSIONS: u64 = 3;
pub(super) const START: u64 = 4;
pub(super) const WIDTH: u64 = 5;
pub(super) const SEEN: u64 = 6;
pub(super) const CLOCK: u64 = 7;
pub(super) const ROWS: u64 = 8;
const HASH: u64 = 9;
// Nested lists stand in one column of their own count: how many each row has stands in another.
pub(super) const DIMENSION_NAMES: u64 = 32;
pub(super) const ROW_VALUES: u64 = 33;
pub(super) const MEASURES: u64 = 34;
pub(super) const MEASURE_NAMES: u64 = 35;
pub(super) const MEASURE_VALUES: u64 = 36;

pub(super) fn write_keys<'a>(
    keys: impl Iterator<Item = (&'a AnswerKey, UtcMillis, Clock)> + Clone,
    names: &mut Names,
    w: &mut Writer,
) {
    let mut places = |of: &dyn Fn(&AnswerKey, &mut Names, &mut Vec<u64>)| -> Vec<u64> {
        let mut list = Vec::new();
        keys.clone().for_each(|(k, ..)| of(k, names, &mut list));
        list
    };
    let accounts = places(&|k, n, l| l.push(n.place(&k.account)));
    let metrics = places(&|k, n, l| l.push(n.place(&k.metric)));
    let dimensions = places(&|k, n, l| l.extend(k.dimensions.iter().map(|d| n.place(d))));
    w.numbers(ACCOUNT, Encoding::Runs, accounts.into_iter());
    w.numbers(METRIC, Encoding::Runs, metrics.into_iter());
    w.numbers(DIMENSIONS, Encoding::Runs, keys.clone().map(|(k, ..)| k.dimensions.len() as u64));
    w.numbers(START, Encoding::Delta, keys.clone().map(|(k, ..)| k.bucket.start.0 as u64));
    w.numbers(WIDTH, Encoding::Runs, keys.clone().map(|(k, ..)| u64::from(k.bucket.width)));
    // A gauge is mostly seen when it begins, a bucket a while after.
    w.numbers(SEEN, Encoding::Delta, keys.clone().map(|(k, seen, _)| seen.0.wrapping_sub(k.bucket.start.0) as u64));
    w.numbers(CLOCK, Encoding::Runs, keys.map(|(_, _, c)| u64::from(c == Clock::Provider)));
    w.numbers(DIMENSION_NAMES, Encoding::Runs, dimensions.into_iter());
}

pub(super) fn write(answers: &[Answer], names: &mut Names, w: &mut Writer) {
    if answers.is_empty() {
        return;
    }
    write_keys(answers.iter().map(|a| (&a.key, a.observed, a.clock)), names, w);
    let rows = || answers.iter().flat_map(|a| &a.rows);
    w.numbers(ROWS, Encoding::Runs, answers.iter().map(|a| a.rows.len() as u64));
    // A row has as many values as its key has dimensions; missing ones are empty.
    let empty = Name::default();
    let values: Vec<u64> = answers
        .iter()
        .flat_map(|a| a.rows.iter().flat_map(|r| (0..a.key.dimensions.len()).map(|i| r.values.get(i))))
        .map(|v| names.place(v.unwrap_or(&empty)))
        .collect();
    let measure_names: Vec<u64> = rows().flat_map(|r| r.measures.keys()).map(|n| names.place(n)).collect();
    w.numbers(ROW_VALUES, Encoding::Delta, values.into_iter());
    w.numbers(MEASURES, Encoding::Runs, rows().map(|r| r.measures.len() as u64));
    w.numbers(MEASURE_NAMES, Encoding::Delta, measure_names.into_iter());
    w.signed(MEASURE_VALUES, rows().flat_map(|r| r.measures.values().copied()));
}

pub(super) fn write_unchanged(notes: &[Unchanged], carried: &[Carried], names: &mut Names, w: &mut Writer) {
    if notes.is_empty() {
        return;
    }
    write_keys(notes.iter().map(|u| (&u.key, u.seen, u.clock)), names, w);
    w.fixed(HASH, notes.iter().map(|u| u.answer.0));
    carried.iter().for_each(|c| w.carried(c));
}

pub(super) fn read_unchanged(
    mut c: Columns<'_>,
    rows: usize,
    names: &Dictionary,
) -> Result<(Vec<Unchanged>, Vec<Carried>), BatchError> {
    let keys = Keys::read(&mut c, rows, names)?;
    let hashes = c.fixed::<8>(HASH, rows)?;
    let notes = hashes.into_iter().enumerate().map(|(at, hash)| {
        let (clock, seen) = keys.seen[at];
        Unchanged { key: keys.key(at, names.all()), answer: AnswerHash(hash), seen, clock }
    });
    let notes = notes.collect();
    Ok((notes, c.carried(rows)?))
}

/// Whether one of a section's keys may be a gauge's: a width of 0 stands in a run, or the column was left out.
pub(super) fn may_have_gauges(columns: &Columns<'_>) -> bool {
    columns.has_zero(WIDTH)
}

/// Whether one of a section's keys may be a bucket's.
pub(super) fn may_have_buckets(columns: &Columns<'_>) -> bool {
    columns.has_other(WIDTH)
}

/// The sum of a column of counts, within what one section may hold.
pub(crate) fn total(counts: &[u64]) -> Result<usize, BatchError> {
    counts
        .iter()
        .try_fold(0u64, |sum, n| sum.checked_add(*n))
        .filter(|sum| *sum <= MAX_ROWS as u64)
        .map(|sum| sum as usize)
        .ok_or(BatchError::Malformed("too many rows"))
}
