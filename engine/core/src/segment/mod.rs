//! Segments: one device's events of one UTC day, a list of batches in an Automerge document.
//!
//! ```text
//! fixed change ── writer A: batch, batch, batch
//!              └─ writer B: batch              (a clone of the device, or its next process)
//! ```
//!
//! Every segment begins with one fixed change that creates its root list; nobody else creates one.
//! A writer's changes depend on the fixed change and on its own previous one, nothing else, so a
//! process appends without loading the day ([`Chain`]). What counts is the *set* of batches taken
//! from the changes themselves ([`batches`]), each on its own: a change whose predecessor is
//! missing is read all the same.

mod chain;
mod document;
mod joined;
mod pack;
mod pen;
mod short;

pub use chain::Chain;
pub use document::{batches, changes, document, gathered, is_snapshot, whole};
pub use joined::join;
pub use pack::{Packed, pack};
pub use pen::Pen;
pub use short::{expand, is_short, shorten};

/// The change that creates a segment's root list `batches`. Its bytes are part of the format:
/// `schema/vectors/segment.json`.
pub const FIRST_CHANGE: &[u8] = include_bytes!("first-change.bin");

/// The root list's name.
pub const LIST: &str = "batches";

/// A writer goes on to the next part of a segment once it has put this many bytes into one.
pub const PART_BYTES: usize = 256 * 1024;

/// Why bytes are no part of a segment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SegmentError {
    /// Automerge cannot read it, or its checksum does not match.
    #[error("the change is damaged: {0}")]
    Damaged(String),
    /// It is a sound Automerge change, but appends no batch.
    #[error("the change does not append one batch to the segment's list")]
    NoBatch,
}

#[cfg(test)]
mod joined_tests;
#[cfg(test)]
mod tests;
