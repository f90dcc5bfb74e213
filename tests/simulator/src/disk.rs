//! A device's disk.

use std::collections::{BTreeMap, BTreeSet};

use aimon_core::batch::Batch;
use aimon_core::segment;
use aimon_core::sync::{Client, Held, Stored, Write};
use aimon_ledger::chunk::{Chunk, Previous};
use aimon_ledger::frame::Code;
use aimon_ledger::ids::ChunkId;
use aimon_ledger::retention::TrustedTime;
use aimon_ledger::statement::Statement;
use aimon_ledger::time::UtcDay;

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
    /// What was recorded before there was a workspace, or while its key was not there: a day's change each.
    pub plain: Vec<(Option<UtcDay>, Vec<u8>)>,
    /// The events that were recorded onto this disk: for the judge, not for the device.
    pub truth: BTreeMap<u64, UtcDay>,
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
        self.chunks.extend(write.chunks.iter().map(|chunk| (chunk.id(), chunk.clone())));
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
            self.chunks.remove(id);
            self.aside.remove(id);
        }
        self.last = write.last.or(self.last);
        self.cursor = write.cursor.unwrap_or(self.cursor);
        self.time = write.time.or(self.time);
    }

    pub fn held(&self, ids: &[ChunkId]) -> Held {
        ids.iter().filter_map(|id| Some((*id, self.chunks.get(id)?.clone()))).collect()
    }

    /// The events that count here, as far as they can be read: each one's number, by day.
    pub fn events(&self, client: &Client) -> BTreeMap<Option<UtcDay>, BTreeSet<u64>> {
        let mut events: BTreeMap<Option<UtcDay>, BTreeSet<u64>> = BTreeMap::new();
        let counting = self.chunks.iter().filter(|(id, _)| !self.aside.contains(id)).map(|(_, chunk)| chunk);
        for chunk in counting {
            let Ok(content) = client.keyring().open(chunk) else { continue };
            let day = chunk.header().place.day;
            for batch in segment::batches(&content).unwrap_or_default() {
                events.entry(day).or_default().extend(numbers(&batch));
            }
        }
        events
    }
}

/// The numbers of a batch's events.
pub fn numbers(batch: &[u8]) -> BTreeSet<u64> {
    let batch = Batch::decode(batch).unwrap_or_default();
    batch.records.iter().map(|record| u64::from_le_bytes(record.message.0)).collect()
}
