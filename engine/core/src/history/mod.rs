//! The history: the fold of all events into the figures that people look at.
//!
//! The fold is a function of a set of events. [`standing`] decides which copy of a call counts,
//! [`DayCells`] sums what stands of one UTC day, [`Report`] cuts rows out of cells in any time
//! zone; [`answers`] decides which of a provider's answers counts, and [`DayReadings`] sums those of one UTC day;
//! [`windows`] says who used a quota window up.

pub mod answers;
mod bill;
pub mod blocks;
mod by_log;
mod cells;
mod figures;
mod gauges;
mod identity;
pub mod index;
mod metered;
mod overlap;
mod readings;
mod report;
mod twins;
pub mod windows;

pub use bill::{Bill, BillLine};
pub use cells::{CellKey, DayCells, Detail, Sums};
pub use figures::{Explained, Figures, Grain};
pub use gauges::Gauges;
pub use identity::{Copy, standing};
pub use metered::Metered;
pub use overlap::Overlap;
pub use readings::{DayReadings, Heard, Reading, ReadingKey, Span, union};
pub use report::{CostMode, Dimension, Group, Period, Query, Report, Row};
pub use twins::Twins;

#[cfg(test)]
pub(crate) mod tests;
