//! Answers as what each adds to the one before it about the same bucket: a provider that is asked each minute says nearly all of a
//! bucket again as long as that grows.
//!
//! Only joined batches have them, in which the answers of hours stand together; a batch by itself has the section of answers.

mod read;
mod write;

pub(super) use read::read;
pub(super) use write::{can_say, write};

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

/// The places of values in the order in which they are written: those of one measure stand together.
fn by_name<T: Ord>(names: &[T]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by_key(|at| names.get(*at));
    order
}
