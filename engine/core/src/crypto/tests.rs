#![allow(clippy::unwrap_used)]
use aimon_ledger::chunk::{Chunk, Header, Kind, Place};
use aimon_ledger::ids::{DeviceId, KeyId, WorkspaceId};
use aimon_ledger::membership::{Membership, key_of};
use aimon_ledger::statement::{Author, Body, Recipient, Statement, What, Wrapped};
use aimon_ledger::time::UtcDay;
use proptest::prelude::*;

use super::*;

/// Entropy that differs from call to call.
fn entropy() -> impl FnMut() -> Entropy {
    let mut n = 0_u8;
    move || {
        n += 1;
        Entropy::new([n; 32])
    }
}

fn phrase() -> Phrase {
    Phrase::new(Entropy::new([0; 32]))
}

const A: DeviceId = DeviceId([1; 16]);
const B: DeviceId = DeviceId([2; 16]);
const C: DeviceId = DeviceId([3; 16]);

fn secret(device: DeviceId) -> SecretKeys {
    SecretKeys::of_seed([device.0[0]; 32])
}

fn ring(set: &Membership, device: DeviceId) -> Keyring {
    Keyring::gather(set, Recipient::Device(device), &secret(device))
}

fn say(set: &mut Membership, device: DeviceId, what: What) -> Statement {
    let body = Body { follows: set.heads(), author: Author::Device(device), what };
    let said = statement(&set.workspace(), &body, &secret(device)).unwrap();
    set.insert(said.clone()).unwrap();
    said
}

/// A workspace of A, with a key.
fn workspace() -> Membership {
    let keys = phrase().keys();
    let mut set = Membership::begin(genesis(&keys).unwrap()).unwrap();
    let what = admit(&set, &Keyring::default(), A, secret(A).public(), entropy()).unwrap();
    let body = Body { follows: set.heads(), author: Author::Phrase, what };
    set.insert(statement(&set.workspace(), &body, &keys).unwrap()).unwrap();
    let what = rotate(&set, &Keyring::default(), entropy()).unwrap();
    say(&mut set, A, what);
    set
}

fn header(key: KeyId) -> Header {
    Header {
        place: Place { device: A, day: Some(UtcDay(20_700)), part: 0 },
        kind: Kind::Change,
        key,
        nonce: [3; 24],
        previous: None,
        obeys: vec![],
        covers: vec![],
    }
}

/// A chunk by A under the key that is in use.
fn chunk(set: &Membership, content: &[u8]) -> Chunk {
    let ring = ring(set, A);
    let (id, key) = ring.current(&set.standing()).unwrap();
    key.seal_chunk(&set.workspace(), &header(id), content, &secret(A)).unwrap()
}

#[test]
fn a_phrase_is_24_words_and_reads_back_however_it_is_typed() {
    let phrase = Phrase::new(Entropy::new([9; 32]));
    let words: Vec<_> = phrase.words().collect();
    assert_eq!(words.len(), 24);
    let same = |text: &str| assert_eq!(Phrase::parse(text).unwrap().keys().public(), phrase.keys().public());
    same(&words.join(" "));
    same(&format!("  {}\n", words.join("\n\t").to_uppercase()));
    same(&words.iter().enumerate().map(|(n, w)| format!("{}. {w} ", n + 1)).collect::<String>());
    assert_ne!(Phrase::new(Entropy::new([8; 32])).keys().public(), phrase.keys().public());
}

#[test]
fn words_that_are_no_phrase_are_told_apart_without_repeating_them() {
    let words: Vec<_> = phrase().words().collect();
    assert_eq!(Phrase::parse("").unwrap_err(), PhraseError::Words(0));
    assert_eq!(Phrase::parse(&words[..23].join(" ")).unwrap_err(), PhraseError::Words(23));
    let mut typo = words.clone();
    typo[4] = "aimonitor";
    let error = Phrase::parse(&typo.join(" ")).unwrap_err();
    assert_eq!(error, PhraseError::Unknown(5));
    assert!(!error.to_string().contains("aimonitor"));
    let mut other = words;
    other[0] = if other[0] == "zoo" { "zone" } else { "zoo" };
    assert_eq!(Phrase::parse(&other.join(" ")).unwrap_err(), PhraseError::Checksum);
}

#[test]
fn the_phrase_alone_finds_its_workspace_and_reads_it() {
    let set = workspace();
    let again = Phrase::parse(&phrase().words().collect::<Vec<_>>().join(" ")).unwrap();
    assert_eq!(genesis(&again.keys()).unwrap().id().0, set.workspace().0);
    let recovered = Keyring::gather(&set, Recipient::Phrase, &again.keys());
    assert_eq!(recovered.open(&chunk(&set, b"history")).unwrap(), b"history");
}

#[test]
fn a_chunk_is_its_keys_and_its_headers() {
    let set = workspace();
    let sealed = chunk(&set, b"secret figures");
    assert!(!sealed.bytes().windows(6).any(|w| w == b"secret"));
    sealed.verify(&set.workspace(), &set.standing().signing_keys(&A)[0]).unwrap();
    let ring = ring(&set, A);
    assert_eq!(ring.open(&sealed).unwrap(), b"secret figures");
    // Under another header the ciphertext is nothing.
    let mut moved = sealed.header().clone();
    moved.place.day = Some(UtcDay(20_701));
    let moved = Chunk::assemble(&moved.encode(), sealed.ciphertext(), &[0; 64]).unwrap();
    assert_eq!(ring.open(&moved), Err(CryptoError::Sealed));
    assert_eq!(Keyring::default().open(&sealed), Err(CryptoError::NoKey));
    assert_eq!(WorkspaceKey::new(Entropy::new([77; 32])).open_chunk(&sealed), Err(CryptoError::Sealed));
}

#[test]
fn who_is_admitted_reads_all_that_there_was_and_who_is_revoked_nothing_that_comes() {
    let mut set = workspace();
    let first = chunk(&set, b"first");
    let what = rotate(&set, &ring(&set, A), entropy()).unwrap();
    say(&mut set, A, what);
    let second = chunk(&set, b"second");
    let what = admit(&set, &ring(&set, A), B, secret(B).public(), entropy()).unwrap();
    let What::Admit { wrapped, .. } = &what else { unreachable!() };
    assert_eq!(wrapped.len(), 1, "the second key seals the first");
    say(&mut set, A, what);
    assert_eq!(ring(&set, B).open(&first).unwrap(), b"first");
    assert_eq!(ring(&set, B).open(&second).unwrap(), b"second");

    say(&mut set, A, What::Revoke { device: B, listed: vec![] });
    let what = rotate(&set, &ring(&set, A), entropy()).unwrap();
    say(&mut set, A, what);
    let third = chunk(&set, b"third");
    assert_eq!(ring(&set, B).open(&third), Err(CryptoError::NoKey));
    assert_eq!(ring(&set, B).open(&first).unwrap(), b"first", "what it had it can read");
    assert_eq!(ring(&set, A).open(&third).unwrap(), b"third");
    assert_eq!(ring(&set, C).open(&third), Err(CryptoError::NoKey));
}

/// Two members rotate without hearing of each other: whoever is admitted then gets both keys, and the next rotate unites them.
#[test]
fn no_rotate_is_lost_beside_another() {
    let mut set = workspace();
    let what = admit(&set, &ring(&set, A), B, secret(B).public(), entropy()).unwrap();
    say(&mut set, A, what);
    let mut other = set.clone();
    let mut left = entropy();
    left();
    let what = rotate(&set, &ring(&set, A), left).unwrap();
    say(&mut set, A, what);
    let ours = chunk(&set, b"ours");
    let what = rotate(&other, &ring(&other, B), entropy()).unwrap();
    let theirs = key_of(&say(&mut other, B, what).id());
    for statement in other.lacking(&set.heads()) {
        set.insert(statement.clone()).unwrap();
    }
    let what = admit(&set, &ring(&set, A), C, secret(C).public(), entropy()).unwrap();
    say(&mut set, A, what);
    assert_eq!(ring(&set, C).open(&ours).unwrap(), b"ours");
    assert!(ring(&set, C).get(&theirs).is_some());
    let what = rotate(&set, &ring(&set, A), entropy()).unwrap();
    let last = say(&mut set, A, what);
    assert_eq!(set.standing().unsealed.into_iter().collect::<Vec<_>>(), [last.id()]);
}

/// A member that a rotate missed (it was admitted beside it) is given the key.
#[test]
fn a_missed_member_is_given_the_key() {
    let mut set = workspace();
    let mut other = set.clone();
    let what = rotate(&set, &ring(&set, A), entropy()).unwrap();
    let rotated = say(&mut set, A, what).id();
    let what = admit(&other, &ring(&other, A), B, secret(B).public(), entropy()).unwrap();
    say(&mut other, A, what);
    for statement in other.lacking(&set.heads()) {
        set.insert(statement.clone()).unwrap();
    }
    assert!(ring(&set, B).get(&key_of(&rotated)).is_none());
    let what = wrap(&set, &ring(&set, A), key_of(&rotated), B, &secret(B).public(), Entropy::new([50; 32])).unwrap();
    say(&mut set, A, what);
    assert!(ring(&set, B).get(&key_of(&rotated)).is_some());
}

#[test]
fn a_wrapped_key_is_for_one_recipient_in_one_workspace() {
    let key = WorkspaceKey::new(Entropy::new([1; 32]));
    let (here, there) = (WorkspaceId([1; 32]), WorkspaceId([2; 32]));
    let wrapped = keys::wrap_for(&here, &secret(A).public(), &key, Entropy::new([2; 32])).unwrap();
    assert_eq!(secret(A).unwrap(&here, &key.check(), &wrapped).unwrap().check(), key.check());
    assert!(secret(B).unwrap(&here, &key.check(), &wrapped).is_err());
    assert!(secret(A).unwrap(&there, &key.check(), &wrapped).is_err());
    assert!(secret(A).unwrap(&here, &[0; 8], &wrapped).is_err());
    assert!(secret(A).unwrap(&here, &key.check(), &Wrapped([0; 80])).is_err());
    let mut nobody = secret(A).public();
    nobody.agreement = [0; 32];
    let refused = keys::wrap_for(&here, &nobody, &key, Entropy::new([2; 32]));
    assert_eq!(refused.unwrap_err(), CryptoError::Recipient);
}

/// Whoever seals a false key under an old one's name deceives nobody: the check value is the rotate's own.
#[test]
fn a_false_older_key_is_not_taken() {
    let mut set = workspace();
    let (id, right) = {
        let ring = ring(&set, A);
        let (id, key) = ring.current(&set.standing()).unwrap();
        (id, key.check())
    };
    let false_one = WorkspaceKey::new(Entropy::new([66; 32]));
    let new = WorkspaceKey::new(Entropy::new([67; 32]));
    let wrapped = keys::wrap_for(&set.workspace(), &secret(C).public(), &new, Entropy::new([68; 32])).unwrap();
    let what = What::Rotate {
        check: new.check(),
        wrapped: vec![(Recipient::Device(C), wrapped)],
        sealed: new.seal_keys([(&id, &false_one)], Entropy::new([69; 32])).unwrap(),
    };
    say(&mut set, A, what);
    assert!(ring(&set, C).get(&id).is_none());
    assert_eq!(ring(&set, A).get(&id).unwrap().check(), right);
}

#[test]
fn nothing_secret_is_printed() {
    let shown = format!(
        "{:?} {:?} {:?} {:?}",
        phrase(),
        secret(A),
        WorkspaceKey::new(Entropy::new([1; 32])),
        Entropy::new([0xab; 32])
    );
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    assert!(!shown.contains("171") && !shown.contains(&hex(&[0xab; 4])), "{shown}");
    assert!(!shown.contains(&hex(&secret(A).seed()[..4])) && !shown.contains("[1, 1, 1, 1"), "{shown}");
    assert!(phrase().words().all(|word| !shown.contains(word)), "{shown}");
}

/// `schema/vectors/crypto.json`: another implementation derives the same.
#[test]
fn the_vectors_hold() {
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../../../../schema/vectors/crypto.json")).unwrap();
    let phrase = Phrase::parse(vectors["phrase"]["words"].as_str().unwrap()).unwrap();
    let keys = phrase.keys();
    let holds = |at: &str, found: &str| assert_eq!(vectors.pointer(at).and_then(|v| v.as_str()), Some(found), "{at}");
    holds("/phrase/seed", &hex(keys.seed()));
    holds("/phrase/signing", &hex(&keys.public().signing));
    holds("/phrase/agreement", &hex(&keys.public().agreement));
    let begun = genesis(&keys).unwrap();
    holds("/phrase/genesis", &hex(begun.bytes()));
    holds("/phrase/workspace", &hex(&begun.id().0));
    let key = WorkspaceKey::of([7; 32]);
    holds("/key/check", &hex(&key.check()));
    let workspace = WorkspaceId(begun.id().0);
    let chunk = key.seal_chunk(&workspace, &header(KeyId([2; 8])), b"content", &SecretKeys::of_seed([5; 32])).unwrap();
    holds("/key/chunk", &hex(chunk.bytes()));
    // Wrapping is random: what is frozen is that it opens.
    let wrapped = vectors.pointer("/key/wrapped").and_then(|v| v.as_str()).unwrap();
    let bytes: Vec<u8> =
        (0..wrapped.len() / 2).map(|n| u8::from_str_radix(&wrapped[2 * n..2 * n + 2], 16).unwrap()).collect();
    let wrapped = Wrapped(bytes.try_into().unwrap());
    let opened = SecretKeys::of_seed([5; 32]).unwrap(&workspace, &key.check(), &wrapped).unwrap();
    assert_eq!(opened.check(), key.check());
}

proptest! {
    #[test]
    fn what_is_sealed_opens_and_no_flipped_bit_does(content in proptest::collection::vec(any::<u8>(), 0..300), at: prop::sample::Index, bit in 0..8_u8) {
        let key = WorkspaceKey::new(Entropy::new([4; 32]));
        let workspace = WorkspaceId([1; 32]);
        let chunk = key.seal_chunk(&workspace, &header(KeyId([2; 8])), &content, &secret(A)).unwrap();
        prop_assert_eq!(key.open_chunk(&chunk).unwrap(), content);
        let mut sealed = chunk.ciphertext().to_vec();
        let at = at.index(sealed.len());
        sealed[at] ^= 1 << bit;
        let changed = Chunk::assemble(chunk.header_bytes(), &sealed, &[0; 64]).unwrap();
        prop_assert_eq!(key.open_chunk(&changed), Err(CryptoError::Sealed));
    }
}
