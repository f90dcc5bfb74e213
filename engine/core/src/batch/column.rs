//! Columns: one field of all rows of a section, in one of six encodings.
//!
//! ```text
//! section = kind:varint  rows:varint  columns:varint  (id:varint  encoding:u8  length:varint)*  values*
//! ```
//!
//! A section lists its columns, then come their values: what is the same in every batch (the list,
//! columns of equal rows) stays together, and what differs stays together behind it. Compressing a
//! segment then costs few bytes a batch beside the figures themselves.
//!
//! A column says its encoding and length, so a reader that does not know the column still carries
//! it row by row. A column whose rows are all 0 (or all absent) is left out.

use super::BatchError;
use super::limits::MAX_COLUMNS;
use super::varint::{Reader, put, put_signed, unzigzag, zigzag};
use crate::name::Name;

/// How a column's values are laid out. The numbers are part of the format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Encoding {
    /// A varint a row.
    Plain = 0,
    /// The zigzag varint of the wrapping difference to the row before (to 0 for the first).
    Delta = 1,
    /// Pairs of varints: a value, and how many rows have it.
    Runs = 2,
    /// A varint w, then w bytes a row.
    Fixed = 3,
    /// For each row that has a value: the number of rows skipped since the last, then the value as
    /// a zigzag varint of up to 128 bits.
    Sparse = 4,
    /// Texts, one a row: see [`super::names`].
    Texts = 5,
}

/// A column's values, decoded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Values {
    /// Plain, delta and run-length columns.
    Numbers(Vec<u64>),
    /// Fixed-width bytes, concatenated.
    Bytes {
        /// Bytes a row.
        width: usize,
        /// All rows' bytes.
        bytes: Vec<u8>,
    },
    /// A value where there is one.
    Sparse(Vec<Option<i128>>),
    /// Texts.
    Texts(Vec<Name>),
}

impl Values {
    /// Keeps the rows for which `keep` holds.
    pub fn retain(&mut self, keep: impl Fn(usize) -> bool) {
        match self {
            Self::Numbers(v) => retain_at(v, keep),
            Self::Sparse(v) => retain_at(v, keep),
            Self::Texts(v) => retain_at(v, keep),
            Self::Bytes { width, bytes } => {
                let w = (*width).max(1);
                *bytes = bytes.chunks(w).enumerate().filter(|(i, _)| keep(*i)).flat_map(|(_, c)| c).copied().collect();
            }
        }
    }
}

fn retain_at<T>(v: &mut Vec<T>, keep: impl Fn(usize) -> bool) {
    let mut i = 0;
    v.retain(|_| {
        i += 1;
        keep(i - 1)
    });
}

/// A column of a newer version: carried as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Carried {
    pub(crate) id: u64,
    pub(crate) encoding: Encoding,
    pub(crate) values: Values,
}

impl Carried {
    /// Keeps the rows for which `keep` holds, as the known columns' rows are kept.
    pub fn retain(&mut self, keep: impl Fn(usize) -> bool) {
        self.values.retain(keep);
    }

    fn write(&self, out: &mut Vec<u8>) {
        match (&self.values, self.encoding) {
            (Values::Numbers(v), e) => encode_numbers(v.iter().copied(), e, out),
            (Values::Bytes { width, bytes }, _) => {
                put(out, *width as u64);
                out.extend_from_slice(bytes);
            }
            (Values::Sparse(v), _) => encode_sparse(v.iter().copied(), out),
            (Values::Texts(v), _) => v.iter().for_each(|t| super::names::encode(t, out)),
        }
    }
}

fn encode_numbers(values: impl Iterator<Item = u64>, encoding: Encoding, out: &mut Vec<u8>) {
    match encoding {
        Encoding::Delta => {
            let mut before = 0u64;
            for v in values {
                put(out, zigzag(v.wrapping_sub(before) as i64));
                before = v;
            }
        }
        Encoding::Runs => {
            let mut run: Option<(u64, u64)> = None;
            for v in values {
                match &mut run {
                    Some((value, n)) if *value == v => *n += 1,
                    _ => {
                        if let Some((value, n)) = run {
                            put(out, value);
                            put(out, n);
                        }
                        run = Some((v, 1));
                    }
                }
            }
            if let Some((value, n)) = run {
                put(out, value);
                put(out, n);
            }
        }
        _ => values.for_each(|v| put(out, v)),
    }
}

fn encode_sparse(values: impl Iterator<Item = Option<i128>>, out: &mut Vec<u8>) {
    let mut skipped = 0;
    for v in values {
        match v {
            Some(n) => {
                put(out, skipped);
                put_signed(out, n);
                skipped = 0;
            }
            None => skipped += 1,
        }
    }
}

/// Writes a section's columns.
#[derive(Default)]
pub(crate) struct Writer {
    list: Vec<u8>,
    columns: usize,
    most_columns: usize,
    values: Vec<u8>,
}

impl Writer {
    fn column(&mut self, id: u64, encoding: Encoding, write: impl FnOnce(&mut Vec<u8>)) {
        let from = self.values.len();
        write(&mut self.values);
        put(&mut self.list, id);
        self.list.push(encoding as u8);
        put(&mut self.list, (self.values.len() - from) as u64);
        self.columns += 1;
    }

    /// Appends the section, if it has rows; the writer is empty again.
    pub(crate) fn section(&mut self, kind: u64, rows: usize, out: &mut Vec<u8>) {
        if rows > 0 {
            put(out, kind);
            put(out, rows as u64);
            put(out, self.columns as u64);
            self.most_columns = self.most_columns.max(self.columns);
            out.extend_from_slice(&self.list);
            out.extend_from_slice(&self.values);
        }
        self.list.clear();
        self.values.clear();
        self.columns = 0;
    }

    /// How many columns the section has that has most.
    pub(super) fn most_columns(&self) -> usize {
        self.most_columns
    }

    /// A column of texts.
    pub(crate) fn texts<'t>(&mut self, id: u64, texts: impl Iterator<Item = &'t Name>) {
        self.column(id, Encoding::Texts, |out| texts.for_each(|t| super::names::encode(t, out)));
    }

    /// A column of numbers; left out where all are 0.
    pub(crate) fn numbers(&mut self, id: u64, encoding: Encoding, values: impl Iterator<Item = u64> + Clone) {
        if values.clone().any(|v| v != 0) {
            self.column(id, encoding, |out| encode_numbers(values, encoding, out));
        }
    }

    /// A column of `W` bytes a row.
    pub(crate) fn fixed<const W: usize>(&mut self, id: u64, values: impl Iterator<Item = [u8; W]>) {
        self.column(id, Encoding::Fixed, |out| {
            put(out, W as u64);
            values.for_each(|v| out.extend_from_slice(&v));
        });
    }

    /// A column in which most rows have nothing; left out where none has.
    pub(crate) fn sparse(&mut self, id: u64, values: impl Iterator<Item = Option<i128>> + Clone) {
        if values.clone().any(|v| v.is_some()) {
            self.column(id, Encoding::Sparse, |out| encode_sparse(values, out));
        }
    }

    /// A signed value a row: as zigzag varints where all fit 64 bits, else as a sparse column.
    pub(crate) fn signed(&mut self, id: u64, values: impl Iterator<Item = i128> + Clone) {
        let small = |v: i128| i64::try_from(v).ok().map(zigzag);
        if values.clone().all(|v| small(v).is_some()) {
            self.numbers(id, Encoding::Plain, values.map(|v| small(v).unwrap_or_default()));
        } else {
            self.sparse(id, values.map(|v| (v != 0).then_some(v)));
        }
    }

    /// A column that this version does not know.
    pub(crate) fn carried(&mut self, column: &Carried) {
        self.column(column.id, column.encoding, |out| column.write(out));
    }
}

/// The columns of one section, by id.
pub(crate) struct Columns<'a> {
    raw: Vec<(u64, Encoding, &'a [u8], bool)>,
}

impl<'a> Columns<'a> {
    /// Reads a section's list of columns, and takes their values out of `r`.
    pub(crate) fn read(r: &mut Reader<'a>) -> Result<Self, BatchError> {
        let count = r.len_of(3)?;
        if count > MAX_COLUMNS {
            return Err(BatchError::Malformed("too many columns"));
        }
        let mut list: Vec<(u64, Encoding, usize)> = Vec::with_capacity(count);
        for _ in 0..count {
            let id = r.varint()?;
            let encoding = match r.byte()? {
                0 => Encoding::Plain,
                1 => Encoding::Delta,
                2 => Encoding::Runs,
                3 => Encoding::Fixed,
                4 => Encoding::Sparse,
                5 => Encoding::Texts,
                // Encodings are fixed for the batch's version: a new one is a new version.
                _ => return Err(BatchError::Malformed("an unknown column encoding")),
            };
            let len = r.len_of(1)?;
            if list.iter().any(|(i, ..)| *i == id) {
                return Err(BatchError::Malformed("a column twice"));
            }
            list.push((id, encoding, len));
        }
        let raw = list.into_iter().map(|(id, encoding, len)| Ok((id, encoding, r.bytes(len)?, false)));
        Ok(Self { raw: raw.collect::<Result<_, _>>()? })
    }

    /// How many bytes each has, in their order.
    pub(super) fn lengths(&self) -> Vec<usize> {
        self.raw.iter().map(|(.., body, _)| body.len()).collect()
    }

    fn take(&mut self, id: u64) -> Option<(Encoding, &'a [u8])> {
        self.raw.iter_mut().find(|(i, ..)| *i == id).map(|(_, e, body, taken)| {
            *taken = true;
            (*e, *body)
        })
    }

    /// `rows` numbers; zeros where the column was left out.
    pub(crate) fn numbers(&mut self, id: u64, rows: usize) -> Result<Vec<u64>, BatchError> {
        match self.take(id) {
            None => Ok(vec![0; rows]),
            Some((encoding, body)) => match decode(encoding, body, rows)? {
                Values::Numbers(v) => Ok(v),
                _ => Err(BatchError::Malformed("a column of another type")),
            },
        }
    }

    /// `rows` times `W` bytes.
    pub(crate) fn fixed<const W: usize>(&mut self, id: u64, rows: usize) -> Result<Vec<[u8; W]>, BatchError> {
        match self.take(id) {
            None => Ok(vec![[0; W]; rows]),
            Some((encoding, body)) => match decode(encoding, body, rows)? {
                Values::Bytes { width, bytes } if width == W => Ok(bytes.as_chunks::<W>().0.to_vec()),
                _ => Err(BatchError::Malformed("a column of another type")),
            },
        }
    }

    /// A value for those of `rows` rows that have one.
    pub(crate) fn sparse(&mut self, id: u64, rows: usize) -> Result<Vec<Option<i128>>, BatchError> {
        match self.take(id) {
            None => Ok(vec![None; rows]),
            Some((encoding, body)) => match decode(encoding, body, rows)? {
                Values::Sparse(v) => Ok(v),
                _ => Err(BatchError::Malformed("a column of another type")),
            },
        }
    }

    /// Whether a column of numbers may have a 0: one in runs is looked at, any other may.
    pub(crate) fn has_zero(&self, id: u64) -> bool {
        self.any_of(id, true, |value| value == 0)
    }

    /// Whether it may have another number than 0.
    pub(crate) fn has_other(&self, id: u64) -> bool {
        self.any_of(id, false, |value| value != 0)
    }

    fn any_of(&self, id: u64, if_left_out: bool, is_one: impl Fn(u64) -> bool) -> bool {
        let body = match self.raw.iter().find(|(of, ..)| *of == id) {
            None => return if_left_out,
            Some((_, Encoding::Runs, body, _)) => body,
            Some(_) => return true,
        };
        let mut r = Reader::new(body);
        while !r.is_empty() {
            match (r.varint(), r.varint()) {
                (Ok(value), Ok(_)) if !is_one(value) => {}
                _ => return true,
            }
        }
        false
    }

    /// The inverse of [`Writer::signed`].
    pub(crate) fn signed(&mut self, id: u64, rows: usize) -> Result<Vec<i128>, BatchError> {
        match self.take(id) {
            None => Ok(vec![0; rows]),
            Some((encoding, body)) => match decode(encoding, body, rows)? {
                Values::Numbers(v) => Ok(v.into_iter().map(|z| i128::from(unzigzag(z))).collect()),
                Values::Sparse(v) => Ok(v.into_iter().map(Option::unwrap_or_default).collect()),
                Values::Bytes { .. } | Values::Texts(_) => Err(BatchError::Malformed("a column of another type")),
            },
        }
    }

    /// `rows` texts; none where the column was left out.
    pub(crate) fn texts(&mut self, id: u64, rows: usize) -> Result<Vec<Name>, BatchError> {
        match self.take(id) {
            None if rows == 0 => Ok(Vec::new()),
            None => Err(BatchError::Malformed("no texts")),
            Some((encoding, body)) => match decode(encoding, body, rows)? {
                Values::Texts(v) => Ok(v),
                _ => Err(BatchError::Malformed("a column of another type")),
            },
        }
    }

    /// What nobody asked for, as values of `rows` rows.
    pub(crate) fn carried(self, rows: usize) -> Result<Vec<Carried>, BatchError> {
        self.raw
            .into_iter()
            .filter(|(.., taken)| !taken)
            .map(|(id, encoding, body, _)| Ok(Carried { id, encoding, values: decode(encoding, body, rows)? }))
            .collect()
    }
}

fn decode(encoding: Encoding, body: &[u8], rows: usize) -> Result<Values, BatchError> {
    let mut r = Reader::new(body);
    let values = match encoding {
        Encoding::Plain => {
            // Not `collect`: through a `Result` it does not know how many are to come.
            let mut v = Vec::with_capacity(rows.min(r.len()));
            for _ in 0..rows {
                v.push(r.varint()?);
            }
            Values::Numbers(v)
        }
        Encoding::Delta => {
            let mut before = 0u64;
            let mut v = Vec::with_capacity(rows.min(r.len()));
            for _ in 0..rows {
                before = before.wrapping_add(unzigzag(r.varint()?) as u64);
                v.push(before);
            }
            Values::Numbers(v)
        }
        Encoding::Runs => {
            let mut v = Vec::with_capacity(rows);
            while v.len() < rows {
                let value = r.varint()?;
                let run = r.varint()?;
                if run == 0 || run > (rows - v.len()) as u64 {
                    return Err(BatchError::Malformed("a run of the wrong length"));
                }
                v.resize(v.len() + run as usize, value);
            }
            Values::Numbers(v)
        }
        Encoding::Fixed => {
            let width = r.varint()?;
            if width == 0 || width.checked_mul(rows as u64) != Some(r.len() as u64) {
                return Err(BatchError::Short);
            }
            Values::Bytes { width: width as usize, bytes: r.bytes(r.len())?.to_vec() }
        }
        Encoding::Sparse => {
            let mut v = vec![None; rows];
            let mut at = 0usize;
            while !r.is_empty() {
                let skip = r.varint()?;
                let n = r.signed()?;
                at = at.saturating_add(usize::try_from(skip).unwrap_or(usize::MAX));
                *v.get_mut(at).ok_or(BatchError::Malformed("a value behind the last row"))? = Some(n);
                at = at.saturating_add(1);
            }
            Values::Sparse(v)
        }
        Encoding::Texts => {
            let mut v = Vec::with_capacity(rows.min(r.len()));
            for _ in 0..rows {
                v.push(super::names::decode(&mut r)?);
            }
            Values::Texts(v)
        }
    };
    if r.is_empty() { Ok(values) } else { Err(BatchError::Malformed("bytes behind a column's last row")) }
}
