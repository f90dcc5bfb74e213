#![allow(clippy::unwrap_used)]
use proptest::prelude::*;

use super::*;
use crate::ids::DeviceId;

fn place(day: Option<i32>) -> Place {
    Place { device: DeviceId([1; 16]), day: day.map(UtcDay), part: 2 }
}

/// One of each kind, as in `schema/vectors/frame.json`.
fn examples() -> Vec<(&'static str, Frame)> {
    let hello = Hello {
        versions: vec![1],
        workspace: WorkspaceId([2; 32]),
        key: Some(KeyInUse { rotate: StatementId([3; 32]), check: [4; 8] }),
        heads: vec![StatementId([3; 32]), StatementId([5; 32])],
        cursor: 300,
        want: Want::Since(UtcDay(20_700)),
    };
    let first = Hello { key: None, heads: vec![], cursor: 0, want: Want::All, ..hello.clone() };
    let mut digest = Sum::default();
    digest.add(&ChunkId([6; 32]));
    vec![
        ("hello", Frame::Hello(hello)),
        ("hello-first", Frame::Hello(first)),
        (
            "welcome",
            Frame::Welcome(Welcome {
                version: 1,
                time: UtcMillis(1_788_000_000_000),
                first_day: UtcDay(20_521),
                head: 1_000,
                heads: vec![StatementId([3; 32])],
                digest,
            }),
        ),
        ("deliver", Frame::Deliver(vec![(301, b"one".to_vec()), (302, b"two".to_vec())])),
        ("live", Frame::Live),
        ("push", Frame::Push(vec![b"one".to_vec(), b"two".to_vec()])),
        (
            "outcomes",
            Frame::Outcomes(vec![
                (ChunkId([1; 32]), Outcome::Accepted(303)),
                (ChunkId([2; 32]), Outcome::Covered),
                (ChunkId([3; 32]), Outcome::Refused(Code::Quota)),
            ]),
        ),
        ("digest", Frame::Digest { sums: vec![(place(None), digest), (place(Some(20_700)), digest)], more: true }),
        (
            "ids",
            Frame::Ids { segments: vec![(place(Some(20_700)), vec![ChunkId([1; 32]), ChunkId([2; 32])])], more: false },
        ),
        ("wanted", Frame::Wanted(vec![ChunkId([1; 32]), ChunkId([2; 32])])),
        ("statements", Frame::Statements(vec![b"statement".to_vec()])),
        ("failed", Frame::Failed { code: Code::WrongKey, text: "join again".to_owned() }),
        ("ping", Frame::Ping(7)),
        ("pong", Frame::Pong(7)),
    ]
}

#[test]
fn frames_read_back() {
    for (name, frame) in examples() {
        assert_eq!(Frame::decode(&frame.encode().unwrap()), Ok(frame), "{name}");
    }
}

#[test]
fn a_cut_frame_is_no_frame() {
    for (name, frame) in examples() {
        let bytes = frame.encode().unwrap();
        for at in 0..bytes.len() {
            assert!(Frame::decode(&bytes[..at]).is_err(), "{name} cut at {at}");
        }
        assert!(Frame::decode(&[&bytes[..], &[0]].concat()).is_err(), "{name} with something behind it");
    }
}

#[test]
fn what_a_newer_version_says_is_stepped_over() {
    let unknown = cbor::write(|e| e.array(3)?.u64(99)?.str("what")?.u8(1)?.ok());
    assert_eq!(Frame::decode(&unknown), Ok(Frame::Unknown(99)));
    assert!(Frame::Unknown(99).encode().is_err());
    // One more field behind a known frame's.
    let mut ping = Frame::Ping(7).encode().unwrap();
    ping[0] += 1;
    ping.extend([0x63, b'n', b'e', b'w']);
    assert_eq!(Frame::decode(&ping), Ok(Frame::Ping(7)));
    let code = Code::of("something-new");
    assert_eq!((code.word(), &code), ("something-new", &Code::Other("something-new".to_owned())));
}

#[test]
fn what_is_out_of_order_or_too_large_is_refused() {
    let (one, two) = (ChunkId([1; 32]), ChunkId([2; 32]));
    let refused = [
        Frame::Wanted(vec![two, one]),
        Frame::Wanted(vec![one, one]),
        Frame::Deliver(vec![(2, vec![]), (1, vec![])]),
        Frame::Digest { sums: vec![(place(Some(1)), Sum::default()), (place(None), Sum::default())], more: false },
        Frame::Ids { segments: vec![(place(None), vec![two, one])], more: false },
    ];
    for frame in refused {
        assert!(matches!(Frame::decode(&frame.encode().unwrap()), Err(FrameError::Malformed(_))), "{frame:?}");
    }
    let large = Frame::Push(vec![vec![0; MOST_BYTES]]);
    assert!(matches!(large.encode(), Err(FrameError::TooLarge(_))));
    assert!(matches!(Frame::decode(&vec![0; MOST_BYTES + 1]), Err(FrameError::TooLarge(_))));
    // A list that says it has more than anybody could hold.
    let endless = [&[0x82, 0x04, 0x9b][..], &u64::MAX.to_be_bytes()].concat();
    assert!(matches!(Frame::decode(&endless), Err(FrameError::Malformed(_))));
}

#[test]
fn codes_are_words() {
    for code in Code::ALL {
        assert_eq!(Code::of(code.word()), code);
        assert!(code.word().bytes().all(|b| b.is_ascii_lowercase() || b == b'-'));
    }
}

/// `schema/vectors/frame.json`: published bytes stay what they are.
#[test]
fn the_vectors_hold() {
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../../../../schema/vectors/frame.json")).unwrap();
    for (name, frame) in examples() {
        assert_eq!(vectors["frames"][name].as_str(), Some(&*hex(&frame.encode().unwrap())), "{name}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Frame::decode(&bytes);
    }

    /// Nearly frames: one byte of a whole one is another.
    #[test]
    fn nearly_frames_do_not_panic(which in 0..14_usize, at: prop::sample::Index, byte: u8) {
        let mut bytes = examples()[which].1.encode().unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(frame) = Frame::decode(&bytes) && !matches!(frame, Frame::Unknown(_)) {
            prop_assert_eq!(Frame::decode(&frame.encode().unwrap()).unwrap(), frame);
        }
    }
}

#[test]
fn frames_one_behind_the_other_are_read_one_by_one() {
    let frames = vec![Frame::Ping(1), Frame::Live, Frame::Push(vec![vec![1; 300]])];
    let bytes: Vec<u8> = frames.iter().flat_map(|frame| frame.encode().unwrap()).collect();
    assert_eq!(sequence(&bytes).unwrap(), frames);
    assert_eq!(sequence(&[]).unwrap(), []);
    assert!(sequence(&bytes[..bytes.len() - 1]).is_err(), "the last one is cut off");
}
