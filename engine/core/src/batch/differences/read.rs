//! From differences to answers.

use std::collections::HashMap;
use std::ops::Range;
use std::vec::IntoIter;

use super::super::BatchError;
use super::super::answers::{MEASURE_NAMES, MEASURE_VALUES, MEASURES, ROW_VALUES, ROWS, total};
use super::super::column::{Carried, Columns};
use super::super::limits::MAX_ROWS;
use super::super::names::Dictionary;
use super::super::sheet::{Keys, Place, Rows, Sheet, places};
use super::{GAPS, GONE, GONE_ROWS, GROWN, TABLES, by_name};
use crate::event::Bucket;

/// Reads it as the sheet that the section of answers would be.
pub(in crate::batch) fn read(
    mut c: Columns<'_>,
    rows: usize,
    names: &Dictionary,
) -> Result<(Sheet, Vec<Carried>), BatchError> {
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
