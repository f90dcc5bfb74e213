#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, AutoCommit, Automerge, ObjType, ROOT, ReadDoc};
use proptest::prelude::*;

use super::*;
use crate::ids::WriterId;

fn appended(writer: u8, count: u8) -> Vec<Vec<u8>> {
    let mut chain = Chain::new(WriterId([writer; 8])).unwrap();
    (0..count).map(|i| chain.append([writer, i].repeat(40))).collect()
}

fn set(stored: &[Vec<u8>]) -> BTreeSet<Vec<u8>> {
    stored.iter().flat_map(|b| batches(b).unwrap()).collect()
}

/// The fixed change is what Automerge itself writes for: all-zero actor, time 0, one root list.
#[test]
fn the_first_change_is_the_published_one() {
    let mut doc = AutoCommit::new();
    doc.set_actor(ActorId::from(&[0u8; 8][..]));
    doc.put_object(ROOT, LIST, ObjType::List).unwrap();
    doc.commit_with(CommitOptions::default().with_time(0));
    let bytes = doc.get_last_local_change().unwrap().raw_bytes().to_vec();
    let hex = |b: &[u8]| b.iter().map(|b| format!("{b:02x}")).collect::<String>();
    assert_eq!(hex(&bytes), hex(FIRST_CHANGE));
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../../../../schema/vectors/segment.json")).unwrap();
    assert_eq!(vectors["first_change"].as_str().unwrap(), hex(FIRST_CHANGE));
    let second = Chain::new(WriterId([7; 8])).unwrap().append(b"batch".to_vec());
    assert_eq!(vectors["second_change"].as_str().unwrap(), hex(&second));
}

/// What a chain writes is a sound Automerge document: another implementation reads it.
#[test]
fn automerge_reads_what_a_chain_writes() {
    let mut doc = Automerge::load(FIRST_CHANGE).unwrap();
    for change in appended(1, 5).iter().chain(&appended(2, 3)) {
        doc.load_incremental(change).unwrap();
    }
    let (_, list) = doc.get(ROOT, LIST).unwrap().unwrap();
    assert_eq!(doc.length(&list), 8);
    let first = doc.values(&list).next().unwrap().0.into_owned();
    assert_eq!(first.into_scalar().unwrap().into_bytes().unwrap(), [2, 0].repeat(40), "in the order of the writers");
}

/// Two clones begin the same day: without the fixed change one's list would hide the other's.
#[test]
fn two_writers_hide_nothing_of_each_other() {
    let stored: Vec<_> = appended(1, 4).into_iter().chain(appended(2, 4)).collect();
    assert_eq!(set(&stored).len(), 8);
    let (saved, left_out) = document(stored.iter().map(|b| changes(b).unwrap())).unwrap();
    assert_eq!((set(&[saved]), left_out), (set(&stored), 0));
}

/// A change that is held twice is no fork: nothing of it is missing from the document.
#[test]
fn a_change_held_twice_is_held_once() {
    let stored: Vec<_> = appended(1, 3).into_iter().chain(appended(1, 3)).collect();
    let (saved, left_out) = document(stored.iter().map(|b| changes(b).unwrap())).unwrap();
    assert_eq!((set(&[saved]).len(), left_out), (3, 0));
}

/// `Automerge::load_incremental` answers Ok and shows 2 of 10 when the third is missing.
#[test]
fn a_missing_change_hides_nothing_else() {
    for missing in 0..10 {
        let mut stored = appended(1, 10);
        stored.remove(missing);
        assert_eq!(set(&stored).len(), 9);
    }
}

/// A running machine resumed twice: two chains with one writer and the same sequence numbers.
#[test]
fn a_fork_keeps_both_branches_as_a_set() {
    let mut one = Chain::new(WriterId([1; 8])).unwrap();
    let mut stored = vec![one.append(b"before".to_vec())];
    let mut two = one.clone();
    stored.push(one.append(b"left".to_vec()));
    stored.push(two.append(b"right".to_vec()));
    assert_eq!(set(&stored).len(), 3);
    let (saved, left_out) = document(stored.iter().map(|b| changes(b).unwrap())).unwrap();
    assert_eq!(left_out, 1, "Automerge holds one branch only; the caller keeps the other beside the document");
    assert_eq!(set(&[saved]).len(), 2);
    let loaded = || stored.iter().map(|b| changes(b).unwrap());
    let all = whole(loaded()).unwrap();
    assert_eq!(set(std::slice::from_ref(&all)), set(&stored), "for who reads it alone");
    assert_eq!(whole(loaded()).unwrap(), all);
    // A lost predecessor too takes nothing but itself.
    assert_eq!(set(&[whole(loaded().skip(1)).unwrap()]), set(&stored[1..]));
}

#[test]
fn damage_is_an_error() {
    let mut change = appended(1, 1).remove(0);
    let last = change.len() - 1;
    change[last] ^= 1;
    assert!(matches!(batches(&change), Err(SegmentError::Damaged(_))));
    for at in 0..appended(1, 1)[0].len() {
        let mut change = appended(1, 1).remove(0);
        change[at] ^= 0x10;
        assert!(batches(&change).is_err(), "a flipped bit in byte {at} is never another figure");
    }
    let (saved, _) = document(appended(1, 3).iter().map(|b| changes(b).unwrap())).unwrap();
    for at in 0..saved.len() {
        let mut damaged = saved.clone();
        damaged[at] ^= 0x10;
        assert!(batches(&damaged).is_err() && changes(&damaged).is_err(), "nor in byte {at} of a document");
        assert!(batches(&saved[..at]).is_err());
    }
    assert!(batches(&[saved.clone(), saved.clone()].concat()).is_err(), "one row is one chunk");
    assert!(batches(b"").is_err());
    assert!(batches(b"garbage that is no automerge").is_err());
}

#[test]
fn a_part_fills_up() {
    let mut chain = Chain::new(WriterId([1; 8])).unwrap();
    assert!(!chain.is_full());
    chain.append(vec![0; PART_BYTES]);
    assert!(chain.is_full());
}

proptest! {
    /// Any order, any duplication, saved or not: the same set.
    #[test]
    fn batches_are_a_set(order in Just((0..12usize).collect::<Vec<_>>()).prop_shuffle(), twice in 0usize..12, saved in 0usize..12) {
        let all: Vec<_> = appended(1, 6).into_iter().chain(appended(2, 6)).collect();
        let mut stored: Vec<_> = order.iter().map(|i| all[*i].clone()).collect();
        stored.push(all[twice].clone());
        prop_assert_eq!(set(&stored), set(&all));
        // A prefix of each writer as a document, the rest as changes beside it.
        let prefix: Vec<_> = appended(1, 6)[..saved.min(6)].iter().map(|b| changes(b).unwrap()).collect();
        stored.push(document(prefix).unwrap().0);
        prop_assert_eq!(set(&stored), set(&all));
    }
}

/// What a packing comes to, and which parts each of it says that it holds.
fn packed(stored: &[Vec<u8>], most: usize) -> (Vec<BTreeSet<Vec<u8>>>, Vec<Vec<usize>>) {
    let parts: Vec<_> = stored.iter().map(|bytes| changes(bytes).unwrap()).collect();
    let packed = pack(&parts, most).unwrap();
    assert!(packed.iter().all(|p| p.content.len() <= most));
    let held = packed.iter().map(|p| set(std::slice::from_ref(&p.content))).collect();
    (held, packed.into_iter().map(|p| p.holds).collect())
}

#[test]
fn whole_chains_are_packed_into_few() {
    let stored: Vec<_> = appended(1, 4).into_iter().chain(appended(2, 4)).collect();
    assert_eq!(packed(&stored, 1 << 18), (vec![set(&stored)], vec![(0..8).collect()]));
    let (held, holds) = packed(&stored, 500);
    assert_eq!(held, [set(&stored[..4]), set(&stored[4..])], "one would be too large");
    assert_eq!(holds, [vec![0, 1, 2, 3], vec![4, 5, 6, 7]]);
    assert_eq!(packed(&stored, 50), (vec![], vec![]), "what fits in none stays as it is");
}

#[test]
fn what_is_packed_already_is_packed_with_what_comes_later() {
    let stored: Vec<_> = appended(1, 6).into_iter().chain(appended(2, 1)).collect();
    let (saved, _) = document(stored[..4].iter().map(|b| changes(b).unwrap())).unwrap();
    let later = [&[saved][..], &stored[4..]].concat();
    assert_eq!(packed(&later, 1 << 18), (vec![set(&stored)], vec![vec![0, 1, 2, 3]]));
}

#[test]
fn of_a_fork_the_longest_branch_is_packed_and_nothing_behind_a_gap() {
    let trunk = appended(1, 3);
    let mut chain = Chain::new(WriterId([1; 8])).unwrap();
    for n in 0..2 {
        chain.append([1, n].repeat(40));
    }
    // A machine resumed twice: the third change is another one, and goes on.
    let branch = [chain.append(vec![7; 80]), chain.append(vec![8; 80])];
    let gap = appended(3, 3);
    let stored = [&trunk[..], &branch, &[gap[0].clone(), gap[2].clone()]].concat();
    let (held, holds) = packed(&stored, 1 << 18);
    assert_eq!(holds, [vec![0, 1, 3, 4, 5]]);
    assert_eq!(held, [set(&[&trunk[..2], &branch, &gap[..1]].concat())]);
}

/// A change as it travels says all that Automerge's does.
#[test]
fn a_change_is_written_short_and_nothing_is_lost() {
    for change in appended(3, 5) {
        let short = shorten(&change).unwrap();
        assert!(short.len() + 50 < change.len(), "{} of {}", short.len(), change.len());
        assert_eq!(*expand(&short).unwrap(), *change);
        assert_eq!(batches(&short).unwrap(), batches(&change).unwrap());
        assert_eq!(changes(&short).unwrap(), changes(&change).unwrap());
        assert!(!is_snapshot(&short).unwrap());
        for end in 1..10 {
            assert!(changes(&short[..end]).is_err(), "cut at {end}");
        }
    }
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../../../../schema/vectors/segment.json")).unwrap();
    let second = Chain::new(WriterId([7; 8])).unwrap().append(b"batch".to_vec());
    let hex = |b: &[u8]| b.iter().map(|b| format!("{b:02x}")).collect::<String>();
    assert_eq!(vectors["second_change_short"].as_str().unwrap(), hex(&shorten(&second).unwrap()));
}

/// What a writer of segments did not make keeps its form: its hash depends on it.
#[test]
fn another_ones_change_is_not_written_short() {
    assert_eq!(shorten(FIRST_CHANGE), None);
    let mut doc = Automerge::load(FIRST_CHANGE).unwrap().with_actor(ActorId::from(&[5u8; 8][..]));
    let (_, list) = doc.get(ROOT, LIST).unwrap().unwrap();
    let mut tx = doc.transaction();
    tx.insert(&list, 0, b"batch".to_vec()).unwrap();
    tx.commit_with(CommitOptions::default().with_time(7));
    let change = doc.get_changes(&[]).last().unwrap().raw_bytes().to_vec();
    assert_eq!(batches(&change).unwrap(), [b"batch".to_vec()]);
    assert_eq!(shorten(&change), None);
    for damaged in [&[1][..], &[1; 9], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 0]] {
        assert!(batches(damaged).is_err() && changes(damaged).is_err() && is_snapshot(damaged).is_err());
    }
}
