//! Live: which chunks of a set count. One definition for replicas, relays and devices without the key, because it reads
//! headers and statements alone.
//!
//! A chunk is live if
//!
//! 1. its author counts: a member, or revoked, and the revoke lists the chunk;
//! 2. its day is kept;
//! 3. it obeys every purge that reaches its device and day;
//! 4. no snapshot of its segment for which 1 to 3 hold covers it.
//!
//! A covered snapshot goes on covering: what counts does not depend on which of two snapshots came first. That it is dropped changes
//! nothing, because a snapshot covers another one only if it covers all that this one does ([`covers`]): what a snapshot contains, and
//! an honest author lists.

use std::collections::{BTreeMap, HashSet};
use std::ops::RangeInclusive;

use crate::chunk::{Header, Kind, Place};
use crate::ids::{ChunkId, DeviceId, Short};
use crate::time::UtcDay;

/// What becomes of a chunk.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum State {
    /// It counts.
    Live,
    /// A snapshot holds what it says.
    Covered,
    /// A revoked device wrote it, and no revoke or vouch lists it: kept until its day expires, not offered, and it covers nothing.
    SetAside,
    /// A purge that it does not obey reaches it: dropped, whoever sends it and whenever.
    Void,
    /// Its day is not kept any more: dropped.
    Expired,
    /// No member has ever had its author's id: dropped.
    Stranger,
}

/// Whether what a device writes counts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Author {
    /// Its chunks count.
    Member,
    /// These chunks of it count, and no other.
    Revoked(HashSet<[u8; 16]>),
}

/// A purge, as everybody may read it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Purge {
    /// The first bytes of its statement's id.
    pub id: Short,
    /// Whose segments it reaches; all devices' if empty.
    pub devices: Vec<DeviceId>,
    /// The days that it reaches.
    pub days: RangeInclusive<UtcDay>,
}

impl Purge {
    /// Whether it reaches a segment. What has no day (settings) it does not reach.
    pub fn reaches(&self, place: &Place) -> bool {
        let whose = self.devices.is_empty() || self.devices.contains(&place.device);
        whose && place.day.is_some_and(|day| self.days.contains(&day))
    }
}

/// What the statements say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rules {
    /// Every device that has ever been admitted.
    pub authors: BTreeMap<DeviceId, Author>,
    /// The first day that is kept.
    pub first_day: UtcDay,
    /// Purges never lapse.
    pub purges: Vec<Purge>,
}

impl Rules {
    /// Rules 1 to 3, for one chunk: [`State::Live`] where it is not covered.
    pub fn alone(&self, id: &ChunkId, header: &Header) -> State {
        let Some(author) = self.authors.get(&header.place.device) else { return State::Stranger };
        if header.place.day.is_some_and(|day| day < self.first_day) {
            return State::Expired;
        }
        let obeys = |purge: &Purge| header.obeys.binary_search(&purge.id).is_ok();
        if self.purges.iter().any(|purge| purge.reaches(&header.place) && !obeys(purge)) {
            return State::Void;
        }
        match author {
            Author::Revoked(listed) if !listed.contains(&listing(id)) => State::SetAside,
            Author::Member | Author::Revoked(_) => State::Live,
        }
    }

    /// What becomes of each chunk of a set that holds all that is held of each of its segments. A segment's chunks
    /// decide for themselves: a set may be as small as one segment.
    pub fn states<'c>(&self, chunks: impl IntoIterator<Item = (&'c ChunkId, &'c Header)>) -> BTreeMap<ChunkId, State> {
        let mut states = BTreeMap::new();
        let mut covered: HashSet<(Place, Short)> = HashSet::new();
        let mut snapshots: Vec<&Header> = Vec::new();
        let mut standing = Vec::new();
        for (id, header) in chunks {
            let state = self.alone(id, header);
            states.insert(*id, state);
            if state == State::Live {
                standing.push((id, header));
                if header.kind == Kind::Snapshot {
                    covered.extend(header.covers.iter().map(|short| (header.place, *short)));
                    snapshots.push(header);
                }
            }
        }
        for (id, header) in standing {
            let short = id.short();
            let is_covered = covered.contains(&(header.place, short))
                // All that lists a change covers it; of a snapshot each is looked at.
                && (header.covers.is_empty()
                    || snapshots.iter().any(|one| one.place == header.place && covers(&one.covers, short, header)));
            if is_covered {
                states.insert(*id, State::Covered);
            }
        }
        states
    }
}

/// Whether a snapshot that lists these covers a chunk of its segment: it lists it, and all that this itself covers. One that does not
/// is a lie, and if it counted, what becomes of a chunk would hang on who has dropped what (seed 34300).
pub fn covers(listed: &[Short], short: Short, chunk: &Header) -> bool {
    listed.binary_search(&short).is_ok() && chunk.covers.iter().all(|one| listed.binary_search(one).is_ok())
}

/// By which revokes and vouches list a chunk: the first 16 bytes of its id.
pub fn listing(id: &ChunkId) -> [u8; 16] {
    let mut listing = [0; 16];
    listing.copy_from_slice(&id.0[..16]);
    listing
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::ids::KeyId;
    use proptest::prelude::*;

    const A: DeviceId = DeviceId([1; 16]);
    const B: DeviceId = DeviceId([2; 16]);

    fn header(device: DeviceId, day: i32, kind: Kind) -> Header {
        Header {
            place: Place { device, day: Some(UtcDay(day)), part: 0 },
            kind,
            key: KeyId([0; 8]),
            nonce: [0; 24],
            previous: None,
            obeys: vec![],
            covers: vec![],
        }
    }

    fn rules() -> Rules {
        let authors = [(A, Author::Member), (B, Author::Member)].into();
        Rules { authors, first_day: UtcDay(10), purges: vec![] }
    }

    fn id(n: u8) -> ChunkId {
        ChunkId::of(&[n])
    }

    fn state(rules: &Rules, chunks: &[(ChunkId, Header)], which: usize) -> State {
        rules.states(chunks.iter().map(|(id, header)| (id, header)))[&chunks[which].0]
    }

    #[test]
    fn each_rule_takes_out_what_it_is_about() {
        let mut rules = rules();
        let mut chunks = vec![(id(0), header(A, 10, Kind::Change)), (id(1), header(A, 9, Kind::Change))];
        assert_eq!((state(&rules, &chunks, 0), state(&rules, &chunks, 1)), (State::Live, State::Expired));
        chunks.push((id(2), header(DeviceId([3; 16]), 10, Kind::Change)));
        assert_eq!(state(&rules, &chunks, 2), State::Stranger);
        chunks[0].1.place.day = None;
        assert_eq!(state(&rules, &chunks, 0), State::Live, "settings have no day");
        chunks[0].1.place.day = Some(UtcDay(10));

        let purge = Purge { id: Short([7; 4]), devices: vec![A], days: UtcDay(0)..=UtcDay(10) };
        rules.purges.push(purge.clone());
        assert_eq!(state(&rules, &chunks, 0), State::Void);
        chunks[0].1.obeys = vec![Short([7; 4])];
        assert_eq!(state(&rules, &chunks, 0), State::Live, "it was written under the purge");
        rules.purges.push(Purge { id: Short([8; 4]), ..purge });
        assert_eq!(state(&rules, &chunks, 0), State::Void, "every purge");
        rules.purges.clear();

        rules.authors.insert(A, Author::Revoked(HashSet::new()));
        assert_eq!(state(&rules, &chunks, 0), State::SetAside);
        rules.authors.insert(A, Author::Revoked([listing(&id(0))].into()));
        assert_eq!(state(&rules, &chunks, 0), State::Live);
    }

    #[test]
    fn only_a_snapshot_that_counts_covers_and_only_its_own_segment() {
        let mut rules = rules();
        let mut snapshot = header(A, 10, Kind::Snapshot);
        snapshot.covers = vec![id(0).short()];
        let mut chunks = vec![(id(0), header(A, 10, Kind::Change)), (id(1), snapshot)];
        assert_eq!((state(&rules, &chunks, 0), state(&rules, &chunks, 1)), (State::Covered, State::Live));
        for other in [header(B, 10, Kind::Change), header(A, 11, Kind::Change)] {
            let chunks = [(id(0), other), chunks[1].clone()];
            assert_eq!(state(&rules, &chunks, 0), State::Live, "another segment's snapshot");
        }
        // A later snapshot covers the earlier one; what that one covered stays covered.
        let mut later = header(A, 10, Kind::Snapshot);
        later.covers = vec![id(1).short()];
        chunks.push((id(2), later));
        assert_eq!(state(&rules, &chunks, 1), State::Live, "it does not list what that one covers");
        chunks[2].1.covers.push(id(0).short());
        chunks[2].1.covers.sort_unstable();
        assert_eq!((state(&rules, &chunks, 0), state(&rules, &chunks, 1)), (State::Covered, State::Covered));
        assert_eq!(
            state(&rules, &[chunks[0].clone(), chunks[2].clone()], 0),
            State::Covered,
            "also where that one is gone"
        );
        // A snapshot of a revoked device that nobody lists covers nothing.
        rules.authors.insert(A, Author::Revoked([listing(&id(0))].into()));
        assert_eq!((state(&rules, &chunks, 0), state(&rules, &chunks, 1)), (State::Live, State::SetAside));
        // Only snapshots cover.
        chunks[1].1.kind = Kind::Change;
        rules.authors.insert(A, Author::Member);
        chunks.pop();
        assert_eq!(state(&rules, &chunks, 0), State::Live);
    }

    proptest! {
        /// What counts is a function of the set: in whatever order chunks come, and segment by segment.
        #[test]
        fn live_knows_no_order(
            made in proptest::collection::vec((0..3_u8, 8..13_i32, any::<bool>(), proptest::collection::btree_set(0..20_u8, 0..5)), 1..20),
            seed in any::<u64>(),
        ) {
            let rules = Rules {
                authors: [(A, Author::Member), (B, Author::Revoked((0..10).map(|n| listing(&id(n))).collect()))].into(),
                first_day: UtcDay(10),
                purges: vec![Purge { id: Short([7; 4]), devices: vec![B], days: UtcDay(11)..=UtcDay(11) }],
            };
            let chunks: Vec<(ChunkId, Header)> = made.into_iter().enumerate().map(|(n, (device, day, snapshot, covers))| {
                let mut header = header(DeviceId([device; 16]), day, if snapshot { Kind::Snapshot } else { Kind::Change });
                header.covers = covers.into_iter().map(|n| id(n).short()).collect();
                header.covers.sort();
                (id(n as u8), header)
            }).collect();
            let of = |chunks: &[(ChunkId, Header)]| rules.states(chunks.iter().map(|(id, header)| (id, header)));
            let all = of(&chunks);
            let mut other = chunks.clone();
            other.rotate_left(seed as usize % chunks.len());
            other.reverse();
            prop_assert_eq!(&of(&other), &all);
            let places: std::collections::BTreeSet<Place> = chunks.iter().map(|(_, header)| header.place).collect();
            let by_segment: BTreeMap<ChunkId, State> = places
                .iter()
                .flat_map(|place| of(&chunks.iter().filter(|(_, h)| h.place == *place).cloned().collect::<Vec<_>>()))
                .collect();
            prop_assert_eq!(by_segment, all);
        }
    }
}
