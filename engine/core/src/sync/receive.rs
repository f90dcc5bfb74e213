//! What comes in, and what becomes of what is held.

use std::collections::{BTreeMap, BTreeSet};

use aimon_ledger::chunk::{Chunk, Header, Kind, Place};
use aimon_ledger::frame::Frame;
use aimon_ledger::ids::{ChunkId, DeviceId};
use aimon_ledger::live::State;
use aimon_ledger::log::Change;
use aimon_ledger::statement::{Recipient, Statement, StatementError};
use aimon_ledger::time::{UtcDay, UtcMillis};
use ed25519_dalek::VerifyingKey;

use super::{Client, Fault, Held, Notice, Step, SyncError};
use crate::crypto::Keyring;

impl Client {
    /// The chunks that are held and have to be at hand where a frame is taken in: what its snapshots cover, and the snapshots
    /// that cover what it brings.
    pub fn needs(&self, frame: &Frame) -> Vec<ChunkId> {
        let chunks = match frame {
            Frame::Deliver(chunks) => chunks,
            Frame::Statements(statements) => return self.needs_of_purges(statements),
            _ => return Vec::new(),
        };
        let mut needs = BTreeSet::new();
        for (_, bytes) in chunks {
            // Read twice, here and where it is taken in: reading a header costs a fiftieth of checking a signature.
            if let Ok(chunk) = Chunk::parse(bytes.clone())
                && self.log.state(&chunk.id()).is_none()
            {
                self.needs_of(&chunk, &mut needs);
            }
        }
        needs.into_iter().collect()
    }

    fn needs_of(&self, chunk: &Chunk, needs: &mut BTreeSet<ChunkId>) {
        let header = chunk.header();
        let is_snapshot = header.kind == Kind::Snapshot;
        let is_covered = |id: &ChunkId| is_snapshot && header.covers.binary_search(&id.short()).is_ok();
        let mut segment = self.log.segment(&header.place).peekable();
        if !is_snapshot && !self.log.is_taken(&header.place, chunk.id().short()) || segment.peek().is_none() {
            return;
        }
        for (id, held, state) in segment {
            if is_covered(id) || (held.kind == Kind::Snapshot && state == State::Live) {
                needs.insert(*id);
            }
        }
    }

    /// Whether a chunk that is not held need not lie anywhere: a snapshot that is held covers it, it is void, or its day is over. One
    /// that is not signed by whom it names is nobody's to remove.
    pub fn is_gone(&self, chunk: &Chunk) -> bool {
        if !self.is_signed(chunk) {
            return false;
        }
        match self.log.rules().alone(&chunk.id(), chunk.header()) {
            State::Expired | State::Void => true,
            State::Live => self.log.is_covered(&chunk.id(), chunk.header()),
            State::Covered | State::SetAside | State::Stranger => false,
        }
    }

    /// A folder holds all that is live here: nothing waits any more, and who lacks a key is given it. What is said by that is to be
    /// put there as well.
    pub fn all_taken(&mut self) -> Step {
        let mut step = Step::default();
        let queued: Vec<ChunkId> = self.queue.ids().copied().collect();
        for id in queued.into_iter().filter(|id| self.log.state(id) == Some(State::Live)) {
            self.queue.remove(&id);
            step.write.acknowledged.push(id);
        }
        step.join(self.give_keys());
        step
    }

    /// Chunks that don't count and are kept because what follows from them could not be done yet, and what it takes to do it.
    pub fn unreviewed(&self) -> Vec<ChunkId> {
        let void: BTreeSet<UtcDay> = self.void().iter().filter_map(|(_, place)| place.day).collect();
        let of_days = |place: &Place| place.day.is_some_and(|day| void.contains(&day));
        let mut needed: Vec<ChunkId> = Vec::new();
        if !void.is_empty() {
            needed.extend(self.log.all().filter(|(_, header, _)| of_days(&header.place)).map(|(id, _, _)| *id));
        }

        let covered: BTreeSet<Place> = self
            .log
            .all()
            .filter(|(_, _, state)| *state == State::Covered)
            .map(|(_, header, _)| header.place)
            .collect();
        let segments = covered.iter().flat_map(|place| self.log.segment(place));
        let is_needed = |(_, header, state): &(_, &Header, State)| {
            *state == State::Covered || (header.kind == Kind::Snapshot && *state == State::Live)
        };
        needed.extend(segments.filter(is_needed).map(|(id, _, _)| *id));
        needed
    }

    /// Own chunks that a purge has made void and that are still held.
    fn void(&self) -> Vec<(ChunkId, Place)> {
        let own =
            self.log.all().filter(|(_, header, state)| *state == State::Void && header.place.device == self.me.device);
        own.map(|(id, header, _)| (*id, header.place)).collect()
    }

    /// Looks again into what [`Client::unreviewed`] names.
    pub fn review(&mut self, mut held: Held) -> Step {
        let mut step = Step::default();
        let covered = self.log.all().filter(|(_, _, state)| *state == State::Covered);
        let covered: Vec<ChunkId> = covered.map(|(id, _, _)| *id).collect();
        self.cover(covered, &mut held, &BTreeSet::new(), &mut step);
        let void = self.void().into_iter().map(|(id, _)| id).collect();
        self.let_go(void, &held, &mut step);
        self.pump(&mut step);
        step
    }

    /// Takes chunks in that a relay or a folder holds; their signatures are checked here, once.
    pub fn take(&mut self, chunks: Vec<Chunk>, mut held: Held, now: UtcMillis) -> Step {
        let mut step = Step::default();
        let (mut ignored, mut changes, mut new) = (0, Vec::new(), BTreeSet::new());
        let mut newest = None;
        let mut is_cloned = false;
        let mut keys: BTreeMap<DeviceId, Vec<VerifyingKey>> = BTreeMap::new();
        for chunk in chunks {
            let (id, place) = (chunk.id(), chunk.header().place);
            if self.log.state(&id).is_some() {
                continue;
            }
            let keys = keys.entry(place.device).or_insert_with(|| self.standing.signing_keys(&place.device));
            if !self.is_signed_by(&chunk, keys) {
                ignored += 1;
                continue;
            }
            is_cloned |= place.device == self.me.device;
            let now = self.hold(&chunk);
            let own = now.iter().find(|change| change.id == id).map(|change| change.to);
            new.insert(id);
            match own {
                Some(State::Live | State::SetAside | State::Covered) => {
                    if own == Some(State::Live) && place.device != self.me.device {
                        newest = newest.max(place.day);
                    }
                    held.insert(id, chunk);
                }
                _ => ignored += 1,
            }
            changes.extend(now);
        }
        if is_cloned {
            step.notices.push(Notice::Cloned);
            if !self.has(Fault::KeepTheWriter) {
                self.pen.renew();
            }
        }
        if ignored > 0 {
            step.notices.push(Notice::Ignored(ignored));
        }
        self.settle(changes, &mut held, &new, &BTreeSet::new(), &mut step);
        // Another device's day is a witness of the time.
        if let Some(day) = newest
            && day.start() > self.time.until
        {
            let write = self.vouch(day.start(), now);
            step.write.join(write);
        }
        step
    }

    fn is_signed(&self, chunk: &Chunk) -> bool {
        self.is_signed_by(chunk, &self.standing.signing_keys(&chunk.header().place.device))
    }

    fn is_signed_by(&self, chunk: &Chunk, keys: &[VerifyingKey]) -> bool {
        self.has(Fault::SkipMembership) || keys.iter().any(|key| chunk.verify(&self.workspace(), key).is_ok())
    }

    /// Takes statements in that a relay or a folder holds.
    pub fn listen(&mut self, statements: Vec<Statement>, mut held: Held) -> Step {
        let mut step = Step::default();
        let (mut waiting, mut ignored) = (statements, 0);
        // In whatever order they come: what follows something that comes behind it waits for it.
        loop {
            let before = waiting.len();
            waiting.retain(|statement| match self.membership.insert(statement.clone()) {
                Ok(true) => {
                    step.write.statements.push(statement.clone());
                    false
                }
                Ok(false) => false,
                Err(StatementError::Missing(_)) => true,
                Err(_) => {
                    ignored += 1;
                    false
                }
            });
            if waiting.is_empty() || waiting.len() == before {
                break;
            }
        }
        ignored += waiting.len() as u64;
        if ignored > 0 {
            step.notices.push(Notice::Ignored(ignored));
        }
        if !step.write.statements.is_empty() {
            self.session.know(&step.write.statements);
            self.stand(&mut held, &BTreeSet::new(), &mut step);
        }
        step
    }

    /// Goes by what the statements come to now.
    pub(super) fn stand(&mut self, held: &mut Held, mine: &BTreeSet<ChunkId>, step: &mut Step) {
        let (was_member, could_write) = (self.is_member(), self.can_write());
        self.standing = self.membership.standing();
        let ring = Keyring::gather(&self.membership, Recipient::Device(self.me.device), &self.me.secret);
        let has_more = ring.len() > self.ring.len();
        self.ring = ring;
        self.is_locked = self.has_locked_purge();
        if has_more || (self.can_write() && !could_write) {
            step.notices.push(Notice::Keys);
        }
        self.decide(held, mine, step);
        // What counts has changed on both sides, not at once: a chunk that one has let go may count again at the other.
        self.session.is_due = true;
        if was_member && !self.is_member() {
            step.notices.push(Notice::Revoked);
        }
    }

    /// Goes by the rules as they are now.
    pub(super) fn decide(&mut self, held: &mut Held, mine: &BTreeSet<ChunkId>, step: &mut Step) {
        let rules = self.standing.rules(self.standing.retention.first_day(self.time.until.day()));
        let mut changes = self.log.obey(rules);
        // What has been decided at the start is told with the first change.
        for (id, _, state) in self.log.all() {
            if matches!(state, State::Void | State::Expired | State::Stranger)
                && !changes.iter().any(|change| change.id == *id)
            {
                changes.push(Change { id: *id, from: Some(state), to: state });
            }
        }
        self.settle(changes, held, &BTreeSet::new(), mine, step);
    }

    /// Does what follows from changes: `new` are the ids of chunks in `held` that are not written yet.
    /// `mine` are chunks of others that this device answers for, beside its own.
    fn settle(
        &mut self,
        changes: Vec<Change>,
        held: &mut Held,
        new: &BTreeSet<ChunkId>,
        mine: &BTreeSet<ChunkId>,
        step: &mut Step,
    ) {
        // A chunk may have changed more than once: what it is now counts.
        let ids: BTreeSet<ChunkId> = changes.iter().map(|change| change.id).collect();
        let was_aside: BTreeSet<ChunkId> =
            changes.iter().filter(|c| c.from == Some(State::SetAside)).map(|c| c.id).collect();
        let (mut covered, mut void) = (Vec::new(), Vec::new());
        for id in ids {
            let is_new = new.contains(&id);
            if let Some(chunk) = held.get(&id).filter(|_| is_new)
                && matches!(self.log.state(&id), Some(State::Live | State::SetAside))
            {
                step.write.chunks.push(chunk.clone());
            }
            match self.log.state(&id) {
                Some(State::Live) if was_aside.contains(&id) => step.write.counts.push((id, true)),
                Some(State::SetAside) if self.has(Fault::ForgetSetAside) => self.forget(&id, &mut step.write),
                Some(State::SetAside) => {
                    step.write.counts.push((id, self.has(Fault::CountUnlisted)));
                    // It may wait for a relay that had refused it; who vouches for it offers it again.
                    let is_own = self.log.header(&id).is_some_and(|header| header.place.device == self.me.device);
                    if !is_own && self.queue.remove(&id) {
                        step.write.acknowledged.push(id);
                    }
                }
                Some(State::Covered) => covered.push(id),
                Some(State::Live) | None => {}
                Some(State::Void | State::Expired | State::Stranger) => {
                    if self.has(Fault::Resurrect) && is_new {
                        step.write.chunks.extend(held.get(&id).cloned());
                        continue;
                    }
                    let is_own = self.log.header(&id).is_some_and(|h| h.place.device == self.me.device);
                    if is_new {
                        self.log.remove(&id);
                        self.sizes.remove(&id);
                    } else if self.log.state(&id) == Some(State::Void) && (is_own || mine.contains(&id)) {
                        void.push(id);
                    } else {
                        self.forget(&id, &mut step.write);
                    }
                }
            }
        }
        self.cover(covered, held, new, step);
        self.let_go(void, held, step);
    }

    /// Lets void chunks go, once what remains of them is written anew.
    fn let_go(&mut self, void: Vec<ChunkId>, held: &Held, step: &mut Step) {
        if void.is_empty() {
            return;
        }
        for id in self.remains(&void, held, &mut step.write) {
            self.forget(&id, &mut step.write);
        }
    }

    /// Lets chunks go that snapshots cover, once it is seen that these contain them. What they don't contain is written anew: no
    /// snapshot, whoever wrote it, takes a batch away.
    fn cover(&mut self, covered: Vec<ChunkId>, held: &mut Held, new: &BTreeSet<ChunkId>, step: &mut Step) {
        let mut segments: BTreeMap<Place, Vec<ChunkId>> = BTreeMap::new();
        for id in covered {
            if let Some(header) = self.log.header(&id) {
                segments.entry(header.place).or_default().push(id);
            }
        }
        for (place, ids) in segments {
            let mut contained: BTreeSet<Vec<u8>> = BTreeSet::new();
            let mut is_all_read = true;
            for (id, header) in self.live(&place) {
                if header.kind == Kind::Snapshot {
                    match held.get(&id).and_then(|snapshot| self.open(snapshot)) {
                        Some(batches) => contained.extend(batches),
                        None => is_all_read = false,
                    }
                }
            }
            for id in ids {
                let batches = held.get(&id).and_then(|chunk| self.open(chunk));
                let missing: Option<Vec<Vec<u8>>> =
                    batches.map(|all| all.into_iter().filter(|batch| !contained.contains(batch)).collect());
                let is_done = self.has(Fault::CoverUnseen)
                    || match missing {
                        Some(missing) if missing.is_empty() => true,
                        Some(missing) if is_all_read => self.rescue(&place, id, missing, step),
                        // It can't be read, or not all that may contain it: kept until it can.
                        Some(_) | None => false,
                    };
                if !is_done {
                    step.write.chunks.extend(held.get(&id).filter(|_| new.contains(&id)).cloned());
                } else if new.contains(&id) {
                    self.log.remove(&id);
                    self.sizes.remove(&id);
                } else {
                    self.forget(&id, &mut step.write);
                }
            }
        }
    }

    /// Writes batches anew that a snapshot should have contained; says whether that was done.
    fn rescue(&mut self, place: &Place, id: ChunkId, missing: Vec<Vec<u8>>, step: &mut Step) -> bool {
        if !self.can_write() {
            return false;
        }
        let origin = (place.device != self.me.device).then_some(place.device);
        let mut pieces = Vec::new();
        for batch in missing {
            match self.pieces(place.day, batch, origin) {
                Ok(some) => pieces.extend(some),
                // What is no batch has nothing to say.
                Err(SyncError::Damaged(_)) => {}
                // What could not be written would be lost with its chunk.
                Err(_) => return false,
            }
        }
        for piece in pieces {
            if self.append_piece(place.day, piece, true, &mut step.write).is_err() {
                return false;
            }
        }
        step.notices.push(Notice::Rewritten(id));
        true
    }
}
