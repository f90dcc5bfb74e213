//! From answers to differences.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};

use super::super::answers::{MEASURE_NAMES, MEASURE_VALUES, MEASURES, ROW_VALUES, ROWS, write_keys};
use super::super::column::{Encoding, Writer};
use super::super::names::Names;
use super::{GAPS, GONE, GONE_ROWS, GROWN, TABLES, by_name};
use crate::event::{Answer, AnswerKey, Row};
use crate::name::Name;

type Series<'a> = (&'a Name, &'a Name, &'a [Name]);

fn series(key: &AnswerKey) -> Series<'_> {
    (&key.account, &key.metric, &key.dimensions)
}

/// What an answer's rows are to those of the answer before.
#[derive(Default)]
struct Difference<'a> {
    /// Rows before that are gone: the how manieth each was.
    gone: Vec<usize>,
    /// The others, as they were and as they are.
    kept: Vec<(&'a Row, &'a Row)>,
    /// Rows that are new, and how many rows that are kept stand before each.
    new: Vec<(usize, &'a Row)>,
}

impl<'a> Difference<'a> {
    fn of(before: &'a [Row], now: &'a [Row]) -> Self {
        let mut difference = Self::default();
        let (mut before, mut now) = (before.iter().enumerate().peekable(), now.iter().peekable());
        loop {
            let order = match (before.peek(), now.peek()) {
                (None, None) => return difference,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((_, old)), Some(row)) => old.values.cmp(&row.values),
            };
            let (old, row) = (before.next_if(|_| order.is_le()), now.next_if(|_| order.is_ge()));
            match (old, row) {
                (Some((_, old)), Some(row)) if old.measures.keys().eq(row.measures.keys()) => {
                    difference.kept.push((old, row));
                }
                _ => {
                    difference.gone.extend(old.map(|(nth, _)| nth));
                    difference.new.extend(row.map(|row| (difference.kept.len(), row)));
                }
            }
        }
    }
}

/// Whether they can be said so: the rows of each are in order, each once, with a value for each dimension. All that is recorded is.
pub(in crate::batch) fn can_say(answers: &[Answer]) -> bool {
    answers.iter().all(|answer| {
        answer.rows.iter().all(|row| row.values.len() == answer.key.dimensions.len())
            && answer.rows.is_sorted_by(|a, b| a.values < b.values)
    })
}

/// Writes the section.
pub(in crate::batch) fn write(answers: &[Answer], names: &mut Names, w: &mut Writer) {
    if answers.is_empty() {
        return;
    }
    write_keys(answers.iter().map(|a| (&a.key, a.observed, a.clock)), names, w);
    let mut numbers: HashMap<Series<'_>, usize> = HashMap::new();
    let mut tables: Vec<BTreeSet<&[Name]>> = Vec::new();
    for answer in answers {
        let number = *numbers.entry(series(&answer.key)).or_insert(tables.len());
        let rows = answer.rows.iter().map(|row| row.values.as_slice());
        match tables.get_mut(number) {
            Some(table) => table.extend(rows),
            None => tables.push(rows.collect()),
        }
    }
    w.numbers(TABLES, Encoding::Runs, tables.iter().map(|table| table.len() as u64));
    let values: Vec<u64> = tables.iter().flatten().copied().flatten().map(|name| names.place(name)).collect();
    w.numbers(ROW_VALUES, Encoding::Delta, values.into_iter());
    let tables: Vec<HashMap<&[Name], usize>> =
        tables.into_iter().map(|table| table.into_iter().zip(0..).collect()).collect();

    let (mut gone, mut gone_rows, mut counts, mut gaps) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut new, mut kept): (Vec<&Row>, Vec<(&Row, &Row)>) = (Vec::new(), Vec::new());
    let mut last: HashMap<&AnswerKey, &Answer> = HashMap::new();
    for answer in answers {
        let before = last.insert(&answer.key, answer).map_or(&[][..], |before| &before.rows);
        let table = numbers.get(&series(&answer.key)).and_then(|number| tables.get(*number));
        let rank = |row: &Row| table.and_then(|table| table.get(row.values.as_slice())).copied().unwrap_or_default();
        let difference = Difference::of(before, &answer.rows);
        gone.push(difference.gone.len() as u64);
        put_gaps(difference.gone, &mut gone_rows);
        counts.push(difference.new.len() as u64);
        put_gaps(difference.new.iter().map(|(behind, row)| rank(row) - behind), &mut gaps);
        new.extend(difference.new.into_iter().map(|(_, row)| row));
        kept.extend(difference.kept);
    }
    w.numbers(GONE, Encoding::Runs, gone.into_iter());
    w.numbers(GONE_ROWS, Encoding::Plain, gone_rows.into_iter());
    w.numbers(ROWS, Encoding::Runs, counts.into_iter());
    w.numbers(GAPS, Encoding::Plain, gaps.into_iter());
    let measures = || new.iter().flat_map(|row| &row.measures);
    let of: Vec<u64> = measures().map(|(name, _)| names.place(name)).collect();
    let values: Vec<i128> = measures().map(|(_, value)| *value).collect();
    w.numbers(MEASURES, Encoding::Runs, new.iter().map(|row| row.measures.len() as u64));
    let by_name: Vec<i128> = by_name(&of).into_iter().filter_map(|at| values.get(at).copied()).collect();
    w.numbers(MEASURE_NAMES, Encoding::Delta, of.into_iter());
    w.signed(MEASURE_VALUES, by_name.into_iter());
    let grown = kept.iter().flat_map(|(old, row)| old.measures.values().zip(row.measures.values()));
    w.sparse(GROWN, grown.map(|(old, now)| Some(now.wrapping_sub(*old)).filter(|by| *by != 0)));
}

/// Ascending places as how many each leaves out.
fn put_gaps(places: impl IntoIterator<Item = usize>, out: &mut Vec<u64>) {
    let mut next = 0;
    for place in places {
        out.push((place - next) as u64);
        next = place + 1;
    }
}
