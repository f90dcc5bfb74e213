//! A durable replica of the history: the core over SQLite.
//!
//! ```no_run
//! use aimon_core::event::Event;
//! use aimon_core::history::{Metered, Query, Report};
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
//! let report = Report::cut(&query, days, &Metered::default(), &|_, _, _| None);
//! // Subscribe: a number that grows with every change.
//! let mut changes = replica.subscribe();
//! changes.changed().await.ok();
//! # Ok(()) }
//! ```
//!
//! In a workspace the same events rest as chunks, exactly as they travel, and the sync machine of the core decides what comes
//! and goes. Whoever carries frames lets it take steps; what a step changes is on the disk before anything of it is sent.
//!
//! ```no_run
//! use aimon_core::crypto::SecretKeys;
//! use aimon_core::sync::Send;
//! use aimon_core::time::UtcMillis;
//! use aimon_ledger::frame::Frame;
//! use aimon_replica::{Error, Replica};
//!
//! # async fn carry(_: Send) {}
//! # async fn example(replica: &mut Replica, secret: SecretKeys, frame: Frame, now: UtcMillis) -> Result<(), Error> {
//! // Until the keys are given, reading shows what was made of the chunks when they were there.
//! replica.unlock(secret, now).await?;
//! // A connection is there: hello. Then each frame, and a tick every five seconds.
//! let hello = replica.step(now, |client| Ok(client.opened(now))).await?;
//! let step = replica.frame(frame, now).await?;
//! for send in hello.send.into_iter().chain(step.send) {
//!     carry(send).await; // a push names chunks: `Replica::chunks` has their bytes
//! }
//! # Ok(()) }
//! ```

mod changes;
mod checked;
mod clear;
mod database;
mod derived;
mod error;
mod export;
mod health;
mod home;
mod keys;
mod lend;
pub mod link;
mod marks;
mod meta;
mod notes;
mod purge;
mod quarantine;
mod queue;
mod read;
mod record;
mod replica;
mod scrub;
mod seal;
mod statements;
mod sync;
mod time;
pub mod transport;
mod withheld;
mod workspace;

pub use error::Error;
pub use health::{Health, Quarantined};
pub use queue::Queued;
pub use record::{Commit, Mark, Recorded};
pub use replica::{Options, Replica};
pub use sync::Unsent;
pub use workspace::{Brought, Enrolment};
