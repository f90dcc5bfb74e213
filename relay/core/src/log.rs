//! What becomes of chunks in a storage: the same that [`Rules::states`] says of all that is held, decided piece by piece.
//!
//! A new chunk is decided by its own segment: it is covered if a live snapshot covers it, and a snapshot takes out what it covers.
//! What the statements change is decided again segment by segment, and only where the change reaches. Sums are kept in step.

use std::collections::BTreeMap;

use aimon_ledger::chunk::{Chunk, Header, Kind, Place};
use aimon_ledger::frame::Code;
use aimon_ledger::ids::{ChunkId, Short, WorkspaceId};
use aimon_ledger::live::{self, Purge, Rules, State};

use crate::storage::{Held, Segment, Storage, Tally};

/// How many segments are looked through at once.
const SEGMENTS_AT_ONCE: usize = 256;

/// What became of a chunk that was pushed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Taken {
    /// It is live, under a number of its own.
    Live {
        /// The number.
        seq: u64,
        /// What it took out, being a snapshot.
        dropped: Vec<u64>,
    },
    /// Its author is no member any more, and nobody lists it: kept, and not offered.
    Aside(u64),
    /// It was held before.
    Held(u64),
    /// A snapshot covers it.
    Covered {
        /// What it took out all the same, being a snapshot.
        dropped: Vec<u64>,
    },
    /// It does not count.
    Refused(Code),
}

/// What a change of the rules has changed.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Changed {
    /// Chunks that have become live, under their new numbers.
    pub live: Vec<(u64, Chunk)>,
    /// The numbers of those that are not offered any more.
    pub gone: Vec<u64>,
    /// How many were dropped for good.
    pub dropped: u64,
}

/// One workspace's chunks in a storage.
pub struct Log<'s, S> {
    storage: &'s mut S,
    workspace: WorkspaceId,
}

impl<'s, S: Storage> Log<'s, S> {
    /// The chunks of a workspace.
    pub fn new(storage: &'s mut S, workspace: WorkspaceId) -> Self {
        Self { storage, workspace }
    }

    /// Takes a chunk in whose signature was checked. `quota` is how many bytes the workspace may hold.
    ///
    /// # Errors
    /// The storage's.
    pub fn push(&mut self, rules: &Rules, chunk: &Chunk, quota: u64) -> Result<Taken, S::Error> {
        let (id, header) = (chunk.id(), chunk.header());
        if let Some(held) = self.storage.find(&self.workspace, &header.place, &id)? {
            return Ok(Taken::Held(held.seq));
        }
        let state = rules.states([(&id, header)]).remove(&id).unwrap_or(State::Stranger);
        let is_aside = match state {
            State::Void => return Ok(Taken::Refused(Code::Void)),
            State::Expired => return Ok(Taken::Refused(Code::Expired)),
            State::Stranger => return Ok(Taken::Refused(Code::NotAMember)),
            State::SetAside => true,
            State::Live | State::Covered => false,
        };
        let mut tally = self.storage.tally(&self.workspace)?;
        let mut segment = self.storage.segment(&self.workspace, &header.place)?;
        // A snapshot that is itself covered goes on covering: what counts does not depend on which of two came first.
        let mut covered = Vec::new();
        let mut is_covered = state == State::Covered;
        if !is_aside {
            covered = self.covered_by(header, &segment)?;
            is_covered = is_covered || self.is_covered(&id, header, &segment)?;
        }
        let freed: u64 = covered.iter().map(|(_, held)| held.length).sum();
        if !is_covered && tally.bytes.saturating_sub(freed) + chunk.bytes().len() as u64 > quota {
            return Ok(Taken::Refused(Code::Quota));
        }
        let mut dropped = Vec::new();
        for (id, held) in covered {
            self.take_out(&header.place, &id, &held, &mut segment, &mut tally)?;
            dropped.push(held.seq);
        }
        let taken = if is_covered {
            Taken::Covered { dropped }
        } else {
            tally.head += 1;
            self.put_in(tally.head, chunk, is_aside, &mut segment, &mut tally)?;
            if is_aside { Taken::Aside(tally.head) } else { Taken::Live { seq: tally.head, dropped } }
        };
        self.storage.set_segment(&self.workspace, &header.place, segment)?;
        self.storage.set_tally(&self.workspace, tally)?;
        Ok(taken)
    }

    /// Goes by other rules: segments that the change reaches are decided again.
    ///
    /// # Errors
    /// The storage's.
    pub fn obey(&mut self, old: &Rules, new: &Rules) -> Result<Changed, S::Error> {
        let reach = Reach::between(old, new);
        let mut changed = Changed::default();
        if reach.is_empty() && new.first_day == old.first_day {
            return Ok(changed);
        }
        let mut tally = self.storage.tally(&self.workspace)?;
        tally.first_day = new.first_day;
        if reach.is_empty() {
            self.storage.set_tally(&self.workspace, tally)?;
            return Ok(changed);
        }
        let mut after = None;
        loop {
            let page = self.storage.segments(&self.workspace, after, SEGMENTS_AT_ONCE)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(*last);
            for (place, segment) in page {
                if reach.reaches(&place) {
                    self.decide_again(new, place, segment, &mut tally, &mut changed)?;
                }
            }
        }
        self.storage.set_tally(&self.workspace, tally)?;
        changed.live.sort_unstable_by_key(|(seq, _)| *seq);
        Ok(changed)
    }

    fn decide_again(
        &mut self,
        rules: &Rules,
        place: Place,
        mut segment: Segment,
        tally: &mut Tally,
        changed: &mut Changed,
    ) -> Result<(), S::Error> {
        let mut chunks = BTreeMap::new();
        for (id, held) in self.storage.ids(&self.workspace, &place)? {
            // A row that can't be read any more takes nothing but itself out; repair brings it again.
            match self.storage.chunk(&self.workspace, held.seq)?.map(Chunk::parse) {
                Some(Ok(chunk)) => {
                    chunks.insert(id, (held, chunk));
                }
                _ => tracing::error!(%id, "a chunk that is held cannot be read"),
            }
        }
        let states = rules.states(chunks.iter().map(|(id, (_, chunk))| (id, chunk.header())));
        for (id, (held, chunk)) in &chunks {
            let state = states.get(id).copied().unwrap_or(State::Stranger);
            let (was_live, is_live) = (!held.is_aside, state == State::Live);
            let is_aside = state == State::SetAside;
            if was_live == is_live && held.is_aside == is_aside {
                continue;
            }
            self.take_out(&place, id, held, &mut segment, tally)?;
            if was_live {
                changed.gone.push(held.seq);
            }
            if is_live {
                // Whoever has passed its old number was not offered it.
                tally.head += 1;
                self.put_in(tally.head, chunk, false, &mut segment, tally)?;
                changed.live.push((tally.head, chunk.clone()));
            } else if is_aside {
                self.put_in(held.seq, chunk, true, &mut segment, tally)?;
            } else {
                changed.dropped += 1;
            }
        }
        self.storage.set_segment(&self.workspace, &place, segment)
    }

    /// The live chunks of its segment that a new chunk, being a snapshot, covers.
    fn covered_by(&mut self, header: &Header, segment: &Segment) -> Result<Vec<(ChunkId, Held)>, S::Error> {
        let mut covered = Vec::new();
        if header.kind != Kind::Snapshot || segment.live == 0 {
            return Ok(covered);
        }
        for short in &header.covers {
            for (id, held) in self.storage.beginning(&self.workspace, &header.place, *short)? {
                if !held.is_aside && self.covers(&header.covers, &id, &held)? {
                    covered.push((id, held));
                }
            }
        }
        Ok(covered)
    }

    /// Whether a snapshot that lists these covers a chunk that is held.
    fn covers(&mut self, listed: &[Short], id: &ChunkId, held: &Held) -> Result<bool, S::Error> {
        if !held.is_snapshot {
            return Ok(true);
        }
        match self.storage.chunk(&self.workspace, held.seq)?.map(Chunk::parse) {
            Some(Ok(chunk)) => Ok(live::covers(listed, id.short(), chunk.header())),
            // What can't be read any more is offered to nobody: repair brings it again.
            _ => Ok(true),
        }
    }

    /// Whether a live snapshot of its segment covers a chunk.
    fn is_covered(&mut self, id: &ChunkId, header: &Header, segment: &Segment) -> Result<bool, S::Error> {
        if segment.snapshots == 0 {
            return Ok(false);
        }
        let lists = self.storage.covers(&self.workspace, &header.place)?;
        Ok(lists.iter().any(|listed| live::covers(listed, id.short(), header)))
    }

    fn put_in(
        &mut self,
        seq: u64,
        chunk: &Chunk,
        is_aside: bool,
        segment: &mut Segment,
        tally: &mut Tally,
    ) -> Result<(), S::Error> {
        self.storage.put(&self.workspace, seq, chunk, is_aside)?;
        tally.bytes += chunk.bytes().len() as u64;
        tally.chunks += 1;
        if is_aside {
            segment.aside += 1;
        } else {
            segment.live += 1;
            segment.snapshots += u64::from(chunk.header().kind == Kind::Snapshot);
            segment.sum.add(&chunk.id());
            tally.total.add(&chunk.id());
        }
        Ok(())
    }

    fn take_out(
        &mut self,
        place: &Place,
        id: &ChunkId,
        held: &Held,
        segment: &mut Segment,
        tally: &mut Tally,
    ) -> Result<(), S::Error> {
        self.storage.remove(&self.workspace, place, id)?;
        tally.bytes = tally.bytes.saturating_sub(held.length);
        tally.chunks = tally.chunks.saturating_sub(1);
        if held.is_aside {
            segment.aside = segment.aside.saturating_sub(1);
        } else {
            segment.live = segment.live.saturating_sub(1);
            segment.snapshots = segment.snapshots.saturating_sub(u64::from(held.is_snapshot));
            segment.sum.remove(id);
            tally.total.remove(id);
        }
        Ok(())
    }
}

/// Which segments a change of the rules may change.
struct Reach<'r> {
    old: &'r Rules,
    new: &'r Rules,
    purges: Vec<&'r Purge>,
    authors: bool,
}

impl<'r> Reach<'r> {
    fn between(old: &'r Rules, new: &'r Rules) -> Self {
        let added = new.purges.iter().filter(|purge| !old.purges.contains(purge));
        let lapsed = old.purges.iter().filter(|purge| !new.purges.contains(purge));
        Self { old, new, purges: added.chain(lapsed).collect(), authors: old.authors != new.authors }
    }

    fn is_empty(&self) -> bool {
        self.purges.is_empty() && !self.authors && self.new.first_day <= self.old.first_day
    }

    fn reaches(&self, place: &Place) -> bool {
        (self.authors && self.old.authors.get(&place.device) != self.new.authors.get(&place.device))
            || place.day.is_some_and(|day| day < self.new.first_day)
            || self.purges.iter().any(|purge| purge.reaches(place))
    }
}

#[cfg(test)]
mod tests;
