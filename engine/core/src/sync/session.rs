//! The talk with a relay: hello, catching up, pushing.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use aimon_ledger::chunk::{Chunk, Place};
use aimon_ledger::digest::Sum;
use aimon_ledger::frame::{self, Code, Frame, Hello, KeyInUse, Outcome, Want, Welcome};
use aimon_ledger::ids::{ChunkId, StatementId};
use aimon_ledger::live::State;
use aimon_ledger::retention::Retention;
use aimon_ledger::statement::Statement;
use aimon_ledger::time::{UtcDay, UtcMillis};

use super::repair::Repair;
use super::{Client, Fault, Held, Notice, Send, Step};

/// The most bytes that are pushed without an outcome.
const WINDOW: usize = 1 << 20;

/// The most chunks of a push: a relay checks their signatures one by one.
const MOST_PUSHED: usize = 256;

/// How many bytes of a frame are left for what stands around the chunks.
const ROOM: usize = 16 * 1024;

/// How long what was refused for lack of room waits before it is tried again.
const RETRY_MS: i64 = 30_000;

/// What waits for a relay, oldest first.
#[derive(Clone, Default, Debug)]
pub(super) struct Queue {
    numbers: HashMap<ChunkId, u64>,
    waiting: BTreeMap<u64, Waiting>,
    next: u64,
}

#[derive(Clone, Debug)]
struct Waiting {
    id: ChunkId,
    /// Whether it may leave before the next tick.
    urgent: bool,
    refused: Option<Code>,
}

impl Queue {
    pub(super) fn load(stored: Vec<(ChunkId, Option<Code>)>) -> Self {
        let mut queue = Self::default();
        for (id, refused) in stored {
            queue.push(id, true);
            queue.refuse(&id, refused);
        }
        queue
    }

    /// Puts a chunk behind the others; says whether it is new.
    pub(super) fn push(&mut self, id: ChunkId, urgent: bool) -> bool {
        if self.numbers.contains_key(&id) {
            return false;
        }
        self.numbers.insert(id, self.next);
        self.waiting.insert(self.next, Waiting { id, urgent, refused: None });
        self.next += 1;
        true
    }

    pub(super) fn remove(&mut self, id: &ChunkId) -> bool {
        self.numbers.remove(id).is_some_and(|n| self.waiting.remove(&n).is_some())
    }

    pub(super) fn has(&self, id: &ChunkId) -> bool {
        self.numbers.contains_key(id)
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Those that may still be taken: not refused.
    pub(super) fn waiting_ids(&self) -> impl Iterator<Item = &ChunkId> {
        self.waiting.values().filter(|waiting| waiting.refused.is_none()).map(|waiting| &waiting.id)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = &ChunkId> {
        self.waiting.values().map(|waiting| &waiting.id)
    }

    fn refuse(&mut self, id: &ChunkId, code: Option<Code>) {
        if let Some(waiting) = self.numbers.get(id).and_then(|n| self.waiting.get_mut(n)) {
            waiting.refused = code;
        }
    }

    fn is_refused(&self, id: &ChunkId) -> bool {
        let waiting = self.numbers.get(id).and_then(|n| self.waiting.get(n));
        waiting.is_some_and(|waiting| waiting.refused.is_some())
    }

    /// Whether something waits for the next tick.
    fn has_patient(&self) -> bool {
        self.waiting.values().any(|waiting| !waiting.urgent)
    }

    fn hurry(&mut self) {
        self.waiting.values_mut().for_each(|waiting| waiting.urgent = true);
    }
}

/// How far the talk has come.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Stage {
    #[default]
    Closed,
    Greeted,
    Welcomed,
    Live,
}

/// One connection.
#[derive(Clone, Default, Debug)]
pub(super) struct Session {
    stage: Stage,
    /// What the relay said first.
    welcome: Option<Welcome>,
    /// Pushed, and without an outcome.
    flying: HashMap<ChunkId, usize>,
    flying_bytes: usize,
    /// What the relay lacks beside the queue.
    pub(super) offers: BTreeSet<ChunkId>,
    /// Not to be pushed again now.
    resting: HashSet<ChunkId>,
    /// Those of them that the relay holds a snapshot of, as it says.
    covered: HashSet<ChunkId>,
    /// The relay has said that it keeps no day before this one.
    refused_before: Option<UtcDay>,
    retry_at: Option<UtcMillis>,
    /// Statements that the relay has, or was told.
    said: HashSet<StatementId>,
    /// Whether there may be others.
    pub(super) has_unsaid: bool,
    /// The greatest number under which something of this device's was taken.
    accepted: u64,
    pub(super) repair: Repair,
    /// How often in a row the two have been made the same and still differed.
    pub(super) rounds: u8,
    /// Whether the two are to be compared once all is pushed.
    pub(super) is_due: bool,
    /// Whether they were the same when last compared.
    pub(super) is_even: bool,
    told: bool,
    /// The day on which they were last compared.
    compared: Option<UtcDay>,
}

impl Session {
    /// Whether the relay has said that a snapshot covers this.
    pub(super) fn is_covered(&self, id: &ChunkId) -> bool {
        self.covered.contains(id)
    }

    /// The relay has these.
    pub(super) fn know(&mut self, statements: &[Statement]) {
        self.said.extend(statements.iter().map(Statement::id));
    }

    /// The first day that the relay keeps under a retention: it hears the same statements, and has its own clock.
    pub(super) fn first_day(&self, retention: Retention) -> UtcDay {
        let by_clock = self.welcome.as_ref().map(|welcome| retention.first_day(welcome.time.day()));
        by_clock.max(self.refused_before).unwrap_or(UtcDay(i32::MIN))
    }
}

impl Client {
    /// A connection is there: hello.
    pub fn opened(&mut self, now: UtcMillis) -> Step {
        let mut step = Step { write: self.observe(now), ..Step::default() };
        self.session = Session { stage: Stage::Greeted, ..Session::default() };
        let key = self.standing.rotate.and_then(|_| self.ring.current(&self.standing));
        let key = key.and_then(|(_, key)| Some(KeyInUse { rotate: self.standing.rotate?, check: key.check() }));
        step.send.push(Send::Frame(Box::new(Frame::Hello(Hello {
            versions: vec![frame::VERSION],
            workspace: self.workspace(),
            key,
            heads: self.membership.heads(),
            cursor: self.cursor,
            want: self.want,
        }))));
        step
    }

    /// The connection is gone.
    pub fn closed(&mut self) {
        self.session = Session::default();
    }

    /// Whether all that was there has been delivered.
    pub fn is_caught_up(&self) -> bool {
        self.session.stage == Stage::Live
    }

    /// Whether what was there is still being delivered.
    pub fn is_catching_up(&self) -> bool {
        matches!(self.session.stage, Stage::Greeted | Stage::Welcomed)
    }

    /// Whether both sides hold the same, and nothing is left to be pushed but what was refused.
    pub fn is_even(&self) -> bool {
        self.is_caught_up()
            && self.session.is_even
            && !self.session.is_due
            && self.session.repair == Repair::Idle
            && self.session.flying.is_empty()
            && self.pushable().next().is_none()
    }

    /// Once every five seconds, whatever happens, so that calls can't be timed by what leaves.
    pub fn tick(&mut self, now: UtcMillis) -> Step {
        let mut step = Step { write: self.observe(now), ..Step::default() };
        self.queue.hurry();
        if self.session.retry_at.is_some_and(|at| now >= at) {
            self.session.retry_at = None;
            self.session.resting.clear();
        }
        if self.session.stage == Stage::Live {
            if self.session.compared.is_some_and(|day| day != now.day()) {
                self.session.is_due = true;
            }
            self.session.compared = Some(now.day());
            step.join(self.give_keys());
        }
        self.pump(&mut step);
        step
    }

    /// What was recorded since: pushes what is urgent.
    pub fn recorded(&mut self) -> Step {
        let mut step = Step::default();
        self.pump(&mut step);
        step
    }

    /// Takes a frame in. `held` has what [`Client::needs`] names.
    pub fn frame(&mut self, frame: Frame, held: Held, now: UtcMillis) -> Step {
        match frame {
            Frame::Welcome(welcome) if self.session.stage == Stage::Greeted => self.welcomed(welcome, now),
            Frame::Deliver(chunks) => self.delivered(chunks, held, now),
            Frame::Live if self.session.stage == Stage::Welcomed => self.caught_up(now),
            Frame::Outcomes(outcomes) => self.outcomes(outcomes, now),
            Frame::Digest { sums, more } => self.sums(sums, more),
            Frame::Ids { segments, more } => self.ids(segments, more),
            Frame::Wanted(ids) => {
                self.session.offers.extend(ids.into_iter().filter(|id| self.log.state(id) == Some(State::Live)));
                self.recorded()
            }
            Frame::Statements(all) => {
                let parsed: Vec<Statement> = all.into_iter().filter_map(|b| Statement::parse(b).ok()).collect();
                let mut step = self.listen(parsed, held);
                self.pump(&mut step);
                step
            }
            Frame::Failed { code, text } => Step { notices: vec![Notice::Failed(code, text)], ..Step::default() },
            Frame::Ping(n) => Step { send: vec![Send::Frame(Box::new(Frame::Pong(n)))], ..Step::default() },
            // What only a device says, what comes out of turn, and what a newer version knows.
            Frame::Hello(_) | Frame::Push(_) | Frame::Welcome(_) | Frame::Live | Frame::Pong(_) | Frame::Unknown(_) => {
                Step::default()
            }
        }
    }

    fn welcomed(&mut self, welcome: Welcome, now: UtcMillis) -> Step {
        let mut step = Step { write: self.vouch(welcome.time, now), ..Step::default() };
        // A relay that has given lower numbers than it did was set back: what it gives from here on counts.
        if welcome.head < self.cursor {
            self.cursor = welcome.head;
            step.write.cursor = Some(self.cursor);
        }
        self.session.stage = Stage::Welcomed;
        self.session.welcome = Some(welcome);
        self.session.has_unsaid = true;
        self.say_lacking(&mut step);
        step
    }

    /// Says what the relay has not heard. A purge waits until what remains of what it takes has been taken by the relay.
    pub(super) fn say_lacking(&mut self, step: &mut Step) {
        let Some(welcome) = self.session.welcome.as_ref().filter(|_| self.session.has_unsaid) else { return };
        let mut held_back = self.held_back();
        let mut lacking = Vec::new();
        for statement in self.membership.lacking(&welcome.heads) {
            if self.session.said.contains(&statement.id()) {
                continue;
            }
            // What follows something that is held back can't be understood without it.
            if statement.body().follows.iter().any(|id| held_back.contains(id)) {
                held_back.insert(statement.id());
            }
            if !held_back.contains(&statement.id()) {
                lacking.push((statement.id(), statement.bytes().to_vec()));
            }
        }
        self.session.has_unsaid = !held_back.is_empty();
        // What counts at the relay changes with what it hears.
        self.session.is_due |= !lacking.is_empty();
        self.session.said.extend(lacking.iter().map(|(id, _)| *id));
        // What has covered them there may be void by what is said now.
        if !lacking.is_empty() {
            for id in std::mem::take(&mut self.session.covered) {
                self.session.resting.remove(&id);
            }
        }
        for some in frames(lacking.into_iter().map(|(_, bytes)| bytes).collect(), Vec::len) {
            step.send.push(Send::Frame(Box::new(Frame::Statements(some))));
        }
    }

    fn delivered(&mut self, chunks: Vec<(u64, Vec<u8>)>, held: Held, now: UtcMillis) -> Step {
        let head = chunks.last().map(|(seq, _)| *seq);
        let parsed: Vec<Chunk> = chunks.into_iter().filter_map(|(_, bytes)| Chunk::parse(bytes).ok()).collect();
        let mut step = self.take(parsed, held, now);
        if let Some(head) = head.filter(|head| *head > self.cursor) {
            self.cursor = head;
            step.write.cursor = Some(head);
        }
        self.pump(&mut step);
        step
    }

    fn caught_up(&mut self, now: UtcMillis) -> Step {
        let mut step = Step::default();
        self.session.stage = Stage::Live;
        self.session.compared = Some(now.day());
        self.queue.hurry();
        // What has a lower number and was not delivered does not count any more, or is not wanted.
        let head = self.session.welcome.as_ref().map_or(0, |welcome| welcome.head);
        if head > self.cursor {
            self.cursor = head;
            step.write.cursor = Some(head);
        }
        let welcome = self.session.welcome.as_ref();
        let is_same = welcome.is_some_and(|welcome| welcome.digest == self.total(welcome.first_day));
        self.session.is_even = is_same || self.has(Fault::TrustTheCursor);
        self.session.is_due |= !self.session.is_even;
        step.join(self.give_keys());
        self.pump(&mut step);
        step
    }

    /// The sum of what is kept from a day on, without what the relay has not taken yet.
    fn total(&self, first: UtcDay) -> Sum {
        let is_shared = |place: &Place| place.day.is_none_or(|day| day >= first);
        let mut total = self.log.digest().total(is_shared);
        for id in self.queue.ids().filter(|id| self.log.state(id) == Some(State::Live)) {
            if self.log.header(id).is_some_and(|header| is_shared(&header.place)) {
                total.remove(id);
            }
        }
        total
    }

    fn outcomes(&mut self, outcomes: Vec<(ChunkId, Outcome)>, now: UtcMillis) -> Step {
        let mut step = Step::default();
        for (id, outcome) in outcomes {
            if let Some(bytes) = self.session.flying.remove(&id) {
                self.session.flying_bytes -= bytes;
            }
            match outcome {
                Outcome::Accepted(seq) => {
                    self.session.accepted = self.session.accepted.max(seq);
                    // Nothing of anybody else's lies between.
                    if self.cursor.checked_add(1) == Some(seq) {
                        self.cursor = seq;
                        step.write.cursor = Some(seq);
                    }
                    // What waits for room is left out where the two are compared.
                    self.session.is_due |= self.queue.is_refused(&id);
                    if self.queue.remove(&id) {
                        step.write.acknowledged.push(id);
                    }
                }
                Outcome::Covered if self.has(Fault::BelieveCovered) => self.forget(&id, &mut step.write),
                // It leaves the queue once the snapshot is here and contains it; where it is not on its way, repair asks for it.
                Outcome::Covered => {
                    self.session.resting.insert(id);
                    self.session.covered.insert(id);
                    self.session.is_due = true;
                }
                Outcome::Refused(code) => self.refused(id, code, now, &mut step),
            }
        }
        self.pump(&mut step);
        step
    }

    fn refused(&mut self, id: ChunkId, code: Code, now: UtcMillis, step: &mut Step) {
        self.session.resting.insert(id);
        if code == Code::Expired
            && let Some(day) = self.log.header(&id).and_then(|header| header.place.day)
        {
            self.session.refused_before = self.session.refused_before.max(Some(day.plus(1)));
        }
        if matches!(code, Code::Quota | Code::Rate | Code::Unavailable) {
            self.session.retry_at.get_or_insert(UtcMillis(now.0.saturating_add(RETRY_MS)));
        }
        if self.queue.has(&id) && self.has(Fault::DropRefused) {
            return self.forget(&id, &mut step.write);
        }
        // What repair has offered waits as well from here on. What a relay does not keep any more it will never want.
        let may_wait = code != Code::Expired && self.log.state(&id) == Some(State::Live);
        if may_wait && !self.has(Fault::OfferOnce) && self.queue.push(id, true) {
            step.write.queued.push(id);
        }
        if self.queue.has(&id) {
            self.queue.refuse(&id, Some(code.clone()));
            step.write.refused.push((id, code.clone()));
        }
        step.notices.push(Notice::Refused(id, code));
    }

    /// What may be pushed now, in its order.
    fn pushable(&self) -> impl Iterator<Item = ChunkId> {
        let may = |id: &ChunkId| {
            !self.session.flying.contains_key(id)
                && !self.session.resting.contains(id)
                && self.log.state(id) == Some(State::Live)
        };
        let waiting = self.queue.waiting.values().filter(|waiting| waiting.urgent).map(|waiting| waiting.id);
        waiting.chain(self.session.offers.iter().copied()).filter(may)
    }

    /// Sends what may be sent; once nothing is left, compares.
    pub(super) fn pump(&mut self, step: &mut Step) {
        if self.session.stage != Stage::Live || self.session.repair != Repair::Idle {
            return;
        }
        let (mut pushes, mut bytes, mut flying) = (vec![Vec::new()], 0, self.session.flying_bytes);
        let mut chosen = HashSet::new();
        for id in self.pushable() {
            // What waits may be wanted as well.
            if !chosen.insert(id) {
                continue;
            }
            let size = self.size(&id);
            if flying > 0 && flying + size > WINDOW {
                break;
            }
            let is_full = pushes.last().is_some_and(|push: &Vec<(ChunkId, usize)>| {
                push.len() >= MOST_PUSHED || (!push.is_empty() && bytes + size + ROOM > frame::MOST_BYTES)
            });
            if is_full {
                pushes.push(Vec::new());
                bytes = 0;
            }
            (bytes, flying) = (bytes + size, flying + size);
            if let Some(push) = pushes.last_mut() {
                push.push((id, size));
            }
        }
        self.session.flying_bytes = flying;
        for push in pushes.into_iter().filter(|push| !push.is_empty()) {
            step.send.push(Send::Push(push.iter().map(|(id, _)| *id).collect()));
            self.session.flying.extend(push);
        }
        let flying = &self.session.flying;
        self.session.offers.retain(|offer| !flying.contains_key(offer));
        if self.session.flying.is_empty() && self.pushable().next().is_none() {
            self.say_lacking(step);
            // Until a purge is said the two sides differ, and it may wait for what leaves with the next tick.
            if self.session.has_unsaid && self.queue.has_patient() {
                return;
            }
            if self.session.is_due && !self.has(Fault::TrustTheCursor) {
                self.compare(step);
            } else if self.session.is_even && !self.session.told {
                self.session.told = true;
                step.notices.push(Notice::Even);
            }
        }
    }

    /// The two sides are the same.
    pub(super) fn evened(&mut self, step: &mut Step) {
        self.session.is_even = true;
        self.session.told = false;
        // All is here, so there is nothing below these numbers that was missed.
        let head = self.session.welcome.as_ref().map_or(0, |welcome| welcome.head);
        let cursor = self.cursor.max(head).max(self.session.accepted);
        if cursor > self.cursor {
            self.cursor = cursor;
            step.write.cursor = Some(cursor);
        }
        self.pump(step);
    }

    /// The first day that this device wants.
    pub(super) fn wanted_from(&self) -> UtcDay {
        match self.want {
            Want::Since(day) => day,
            Want::All | Want::Summaries => UtcDay(i32::MIN),
        }
    }
}

/// Puts things into as few frames as may be.
pub(super) fn frames<T>(all: Vec<T>, size: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let mut out: Vec<Vec<T>> = Vec::new();
    let mut bytes = 0;
    for one in all {
        let own = size(&one) + 16;
        match out.last_mut().filter(|_| bytes + own + ROOM <= frame::MOST_BYTES) {
            Some(last) => {
                bytes += own;
                last.push(one);
            }
            None => {
                bytes = own;
                out.push(vec![one]);
            }
        }
    }
    out
}
