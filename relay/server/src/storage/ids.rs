//! In which rows of a segment an id may be, in memory. A segment's rows lie by number, so that coming in appends; an index by id
//! would put each of them, being random, onto a page of its own.
//!
//! What is kept of a row is the beginning of its id and its number, in eight bytes. So this answers nothing: it says which rows
//! to look at, and nearly always that there are none.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use aimon_ledger::ids::{ChunkId, Short};

use super::SEQ_BITS;

/// How many bytes all segments together may take: 64 MiB, which are about three million ids. When it is more, the segments go that
/// were not used for longest; the one in use stays, however large it is. A device writes into the segment of its day, so that one
/// at work takes some kilobytes, and one that is idle nothing.
const MOST_BYTES: usize = 64 << 20;

/// What an id takes in a tree: eight bytes in nodes that are two thirds full, with what holds them together.
const ID_BYTES: usize = 20;

/// What a segment takes, with an id in it or none.
const SEGMENT_BYTES: usize = 256;

/// The numbers' bits of an entry. Those above are the first ones of the id.
const SEQ: u64 = (1 << SEQ_BITS) - 1;

/// Of each row the beginning of its id, then its number.
pub(super) type Entries = BTreeSet<u64>;

/// The entry of a row.
pub(super) fn entry(id: &ChunkId, seq: u64) -> u64 {
    beginning(id.short()) | seq.min(SEQ)
}

fn beginning(short: Short) -> u64 {
    (u64::from(u32::from_be_bytes(short.0)) << 32) & !SEQ
}

struct Known {
    entries: Entries,
    /// Which use was the last one of this segment; 0 before the first.
    used: u64,
}

impl Known {
    fn bytes(&self) -> usize {
        SEGMENT_BYTES + self.entries.len() * ID_BYTES
    }
}

/// The segments that are used, each with all of its rows.
pub(super) struct Ids {
    segments: HashMap<i64, Known>,
    /// When each was used, and which one it was.
    order: BTreeMap<u64, i64>,
    uses: u64,
    bytes: usize,
    most: usize,
}

impl Default for Ids {
    fn default() -> Self {
        Self::of(MOST_BYTES)
    }
}

impl Ids {
    /// At most so many bytes.
    pub(super) fn of(most: usize) -> Self {
        Self { segments: HashMap::new(), order: BTreeMap::new(), uses: 1, bytes: 0, most }
    }

    /// The numbers of a segment's rows whose ids may begin so. `read` gives all that the segment has, if it is not here.
    pub(super) fn seqs<E>(
        &mut self,
        segment: i64,
        short: Short,
        read: impl FnOnce() -> Result<Entries, E>,
    ) -> Result<Vec<u64>, E> {
        let known = match self.segments.entry(segment) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let known = place.insert(Known { entries: read()?, used: 0 });
                self.bytes += known.bytes();
                known
            }
        };
        if known.used != self.uses {
            self.order.remove(&known.used);
            self.uses += 1;
            known.used = self.uses;
            self.order.insert(self.uses, segment);
        }
        let from = beginning(short);
        let seqs = known.entries.range(from..=from | SEQ).map(|entry| entry & SEQ).collect();
        self.make_room();
        Ok(seqs)
    }

    /// A row was put in.
    pub(super) fn insert(&mut self, segment: i64, id: &ChunkId, seq: u64) {
        if let Some(known) = self.segments.get_mut(&segment)
            && known.entries.insert(entry(id, seq))
        {
            self.bytes += ID_BYTES;
            self.make_room();
        }
    }

    /// A row was taken out.
    pub(super) fn remove(&mut self, segment: i64, id: &ChunkId, seq: u64) {
        if let Some(known) = self.segments.get_mut(&segment)
            && known.entries.remove(&entry(id, seq))
        {
            self.bytes -= ID_BYTES;
        }
    }

    /// A segment was taken out: its row's number may be another one's next.
    pub(super) fn forget(&mut self, segment: i64) {
        if let Some(known) = self.segments.remove(&segment) {
            self.bytes -= known.bytes();
            self.order.remove(&known.used);
        }
    }

    /// The tables are not as they were thought to be.
    pub(super) fn clear(&mut self) {
        *self = Self::of(self.most);
    }

    fn make_room(&mut self) {
        while self.bytes > self.most
            && self.order.len() > 1
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.forget(oldest);
        }
    }

    /// How many segments are here, and their bytes.
    #[cfg(test)]
    pub(super) fn sizes(&self) -> (usize, usize) {
        (self.segments.len(), self.bytes)
    }

    /// The segments that are here.
    #[cfg(test)]
    pub(super) fn known(&self) -> impl Iterator<Item = (i64, &Entries)> {
        self.segments.iter().map(|(segment, known)| (*segment, &known.entries))
    }

    /// Whether the bytes are counted right and are not too many.
    #[cfg(test)]
    pub(super) fn is_within(&self) -> bool {
        let bytes: usize = self.segments.values().map(Known::bytes).sum();
        bytes == self.bytes
            && self.order.len() == self.segments.len()
            && (bytes <= self.most || self.segments.len() == 1)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn id(n: u8) -> ChunkId {
        ChunkId([n; 32])
    }

    /// Ten rows; says whether they were read.
    fn is_read(ids: &mut Ids, segment: i64) -> bool {
        let mut is_read = false;
        let rows = || {
            is_read = true;
            Ok::<_, ()>((0..10).map(|n| entry(&id(n), n.into())).collect())
        };
        assert_eq!(ids.seqs(segment, id(3).short(), rows), Ok(vec![3]));
        is_read
    }

    #[test]
    fn those_that_were_not_used_for_longest_go() {
        let each = SEGMENT_BYTES + 10 * ID_BYTES;
        let mut ids = Ids::of(3 * each);
        assert!((1..=3).all(|segment| is_read(&mut ids, segment)));
        assert!(!is_read(&mut ids, 1) && ids.sizes() == (3, 3 * each));
        // One more row is one too many: the second goes.
        ids.insert(1, &id(99), 99);
        assert_eq!(ids.sizes(), (2, 2 * each + ID_BYTES));
        assert!(!is_read(&mut ids, 3) && !is_read(&mut ids, 1) && is_read(&mut ids, 2) && is_read(&mut ids, 3));
        ids.remove(1, &id(99), 99);
        ids.insert(9, &id(99), 99);
        for segment in [1, 2, 3] {
            ids.forget(segment);
        }
        assert_eq!((ids.sizes(), ids.order.len()), ((0, 0), 0));
    }

    #[test]
    fn one_that_is_larger_than_all_may_be_stays_while_it_is_used() {
        let mut ids = Ids::of(100);
        assert!(is_read(&mut ids, 1) && !is_read(&mut ids, 1) && is_read(&mut ids, 2) && is_read(&mut ids, 1));
        ids.insert(1, &id(3), 40);
        assert_eq!(ids.seqs(1, id(3).short(), || Err(())), Ok(vec![3, 40]));
    }

    #[test]
    fn what_could_not_be_read_is_not_known() {
        let mut ids = Ids::default();
        assert_eq!(ids.seqs(1, id(3).short(), || Err(())), Err(()));
        assert!(ids.sizes() == (0, 0) && is_read(&mut ids, 1));
        ids.clear();
        assert!(ids.sizes() == (0, 0) && is_read(&mut ids, 1));
    }
}
