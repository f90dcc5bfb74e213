#![allow(clippy::unwrap_used)]
use aimon_ledger::signature::Purpose;
use aimon_ledger::statement::{Author, What};
use aimon_ledger::time::UtcMillis;
use zeroize::Zeroizing;

use super::*;
use crate::check::View;
use crate::testing::{People, device, sign};

const NOW: UtcMillis = UtcMillis(1_788_000_000_000);
const HERE: &str = "https://relay.example";

fn who(people: &People, n: u8) -> Who {
    Who { workspace: people.workspace(), device: device(n) }
}

fn view(people: &People) -> View {
    View::new(people.workspace(), people.set.standing())
}

fn word<T: std::fmt::Debug>(done: Result<T, Refusal>) -> String {
    done.unwrap_err().code.word().to_owned()
}

fn later(ms: i64) -> UtcMillis {
    UtcMillis(NOW.0 + ms)
}

#[test]
fn a_challenge_is_answered_once_by_whom_it_was_made_for() {
    let people = People::with(&[1, 2]);
    let (who, view) = (who(&people, 1), view(&people));
    let mut challenges = Challenges::new(Zeroizing::new([1; 32]));
    let answer = |purpose, bytes: &[u8]| sign(purpose, &people.workspace(), bytes, Author::Device(device(1)));
    let made = challenges.make(&who, HERE, [1; 8], NOW);
    let signed = answer(Purpose::Challenge, &made);
    assert_eq!(challenges.answer(&who, &made, &signed, &view, NOW).unwrap(), HERE);
    assert_eq!(word(challenges.answer(&who, &made, &signed, &view, NOW)), "challenge-spent");
    // One that is nobody's, another relay's, another device's, too old; a statement's signature over the same bytes.
    let fresh = challenges.make(&who, HERE, [2; 8], NOW);
    let signed = answer(Purpose::Challenge, &fresh);
    let other_relay = Challenges::new(Zeroizing::new([2; 32])).make(&who, HERE, [2; 8], NOW);
    let other_device = challenges.make(&Who { device: device(2), ..who }, HERE, [2; 8], NOW);
    for bytes in [&other_relay, &other_device, &fresh[..fresh.len() - 1].to_vec(), &people.all()[0]] {
        let signed = answer(Purpose::Challenge, bytes);
        assert_eq!(word(challenges.answer(&who, bytes, &signed, &view, NOW)), "bad-challenge");
    }
    assert_eq!(word(challenges.answer(&who, &fresh, &signed, &view, later(CHALLENGE_MS))), "bad-challenge");
    let statement = answer(Purpose::Statement, &fresh);
    assert_eq!(word(challenges.answer(&who, &fresh, &statement, &view, NOW)), "signature");
    assert_eq!(challenges.answer(&who, &fresh, &signed, &view, later(CHALLENGE_MS - 1)).unwrap(), HERE);
    let stranger = Who { device: device(3), ..who };
    let made = challenges.make(&stranger, HERE, [2; 8], NOW);
    assert_eq!(word(challenges.answer(&stranger, &made, &signed, &view, NOW)), "not-a-member");
}

#[test]
fn a_revoked_device_answers_no_challenge() {
    let mut people = People::with(&[1, 2]);
    people.say(Author::Device(device(1)), What::Revoke { device: device(2), listed: vec![] });
    let (who, view) = (who(&people, 2), view(&people));
    let mut challenges = Challenges::new(Zeroizing::new([1; 32]));
    let made = challenges.make(&who, HERE, [1; 8], NOW);
    let signed = sign(Purpose::Challenge, &people.workspace(), &made, Author::Device(device(2)));
    assert_eq!(word(challenges.answer(&who, &made, &signed, &view, NOW)), "not-a-member");
}

fn tokens(seed: u8, origin: &str) -> Tokens {
    Tokens::new(&Zeroizing::new([seed; 32]), vec![origin.to_owned()])
}

/// A token whose header or claims somebody has written anew, signed with the relay's own key.
fn forged(token: &str, seed: u8, header: impl Fn(&str) -> String, claims: impl Fn(&str) -> String) -> String {
    let parts: Vec<String> = token.split('.').take(2).map(|part| String::from_utf8(base64(part)).unwrap()).collect();
    let message = format!("{}.{}", unbase64(&header(&parts[0])), unbase64(&claims(&parts[1])));
    let key = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]);
    let signature = ed25519_dalek::Signer::sign(&key, message.as_bytes());
    format!("{message}.{}", encode64(&signature.to_bytes()))
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn encode64(bytes: &[u8]) -> String {
    let bits = |at: usize| bytes.get(at / 8).is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1);
    let digit = |n: usize| (0..6).fold(0, |value, bit| value << 1 | usize::from(bits(n * 6 + bit)));
    (0..(bytes.len() * 8).div_ceil(6)).map(|n| char::from(DIGITS[digit(n)])).collect()
}

fn unbase64(text: &str) -> String {
    encode64(text.as_bytes())
}

fn base64(text: &str) -> Vec<u8> {
    let bits: Vec<bool> = text
        .bytes()
        .flat_map(|digit| {
            let value = DIGITS.iter().position(|known| *known == digit).unwrap();
            (0..6).rev().map(move |bit| value >> bit & 1 == 1)
        })
        .collect();
    bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |value, bit| value << 1 | u8::from(*bit))).collect()
}

#[test]
fn a_token_says_who_and_for_how_long() {
    let people = People::with(&[1]);
    let (who, tokens) = (who(&people, 1), tokens(1, HERE));
    let (token, expires) = tokens.make(&who, HERE, NOW).unwrap();
    assert_eq!(expires, later(TOKEN_MS));
    assert_eq!(tokens.verify(&token, NOW).unwrap(), who);
    assert_eq!(tokens.verify(&token, later(TOKEN_MS - 1_000)).unwrap(), who);
    assert_eq!(word(tokens.verify(&token, later(TOKEN_MS))), "token-expired");
    assert_eq!(word(tokens.verify(&token, later(-3_600_000))), "token-early");
}

#[test]
fn each_wrong_token_has_its_word() {
    let people = People::with(&[1]);
    let (who, here) = (who(&people, 1), tokens(1, HERE));
    let (token, _) = here.make(&who, HERE, NOW).unwrap();
    let same = |text: &str| text.to_owned();
    assert_eq!(here.verify(&forged(&token, 1, same, same), NOW).unwrap(), who, "the forger can forge");
    let with = |from: &'static str, to: &'static str| {
        move |text: &str| {
            assert!(text.contains(from), "{text}");
            text.replace(from, to)
        }
    };
    let cases = [
        (forged(&token, 2, same, same), "token-signature"),
        (forged(&token, 1, with("EdDSA", "HS256"), same), "token-algorithm"),
        (forged(&token, 1, with("EdDSA", "none"), same), "token-malformed"),
        (forged(&token, 1, with("\"kid\":\"", "\"kid\":\"0"), same), "token-key"),
        (forged(&token, 1, same, with("\"iss\":\"https://relay", "\"iss\":\"https://other")), "token-issuer"),
        (forged(&token, 1, same, with("\"aud\":\"https://relay", "\"aud\":\"https://other")), "token-audience"),
        (forged(&token, 1, same, with("\"nbf\":17", "\"nbf\":18")), "token-early"),
        (forged(&token, 1, same, with("\"exp\":17", "\"exp\":18")), "token-malformed"),
        (forged(&token, 1, same, with("\"sub\"", "\"bus\"")), "token-malformed"),
        (forged(&token, 1, same, with("\"ws\":\"", "\"ws\":\"g")), "token-malformed"),
        (token[..token.len() - 20].to_owned(), "token-malformed"),
        ("nothing".to_owned(), "token-malformed"),
    ];
    for (token, expected) in cases {
        assert_eq!(word(here.verify(&token, NOW)), expected, "{token}");
    }
    assert_eq!(word(tokens(2, HERE).verify(&token, NOW)), "token-key", "another relay's key");
    assert_eq!(word(tokens(1, "https://other.example").verify(&token, NOW)), "token-issuer");
}

#[test]
fn an_invitation_is_spent_by_the_first_who_comes() {
    let people = People::with(&[1, 2]);
    let (maker, other) = (who(&people, 1), who(&people, 2));
    let (mut all, id) = (Invitations::default(), [7; 16]);
    assert_eq!(word(all.request(&id, vec![1], NOW)), "unknown-invitation", "guessed");
    all.make(id, maker, NOW).unwrap();
    all.make(id, maker, NOW).unwrap();
    assert_eq!(all.requested(&id, &maker, NOW).unwrap(), None);
    assert_eq!(word(all.request(&id, vec![0; 5_000], NOW)), "too-large");
    all.request(&id, vec![1], NOW).unwrap();
    assert_eq!(word(all.request(&id, vec![1], NOW)), "invitation-spent", "replayed");
    assert_eq!(word(all.make(id, maker, NOW)), "invitation-spent");
    assert_eq!(all.requested(&id, &maker, NOW).unwrap(), Some(vec![1]));
    assert_eq!(word(all.requested(&id, &other, NOW)), "unknown-invitation", "another member's is none");
    assert_eq!(word(all.answer(&id, &other, vec![2], NOW)), "unknown-invitation");
    assert_eq!(all.answered(&id, NOW).unwrap(), None);
    assert_eq!(word(all.decline(&id, vec![4], NOW)), "unknown-invitation", "nobody has answered yet");
    all.answer(&id, &maker, vec![2], NOW).unwrap();
    assert_eq!(all.answered(&id, NOW).unwrap(), Some(vec![2]));
    // Somebody has said no.
    all.answer(&id, &maker, vec![3], NOW).unwrap();
    assert_eq!(all.answered(&id, NOW).unwrap(), Some(vec![3]), "a later one takes its place");
    all.decline(&id, vec![4], NOW).unwrap();
    assert_eq!(all.requested(&id, &maker, NOW).unwrap(), Some(vec![4]), "so has the joiner");
    assert_eq!(word(all.request(&id, vec![5], NOW)), "invitation-spent");
    all.withdraw(&id, &maker, NOW).unwrap();
    assert_eq!(word(all.answered(&id, NOW)), "unknown-invitation");
}

#[test]
fn an_invitation_holds_ten_minutes_and_says_so_afterwards() {
    let people = People::with(&[1, 2]);
    let (maker, other) = (who(&people, 1), who(&people, 2));
    let (in_time, late) = (later(INVITATION_MS - 1), later(INVITATION_MS));
    let (used, open) = ([7; 16], [8; 16]);
    let mut all = Invitations::default();
    all.make(used, maker, NOW).unwrap();
    all.make(open, maker, NOW).unwrap();
    all.request(&used, vec![1], in_time).unwrap();
    all.answer(&used, &maker, vec![2], in_time).unwrap();
    assert_eq!(all.answered(&used, in_time).unwrap(), Some(vec![2]));
    assert_eq!(word(all.request(&open, vec![1], late)), "invitation-expired");
    assert_eq!(word(all.requested(&open, &maker, late)), "invitation-expired");
    assert_eq!(word(all.make(open, maker, late)), "invitation-expired", "it is not begun again");
    assert_eq!(word(all.answer(&used, &maker, vec![3], late)), "invitation-expired");
    assert_eq!(word(all.answered(&used, late)), "invitation-expired");
    assert_eq!(word(all.requested(&used, &other, late)), "unknown-invitation", "another member's is none");
    // Nobody asks for it any more.
    all.make([9; 16], maker, later(2 * INVITATION_MS)).unwrap();
    assert_eq!(word(all.request(&open, vec![1], later(2 * INVITATION_MS))), "unknown-invitation");
}

#[test]
fn open_invitations_are_bounded() {
    let people = People::with(&[1]);
    let (mut all, maker) = (Invitations::default(), who(&people, 1));
    (0..8).for_each(|n| all.make([n; 16], maker, NOW).unwrap());
    assert_eq!(word(all.make([8; 16], maker, NOW)), "rate");
    all.make([8; 16], maker, later(INVITATION_MS)).unwrap();
}
