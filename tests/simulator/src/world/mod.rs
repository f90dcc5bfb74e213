//! The world: devices, a relay, the time.

use std::collections::{BTreeMap, BTreeSet};

use aimon_core::crypto::{self, Entropy, SecretKeys};
use aimon_core::sync::{Client, Fault, Withheld};
use aimon_generator::Prng;
use aimon_ledger::chunk::Header;
use aimon_ledger::ids::{ChunkId, DeviceId, StatementId, WorkspaceId};
use aimon_ledger::membership::Membership;
use aimon_ledger::retention::{Retention, TrustedTime};
use aimon_ledger::statement::{Author, Body, Statement};
use aimon_ledger::time::{UtcDay, UtcMillis};

use crate::check::Broken;
use crate::disk::Disk;
use crate::folder::Folder;
use crate::happening::Happening;
use crate::library::Library;
use crate::node::Node;
use crate::plan::{Action, Plan};
use crate::server::{RelayFault, Server};

mod devices;
mod events;
mod liars;
mod membership;
mod network;
mod quiet;
mod scenes;

pub use events::{Told, numbers};

/// When every world begins.
const START: UtcMillis = UtcMillis(1_780_000_000_000);

/// The most devices of a world.
const MOST: usize = 6;

/// What goes wrong on purpose.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Faults {
    /// In each device.
    pub device: Option<Fault>,
    /// In the relay.
    pub relay: Option<RelayFault>,
}

/// A device's word for events of a revoked one.
pub struct Vouched {
    /// Who gave it.
    pub by: DeviceId,
    /// In which statements. They may be lost with it before anybody has heard them.
    pub said: BTreeSet<StatementId>,
    /// For which events.
    pub events: BTreeSet<u64>,
}

/// Devices, a relay, the time.
#[allow(missing_docs)]
pub struct World {
    pub now: UtcMillis,
    pub workspace: WorkspaceId,
    pub nodes: Vec<Node>,
    pub server: Server,
    /// What they share instead of a relay, in a world without one.
    pub folder: Option<Folder>,
    /// The events that a relay has acknowledged and that it has not been made to forget.
    pub acknowledged: BTreeSet<u64>,
    /// Who has vouched for which events of a revoked device.
    pub vouched: Vec<Vouched>,
    /// Which events are in which chunk.
    pub contents: BTreeMap<ChunkId, BTreeSet<u64>>,
    /// The latest first day that anybody has ever kept from: a relay may have let go what is before it.
    pub first_ever: UtcDay,
    /// All events, by their numbers.
    pub told: BTreeMap<u64, Told>,
    /// All chunks that were ever written, by how others name them.
    pub written: BTreeMap<Withheld, (ChunkId, Header)>,
    /// What has come about that the worlds are there for.
    pub happened: BTreeSet<Happening>,
    /// Who has gone on differing from a relay that hides nothing from it.
    pub uneven: Option<usize>,
    /// Whether a clock was ever wrong.
    pub was_skewed: bool,
    pub library: Library,
    sessions: u64,
    events: u64,
    faults: Vec<Fault>,
    dice: Prng,
}

fn entropy(dice: &mut Prng) -> Entropy {
    let mut bytes = [0; 32];
    bytes.chunks_mut(8).for_each(|eight| eight.copy_from_slice(&dice.next().to_le_bytes()));
    Entropy::new(bytes)
}

fn seed(dice: &mut Prng) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.chunks_mut(8).for_each(|eight| eight.copy_from_slice(&dice.next().to_le_bytes()));
    bytes
}

fn id(dice: &mut Prng) -> DeviceId {
    let mut ten = [0; 10];
    ten[..8].copy_from_slice(&dice.next().to_le_bytes());
    DeviceId::new(START.0 as u64, ten)
}

impl World {
    /// The world of a plan, before anything has happened.
    pub fn new(plan: &Plan, faults: &Faults) -> Self {
        let mut dice = Prng::of(&[plan.seed, 2]);
        let phrase = SecretKeys::of_seed(seed(&mut dice));
        let mut world = Self {
            now: START,
            workspace: WorkspaceId([0; 32]),
            nodes: Vec::new(),
            server: Server::new(START, faults.relay),
            folder: plan.is_folder.then(Folder::default),
            acknowledged: BTreeSet::new(),
            vouched: Vec::new(),
            contents: BTreeMap::new(),
            first_ever: UtcDay(i32::MIN),
            told: BTreeMap::new(),
            written: BTreeMap::new(),
            happened: BTreeSet::new(),
            uneven: None,
            was_skewed: false,
            library: Library::default(),
            sessions: 0,
            events: 0,
            faults: faults.device.into_iter().collect(),
            dice,
        };
        let people: Vec<(DeviceId, [u8; 32])> =
            (0..plan.devices.max(1)).map(|_| (id(&mut world.dice), seed(&mut world.dice))).collect();
        let statements = world.begin(&phrase, &people);
        for (device, seed) in people {
            let disk = Disk { statements: statements.clone(), time: Some(TrustedTime::new(START)), ..Disk::default() };
            let mut node = Node::new(device, seed, disk, world.faults.clone(), world.fork());
            node.start(START);
            world.nodes.push(node);
        }
        world
    }

    /// A genesis, everybody's admit, a key for all.
    fn begin(&mut self, phrase: &SecretKeys, people: &[(DeviceId, [u8; 32])]) -> Vec<Statement> {
        let Ok(genesis) = crypto::genesis(phrase) else { return Vec::new() };
        self.workspace = WorkspaceId(genesis.id().0);
        let Ok(mut membership) = Membership::begin(genesis) else { return Vec::new() };
        let ring = crypto::Keyring::default();
        let say = |membership: &mut Membership, what| {
            let body = Body { follows: membership.heads(), author: Author::Phrase, what };
            if let Ok(statement) = crypto::statement(&membership.workspace(), &body, phrase) {
                let _new = membership.insert(statement);
            }
        };
        for (device, seed) in people {
            let keys = SecretKeys::of_seed(*seed).public();
            if let Ok(what) = crypto::admit(&membership, &ring, *device, keys, || entropy(&mut self.dice)) {
                say(&mut membership, what);
            }
        }
        if let Ok(what) = crypto::rotate(&membership, &ring, || entropy(&mut self.dice)) {
            say(&mut membership, what);
        }
        membership.statements().cloned().collect()
    }

    fn fork(&mut self) -> Prng {
        Prng::of(&[self.dice.next()])
    }

    pub(crate) fn saw(&mut self, what: Happening) {
        self.happened.insert(what);
    }

    fn pick(&self, n: u8) -> usize {
        usize::from(n) % self.nodes.len()
    }

    /// One thing happens.
    ///
    /// # Errors
    /// What must never be, at no time.
    pub fn act(&mut self, action: &Action) -> Result<(), Broken> {
        match *action {
            Action::Record { node, back, count } => self.record(self.pick(node), back, count),
            Action::Deliver { count, dice } => {
                let mut dice = Prng::of(&[dice]);
                for _ in 0..count {
                    if !self.deliver(&mut dice) {
                        break;
                    }
                }
            }
            Action::Tick { node } => self.tick(self.pick(node)),
            Action::Connect { node } => self.connect(self.pick(node)),
            Action::Disconnect { node } => self.disconnect(self.pick(node)),
            Action::Crash { node, after } => {
                let node = self.pick(node);
                self.nodes[node].crash = Some(after);
            }
            Action::Start { node } => {
                let (node, now) = (self.pick(node), self.now);
                self.nodes[node].start(now);
            }
            Action::Wait { ms } => self.wait(ms),
            Action::Clock { node, ms } => {
                let node = self.pick(node);
                self.nodes[node].skew = ms;
                self.was_skewed |= ms != 0;
            }
            Action::Seal { node } => self.seal(self.pick(node)),
            Action::Backup { node } => {
                let node = self.pick(node);
                self.nodes[node].flush();
                self.nodes[node].backup = Some(self.nodes[node].disk.clone());
            }
            Action::Restore { node } => self.restore(self.pick(node)),
            Action::Clone { node } => self.twin(self.pick(node), false),
            Action::Resume { node } => self.twin(self.pick(node), true),
            Action::Lose { node } => self.lose(self.pick(node)),
            Action::RelayBackup => self.server.keep(),
            Action::RelayRestore => {
                self.cut();
                self.acknowledged.clear();
                self.server.restore(self.now);
            }
            Action::RelayEmpty => {
                self.cut();
                self.acknowledged.clear();
                self.server.empty(self.now);
            }
            Action::RelayCrash => {
                self.cut();
                self.server.crash(self.now);
            }
            Action::RelayFull { is_full } => {
                self.cut();
                self.server.fill(is_full, self.now);
            }
            Action::Admit { by, past, others } => self.admit(self.pick(by), past, others),
            Action::Revoke { by, whom } => {
                let whom = self.nodes[self.pick(whom)].device;
                self.say(self.pick(by), |client| client.revoke(whom));
            }
            Action::Vouch { by, whom } => {
                let (by, whom) = (self.pick(by), self.nodes[self.pick(whom)].device);
                self.vouch(by, whom);
            }
            Action::Rotate { by } => self.say(self.pick(by), Client::rotate),
            Action::Retain { by, days } => {
                if let Some(retention) = Retention::of(u64::from(days)) {
                    self.say(self.pick(by), |client| client.retain(retention));
                }
            }
            Action::Set { node, path, count } => self.set(self.pick(node), path, count),
            Action::Purge { by, first, last, source } => self.purge(self.pick(by), first, last, source),
            Action::Lie { node, dice } => self.lie(self.pick(node), dice),
            Action::Stranger { dice } => self.stranger(dice),
            Action::Poll { node, back, dice } => self.poll(self.pick(node), back, dice),
            Action::HideChunks { node, dice } => {
                let node = self.pick(node);
                self.nodes[node].lies.chunks = dice;
                self.stop_lying(node);
            }
            Action::HideStatements { node, dice } => {
                let node = self.pick(node);
                self.nodes[node].lies.statements = dice;
                self.stop_lying(node);
            }
            Action::Midnight { before } => self.midnight(before),
            Action::Month { node, by, first, last } => self.month(self.pick(node), self.pick(by), first, last),
            Action::BothSet { node, path } => self.both_set(self.pick(node), path),
            Action::ManySet { node, count } => self.many_set(self.pick(node), count),
            Action::RevokeTwice { whom, by, and } => {
                self.revoke_twice(self.pick(whom), self.pick(by), self.pick(and));
            }
            Action::RevokeUnheard { whom, by, and } => {
                self.revoke_unheard(self.pick(whom), self.pick(by), self.pick(and));
            }
            Action::PurgeUnread { by, and } => self.purge_unread(self.pick(by), self.pick(and)),
            Action::LoseBoth { node } => self.lose_both(self.pick(node)),
        }
        Ok(())
    }
}
