//! Many batches as few, and apart again byte for byte: what a compressor needs is long columns of one kind.
//!
//! ```text
//! joined = group*
//! group  = section 7 (the index, a row for each batch)  length:varint  batch (the events of all of them)
//! ```

use super::column::{Columns, Encoding, Writer};
use super::limits::{MAX_ROWS, rows};
use super::varint::{Reader, put};
use super::{Batch, BatchError};

/// The index's kind; what its columns say of each batch.
const INDEX: u64 = 7;
const RECORDS: u64 = 1;
const ANSWERS: u64 = 2;
const UNCHANGED: u64 = 3;
const SETTINGS: u64 = 4;
const CLOCK: u64 = 5;

/// Appends batches, joined; `None` if one holds what this version does not understand, or could not be told apart again.
pub fn join<'b>(batches: impl IntoIterator<Item = &'b [u8]>, out: &mut Vec<u8>) -> Option<()> {
    let (mut group, mut full) = (Group::default(), 0);
    for bytes in batches {
        let (batch, names) = Batch::read(bytes).ok()?;
        if !batch.is_understood() {
            return None;
        }
        if let Some(before) = group.add(batch, names)? {
            before.write(out);
            full += 1;
        }
    }
    group.write(out);
    (full < MOST_GROUPS).then_some(())
}

/// The batches in joined ones, as they were.
///
/// # Errors
/// Why the bytes are none.
pub fn part(joined: &[u8]) -> Result<Vec<Vec<u8>>, BatchError> {
    let mut batches = Vec::new();
    for Written { index, batch } in groups(joined)? {
        let all = Batch::decode(batch)?;
        if !all.is_understood() {
            // Whoever joined it knew whose it is; it would be lost here.
            return Err(BatchError::Malformed("something that only a newer version can take apart"));
        }
        let (mut records, mut answers) = (all.records.into_iter(), all.answers.into_iter());
        let (mut unchanged, mut settings) = (all.unchanged.into_iter(), all.settings.into_iter());
        for row in index {
            let [some, of_answers, of_notes, of_settings] = row.counts;
            let batch = Batch {
                clock_offset_ms: row.clock_offset_ms,
                records: records.by_ref().take(some).collect(),
                answers: answers.by_ref().take(of_answers).collect(),
                unchanged: unchanged.by_ref().take(of_notes).collect(),
                settings: settings.by_ref().take(of_settings).collect(),
                ..Batch::default()
            };
            if batch.len() as u64 != row.counts.iter().map(|n| *n as u64).sum::<u64>() {
                return Err(BatchError::Malformed("fewer events than it says"));
            }
            batches.push(batch.encode());
        }
        if records.len() + answers.len() + unchanged.len() + settings.len() > 0 {
            return Err(BatchError::Malformed("more events than it says"));
        }
    }
    Ok(batches)
}

/// The batches in which the events of all of them lie, in as few as they were joined into.
///
/// # Errors
/// As [`part`], as far as is looked.
pub fn gathered(joined: &[u8]) -> Result<Vec<&[u8]>, BatchError> {
    Ok(groups(joined)?.into_iter().map(|group| group.batch).collect())
}

/// The most groups: each but the last is full, and a part of a segment fills far fewer. Runs cost nothing a row, so without a limit a few
/// thousand bytes would be billions of rows.
const MOST_GROUPS: usize = 64;

/// A group as it lies in joined batches.
struct Written<'a> {
    index: Vec<IndexRow>,
    batch: &'a [u8],
}

/// The groups, one behind the other.
fn groups(joined: &[u8]) -> Result<Vec<Written<'_>>, BatchError> {
    let (mut r, mut groups) = (Reader::new(joined), Vec::new());
    while !r.is_empty() {
        if groups.len() == MOST_GROUPS {
            return Err(BatchError::Malformed("too many groups"));
        }
        groups.push(Written { index: read_index(&mut r)?, batch: read_batch(&mut r)? });
    }
    Ok(groups)
}

/// A column of at least so many bytes is compressed by itself.
const LONG: usize = 512;

/// Where long columns begin and end in joined batches, ascending. Columns of unlike bytes compress a twentieth worse as one.
///
/// # Errors
/// As [`part`], as far as is looked.
pub fn seams(joined: &[u8]) -> Result<Vec<usize>, BatchError> {
    let (mut r, mut seams) = (Reader::new(joined), Vec::new());
    while !r.is_empty() {
        read_index(&mut r)?;
        let mut batch = Reader::new(read_batch(&mut r)?);
        let start = joined.len() - r.len() - batch.len();
        let length = batch.len();
        batch.byte()?;
        while !batch.is_empty() {
            let (_kind, _rows) = (batch.varint()?, batch.varint()?);
            let lengths = Columns::read(&mut batch)?.lengths();
            let mut at = start + length - batch.len() - lengths.iter().sum::<usize>();
            for column in lengths {
                if column >= LONG {
                    seams.extend([at, at + column]);
                }
                at += column;
            }
        }
    }
    seams.dedup();
    Ok(seams)
}

/// What the index says of a batch: how many events of each kind it has, and its clock.
#[derive(Clone, Copy)]
struct IndexRow {
    counts: [usize; 4],
    clock_offset_ms: Option<i64>,
}

fn read_index(r: &mut Reader<'_>) -> Result<Vec<IndexRow>, BatchError> {
    if r.varint()? != INDEX {
        return Err(BatchError::Malformed("no index"));
    }
    let rows = r.len_of(0)?;
    let mut columns = Columns::read(r)?;
    let counts = [RECORDS, ANSWERS, UNCHANGED, SETTINGS].map(|id| columns.numbers(id, rows));
    let [records, answers, unchanged, settings] = counts;
    let (records, answers, unchanged, settings) = (records?, answers?, unchanged?, settings?);
    let clocks = columns.sparse(CLOCK, rows)?;
    let rows = records.into_iter().zip(answers).zip(unchanged).zip(settings).zip(clocks);
    rows.map(|((((records, answers), unchanged), settings), clock)| {
        let counts = [records, answers, unchanged, settings];
        if counts.iter().any(|n| *n > MAX_ROWS as u64) {
            return Err(BatchError::Malformed("too many rows"));
        }
        let clock_offset_ms = clock
            .map(|ms| i64::try_from(ms).map_err(|_| BatchError::Malformed("a clock that can't be")))
            .transpose()?;
        Ok(IndexRow { counts: counts.map(|n| n as usize), clock_offset_ms })
    })
    .collect()
}

fn read_batch<'a>(r: &mut Reader<'a>) -> Result<&'a [u8], BatchError> {
    let length = r.len_of(1)?;
    r.bytes(length)
}

/// Batches whose events fit one.
#[derive(Default)]
struct Group {
    index: Vec<IndexRow>,
    /// Rows of each section, and of the lists in it.
    rows: [usize; 9],
    /// It has no more names than this: those of several batches are counted anew where that matters.
    names: usize,
    all: Batch,
}

impl Group {
    /// Takes one more, with so many names; gives the batches before it if all together would be too many rows or names. `None` if
    /// it alone is.
    fn add(&mut self, batch: Batch, names: usize) -> Option<Option<Self>> {
        let more = rows(&batch);
        if more.iter().any(|n| *n > MAX_ROWS) {
            return None;
        }
        let has_many = self.rows.iter().zip(more).any(|(held, n)| held + n > MAX_ROWS);
        let mut is_full = self.index.len() == MAX_ROWS || has_many;
        if self.names + names > MAX_ROWS {
            // Mostly they are the same in every batch. Where they are not it ends here: counting them again soon would take long.
            self.names = self.all.write(super::ANSWERS).names;
            is_full |= self.names > MAX_ROWS / 2 || self.names + names > MAX_ROWS;
        }
        let full = is_full.then(|| std::mem::take(self));
        self.rows.iter_mut().zip(more).for_each(|(held, n)| *held += n);
        self.names += names;
        let counts = [batch.records.len(), batch.answers.len(), batch.unchanged.len(), batch.settings.len()];
        self.index.push(IndexRow { counts, clock_offset_ms: batch.clock_offset_ms });
        self.all.records.extend(batch.records);
        self.all.answers.extend(batch.answers);
        self.all.unchanged.extend(batch.unchanged);
        self.all.settings.extend(batch.settings);
        Some(full)
    }

    fn write(self, out: &mut Vec<u8>) {
        if self.index.is_empty() {
            return;
        }
        let mut w = Writer::default();
        for (at, id) in [RECORDS, ANSWERS, UNCHANGED, SETTINGS].into_iter().enumerate() {
            w.numbers(id, Encoding::Runs, self.index.iter().map(|row| row.counts[at] as u64));
        }
        w.sparse(CLOCK, self.index.iter().map(|row| row.clock_offset_ms.map(i128::from)));
        w.section(INDEX, self.index.len(), out);
        let batch = self.all.encode_joined();
        put(out, batch.len() as u64);
        out.extend_from_slice(&batch);
    }
}
