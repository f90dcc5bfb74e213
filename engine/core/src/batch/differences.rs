//! Answers as what each adds to the one before it about the same bucket: a provider that is asked each minute says nearly all of a
//! bucket again as long as that grows.
//!
//! Only joined batches have them, in which the answers of hours stand together; a batch by itself has the section of answers.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::vec::IntoIter;

use super::BatchError;
use super::answers::{MEASURE_NAMES, MEASURE_VALUES, MEASURES, ROW_VALUES, ROWS, total, write_keys};
use super::column::{Carried, Columns, Encoding, Writer};
use super::limits::MAX_ROWS;
use super::names::{Dictionary, Names};
use super::sheet::{Keys, Place, Rows, Sheet, places};
use crate::event::{Answer, AnswerKey, Bucket, Row};
use crate::name::Name;

// Column ids: part of the format. The others are those of the section of answers.
/// How many rows each series' table has. A series is an account's metric by the same dimensions; its table is all rows that any of
/// its answers has, in order.
const TABLES: u64 = 37;
/// How many rows of the answer before are gone.
const GONE: u64 = 38;
/// Which: how many stand between one and the one before it.
const GONE_ROWS: u64 = 39;
/// Which of the table's rows are new: how many stand between one and the one before it, without those that are kept.
const GAPS: u64 = 40;
/// What a measure of a row that is kept has grown by.
const GROWN: u64 = 41;

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
pub(super) fn can_say(answers: &[Answer]) -> bool {
    answers.iter().all(|answer| {
        answer.rows.iter().all(|row| row.values.len() == answer.key.dimensions.len())
            && answer.rows.is_sorted_by(|a, b| a.values < b.values)
    })
}

/// Writes the section.
pub(super) fn write(answers: &[Answer], names: &mut Names, w: &mut Writer) {
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

/// The places of values in the order in which they are written: those of one measure stand together.
fn by_name<T: Ord>(names: &[T]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by_key(|at| names.get(*at));
    order
}

/// Reads it as the sheet that the section of answers would be.
pub(super) fn read(mut c: Columns<'_>, rows: usize, names: &Dictionary) -> Result<(Sheet, Vec<Carried>), BatchError> {
    let keys = Keys::read(&mut c, rows, names)?;
    let (tables, series) = read_tables(&mut c, &keys, names)?;
    let (mut gone, mut new) = (Places::read(&mut c, GONE, GONE_ROWS, rows)?, Places::read(&mut c, ROWS, GAPS, rows)?);

    // Which rows each answer has: how many there are of everything else follows from that.
    let (mut told, mut values): (Vec<Told>, Vec<Place>) = (Vec::new(), Vec::new());
    let mut starts = vec![0];
    let mut last: HashMap<(usize, Bucket), usize> = HashMap::new();
    for at in 0..rows {
        let table = &tables[series[at]];
        let before = last.insert((series[at], keys.bucket[at]), at);
        let before = before.map_or(0..0, |before| starts[before]..starts[before + 1]);
        let start = told.len();
        tell(table.rows, before, &gone.next(), &new.next(), &mut told)?;
        told[start..].iter().for_each(|row| values.extend_from_slice(table.row(row.rank)));
        within_limits(told.len().max(values.len()))?;
        starts.push(told.len());
    }

    let count = told.iter().filter(|row| row.before.is_none()).count();
    let counts = c.numbers(MEASURES, count)?;
    let new_names = places(c.numbers(MEASURE_NAMES, total(&counts)?)?, names)?;
    let mut new_values = vec![0; new_names.len()];
    let by_name = by_name(&new_names).into_iter().zip(c.signed(MEASURE_VALUES, new_names.len())?);
    by_name.for_each(|(at, value)| new_values[at] = value);

    let (mut measures, mut measure_names) = (vec![0], Vec::new());
    let (mut counts, mut of_new) = (counts.into_iter(), new_names.iter().copied());
    for row in &told {
        match row.before {
            Some(before) => measure_names.extend_from_within(measures[before]..measures[before + 1]),
            None => measure_names.extend(of_new.by_ref().take(counts.next().unwrap_or_default() as usize)),
        }
        within_limits(measure_names.len())?;
        measures.push(measure_names.len());
    }
    let mut grown = c.sparse(GROWN, measure_names.len() - new_names.len())?.into_iter();
    let mut of_new = new_values.into_iter();
    let mut measure_values: Vec<i128> = Vec::with_capacity(measure_names.len());
    for (nth, row) in told.iter().enumerate() {
        match row.before {
            Some(before) => (measures[before]..measures[before + 1]).for_each(|at| {
                measure_values.push(measure_values[at].wrapping_add(grown.next().flatten().unwrap_or_default()))
            }),
            None => measure_values.extend(of_new.by_ref().take(measures[nth + 1] - measures[nth])),
        }
    }
    let told = Rows { starts, values, measures, measure_names, measure_values };
    Ok((Sheet::of(names, keys, told)?, c.carried(rows)?))
}

/// A row of an answer: which of its table, and which row of the answer before it was.
struct Told {
    rank: usize,
    before: Option<usize>,
}

/// Appends an answer's rows, in order: those of the answer before but for some, and new ones, each by how many rows of the table
/// stand before it that are not kept.
fn tell(
    table: usize,
    before: Range<usize>,
    gone: &[usize],
    new: &[usize],
    told: &mut Vec<Told>,
) -> Result<(), BatchError> {
    let is_there = |place: Option<&usize>, count: usize| place.is_none_or(|place| *place < count);
    if !is_there(gone.last(), before.len()) || !is_there(new.last(), table) {
        return Err(BatchError::Malformed("a row that is not there"));
    }
    let kept = before.enumerate().filter(|(nth, _)| gone.binary_search(nth).is_err());
    let kept: Vec<Told> = kept.map(|(_, at)| Told { rank: told[at].rank, before: Some(at) }).collect();
    let mut kept = kept.into_iter().peekable();
    let mut behind = 0;
    for place in new {
        while let Some(row) = kept.next_if(|row| row.rank <= place + behind) {
            told.push(row);
            behind += 1;
        }
        let rank = place + behind;
        if rank >= table {
            return Err(BatchError::Malformed("a row that is not there"));
        }
        told.push(Told { rank, before: None });
    }
    told.extend(kept);
    Ok(())
}

fn within_limits(rows: usize) -> Result<(), BatchError> {
    if rows > MAX_ROWS { Err(BatchError::Malformed("too many rows")) } else { Ok(()) }
}

/// Lists of ascending places, of which each says how many it leaves out.
struct Places {
    counts: IntoIter<u64>,
    gaps: IntoIter<u64>,
}

impl Places {
    fn read(c: &mut Columns<'_>, counts: u64, gaps: u64, lists: usize) -> Result<Self, BatchError> {
        let counts = c.numbers(counts, lists)?;
        let gaps = c.numbers(gaps, total(&counts)?)?;
        Ok(Self { counts: counts.into_iter(), gaps: gaps.into_iter() })
    }

    fn next(&mut self) -> Vec<usize> {
        let mut next = 0usize;
        let place = |gap: u64| {
            let place = next.saturating_add(usize::try_from(gap).unwrap_or(usize::MAX));
            next = place.saturating_add(1);
            place
        };
        self.gaps.by_ref().take(self.counts.next().unwrap_or_default() as usize).map(place).collect()
    }
}

/// All rows that any answer of a series has.
struct Table {
    rows: usize,
    width: usize,
    values: Vec<Place>,
}

impl Table {
    fn row(&self, rank: usize) -> &[Place] {
        &self.values[rank * self.width..(rank + 1) * self.width]
    }
}

/// The tables, in the order in which their series begin, and which one's each answer is.
fn read_tables(c: &mut Columns<'_>, keys: &Keys, names: &Dictionary) -> Result<(Vec<Table>, Vec<usize>), BatchError> {
    let mut numbers: HashMap<(Place, Place, &[Place]), usize> = HashMap::new();
    let (mut series, mut widths) = (Vec::with_capacity(keys.bucket.len()), Vec::new());
    for at in 0..keys.bucket.len() {
        let dimensions = keys.dimensions(at);
        let number = *numbers.entry((keys.account[at], keys.metric[at], dimensions)).or_insert(widths.len());
        if number == widths.len() {
            widths.push(dimensions.len());
        }
        series.push(number);
    }
    let sizes = c.numbers(TABLES, widths.len())?;
    total(&sizes)?;
    let cells: Vec<u64> = sizes.iter().zip(&widths).map(|(rows, width)| rows.saturating_mul(*width as u64)).collect();
    let mut values = places(c.numbers(ROW_VALUES, total(&cells)?)?, names)?.into_iter();
    let table = |(rows, width): (u64, usize)| {
        let rows = rows as usize;
        Table { rows, width, values: values.by_ref().take(rows * width).collect() }
    };
    Ok((sizes.into_iter().zip(widths).map(table).collect(), series))
}
