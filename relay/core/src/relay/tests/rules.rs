//! What counts changes: statements, purges, days.

use super::*;

/// Signatures are checked beside the writer, by what was known then; what has changed since is asked again.
#[test]
fn what_was_checked_is_judged_by_what_stands_when_it_is_taken() {
    let mut people = People::with(&[1, 2]);
    let mut relay = relay_of(&people);
    enter(&mut relay, &people, 1, 1, 0);
    let push = |chunk: &Chunk| Frame::Push(vec![chunk.bytes().to_vec()]);
    let (before, chunk) = (relay.view(&people.workspace()).unwrap().unwrap(), people.change(2, TODAY, b"two"));
    let (early, forged) = (people.change(3, TODAY, b"three"), elsewhere_by(3));
    let checked = [&chunk, &early, &forged].map(|chunk| check_frame(push(chunk), Some(&*before)));
    let admit = people.say(Author::Phrase, admit(3));
    let revoke = people.say(Author::Phrase, What::Revoke { device: device(2), listed: vec![] });
    relay.frame(s(1), Frame::Statements(vec![admit, revoke]), NOW);
    let mut said = Vec::new();
    for checked in checked {
        relay.take(s(1), checked, NOW);
        said.extend(relay.commit());
    }
    assert_eq!(
        outcomes(&said),
        [Outcome::Accepted(1), Outcome::Accepted(2), Outcome::Refused(Code::Signature)],
        "set aside; live; signed for another workspace"
    );
    assert_eq!(relay.storage().live(&people.workspace()).collect::<Vec<_>>(), [&early]);
    // Refused unseen: a device that pushes too fast.
    let mut checked = check_frame(push(&people.change(1, TODAY, b"fast")), Some(&*before));
    assert_eq!(checked.chunks(), 1);
    checked.refuse(&Code::Rate);
    relay.take(s(1), checked, NOW);
    assert_eq!(outcomes(&relay.commit()), [Outcome::Refused(Code::Rate)]);
}

/// A key that was admitted by somebody who is revoked beside does not count, whatever was checked under it before.
#[test]
fn a_key_that_has_gone_signs_nothing_any_more() {
    let mut people = People::with(&[1, 2, 3]);
    let mut relay = relay_of(&people);
    enter(&mut relay, &people, 1, 1, 0);
    let heads = people.set.heads();
    let other = Author::Device(device(5));
    let second = What::Admit { device: device(2), keys: crate::testing::keys(other), wrapped: vec![] };
    let second = people.beside(&heads, Author::Device(device(3)), second);
    let revoke = What::Revoke { device: device(3), listed: vec![] };
    let revoke = people.beside(&heads, Author::Phrase, revoke);
    relay.frame(s(1), Frame::Statements(vec![second.bytes().to_vec()]), NOW);
    let head = header(place(2, TODAY), Kind::Change).encode();
    let signed = aimon_ledger::chunk::signed_part(&head, b"x");
    let purpose = aimon_ledger::signature::Purpose::Chunk;
    let signature = crate::testing::sign(purpose, &people.workspace(), &signed, other);
    let chunk = Chunk::assemble(&head, b"x", &signature).unwrap();
    let view = relay.view(&people.workspace()).unwrap().unwrap();
    let [before, after] = [(); 2].map(|()| check_frame(Frame::Push(vec![chunk.bytes().to_vec()]), Some(&*view)));
    relay.frame(s(1), Frame::Statements(vec![revoke.bytes().to_vec()]), NOW);
    relay.take(s(1), after, NOW);
    assert_eq!(outcomes(&relay.commit()), [Outcome::Refused(Code::Signature)]);
    people.set.insert(second).unwrap();
    let mut relay = relay_of(&people);
    enter(&mut relay, &people, 1, 1, 0);
    relay.take(s(1), before, NOW);
    assert_eq!(outcomes(&relay.commit()), [Outcome::Accepted(1)], "without the revoke it counts");
}

#[test]
fn a_revoke_ends_the_sessions_of_its_device_and_what_is_vouched_for_comes_back() {
    let mut people = People::with(&[1, 2]);
    let mut relay = relay_of(&people);
    enter(&mut relay, &people, 1, 1, 0);
    enter(&mut relay, &people, 2, 2, 0);
    let (a, b, c) = (people.change(2, TODAY, b"a"), people.change(2, TODAY, b"b"), people.change(2, TODAY, b"c"));
    push(&mut relay, 2, &[&a, &b]);
    let revoke = What::Revoke { device: device(2), listed: vec![listing(&a.id())] };
    let revoke = people.say(Author::Device(device(1)), revoke);
    let said = relay.frame(s(1), Frame::Statements(vec![revoke]), NOW);
    assert_eq!(failed(&said, 2), Some((Code::NotAMember, true)));
    assert!(!relay.is_open(s(2)));
    relay.open(s(2), people.workspace(), device(2));
    let said = relay.frame(s(2), Frame::Hello(people.hello(0, Want::All)), NOW);
    assert_eq!(failed(&said, 2), Some((Code::NotAMember, true)), "a token that is still valid does not help");
    // One that was in flight is kept, and not offered.
    let said = push(&mut relay, 1, &[&c]);
    assert_eq!(outcomes(&said), [Outcome::Accepted(3)]);
    let live: Vec<&Chunk> = relay.storage().live(&people.workspace()).collect();
    assert_eq!((live, relay.storage().held(&people.workspace()).count()), (vec![&a], 3));
    let frames = enter(&mut relay, &people, 3, 1, 0);
    assert_eq!(frames[1..], [Frame::Deliver(vec![(1, a.bytes().to_vec())]), Frame::Live]);
    // Vouched for, it comes to all, under a number that nobody has passed.
    let mut listed = vec![listing(&b.id()), listing(&c.id())];
    listed.sort_unstable();
    let vouch = people.say(Author::Device(device(1)), What::Vouch { device: device(2), listed });
    let said = relay.frame(s(1), Frame::Statements(vec![vouch.clone()]), NOW);
    assert!(said.iter().any(|said| said.to == s(3) && said.frame == Frame::Statements(vec![vouch.clone()])));
    let mut texts: Vec<Vec<u8>> = delivered(&said, 3).into_iter().map(|(_, bytes)| bytes).collect();
    texts.sort_unstable();
    let mut expected = vec![b.bytes().to_vec(), c.bytes().to_vec()];
    expected.sort_unstable();
    assert_eq!(texts, expected);
    assert!(delivered(&said, 3).iter().all(|(seq, _)| *seq > 3));
}

#[test]
fn a_purge_leaves_nothing_and_takes_nothing_more() {
    let mut people = People::with(&[1, 2]);
    let mut relay = relay_of(&people);
    enter(&mut relay, &people, 1, 1, 0);
    let (old, other) = (people.change(1, TODAY, b"old"), people.change(2, TODAY, b"other"));
    push(&mut relay, 1, &[&old, &other]);
    let purge = What::Purge {
        devices: vec![device(1)],
        days: UtcDay(0)..=UtcDay(TODAY),
        instant: NOW,
        key: aimon_ledger::ids::KeyId([0; 8]),
        detail: vec![],
    };
    let purge = people.say(Author::Device(device(1)), purge);
    let short = people.set.heads()[0].short();
    let under = people.chunk(&obeying(place(1, TODAY), Kind::Change, &[short]), b"what remains");
    assert_eq!(outcomes(&push(&mut relay, 1, &[&under])), [Outcome::Accepted(3)]);
    relay.has_dropped();
    relay.frame(s(1), Frame::Statements(vec![purge]), NOW);
    assert!(relay.has_dropped());
    let held: Vec<&Chunk> = relay.storage().held(&people.workspace()).map(|(chunk, _)| chunk).collect();
    assert_eq!(held, [&other, &under]);
    assert_eq!(outcomes(&push(&mut relay, 1, &[&old])), [Outcome::Refused(Code::Void)]);
}

#[test]
fn days_expire_one_by_one_and_not_by_a_jump() {
    let mut people = People::with(&[1]);
    let mut relay = relay_of(&people);
    enter(&mut relay, &people, 1, 1, 0);
    let (first, second) = (people.change(1, TODAY - 179, b"first"), people.change(1, TODAY - 178, b"second"));
    push(&mut relay, 1, &[&first, &second]);
    let held = |relay: &Relay<Memory>| relay.storage().live(&people.workspace()).count();
    relay.tick(UtcMillis(NOW.0 + 2_000 * DAY));
    assert_eq!((held(&relay), relay.doubted_time().is_some()), (2, true), "a wrong clock expires nothing");
    relay.tick(UtcMillis(NOW.0 + DAY));
    assert_eq!((held(&relay), relay.doubted_time()), (1, None));
    let said = relay.frame(s(1), Frame::Push(vec![first.bytes().to_vec()]), UtcMillis(NOW.0 + DAY));
    assert_eq!(outcomes(&said), [Outcome::Refused(Code::Expired)]);
    // A relay that comes up again knows what it knew, and finds what expired while nobody was there.
    let mut relay = Relay::new(relay.into_storage(), Config::default(), UtcMillis(NOW.0 + 2 * DAY + 2_000)).unwrap();
    let later = UtcMillis(NOW.0 + 2 * DAY + 2_000);
    assert_eq!(relay.sweep(None, 10, later).unwrap(), Some(people.workspace()));
    assert_eq!(relay.sweep(Some(people.workspace()), 10, later).unwrap(), None);
    assert_eq!(held(&relay), 0);
    // Fewer days are kept, more come back.
    let third = people.change(1, TODAY - 20, b"third");
    relay.open(s(1), people.workspace(), device(1));
    relay.frame(s(1), Frame::Hello(people.hello(0, Want::All)), later);
    push(&mut relay, 1, &[&third]);
    for (days, outcome) in [(7, Outcome::Refused(Code::Expired)), (180, Outcome::Accepted(4))] {
        let retain = people.say(Author::Phrase, What::Retain(Retention::of(days).unwrap()));
        relay.frame(s(1), Frame::Statements(vec![retain]), later);
        let said = relay.frame(s(1), Frame::Push(vec![third.bytes().to_vec()]), later);
        assert_eq!(outcomes(&said), [outcome], "{days}");
    }
}

#[test]
fn whoever_runs_a_relay_may_say_that_its_clock_is_right() {
    let people = People::with(&[1]);
    let mut relay = relay_of(&people);
    enter(&mut relay, &people, 1, 1, 0);
    push(&mut relay, 1, &[&people.change(1, TODAY, b"a")]);
    let much_later = UtcMillis(NOW.0 + 300 * DAY);
    let mut relay = Relay::new(relay.into_storage(), Config::default(), much_later).unwrap();
    relay.sweep(None, 10, much_later).unwrap();
    assert_eq!((relay.doubted_time(), relay.storage().live(&people.workspace()).count()), (Some(much_later), 1));
    relay.trust_clock(much_later);
    relay.sweep(None, 10, much_later).unwrap();
    relay.commit();
    assert_eq!((relay.doubted_time(), relay.storage().live(&people.workspace()).count()), (None, 0));
    let relay = Relay::new(relay.into_storage(), Config::default(), much_later).unwrap();
    assert_eq!(relay.doubted_time(), None, "it is known over a restart");
}

#[test]
fn statements_prove_themselves_and_open_a_workspace_only_where_it_may_be() {
    let mut people = People::with(&[1]);
    let mut relay = Relay::new(Memory::default(), Config::default(), NOW).unwrap();
    let workspace = people.workspace();
    let code = |done: Result<Stated, Refusal>| done.unwrap_err().code;
    let closed = Code::Other("registration-closed".to_owned());
    assert_eq!(code(relay.statements(&workspace, people.all(), false, NOW)), closed);
    assert_eq!(code(relay.statements(&workspace, vec![], true, NOW)), Code::UnknownWorkspace);
    let elsewhere = People::named(9, &[1]);
    assert_eq!(code(relay.statements(&workspace, elsewhere.all(), true, NOW)), Code::UnknownWorkspace);
    let stated = relay.statements(&workspace, people.all(), true, NOW).unwrap();
    assert_eq!(stated, Stated { taken: 2, heads: people.set.heads() });
    assert_eq!(relay.statements(&workspace, people.all(), false, NOW).unwrap().taken, 0);
    let forged = people.beside(&people.set.heads(), Author::Device(device(4)), admit(4)).bytes().to_vec();
    assert_eq!(code(relay.statements(&workspace, vec![forged], false, NOW)), Code::Signature);
    people.say(Author::Device(device(1)), admit(2));
    let later = people.say(Author::Device(device(2)), admit(3));
    assert_eq!(code(relay.statements(&workspace, vec![later.clone()], false, NOW)), Code::Missing);
    relay.commit();
    enter(&mut relay, &people, 1, 1, 0);
    let said = relay.frame(s(1), Frame::Statements(vec![later]), NOW);
    assert_eq!(failed(&said, 1), Some((Code::Missing, false)));
    // A device that lacks some is sent them with its welcome.
    let (mut hello, all) = (people.hello(0, Want::All), people.all());
    hello.heads.clear();
    relay.statements(&workspace, all.clone(), false, NOW).unwrap();
    relay.open(s(2), workspace, device(3));
    let said = relay.frame(s(2), Frame::Hello(hello), NOW);
    assert!(said.iter().any(|said| said.to == s(2) && said.frame == Frame::Statements(all.clone())));
    assert!(said.iter().any(|said| said.to == s(1) && matches!(&said.frame, Frame::Statements(new) if new.len() == 2)));
}

/// Tiny ones as well: what each follows takes memory that grows with their number.
#[test]
fn a_workspace_has_so_many_statements_and_no_more() {
    let mut people = People::with(&[1, 2]);
    let config = Config { most_statements: 4, ..Config::default() };
    let mut relay = Relay::new(Memory::default(), config, NOW).unwrap();
    let workspace = people.workspace();
    assert_eq!(relay.statements(&workspace, people.all(), true, NOW).unwrap().taken, 3);
    let retain = |days| What::Retain(Retention::of(days).unwrap());
    let [fourth, fifth] = [8, 9].map(|days| people.say(Author::Phrase, retain(days)));
    let refused = relay.statements(&workspace, vec![fourth.clone(), fifth.clone()], false, NOW).unwrap_err();
    assert_eq!(refused.code, Code::Quota);
    relay.commit();
    // Those that are held come again with everything else.
    let held = [people.all()[..3].to_vec(), vec![fourth]].concat();
    assert_eq!(relay.statements(&workspace, held, false, NOW).unwrap().taken, 0);
    // As they do when they are read from the storage.
    let mut relay = Relay::new(relay.into_storage(), config, NOW).unwrap();
    assert_eq!(relay.statements(&workspace, vec![fifth], false, NOW).unwrap_err().code, Code::Quota);
}
