#![allow(clippy::unwrap_used)]
use aimon_ledger::ids::{DeviceId, WorkspaceId};
use aimon_ledger::statement::Keys;
use aimon_ledger::time::UtcMillis;
use proptest::prelude::*;

use super::*;
use crate::crypto::{Entropy, SecretKeys};

const NOW: UtcMillis = UtcMillis(1_788_000_000_000);
const WORKSPACE: WorkspaceId = WorkspaceId([9; 32]);

fn secret(n: u8) -> SecretKeys {
    SecretKeys::of_seed([n; 32])
}

fn inviter() -> Inviter {
    let keys = secret(1).public();
    Inviter::new("https://relay.example", (WORKSPACE, "Home"), (DeviceId([1; 16]), &keys), NOW, Entropy::new([1; 32]))
        .unwrap()
}

fn request(n: u8) -> Request {
    Request {
        device: DeviceId([n; 16]),
        keys: secret(n).public(),
        name: "desktop\u{1b}[31m".to_owned(),
        brings: Brings { records: 1_234, days: 90 },
    }
}

fn joiner(code: &str, n: u8) -> (Joiner, Vec<u8>) {
    Joiner::new(code, request(n), Entropy::new([n; 32])).unwrap()
}

#[test]
fn both_sides_show_the_same_digits() {
    let mut inviter = inviter();
    let (joiner, post) = joiner(&inviter.code().text(), 2);
    assert_eq!(joiner.code().relay, "https://relay.example");
    let (asked, shown, answer) = inviter.answer(&post, NOW, &secret(1), Entropy::new([3; 32])).unwrap();
    assert_eq!(asked.name, "desktop[31m", "no control character reaches the terminal");
    assert_eq!((asked.device, asked.brings), (request(2).device, request(2).brings));
    let (answered, also) = joiner.answered(&answer).unwrap();
    assert_eq!((shown, answered.workspace, answered.name.as_str()), (also, WORKSPACE, "Home"));
    assert_eq!(shown.to_string().len(), 7);
    // Another nonce, other digits.
    let mut again = super::tests::inviter();
    let (_, other, _) = again.answer(&post, NOW, &secret(1), Entropy::new([4; 32])).unwrap();
    assert_ne!(other, shown);
}

#[test]
fn an_invitation_is_used_once_and_for_ten_minutes() {
    let mut inviter = inviter();
    let (_, post) = joiner(&inviter.code().text(), 2);
    let late = UtcMillis(NOW.0 + HOLDS_MS);
    assert_eq!(inviter.answer(&post, late, &secret(1), Entropy::new([3; 32])).unwrap_err(), PairingError::Expired);
    let back = UtcMillis(NOW.0 - 1);
    assert_eq!(inviter.answer(&post, back, &secret(1), Entropy::new([3; 32])).unwrap_err(), PairingError::Expired);
    inviter.answer(&post, NOW, &secret(1), Entropy::new([3; 32])).unwrap();
    let (_, second) = joiner(&inviter.code().text(), 3);
    assert_eq!(inviter.answer(&second, NOW, &secret(1), Entropy::new([5; 32])).unwrap_err(), PairingError::Spent);
}

#[test]
fn a_stranger_spends_nothing_and_is_believed_nothing() {
    let mut invited = inviter();
    // A guess at the secret: right invitation, another code.
    let keys = secret(7).public();
    let other = Inviter::new(
        "https://relay.example",
        (WORKSPACE, "Home"),
        (DeviceId([7; 16]), &keys),
        NOW,
        Entropy::new([7; 32]),
    );
    let mut other = other.unwrap();
    let (_, post) = joiner(&other.code().text(), 2);
    assert_eq!(invited.answer(&post, NOW, &secret(1), Entropy::new([3; 32])).unwrap_err(), PairingError::Stranger);
    assert_eq!(invited.answer(b"", NOW, &secret(1), Entropy::new([3; 32])).unwrap_err(), PairingError::Stranger);
    // Another device that has seen the code answers in the inviter's place, with keys of its own.
    let (joiner, post) = joiner(&invited.code().text(), 2);
    let mut false_one = Inviter { code: Code::parse(&invited.code().text()).unwrap(), ..inviter() };
    let (_, _, answer) = false_one.answer(&post, NOW, &secret(8), Entropy::new([3; 32])).unwrap();
    assert_eq!(joiner.answered(&answer).unwrap_err(), PairingError::Stranger);
    // Another workspace's answer.
    let mut elsewhere =
        Inviter { workspace: WorkspaceId([8; 32]), code: Code::parse(&invited.code().text()).unwrap(), ..inviter() };
    let (_, _, answer) = elsewhere.answer(&post, NOW, &secret(1), Entropy::new([3; 32])).unwrap();
    assert_eq!(joiner.answered(&answer).unwrap_err(), PairingError::Stranger);
    // The request sent back as an answer.
    assert_eq!(joiner.answered(&post).unwrap_err(), PairingError::Stranger);
    let refused = other.answer(&post, NOW, &secret(7), Entropy::new([3; 32]));
    assert_eq!(refused.unwrap_err(), PairingError::Stranger, "the post was another invitation's");
    invited.answer(&post, NOW, &secret(1), Entropy::new([3; 32])).unwrap();
}

/// A device that could never be given a key is told apart before anybody compares digits.
#[test]
fn a_device_that_nothing_can_be_encrypted_for_spends_nothing() {
    let mut invited = inviter();
    let keys = Keys { agreement: [0; 32], ..secret(2).public() };
    let code = invited.code().text();
    let (_, post) = Joiner::new(&code, Request { keys, ..request(2) }, Entropy::new([2; 32])).unwrap();
    assert_eq!(invited.answer(&post, NOW, &secret(1), Entropy::new([3; 32])).unwrap_err(), PairingError::Keys);
    let (_, post) = joiner(&code, 3);
    invited.answer(&post, NOW, &secret(1), Entropy::new([3; 32])).unwrap();
}

#[test]
fn a_no_is_heard_by_whoever_has_the_code() {
    let mut invited = inviter();
    let (joiner, post) = joiner(&invited.code().text(), 2);
    let (_, _, answer) = invited.answer(&post, NOW, &secret(1), Entropy::new([3; 32])).unwrap();
    assert!(!joiner.is_declined(&answer) && !joiner.is_declined(&post) && !joiner.is_declined(b""));
    let no = invited.decline(Entropy::new([4; 32]));
    assert!(joiner.is_declined(&no));
    let no = joiner.decline(Entropy::new([6; 32]));
    assert!(invited.is_declined(&no) && !invited.is_declined(&post) && !invited.is_declined(b""));
    assert_eq!(joiner.answered(&no).unwrap_err(), PairingError::Stranger);
    let keys = secret(7).public();
    let relay = "https://relay.example";
    let other = Inviter::new(relay, (WORKSPACE, "Home"), (DeviceId([1; 16]), &keys), NOW, Entropy::new([7; 32]));
    assert!(!joiner.is_declined(&other.unwrap().decline(Entropy::new([4; 32]))), "another invitation's");
}

/// `schema/vectors/pairing.json`: another implementation reads the same.
#[test]
fn the_vectors_hold() {
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../../../../schema/vectors/pairing.json")).unwrap();
    let text = |key: &str| vectors[key].as_str().unwrap().to_owned();
    let inviter = inviter();
    assert_eq!(*inviter.code().text(), text("code"));
    let posted: String = inviter.decline(Entropy::new([4; 32])).iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(posted, text("decline"));
    let (joiner, _) = joiner(&text("code"), 2);
    assert!(joiner.is_declined(&inviter.decline(Entropy::new([5; 32]))));
}

#[test]
fn a_code_is_read_however_it_is_copied() {
    let code = inviter();
    let text = code.code().text();
    assert!(text.starts_with("aimon1") && text.len() < 260, "{} characters", text.len());
    for copied in [text.to_uppercase(), format!("  {}\n", *text), text.replace('q', "q \n ")] {
        let read = Code::parse(&copied).unwrap();
        assert_eq!((read.text(), read.relay), (text.clone(), "https://relay.example".to_owned()));
    }
    assert_eq!(Code::parse("").unwrap_err(), CodeError::NoCode);
    assert_eq!(Code::parse("https://relay.example").unwrap_err(), CodeError::NoCode);
    assert_eq!(Code::parse(&text[..text.len() - 1]).unwrap_err(), CodeError::Typo);
    assert!(!format!("{:?} {:?}", code, Code::parse(&text).unwrap()).contains(&text[60..80]));
}

proptest! {
    #[test]
    fn no_typo_is_another_code(at: prop::sample::Index, to in "[a-z0-9]") {
        let text = inviter().code().text();
        let at = 6 + at.index(text.len() - 6);
        prop_assume!(text[at..=at] != to);
        let typo = format!("{}{}{}", &text[..at], to, &text[at + 1..]);
        prop_assert_eq!(Code::parse(&typo).unwrap_err(), CodeError::Typo);
    }

    #[test]
    fn no_post_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut inviter = inviter();
        prop_assert!(inviter.answer(&bytes, NOW, &secret(1), Entropy::new([3; 32])).is_err());
        let (joiner, _) = joiner(&inviter.code().text(), 2);
        prop_assert!(joiner.answered(&bytes).is_err());
        let _ = Code::parse(&String::from_utf8_lossy(&bytes));
    }
}
