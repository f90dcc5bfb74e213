//! A relay: it stores and forwards what a workspace's devices encrypt, and can read nothing of it.
//!
//! Like the ledger it is sans-IO: no socket, no file, no clock, no randomness of its own. Bytes and the time come in, frames
//! go out, and whoever hosts it brings a [`storage::Storage`]: SQLite on a server, a Durable Object, memory in a simulator.
//!
//! ```text
//!   bytes ─ check ─▶ Checked ─ Relay::take ─▶ staged in the storage ─ Relay::commit ─▶ what is said to whom
//!           slow: signatures,    fast: one writer,                     durable first, then outcomes and
//!           on any thread        many frames                           deliveries to the other sessions
//! ```
//!
//! * [`check`]: reads a frame and verifies what is in it.
//! * [`relay`]: sessions, and who is told what. [`relay::Relay::frame`] is all of the above in one call.
//! * [`log`]: what becomes of a chunk, by its own segment alone.
//! * [`storage`], [`memory`]: rows, and a storage in memory.

pub mod check;
pub mod log;
pub mod memory;
pub mod relay;
pub mod storage;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod workspace;
