//! The world: devices, a relay, the time.

use std::collections::{BTreeMap, BTreeSet};

use aimon_core::batch::Batch;
use aimon_core::crypto::{self, Entropy, SecretKeys};
use aimon_core::event::{Event, MessageId, Quality, Record, RequestId, Setting, Tier};
use aimon_core::segment::{self, Chain};
use aimon_core::sync::{Fault, Held, Selection, Step, SyncError, entry};
use aimon_core::units::Tokens;
use aimon_generator::Prng;
use aimon_ledger::chunk::{Header, Kind, Place};
use aimon_ledger::frame::Frame;
use aimon_ledger::ids::{ChunkId, DeviceId, WorkspaceId, WriterId};
use aimon_ledger::membership::Membership;
use aimon_ledger::retention::{Retention, TrustedTime};
use aimon_ledger::statement::{Author, Body, Statement};
use aimon_ledger::time::{UtcDay, UtcMillis};
use aimon_relay_core::relay::{Said, SessionId};

use crate::check::Broken;
use crate::disk::Disk;
use crate::folder::Folder;
use crate::node::{Message, Node};
use crate::plan::{Action, Plan};
use crate::server::{RelayFault, Server};

/// When every world begins.
const START: UtcMillis = UtcMillis(1_780_000_000_000);

/// The most devices of a world.
const MOST: usize = 6;

/// What goes wrong on purpose.
#[derive(Clone, Copy, Default, Debug)]
pub struct Faults {
    /// In each device that there is at the start.
    pub device: Option<Fault>,
    /// In the relay.
    pub relay: Option<RelayFault>,
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
    pub vouched: Vec<(DeviceId, BTreeSet<u64>)>,
    /// Which events are in which chunk.
    pub contents: BTreeMap<ChunkId, BTreeSet<u64>>,
    /// The latest first day that anybody has ever kept from: a relay may have let go what is before it.
    pub first_ever: UtcDay,
    /// Each event's day.
    pub days: BTreeMap<u64, UtcDay>,
    sessions: u64,
    events: u64,
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
            days: BTreeMap::new(),
            sessions: 0,
            events: 0,
            dice,
        };
        let people: Vec<(DeviceId, [u8; 32])> =
            (0..plan.devices.max(1)).map(|_| (id(&mut world.dice), seed(&mut world.dice))).collect();
        let statements = world.begin(&phrase, &people);
        for (device, seed) in people {
            let disk = Disk { statements: statements.clone(), time: Some(TrustedTime::new(START)), ..Disk::default() };
            let mut node = Node::new(device, seed, disk, faults.device.into_iter().collect(), world.fork());
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
            Action::Admit { by, past } => self.admit(self.pick(by), past),
            Action::Revoke { by, whom } => {
                let whom = self.nodes[self.pick(whom)].device;
                self.say(self.pick(by), |client| client.revoke(whom));
            }
            Action::Vouch { by, whom } => {
                let (by, whom) = (self.pick(by), self.nodes[self.pick(whom)].device);
                self.vouch(by, whom);
            }
            Action::Rotate { by } => self.say(self.pick(by), aimon_core::sync::Client::rotate),
            Action::Retain { by, days } => {
                if let Some(retention) = Retention::of(u64::from(days)) {
                    self.say(self.pick(by), |client| client.retain(retention));
                }
            }
            Action::Set { node, path } => self.set(self.pick(node), path),
            Action::Purge { by, first, last, source } => self.purge(self.pick(by), first, last, source),
            Action::Lie { node, dice } => self.lie(self.pick(node), dice),
            Action::Stranger { dice } => self.stranger(dice),
        }
        Ok(())
    }

    /// Has a device record one more event; gives the writer of it.
    pub fn writes_as(&mut self, n: usize) -> Option<Vec<u8>> {
        let before = self.nodes.get(n)?.disk.last;
        self.record(n, 0, 1);
        let node = self.nodes.get(n)?;
        let last = node.disk.last.filter(|last| Some(*last) != before)?;
        let chunk = node.disk.chunks.values().find(|chunk| chunk.id().short() == last.id)?;
        writer(&node.client.as_ref()?.keyring().open(chunk).ok()?)
    }

    fn record(&mut self, n: usize, back: u8, count: u8) {
        let now = self.now;
        let node = &mut self.nodes[n];
        let day = now.day().plus(-i32::from(back));
        let numbers: Vec<u64> = (0..u64::from(count)).map(|n| self.events + n + 1).collect();
        self.events += u64::from(count);
        let batch = Batch::new(numbers.iter().map(|number| event(*number, day)));
        let Some(client) = &mut node.client else { return };
        if day < client.first_day() {
            return;
        }
        let step = match client.record(Some(day), vec![batch.clone()], false) {
            Ok(write) => Step { write, ..Step::default() },
            // It waits, in plain text, until the key is there.
            Err(SyncError::NoKey) => {
                let writer = node.fork().next();
                node.disk.plain.push((Some(day), change(writer, &batch)));
                Step::default()
            }
            Err(_) => return,
        };
        if self.go(n, step) {
            self.nodes[n].disk.truth.extend(numbers.iter().map(|number| (*number, day)));
            self.days.extend(numbers.into_iter().map(|number| (number, day)));
        }
    }

    /// Says whether it is durable.
    pub fn go(&mut self, n: usize, step: Step) -> bool {
        let Some(write) = self.nodes[n].go(step) else { return false };
        self.nodes[n].disk.seen.extend(write.chunks.iter().map(|chunk| (chunk.id(), chunk.header().place.device)));
        for chunk in &write.chunks {
            if let Some(client) = &self.nodes[n].client
                && let Ok(content) = client.keyring().open(chunk)
            {
                let batches = segment::batches(&content).unwrap_or_default();
                let numbers = batches.iter().flat_map(|batch| crate::disk::numbers(batch)).collect();
                self.contents.insert(chunk.id(), numbers);
            }
        }
        // What was not kept at some time may be gone, also if it would be kept now.
        if let Some(first) = self.nodes[n].client.as_ref().map(aimon_core::sync::Client::first_day) {
            // A clock may be ahead by a day; one that is ahead by years lets nothing expire.
            let right = self.nodes[n].client.as_ref().map(|client| client.standing().retention);
            let right = right.map(|retention| retention.first_day(self.now.day().plus(1)));
            let first = right.map_or(first, |right| right.min(first));
            self.nodes[n].disk.truth.retain(|_, day| *day >= first);
            self.first_ever = self.first_ever.max(first);
        }
        let is_member = self.nodes[n].client.as_ref().is_some_and(aimon_core::sync::Client::is_member);
        for id in write.acknowledged.iter().filter(|id| is_member && !write.dropped.contains(id)) {
            self.acknowledged.extend(self.contents.get(id).into_iter().flatten());
        }
        true
    }

    fn tick(&mut self, n: usize) {
        let now = self.nodes[n].now(self.now);
        self.nodes[n].flush();
        if let Some(client) = &mut self.nodes[n].client {
            let mut step = client.tick(now);
            let unreviewed = client.unreviewed();
            if !unreviewed.is_empty() {
                let held = self.nodes[n].disk.held(&unreviewed);
                if let Some(client) = &mut self.nodes[n].client {
                    step.join(client.review(held));
                }
            }
            self.go(n, step);
        }
    }

    fn seal(&mut self, n: usize) {
        let today = self.nodes[n].now(self.now).day();
        let Some(client) = self.nodes[n].client.as_ref().filter(|client| client.is_caught_up()) else { return };
        for (place, ids) in client.sealable(today) {
            let held = self.nodes[n].disk.held(&ids);
            let Some(client) = &mut self.nodes[n].client else { return };
            match client.seal(&place, &held) {
                Ok(step) => self.go(n, step),
                Err(_) => return,
            };
        }
    }

    fn say(&mut self, n: usize, what: impl FnOnce(&mut aimon_core::sync::Client) -> Result<Step, SyncError>) {
        let Some(client) = &mut self.nodes[n].client else { return };
        if let Ok(step) = what(client) {
            self.go(n, step);
        }
    }

    /// All that this device has ever held of that one counts from here on, if it is no member.
    fn vouch(&mut self, n: usize, whom: DeviceId) {
        let Some(client) = &self.nodes[n].client else { return };
        if client.standing().former.contains_key(&whom) && client.is_member() {
            let seen = self.nodes[n].disk.seen.iter().filter(|(_, device)| **device == whom);
            let events = seen.filter_map(|(id, _)| self.contents.get(id)).flatten().copied().collect();
            self.vouched.push((self.nodes[n].device, events));
        }
        self.say(n, |client| client.vouch_for(whom));
    }

    fn set(&mut self, n: usize, path: u8) {
        let Some(client) = &mut self.nodes[n].client else { return };
        self.events += 1;
        let entry =
            Setting { path: format!("path/{path}").into(), value: Some(self.events.to_string().into()), counter: 1 };
        if let Ok(write) = client.record(None, vec![Batch::new([Event::Setting(entry)])], true) {
            let mut step = client.recorded();
            step.write = write;
            self.go(n, step);
        }
    }

    fn purge(&mut self, n: usize, first: u8, last: u8, source: u8) {
        let today = self.now.day();
        let days = today.plus(-i32::from(first.max(last)))..=today.plus(-i32::from(last.min(first)));
        let selection =
            Selection { source: SOURCES.get(usize::from(source)).map(|name| (*name).into()), account: None };
        let Some(client) = &self.nodes[n].client else { return };
        let held = self.nodes[n].disk.held(&client.reached(&[], &days));
        let Some(client) = &mut self.nodes[n].client else { return };
        if let Ok(step) = client.purge(Vec::new(), days, self.now, &selection, held) {
            self.go(n, step);
        }
    }

    fn connect(&mut self, n: usize) {
        if self.nodes[n].is_lost || self.nodes[n].session.is_some() {
            return;
        }
        if self.folder.is_some() {
            self.share(n);
            return;
        }
        if self.nodes[n].is_joining && !self.enter(n) {
            return;
        }
        let Some(client) = &self.nodes[n].client else { return };
        let all: Vec<Vec<u8>> = client.membership().statements().map(|s| s.bytes().to_vec()).collect();
        let device = self.nodes[n].device;
        let Ok(view) = self.server.relay.view(&self.workspace);
        if !view.is_some_and(|view| view.is_member(&device)) {
            // A relay that does not know the workspace, or the device, is told; whether it may come in is for the relay.
            let _refused = self.server.relay.statements(&self.workspace, all, true, self.now);
            let said = self.server.relay.commit();
            self.server.sync();
            self.hand_out(said);
            let Ok(view) = self.server.relay.view(&self.workspace);
            if !view.is_some_and(|view| view.is_member(&device)) {
                return;
            }
        }
        self.sessions += 1;
        self.nodes[n].session = Some(self.sessions);
        self.server.relay.open(SessionId(self.sessions), self.workspace, device);
        let now = self.nodes[n].now(self.now);
        if let Some(client) = &mut self.nodes[n].client {
            let step = client.opened(now);
            self.go(n, step);
        }
    }

    /// A device that waits for its admit looks whether it is there; if so it comes in, with all that it has.
    pub fn enter(&mut self, n: usize) -> bool {
        let heard = match &self.folder {
            Some(folder) => folder.statements.values().cloned().collect(),
            None => self.server.statements(&self.workspace),
        };
        let heard: Vec<Statement> = heard.into_iter().filter_map(|bytes| Statement::parse(bytes).ok()).collect();
        let Some(statements) = entry(&self.workspace, &self.nodes[n].me(), heard) else { return false };
        let node = &mut self.nodes[n];
        node.disk.statements = statements;
        node.is_joining = false;
        node.start(self.now);
        node.catch_up();
        true
    }

    fn disconnect(&mut self, n: usize) {
        if let Some(session) = self.nodes[n].session {
            self.server.relay.close(SessionId(session));
        }
        self.nodes[n].hang_up();
    }

    /// All connections are gone.
    fn cut(&mut self) {
        (0..self.nodes.len()).for_each(|n| self.disconnect(n));
    }

    fn wait(&mut self, ms: u64) {
        self.now = UtcMillis(self.now.0 + ms as i64);
        self.server.relay.tick(self.now);
        let said = self.server.relay.commit();
        self.server.sync();
        self.hand_out(said);
    }

    fn restore(&mut self, n: usize) {
        if let Some(backup) = self.nodes[n].backup.clone() {
            self.disconnect(n);
            self.nodes[n].stop();
            self.nodes[n].disk = backup;
        }
    }

    fn twin(&mut self, n: usize, is_running: bool) {
        if self.nodes.len() >= MOST || self.nodes[n].is_joining || self.nodes[n].is_lost {
            return;
        }
        self.nodes[n].flush();
        let (dice, now) = (self.fork(), self.now);
        let node = &self.nodes[n];
        let mut twin = Node::new(node.device, node.seed, node.disk.clone(), node.faults.clone(), dice);
        twin.start(now);
        if let (true, Some(twin), Some(client)) = (is_running, &mut twin.client, &node.client) {
            twin.resume(client);
        }
        self.nodes.push(twin);
    }

    fn lose(&mut self, n: usize) {
        // Somebody must be left to tell.
        if self.nodes.iter().filter(|node| !node.is_lost && !node.is_joining).count() > 1 {
            self.disconnect(n);
            self.nodes[n].stop();
            self.nodes[n].is_lost = true;
        }
    }

    fn admit(&mut self, by: usize, past: u8) {
        if self.nodes.len() >= MOST {
            return;
        }
        let (device, seed) = (id(&mut self.dice), seed(&mut self.dice));
        let mut disk = Disk { time: Some(TrustedTime::new(self.now)), ..Disk::default() };
        for back in 0..past {
            self.events += 1;
            let day = self.now.day().plus(-i32::from(back));
            let batch = Batch::new([event(self.events, day)]);
            disk.plain.push((Some(day), change(self.dice.next(), &batch)));
            disk.truth.insert(self.events, day);
            self.days.insert(self.events, day);
        }
        let keys = SecretKeys::of_seed(seed).public();
        let Some(client) = &mut self.nodes[by].client else { return };
        let Ok(step) = client.admit(device, keys) else { return };
        if !self.go(by, step) {
            return;
        }
        let mut node = Node::new(device, seed, disk, Vec::new(), self.fork());
        node.is_joining = true;
        self.nodes.push(node);
    }

    /// A member pushes a snapshot of its own segment that covers a chunk and does not contain it.
    fn lie(&mut self, n: usize, dice: u64) {
        let node = &mut self.nodes[n];
        let Some(client) = node.client.as_ref().filter(|client| client.is_caught_up() && client.can_write()) else {
            return;
        };
        let own: Vec<(Place, ChunkId)> = client
            .log()
            .places()
            .filter(|place| place.device == node.device && place.day.is_some())
            .flat_map(|place| client.log().live(place).map(|(id, _)| (*place, *id)))
            .collect();
        let Some((place, covered)) = own.get(dice as usize % own.len().max(1)) else { return };
        let Some((key, workspace_key)) = client.keyring().current(client.standing()) else { return };
        let header = Header {
            place: *place,
            kind: Kind::Snapshot,
            key,
            nonce: [dice as u8; 24],
            previous: None,
            obeys: vec![],
            covers: vec![covered.short()],
        };
        let chunk = workspace_key.seal_chunk(&self.workspace, &header, segment::FIRST_CHANGE, client.secret());
        if let Ok(chunk) = chunk {
            // A relay believes it; only who holds the chunk knows better.
            for event in self.contents.get(covered).into_iter().flatten() {
                self.acknowledged.remove(event);
            }
            node.outbox.push_back(Frame::Push(vec![chunk.bytes().to_vec()]));
        }
    }

    /// A relay delivers what no member has signed.
    fn stranger(&mut self, dice: u64) {
        let mut dice = Prng::of(&[dice]);
        let n = dice.below(self.nodes.len() as u64) as usize;
        let place = Place { device: self.nodes[n].device, day: Some(self.now.day()), part: 0 };
        let secret = SecretKeys::of_seed(seed(&mut dice));
        let header = Header {
            place,
            kind: Kind::Change,
            key: aimon_ledger::ids::KeyId([1; 8]),
            nonce: [2; 24],
            previous: None,
            obeys: vec![],
            covers: vec![],
        };
        let key = crypto::WorkspaceKey::new(entropy(&mut dice));
        let Ok(chunk) = key.seal_chunk(&self.workspace, &header, b"nothing", &secret) else { return };
        for node in self.nodes.iter_mut().filter(|node| node.client.as_ref().is_some_and(|c| c.is_caught_up())) {
            node.inbox.push_back(Message::Frame(Frame::Deliver(vec![(0, chunk.bytes().to_vec())])));
        }
    }

    /// Delivers one frame of one connection; says whether there was one.
    fn deliver(&mut self, dice: &mut Prng) -> bool {
        let ways: Vec<(usize, bool)> = self
            .nodes
            .iter()
            .enumerate()
            .flat_map(|(n, node)| [(n, true, !node.inbox.is_empty()), (n, false, !node.outbox.is_empty())])
            .filter(|(_, _, has)| *has)
            .map(|(n, to, _)| (n, to))
            .collect();
        let Some((n, to_device)) = ways.get(dice.below(ways.len() as u64) as usize).copied() else { return false };
        if to_device {
            match self.nodes[n].inbox.pop_front() {
                Some(Message::Frame(frame)) => self.hear(n, frame),
                _ => self.disconnect(n),
            }
        } else if let (Some(frame), Some(session)) = (self.nodes[n].outbox.pop_front(), self.nodes[n].session) {
            let said = self.server.relay.frame(SessionId(session), frame, self.now);
            self.server.sync();
            self.hand_out(said);
        }
        true
    }

    fn hear(&mut self, n: usize, frame: Frame) {
        let now = self.nodes[n].now(self.now);
        let Some(client) = &self.nodes[n].client else { return };
        let held: Held = self.nodes[n].disk.held(&client.needs(&frame));
        if let Some(client) = &mut self.nodes[n].client {
            let step = client.frame(frame, held, now);
            self.go(n, step);
        }
    }

    fn hand_out(&mut self, mut said: Vec<Said>) {
        while !said.is_empty() {
            for one in std::mem::take(&mut said) {
                self.server.relay.taken(one.to, one.weight);
                let node = self.nodes.iter_mut().find(|node| node.session == Some(one.to.0));
                if let Some(node) = node {
                    node.inbox.push_back(Message::Frame(one.frame));
                    if one.is_last {
                        node.inbox.push_back(Message::Closed);
                    }
                }
            }
            if self.server.relay.is_busy() {
                said = self.server.relay.pump(usize::MAX);
            }
        }
    }

    /// Everything that is not lost runs, with the right time, and is connected, until nothing happens any more.
    ///
    /// # Errors
    /// If that does not end.
    pub fn heal(&mut self) -> Result<(), Broken> {
        self.cut();
        self.server.fill(false, self.now);
        for node in &mut self.nodes {
            node.skew = 0;
            node.crash = None;
        }
        // Sides are compared once a connection and a day. What a device that lies has done shows the next time, and what others do
        // about it the time after that.
        for _day in 0..3 {
            self.cut();
            self.settle()?;
        }
        Ok(())
    }

    /// Goes on until nothing happens any more.
    ///
    /// # Errors
    /// If that does not end.
    pub fn settle(&mut self) -> Result<(), Broken> {
        let mut dice = self.fork();
        for _round in 0..80 {
            self.wait(5_000);
            let mut is_quiet = true;
            for n in 0..self.nodes.len() {
                let now = self.now;
                self.nodes[n].start(now);
                self.connect(n);
                self.tick(n);
            }
            while self.deliver(&mut dice) {
                is_quiet = false;
            }
            if let Some(folder) = &mut self.folder {
                // Everything has arrived, and nobody has written or removed anything.
                is_quiet = !std::mem::take(&mut folder.has_changed);
                folder.is_slow = false;
            }
            let members = self.members();
            let is_even = |n: &usize| {
                self.folder.is_some() || self.nodes[*n].client.as_ref().is_some_and(aimon_core::sync::Client::is_even)
            };
            if is_quiet && members.iter().all(is_even) {
                return Ok(());
            }
        }
        let what = self
            .nodes
            .iter()
            .map(|node| format!("\n  {:?} joining {} session {:?}", node.client, node.is_joining, node.session));
        Err(Broken::Restless { what: what.collect() })
    }

    /// The devices that are there and belong to the workspace, by all that was said: one that was revoked may not have heard.
    pub fn members(&mut self) -> Vec<usize> {
        let Ok(view) = self.server.relay.view(&self.workspace);
        let in_folder = self.folder.as_ref().map(|folder| folder.members(&self.workspace));
        let is_in = |node: &Node| {
            let is_there = !node.is_lost && !node.is_joining && node.client.is_some();
            let is_member = match &in_folder {
                Some(members) => members.contains(&node.device),
                None => view.as_ref().is_some_and(|view| view.is_member(&node.device)),
            };
            is_there && is_member
        };
        self.nodes.iter().enumerate().filter(|(_, node)| is_in(node)).map(|(n, _)| n).collect()
    }

    /// Connects a device anew, and gives all that is said until it is quiet: to it, and by it.
    pub fn exchange(&mut self, n: usize) -> Vec<Frame> {
        self.disconnect(n);
        self.connect(n);
        self.talk(n)
    }

    /// All that a device and the relay say to each other until it is quiet.
    pub fn talk(&mut self, n: usize) -> Vec<Frame> {
        let mut all = Vec::new();
        loop {
            if let (Some(frame), Some(session)) = (self.nodes[n].outbox.pop_front(), self.nodes[n].session) {
                all.push(frame.clone());
                let said = self.server.relay.frame(SessionId(session), frame, self.now);
                self.hand_out(said);
            } else if let Some(Message::Frame(frame)) = self.nodes[n].inbox.pop_front() {
                all.push(frame.clone());
                self.hear(n, frame);
            } else {
                return all;
            }
        }
    }
}

/// Who tells of calls.
const SOURCES: [&str; 2] = ["codex", "claude-code"];

/// A call that is known by its number.
pub fn event(number: u64, day: UtcDay) -> Event {
    Event::Record(Record {
        source: SOURCES[(number % 2) as usize].into(),
        message: MessageId(number.to_le_bytes()),
        request: RequestId([0; 2]),
        sidechain: false,
        time: day.start(),
        model: "model".into(),
        session: "session".into(),
        tokens: Tokens::default(),
        web_searches: 0,
        tier: Tier::Standard,
        quality: Quality::Log,
        payer: None,
        stated_cost: None,
        project: None,
        origin: None,
    })
}

/// The writer of a change.
pub fn writer(content: &[u8]) -> Option<Vec<u8>> {
    segment::changes(content).ok()?.last().map(|change| change.actor_id().to_bytes().to_vec())
}

/// A batch as the first change of a writer.
fn change(writer: u64, batch: &Batch) -> Vec<u8> {
    Chain::new(WriterId(writer.to_le_bytes())).map(|mut chain| chain.append(batch.encode())).unwrap_or_default()
}
