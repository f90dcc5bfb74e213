#![allow(clippy::unwrap_used, clippy::panic)]
//! Devices and what they hold, step by step. What many steps come to is the simulator's.

use aimon_ledger::chunk::{Chunk, Header, Kind, Place};
use aimon_ledger::ids::{ChunkId, DeviceId, WriterId};
use aimon_ledger::live::State;
use aimon_ledger::membership::Membership;
use aimon_ledger::retention::TrustedTime;
use aimon_ledger::statement::{Author, Body, Keys, NO_WORKSPACE, Statement, What};
use aimon_ledger::time::{UtcDay, UtcMillis};

use super::*;
use crate::batch::{self, Batch};
use crate::crypto::{self, Entropy, Keyring, SecretKeys};
use crate::event::{Event, Record};
use crate::history::tests::copy;
use crate::history::{Copy, standing};
use crate::segment::{self, Chain};

mod members;
mod purges;
mod talk;

const DAY: UtcDay = UtcDay(20_700);
const NOON: UtcMillis = UtcMillis(20_700 * 86_400_000 + 43_200_000);
const A: DeviceId = DeviceId([1; 16]);
const B: DeviceId = DeviceId([2; 16]);
const C: DeviceId = DeviceId([3; 16]);

/// Entropy that differs from call to call, and from seed to seed.
fn entropy(seed: u8) -> impl FnMut() -> Entropy + std::marker::Send + Sync + 'static {
    let mut n = 0_u64;
    move || {
        n += 1;
        let mut bytes = [seed; 32];
        bytes[..8].copy_from_slice(&n.to_le_bytes());
        Entropy::new(bytes)
    }
}

fn secret(device: DeviceId) -> SecretKeys {
    SecretKeys::of_seed([device.0[0]; 32])
}

fn keys(device: DeviceId) -> Keys {
    secret(device).public()
}

/// Keys that sign, and that nothing can be wrapped for.
fn bad_keys(device: DeviceId) -> Keys {
    Keys { agreement: [0; 32], ..keys(device) }
}

fn phrase() -> SecretKeys {
    SecretKeys::of_seed([0xff; 32])
}

/// What the phrase says next.
fn say(set: &mut Membership, what: What) {
    let body = Body { follows: set.heads(), author: Author::Phrase, what };
    set.insert(crypto::statement(&set.workspace(), &body, &phrase()).unwrap()).unwrap();
}

/// Takes a device in, whatever its keys are, and gives it none.
fn admit(set: &mut Membership, device: DeviceId, keys: Keys) {
    say(set, What::Admit { device, keys, wrapped: vec![] });
}

/// A workspace without a key, of a phrase with these keys.
fn begun(phrase_keys: Keys) -> Membership {
    let body = Body { follows: vec![], author: Author::Phrase, what: What::Genesis(phrase_keys) };
    Membership::begin(crypto::statement(&NO_WORKSPACE, &body, &phrase()).unwrap()).unwrap()
}

/// A workspace of these devices, which have its key.
fn workspace(devices: &[DeviceId]) -> Membership {
    let mut set = begun(phrase().public());
    devices.iter().for_each(|device| admit(&mut set, *device, keys(*device)));
    let what = crypto::rotate(&set, &Keyring::default(), entropy(0)).unwrap();
    say(&mut set, what);
    set
}

/// A call of a message, with so much output.
fn call(message: u8, output: u64) -> Record {
    let time = UtcMillis(NOON.0 - 1_000);
    Record { source: "gemini".into(), time, ..copy(message, 0, output, 0).record }
}

/// A batch that only a newer version can read: so many bytes.
fn newer(bytes: usize) -> Vec<u8> {
    [vec![batch::VERSION + 1], vec![7; bytes - 1]].concat()
}

/// A batch as the first change of a writer.
fn change(writer: u8, batch: Vec<u8>) -> Vec<u8> {
    Chain::new(WriterId([writer; 8])).unwrap().append(batch)
}

/// A device, and the chunks on its disk.
struct Device {
    client: Client,
    held: Held,
}

impl Device {
    fn new(device: DeviceId, set: &Membership, seed: u8) -> Self {
        let statements: Vec<Statement> = set.statements().cloned().collect();
        let stored = Stored { statements, ..Stored::default() };
        let me = Me { device, secret: secret(device) };
        let client = Client::load(me, stored, TrustedTime::new(NOON), entropy(seed)).unwrap();
        Self { client, held: Held::new() }
    }

    fn keep(&mut self, write: &Write) {
        self.held.extend(write.chunks.iter().map(|chunk| (chunk.id(), chunk.clone())));
        write.dropped.iter().for_each(|id| drop(self.held.remove(id)));
    }

    /// Makes a step durable.
    fn go(&mut self, step: Step) -> Step {
        self.keep(&step.write);
        step
    }

    fn record(&mut self, calls: &[Record]) -> Vec<Chunk> {
        let batch = Batch::new(calls.iter().cloned().map(Event::Record));
        let write = self.client.record(Some(DAY), vec![batch], true).unwrap();
        self.keep(&write);
        write.chunks
    }

    fn take(&mut self, chunks: &[Chunk]) -> Step {
        let step = self.client.take(chunks.to_vec(), self.held.clone(), NOON);
        self.go(step)
    }

    fn hear(&mut self, statements: Vec<Statement>) -> Step {
        let step = self.client.listen(statements, self.held.clone());
        self.go(step)
    }

    /// Purges a source (or all) up to an instant.
    fn purge(&mut self, source: Option<&str>, instant: UtcMillis) -> Step {
        let selection = Selection { source: source.map(Into::into), account: None };
        let step = self.client.purge(vec![], DAY..=DAY, instant, &selection, self.held.clone()).unwrap();
        self.go(step)
    }

    /// A chunk as this device could write it, whatever it is made of.
    fn seal(&self, kind: Kind, content: &[u8], covers: &[ChunkId]) -> Chunk {
        let (key, workspace_key) = self.client.keyring().current(self.client.standing()).unwrap();
        let header = Header {
            place: Place { device: self.client.device(), day: Some(DAY), part: 0 },
            kind,
            key,
            nonce: [covers.len() as u8; 24],
            previous: None,
            obeys: vec![],
            covers: covers.iter().map(ChunkId::short).collect(),
        };
        workspace_key.seal_chunk(&self.client.workspace(), &header, content, self.client.secret()).unwrap()
    }

    fn states(&self) -> Vec<State> {
        self.client.log().all().map(|(_, _, state)| state).collect()
    }

    /// The batches of what counts here.
    fn batches(&self) -> Vec<Vec<u8>> {
        let live = self.held.values().filter(|chunk| self.client.state(&chunk.id()) == Some(State::Live));
        live.flat_map(|chunk| segment::batches(&self.client.keyring().open(chunk).unwrap()).unwrap()).collect()
    }

    /// The output of the calls that stand, ascending.
    fn output(&self) -> Vec<u64> {
        let batches = self.batches();
        let records = batches.iter().filter_map(|bytes| Batch::decode(bytes).ok()).flat_map(|batch| batch.records);
        let copies: Vec<Copy> = records.map(|record| Copy::new(self.client.device(), record)).collect();
        let mut output: Vec<u64> = standing(&copies).iter().map(|copy| copy.record.tokens.output).collect();
        output.sort_unstable();
        output
    }
}
