#![allow(clippy::unwrap_used)]
use ed25519_dalek::{Signer, SigningKey};
use minicbor::Decoder;
use proptest::prelude::*;

use super::*;
use crate::ids::{DeviceId, KeyId};
use crate::retention::Retention;
use crate::time::{UtcDay, UtcMillis};

fn key() -> SigningKey {
    SigningKey::from_bytes(&[5; 32])
}

fn workspace() -> WorkspaceId {
    WorkspaceId::of(b"workspace")
}

fn signed(workspace: &WorkspaceId, body: &[u8]) -> Statement {
    let signature = key().sign(&Purpose::Statement.message(workspace, body));
    Statement::assemble(body, &signature.to_bytes()).unwrap()
}

const DEVICE: DeviceId = DeviceId([1; 16]);
const KEYS: Keys = Keys { signing: [2; 32], agreement: [3; 32] };
const WRAPPED: Wrapped = Wrapped([4; 80]);

/// One of each kind, as in `schema/vectors/statement.json`.
fn examples() -> Vec<(&'static str, Body)> {
    let follows =
        |what| Body { follows: vec![StatementId([7; 32]), StatementId([8; 32])], author: Author::Device(DEVICE), what };
    let key = KeyId([9; 8]);
    vec![
        ("genesis", Body { follows: vec![], author: Author::Phrase, what: What::Genesis(KEYS) }),
        (
            "admit",
            Body {
                author: Author::Phrase,
                ..follows(What::Admit { device: DEVICE, keys: KEYS, wrapped: vec![(key, WRAPPED)] })
            },
        ),
        ("revoke", follows(What::Revoke { device: DEVICE, listed: vec![[1; 16], [2; 16]] })),
        ("vouch", follows(What::Vouch { device: DEVICE, listed: vec![[3; 16]] })),
        (
            "rotate",
            follows(What::Rotate {
                check: [6; 8],
                wrapped: vec![(Recipient::Phrase, WRAPPED), (Recipient::Device(DEVICE), WRAPPED)],
                sealed: vec![10; 60],
            }),
        ),
        ("wrap", follows(What::Wrap { key, device: DEVICE, wrapped: WRAPPED })),
        ("retain", follows(What::Retain(Retention::of(365).unwrap()))),
        (
            "purge",
            follows(What::Purge {
                devices: vec![DEVICE],
                days: UtcDay(20_690)..=UtcDay(20_700),
                instant: UtcMillis(1_788_000_000_000),
                key,
                detail: vec![11; 50],
            }),
        ),
    ]
}

#[test]
fn statements_read_back_and_are_their_authors() {
    for (name, body) in examples() {
        let statement = signed(&workspace(), &body.encode().unwrap());
        let again = Statement::parse(statement.bytes().to_vec()).unwrap();
        assert_eq!((&again, again.body()), (&statement, &body), "{name}");
        again.verify(&workspace(), &key().verifying_key()).unwrap();
        assert_eq!(
            again.verify(&WorkspaceId::of(b"another"), &key().verifying_key()),
            Err(StatementError::Signature),
            "{name}"
        );
    }
}

#[test]
fn no_bit_can_be_changed() {
    let statement = signed(&workspace(), &examples()[1].1.encode().unwrap());
    for at in 0..statement.bytes().len() {
        for bit in 0..8 {
            let mut bytes = statement.bytes().to_vec();
            bytes[at] ^= 1 << bit;
            if let Ok(other) = Statement::parse(bytes) {
                let verified = other.verify(&workspace(), &key().verifying_key());
                assert_eq!(verified, Err(StatementError::Signature), "{at}.{bit}");
            }
        }
    }
}

#[test]
fn what_is_missing_or_out_of_place_is_refused() {
    let malformed = |bytes: &[u8]| {
        assert!(matches!(Body::decode(bytes), Err(StatementError::Malformed(_))), "{bytes:x?}");
    };
    // Each field but the ones that may be absent, left out.
    for (name, body) in examples() {
        let mut d = Decoder::new(&[]);
        let whole = body.encode().unwrap();
        d.clone_from(&Decoder::new(&whole));
        let count = d.map().unwrap().unwrap();
        let mut fields = Vec::new();
        for _ in 0..count {
            let from = d.position();
            let key = d.u64().unwrap();
            d.skip().unwrap();
            fields.push((key, whole[from..d.position()].to_vec()));
        }
        for (left_out, _) in &fields {
            // Without an author it is the phrase's; without devices it is all devices'; lists may be empty.
            if [3, 7, 9, 15].contains(left_out) {
                continue;
            }
            let mut bytes = crate::cbor::write(|e| e.map(count - 1)?.ok());
            bytes.extend(fields.iter().filter(|(key, _)| key != left_out).flat_map(|(_, bytes)| bytes.clone()));
            assert!(matches!(Body::decode(&bytes), Err(StatementError::Malformed(_))), "{name} without {left_out}");
        }
        malformed(&[&whole[..], &[0]].concat());
        malformed(&whole[..whole.len() - 1]);
    }
    // A genesis that follows something, and one that a device has signed.
    let mut body = examples()[0].1.clone();
    body.follows = vec![StatementId([1; 32])];
    malformed(&body.encode().unwrap());
    body.follows.clear();
    body.author = Author::Device(DEVICE);
    malformed(&body.encode().unwrap());
    // Ids out of order.
    let mut body = examples()[2].1.clone();
    body.follows.reverse();
    malformed(&body.encode().unwrap());
    // 6 days.
    let retain = crate::cbor::write(|e| e.map(3)?.u8(1)?.u8(6)?.u8(2)?.bytes(&[1; 32])?.u8(12)?.u8(6)?.ok());
    malformed(&retain);
    // A year, and the number of fields, with more bytes than they need.
    let retain = examples()[6].1.encode().unwrap();
    let days_at = retain.len() - 2;
    assert_eq!(retain[days_at - 1..], [0x19, 1, 109]);
    malformed(&[&retain[..days_at - 1], &[0x1a, 0, 0, 1, 109]].concat());
    malformed(&[&[0xb8, retain[0] & 31], &retain[1..]].concat());
    assert_eq!(Statement::parse(vec![0; MOST_BYTES + 1]), Err(StatementError::TooLarge(MOST_BYTES + 1)));
}

#[test]
fn a_kind_of_a_newer_version_is_carried() {
    // Kind 99, a field of ours with a value that we don't expect there, and one that we don't know.
    let bytes = crate::cbor::write(|e| {
        e.map(4)?.u8(1)?.u8(99)?.u8(2)?.bytes(&[1; 32])?.u8(7)?.str("other")?.u8(77)?.array(1)?.u8(1)?.ok()
    });
    let statement = signed(&workspace(), &bytes);
    assert_eq!(statement.body().what, What::Unknown(99));
    assert_eq!(statement.body_bytes(), bytes);
    assert!(statement.body().encode().is_err(), "but not written anew: what it holds is not known");
    // A field that a newer version has put into a known kind.
    let mut retain = examples()[6].1.encode().unwrap();
    retain[0] += 1;
    retain.extend([0x18, 99, 1]);
    assert_eq!(Body::decode(&retain).unwrap(), examples()[6].1);
}

/// `schema/vectors/statement.json`: published bytes stay what they are.
#[test]
fn the_vectors_hold() {
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../../../../schema/vectors/statement.json")).unwrap();
    for (name, body) in examples() {
        let workspace = if name == "genesis" { NO_WORKSPACE } else { workspace() };
        let statement = signed(&workspace, &body.encode().unwrap());
        let vector = &vectors["statements"][name];
        assert_eq!(vector["bytes"].as_str().unwrap_or_default(), hex(statement.bytes()), "{name}");
        assert_eq!(vector["id"].as_str().unwrap_or_default(), hex(&statement.id().0), "{name}");
    }
    assert_eq!(vectors["workspace"].as_str().unwrap(), hex(&workspace().0));
    assert_eq!(vectors["key"].as_str().unwrap(), hex(key().verifying_key().as_bytes()));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Body::decode(&bytes);
        let _ = Statement::parse(bytes);
    }

    /// Nearly statements: one byte of a whole one is another.
    #[test]
    fn nearly_statements_do_not_panic(which in 0..8_usize, at: prop::sample::Index, byte: u8) {
        let mut bytes = examples()[which].1.encode().unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(body) = Body::decode(&bytes) && !matches!(body.what, What::Unknown(_)) {
            prop_assert_eq!(Body::decode(&body.encode().unwrap()).unwrap(), body);
        }
    }
}
