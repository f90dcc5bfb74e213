//! What tokens cost: derived at read time from a dated table.
//!
//! ```
//! use aimon_core::event::{ContextClass, Tier};
//! use aimon_core::prices::PriceTable;
//! use aimon_core::time::UtcDay;
//! use aimon_core::units::Tokens;
//!
//! let table = PriceTable::embedded();
//! let model = table.resolve("us.anthropic.claude-sonnet-4-5-20250929-v1:0").unwrap();
//! let tokens = Tokens { input: 1_000_000, output: 100_000, ..Tokens::default() };
//! let cost = model.cost(UtcDay(20_500), &tokens, Tier::Standard, ContextClass::of(1_000));
//! assert_eq!(cost.amount.to_dollars(), "4.95");
//! assert!(table.resolve("a-model-that-nobody-knows").is_none());
//! ```
//!
//! * [`PriceTable`]: the embedded table (`schema/prices/`), with a user's overrides in front of it.
//!   Loading it costs nothing: it is a sorted text, and a look-up reads the lines that it compares.
//! * [`PriceTable::resolve`]: from a name as a log writes it to a price. Exact first, then by
//!   named [`Rule`]s; never by likeness, so `gpt-5` can't become `gpt-5-mini`. A name that no rule
//!   leads to a price is unknown, which is not $0.
//! * [`cost`]: tokens times prices. Every price is a whole number of pico-dollars per token,
//!   also where it follows from another one by a factor, so nothing is rounded here and costs add
//!   up: the cost of a sum is the sum of the costs.
//!
//! Web searches, images and audio are not priced; nor is where a model ran (`inference_geo`).

mod cost;
mod entry;
mod json;
mod notes;
mod overrides;
mod resolve;
mod rules;
mod table;

pub use cost::{Cost, cost};
pub use entry::{Kind, PerToken, PriceEntry, Prices};
pub use notes::Notes;
pub use overrides::{OverrideError, OverrideProblem};
pub use resolve::{Matched, Resolved};
pub use rules::Rule;
pub use table::PriceTable;

#[cfg(test)]
mod tests;
