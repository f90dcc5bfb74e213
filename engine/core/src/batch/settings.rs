//! The section of settings.

use super::BatchError;
use super::column::{Carried, Columns, Encoding, Writer};
use super::names::{Dictionary, Names};
use crate::event::Setting;

// Column ids: part of the format.
const PATH: u64 = 1;
const SET_TO: u64 = 2;
const COUNTER: u64 = 3;

pub(super) fn write(settings: &[Setting], carried: &[Carried], names: &mut Names, w: &mut Writer) {
    if settings.is_empty() {
        return;
    }
    let paths: Vec<u64> = settings.iter().map(|s| names.place(&s.path)).collect();
    let values: Vec<u64> = settings.iter().map(|s| names.optional(s.value.as_ref())).collect();
    w.numbers(PATH, Encoding::Delta, paths.into_iter());
    w.numbers(SET_TO, Encoding::Delta, values.into_iter());
    w.numbers(COUNTER, Encoding::Delta, settings.iter().map(|s| s.counter));
    carried.iter().for_each(|c| w.carried(c));
}

pub(super) fn read(
    mut c: Columns<'_>,
    rows: usize,
    names: &Dictionary,
) -> Result<(Vec<Setting>, Vec<Carried>), BatchError> {
    let path = c.numbers(PATH, rows)?;
    let value = c.numbers(SET_TO, rows)?;
    let counter = c.numbers(COUNTER, rows)?;
    let settings = (0..rows)
        .map(|i| {
            Ok(Setting {
                path: names.at(path[i])?.clone(),
                value: names.optional(value[i])?.cloned(),
                counter: counter[i],
            })
        })
        .collect::<Result<_, BatchError>>()?;
    Ok((settings, c.carried(rows)?))
}
