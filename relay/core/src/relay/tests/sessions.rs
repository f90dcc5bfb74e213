//! Who may begin a session, how it ends, and how much is on its way to it.

use super::*;

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
