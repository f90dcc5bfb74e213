//! What remains of what a purge reaches, and of what a snapshot covers without containing it.

use super::*;

/// An agent writes a message again under its id and time, with more tokens: what a purge leaves has both, whichever comes first.
#[test]
fn of_a_call_that_has_grown_a_purge_leaves_the_larger_copy() {
    for seed in 0..8 {
        let mut a = Device::new(A, &workspace(&[A]), seed);
        a.record(&[call(1, 10)]);
        a.record(&[call(1, 40)]);
        a.purge(Some("codex"), NOON);
        assert_eq!(a.output(), [40], "seed {seed}");
        assert_eq!(a.held.len(), 2, "what the purge made void is gone");
    }
}

/// Whoever has heard of a purge does the same for what is its own.
#[test]
fn of_a_call_that_has_grown_its_author_leaves_the_larger_copy() {
    for seed in 0..8 {
        let set = workspace(&[A, B]);
        let (mut a, mut b) = (Device::new(A, &set, seed), Device::new(B, &set, seed + 100));
        b.record(&[call(1, 10)]);
        b.record(&[call(1, 40)]);
        let purge = a.purge(Some("codex"), NOON);
        b.hear(purge.write.statements);
        assert_eq!(b.output(), [40], "seed {seed}");
    }
}

/// The same call in two chunks is written anew once, and what the purge takes not at all.
#[test]
fn a_purge_leaves_one_of_equal_copies() {
    let mut a = Device::new(A, &workspace(&[A]), 1);
    a.record(&[call(1, 10), Record { source: "codex".into(), ..call(2, 7) }]);
    a.record(&[call(1, 10)]);
    a.purge(Some("codex"), NOON);
    assert_eq!(a.output(), [10]);
    assert_eq!(a.batches().len(), 1);
}

#[test]
fn what_a_newer_version_wrote_goes_with_all_else_or_stays_whole() {
    let held = || {
        let mut a = Device::new(A, &workspace(&[A]), 1);
        let write = a.client.bring((Some(DAY), 0), &change(9, newer(100)), None).unwrap();
        a.keep(&write);
        a.record(&[call(1, 10)]);
        a
    };
    let mut a = held();
    a.purge(Some("codex"), NOON);
    assert!(a.batches().contains(&newer(100)), "nobody here knows whether it is of that source");
    assert_eq!(a.output(), [10]);
    let mut a = held();
    a.purge(None, NOON);
    assert_eq!(a.batches(), [newer(100)], "it may tell of what is dated later");
    let mut a = held();
    a.purge(None, DAY.plus(1).start());
    assert!(a.held.is_empty());
}

/// B holds a chunk of A that A's snapshot covers and does not contain: what B is told, and what it holds then.
fn covered(batch: Vec<u8>) -> (Device, Step) {
    let set = workspace(&[A, B]);
    let (a, mut b) = (Device::new(A, &set, 1), Device::new(B, &set, 2));
    let chunk = a.seal(Kind::Change, &change(9, batch), &[]);
    let snapshot = a.seal(Kind::Snapshot, segment::FIRST_CHANGE, &[chunk.id()]);
    b.take(&[chunk]);
    let step = b.take(&[snapshot]);
    (b, step)
}

fn is_rewritten(step: &Step) -> bool {
    step.notices.iter().any(|notice| matches!(notice, Notice::Rewritten(_)))
}

#[test]
fn what_a_snapshot_lacks_is_written_anew() {
    let (b, step) = covered(newer(100));
    assert!(is_rewritten(&step));
    assert_eq!(b.batches(), [newer(100)]);
}

#[test]
fn what_a_snapshot_lacks_and_cannot_be_written_anew_is_kept() {
    let (mut b, step) = covered(newer(250_000));
    assert!(!is_rewritten(&step));
    assert!(b.states().contains(&State::Covered) && b.held.len() == 2);
    // However often it is looked at again.
    let step = b.client.review(b.held.clone());
    assert!(step.write.is_empty() && !is_rewritten(&step));
}

#[test]
fn what_a_snapshot_lacks_and_is_no_batch_is_let_go() {
    let (b, step) = covered(vec![batch::VERSION, 0xff]);
    assert!(is_rewritten(&step) && b.batches().is_empty());
    assert_eq!(b.states(), [State::Live], "the snapshot alone");
}
