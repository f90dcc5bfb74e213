//! Which copy of a call stands. A function of the *set* of copies: order and repetition are nothing
//! to it.
//!
//! 1. The sidechain copies of a message drop if any main copy of it is held, even a smaller one.
//! 2. Of each (message, request) one copy stands: the larger total, then the earlier time, then the
//!    smaller bytes, then the lower device.
//! 3. Of a message with sidechain copies alone, one copy stands, by the same order.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::event::{MessageId, Record};
use crate::ids::DeviceId;

/// A record and who observed it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Copy {
    /// The record's `origin`, where stated, else the device whose segment holds it.
    pub device: DeviceId,
    /// What was observed.
    pub record: Record,
}

impl Copy {
    /// A record of a segment of `device`.
    pub fn new(device: DeviceId, record: Record) -> Self {
        Self { device: record.origin.unwrap_or(device), record }
    }
}

/// The copies that stand, in no particular order.
pub fn standing(copies: &[Copy]) -> Vec<&Copy> {
    let mut messages: HashMap<MessageId, Standing<'_>, BuildHasherDefault<IdHasher>> = HashMap::default();
    messages.reserve(copies.len());
    for copy in copies {
        match messages.entry(copy.record.message) {
            std::collections::hash_map::Entry::Vacant(e) => {
                e.insert(Standing::One(copy));
            }
            std::collections::hash_map::Entry::Occupied(mut e) => e.get_mut().add(copy),
        }
    }
    let mut out = Vec::with_capacity(messages.len());
    for standing in messages.into_values() {
        match standing {
            Standing::One(copy) => out.push(copy),
            Standing::Several(list) => out.extend(list),
        }
    }
    out
}

/// What stands of one message; nearly always one copy.
enum Standing<'a> {
    One(&'a Copy),
    Several(Vec<&'a Copy>),
}

impl<'a> Standing<'a> {
    fn add(&mut self, copy: &'a Copy) {
        let list = match self {
            Self::One(one) => {
                if let Some(stands) = either(one, copy) {
                    *one = stands;
                    return;
                }
                *self = Self::Several(vec![one]);
                match self {
                    Self::Several(list) => list,
                    Self::One(_) => return,
                }
            }
            Self::Several(list) => list,
        };
        // Main copies of different requests stand beside each other, so `copy` meets at most one
        // of its own request; a sidechain copy meets a main one and drops.
        for one in list.iter_mut() {
            if let Some(stands) = either(one, copy) {
                *one = stands;
                return;
            }
        }
        list.push(copy);
    }
}

/// Which of two copies of one message stands; `None` if both do.
fn either<'a>(a: &'a Copy, b: &'a Copy) -> Option<&'a Copy> {
    match (a.record.sidechain, b.record.sidechain) {
        (false, true) => Some(a),
        (true, false) => Some(b),
        (false, false) if a.record.request != b.record.request => None,
        _ => Some(if order(a, b).is_le() { a } else { b }),
    }
}

/// The order in which copies of one call stand: the least one does.
fn order(a: &Copy, b: &Copy) -> Ordering {
    let (r, s) = (&a.record, &b.record);
    s.tokens
        .total()
        .cmp(&r.tokens.total())
        .then_with(|| r.time.cmp(&s.time))
        .then_with(|| r.request.cmp(&s.request))
        .then_with(|| r.tokens.cmp(&s.tokens))
        .then_with(|| r.model.cmp(&s.model))
        .then_with(|| r.session.cmp(&s.session))
        .then_with(|| r.tier.cmp(&s.tier))
        .then_with(|| r.quality.cmp(&s.quality))
        .then_with(|| r.web_searches.cmp(&s.web_searches))
        .then_with(|| r.stated_cost.cmp(&s.stated_cost))
        // One that says a payer goes before one that says none, and so with projects: what a device learned to say later, or an older one
        // does not say, hides nothing.
        .then_with(|| s.payer.is_some().cmp(&r.payer.is_some()))
        .then_with(|| r.payer.cmp(&s.payer))
        .then_with(|| s.project.is_some().cmp(&r.project.is_some()))
        .then_with(|| r.project.cmp(&s.project))
        .then_with(|| r.source.cmp(&s.source))
        .then_with(|| a.device.cmp(&b.device))
}

/// Message ids are hashes already.
#[derive(Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut b = [0; 8];
            b[..chunk.len()].copy_from_slice(chunk);
            self.0 = self.0.rotate_left(5) ^ u64::from_le_bytes(b);
        }
    }
    fn write_usize(&mut self, _: usize) {}
}
