//! The sections of answers and of notes that an answer was seen again.

use std::collections::BTreeMap;

use super::BatchError;
use super::column::{Carried, Columns, Encoding, MAX_ROWS, Writer};
use super::names::{Dictionary, Names};
use crate::event::{Answer, AnswerHash, AnswerKey, Bucket, Clock, Row, Unchanged};
use crate::name::Name;
use crate::time::UtcMillis;

// Column ids: part of the format. 1 to 6 are the key's, in both sections.
const ACCOUNT: u64 = 1;
const METRIC: u64 = 2;
const DIMENSIONS: u64 = 3;
const START: u64 = 4;
const WIDTH: u64 = 5;
const SEEN: u64 = 6;
const CLOCK: u64 = 7;
const ROWS: u64 = 8;
const HASH: u64 = 9;
// Nested lists stand in one column of their own count: how many each row has stands in another.
const DIMENSION_NAMES: u64 = 32;
const ROW_VALUES: u64 = 33;
const MEASURES: u64 = 34;
const MEASURE_NAMES: u64 = 35;
const MEASURE_VALUES: u64 = 36;

fn write_keys<'a>(
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

fn read_keys(
    c: &mut Columns<'_>,
    rows: usize,
    names: &Dictionary,
) -> Result<Vec<(AnswerKey, UtcMillis, Clock)>, BatchError> {
    let account = c.numbers(ACCOUNT, rows)?;
    let metric = c.numbers(METRIC, rows)?;
    let dimensions = c.numbers(DIMENSIONS, rows)?;
    let start = c.numbers(START, rows)?;
    let width = c.numbers(WIDTH, rows)?;
    let seen = c.numbers(SEEN, rows)?;
    let clock = c.numbers(CLOCK, rows)?;
    let mut dimension_names = c.numbers(DIMENSION_NAMES, total(&dimensions)?)?.into_iter();
    (0..rows)
        .map(|i| {
            let start = UtcMillis(start[i] as i64);
            let key = AnswerKey {
                account: names.at(account[i])?.clone(),
                metric: names.at(metric[i])?.clone(),
                dimensions: dimension_names
                    .by_ref()
                    .take(dimensions[i] as usize)
                    .map(|p| names.at(p).cloned())
                    .collect::<Result<_, _>>()?,
                bucket: Bucket {
                    start,
                    width: u32::try_from(width[i]).map_err(|_| BatchError::Malformed("a bucket of over 136 years"))?,
                },
            };
            let clock = if clock[i] == 1 { Clock::Provider } else { Clock::Device };
            Ok((key, UtcMillis(start.0.wrapping_add(seen[i] as i64)), clock))
        })
        .collect()
}

pub(super) fn write(answers: &[Answer], carried: &[Carried], names: &mut Names, w: &mut Writer) {
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
    carried.iter().for_each(|c| w.carried(c));
}

pub(super) fn read(
    mut c: Columns<'_>,
    rows: usize,
    names: &Dictionary,
) -> Result<(Vec<Answer>, Vec<Carried>), BatchError> {
    let keys = read_keys(&mut c, rows, names)?;
    let counts = c.numbers(ROWS, rows)?;
    let row_count = total(&counts)?;
    let value_counts: Vec<u64> =
        keys.iter().zip(&counts).map(|((k, ..), n)| (k.dimensions.len() as u64).saturating_mul(*n)).collect();
    let mut values = c.numbers(ROW_VALUES, total(&value_counts)?)?.into_iter();
    let measures = c.numbers(MEASURES, row_count)?;
    let measure_count = total(&measures)?;
    let mut measure_names = c.numbers(MEASURE_NAMES, measure_count)?.into_iter();
    let mut measure_values = c.signed(MEASURE_VALUES, measure_count)?.into_iter();
    let mut measures = measures.into_iter();
    let mut answers = Vec::with_capacity(rows);
    for ((key, observed, clock), count) in keys.into_iter().zip(counts) {
        let mut list = Vec::with_capacity(count as usize);
        for _ in 0..count {
            let n = measures.next().unwrap_or(0) as usize;
            list.push(Row {
                values: values
                    .by_ref()
                    .take(key.dimensions.len())
                    .map(|p| names.at(p).cloned())
                    .collect::<Result<_, _>>()?,
                measures: measure_names
                    .by_ref()
                    .take(n)
                    .zip(measure_values.by_ref().take(n))
                    .map(|(p, v)| Ok((names.at(p)?.clone(), v)))
                    .collect::<Result<BTreeMap<_, _>, BatchError>>()?,
            });
        }
        answers.push(Answer { key, observed, clock, rows: list });
    }
    Ok((answers, c.carried(rows)?))
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
    let keys = read_keys(&mut c, rows, names)?;
    let hashes = c.fixed::<8>(HASH, rows)?;
    let notes = keys
        .into_iter()
        .zip(hashes)
        .map(|((key, seen, clock), hash)| Unchanged { key, answer: AnswerHash(hash), seen, clock })
        .collect();
    Ok((notes, c.carried(rows)?))
}

/// Whether one of a section's keys may be a gauge's: a width of 0 stands in a run, or the column was left out.
pub(super) fn may_have_gauges(columns: &Columns<'_>) -> bool {
    columns.has_zero(WIDTH)
}

/// The sum of a column of counts, within what one section may hold.
fn total(counts: &[u64]) -> Result<usize, BatchError> {
    counts
        .iter()
        .try_fold(0u64, |sum, n| sum.checked_add(*n))
        .filter(|sum| *sum <= MAX_ROWS as u64)
        .map(|sum| sum as usize)
        .ok_or(BatchError::Malformed("too many rows"))
}
