//! What this device writes: chunks of its own segments, and statements.

use std::collections::{BTreeMap, BTreeSet};

use aimon_ledger::chunk::{self, Chunk, Header, Kind, Place, Previous};
use aimon_ledger::ids::{ChunkId, DeviceId, KeyId, Short, WriterId};
use aimon_ledger::live::{self, State};
use aimon_ledger::membership::key_of;
use aimon_ledger::retention::Retention;
use aimon_ledger::statement::{self, Author, Body, Keys, Listing, Recipient, Statement, What};
use aimon_ledger::time::UtcDay;
use automerge::Change;

use super::{Client, Fault, Held, Notice, Step, SyncError, Write};
use crate::batch::{Batch, BatchError, MOST_BYTES, Piece, TooLarge};
use crate::crypto;
use crate::segment;

/// The most chunks that one statement lists: room is left for what it follows.
const MOST_LISTED: usize = (statement::MOST_BYTES - 16 * 1024) / size_of::<Listing>();

/// How many changes without a day are left as they are: each costs a signature at each device that joins.
const MOST_DAYLESS: usize = 64;

impl Client {
    /// Writes events of one day (of none: settings) as chunks of this device's segment, to be pushed. What is not `urgent` leaves
    /// on the next tick.
    ///
    /// # Errors
    /// [`SyncError::NoKey`], [`SyncError::NotAMember`] and [`SyncError::TooLarge`] before anything is changed.
    pub fn record(&mut self, day: Option<UtcDay>, batches: Vec<Batch>, urgent: bool) -> Result<Write, SyncError> {
        self.may_write()?;
        let mut pieces = Vec::new();
        for mut batch in batches {
            self.obey(self.me.device, day, &mut batch);
            pieces.extend(batch.pieces(MOST_BYTES)?);
        }
        let mut write = Write::default();
        for piece in pieces {
            self.append_piece(day, piece, urgent, &mut write)?;
        }
        Ok(write)
    }

    /// Takes in what this device holds from before it was in the workspace: a change or a snapshot. With an `origin` it was
    /// that other device's, and its records say so from here on.
    ///
    /// # Errors
    /// As [`Client::record`]; [`SyncError::Damaged`] if the bytes are neither.
    pub fn bring(
        &mut self,
        place: (Option<UtcDay>, u16),
        content: &[u8],
        origin: Option<DeviceId>,
    ) -> Result<Write, SyncError> {
        self.may_write()?;
        let mut write = Write::default();
        let place = Place { device: self.me.device, day: place.0, part: place.1 };
        // What a purge reaches is looked into: it takes what is brought as it takes what is recorded.
        let is_reached = self.standing.purges.iter().any(|purge| purge.reaches(&place));
        if origin.is_none() && content.len() <= MOST_BYTES && !is_reached {
            let kind = if segment::is_snapshot(content)? { Kind::Snapshot } else { Kind::Change };
            self.author(place, kind, content, Vec::new(), true, &mut write)?;
            return Ok(write);
        }
        for batch in segment::batches(content)? {
            self.append_as(place.day, batch, origin, &mut write)?;
        }
        Ok(write)
    }

    fn may_write(&self) -> Result<(), SyncError> {
        if !self.is_member() {
            return Err(SyncError::NotAMember);
        }
        if self.can_write() { Ok(()) } else { Err(SyncError::NoKey) }
    }

    /// Writes a batch that was written before, as this device's own.
    fn append_as(
        &mut self,
        day: Option<UtcDay>,
        batch: Vec<u8>,
        origin: Option<DeviceId>,
        write: &mut Write,
    ) -> Result<(), SyncError> {
        let pieces = self.pieces(day, batch, origin)?;
        pieces.into_iter().try_for_each(|piece| self.append_piece(day, piece, true, write))
    }

    /// A batch that was written before, as batches that this device may write: with an `origin` it was that other device's. Nothing is
    /// written yet: of what can't be written as a whole nothing is.
    ///
    /// # Errors
    /// [`SyncError::Damaged`] if it is no batch, [`SyncError::TooLarge`].
    pub(super) fn pieces(
        &self,
        day: Option<UtcDay>,
        batch: Vec<u8>,
        origin: Option<DeviceId>,
    ) -> Result<Vec<Piece>, SyncError> {
        let mut decoded = match Batch::decode(&batch) {
            Ok(decoded) => decoded,
            // One that a newer version wrote is passed on as it is.
            Err(BatchError::Version(_)) if batch.len() <= MOST_BYTES => return Ok(vec![Piece::kept(batch)]),
            Err(BatchError::Version(_)) => return Err(TooLarge("what a newer version of aimon wrote".into()).into()),
            Err(e) => return Err(SyncError::Damaged(e.to_string())),
        };
        if let Some(origin) = origin {
            for record in &mut decoded.records {
                record.origin.get_or_insert(origin);
            }
        }
        self.obey(self.me.device, day, &mut decoded);
        Ok(decoded.pieces(MOST_BYTES)?)
    }

    /// Writes what [`Client::pieces`] gives.
    pub(super) fn append_piece(
        &mut self,
        day: Option<UtcDay>,
        piece: Piece,
        urgent: bool,
        write: &mut Write,
    ) -> Result<(), SyncError> {
        let entropy = &mut self.entropy;
        let writer = || Ok::<_, SyncError>(WriterId(entropy().stream().bytes()));
        let (part, change) = self.pen.append(day, piece, writer)?;
        let place = Place { device: self.me.device, day, part };
        self.author(place, Kind::Change, &change, Vec::new(), urgent, write).map(|_| ())
    }

    /// Encrypts and signs a chunk, and puts it into the log and the queue.
    fn author(
        &mut self,
        place: Place,
        kind: Kind,
        content: &[u8],
        covers: Vec<Short>,
        urgent: bool,
        write: &mut Write,
    ) -> Result<ChunkId, SyncError> {
        let (key, workspace_key) = self.ring.current(&self.standing).ok_or(SyncError::NoKey)?;
        let short = if kind == Kind::Change { segment::shorten(content) } else { None };
        let content = short.as_deref().unwrap_or(content);
        let purges = self.standing.purges.iter().filter(|purge| purge.reaches(&place));
        let obeys: BTreeSet<Short> = purges.map(|purge| purge.id).collect();
        let mut header = Header {
            place,
            kind,
            key,
            nonce: [0; 24],
            previous: self.last,
            obeys: obeys.into_iter().collect(),
            covers,
        };
        let workspace = self.membership.workspace();
        let chunk = loop {
            header.nonce = (self.entropy)().stream().bytes();
            let chunk = workspace_key.seal_chunk(&workspace, &header, content, &self.me.secret)?;
            // A header names a chunk by four bytes: by chance they could be another's.
            if !self.log.is_taken(&place, chunk.id().short()) {
                break chunk;
            }
        };
        let id = chunk.id();
        self.last = Some(Previous { day: place.day, id: id.short() });
        write.last = self.last;
        self.hold(&chunk);
        self.queue.push(id, urgent);
        write.queued.push(id);
        write.chunks.push(chunk);
        Ok(id)
    }

    /// This device's segments that are worth sealing, with the live chunks that it takes to do so: of days before `today`, and
    /// of what has no day once many chunks have come together, because it is never over.
    pub fn sealable(&self, today: UtcDay) -> Vec<(Place, Vec<ChunkId>)> {
        let own = self.log.places().filter(|place| place.device == self.me.device);
        own.filter(|place| place.day.is_none_or(|day| day < today))
            .filter_map(|place| {
                let live: Vec<(&ChunkId, &Header)> =
                    self.log.live(place).filter(|(_, header)| header.kind != Kind::Summary).collect();
                let changes = live.iter().filter(|(_, header)| header.kind == Kind::Change).count();
                let most = if place.day.is_some() { 0 } else { MOST_DAYLESS };
                let is_worth = live.len() > 1 && changes > most;
                is_worth.then(|| (*place, live.into_iter().map(|(id, _)| *id).collect()))
            })
            .collect()
    }

    /// Seals a segment: snapshots of whole chains cover its chunks. What can't be read, or hangs together with nothing, stays.
    ///
    /// # Errors
    /// As [`Client::record`].
    pub fn seal(&mut self, place: &Place, held: &Held) -> Result<Step, SyncError> {
        self.may_write()?;
        let mut parts: Vec<(ChunkId, Vec<Change>)> = Vec::new();
        for (id, _) in self.live(place) {
            let content = held.get(&id).and_then(|chunk| self.ring.open(chunk).ok());
            if let Some(changes) = content.and_then(|content| segment::changes(&content).ok()) {
                parts.push((id, changes));
            }
        }
        let (ids, changes): (Vec<ChunkId>, Vec<Vec<Change>>) = parts.into_iter().unzip();
        let mut step = Step::default();
        for packed in segment::pack(&changes, MOST_BYTES)? {
            if packed.holds.len() < 2 {
                continue;
            }
            let mut covers = BTreeSet::new();
            let mut expected: BTreeSet<Vec<u8>> = BTreeSet::new();
            for (id, changes) in packed.holds.iter().filter_map(|n| Some((ids.get(*n)?, changes.get(*n)?))) {
                covers.insert(id.short());
                covers.extend(self.log.header(id).into_iter().flat_map(|header| header.covers.iter().copied()));
                for change in changes {
                    expected.extend(segment::batches(change.raw_bytes())?);
                }
            }
            // Before anything goes it is checked that the snapshot has it all.
            let found: BTreeSet<Vec<u8>> = segment::batches(&packed.content)?.into_iter().collect();
            if found != expected || covers.len() > chunk::MOST_NAMED {
                continue;
            }
            let covers = covers.into_iter().collect();
            self.author(*place, Kind::Snapshot, &packed.content, covers, true, &mut step.write)?;
            for id in packed.holds.iter().filter_map(|n| ids.get(*n)) {
                if self.log.state(id) == Some(State::Covered) {
                    self.forget(id, &mut step.write);
                }
            }
        }
        self.pump(&mut step);
        Ok(step)
    }

    /// Signs a statement that follows all that is held.
    ///
    /// # Errors
    /// [`SyncError::NotAMember`], [`SyncError::Statements`].
    fn say(&mut self, what: What) -> Result<Step, SyncError> {
        self.say_all([what])
    }

    /// Signs several, each of which follows the one before it: they are heard as one.
    fn say_all(&mut self, all: impl IntoIterator<Item = What>) -> Result<Step, SyncError> {
        if !self.is_member() {
            return Err(SyncError::NotAMember);
        }
        let mut follows = self.membership.heads();
        let mut statements = Vec::new();
        for what in all {
            let body = Body { follows, author: Author::Device(self.me.device), what };
            let statement = crypto::statement(&self.workspace(), &body, &self.me.secret)?;
            follows = vec![statement.id()];
            statements.push(statement);
        }
        let mut step = Step::default();
        self.hear(statements, &mut Held::new(), &BTreeSet::new(), &mut step)?;
        Ok(step)
    }

    /// Takes in statements that were made on this device; `mine` are chunks of others that it answers for.
    pub(super) fn hear(
        &mut self,
        statements: Vec<Statement>,
        held: &mut Held,
        mine: &BTreeSet<ChunkId>,
        step: &mut Step,
    ) -> Result<(), SyncError> {
        for statement in &statements {
            self.membership.insert(statement.clone())?;
        }
        step.write.statements.extend(statements);
        self.session.has_unsaid = true;
        self.stand(held, mine, step);
        self.say_lacking(step);
        self.pump(step);
        Ok(())
    }

    /// Takes a device in.
    ///
    /// # Errors
    /// [`SyncError::NoKey`] if not every key is held that it needs; as [`Client::record`].
    pub fn admit(&mut self, device: DeviceId, keys: Keys) -> Result<Step, SyncError> {
        let mut what = crypto::admit(&self.membership, &self.ring, device, keys, &mut self.entropy)?;
        if self.has(Fault::LoseARotation)
            && let What::Admit { wrapped, .. } = &mut what
        {
            let current = self.ring.current(&self.standing).map(|(id, _)| id);
            wrapped.retain(|(id, _)| Some(*id) == current);
        }
        self.say(what)
    }

    /// Takes another device out, lists what counts of what it wrote, and rotates the key; where there can't be a new one,
    /// [`Notice::KeyStays`] says so.
    ///
    /// # Errors
    /// [`SyncError::Oneself`]: who takes itself out can bring no key to those who stay. As [`Client::record`].
    pub fn revoke(&mut self, device: DeviceId) -> Result<Step, SyncError> {
        if device == self.me.device {
            return Err(SyncError::Oneself);
        }
        let theirs = self.chunks_of(device, State::Live);
        let listed = listings(&theirs);
        // Lists unite: what one statement has no room for, vouches add.
        let (first, rest) = listed.split_at(listed.len().min(MOST_LISTED));
        let revoke = What::Revoke { device, listed: first.to_vec() };
        let mut step = self.say_all(std::iter::once(revoke).chain(vouches(device, rest)))?;
        self.offer(theirs, &mut step);
        // What was said stands, also if a new key can't be brought: the step must not be lost.
        match self.rotate() {
            Ok(rotated) => step.join(rotated),
            Err(why) => step.notices.push(Notice::KeyStays(why)),
        }
        Ok(step)
    }

    /// Says that more of a revoked device's chunks count: all that are held here. Also what others have listed: their word falls with
    /// them, if they are revoked by somebody who has not heard it (seed 28461).
    ///
    /// # Errors
    /// As [`Client::record`].
    pub fn vouch_for(&mut self, device: DeviceId) -> Result<Step, SyncError> {
        if !self.standing.revoked.contains_key(&device) {
            return Ok(Step::default());
        }
        let aside = self.chunks_of(device, State::SetAside);
        let known = self.listed_here(device);
        let mut held = listings(&self.chunks_of(device, State::Live));
        held.extend(listings(&aside));
        held.retain(|listing| !known.contains(listing));
        held.sort_unstable();
        if held.is_empty() {
            return Ok(Step::default());
        }
        let mut step = self.say_all(vouches(device, &held))?;
        self.offer(aside, &mut step);
        Ok(step)
    }

    /// What this device itself has said to count of a revoked one's.
    fn listed_here(&self, device: DeviceId) -> BTreeSet<Listing> {
        let own = self.membership.statements().filter(|one| one.body().author == Author::Device(self.me.device));
        let listed = own.filter_map(|one| match &one.body().what {
            What::Revoke { device: of, listed } | What::Vouch { device: of, listed } if *of == device => Some(listed),
            _ => None,
        });
        listed.flatten().copied().collect()
    }

    fn chunks_of(&self, device: DeviceId, wanted: State) -> Vec<ChunkId> {
        let theirs = self.log.all().filter(|(_, header, state)| header.place.device == device && *state == wanted);
        theirs.map(|(id, _, _)| *id).collect()
    }

    /// A relay may not have what is listed: who lists it offers it.
    fn offer(&mut self, listed: Vec<ChunkId>, step: &mut Step) {
        for id in listed {
            if self.queue.push(id, true) {
                step.write.queued.push(id);
            }
        }
    }

    /// Brings a new key.
    ///
    /// # Errors
    /// As [`Client::record`].
    pub fn rotate(&mut self) -> Result<Step, SyncError> {
        let what = crypto::rotate(&self.membership, &self.ring, &mut self.entropy)?;
        self.say(what)
    }

    /// Sets how many days are kept, for the whole workspace.
    ///
    /// # Errors
    /// As [`Client::record`].
    pub fn retain(&mut self, retention: Retention) -> Result<Step, SyncError> {
        self.say(What::Retain(retention))
    }

    /// Gives keys to members that were missed by a rotate beside their admit. One whose keys are none that anything can be wrapped for
    /// keeps nobody else waiting.
    pub fn give_keys(&mut self) -> Step {
        let mut step = Step::default();
        if self.has(Fault::LoseARotation) {
            return step;
        }
        for (key, device, keys) in self.missed() {
            let entropy = (self.entropy)();
            let wrap = crypto::wrap(&self.membership, &self.ring, key, device, &keys, entropy);
            // What was said before must not be lost, and what was not is tried again with the next tick.
            if let Ok(said) = wrap.map_err(SyncError::from).and_then(|what| self.say(what)) {
                step.join(said);
            }
        }
        step
    }

    /// Which members lack which of the keys that are held here.
    fn missed(&self) -> Vec<(KeyId, DeviceId, Keys)> {
        let mut given: BTreeMap<DeviceId, BTreeSet<_>> = BTreeMap::new();
        for statement in self.membership.statements() {
            match &statement.body().what {
                What::Rotate { wrapped, .. } => {
                    for (recipient, _) in wrapped {
                        if let Recipient::Device(device) = recipient {
                            given.entry(*device).or_default().insert(key_of(&statement.id()));
                        }
                    }
                }
                What::Admit { device, wrapped, .. } => {
                    given.entry(*device).or_default().extend(wrapped.iter().map(|(key, _)| *key));
                }
                What::Wrap { key, device, .. } => {
                    given.entry(*device).or_default().insert(*key);
                }
                _ => {}
            }
        }
        let mut missed = Vec::new();
        for (device, keys) in self.standing.members.iter().filter(|(device, _)| **device != self.me.device) {
            let given = given.get(device).cloned().unwrap_or_default();
            let beyond = self.ring.beyond(&given);
            if beyond.is_empty() {
                continue;
            }
            let Some(keys) = keys.iter().find(|keys| crypto::can_receive(keys)) else { continue };
            missed.extend(beyond.into_iter().map(|key| (key, *device, *keys)));
        }
        missed
    }

    /// Takes a chunk out of everything.
    pub(super) fn forget(&mut self, id: &ChunkId, write: &mut Write) {
        self.log.remove(id);
        self.sizes.remove(id);
        write.dropped.push(*id);
        if self.queue.remove(id) {
            write.acknowledged.push(*id);
        }
    }

    /// The batches in a chunk, as far as it can be read.
    pub(super) fn open(&self, chunk: &Chunk) -> Option<Vec<Vec<u8>>> {
        self.ring.open(chunk).ok().and_then(|content| segment::batches(&content).ok())
    }
}

/// By which statements list these: ascending, none twice.
fn listings(ids: &[ChunkId]) -> Vec<Listing> {
    let listed: BTreeSet<Listing> = ids.iter().map(live::listing).collect();
    listed.into_iter().collect()
}

fn vouches(device: DeviceId, listed: &[Listing]) -> impl Iterator<Item = What> {
    listed.chunks(MOST_LISTED).map(move |some| What::Vouch { device, listed: some.to_vec() })
}
