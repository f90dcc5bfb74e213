//! What is pushed: acknowledged, told to the others, refused.

use super::*;

#[test]
fn what_is_pushed_is_acknowledged_once_and_told_to_the_others() {
    let people = People::with(&[1, 2, 3]);
    let mut relay = relay_of(&people);
    enter(&mut relay, &people, 1, 1, 0);
    assert!(matches!(enter(&mut relay, &people, 2, 2, 0)[1..], [Frame::Live]));
    let (a, b) = (people.change(1, TODAY, b"a"), people.change(1, TODAY, b"b"));
    let said = push(&mut relay, 1, &[&a, &b]);
    assert_eq!(outcomes(&said), [Outcome::Accepted(1), Outcome::Accepted(2)]);
    assert_eq!(delivered(&said, 2), [(1, a.bytes().to_vec()), (2, b.bytes().to_vec())]);
    assert_eq!(delivered(&said, 1), [], "who pushed it has it");
    let again = push(&mut relay, 1, &[&b]);
    assert_eq!((outcomes(&again), delivered(&again, 2)), (vec![Outcome::Accepted(2)], vec![]));
    // Somebody who was away hears of what lies above the cursor, then is live.
    let frames = enter(&mut relay, &people, 3, 3, 1);
    let mut sum = Sum::default();
    [&a, &b].iter().for_each(|chunk| sum.add(&chunk.id()));
    assert_eq!((welcome(&frames).head, welcome(&frames).digest), (2, sum));
    assert_eq!(frames[1..], [Frame::Deliver(vec![(2, b.bytes().to_vec())]), Frame::Live]);
    let snapshot = people.snapshot(1, TODAY, [&a, &b], b"ab");
    let said = push(&mut relay, 1, &[&snapshot, &a]);
    assert_eq!(outcomes(&said), [Outcome::Accepted(3), Outcome::Covered]);
    assert_eq!(relay.storage().live(&people.workspace()).collect::<Vec<_>>(), [&snapshot]);
}

#[test]
fn nothing_is_acknowledged_before_it_is_durable() {
    let people = People::with(&[1, 2]);
    let mut relay = relay_of(&people);
    enter(&mut relay, &people, 1, 1, 0);
    enter(&mut relay, &people, 2, 2, 0);
    let chunk = people.change(1, TODAY, b"a");
    let frame = Frame::Push(vec![chunk.bytes().to_vec()]);
    relay.take(s(1), check_frame(frame, None), NOW);
    let mut crashed = relay.storage().clone();
    crashed.rollback().unwrap();
    assert_eq!(crashed.live(&people.workspace()).count(), 0, "it is written, and not durable");
    let said = relay.commit();
    assert_eq!((outcomes(&said).len(), delivered(&said, 2).len()), (1, 1));
    let mut after = relay.into_storage();
    after.rollback().unwrap();
    assert_eq!(after.live(&people.workspace()).count(), 1);
}

/// What comes and goes before it is durable is told to nobody.
#[test]
fn only_what_is_live_in_the_end_is_delivered() {
    let mut people = People::with(&[1, 2, 3]);
    let mut relay = relay_of(&people);
    (1..=3).for_each(|n| drop(enter(&mut relay, &people, u64::from(n), n, 0)));
    let push = |chunk: &Chunk| check_frame(Frame::Push(vec![chunk.bytes().to_vec()]), None);
    let (a, b) = (people.change(1, TODAY, b"a"), people.change(2, TODAY, b"b"));
    let snapshot = people.snapshot(1, TODAY, [&a], b"s");
    relay.take(s(1), push(&a), NOW);
    relay.take(s(1), push(&snapshot), NOW);
    relay.take(s(2), push(&b), NOW);
    let revoke = people.say(Author::Device(device(1)), What::Revoke { device: device(2), listed: vec![] });
    relay.take(s(1), check_frame(Frame::Statements(vec![revoke]), None), NOW);
    let said = relay.commit();
    assert_eq!(delivered(&said, 3), [(2, snapshot.bytes().to_vec())]);
    assert_eq!(outcomes(&said).len(), 3, "all of it was taken");
}

#[test]
fn outcomes_of_pushes_that_become_durable_together_are_one_frame() {
    let people = People::with(&[1, 2]);
    let mut relay = relay_of(&people);
    enter(&mut relay, &people, 1, 1, 0);
    enter(&mut relay, &people, 2, 2, 0);
    let chunks: Vec<Chunk> = (0..4_u8).map(|n| people.change(1 + n % 2, TODAY, &[n])).collect();
    for (n, chunk) in chunks.iter().enumerate() {
        let frame = Frame::Push(vec![chunk.bytes().to_vec()]);
        relay.take(s(1 + n as u64 % 2), check_frame(frame, None), NOW);
    }
    let said = relay.commit();
    for (n, ids) in [(1, [0, 2]), (2, [1, 3])] {
        let told: Vec<&Said> = said.iter().filter(|said| said.to == s(n)).collect();
        let Frame::Outcomes(outcomes) = &told[0].frame else { panic!("{told:?}") };
        let expected = ids.map(|n| (chunks[n].id(), Outcome::Accepted(n as u64 + 1)));
        assert_eq!(outcomes[..], expected);
        let delivered = delivered(&said, n);
        assert_eq!((told.len(), delivered.len()), (2, 2));
        let on_the_way = relay.sessions[&s(n)].talk.as_ref().unwrap().on_the_way;
        // What was said when it entered was not taken yet.
        let entered = 3 * 64;
        assert!(on_the_way >= told.iter().map(|said| said.weight).sum::<u64>() && on_the_way < entered + 2_000);
    }
}

#[test]
fn chunks_are_judged_one_by_one() {
    let people = People::with(&[1, 2]);
    let mut relay = relay_of(&people);
    enter(&mut relay, &people, 1, 1, 0);
    let good = people.change(1, TODAY, b"good");
    let elsewhere = People::named(9, &[1]).change(1, TODAY, b"elsewhere");
    // Signed by device 1, in device 2's name.
    let head = header(place(2, TODAY), Kind::Change).encode();
    let signed = aimon_ledger::chunk::signed_part(&head, b"forged");
    let purpose = aimon_ledger::signature::Purpose::Chunk;
    let signature = crate::testing::sign(purpose, &people.workspace(), &signed, Author::Device(device(1)));
    let forged = Chunk::assemble(&head, b"forged", &signature).unwrap();
    let said = relay.frame(
        s(1),
        Frame::Push(vec![
            good.bytes().to_vec(),
            elsewhere.bytes().to_vec(),
            forged.bytes().to_vec(),
            b"nothing".to_vec(),
            vec![0; 300_000],
            people.change(3, TODAY, b"stranger").bytes().to_vec(),
            people.change(1, TODAY - 180, b"old").bytes().to_vec(),
            people.change(1, TODAY - 179, b"just kept").bytes().to_vec(),
        ]),
        NOW,
    );
    let refused = Outcome::Refused;
    assert_eq!(
        outcomes(&said),
        [
            Outcome::Accepted(1),
            refused(Code::Signature),
            refused(Code::Signature),
            refused(Code::Malformed),
            refused(Code::TooLarge),
            refused(Code::NotAMember),
            refused(Code::Expired),
            Outcome::Accepted(2),
        ]
    );
}
