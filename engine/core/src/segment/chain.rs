use std::num::NonZeroU64;

use automerge::legacy::{ElementId, Key, ObjectId, Op, OpId, OpType};
use automerge::{ActorId, Change, ChangeHash, ExpandedChange, ScalarValue};

use super::{FIRST_CHANGE, PART_BYTES, SegmentError};
use crate::ids::WriterId;

/// The number of the operation that creates the list, in the fixed change.
const LIST_OP: u64 = 1;

/// One writer's changes to one part of a segment: what is needed to append the next one. It holds
/// no document, so it stays small however long the day gets.
#[derive(Clone, Debug)]
pub struct Chain {
    actor: ActorId,
    list: OpId,
    previous: ChangeHash,
    element: ElementId,
    seq: u64,
    next_op: u64,
    bytes: usize,
}

impl Chain {
    /// Begins a writer's chain in a fresh part.
    pub fn new(writer: WriterId) -> Result<Self, SegmentError> {
        let first = Change::from_bytes(FIRST_CHANGE.to_vec()).map_err(|e| SegmentError::Damaged(e.to_string()))?;
        Ok(Self {
            actor: ActorId::from(&writer.0[..]),
            list: OpId::new(LIST_OP, first.actor_id()),
            previous: first.hash(),
            element: ElementId::Head,
            seq: 1,
            next_op: LIST_OP + 1,
            bytes: 0,
        })
    }

    /// A writer's chain where so many changes less one stand in a part, the last of them this one: for the next. It does not know
    /// how full the part is.
    pub(super) fn at(writer: WriterId, seq: u64, previous: Option<ChangeHash>) -> Result<Self, SegmentError> {
        let mut chain = Self::new(writer)?;
        if let Some(previous) = previous {
            chain.previous = previous;
            chain.seq = seq;
            chain.next_op = LIST_OP + seq;
            chain.element = ElementId::Id(OpId::new(chain.next_op - 1, &chain.actor));
        }
        Ok(chain)
    }

    /// Appends a batch; returns the change, as bytes that any Automerge reads.
    pub fn append(&mut self, batch: Vec<u8>) -> Vec<u8> {
        self.bytes += batch.len();
        let op = Op {
            action: OpType::Put(ScalarValue::Bytes(batch)),
            obj: ObjectId::Id(self.list.clone()),
            key: Key::Seq(self.element.clone()),
            pred: Vec::new().into(),
            insert: true,
        };
        let change = Change::from(ExpandedChange {
            operations: vec![op],
            actor_id: self.actor.clone(),
            hash: None,
            seq: self.seq,
            start_op: NonZeroU64::MIN.saturating_add(self.next_op - 1),
            // The batch has its events' times; one more would only cost bytes.
            time: 0,
            message: None,
            deps: vec![self.previous],
            author: None,
            extra_bytes: Vec::new(),
        });
        self.previous = change.hash();
        self.element = ElementId::Id(OpId::new(self.next_op, &self.actor));
        self.seq += 1;
        self.next_op += 1;
        // Not compressed: most of a batch is hashes, and sealing compresses the whole day.
        change.raw_bytes().to_vec()
    }

    /// Whether the writer should go on to the next part.
    pub fn is_full(&self) -> bool {
        self.bytes >= PART_BYTES
    }
}
