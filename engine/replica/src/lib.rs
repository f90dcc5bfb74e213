//! A durable replica of the history: the core over SQLite.
//!
//! ```no_run
//! use aimon_core::event::Event;
//! use aimon_core::history::{Query, Report};
//! use aimon_core::time::{UtcDay, UtcMillis};
//! use aimon_replica::{Commit, Options, Replica};
//!
//! # async fn example(home: &std::path::Path, events: Vec<Event>, now: UtcMillis) -> Result<(), aimon_replica::Error> {
//! // Open: one writer at a time per folder.
//! let mut replica = Replica::open(home, &Options { now, retention_days: None }).await?;
//! // Record: when this returns, the events are on the disk.
//! replica.record(Commit { events, marks: vec![], now }).await?;
//! // History: cells of days, from which reports are cut.
//! let query = Query::daily(jiff::tz::TimeZone::UTC);
//! let days = replica.history(query.utc_days(), now.day(), query.detail()).await?;
//! let report = Report::cut(&query, days, &|_, _, _| None);
//! // Subscribe: a number that grows with every change.
//! let mut changes = replica.subscribe();
//! changes.changed().await.ok();
//! # Ok(()) }
//! ```

mod changes;
mod checked;
mod database;
mod derived;
mod error;
mod export;
mod health;
mod home;
mod marks;
mod meta;
mod quarantine;
mod read;
mod replica;
mod seal;
pub mod transport;

pub use error::Error;
pub use health::{Health, Quarantined};
pub use replica::{Commit, Mark, Options, Recorded, Replica};
