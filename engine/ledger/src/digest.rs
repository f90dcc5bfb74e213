//! Digests: the sum of ids, modulo 2²⁵⁶, for each segment and over all of them.
//!
//! A sum does not depend on the order and takes a chunk out as easily as in. Equal sums of different sets would need ids that
//! were searched for, by a member who could as well not send the chunk.

use std::collections::BTreeMap;

use crate::chunk::Place;
use crate::ids::ChunkId;

/// A sum of ids, modulo 2²⁵⁶.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Sum([u64; 4]);

impl Sum {
    /// Takes an id in.
    pub fn add(&mut self, id: &ChunkId) {
        self.join(&Self::of(id));
    }

    /// Takes an id out.
    pub fn remove(&mut self, id: &ChunkId) {
        let mut borrow = false;
        for (word, other) in self.0.iter_mut().zip(Self::of(id).0) {
            let (less, first) = word.overflowing_sub(other);
            let (less, second) = less.overflowing_sub(u64::from(borrow));
            (*word, borrow) = (less, first || second);
        }
    }

    /// Takes another sum in.
    pub fn join(&mut self, other: &Self) {
        let mut carry = false;
        for (word, other) in self.0.iter_mut().zip(other.0) {
            let (more, first) = word.overflowing_add(other);
            let (more, second) = more.overflowing_add(u64::from(carry));
            (*word, carry) = (more, first || second);
        }
    }

    /// 32 bytes, little-endian.
    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.as_chunks_mut::<8>().0.iter_mut().zip(self.0).for_each(|(part, word)| *part = word.to_le_bytes());
        bytes
    }

    /// The inverse of [`Sum::to_bytes`].
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        let mut words = [0; 4];
        words.iter_mut().zip(bytes.as_chunks::<8>().0).for_each(|(word, part)| *word = u64::from_le_bytes(*part));
        Self(words)
    }

    fn of(id: &ChunkId) -> Self {
        Self::from_bytes(id.0)
    }
}

/// The sums of a set of live chunks.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Digest {
    segments: BTreeMap<Place, Sum>,
}

impl Digest {
    /// Takes a chunk in.
    pub fn add(&mut self, place: Place, id: &ChunkId) {
        self.segments.entry(place).or_default().add(id);
    }

    /// Takes a chunk out that is in.
    pub fn remove(&mut self, place: Place, id: &ChunkId) {
        if let Some(sum) = self.segments.get_mut(&place) {
            sum.remove(id);
            if *sum == Sum::default() {
                self.segments.remove(&place);
            }
        }
    }

    /// The sum over the segments that both sides keep.
    pub fn total(&self, is_kept: impl Fn(&Place) -> bool) -> Sum {
        let mut total = Sum::default();
        self.segments.iter().filter(|(place, _)| is_kept(place)).for_each(|(_, sum)| total.join(sum));
        total
    }

    /// The segments of which the other side holds something else, or which only one side has.
    pub fn differing(&self, other: &Self) -> Vec<Place> {
        let mine = self.segments.iter().filter(|(place, sum)| other.segments.get(place) != Some(sum));
        let theirs = other.segments.keys().filter(|place| !self.segments.contains_key(place));
        let mut places: Vec<Place> = mine.map(|(place, _)| *place).chain(theirs.copied()).collect();
        places.sort_unstable();
        places
    }

    /// Each segment's sum.
    pub fn segments(&self) -> impl Iterator<Item = (&Place, &Sum)> {
        self.segments.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::DeviceId;

    fn id(n: u8) -> ChunkId {
        ChunkId::of(&[n])
    }

    #[test]
    fn a_sum_knows_no_order_and_forgets() {
        let (mut a, mut b) = (Sum::default(), Sum::default());
        (0..=255).for_each(|n| a.add(&id(n)));
        (0..=255).rev().for_each(|n| b.add(&id(n)));
        assert_eq!(a, b);
        assert_eq!(Sum::from_bytes(a.to_bytes()), a);
        a.add(&ChunkId([0xff; 32]));
        a.remove(&ChunkId([0xff; 32]));
        (1..=255).for_each(|n| a.remove(&id(n)));
        b = Sum::default();
        b.add(&id(0));
        assert_eq!(a, b, "carries and borrows go through all four words");
    }

    #[test]
    fn digests_tell_where_two_sides_differ() {
        let place = |part| Place { device: DeviceId([1; 16]), day: None, part };
        let (mut mine, mut theirs) = (Digest::default(), Digest::default());
        for part in 0..4 {
            mine.add(place(part), &id(part as u8));
            theirs.add(place(part), &id(part as u8));
        }
        assert_eq!(mine.total(|_| true), theirs.total(|_| true));
        mine.add(place(1), &id(9));
        theirs.add(place(7), &id(10));
        mine.remove(place(2), &id(2));
        assert_eq!(mine.differing(&theirs), [place(1), place(2), place(7)]);
        assert_eq!(mine.total(|p| p.part == 0), theirs.total(|p| p.part == 0));
    }
}
