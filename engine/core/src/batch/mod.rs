//! Batches: the events of one commit as one byte value, columnar and delta-encoded.
//!
//! ```text
//! batch   = version:u8=1  section*
//! section = kind:varint  rows:varint  columns:varint  (id:varint  encoding:u8  length:varint)*  values*
//! ```
//!
//! A batch decodes by itself. What a newer version of the product writes into it (another section,
//! another column of a known section) is carried: decoding and encoding gives it back.

mod answers;
pub(crate) mod block;
mod column;
mod differences;
pub mod join;
mod limits;
mod names;
mod pieces;
mod records;
mod settings;
mod sheet;
mod varint;

pub use column::{Carried, Values};
pub use limits::MAX_ROWS;
pub use pieces::{MOST_BYTES, Piece, TooLarge};
pub use sheet::Sheet;

/// The columns that batches are made of, for derived tables.
pub(crate) mod columns {
    pub(crate) use super::answers::total;
    pub(crate) use super::block;
    pub(crate) use super::column::{Columns, Encoding, Writer};
    pub(crate) use super::names::Names;
    pub(crate) use super::varint::{Reader, put};
}

use crate::event::{Answer, AnswerKey, Bucket, Event, Record, Setting, Unchanged};
use crate::name::Name;
use crate::time::UtcMillis;
use column::{Columns, Encoding, Writer};
use names::{Dictionary, Names};
use varint::{Reader, unzigzag, zigzag};

/// The format's version; the batch's first byte.
pub const VERSION: u8 = 1;

const NAMES: u64 = 1;
const CLOCK: u64 = 2;
const RECORDS: u64 = 3;
const ANSWERS: u64 = 4;
const UNCHANGED: u64 = 5;
const SETTINGS: u64 = 6;
/// In the place of [`ANSWERS`], in joined batches.
const DIFFERENCES: u64 = 8;

/// The one column of the sections of names and of the clock.
const VALUE: u64 = 1;

/// Why bytes are no batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The bytes end too early.
    #[error("the batch ends too early")]
    Short,
    /// A newer version of the product wrote it, in a format that this one cannot read.
    #[error("the batch has format {0}; this version reads format {VERSION}")]
    Version(u8),
    /// It breaks a rule of the format.
    #[error("the batch has {0}")]
    Malformed(&'static str),
}

/// What a batch is known by: BLAKE3 of its bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BatchHash(pub [u8; 32]);

impl BatchHash {
    /// The hash of a batch's bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }
}

/// A section of a kind that this version does not know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownSection {
    kind: u64,
    rows: usize,
    columns: Vec<Carried>,
}

/// A batch's bytes, and what of it has a limit that only shows then.
struct Written {
    bytes: Vec<u8>,
    names: usize,
    /// Of the section that has most.
    columns: usize,
}

/// The events of one commit.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Batch {
    /// How far the device's clock was ahead of the last clock that it measured itself against, in
    /// milliseconds, where it has measured.
    pub clock_offset_ms: Option<i64>,
    /// Calls seen in local logs.
    pub records: Vec<Record>,
    /// Answers of providers.
    pub answers: Vec<Answer>,
    /// Notes that an answer was seen again.
    pub unchanged: Vec<Unchanged>,
    /// Values that the workspace's devices agree on.
    pub settings: Vec<Setting>,
    /// Columns of `records`, then of `answers`, `unchanged` and `settings`, that this version does not know.
    pub carried: [Vec<Carried>; 4],
    /// Sections that this version does not know.
    pub unknown: Vec<UnknownSection>,
    /// Names that carried columns may refer to: the dictionary keeps its order.
    pub(crate) dictionary: Vec<Name>,
}

impl Batch {
    /// Sorts events into a batch.
    pub fn new(events: impl IntoIterator<Item = Event>) -> Self {
        let mut batch = Self::default();
        events.into_iter().for_each(|event| batch.push(event));
        batch
    }

    /// Takes one more event.
    pub fn push(&mut self, event: Event) {
        match event {
            Event::Record(r) => self.records.push(r),
            Event::Answer(a) => self.answers.push(a),
            Event::Unchanged(u) => self.unchanged.push(u),
            Event::Setting(s) => self.settings.push(s),
        }
    }

    /// Whether it holds nothing, known or not.
    pub fn is_empty(&self) -> bool {
        self.len() == 0 && self.unknown.is_empty()
    }

    /// How many events that this version knows.
    pub fn len(&self) -> usize {
        self.records.len() + self.answers.len() + self.unchanged.len() + self.settings.len()
    }

    /// Whether there is nothing in it that this version does not know.
    fn is_understood(&self) -> bool {
        self.unknown.is_empty() && self.carried.iter().all(Vec::is_empty)
    }

    /// Keeps the records for which `keep` holds, carried columns included.
    pub fn retain_records(&mut self, keep: impl Fn(&Record) -> bool) {
        let kept: Vec<bool> = self.records.iter().map(&keep).collect();
        self.carried[0].iter_mut().for_each(|c| c.retain(|i| kept.get(i).copied().unwrap_or(false)));
        self.records.retain(keep);
    }

    /// Leaves answers out, and notes about answers, by their keys and the time at which they were observed.
    pub fn retain_answers(&mut self, keep: impl Fn(&AnswerKey, UtcMillis) -> bool) {
        fn sieve<T>(all: &mut Vec<T>, carried: &mut [Carried], keep: impl Fn(&T) -> bool) {
            let kept: Vec<bool> = all.iter().map(&keep).collect();
            carried.iter_mut().for_each(|c| c.retain(|i| kept.get(i).copied().unwrap_or(false)));
            all.retain(keep);
        }
        sieve(&mut self.answers, &mut self.carried[1], |answer| keep(&answer.key, answer.observed));
        sieve(&mut self.unchanged, &mut self.carried[2], |note| keep(&note.key, note.seen));
    }

    /// The batch's bytes. Of more than a batch may hold they can't be read again: what is to be kept goes through
    /// [`Batch::pieces`].
    pub fn encode(&self) -> Vec<u8> {
        self.write(ANSWERS).bytes
    }

    /// The same, with the answers as differences where they can be said so.
    fn encode_joined(&self) -> Vec<u8> {
        self.write(if differences::can_say(&self.answers) { DIFFERENCES } else { ANSWERS }).bytes
    }

    /// With the answers in a section of that kind.
    fn write(&self, answers: u64) -> Written {
        let mut names = Names::default();
        self.dictionary.iter().for_each(|n| {
            names.place(n);
        });
        let (mut w, mut sections) = (Writer::default(), Vec::new());
        records::write(&self.records, &self.carried[0], &mut names, &mut w);
        w.section(RECORDS, self.records.len(), &mut sections);
        match answers {
            DIFFERENCES => differences::write(&self.answers, &mut names, &mut w),
            _ => answers::write(&self.answers, &mut names, &mut w),
        }
        self.carried[1].iter().for_each(|column| w.carried(column));
        w.section(answers, self.answers.len(), &mut sections);
        answers::write_unchanged(&self.unchanged, &self.carried[2], &mut names, &mut w);
        w.section(UNCHANGED, self.unchanged.len(), &mut sections);
        settings::write(&self.settings, &self.carried[3], &mut names, &mut w);
        w.section(SETTINGS, self.settings.len(), &mut sections);
        for unknown in &self.unknown {
            unknown.columns.iter().for_each(|c| w.carried(c));
            w.section(unknown.kind, unknown.rows, &mut sections);
        }

        let mut out = vec![VERSION];
        w.texts(VALUE, names.all().iter());
        w.section(NAMES, names.all().len(), &mut out);
        if let Some(offset) = self.clock_offset_ms {
            w.numbers(VALUE, Encoding::Plain, std::iter::once(zigzag(offset)));
            w.section(CLOCK, 1, &mut out);
        }
        out.append(&mut sections);
        Written { bytes: out, names: names.all().len(), columns: w.most_columns() }
    }

    /// Reads what [`Batch::encode`] wrote, in this version or a newer one.
    ///
    /// # Errors
    /// Why the bytes are no batch.
    pub fn decode(bytes: &[u8]) -> Result<Self, BatchError> {
        Self::read(bytes).map(|(batch, _)| batch)
    }

    /// The same, and how many names it has.
    fn read(bytes: &[u8]) -> Result<(Self, usize), BatchError> {
        let mut batch = Self::default();
        let names = sections(bytes, |kind, rows, mut columns, names| {
            match kind {
                CLOCK => batch.clock_offset_ms = columns.numbers(VALUE, rows)?.first().map(|z| unzigzag(*z)),
                RECORDS => (batch.records, batch.carried[0]) = records::read(columns, rows, names)?,
                ANSWERS | DIFFERENCES => {
                    let (sheet, carried) = read_sheet(kind, columns, rows, names)?;
                    batch.answers.extend((0..rows).map(|at| sheet.answer(at)));
                    batch.carried[1].extend(carried);
                }
                UNCHANGED => (batch.unchanged, batch.carried[2]) = answers::read_unchanged(columns, rows, names)?,
                SETTINGS => (batch.settings, batch.carried[3]) = settings::read(columns, rows, names)?,
                _ => batch.unknown.push(UnknownSection { kind, rows, columns: columns.carried(rows)? }),
            }
            Ok(())
        })?;
        // Only what this version does not understand can refer to names that it does not see.
        if !batch.is_understood() {
            batch.dictionary = names.all().to_vec();
        }
        Ok((batch, names.all().len()))
    }
}

/// Reads a batch's sections one by one: kind, rows, columns, and the names before it. Gives the names.
fn sections(
    bytes: &[u8],
    mut each: impl FnMut(u64, usize, Columns<'_>, &Dictionary) -> Result<(), BatchError>,
) -> Result<Dictionary, BatchError> {
    let mut r = Reader::new(bytes);
    let version = r.byte()?;
    if version != VERSION {
        return Err(BatchError::Version(version));
    }
    let mut names = Dictionary::new(Vec::new());
    let mut seen = Vec::new();
    while !r.is_empty() {
        let kind = r.varint()?;
        let rows = r.len_of(0)?;
        // Answers stand in one of two ways.
        let once = if kind == DIFFERENCES { ANSWERS } else { kind };
        if rows == 0 || seen.contains(&once) {
            return Err(BatchError::Malformed("a section that is empty or stands twice"));
        }
        seen.push(once);
        let mut columns = Columns::read(&mut r)?;
        if kind != NAMES {
            each(kind, rows, columns, &names)?;
            continue;
        }
        let list = columns.texts(VALUE, rows)?;
        // Encoding again would merge two equal names, and carried places would shift.
        if list.iter().collect::<std::collections::HashSet<_>>().len() < list.len() {
            return Err(BatchError::Malformed("a name twice"));
        }
        names = Dictionary::new(list);
    }
    Ok(names)
}

/// Reads the answers, in whichever section they stand.
fn read_sheet(
    kind: u64,
    columns: Columns<'_>,
    rows: usize,
    names: &Dictionary,
) -> Result<(Sheet, Vec<Carried>), BatchError> {
    match kind {
        DIFFERENCES => differences::read(columns, rows, names),
        _ => Sheet::read(columns, rows, names),
    }
}

/// What the figures of a day are made of: a batch's records, and what it says of gauges. The rest, which may be most of it, is
/// stepped over and not looked at.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Figures {
    /// Calls seen in local logs.
    pub records: Vec<Record>,
    /// Answers that are gauges.
    pub gauges: Vec<Answer>,
    /// Notes that a gauge was seen again.
    pub unchanged: Vec<Unchanged>,
    /// Whether it says more of what providers said.
    pub has_buckets: bool,
}

impl Figures {
    /// Reads them out of a batch's bytes.
    ///
    /// # Errors
    /// As [`Batch::decode`], as far as is looked.
    pub fn decode(bytes: &[u8]) -> Result<Self, BatchError> {
        let mut figures = Self::default();
        sections(bytes, |kind, rows, columns, names| {
            figures.has_buckets |=
                matches!(kind, ANSWERS | DIFFERENCES | UNCHANGED) && answers::may_have_buckets(&columns);
            match kind {
                RECORDS => (figures.records, _) = records::read(columns, rows, names)?,
                ANSWERS | DIFFERENCES if answers::may_have_gauges(&columns) => {
                    let (sheet, _) = read_sheet(kind, columns, rows, names)?;
                    figures.gauges.extend(sheet.about(&|_, _, bucket| bucket.is_gauge()));
                }
                UNCHANGED if answers::may_have_gauges(&columns) => {
                    let (notes, _) = answers::read_unchanged(columns, rows, names)?;
                    figures.unchanged = notes.into_iter().filter(|note| note.key.bucket.is_gauge()).collect();
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(figures)
    }
}

/// Of which account, metric and bucket.
pub type About<'a> = &'a (dyn Fn(&Name, &Name, Bucket) -> bool + Sync);

/// What a batch says of what providers said, its answers as they lie in it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Said {
    /// Answers.
    pub answers: Sheet,
    /// Notes that one was seen again.
    pub unchanged: Vec<Unchanged>,
}

impl Said {
    /// Reads it out of a batch's bytes.
    ///
    /// # Errors
    /// As [`Batch::decode`], as far as is looked.
    pub fn decode(bytes: &[u8]) -> Result<Self, BatchError> {
        let mut said = Self::default();
        sections(bytes, |kind, rows, columns, names| {
            match kind {
                ANSWERS | DIFFERENCES => (said.answers, _) = read_sheet(kind, columns, rows, names)?,
                UNCHANGED => (said.unchanged, _) = answers::read_unchanged(columns, rows, names)?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(said)
    }

    /// The answers and notes about some of the keys: of the others, which may be nearly all, no [`Answer`] is made.
    pub fn about(self, is_meant: About<'_>) -> (Vec<Answer>, Vec<Unchanged>) {
        let Self { answers, mut unchanged } = self;
        unchanged.retain(|note| is_meant(&note.key.account, &note.key.metric, note.key.bucket));
        (answers.about(is_meant), unchanged)
    }
}

#[cfg(test)]
mod pieces_tests;
#[cfg(test)]
pub(crate) mod tests;
