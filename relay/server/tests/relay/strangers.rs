use aimon_ledger::chunk::{Chunk, Kind, signed_part};
use aimon_ledger::frame::{Code, Frame, Outcome, Want};
use aimon_ledger::signature::Purpose;
use aimon_ledger::statement::{Author, What};
use aimon_ledger::time::UtcMillis;
use aimon_relay_core::auth::{Challenges, Tokens, Who};
use aimon_relay_core::testing::{People, device, header, place, sign};
use tungstenite::Message;
use zeroize::Zeroizing;

use crate::world::{Relay, signed, today};

fn who(people: &People, n: u8) -> Who {
    Who { workspace: people.workspace(), device: device(n) }
}

fn now() -> UtcMillis {
    aimon_relay_server::writer::now()
}

fn refused<T>(done: Result<T, (u16, String)>) -> (u16, String) {
    done.err().expect("a refusal")
}

fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[test]
fn each_wrong_token_has_its_code() {
    let people = People::with(&[1]);
    let relay = Relay::with(&people, &[]);
    let key: [u8; 32] = std::fs::read(relay.data.join("token.key")).unwrap().try_into().unwrap();
    let own = Tokens::new(&Zeroizing::new(key), vec![relay.url.clone()]);
    let make = |tokens: &Tokens, origin: &str, at: i64| {
        tokens.make(&who(&people, 1), origin, UtcMillis(now().0 + at)).unwrap().0
    };
    let fine = make(&own, &relay.url, 0);
    assert!(relay.connect(&fine).is_ok());
    let other = Tokens::new(&Zeroizing::new([1; 32]), vec![relay.url.clone()]);
    // {"alg":"HS256","typ":"JWT"} and {"alg":"none"}
    let with_header = |header: &str| format!("{header}.{}", fine.split_once('.').unwrap().1);
    let cases = [
        (with_header("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"), "token-algorithm"),
        (with_header("eyJhbGciOiJub25lIn0"), "token-malformed"),
        (make(&other, &relay.url, 0), "token-key"),
        (make(&own, "https://other.example", 0), "token-issuer"),
        (make(&own, &relay.url, -3_600_000), "token-expired"),
        (make(&own, &relay.url, 3_600_000), "token-early"),
        (format!("{}AAAA", &fine[..fine.len() - 4]), "token-signature"),
        (String::new(), "token-malformed"),
    ];
    for (token, code) in cases {
        assert_eq!(refused(relay.connect(&token)), is(401, code), "{token}");
    }
    let (status, body) = relay.http("POST", "/v1/frames", &[("Aimon-Session", &"0".repeat(32))], &[]);
    assert_eq!((status, crate::world::code(&body)), is(401, "token-missing"));
}

/// A stranger makes the relay read nothing: who has no token is refused before a byte of the body is there.
#[test]
fn a_token_is_looked_at_before_the_body() {
    use std::io::Write as _;
    let people = People::with(&[1]);
    let relay = Relay::with(&people, &[]);
    let closed = Relay::start(&["--registration", "token"]);
    let (invitation, workspace) = ("0".repeat(32), people.workspace());
    let answers = format!("/v1/invitations/{invitation}/answer");
    let statements = format!("/v1/workspaces/{workspace}/statements");
    let cases = [
        (&relay, "POST", "/v1/frames", 2 << 20, is(401, "token-malformed")),
        (&relay, "PUT", &answers, 8 << 10, is(401, "token-malformed")),
        (&closed, "POST", &statements, 2 << 20, is(403, "registration-closed")),
    ];
    for (relay, method, path, length, expected) in cases {
        let mut stream = relay.stream();
        // Of what it says will come, nothing ever does.
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: relay\r\nConnection: close\r\nAuthorization: Bearer nobody\r\n\
             Content-Length: {length}\r\n\r\n"
        );
        stream.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        let (status, body) = crate::world::answer(&mut stream);
        assert_eq!((status, crate::world::code(&body)), expected, "{path}");
    }
}

#[test]
fn a_challenge_is_answered_once_and_only_as_what_it_is() {
    let people = People::with(&[1, 2]);
    let relay = Relay::with(&people, &[]);
    assert_eq!(refused(relay.challenge(&people, 1, "https://other.example")), is(421, "wrong-origin"));
    let challenge = relay.challenge(&people, 1, &relay.url).unwrap();
    let answer = signed(&people, 1, &challenge);
    let as_statement = sign(Purpose::Statement, &people.workspace(), &challenge, Author::Device(device(1)));
    assert_eq!(refused(relay.answer(&people, 1, &challenge, &as_statement)), is(403, "signature"));
    assert_eq!(refused(relay.answer(&people, 2, &challenge, &answer)), is(403, "bad-challenge"));
    assert!(relay.answer(&people, 1, &challenge, &answer).is_ok());
    assert_eq!(refused(relay.answer(&people, 1, &challenge, &answer)), is(403, "challenge-spent"));
    // Bytes that are a statement's, and another relay's challenge.
    let statement = people.all()[1].clone();
    assert_eq!(
        refused(relay.answer(&people, 1, &statement, &signed(&people, 1, &statement))),
        is(403, "bad-challenge")
    );
    let theirs = Challenges::new(Zeroizing::new([1; 32])).make(&who(&people, 1), &relay.url, [1; 8], now());
    assert_eq!(refused(relay.answer(&people, 1, &theirs, &signed(&people, 1, &theirs))), is(403, "bad-challenge"));
    assert_eq!(refused(relay.token(&people, 3)), is(403, "not-a-member"));
    assert_eq!(refused(relay.token(&People::named(9, &[1]), 1)), is(404, "unknown-workspace"));
}

#[test]
fn a_revoked_device_is_cut_off_at_once() {
    let mut people = People::with(&[1, 2]);
    let relay = Relay::with(&people, &[]);
    let token = relay.token(&people, 2).unwrap();
    let ((mut one, _), (mut two, _)) = (relay.enter(&people, 1, 0), relay.enter(&people, 2, 0));
    let revoke = What::Revoke { device: device(2), listed: vec![] };
    one.say(&Frame::Statements(vec![people.say(Author::Device(device(1)), revoke)]));
    assert_eq!(two.failed(), Code::NotAMember);
    assert!(two.is_over());
    assert_eq!(refused(relay.connect(&token)), is(403, "not-a-member"), "its token is still valid");
    assert_eq!(refused(relay.token(&people, 2)), is(403, "not-a-member"));
    let headers = [("Authorization", &*format!("Bearer {token}")), ("Aimon-Session", &"0".repeat(32))];
    let (status, body) = relay.http("POST", "/v1/frames", &headers, &[]);
    assert_eq!((status, crate::world::code(&body)), is(403, "not-a-member"));
    assert!(one.is_there());
}

#[test]
fn chunks_in_somebody_elses_name_are_refused_one_by_one() {
    let people = People::with(&[1, 2]);
    let relay = Relay::with(&people, &[]);
    let (mut one, _) = relay.enter(&people, 1, 0);
    let head = header(place(2, today()), Kind::Change).encode();
    let by_one = sign(Purpose::Chunk, &people.workspace(), &signed_part(&head, b"x"), Author::Device(device(1)));
    let forged = Chunk::assemble(&head, b"x", &by_one).unwrap();
    let elsewhere = People::named(9, &[1]).change(1, today(), b"y");
    let stranger = people.change(3, today(), b"z");
    let good = people.change(1, today(), b"good");
    let refused = Outcome::Refused;
    assert_eq!(
        one.push(&[&forged, &elsewhere, &stranger, &good]),
        [refused(Code::Signature), refused(Code::Signature), refused(Code::NotAMember), Outcome::Accepted(1)]
    );
}

#[test]
fn frames_that_are_none_end_their_session_and_no_other() {
    let people = People::with(&[1, 2]);
    let relay = Relay::with(&people, &[]);
    let (mut other, _) = relay.enter(&people, 2, 0);
    let hello = Frame::Hello(people.hello(0, Want::All)).encode().unwrap();
    let cases: [(Vec<Vec<u8>>, Code); 6] = [
        (vec![Frame::Ping(1).encode().unwrap()], Code::Malformed),
        (vec![hello.clone(), hello.clone()], Code::Malformed),
        (vec![hello[..hello.len() - 3].to_vec()], Code::Malformed),
        (vec![hello.clone(), vec![0; (1 << 20) + 1]], Code::TooLarge),
        (vec![hello.clone(), vec![0; 3 << 20]], Code::TooLarge),
        (vec![hello.clone(), Frame::Push(vec![vec![]; 9_000]).encode().unwrap()], Code::TooLarge),
    ];
    for (frames, code) in cases {
        let mut one = relay.connect(&relay.token(&people, 1).unwrap()).unwrap();
        for frame in frames {
            // Whoever says too much may be cut off before it is out.
            let _ = one.socket.send(Message::Binary(frame.into()));
        }
        assert_eq!(one.failed(), code);
    }
    let mut one = relay.connect(&relay.token(&people, 1).unwrap()).unwrap();
    one.socket.send(Message::Text("hello".into())).unwrap();
    assert_eq!(one.failed(), Code::Malformed);
    assert!(other.is_there());
}

#[test]
fn a_wrong_key_is_told_before_anything_is_delivered() {
    use aimon_ledger::frame::KeyInUse;
    use aimon_ledger::statement::{Recipient, Wrapped};
    let mut people = People::with(&[1]);
    let wrapped = vec![(Recipient::Phrase, Wrapped([0; 80]))];
    people.say(Author::Phrase, What::Rotate { check: [5; 8], wrapped, sealed: vec![1] });
    let relay = Relay::with(&people, &[]);
    let mut one = relay.connect(&relay.token(&people, 1).unwrap()).unwrap();
    let mut hello = people.hello(0, Want::All);
    hello.key = Some(KeyInUse { rotate: people.set.standing().rotate.unwrap(), check: [6; 8] });
    one.say(&Frame::Hello(hello));
    assert!(matches!(one.hear(), Frame::Failed { code: Code::WrongKey, .. }));
    assert!(one.is_over());
}
