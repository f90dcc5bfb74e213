//! A batch's answers as they lie in it, a column a field: what sums a day of them makes no [`Answer`] of each.

use super::answers::{
    ACCOUNT, CLOCK, DIMENSION_NAMES, DIMENSIONS, MEASURE_NAMES, MEASURE_VALUES, MEASURES, METRIC, ROW_VALUES, ROWS,
    SEEN, START, WIDTH, total,
};
use super::column::{Carried, Columns};
use super::names::Dictionary;
use super::{About, BatchError};
use crate::event::{Answer, AnswerKey, Bucket, Clock, Row};
use crate::name::Name;
use crate::time::UtcMillis;

/// A place in the sheet's names.
pub(crate) type Place = u32;

/// The keys of answers, or of notes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Keys {
    pub(crate) account: Vec<Place>,
    pub(crate) metric: Vec<Place>,
    pub(crate) bucket: Vec<Bucket>,
    pub(crate) seen: Vec<(Clock, UtcMillis)>,
    dimension_names: Vec<Place>,
    /// Where each key's begin, and where the last one's end.
    dimensions: Vec<usize>,
}

impl Keys {
    pub(super) fn read(c: &mut Columns<'_>, rows: usize, names: &Dictionary) -> Result<Self, BatchError> {
        let account = places(c.numbers(ACCOUNT, rows)?, names)?;
        let metric = places(c.numbers(METRIC, rows)?, names)?;
        let dimensions = c.numbers(DIMENSIONS, rows)?;
        let start = c.numbers(START, rows)?;
        let width = c.numbers(WIDTH, rows)?;
        let seen = c.numbers(SEEN, rows)?;
        let clock = c.numbers(CLOCK, rows)?;
        let dimension_names = places(c.numbers(DIMENSION_NAMES, total(&dimensions)?)?, names)?;
        let seen = start.iter().zip(seen).zip(clock).map(|((start, seen), clock)| {
            let clock = if clock == 1 { Clock::Provider } else { Clock::Device };
            (clock, UtcMillis(start.wrapping_add(seen) as i64))
        });
        let seen = seen.collect();
        let bucket = start.into_iter().zip(width).map(|(start, width)| {
            let width = u32::try_from(width).map_err(|_| BatchError::Malformed("a bucket of over 136 years"))?;
            Ok(Bucket { start: UtcMillis(start as i64), width })
        });
        let bucket = bucket.collect::<Result<_, BatchError>>()?;
        Ok(Self { account, metric, bucket, seen, dimension_names, dimensions: offsets(&dimensions) })
    }

    /// One's dimensions' names.
    pub(crate) fn dimensions(&self, at: usize) -> &[Place] {
        within(&self.dimension_names, &self.dimensions, at)
    }

    pub(super) fn key(&self, at: usize, names: &[Name]) -> AnswerKey {
        AnswerKey {
            account: names[self.account[at] as usize].clone(),
            metric: names[self.metric[at] as usize].clone(),
            dimensions: self.dimensions(at).iter().map(|place| names[*place as usize].clone()).collect(),
            bucket: self.bucket[at],
        }
    }
}

/// The rows of many answers, one behind the other.
pub(super) struct Rows {
    /// Where each answer's rows begin, and where the last one's end.
    pub(super) starts: Vec<usize>,
    /// Their values, as many of each row as its answer has dimensions.
    pub(super) values: Vec<Place>,
    /// Where each row's measures begin, and where the last one's end.
    pub(super) measures: Vec<usize>,
    pub(super) measure_names: Vec<Place>,
    pub(super) measure_values: Vec<i128>,
}

/// A section of answers. Each place in it is one of its names.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sheet {
    names: Vec<Name>,
    pub(crate) keys: Keys,
    /// Where each answer's rows begin.
    rows: Vec<usize>,
    values: Vec<Place>,
    measure_names: Vec<Place>,
    measure_values: Vec<i128>,
    /// Where each row's measures begin.
    measures: Vec<usize>,
    /// Where each answer's values begin.
    answer_values: Vec<usize>,
}

impl Sheet {
    pub(super) fn read(
        mut c: Columns<'_>,
        rows: usize,
        names: &Dictionary,
    ) -> Result<(Self, Vec<Carried>), BatchError> {
        let keys = Keys::read(&mut c, rows, names)?;
        let counts = c.numbers(ROWS, rows)?;
        let row_count = total(&counts)?;
        let of_dimensions = |at: usize| keys.dimensions(at).len() as u64;
        let value_counts: Vec<u64> =
            counts.iter().enumerate().map(|(at, count)| of_dimensions(at).saturating_mul(*count)).collect();
        let values = places(c.numbers(ROW_VALUES, total(&value_counts)?)?, names)?;
        let measures = c.numbers(MEASURES, row_count)?;
        let measure_count = total(&measures)?;
        let measure_names = places(c.numbers(MEASURE_NAMES, measure_count)?, names)?;
        let measure_values = c.signed(MEASURE_VALUES, measure_count)?;
        let (starts, measures) = (offsets(&counts), offsets(&measures));
        let told = Rows { starts, values, measures, measure_names, measure_values };
        Ok((Self::of(names, keys, told)?, c.carried(rows)?))
    }

    /// The answers with these keys.
    pub(super) fn of(names: &Dictionary, keys: Keys, told: Rows) -> Result<Self, BatchError> {
        let Rows { starts, values, measures, measure_names, measure_values } = told;
        let values_of = |(at, row): (usize, &[usize])| (keys.dimensions(at).len() * (row[1] - row[0])) as u64;
        let counts: Vec<u64> = starts.windows(2).enumerate().map(values_of).collect();
        let sheet = Self {
            names: names.all().to_vec(),
            keys,
            rows: starts,
            values,
            measure_names,
            measure_values,
            measures,
            answer_values: offsets(&counts),
        };
        sheet.has_measures_once()?;
        Ok(sheet)
    }

    /// A row that says one measure twice would count as one or as two, by who reads it.
    fn has_measures_once(&self) -> Result<(), BatchError> {
        let mut last = vec![usize::MAX; self.names.len()];
        for row in 0..self.measures.len() - 1 {
            for place in within(&self.measure_names, &self.measures, row) {
                if std::mem::replace(&mut last[*place as usize], row) == row {
                    return Err(BatchError::Malformed("a measure twice"));
                }
            }
        }
        Ok(())
    }

    /// The names that places are in.
    pub(crate) fn names(&self) -> &[Name] {
        &self.names
    }

    /// The rows of one answer: their values, and their measures by name.
    pub(crate) fn rows(&self, at: usize) -> impl Iterator<Item = (&[Place], &[Place], &[i128])> {
        let dimensions = self.keys.dimensions(at).len();
        let values = within(&self.values, &self.answer_values, at);
        let rows = self.rows[at]..self.rows[at + 1];
        rows.enumerate().map(move |(nth, row)| {
            let values = &values[nth * dimensions..(nth + 1) * dimensions];
            (
                values,
                within(&self.measure_names, &self.measures, row),
                within(&self.measure_values, &self.measures, row),
            )
        })
    }

    /// Some of the answers, each by itself.
    pub(super) fn about(&self, is_meant: About<'_>) -> Vec<Answer> {
        let name = |place: Place| &self.names[place as usize];
        let Keys { account, metric, bucket, .. } = &self.keys;
        let meant = (0..bucket.len()).filter(|at| is_meant(name(account[*at]), name(metric[*at]), bucket[*at]));
        meant.map(|at| self.answer(at)).collect()
    }

    /// One answer by itself.
    pub(crate) fn answer(&self, at: usize) -> Answer {
        let name = |place: &Place| self.names[*place as usize].clone();
        let (clock, observed) = self.keys.seen[at];
        let rows = self.rows(at).map(|(values, names, measures)| Row {
            values: values.iter().map(name).collect(),
            measures: names.iter().map(name).zip(measures.iter().copied()).collect(),
        });
        Answer { key: self.keys.key(at, &self.names), observed, clock, rows: rows.collect() }
    }
}

/// Numbers as places, each of which is one of the names.
pub(super) fn places(numbers: Vec<u64>, names: &Dictionary) -> Result<Vec<Place>, BatchError> {
    let count = names.all().len() as u64;
    match numbers.iter().all(|place| *place < count) {
        true => Ok(numbers.into_iter().map(|place| place as Place).collect()),
        false => Err(BatchError::Malformed("a name that is not there")),
    }
}

/// Where each of lists that lie one behind the other begins, and where the last ends.
fn offsets(counts: &[u64]) -> Vec<usize> {
    let mut offsets = Vec::with_capacity(counts.len() + 1);
    let mut at = 0;
    offsets.push(at);
    for count in counts {
        at += *count as usize;
        offsets.push(at);
    }
    offsets
}

fn within<'a, T>(all: &'a [T], offsets: &[usize], at: usize) -> &'a [T] {
    &all[offsets[at]..offsets[at + 1]]
}
