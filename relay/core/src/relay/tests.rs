#![allow(clippy::unwrap_used, clippy::panic)]
use aimon_ledger::chunk::{Chunk, Kind, Place};
use aimon_ledger::digest::Sum;
use aimon_ledger::frame::{Hello, KeyInUse, Outcome, Want, Welcome};
use aimon_ledger::ids::{ChunkId, Short, StatementId};
use aimon_ledger::live::listing;
use aimon_ledger::retention::Retention;
use aimon_ledger::statement::{Author, Recipient, Statement, What, Wrapped};

use super::*;
use crate::memory::Memory;
use crate::storage::{Held, Page, Segment, Tally};
use crate::testing::{People, admit, device, header, obeying, place};

const DAY: i64 = 86_400_000;
const TODAY: i32 = 20_700;
const NOW: UtcMillis = UtcMillis(TODAY as i64 * DAY + 1_000);

fn s(n: u64) -> SessionId {
    SessionId(n)
}

fn relay_of(people: &People) -> Relay<Memory> {
    let mut relay = Relay::new(Memory::default(), Config::default(), NOW).unwrap();
    relay.statements(&people.workspace(), people.all(), true, NOW).unwrap();
    relay.commit();
    relay
}

fn enter(relay: &mut Relay<Memory>, people: &People, session: u64, who: u8, cursor: u64) -> Vec<Frame> {
    relay.open(s(session), people.workspace(), device(who));
    let said = relay.frame(s(session), Frame::Hello(people.hello(cursor, Want::All)), NOW);
    said.into_iter().inspect(|said| assert_eq!(said.to, s(session))).map(|said| said.frame).collect()
}

fn push(relay: &mut Relay<Memory>, session: u64, chunks: &[&Chunk]) -> Vec<Said> {
    relay.frame(s(session), Frame::Push(chunks.iter().map(|chunk| chunk.bytes().to_vec()).collect()), NOW)
}

fn outcomes(said: &[Said]) -> Vec<Outcome> {
    let all = said.iter().filter_map(|said| match &said.frame {
        Frame::Outcomes(outcomes) => Some(outcomes.iter().map(|(_, outcome)| outcome.clone())),
        _ => None,
    });
    all.flatten().collect()
}

fn delivered(said: &[Said], to: u64) -> Vec<(u64, Vec<u8>)> {
    let frames = said.iter().filter(|said| said.to == s(to)).filter_map(|said| match &said.frame {
        Frame::Deliver(chunks) => Some(chunks.clone()),
        _ => None,
    });
    frames.flatten().collect()
}

fn welcome(frames: &[Frame]) -> Welcome {
    match &frames[0] {
        Frame::Welcome(welcome) => welcome.clone(),
        other => panic!("{other:?}"),
    }
}

fn failed(said: &[Said], to: u64) -> Option<(Code, bool)> {
    said.iter().filter(|said| said.to == s(to)).find_map(|said| match &said.frame {
        Frame::Failed { code, .. } => Some((code.clone(), said.is_last)),
        _ => None,
    })
}

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

fn elsewhere_by(n: u8) -> Chunk {
    People::named(9, &[n]).change(n, TODAY, b"elsewhere")
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

/// A storage whose commit fails when it is told to.
#[derive(Default)]
struct Failing(Memory, bool);

#[derive(Debug, thiserror::Error)]
#[error("full")]
struct Full;

macro_rules! pass {
    ($($name:ident($($arg:ident: $kind:ty),*) -> $out:ty;)*) => {
        $(fn $name(&mut self, $($arg: $kind),*) -> Result<$out, Full> {
            self.0.$name($($arg),*).map_err(|_| Full)
        })*
    };
}

impl Storage for Failing {
    type Error = Full;
    pass! {
        time() -> Option<TrustedTime>;
        set_time(time: TrustedTime) -> ();
        workspaces(after: Option<WorkspaceId>, most: usize) -> Vec<WorkspaceId>;
        statements(workspace: &WorkspaceId) -> Vec<Vec<u8>>;
        add_statement(workspace: &WorkspaceId, statement: &Statement) -> ();
        remove_workspace(workspace: &WorkspaceId) -> ();
        tally(workspace: &WorkspaceId) -> Tally;
        set_tally(workspace: &WorkspaceId, tally: Tally) -> ();
        segment(workspace: &WorkspaceId, place: &Place) -> Segment;
        set_segment(workspace: &WorkspaceId, place: &Place, segment: Segment) -> ();
        segments(workspace: &WorkspaceId, after: Option<Place>, most: usize) -> Vec<(Place, Segment)>;
        find(workspace: &WorkspaceId, place: &Place, id: &ChunkId) -> Option<Held>;
        beginning(workspace: &WorkspaceId, place: &Place, short: Short) -> Vec<(ChunkId, Held)>;
        ids(workspace: &WorkspaceId, place: &Place) -> Vec<(ChunkId, Held)>;
        covers(workspace: &WorkspaceId, place: &Place) -> Vec<Vec<Short>>;
        chunk(workspace: &WorkspaceId, seq: u64) -> Option<Vec<u8>>;
        above(workspace: &WorkspaceId, seq: u64, want: Want, most: usize) -> Page;
        put(workspace: &WorkspaceId, seq: u64, chunk: &Chunk, is_aside: bool) -> ();
        remove(workspace: &WorkspaceId, place: &Place, id: &ChunkId) -> ();
        rollback() -> ();
    }

    fn commit(&mut self) -> Result<(), Full> {
        if self.1 { Err(Full) } else { self.0.commit().map_err(|_| Full) }
    }
}

#[test]
fn a_full_disk_is_told_and_harms_only_who_wrote() {
    let (people, others) = (People::with(&[1, 2]), People::named(1, &[3]));
    let mut relay = Relay::new(Failing::default(), Config::default(), NOW).unwrap();
    for people in [&people, &others] {
        relay.statements(&people.workspace(), people.all(), true, NOW).unwrap();
    }
    relay.commit();
    for (people, n) in [(&people, 1), (&people, 2), (&others, 3)] {
        relay.open(s(u64::from(n)), people.workspace(), device(n));
        relay.frame(s(u64::from(n)), Frame::Hello(people.hello(0, Want::All)), NOW);
    }
    relay.storage.1 = true;
    let chunk = people.change(1, TODAY, b"a");
    let said = relay.frame(s(1), Frame::Push(vec![chunk.bytes().to_vec()]), NOW);
    assert_eq!(outcomes(&said), [], "nothing is acknowledged");
    assert_eq!(failed(&said, 1), Some((Code::Unavailable, true)));
    assert_eq!(delivered(&said, 2), []);
    assert!(relay.is_open(s(3)) && relay.trouble().is_some());
    relay.storage.1 = false;
    relay.open(s(1), people.workspace(), device(1));
    relay.frame(s(1), Frame::Hello(people.hello(0, Want::All)), NOW);
    let said = relay.frame(s(1), Frame::Push(vec![chunk.bytes().to_vec()]), NOW);
    assert_eq!(outcomes(&said), [Outcome::Accepted(1)]);
}

#[test]
fn who_may_not_is_told_why_before_anything_else() {
    let mut people = People::with(&[1]);
    let rotate = What::Rotate { check: [5; 8], wrapped: vec![(Recipient::Phrase, Wrapped([0; 80]))], sealed: vec![1] };
    people.say(Author::Phrase, rotate);
    let mut relay = relay_of(&people);
    let key = people.set.standing().rotate.unwrap();
    let hello = people.hello(0, Want::All);
    let elsewhere = People::named(9, &[1]);
    let cases = [
        (1, people.workspace(), Hello { versions: vec![2, 3], ..hello.clone() }, Code::Version),
        (2, people.workspace(), hello.clone(), Code::NotAMember),
        (1, elsewhere.workspace(), elsewhere.hello(0, Want::All), Code::UnknownWorkspace),
        (1, people.workspace(), elsewhere.hello(0, Want::All), Code::UnknownWorkspace),
        (1, people.workspace(), with_key(&hello, key, 6), Code::WrongKey),
    ];
    for (who, workspace, hello, code) in cases {
        relay.open(s(1), workspace, device(who));
        let said = relay.frame(s(1), Frame::Hello(hello), NOW);
        assert_eq!((said.len(), failed(&said, 1)), (1, Some((code, true))));
        assert!(!relay.is_open(s(1)));
        assert_eq!(relay.frame(s(1), Frame::Ping(1), NOW), [], "whoever is gone is not heard");
    }
    for hello in [with_key(&hello, key, 5), with_key(&hello, StatementId([1; 32]), 6)] {
        relay.open(s(1), people.workspace(), device(1));
        let said = relay.frame(s(1), Frame::Hello(hello), NOW);
        assert!(matches!(said[0].frame, Frame::Welcome(_)), "the right key, and one that is not known here");
    }
}

fn with_key(hello: &Hello, rotate: StatementId, check: u8) -> Hello {
    Hello { key: Some(KeyInUse { rotate, check: [check; 8] }), ..hello.clone() }
}

#[test]
fn frames_out_of_turn_end_the_session_and_no_other() {
    let people = People::with(&[1, 2]);
    let mut relay = relay_of(&people);
    enter(&mut relay, &people, 2, 2, 0);
    let hello = Frame::Hello(people.hello(0, Want::All)).encode().unwrap();
    let oversize = vec![0; (1 << 20) + 1];
    let many = Frame::Push(vec![vec![]; 10_000]).encode().unwrap();
    let cases: [(&[&[u8]], Code); 6] = [
        (&[&Frame::Ping(1).encode().unwrap()], Code::Malformed),
        (&[&hello, &hello], Code::Malformed),
        (&[&hello[..hello.len() - 1]], Code::Malformed),
        (&[&hello, &Frame::Live.encode().unwrap()], Code::Malformed),
        (&[&hello, &oversize], Code::TooLarge),
        (&[&hello, &many], Code::TooLarge),
    ];
    for (frames, code) in cases {
        relay.open(s(1), people.workspace(), device(1));
        let said: Vec<Said> = frames.iter().flat_map(|bytes| relay.bytes(s(1), bytes, NOW)).collect();
        assert_eq!(failed(&said, 1), Some((code, true)));
        assert!(!relay.is_open(s(1)) && relay.is_open(s(2)));
    }
    let pong = relay.frame(s(2), Frame::Ping(5), NOW);
    assert_eq!(pong[0].frame, Frame::Pong(5));
    assert_eq!(relay.frame(s(2), Frame::Unknown(99), NOW), [], "a newer version's are stepped over");
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

/// However a device comes to be no member: it is asked again with each frame, whatever its session was told when it began.
#[test]
fn membership_is_asked_again_with_each_frame() {
    let mut people = People::with(&[1, 2]);
    let chunk = people.change(2, TODAY, b"late");
    let frames = [
        Frame::Push(vec![chunk.bytes().to_vec()]),
        Frame::Statements(vec![]),
        Frame::Digest { sums: vec![], more: false },
        Frame::Ids { segments: vec![(place(1, TODAY), vec![])], more: false },
        Frame::Wanted(vec![chunk.id()]),
        Frame::Ping(1),
    ];
    let mut relay = relay_of(&people);
    let id = people.workspace();
    let members = people.all();
    people.say(Author::Phrase, What::Revoke { device: device(2), listed: vec![] });
    for frame in frames {
        // It comes in while two is a member; then two is none any more, and no statement came by that would have ended its session.
        let of = |statements: Vec<Vec<u8>>, sessions: &[u64]| {
            let mut workspace = Workspace::load(id, statements, NOW).unwrap();
            workspace.sessions = sessions.iter().map(|n| s(*n)).collect();
            workspace
        };
        relay.workspaces.insert(id, of(members.clone(), &[]));
        let entered = [enter(&mut relay, &people, 1, 1, 0), enter(&mut relay, &people, 2, 2, 0)];
        assert!(entered.iter().all(|said| said.contains(&Frame::Live)));
        relay.workspaces.insert(id, of(people.all(), &[1, 2]));
        let said = relay.frame(s(2), frame.clone(), NOW);
        assert_eq!((said.len(), failed(&said, 2)), (1, Some((Code::NotAMember, true))), "{frame:?}");
        assert!(!relay.is_open(s(2)) && relay.is_open(s(1)));
        assert_eq!(relay.storage().held(&id).count(), 0);
    }
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

#[test]
fn a_window_bounds_what_is_on_its_way() {
    let people = People::with(&[1, 2]);
    let mut relay = relay_of(&people);
    enter(&mut relay, &people, 1, 1, 0);
    enter(&mut relay, &people, 2, 2, 0);
    let chunks: Vec<Chunk> = (0..40_u8).map(|n| people.change(1, TODAY, &vec![n; 100_000])).collect();
    let (mut got, mut weights) = (Vec::new(), Vec::new());
    for chunk in &chunks {
        let said = push(&mut relay, 1, &[chunk]);
        weights.extend(said.iter().filter(|said| said.to == s(2)).map(|said| said.weight));
        got.extend(delivered(&said, 2));
    }
    let config = Config::default();
    let most = config.window + 2 * config.frame_bytes as u64 + 300_000;
    assert!(weights.iter().sum::<u64>() < most, "{weights:?}");
    assert!(got.len() < chunks.len());
    // As the socket takes it, the rest comes, each once and in order.
    while let Some(weight) = weights.pop() {
        relay.taken(s(2), weight);
        let said = relay.pump(usize::MAX);
        weights.extend(said.iter().map(|said| said.weight));
        got.extend(delivered(&said, 2));
    }
    let expected: Vec<(u64, Vec<u8>)> = (1..).zip(&chunks).map(|(n, chunk)| (n, chunk.bytes().to_vec())).collect();
    assert!(got == expected);
    let last = people.change(1, TODAY, b"last");
    assert_eq!(delivered(&push(&mut relay, 1, &[&last]), 2).len(), 1, "live again");
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

#[test]
fn who_wants_less_is_sent_less() {
    let people = People::with(&[1, 2]);
    let mut relay = relay_of(&people);
    enter(&mut relay, &people, 1, 1, 0);
    let settings = people.chunk(&header(Place { day: None, ..place(1, 0) }, Kind::Change), b"s");
    let summary = people.chunk(&header(Place { day: None, ..place(1, 0) }, Kind::Summary), b"u");
    let (old, new) = (people.change(1, TODAY - 9, b"old"), people.change(1, TODAY, b"new"));
    let all = [&settings, &summary, &old, &new];
    push(&mut relay, 1, &all);
    for (n, want, expected) in [
        (10, Want::All, vec![1, 2, 3, 4]),
        (11, Want::Since(UtcDay(TODAY - 1)), vec![1, 2, 4]),
        (12, Want::Summaries, vec![2]),
    ] {
        relay.open(s(n), people.workspace(), device(2));
        let said = relay.frame(s(n), Frame::Hello(people.hello(0, want)), NOW);
        assert_eq!(delivered(&said, n).iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), expected);
    }
    let said = push(&mut relay, 1, &[&people.change(1, TODAY - 9, b"more")]);
    assert_eq!((delivered(&said, 10).len(), delivered(&said, 11).len(), delivered(&said, 12).len()), (1, 0, 0));
}
