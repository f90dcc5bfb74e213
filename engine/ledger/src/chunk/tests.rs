#![allow(clippy::unwrap_used)]
use ed25519_dalek::{Signer, SigningKey};
use proptest::prelude::*;

use super::*;

fn workspace() -> WorkspaceId {
    WorkspaceId::of(b"workspace")
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[5; 32])
}

fn header() -> Header {
    Header {
        place: Place { device: DeviceId([1; 16]), day: Some(UtcDay(20_700)), part: 0 },
        kind: Kind::Change,
        key: KeyId([2; 8]),
        nonce: [3; 24],
        previous: Some(Previous { day: Some(UtcDay(20_699)), id: Short([4; 4]) }),
        obeys: vec![],
        covers: vec![],
    }
}

fn signed(header: &[u8], ciphertext: &[u8]) -> Chunk {
    let signature = key().sign(&Purpose::Chunk.message(&workspace(), &signed_part(header, ciphertext)));
    Chunk::assemble(header, ciphertext, &signature.to_bytes()).unwrap()
}

#[test]
fn a_chunk_reads_back_and_is_its_devices() {
    let chunk = signed(&header().encode(), b"secret");
    let again = Chunk::parse(chunk.bytes().to_vec()).unwrap();
    assert_eq!(again, chunk);
    assert_eq!(
        (again.header(), again.ciphertext(), again.id()),
        (&header(), &b"secret"[..], ChunkId::of(chunk.bytes()))
    );
    again.verify(&workspace(), &key().verifying_key()).unwrap();

    let stranger = SigningKey::from_bytes(&[6; 32]).verifying_key();
    assert_eq!(again.verify(&workspace(), &stranger), Err(ChunkError::Signature));
    let elsewhere = WorkspaceId::of(b"another");
    assert_eq!(
        again.verify(&elsewhere, &key().verifying_key()),
        Err(ChunkError::Signature),
        "nor for another workspace"
    );
}

/// A signature says where the header ends: bytes can't be moved from one part to the other.
#[test]
fn no_bit_can_be_changed() {
    let chunk = signed(&header().encode(), b"secret");
    for at in 0..chunk.bytes().len() {
        for bit in 0..8 {
            let mut bytes = chunk.bytes().to_vec();
            bytes[at] ^= 1 << bit;
            if let Ok(other) = Chunk::parse(bytes) {
                assert_eq!(
                    other.verify(&workspace(), &key().verifying_key()),
                    Err(ChunkError::Signature),
                    "{at}.{bit}"
                );
            }
        }
    }
}

#[test]
fn one_chunk_has_one_spelling() {
    let chunk = signed(&header().encode(), b"secret");
    let malformed = |bytes: Vec<u8>| assert!(matches!(Chunk::parse(bytes), Err(ChunkError::Malformed(_))));
    // A length with more bytes than it needs.
    let header_bytes = header().encode();
    let mut longer = vec![0x83, 0x59];
    longer.extend((header_bytes.len() as u16).to_be_bytes());
    longer.extend(&header_bytes);
    longer.extend(&chunk.bytes()[2 + 1 + header_bytes.len()..]);
    assert_eq!(chunk.bytes()[..2], [0x83, 0x58]);
    malformed(longer);
    malformed([chunk.bytes(), &[0]].concat());
    malformed(chunk.bytes()[..chunk.bytes().len() - 1].to_vec());
    malformed(vec![]);
    // The same within the header: its number of fields, a key, a value, the length of one.
    let plain = Header { place: Place { part: 1, ..header().place }, ..header() }.encode();
    let part_at = plain.windows(2).position(|two| two == [3, 1]).unwrap();
    Header::decode(&plain).unwrap();
    for (at, longer) in [(0, [0xb8, plain[0] & 31]), (1, [0x18, plain[1]]), (part_at + 1, [0x18, 1]), (2, [0x58, 16])] {
        let other = [&plain[..at], &longer, &plain[at + 1..]].concat();
        assert!(matches!(Header::decode(&other), Err(ChunkError::Malformed(_))), "{other:x?}");
    }
    // Ids that are not ascending.
    let mut unsorted = header();
    unsorted.covers = vec![Short([2; 4]), Short([1; 4])];
    assert!(Header::decode(&unsorted.encode()).is_err());
    assert_eq!(Chunk::parse(vec![0; MOST_BYTES + 1]), Err(ChunkError::TooLarge(MOST_BYTES + 1)));
}

#[test]
fn what_a_newer_version_writes_into_a_header_is_stepped_over() {
    let mut bytes = header().encode();
    // One more field behind the others: key 99, a list.
    bytes[0] += 1;
    bytes.extend([0x18, 99, 0x82, 1, 2]);
    assert_eq!(Header::decode(&bytes).unwrap(), header());
    let chunk = signed(&bytes, b"secret");
    assert_eq!(Chunk::parse(chunk.bytes().to_vec()).unwrap().header_bytes(), bytes, "and carried");
    let unknown = Header { kind: Kind::Unknown(7), ..header() };
    assert_eq!(Header::decode(&unknown.encode()).unwrap(), unknown);
}

/// `schema/vectors/chunk.json`: published bytes stay what they are.
#[test]
fn the_vectors_hold() {
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../../../../schema/vectors/chunk.json")).unwrap();
    let snapshot = Header {
        place: Place { device: DeviceId([1; 16]), day: Some(UtcDay(20_700)), part: 2 },
        kind: Kind::Snapshot,
        previous: None,
        obeys: vec![Short([9; 4])],
        covers: vec![Short([1, 2, 3, 4]), Short([1, 2, 3, 5])],
        ..header()
    };
    let settings = Header {
        place: Place { device: DeviceId([1; 16]), day: None, part: 0 },
        previous: Some(Previous { day: None, id: Short([4; 4]) }),
        ..header()
    };
    for (name, header) in [("change", header()), ("snapshot", snapshot), ("settings", settings)] {
        let chunk = signed(&header.encode(), b"ciphertext");
        let vector = &vectors["chunks"][name];
        assert_eq!(vector["bytes"].as_str().unwrap_or_default(), hex(chunk.bytes()), "{name}");
        assert_eq!(vector["id"].as_str().unwrap_or_default(), hex(&chunk.id().0), "{name}");
    }
    assert_eq!(vectors["workspace"].as_str().unwrap(), hex(&workspace().0));
    assert_eq!(vectors["key"].as_str().unwrap(), hex(key().verifying_key().as_bytes()));
}

#[test]
fn a_header_is_small() {
    // A poll's frame has 350 bytes; this, the signature and the tag are what does not depend on the poll.
    assert!(header().encode().len() <= 85, "{}", header().encode().len());
}

fn shorts() -> impl Strategy<Value = Vec<Short>> {
    proptest::collection::btree_set(any::<[u8; 4]>(), 0..6).prop_map(|set| set.into_iter().map(Short).collect())
}

proptest! {
    #[test]
    fn headers_read_back(
        device: [u8; 16], day: Option<i32>, part: u16, kind in 0..5_u64, key: [u8; 8], nonce: [u8; 24],
        previous: Option<(Option<i32>, [u8; 4])>, obeys in shorts(), covers in shorts(),
    ) {
        let header = Header {
            place: Place { device: DeviceId(device), day: day.map(UtcDay), part },
            kind: Kind::of(kind), key: KeyId(key), nonce,
            previous: previous.map(|(day, id)| Previous { day: day.map(UtcDay), id: Short(id) }),
            obeys, covers,
        };
        prop_assert_eq!(Header::decode(&header.encode()).unwrap(), header);
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Header::decode(&bytes);
        let _ = Chunk::parse(bytes);
    }
}
