use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::{Chain, SegmentError};
use crate::batch::Piece;
use crate::ids::WriterId;
use crate::time::UtcDay;

/// Where a process goes on writing: its writer, drawn at the first write, and the chain of each day (of what has no day: one).
#[derive(Clone, Default, Debug)]
pub struct Pen {
    writer: Option<WriterId>,
    chains: HashMap<Option<UtcDay>, (u16, Chain)>,
}

impl Pen {
    /// A batch as the next change of its day: the segment's part, and the change. `writer` draws eight random bytes, once.
    ///
    /// # Errors
    /// Those of `writer`, and [`SegmentError`], which does not happen.
    pub fn append<E: From<SegmentError>>(
        &mut self,
        day: Option<UtcDay>,
        batch: Piece,
        writer: impl FnOnce() -> Result<WriterId, E>,
    ) -> Result<(u16, Vec<u8>), E> {
        let writer = match self.writer {
            Some(writer) => writer,
            None => *self.writer.insert(writer()?),
        };
        let (part, chain) = match self.chains.entry(day) {
            Entry::Occupied(e) => e.into_mut(),
            Entry::Vacant(e) => e.insert((0, Chain::new(writer)?)),
        };
        if chain.is_full() {
            (*part, *chain) = (part.saturating_add(1), Chain::new(writer)?);
        }
        Ok((*part, chain.append(batch.into_bytes())))
    }

    /// Goes on as another writer: somebody else may write as this one.
    pub fn renew(&mut self) {
        *self = Self::default();
    }
}
