//! The sans-IO core of AI Monitor.
//!
//! ```text
//! collectors, pollers ──► Event ──► batch ──► segment (an Automerge document) ──► history
//! ```
//!
//! * [`event`]: one immutable observation: a [`Record`](event::Record) of one model call seen in a
//!   local log, an [`Answer`](event::Answer) of a provider, or a [`Setting`](event::Setting).
//! * [`batch`]: events of one commit as one byte value, columnar and delta-encoded.
//! * [`segment`]: one device's events of one UTC day, a list of batches in an Automerge document.
//! * [`history`]: the fold of a *set* of batches into figures, and the reports cut from it.
//! * [`settings`]: the fold of settings: names, zone, and what else the workspace's devices agree on.
//! * [`accounts`]: who pays for AI where, as the settings have it.
//! * [`polling`]: when to ask a provider for what, and what of its answers is news.
//! * [`prices`]: what tokens cost, from a dated table, at read time.
//! * [`crypto`]: keys, and what is encrypted and signed with them.
//! * [`pairing`]: how a device is taken into a workspace.
//! * [`sync`]: how devices converge.
//! * [`retention`]: which days are kept, and when a day may expire.
//!
//! Nothing here opens a file, sleeps, asks the time or draws a random number: time, entropy and
//! bytes come in as arguments and values go out. It compiles for `wasm32-unknown-unknown`.

pub use aimon_ledger::{ids, retention, time};

pub mod accounts;
pub mod batch;
pub mod crypto;
pub mod event;
pub mod history;
pub mod name;
pub mod pairing;
pub mod polling;
pub mod prices;
pub mod segment;
pub mod settings;
pub mod sync;
pub mod units;
