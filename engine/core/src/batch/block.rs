//! Rows of a derived table as they rest: a dictionary, then one section that refers to it.

use super::BatchError;
use super::column::{Columns, Writer};
use super::names::{Dictionary, Names};
use super::varint::Reader;

const DICTIONARY: u64 = 1;
const ROWS: u64 = 2;
const TEXTS: u64 = 1;

/// Appends a block of so many rows.
pub(crate) fn write(names: &Names, mut columns: Writer, rows: usize, out: &mut Vec<u8>) {
    let mut dictionary = Writer::default();
    dictionary.texts(TEXTS, names.all().iter());
    dictionary.section(DICTIONARY, names.all().len(), out);
    columns.section(ROWS, rows, out);
}

/// The next block's names, how many rows it has, and their columns.
pub(crate) fn read<'a>(r: &mut Reader<'a>) -> Result<(Dictionary, usize, Columns<'a>), BatchError> {
    let mut section = || -> Result<_, BatchError> {
        let _kind = r.varint()?;
        Ok((r.len_of(0)?, Columns::read(r)?))
    };
    let (count, mut dictionary) = section()?;
    let names = Dictionary::new(dictionary.texts(TEXTS, count)?);
    let (rows, columns) = section()?;
    Ok((names, rows, columns))
}
