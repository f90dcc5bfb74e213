//! As they rest: blocks of a dictionary and columns, as batches have them.

use super::heard::Span;
use super::{DayReadings, Heard, Reading, ReadingKey};
use crate::batch::BatchError;
use crate::batch::columns::{Encoding, Names, Reader, Writer, block, total};
use crate::event::Bucket;
use crate::name::Name;
use crate::time::{UtcDay, UtcMillis};

/// The most readings of one block, and the most dimensions and measures of them: all their names fit one dictionary.
const BLOCK_ROWS: usize = 8192;
const BLOCK_LISTS: usize = 16_384;

const ACCOUNT: u64 = 1;
const METRIC: u64 = 2;
const START: u64 = 3;
const WIDTH: u64 = 4;
const SETTLED: u64 = 5;
const DIMENSIONS: u64 = 6;
const MEASURES: u64 = 7;
const DIMENSION_NAMES: u64 = 32;
const VALUES: u64 = 33;
const MEASURE_NAMES: u64 = 34;
const MEASURE_VALUES: u64 = 35;

const NEWEST: u64 = 3;
const SETTLED_SPANS: u64 = 4;
const COARSE_SPANS: u64 = 5;
const STARTS: u64 = 32;
const LENGTHS: u64 = 33;

type Row = (ReadingKey, Reading);

impl DayReadings {
    /// Bytes for a derived table: how many bytes of blocks of readings there are, these, and blocks of what was heard.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![0; 8];
        let lists = |(key, reading): &Row| (key.dimensions.len(), reading.measures.len());
        in_blocks(&self.readings, lists, |rows| encode_block(rows, &mut out));
        let readings = (out.len() as u64).saturating_sub(8);
        out[..8].copy_from_slice(&readings.to_le_bytes());
        let lists = |heard: &Heard| (heard.settled.len() + heard.coarse.len(), 0);
        in_blocks(&self.heard, lists, |rows| encode_heard(rows, &mut out));
        out
    }

    /// Reads what [`DayReadings::encode`] wrote.
    ///
    /// # Errors
    /// The bytes are something else.
    pub fn decode(day: UtcDay, bytes: &[u8]) -> Result<Self, BatchError> {
        let (length, bytes) = bytes.split_first_chunk().ok_or(BatchError::Short)?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| BatchError::Short)?;
        let (blocks, rest) = bytes.split_at_checked(length).ok_or(BatchError::Short)?;
        let (mut readings, mut heard) = (Vec::new(), Vec::new());
        let mut r = Reader::new(blocks);
        while !r.is_empty() {
            decode_block(&mut r, &mut readings)?;
        }
        let mut r = Reader::new(rest);
        while !r.is_empty() {
            decode_heard(&mut r, &mut heard)?;
        }
        Ok(Self { day, readings, heard })
    }
}

/// Rows in blocks, of each of which the names fit one dictionary, and the lists memory.
fn in_blocks<T>(rows: &[T], lists: impl Fn(&T) -> (usize, usize), mut write: impl FnMut(&[T])) {
    let (mut from, mut one, mut other) = (0, 0, 0);
    for (at, row) in rows.iter().enumerate() {
        let (more, and) = lists(row);
        (one, other) = (one + more, other + and);
        if at - from == BLOCK_ROWS || (at > from && one.max(other) > BLOCK_LISTS) {
            write(&rows[from..at]);
            (from, one, other) = (at, more, and);
        }
    }
    write(&rows[from..]);
}

fn encode_heard(rows: &[Heard], out: &mut Vec<u8>) {
    if rows.is_empty() {
        return;
    }
    let mut names = Names::default();
    let accounts: Vec<u64> = rows.iter().map(|heard| names.place(&heard.account)).collect();
    let metrics: Vec<u64> = rows.iter().map(|heard| names.place(&heard.metric)).collect();
    let spans = || rows.iter().flat_map(|heard| heard.settled.iter().chain(&heard.coarse));
    let mut w = Writer::default();
    w.numbers(ACCOUNT, Encoding::Runs, accounts.into_iter());
    w.numbers(METRIC, Encoding::Runs, metrics.into_iter());
    w.numbers(NEWEST, Encoding::Delta, rows.iter().map(|heard| heard.newest.0 as u64));
    w.numbers(SETTLED_SPANS, Encoding::Runs, rows.iter().map(|heard| heard.settled.len() as u64));
    w.numbers(COARSE_SPANS, Encoding::Runs, rows.iter().map(|heard| heard.coarse.len() as u64));
    w.numbers(STARTS, Encoding::Delta, spans().map(|(from, _)| from.0 as u64));
    w.numbers(LENGTHS, Encoding::Runs, spans().map(|(from, to)| to.0.wrapping_sub(from.0) as u64));
    block::write(&names, w, rows.len(), out);
}

fn decode_heard(r: &mut Reader<'_>, heard: &mut Vec<Heard>) -> Result<(), BatchError> {
    let (names, rows, mut c) = block::read(r)?;
    let (account, metric, newest) = (c.numbers(ACCOUNT, rows)?, c.numbers(METRIC, rows)?, c.numbers(NEWEST, rows)?);
    let (settled, coarse) = (c.numbers(SETTLED_SPANS, rows)?, c.numbers(COARSE_SPANS, rows)?);
    let count = total(&settled)?.checked_add(total(&coarse)?).ok_or(BatchError::Malformed("too many spans"))?;
    let (starts, lengths) = (c.numbers(STARTS, count)?, c.numbers(LENGTHS, count)?);
    let span = |(from, length): (u64, u64)| -> Span {
        let from = from as i64;
        (UtcMillis(from), UtcMillis(from.wrapping_add(length as i64)))
    };
    let mut spans = starts.into_iter().zip(lengths).map(span);
    for at in 0..rows {
        heard.push(Heard {
            account: names.at(account[at])?.clone(),
            metric: names.at(metric[at])?.clone(),
            newest: UtcMillis(newest[at] as i64),
            settled: spans.by_ref().take(settled[at] as usize).collect(),
            coarse: spans.by_ref().take(coarse[at] as usize).collect(),
        });
    }
    Ok(())
}

fn encode_block(rows: &[Row], out: &mut Vec<u8>) {
    if rows.is_empty() {
        return;
    }
    let mut names = Names::default();
    let mut places = |of: &dyn Fn(&Row, &mut Names, &mut Vec<u64>)| -> Vec<u64> {
        let mut list = Vec::new();
        rows.iter().for_each(|row| of(row, &mut names, &mut list));
        list
    };
    let accounts = places(&|(key, _), n, list| list.push(n.place(&key.account)));
    let metrics = places(&|(key, _), n, list| list.push(n.place(&key.metric)));
    let dimensions = places(&|(key, _), n, list| list.extend(key.dimensions.iter().map(|(of, _)| n.place(of))));
    let values = places(&|(key, _), n, list| list.extend(key.dimensions.iter().map(|(_, value)| n.place(value))));
    let measures = places(&|(_, reading), n, list| list.extend(reading.measures.iter().map(|(of, _)| n.place(of))));
    let mut w = Writer::default();
    let runs = Encoding::Runs;
    w.numbers(ACCOUNT, runs, accounts.into_iter());
    w.numbers(METRIC, runs, metrics.into_iter());
    w.numbers(START, Encoding::Delta, rows.iter().map(|(key, _)| key.span.start.0 as u64));
    w.numbers(WIDTH, runs, rows.iter().map(|(key, _)| u64::from(key.span.width)));
    w.numbers(SETTLED, runs, rows.iter().map(|(_, reading)| u64::from(reading.is_settled)));
    w.numbers(DIMENSIONS, runs, rows.iter().map(|(key, _)| key.dimensions.len() as u64));
    w.numbers(MEASURES, runs, rows.iter().map(|(_, reading)| reading.measures.len() as u64));
    w.numbers(DIMENSION_NAMES, runs, dimensions.into_iter());
    w.numbers(VALUES, Encoding::Delta, values.into_iter());
    w.numbers(MEASURE_NAMES, Encoding::Delta, measures.into_iter());
    w.signed(MEASURE_VALUES, rows.iter().flat_map(|(_, reading)| reading.measures.iter().map(|(_, value)| *value)));
    block::write(&names, w, rows.len(), out);
}

fn decode_block(r: &mut Reader<'_>, readings: &mut Vec<Row>) -> Result<(), BatchError> {
    let (names, rows, mut c) = block::read(r)?;
    let (account, metric) = (c.numbers(ACCOUNT, rows)?, c.numbers(METRIC, rows)?);
    let (start, width) = (c.numbers(START, rows)?, c.numbers(WIDTH, rows)?);
    let settled = c.numbers(SETTLED, rows)?;
    let (dimensions, measures) = (c.numbers(DIMENSIONS, rows)?, c.numbers(MEASURES, rows)?);
    let (dimension_count, measure_count) = (total(&dimensions)?, total(&measures)?);
    let mut dimension_names = c.numbers(DIMENSION_NAMES, dimension_count)?.into_iter();
    let mut values = c.numbers(VALUES, dimension_count)?.into_iter();
    let mut measure_names = c.numbers(MEASURE_NAMES, measure_count)?.into_iter();
    let mut measure_values = c.signed(MEASURE_VALUES, measure_count)?.into_iter();
    let name = |place: u64| -> Result<Name, BatchError> { names.at(place).cloned() };
    readings.reserve(rows);
    for at in 0..rows {
        let pairs = dimension_names.by_ref().zip(values.by_ref()).take(dimensions[at] as usize);
        let dimensions = pairs.map(|(of, value)| Ok((name(of)?, name(value)?))).collect::<Result<_, BatchError>>()?;
        let some = measure_names.by_ref().zip(measure_values.by_ref()).take(measures[at] as usize);
        let measures = some.map(|(of, value)| Ok((name(of)?, value))).collect::<Result<_, BatchError>>()?;
        let key = ReadingKey {
            account: name(account[at])?,
            metric: name(metric[at])?,
            span: Bucket {
                start: UtcMillis(start[at] as i64),
                width: u32::try_from(width[at]).map_err(|_| BatchError::Malformed("a span of over 136 years"))?,
            },
            dimensions,
        };
        readings.push((key, Reading { measures, is_settled: settled[at] == 1 }));
    }
    Ok(())
}
