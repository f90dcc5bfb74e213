//! A workspace of two devices, and one of them that writes months in seconds: the sync machine without a disk.

use std::collections::BTreeMap;

use aimon_core::batch::Batch;
use aimon_core::crypto::{self, Entropy, Keyring, Phrase, SecretKeys};
use aimon_core::ids::DeviceId;
use aimon_core::retention::TrustedTime;
use aimon_core::sync::{Client, Held, Me, Stored, Write};
use aimon_core::time::{UtcDay, UtcMillis};
use aimon_ledger::chunk::Chunk;
use aimon_ledger::ids::ChunkId;
use aimon_ledger::membership::Membership;
use aimon_ledger::statement::{Author as By, Body, Recipient, Statement, What};

/// The device that writes.
pub const WRITER: DeviceId = DeviceId([0xa; 16]);

/// The device that is new.
pub const READER: DeviceId = DeviceId([0xb; 16]);

/// Random bytes.
///
/// # Panics
/// When the operating system has none.
pub fn entropy() -> Entropy {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).unwrap();
    Entropy::new(bytes)
}

/// A device's keys, which follow from its id.
pub fn secret(device: DeviceId) -> SecretKeys {
    SecretKeys::of_seed([device.0[0]; 32])
}

/// The statements of a new workspace with both devices in it.
///
/// # Panics
/// Never: what it makes is right.
pub fn statements() -> Vec<Statement> {
    let phrase = Phrase::new(entropy()).keys();
    let mut set = Membership::begin(crypto::genesis(&phrase).unwrap()).unwrap();
    let mut say = |by: By, secret: &SecretKeys, make: &dyn Fn(&Membership) -> What| {
        let body = Body { follows: set.heads(), author: by, what: make(&set) };
        set.insert(crypto::statement(&set.workspace(), &body, secret).unwrap()).unwrap();
    };
    let keys = |device| secret(device).public();
    let no_ring = Keyring::default();
    say(By::Phrase, &phrase, &|set| crypto::admit(set, &no_ring, WRITER, keys(WRITER), entropy).unwrap());
    let own = secret(WRITER);
    say(By::Device(WRITER), &own, &|set| crypto::rotate(set, &no_ring, entropy).unwrap());
    say(By::Device(WRITER), &own, &|set| {
        let ring = Keyring::gather(set, Recipient::Device(WRITER), &own);
        crypto::admit(set, &ring, READER, keys(READER), entropy).unwrap()
    });
    set.statements().cloned().collect()
}

/// The device that writes, and what it holds.
pub struct Author {
    client: Client,
    held: BTreeMap<ChunkId, Chunk>,
    /// What it has written, oldest first.
    order: Vec<ChunkId>,
}

impl Author {
    /// One that holds nothing.
    ///
    /// # Panics
    /// When the statements are none.
    pub fn new(statements: Vec<Statement>, now: UtcMillis) -> Self {
        let me = Me { device: WRITER, secret: secret(WRITER) };
        let stored = Stored { statements, ..Stored::default() };
        let client = Client::load(me, stored, TrustedTime::new(now), entropy).unwrap();
        Self { client, held: BTreeMap::new(), order: Vec::new() }
    }

    /// Writes a batch; gives its chunk.
    ///
    /// # Panics
    /// When it is too large for one.
    pub fn record(&mut self, day: UtcDay, batch: Batch) -> Chunk {
        let write = self.client.record(Some(day), vec![batch], true).unwrap();
        let [chunk] = &write.chunks[..] else { panic!("one batch is one chunk") };
        let chunk = chunk.clone();
        self.keep(write);
        chunk
    }

    /// Seals the days before this one.
    ///
    /// # Panics
    /// When the machine can't seal what it wrote.
    pub fn seal(&mut self, today: UtcDay) {
        for (place, ids) in self.client.sealable(today) {
            let held: Held = ids.iter().filter_map(|id| Some((*id, self.held.get(id)?.clone()))).collect();
            let step = self.client.seal(&place, &held).unwrap();
            self.keep(step.write);
        }
    }

    /// Begins to write as another process does.
    ///
    /// # Panics
    /// When the machine can't be loaded.
    pub fn restart(&mut self, now: UtcMillis) {
        let statements = self.client.membership().statements().cloned().collect();
        let size = |chunk: &Chunk| chunk.bytes().len() as u32;
        let chunks = self.held.iter().map(|(id, chunk)| (*id, chunk.header().clone(), size(chunk))).collect();
        let me = Me { device: WRITER, secret: secret(WRITER) };
        let stored = Stored { statements, chunks, ..Stored::default() };
        self.client = Client::load(me, stored, TrustedTime::new(now), entropy).unwrap();
    }

    /// What is held, in the order in which it was written.
    pub fn chunks(&self) -> impl Iterator<Item = &Chunk> {
        self.order.iter().filter_map(|id| self.held.get(id))
    }

    fn keep(&mut self, write: Write) {
        self.order.extend(write.chunks.iter().map(|chunk| chunk.id()));
        self.held.extend(write.chunks.into_iter().map(|chunk| (chunk.id(), chunk)));
        for id in write.dropped {
            self.held.remove(&id);
        }
    }
}
