//! How much one batch may hold, and how much of that is taken up. A reader refuses what has more.

use super::Batch;

/// The most rows that one section may have, and the most values of each of its lists. Run-length columns cost nothing a row, so
/// without a limit a few damaged bytes would ask for terabytes.
pub const MAX_ROWS: usize = 1 << 16;

/// The most columns that one section may have: far more than any version will need.
pub(super) const MAX_COLUMNS: usize = 256;

/// How many rows a batch has of each section and of each list in it. Its names are known once it is written.
pub(super) fn rows(batch: &Batch) -> [usize; 9] {
    let readings = || batch.answers.iter().flat_map(|answer| &answer.rows);
    [
        batch.records.len(),
        batch.answers.len(),
        batch.unchanged.len(),
        batch.settings.len(),
        batch.answers.iter().map(|answer| answer.key.dimensions.len()).sum(),
        batch.unchanged.iter().map(|note| note.key.dimensions.len()).sum(),
        readings().count(),
        batch.answers.iter().map(|answer| answer.key.dimensions.len().saturating_mul(answer.rows.len())).sum(),
        readings().map(|row| row.measures.len()).sum(),
    ]
}
