//! The talk with a relay whose words are made up.

use std::collections::{BTreeMap, VecDeque};

use aimon_ledger::digest::Sum;
use aimon_ledger::frame::{Code, Frame, Outcome, Welcome};

use super::*;

/// A relay that holds nothing yet, and answers what is pushed so.
struct Relay {
    outcome: fn(ChunkId) -> Outcome,
    /// All that was pushed, in its order.
    pushed: Vec<ChunkId>,
    /// What of it was accepted.
    held: BTreeMap<Place, Vec<ChunkId>>,
}

impl Relay {
    fn new(outcome: fn(ChunkId) -> Outcome) -> Self {
        Self { outcome, pushed: vec![], held: BTreeMap::new() }
    }

    fn welcome(device: &Device) -> Frame {
        Frame::Welcome(Welcome {
            version: 1,
            time: NOON,
            first_day: device.client.first_day(),
            head: 0,
            heads: device.client.membership().heads(),
            digest: Sum::default(),
        })
    }

    /// Connects a device: until nothing more is said.
    fn connect(&mut self, device: &mut Device) -> Step {
        let mut all = device.client.opened(NOON);
        for frame in [Self::welcome(device), Frame::Live] {
            all.join(device.client.frame(frame, Held::new(), NOON));
        }
        self.answer(device, all)
    }

    fn push(&mut self, device: &Device, id: ChunkId) -> Outcome {
        self.pushed.push(id);
        let outcome = (self.outcome)(id);
        if let (Outcome::Accepted(_), Some(header)) = (&outcome, device.client.log().header(&id)) {
            self.held.entry(header.place).or_default().push(id);
        }
        outcome
    }

    fn sums(&self) -> Vec<(Place, Sum)> {
        let sum = |ids: &Vec<ChunkId>| {
            let mut sum = Sum::default();
            ids.iter().for_each(|id| sum.add(id));
            sum
        };
        self.held.iter().map(|(place, ids)| (*place, sum(ids))).collect()
    }

    /// Answers what a step says, until nothing more is said; gives all that was written and told.
    fn answer(&mut self, device: &mut Device, mut all: Step) -> Step {
        let mut said: VecDeque<Send> = std::mem::take(&mut all.send).into();
        while let Some(send) = said.pop_front() {
            let answer = match send {
                Send::Push(ids) => Frame::Outcomes(ids.into_iter().map(|id| (id, self.push(device, id))).collect()),
                Send::Frame(frame) => match *frame {
                    Frame::Digest { .. } => Frame::Digest { sums: self.sums(), more: false },
                    Frame::Ids { segments, .. } => {
                        let held = |place| self.held.get(&place).cloned().unwrap_or_default();
                        let segments = segments.into_iter().map(|(place, _)| (place, held(place))).collect();
                        Frame::Ids { segments, more: false }
                    }
                    _ => continue,
                },
            };
            let mut step = device.client.frame(answer, Held::new(), NOON);
            said.extend(std::mem::take(&mut step.send));
            all.join(step);
        }
        all
    }
}

/// Two devices' chunks, which a relay once took, and which A holds.
fn full() -> (Device, usize) {
    let set = workspace(&[A, B]);
    let (mut a, mut b) = (Device::new(A, &set, 1), Device::new(B, &set, 2));
    a.record(&[call(1, 10)]);
    a.record(&[call(2, 10)]);
    let theirs = b.record(&[call(3, 10)]);
    a.take(&theirs);
    let step = a.client.all_taken();
    a.go(step);
    assert_eq!(a.client.waiting(), 0);
    (a, 3)
}

/// A relay was emptied, and has no room for what it is offered: that waits, with the reason, and is no difference that nobody can
/// explain.
#[test]
fn what_a_relay_refuses_of_a_refill_waits() {
    let (mut a, count) = full();
    let step = Relay::new(|_| Outcome::Refused(Code::Quota)).connect(&mut a);
    assert!(step.notices.contains(&Notice::Even) && !step.notices.contains(&Notice::Uneven), "{:?}", step.notices);
    assert!(a.client.is_even(), "but for what was refused");
    assert_eq!((a.client.waiting(), step.write.queued.len()), (count, count));
    assert!(step.write.refused.iter().all(|(_, code)| *code == Code::Quota) && step.write.refused.len() == count);
    // Once there is room, it goes out.
    let mut relay = Relay::new(|_| Outcome::Accepted(7));
    let step = a.client.tick(UtcMillis(NOON.0 + 31_000));
    let step = relay.answer(&mut a, step);
    assert_eq!((relay.pushed.len(), step.write.acknowledged.len(), a.client.waiting()), (count, count, 0));
}

/// Its day is over there: nobody will ever want it.
#[test]
fn what_a_relay_keeps_no_more_does_not_wait() {
    let (mut a, _) = full();
    let step = Relay::new(|_| Outcome::Refused(Code::Expired)).connect(&mut a);
    assert!(step.write.queued.is_empty() && a.client.waiting() == 0);
    assert!(!step.notices.contains(&Notice::Uneven), "{:?}", step.notices);
}

#[test]
fn what_waits_and_is_wanted_as_well_is_pushed_once() {
    let mut a = Device::new(A, &workspace(&[A]), 1);
    let id = a.record(&[call(1, 10)])[0].id();
    let mut relay = Relay::new(|_| Outcome::Accepted(1));
    let mut step = a.client.opened(NOON);
    for frame in [Relay::welcome(&a), Frame::Wanted(vec![id]), Frame::Live] {
        step.join(a.client.frame(frame, Held::new(), NOON));
    }
    relay.answer(&mut a, step);
    assert_eq!(relay.pushed, [id]);
}

/// Whatever numbers a relay gives.
#[test]
fn the_last_number_of_all_ends_nothing() {
    let set = workspace(&[A, B]);
    let (mut a, mut b) = (Device::new(A, &set, 1), Device::new(B, &set, 2));
    let chunk = b.record(&[call(1, 10)])[0].clone();
    Relay::new(|_| Outcome::Accepted(1)).connect(&mut a);
    let deliver = Frame::Deliver(vec![(u64::MAX, chunk.bytes().to_vec())]);
    let step = a.client.frame(deliver, Held::new(), NOON);
    assert_eq!(step.write.cursor, Some(u64::MAX));
    let own = a.record(&[call(2, 10)])[0].id();
    let step = a.client.recorded();
    let mut relay = Relay::new(|_| Outcome::Accepted(u64::MAX));
    let step = relay.answer(&mut a, step);
    assert_eq!(step.write.acknowledged, [own]);
}

/// A snapshot that a full relay refuses has taken the place of chunks that the relay holds: no difference that repair could mend. Once
/// it is taken, the two are compared.
#[test]
fn a_seal_that_is_refused_is_no_difference() {
    let mut a = Device::new(A, &workspace(&[A]), 1);
    a.record(&[call(1, 10)]);
    a.record(&[call(2, 10)]);
    let mut relay = Relay::new(|_| Outcome::Accepted(1));
    relay.connect(&mut a);
    relay.outcome = |_| Outcome::Refused(Code::Quota);
    let (place, _) = a.client.sealable(DAY.plus(1)).remove(0);
    let sealed = a.client.seal(&place, &a.held.clone()).unwrap();
    let sealed = a.go(sealed);
    relay.answer(&mut a, sealed);
    assert_eq!((a.client.waiting(), a.states()), (1, vec![State::Live]), "the snapshot waits");
    let step = a.client.tick(UtcMillis(DAY.plus(1).start().0));
    let step = relay.answer(&mut a, step);
    assert!(!step.notices.contains(&Notice::Uneven), "{:?}", step.notices);
    // The relay drops what it covers.
    relay.held.clear();
    relay.outcome = |_| Outcome::Accepted(2);
    let step = a.client.tick(UtcMillis(DAY.plus(1).start().0 + 31_000));
    let step = relay.answer(&mut a, step);
    assert!(step.notices.contains(&Notice::Even) && a.client.waiting() == 0, "{:?}", step.notices);
}

/// Whoever purges says so once what was recorded under it has left, with the tick: until then nothing is compared.
#[test]
fn a_purge_that_waits_for_the_tick_is_no_difference() {
    let later = |message| Record { time: UtcMillis(NOON.0 + 1), ..call(message, 10) };
    let mut a = Device::new(A, &workspace(&[A]), 1);
    a.record(&[call(1, 10), later(2)]);
    let mut relay = Relay::new(|_| Outcome::Accepted(1));
    relay.connect(&mut a);
    let purged = a.purge(None, NOON);
    let batch = Batch::new([Event::Record(later(3))]);
    let write = a.client.record(Some(DAY), vec![batch], false).unwrap();
    a.keep(&write);
    let step = relay.answer(&mut a, purged);
    assert!(!step.notices.contains(&Notice::Uneven), "{:?}", step.notices);
    let step = a.client.tick(UtcMillis(NOON.0 + 5_000));
    assert_eq!(step.send, [Send::Push(vec![write.chunks[0].id()])], "first what it holds back for");
    let outcome = Frame::Outcomes(vec![(write.chunks[0].id(), Outcome::Accepted(2))]);
    let step = a.client.frame(outcome, Held::new(), NOON);
    let says = |send: &Send| matches!(send, Send::Frame(frame) if matches!(**frame, Frame::Statements(_)));
    assert!(step.send.iter().any(says), "then the purge");
}
