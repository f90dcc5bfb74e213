//! A device's disk.

use std::collections::{BTreeMap, BTreeSet};

use aimon_core::sync::{Held, Stored, Write};
use aimon_ledger::chunk::{Chunk, Previous};
use aimon_ledger::frame::Code;
use aimon_ledger::ids::{ChunkId, DeviceId};
use aimon_ledger::retention::TrustedTime;
use aimon_ledger::statement::Statement;
use aimon_ledger::time::UtcDay;

/// What rests in clear until it becomes chunks: a change or a document.
#[derive(Clone, Debug)]
pub struct Plain {
    pub day: Option<UtcDay>,
    pub content: Vec<u8>,
    /// Whose it is, if another device's of the old workspace.
    pub origin: Option<DeviceId>,
}

/// What is durable.
#[derive(Clone, Default, Debug)]
pub struct Disk {
    pub statements: Vec<Statement>,
    pub chunks: BTreeMap<ChunkId, Chunk>,
    pub aside: BTreeSet<ChunkId>,
    pub queue: Vec<(ChunkId, Option<Code>)>,
    pub last: Option<Previous>,
    pub cursor: u64,
    pub time: Option<TrustedTime>,
    /// What was recorded before there was a workspace, or while its key was not there.
    pub plain: Vec<Plain>,
    /// The ids of the chunks, in the order in which they came.
    pub order: Vec<ChunkId>,
    /// The events that were recorded onto this disk: for the judge, not for the device.
    pub truth: BTreeMap<u64, Option<UtcDay>>,
    /// All chunks that were ever on this disk, and whose they are: for the judge too.
    pub seen: BTreeMap<ChunkId, DeviceId>,
}

impl Disk {
    pub fn stored(&self) -> Stored {
        Stored {
            statements: self.statements.clone(),
            chunks: self.chunks.iter().map(|(id, c)| (*id, c.header().clone(), c.bytes().len() as u32)).collect(),
            queue: self.queue.clone(),
            last: self.last,
            cursor: self.cursor,
        }
    }

    pub fn apply(&mut self, write: &Write) {
        self.statements.extend(write.statements.iter().cloned());
        for chunk in &write.chunks {
            if self.chunks.insert(chunk.id(), chunk.clone()).is_none() {
                self.order.push(chunk.id());
            }
        }
        for (id, counts) in &write.counts {
            if *counts {
                self.aside.remove(id)
            } else {
                self.aside.insert(*id)
            };
        }
        self.queue.extend(write.queued.iter().map(|id| (*id, None)));
        for (id, code) in &write.refused {
            self.queue.iter_mut().filter(|(queued, _)| queued == id).for_each(|(_, why)| *why = Some(code.clone()));
        }
        self.queue.retain(|(id, _)| !write.acknowledged.contains(id));
        for id in &write.dropped {
            if self.chunks.remove(id).is_some() {
                self.order.retain(|held| held != id);
            }
            self.aside.remove(id);
        }
        self.last = write.last.or(self.last);
        self.cursor = write.cursor.unwrap_or(self.cursor);
        self.time = write.time.or(self.time);
    }

    pub fn held(&self, ids: &[ChunkId]) -> Held {
        ids.iter().filter_map(|id| Some((*id, self.chunks.get(id)?.clone()))).collect()
    }

    /// The chunks that count here, as they came.
    pub fn counting(&self) -> impl Iterator<Item = &Chunk> {
        self.order.iter().filter(|id| !self.aside.contains(id)).filter_map(|id| self.chunks.get(id))
    }
}
