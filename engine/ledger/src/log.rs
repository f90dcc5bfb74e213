//! The log: which chunks are held, what becomes of each, and the digest of those that are live.
//!
//! It is an index: headers, no content. Whoever holds chunks keeps it in step with them, and asks it what to drop, what to
//! offer, and what to say in a digest. It does with each change what [`Rules::states`] does with everything.

use std::collections::{BTreeMap, BTreeSet};

use crate::chunk::{Header, Kind, Place};
use crate::digest::Digest;
use crate::ids::{ChunkId, Short};
use crate::live::{Rules, State, covers};

/// A chunk as the log knows it.
#[derive(Clone, Debug)]
struct Held {
    header: Header,
    state: State,
}

/// What has changed about a chunk.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Change {
    /// Which chunk.
    pub id: ChunkId,
    /// What it was; `None` if it is new.
    pub from: Option<State>,
    /// What it is now.
    pub to: State,
}

/// A segment's chunks, and which of them are snapshots.
#[derive(Clone, Default, Debug)]
struct Segment {
    held: BTreeMap<ChunkId, Held>,
    snapshots: BTreeSet<ChunkId>,
}

impl Segment {
    /// Whether a snapshot for which rules 1 to 3 hold covers a chunk.
    fn covers(&self, short: Short, chunk: &Header) -> bool {
        self.snapshots.iter().filter_map(|id| self.held.get(id)).any(|snapshot| {
            matches!(snapshot.state, State::Live | State::Covered) && covers(&snapshot.header.covers, short, chunk)
        })
    }
}

/// The chunks that are held of one workspace.
#[derive(Clone, Debug)]
pub struct Log {
    rules: Rules,
    segments: BTreeMap<Place, Segment>,
    places: BTreeMap<ChunkId, Place>,
    digest: Digest,
}

impl Log {
    /// An empty log.
    pub fn new(rules: Rules) -> Self {
        Self { rules, segments: BTreeMap::new(), places: BTreeMap::new(), digest: Digest::default() }
    }

    /// By what is decided.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// A log of what is held at the start.
    pub fn load(rules: Rules, chunks: impl IntoIterator<Item = (ChunkId, Header)>) -> Self {
        let mut log = Self::new(rules);
        for (id, header) in chunks {
            log.put(id, header);
        }
        let places: Vec<Place> = log.segments.keys().copied().collect();
        for place in places {
            log.decide(place, None);
        }
        log
    }

    /// Takes a chunk in, and says what has changed: itself, and what it covers. Nothing if it is held.
    pub fn insert(&mut self, id: ChunkId, header: Header) -> Vec<Change> {
        if self.places.contains_key(&id) {
            return Vec::new();
        }
        let place = header.place;
        if header.kind == Kind::Snapshot {
            self.put(id, header);
            return self.decide(place, Some(id));
        }
        // Anything but a snapshot changes nothing else: a long day costs no more than a short one.
        let mut to = self.rules.alone(&id, &header);
        let is_covered = self.segments.get(&place).is_some_and(|segment| segment.covers(id.short(), &header));
        if to == State::Live && is_covered {
            to = State::Covered;
        }
        self.put(id, header);
        let Some(segment) = self.segments.get_mut(&place) else { return Vec::new() };
        if let Some(held) = segment.held.get_mut(&id) {
            held.state = to;
        }
        if to == State::Live {
            self.digest.add(place, &id);
        }
        vec![Change { id, from: None, to }]
    }

    fn put(&mut self, id: ChunkId, header: Header) {
        let place = header.place;
        self.places.insert(id, place);
        let segment = self.segments.entry(place).or_default();
        if header.kind == Kind::Snapshot {
            segment.snapshots.insert(id);
        }
        // What it is before anybody has decided.
        segment.held.insert(id, Held { header, state: State::Stranger });
    }

    /// Goes by other rules, and says what has changed.
    pub fn obey(&mut self, rules: Rules) -> Vec<Change> {
        if rules == self.rules {
            return Vec::new();
        }
        self.rules = rules;
        let places: Vec<Place> = self.segments.keys().copied().collect();
        places.into_iter().flat_map(|place| self.decide(place, None)).collect()
    }

    /// Takes a chunk out that was dropped.
    pub fn remove(&mut self, id: &ChunkId) -> Vec<Change> {
        let Some(place) = self.places.remove(id) else { return Vec::new() };
        let Some(segment) = self.segments.get_mut(&place) else { return Vec::new() };
        let removed = segment.held.remove(id);
        if removed.is_some_and(|held| held.state == State::Live) {
            self.digest.remove(place, id);
        }
        let was_snapshot = segment.snapshots.remove(id);
        if segment.held.is_empty() {
            self.segments.remove(&place);
        }
        if was_snapshot { self.decide(place, None) } else { Vec::new() }
    }

    /// What becomes of a chunk; `None` if it is not held.
    pub fn state(&self, id: &ChunkId) -> Option<State> {
        let place = self.places.get(id)?;
        self.segments.get(place)?.held.get(id).map(|held| held.state)
    }

    /// A chunk's header.
    pub fn header(&self, id: &ChunkId) -> Option<&Header> {
        let place = self.places.get(id)?;
        self.segments.get(place)?.held.get(id).map(|held| &held.header)
    }

    /// The live chunks of a segment, ascending.
    pub fn live(&self, place: &Place) -> impl Iterator<Item = (&ChunkId, &Header)> {
        let held = self.segments.get(place).into_iter().flat_map(|segment| &segment.held);
        held.filter(|(_, held)| held.state == State::Live).map(|(id, held)| (id, &held.header))
    }

    /// The segments of which something is held, ascending.
    pub fn places(&self) -> impl Iterator<Item = &Place> {
        self.segments.keys()
    }

    /// All that is held, with what becomes of it.
    pub fn all(&self) -> impl Iterator<Item = (&ChunkId, &Header, State)> {
        self.segments.values().flat_map(|segment| &segment.held).map(|(id, held)| (id, &held.header, held.state))
    }

    /// All that is held of a segment, with what becomes of it.
    pub fn segment(&self, place: &Place) -> impl Iterator<Item = (&ChunkId, &Header, State)> {
        let held = self.segments.get(place).into_iter().flat_map(|segment| &segment.held);
        held.map(|(id, held)| (id, &held.header, held.state))
    }

    /// Whether a snapshot that counts covers a chunk, which need not be held.
    pub fn is_covered(&self, id: &ChunkId, header: &Header) -> bool {
        self.segments.get(&header.place).is_some_and(|segment| segment.covers(id.short(), header))
    }

    /// Whether an id would be taken for another in its segment: one that is held, or that a snapshot covers.
    pub fn is_taken(&self, place: &Place, short: Short) -> bool {
        self.segments.get(place).is_some_and(|segment| {
            // Ids are ordered: those that begin alike stand together.
            let mut from = [0; 32];
            from[..4].copy_from_slice(&short.0);
            let next = segment.held.range(ChunkId(from)..).next();
            next.is_some_and(|(id, _)| id.short() == short)
                || segment
                    .snapshots
                    .iter()
                    .filter_map(|id| segment.held.get(id))
                    .any(|snapshot| snapshot.header.covers.binary_search(&short).is_ok())
        })
    }

    /// The sums of what is live.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    fn decide(&mut self, place: Place, new: Option<ChunkId>) -> Vec<Change> {
        let Some(segment) = self.segments.get_mut(&place) else { return Vec::new() };
        let states = self.rules.states(segment.held.iter().map(|(id, held)| (id, &held.header)));
        let mut changes = Vec::new();
        for (id, to) in states {
            let Some(held) = segment.held.get_mut(&id) else { continue };
            let from = (new != Some(id)).then_some(held.state);
            if from == Some(to) {
                continue;
            }
            match (from == Some(State::Live), to == State::Live) {
                (false, true) => self.digest.add(place, &id),
                (true, false) => self.digest.remove(place, &id),
                _ => {}
            }
            held.state = to;
            changes.push(Change { id, from, to });
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::chunk::Kind;
    use crate::ids::{DeviceId, KeyId, Short};
    use crate::live::{Author, Purge, listing};
    use crate::time::UtcDay;

    fn id(n: u8) -> ChunkId {
        ChunkId::of(&[n])
    }

    fn header(device: u8, day: i32, covers: &[u8]) -> Header {
        let mut covers: Vec<Short> = covers.iter().map(|n| id(*n).short()).collect();
        covers.sort_unstable();
        covers.dedup();
        Header {
            place: Place { device: DeviceId([device; 16]), day: Some(UtcDay(day)), part: 0 },
            kind: if covers.is_empty() { Kind::Change } else { Kind::Snapshot },
            key: KeyId([0; 8]),
            nonce: [0; 24],
            previous: None,
            obeys: vec![],
            covers,
        }
    }

    fn rules(first: i32, revoked: bool, purged: bool) -> Rules {
        let two =
            if revoked { Author::Revoked(HashSet::from([listing(&id(0)), listing(&id(3))])) } else { Author::Member };
        Rules {
            authors: [(DeviceId([1; 16]), Author::Member), (DeviceId([2; 16]), two)].into(),
            first_day: UtcDay(first),
            purges: purged
                .then(|| Purge { id: Short([9; 4]), devices: vec![], days: UtcDay(11)..=UtcDay(11) })
                .into_iter()
                .collect(),
        }
    }

    #[test]
    fn a_change_says_what_has_changed() {
        let mut log = Log::new(rules(10, false, false));
        let change = |id, from, to| Change { id, from, to };
        assert_eq!(log.insert(id(1), header(1, 10, &[])), [change(id(1), None, State::Live)]);
        assert_eq!(log.insert(id(1), header(1, 10, &[])), []);
        let mut changes = log.insert(id(2), header(1, 10, &[1]));
        changes.sort_unstable_by_key(|c| c.from.is_some());
        let covered = change(id(1), Some(State::Live), State::Covered);
        assert_eq!(changes, [change(id(2), None, State::Live), covered]);
        assert_eq!(log.live(&header(1, 10, &[]).place).map(|(id, _)| *id).collect::<Vec<_>>(), [id(2)]);
        assert_eq!(log.remove(&id(2)), [change(id(1), Some(State::Covered), State::Live)]);
        assert_eq!(log.obey(rules(11, false, false)), [change(id(1), Some(State::Live), State::Expired)]);
        assert_eq!(log.digest(), &Digest::default());
        assert_eq!((log.state(&id(1)), log.state(&id(7))), (Some(State::Expired), None));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Insert(u8, u8, i32, Vec<u8>),
        Remove(u8),
        Obey(i32, bool, bool),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (0..12_u8, 1..4_u8, 10..13_i32, proptest::collection::vec(0..12_u8, 0..4))
                .prop_map(|(n, device, day, covers)| Step::Insert(n, device, day, covers)),
            1 => (0..12_u8).prop_map(Step::Remove),
            2 => (9..13_i32, any::<bool>(), any::<bool>()).prop_map(|(f, r, p)| Step::Obey(f, r, p)),
        ]
    }

    proptest! {
        /// Step by step is as all at once.
        #[test]
        fn the_log_keeps_in_step(steps in proptest::collection::vec(step(), 0..40)) {
            let mut log = Log::new(rules(10, false, false));
            let mut held: BTreeMap<ChunkId, Header> = BTreeMap::new();
            let mut known: BTreeMap<ChunkId, State> = BTreeMap::new();
            for step in steps {
                let changes = match step {
                    Step::Insert(n, device, day, covers) => {
                        held.entry(id(n)).or_insert_with(|| header(device, day, &covers));
                        log.insert(id(n), header(device, day, &covers))
                    }
                    Step::Remove(n) => {
                        held.remove(&id(n));
                        known.remove(&id(n));
                        log.remove(&id(n))
                    }
                    Step::Obey(first, revoked, purged) => log.obey(rules(first, revoked, purged)),
                };
                for change in changes {
                    prop_assert_eq!(known.insert(change.id, change.to), change.from);
                }
                let whole = log.rules().states(held.iter());
                prop_assert_eq!(&known, &whole);
                let mut digest = Digest::default();
                for (id, _) in whole.iter().filter(|(_, state)| **state == State::Live) {
                    digest.add(held[id].place, id);
                }
                prop_assert_eq!(log.digest(), &digest);
                prop_assert_eq!(log.all().count(), held.len());
            }
        }
    }
}
