#![allow(clippy::unwrap_used)]
use std::collections::BTreeMap;

use aimon_ledger::digest::{Digest, Sum};
use aimon_ledger::ids::{DeviceId, Short};
use aimon_ledger::live::{Author, listing};
use aimon_ledger::log::Log as Whole;
use aimon_ledger::time::UtcDay;
use proptest::prelude::*;

use super::*;
use crate::memory::Memory;
use crate::testing::{People, header, place};

const W: WorkspaceId = WorkspaceId([7; 32]);

/// Chunks whose covers name others by number: `n` says which one.
fn made(n: u8, who: u8, day: i32, covers: &[u8], obeys: &[u8], all: &BTreeMap<u8, Chunk>) -> Chunk {
    let kind = if covers.is_empty() { Kind::Change } else { Kind::Snapshot };
    let mut header = header(place(who, day), kind);
    header.covers = covers.iter().filter_map(|n| all.get(n)).map(|chunk| chunk.id().short()).collect();
    header.covers.sort_unstable();
    header.covers.dedup();
    header.obeys = obeys.iter().map(|n| Short([*n; 4])).collect();
    Chunk::assemble(&header.encode(), &[n], &[0; 64]).unwrap()
}

fn purge(n: u8, who: &[u8], days: std::ops::RangeInclusive<i32>) -> Purge {
    let devices = who.iter().map(|n| DeviceId([*n; 16])).collect();
    Purge { id: Short([n; 4]), devices, days: UtcDay(*days.start())..=UtcDay(*days.end()) }
}

fn rules(first: i32, authors: &[(u8, Author)], purges: Vec<Purge>) -> Rules {
    let authors = authors.iter().map(|(n, author)| (DeviceId([*n; 16]), author.clone())).collect();
    Rules { authors, first_day: UtcDay(first), purges }
}

#[test]
fn a_push_is_known_again_and_keeps_its_number() {
    let (mut memory, rules) = (Memory::default(), rules(10, &[(1, Author::Member)], vec![]));
    let (a, b) = (made(1, 1, 10, &[], &[], &BTreeMap::new()), made(2, 1, 10, &[], &[], &BTreeMap::new()));
    let mut log = Log::new(&mut memory, W);
    assert_eq!(log.push(&rules, &a, u64::MAX), Ok(Taken::Live { seq: 1, dropped: vec![] }));
    assert_eq!(log.push(&rules, &b, u64::MAX), Ok(Taken::Live { seq: 2, dropped: vec![] }));
    assert_eq!(log.push(&rules, &a, u64::MAX), Ok(Taken::Held(1)));
}

/// A snapshot makes room: what counts is what is held in the end.
#[test]
fn the_quota_counts_what_is_held() {
    let people = People::with(&[1]);
    let (mut memory, rules) = (Memory::default(), rules(10, &[(1, Author::Member)], vec![]));
    let (a, b) = (people.change(1, 10, &[1; 1000]), people.change(1, 10, &[2; 1000]));
    let snapshot = people.snapshot(1, 10, [&a], &[3; 1000]);
    let quota = a.bytes().len() as u64 + 500;
    let mut log = Log::new(&mut memory, W);
    assert!(matches!(log.push(&rules, &a, quota), Ok(Taken::Live { .. })));
    assert_eq!(log.push(&rules, &b, quota), Ok(Taken::Refused(Code::Quota)));
    assert_eq!(log.push(&rules, &snapshot, quota), Ok(Taken::Live { seq: 2, dropped: vec![1] }));
    assert_eq!(log.push(&rules, &a, quota), Ok(Taken::Covered { dropped: vec![] }));
    assert_eq!(memory.tally(&W).unwrap().bytes, snapshot.bytes().len() as u64);
}

#[derive(Clone, Debug)]
enum Step {
    Push { n: u8, who: u8, day: i32, covers: Vec<u8>, obeys: Vec<u8> },
    Rules { first: i32, revoked: Option<Vec<u8>>, admitted: bool, purges: Vec<u8> },
}

fn step() -> impl Strategy<Value = Step> {
    let few = || proptest::collection::vec(0..14_u8, 0..4);
    let obeys = prop_oneof![3 => Just(vec![]), 1 => Just(vec![1]), 1 => Just(vec![2]), 2 => Just(vec![1, 2])];
    prop_oneof![
        5 => (0..14_u8, 1..4_u8, 10..13_i32, few(), obeys)
            .prop_map(|(n, who, day, covers, obeys)| Step::Push { n, who, day, covers, obeys }),
        2 => (9..13_i32, proptest::option::of(few()), any::<bool>(), proptest::sample::subsequence(vec![1, 2], 0..=2))
            .prop_map(|(first, revoked, admitted, purges)| Step::Rules { first, revoked, admitted, purges }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]
    /// Piece by piece is as the ledger decides about all that is held; and the sums say so.
    #[test]
    fn a_relay_decides_as_the_ledger_does(steps in proptest::collection::vec(step(), 0..40)) {
        let mut memory = Memory::default();
        let mut by = rules(10, &[(1, Author::Member), (2, Author::Member)], vec![]);
        let mut whole = Whole::new(by.clone());
        let mut known: BTreeMap<u8, Chunk> = BTreeMap::new();
        let mut head = 0;
        for step in steps {
            match step {
                Step::Push { n, who, day, covers, obeys } => {
                    let chunk = known.get(&n).cloned().unwrap_or_else(|| made(n, who, day, &covers, &obeys, &known));
                    known.insert(n, chunk.clone());
                    let held = memory.find(&W, &chunk.header().place, &chunk.id()).unwrap();
                    let taken = Log::new(&mut memory, W).push(&by, &chunk, u64::MAX).unwrap();
                    whole.insert(chunk.id(), chunk.header().clone());
                    let expected = whole.state(&chunk.id()).unwrap();
                    match taken {
                        Taken::Held(seq) => prop_assert_eq!(Some(seq), held.map(|held| held.seq)),
                        Taken::Live { seq, .. } => {
                            prop_assert_eq!(expected, State::Live);
                            prop_assert!(seq > head, "a number is given once");
                            head = seq;
                        }
                        Taken::Aside(seq) => {
                            prop_assert_eq!(expected, State::SetAside);
                            prop_assert!(seq > head);
                            head = seq;
                        }
                        Taken::Covered { .. } => prop_assert_eq!(expected, State::Covered),
                        Taken::Refused(Code::Void) => prop_assert_eq!(expected, State::Void),
                        Taken::Refused(Code::Expired) => prop_assert_eq!(expected, State::Expired),
                        Taken::Refused(Code::NotAMember) => prop_assert_eq!(expected, State::Stranger),
                        Taken::Refused(code) => prop_assert!(false, "{:?}", code),
                    }
                }
                Step::Rules { first, revoked, admitted, purges } => {
                    let listed = |all: Vec<u8>| {
                        Author::Revoked(all.iter().filter_map(|n| known.get(n)).map(|c| listing(&c.id())).collect())
                    };
                    let mut authors = vec![(1, Author::Member), (2, revoked.map_or(Author::Member, listed))];
                    if admitted {
                        authors.push((3, Author::Member));
                    }
                    let all = [purge(1, &[2], 10..=11), purge(2, &[], 12..=12)];
                    let purges = all.into_iter().filter(|purge| purges.contains(&purge.id.0[0])).collect();
                    let new = rules(first, &authors, purges);
                    let changed = Log::new(&mut memory, W).obey(&by, &new).unwrap();
                    for (seq, chunk) in changed.live {
                        prop_assert!(seq > head, "whoever has passed the old number hears of it");
                        head = seq;
                        prop_assert!(known.values().any(|known| *known == chunk));
                    }
                    whole.obey(new.clone());
                    by = new;
                }
            }
            // What neither counts nor is set aside is dropped.
            let dropped: Vec<ChunkId> = whole
                .all()
                .filter(|(.., state)| !matches!(state, State::Live | State::SetAside))
                .map(|(id, ..)| *id)
                .collect();
            dropped.iter().for_each(|id| drop(whole.remove(id)));
            let expected: BTreeMap<ChunkId, bool> =
                whole.all().map(|(id, _, state)| (*id, state == State::SetAside)).collect();
            let held: BTreeMap<ChunkId, bool> = memory.held(&W).map(|(chunk, aside)| (chunk.id(), aside)).collect();
            prop_assert_eq!(&held, &expected);
            agrees(&mut memory, &whole)?;
        }
    }
}

fn agrees(memory: &mut Memory, whole: &Whole) -> Result<(), TestCaseError> {
    let segments = memory.segments(&W, None, usize::MAX).unwrap();
    let mut digest = BTreeMap::new();
    for (place, segment) in segments {
        let ids = memory.ids(&W, &place).unwrap();
        let live = ids.iter().filter(|(_, held)| !held.is_aside);
        prop_assert_eq!(segment.live, live.clone().count() as u64);
        prop_assert_eq!(segment.aside, (ids.len() - live.clone().count()) as u64);
        prop_assert_eq!(segment.snapshots, live.filter(|(_, held)| held.is_snapshot).count() as u64);
        if segment.live > 0 {
            digest.insert(place, segment.sum);
        }
    }
    let known: &Digest = whole.digest();
    prop_assert_eq!(digest, known.segments().map(|(place, sum)| (*place, *sum)).collect::<BTreeMap<_, Sum>>());
    let tally = memory.tally(&W).unwrap();
    prop_assert_eq!(tally.total, known.total(|_| true));
    prop_assert_eq!(tally.chunks, memory.held(&W).count() as u64);
    prop_assert_eq!(tally.bytes, memory.held(&W).map(|(chunk, _)| chunk.bytes().len() as u64).sum::<u64>());
    Ok(())
}
