//! A cursor that lies, and sides that differ.

use super::*;

/// A relay that was rolled back waits for no number, also where a socket does not keep up.
#[test]
fn a_cursor_from_before_a_rollback_hides_nothing() {
    let people = People::with(&[1, 2]);
    let config = Config { window: 100, ..Config::default() };
    let mut relay = Relay::new(relay_of(&people).into_storage(), config, NOW).unwrap();
    enter(&mut relay, &people, 1, 1, 0);
    let frames = enter(&mut relay, &people, 2, 2, 1_000);
    assert_eq!(frames[1..], [Frame::Live]);
    let chunk = people.change(1, TODAY, b"a");
    assert_eq!(delivered(&push(&mut relay, 1, &[&chunk]), 2), [], "its window is full");
    relay.taken(s(2), 1_000);
    assert_eq!(delivered(&relay.pump(usize::MAX), 2), [(1, chunk.bytes().to_vec())]);
}

#[test]
fn repair_finds_what_either_side_lacks() {
    let people = People::with(&[1, 2]);
    let mut relay = relay_of(&people);
    enter(&mut relay, &people, 1, 1, 0);
    let (a, b, c) = (people.change(1, TODAY, b"a"), people.change(1, TODAY, b"b"), people.change(1, TODAY - 1, b"c"));
    push(&mut relay, 1, &[&a, &b, &c]);
    // A cursor beyond what there is: the relay was rolled back, and waits for no number.
    let frames = enter(&mut relay, &people, 2, 2, 1_000);
    assert_eq!(frames[1..], [Frame::Live]);
    let said = relay.frame(s(2), Frame::Digest { sums: vec![], more: false }, NOW);
    let Frame::Digest { sums, more: false } = &said[0].frame else { panic!("{said:?}") };
    let mut sum = Sum::default();
    [&a, &b].iter().for_each(|chunk| sum.add(&chunk.id()));
    assert_eq!((sums.len(), sums[1]), (2, (place(1, TODAY), sum)));
    let mine = Frame::Ids { segments: vec![(place(1, TODAY), vec![a.id()]), (place(2, TODAY), vec![])], more: false };
    let said = relay.frame(s(2), mine, NOW);
    let mut ids = vec![a.id(), b.id()];
    ids.sort_unstable();
    let theirs = Frame::Ids { segments: vec![(place(1, TODAY), ids), (place(2, TODAY), vec![])], more: false };
    assert_eq!(said[0].frame, theirs);
    let said = relay.frame(s(2), Frame::Wanted(vec![b.id()]), NOW);
    assert_eq!(delivered(&said, 2), [(2, b.bytes().to_vec())]);
    // The one with the cursor in the future hears of what comes in from here on.
    let d = people.change(1, TODAY, b"d");
    assert_eq!(delivered(&push(&mut relay, 1, &[&d]), 2), [(4, d.bytes().to_vec())]);
}
