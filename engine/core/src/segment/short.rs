//! A change as it travels. All that a writer's change says beside its batch follows from the writer, how many changes it has
//! written, and the one before; the rest of what Automerge writes would be a third of a poll's bytes.
//!
//! ```text
//! short = 1:u8  writer:8 bytes  seq:varint  previous:32 bytes (from the second on)  batch
//! ```
//!
//! It has no checksum: a chunk's signature and encryption guard it. Where a change rests in clear it is written out.

use std::borrow::Cow;

use automerge::{Change, ChangeHash};

use super::{Chain, SegmentError};
use crate::batch::columns::{Reader, put};
use crate::ids::WriterId;

/// The first byte; whatever Automerge writes begins with another.
const SHORT: u8 = 1;

/// What a short change says.
struct Short<'a> {
    writer: WriterId,
    seq: u64,
    previous: Option<ChangeHash>,
    batch: &'a [u8],
}

/// The short form of a change, if a writer of segments has made it: nothing is lost.
pub fn shorten(content: &[u8]) -> Option<Vec<u8>> {
    let change = Change::from_bytes(content.to_vec()).ok()?;
    let writer: [u8; 8] = change.actor_id().to_bytes().try_into().ok()?;
    let [previous] = change.deps() else { return None };
    let batch = super::document::batch_of(&change).ok()?;
    let mut out = vec![SHORT];
    out.extend_from_slice(&writer);
    put(&mut out, change.seq());
    if change.seq() > 1 {
        out.extend_from_slice(&previous.0);
    }
    out.extend_from_slice(&batch);
    // What anybody else has written in another way keeps its form, as its hash depends on it.
    expand(&out).is_ok_and(|expanded| *expanded == *content).then_some(out)
}

/// What Automerge reads: the change written out; anything else as it is.
///
/// # Errors
/// [`SegmentError::Damaged`] if it begins as a short one does and is none.
pub fn expand(content: &[u8]) -> Result<Cow<'_, [u8]>, SegmentError> {
    let Some(Short { writer, seq, previous, batch }) = read(content)? else { return Ok(Cow::Borrowed(content)) };
    Ok(Cow::Owned(Chain::at(writer, seq, previous)?.append(batch.to_vec())))
}

/// Whether bytes begin as a short change does.
pub fn is_short(content: &[u8]) -> bool {
    content.first() == Some(&SHORT)
}

/// The batch of a short change; `None` if it is none.
pub(super) fn batch(content: &[u8]) -> Result<Option<&[u8]>, SegmentError> {
    Ok(read(content)?.map(|short| short.batch))
}

fn read(content: &[u8]) -> Result<Option<Short<'_>>, SegmentError> {
    if !is_short(content) {
        return Ok(None);
    }
    let damaged = |_| SegmentError::Damaged("a change ends too early".to_owned());
    let mut r = Reader::new(content.get(1..).unwrap_or_default());
    let mut writer = [0; 8];
    writer.copy_from_slice(r.bytes(8).map_err(damaged)?);
    let seq = r.varint().map_err(damaged)?;
    // A document has fewer changes by far; operations are counted in 32 bits by some.
    if seq == 0 || seq > u64::from(u32::MAX) / 2 {
        return Err(SegmentError::Damaged("a change has an impossible number".to_owned()));
    }
    let mut previous = None;
    if seq > 1 {
        let mut hash = [0; 32];
        hash.copy_from_slice(r.bytes(32).map_err(damaged)?);
        previous = Some(ChangeHash(hash));
    }
    let batch = r.bytes(r.len()).map_err(damaged)?;
    Ok(Some(Short { writer: WriterId(writer), seq, previous, batch }))
}
