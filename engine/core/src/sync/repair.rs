//! Repair: once the sums differ, segments are compared, then ids, and each gets what it lacks.

use std::collections::{BTreeMap, BTreeSet};

use aimon_ledger::chunk::{Kind, Place};
use aimon_ledger::digest::Sum;
use aimon_ledger::frame::Frame;
use aimon_ledger::ids::{ChunkId, Short, StatementId};
use aimon_ledger::live::{self, State};

use super::session::frames;
use super::{Client, Notice, Send, Step};

/// How often in a row the two sides are made the same before it is said that they are not.
const MOST_ROUNDS: u8 = 4;

/// Ids in one frame.
const MOST_IDS: usize = 16 * 1024;

/// What is asked for.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) enum Repair {
    #[default]
    Idle,
    /// The sums of its segments; those that have come.
    Sums(BTreeMap<Place, Sum>),
    /// The ids in segments; those that have come.
    Ids(BTreeMap<Place, BTreeSet<ChunkId>>),
}

impl Client {
    /// Whether both sides keep a segment, and this one wants it.
    pub(super) fn is_shared(&self, place: &Place) -> bool {
        let first = self.session.first_day(self.standing.retention).max(self.first_day());
        place.day.is_none_or(|day| day >= first && day >= self.wanted_from())
    }

    /// The segments of snapshots that no relay has taken yet.
    fn queued_snapshots(&self) -> impl Iterator<Item = Place> {
        let queued = self.queue.ids().filter_map(|id| self.log.header(id));
        queued.filter(|header| header.kind == Kind::Snapshot).map(|header| header.place)
    }

    /// Own purges that the relay has not heard of, because it has not taken what remains of what they reach: for it nothing is void
    /// yet. They may wait long, if another purge has reached the remains whose key is not here (seed 24450).
    fn unsaid_purges(&self) -> Vec<&live::Purge> {
        let unsaid: BTreeSet<Short> = match self.session.has_unsaid {
            true => self.held_back().iter().map(StatementId::short).collect(),
            false => BTreeSet::new(),
        };
        self.standing.purges.iter().filter(|purge| unsaid.contains(&purge.id)).collect()
    }

    /// Asks the relay for its sums.
    pub(super) fn compare(&mut self, step: &mut Step) {
        self.session.is_due = false;
        self.session.repair = Repair::Sums(BTreeMap::new());
        step.send.push(Send::Frame(Box::new(Frame::Digest { sums: Vec::new(), more: false })));
    }

    /// Its sums.
    pub(super) fn sums(&mut self, new: Vec<(Place, Sum)>, more: bool) -> Step {
        let mut step = Step::default();
        let Repair::Sums(sums) = &mut self.session.repair else { return step };
        sums.extend(new);
        if more {
            return step;
        }
        let theirs = std::mem::take(sums);
        let mut mine: BTreeMap<Place, Sum> = self.log.digest().segments().map(|(place, sum)| (*place, *sum)).collect();
        for id in self.queue.ids().filter(|id| self.log.state(id) == Some(State::Live)) {
            if let Some(sum) = self.log.header(id).and_then(|header| mine.get_mut(&header.place)) {
                sum.remove(id);
            }
        }
        mine.retain(|_, sum| *sum != Sum::default());
        let places: BTreeSet<Place> = mine.keys().chain(theirs.keys()).copied().collect();
        let differing = places.into_iter().filter(|place| mine.get(place) != theirs.get(place));
        // A snapshot that was refused has taken the place of chunks that the relay still holds: until it is taken they differ.
        let sealed: BTreeSet<Place> = self.queued_snapshots().collect();
        let unsaid = self.unsaid_purges();
        let is_meant = |place: &Place| {
            self.is_shared(place) && !sealed.contains(place) && !unsaid.iter().any(|purge| purge.reaches(place))
        };
        let differing: Vec<Place> = differing.filter(is_meant).collect();
        if differing.is_empty() {
            self.session.repair = Repair::Idle;
            self.session.rounds = 0;
            self.evened(&mut step);
            return step;
        }
        self.session.rounds += 1;
        if self.session.rounds > MOST_ROUNDS {
            self.session.rounds = 0;
            self.session.repair = Repair::Idle;
            self.session.is_even = false;
            step.notices.push(Notice::Uneven);
            return step;
        }
        let segments: Vec<(Place, Vec<ChunkId>)> = differing
            .iter()
            .map(|place| {
                let live = self.log.live(place).map(|(id, _)| *id);
                (*place, live.filter(|id| !self.queue.has(id)).collect())
            })
            .collect();
        let mut frames = frames(segments, |(_, ids)| 32 + ids.len() * 32).into_iter().peekable();
        while let Some(segments) = frames.next() {
            let more = frames.peek().is_some();
            step.send.push(Send::Frame(Box::new(Frame::Ids { segments, more })));
        }
        self.session.repair = Repair::Ids(BTreeMap::new());
        step
    }

    /// Its ids of the segments that were asked for.
    pub(super) fn ids(&mut self, segments: Vec<(Place, Vec<ChunkId>)>, more: bool) -> Step {
        let mut step = Step::default();
        let Repair::Ids(ids) = &mut self.session.repair else { return step };
        for (place, theirs) in segments {
            ids.entry(place).or_default().extend(theirs);
        }
        if more {
            return step;
        }
        let theirs = std::mem::take(ids);
        let mut wanted = BTreeSet::new();
        for (place, theirs) in &theirs {
            for id in theirs {
                if self.log.state(id).is_none() {
                    wanted.insert(*id);
                }
                // The outcome was lost on its way.
                if self.queue.remove(id) {
                    step.write.acknowledged.push(*id);
                }
            }
            let lacking = self.log.live(place).map(|(id, _)| *id).filter(|id| !theirs.contains(id));
            self.session.offers.extend(lacking.filter(|id| !self.queue.has(id)));
        }
        let wanted: Vec<ChunkId> = wanted.into_iter().collect();
        for some in wanted.chunks(MOST_IDS) {
            step.send.push(Send::Frame(Box::new(Frame::Wanted(some.to_vec()))));
        }
        // A relay answers in order: what is asked next is answered once these have come.
        self.session.repair = Repair::Idle;
        self.session.is_due = true;
        self.pump(&mut step);
        step
    }
}
