use aimon_ledger::digest::Sum;
use aimon_ledger::frame::{Frame, Outcome, Want};
use aimon_relay_core::testing::{People, place};

use crate::world::{Relay, today};

#[test]
fn a_push_is_acknowledged_once_and_told_to_the_others() {
    let people = People::with(&[1, 2]);
    let relay = Relay::with(&people, &[]);
    let ((mut one, _), (mut two, _)) = (relay.enter(&people, 1, 0), relay.enter(&people, 2, 0));
    let (a, b) = (people.change(1, today(), b"a"), people.change(1, today(), b"b"));
    assert_eq!(one.push(&[&a, &b]), [Outcome::Accepted(1), Outcome::Accepted(2)]);
    assert_eq!(two.delivered(2), [(1, a.bytes().to_vec()), (2, b.bytes().to_vec())]);
    assert_eq!(one.push(&[&a]), [Outcome::Accepted(1)], "the same number when it comes again");
    let snapshot = people.snapshot(1, today(), [&a, &b], b"ab");
    assert_eq!(one.push(&[&snapshot, &b]), [Outcome::Accepted(3), Outcome::Covered]);
    // Whoever was away hears of what is live, and the digest says that this is all.
    let (mut later, welcome) = relay.enter(&people, 2, 0);
    let mut sum = Sum::default();
    sum.add(&snapshot.id());
    assert_eq!((welcome.head, welcome.digest), (3, sum));
    assert_eq!(later.delivered(1), [(3, snapshot.bytes().to_vec())]);
    let (mut later, _) = relay.enter(&people, 2, 3);
    assert!(later.is_there() && later.delivered.is_empty(), "nothing above the cursor");
}

#[test]
fn repair_goes_over_a_socket() {
    let people = People::with(&[1, 2]);
    let relay = Relay::with(&people, &[]);
    let (mut one, _) = relay.enter(&people, 1, 0);
    let chunks: Vec<_> = (0..40_u8).map(|n| people.change(1, today(), &[n; 100])).collect();
    one.push(&chunks.iter().collect::<Vec<_>>());
    let (mut two, welcome) = relay.enter(&people, 2, 1_000);
    two.say(&Frame::Digest { sums: vec![], more: false });
    let Frame::Digest { sums, more: false } = two.hear() else { panic!("no sums") };
    assert_eq!(sums, [(place(1, today()), welcome.digest)]);
    let mut mine: Vec<_> = chunks.iter().take(39).map(aimon_ledger::chunk::Chunk::id).collect();
    mine.sort_unstable();
    two.say(&Frame::Ids { segments: vec![(place(1, today()), mine)], more: false });
    let Frame::Ids { segments, more: false } = two.hear() else { panic!("no ids") };
    assert_eq!(segments[0].1.len(), 40);
    two.say(&Frame::Wanted(vec![chunks[39].id()]));
    assert_eq!(two.delivered(1), [(40, chunks[39].bytes().to_vec())]);
}

/// More than a window: whole frames, in order, each once.
#[test]
fn a_long_history_is_caught_up_with() {
    let people = People::with(&[1, 2]);
    let relay = Relay::with(&people, &[]);
    let (mut one, _) = relay.enter(&people, 1, 0);
    let chunks: Vec<_> = (0..60_u8).map(|n| people.change(1, today(), &vec![n; 100_000])).collect();
    for chunks in chunks.chunks(9) {
        one.push(&chunks.iter().collect::<Vec<_>>());
    }
    let (mut two, _) = relay.enter(&people, 2, 0);
    let expected: Vec<_> = (1..).zip(&chunks).map(|(seq, chunk)| (seq, chunk.bytes().to_vec())).collect();
    assert!(two.delivered(60) == expected);
    let mut token = relay.connect(&relay.token(&people, 2).unwrap()).unwrap();
    token.say(&Frame::Hello(people.hello(50, Want::Since(aimon_ledger::time::UtcDay(today() + 1)))));
    token.hear();
    assert_eq!(token.hear(), Frame::Live, "nothing of what it does not want");
}

/// One that never reads holds up nobody, and finds everything when it does.
#[test]
fn a_slow_reader_harms_only_itself() {
    let people = People::with(&[1, 2, 3]);
    let relay = Relay::with(&people, &[]);
    let ((mut one, _), (mut slow, _), (mut three, _)) =
        (relay.enter(&people, 1, 0), relay.enter(&people, 2, 0), relay.enter(&people, 3, 0));
    let chunks: Vec<_> = (0..240_u8).map(|n| people.change(1, today(), &vec![n; 100_000])).collect();
    for some in chunks.chunks(8) {
        assert_eq!(one.push(&some.iter().collect::<Vec<_>>()).len(), some.len());
        three.delivered(some.len());
    }
    // What waits for it is bounded, whatever came in: the rest lies in the database.
    let metrics = relay.get("/metrics").1;
    let unread = metrics.lines().find_map(|line| line.strip_prefix("aimon_relay_unread_bytes ")).unwrap();
    let unread: u64 = unread.parse().unwrap();
    assert!((100_000..3 << 20).contains(&unread), "{unread}");
    let expected: Vec<_> = (1..).zip(&chunks).map(|(seq, chunk)| (seq, chunk.bytes().to_vec())).collect();
    assert!(slow.delivered(240) == expected);
}
