//! The client's side of sync: what a device does with what it writes and with what it hears.
//!
//! [`Client`] holds an index of the chunks (their headers), the statements and the keys; the chunks themselves rest with whoever
//! keeps it. Everything that it does comes back as a [`Step`]: first [`Write`], durably and in one transaction; then [`Send`]. If the
//! write fails, the client is thrown away and loaded again: it must never be ahead of the disk.
//!
//! ```text
//! record ──► Write (own chunks, queued)
//! opened ──► hello ──► welcome ──► statements, deliver… ──► live ──► push… ──► digest: even, or repair
//! frame, tick ──► Step
//! ```
//!
//! * `client`: what is held, and the time.
//! * `author`: chunks and statements of this device.
//! * `receive`: chunks and statements that come in, and what becomes of what is held.
//! * `purge`: what is removed everywhere, and what remains.
//! * `session`: the talk with a relay.
//! * `repair`: what the two sides do where their sums differ.
//! * `withheld`: chunks that others name and that are not here.
//! * `write`: steps as values.

mod author;
mod client;
mod fault;
mod purge;
mod receive;
mod repair;
mod session;
mod withheld;
mod write;

pub use client::{Client, Held, Me, SyncError, entry};
pub use fault::Fault;
pub use purge::{Purge, Selection};
pub use withheld::Withheld;
pub use write::{Notice, Send, Step, Stored, Write};

#[cfg(test)]
mod tests;
