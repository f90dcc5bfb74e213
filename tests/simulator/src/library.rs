//! The judge's reading of chunks: each is decrypted once, whoever holds it.

use std::collections::BTreeMap;
use std::rc::Rc;

use aimon_core::batch::{Batch, BatchHash};
use aimon_core::crypto::Keyring;
use aimon_core::segment;
use aimon_ledger::chunk::Chunk;
use aimon_ledger::ids::ChunkId;

/// The batches of a chunk, each with its hash.
pub type Batches = Rc<Vec<(BatchHash, Batch)>>;

/// What was read.
#[derive(Default)]
pub struct Library(BTreeMap<ChunkId, Batches>);

impl Library {
    /// The batches of a chunk, for whoever has its key.
    pub fn read(&mut self, ring: &Keyring, chunk: &Chunk) -> Option<Batches> {
        ring.get(&chunk.header().key)?;
        if let Some(read) = self.0.get(&chunk.id()) {
            return Some(Rc::clone(read));
        }
        let batches = segment::batches(&ring.open(chunk).ok()?).unwrap_or_default();
        let decoded = batches.iter().map(|bytes| (BatchHash::of(bytes), Batch::decode(bytes).unwrap_or_default()));
        let read = Rc::new(decoded.collect());
        self.0.insert(chunk.id(), Rc::clone(&read));
        Some(read)
    }
}
