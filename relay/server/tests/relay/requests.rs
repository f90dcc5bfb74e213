use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};

use aimon_ledger::frame::{Code, Frame, Outcome, Want, sequence};
use aimon_relay_core::testing::People;

use crate::world::{Relay, answer, code, send, today};

type Heard = Result<Vec<Frame>, (u16, String)>;

/// A device that has only requests.
struct Asking<'r> {
    relay: &'r Relay,
    token: String,
    session: String,
    turn: AtomicU64,
}

impl<'r> Asking<'r> {
    fn new(relay: &'r Relay, people: &People, n: u8) -> Self {
        let token = format!("Bearer {}", relay.token(people, n).unwrap());
        Self { relay, token, session: format!("{n:032x}"), turn: AtomicU64::new(0) }
    }

    /// The next request.
    fn ask(&self, frames: &[Frame], wait: &str) -> Heard {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        heard(&mut self.begin(turn, frames, wait))
    }

    /// A request whose answer is read later.
    fn begin(&self, turn: u64, frames: &[Frame], wait: &str) -> TcpStream {
        let body: Vec<u8> = frames.iter().flat_map(|frame| frame.encode().unwrap()).collect();
        let turn = turn.to_string();
        let headers = [
            ("Authorization", &*self.token),
            ("Aimon-Session", &self.session),
            ("Aimon-Turn", &turn),
            ("Aimon-Wait", wait),
        ];
        let mut stream = self.relay.stream();
        send(&mut stream, "POST", "/v1/frames", &headers, &body);
        stream
    }
}

fn heard(stream: &mut TcpStream) -> Heard {
    let (status, body) = answer(stream);
    match status {
        200 => Ok(sequence(&body).unwrap()),
        204 => Ok(vec![]),
        _ => Err((status, code(&body))),
    }
}

fn is_over<T>() -> Result<T, (u16, String)> {
    Err((404, "unknown-session".to_owned()))
}

#[test]
fn a_session_goes_over_requests() {
    let people = People::with(&[1, 2]);
    let relay = Relay::with(&people, &[]);
    let asking = Asking::new(&relay, &people, 1);
    assert_eq!(heard(&mut asking.begin(0, &[Frame::Ping(1)], "0")), is_over());
    let chunk = people.change(1, today(), b"a");
    let frames = [Frame::Hello(people.hello(0, Want::All)), Frame::Push(vec![chunk.bytes().to_vec()])];
    let mut said = asking.ask(&frames, "0").unwrap();
    assert!(matches!(said[0], Frame::Welcome(_)));
    // What is caught up with may come with the next request.
    while !said.contains(&Frame::Live) {
        said.extend(asking.ask(&[], "5").unwrap());
    }
    let outcomes = said.iter().find_map(|frame| match frame {
        Frame::Outcomes(all) => Some(all.clone()),
        _ => None,
    });
    assert_eq!(outcomes.unwrap(), [(chunk.id(), Outcome::Accepted(1))]);
    // Somebody waits, and hears of what a socket brings.
    let (mut two, _) = relay.enter(&people, 2, 1);
    let other = people.change(2, today(), b"b");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| asking.ask(&[], "25").unwrap());
        two.push(&[&other]);
        assert_eq!(waiting.join().unwrap(), [Frame::Deliver(vec![(2, other.bytes().to_vec())])]);
    });
    assert_eq!(asking.ask(&[Frame::Ping(3)], "0").unwrap(), [Frame::Pong(3)]);
    let ended = asking.ask(&[Frame::Live], "0").unwrap();
    assert!(matches!(ended[..], [Frame::Failed { code: Code::Malformed, .. }]));
    assert_eq!(asking.ask(&[], "0"), is_over());
    let named = [("Authorization", &*asking.token), ("Aimon-Session", &*asking.session), ("Aimon-Turn", "0")];
    for headers in [vec![named[0], named[1]], vec![named[0], named[2]], vec![named[0], named[1], ("Aimon-Turn", "x")]] {
        let (status, body) = relay.http("POST", "/v1/frames", &headers, &[]);
        assert_eq!((status, code(&body)), (400, "malformed".to_owned()), "without a name or a turn: {headers:?}");
    }
}

#[test]
fn requests_are_taken_up_in_the_order_of_their_turns() {
    let people = People::with(&[1]);
    let relay = Relay::with(&people, &[]);
    let asking = Asking::new(&relay, &people, 1);
    let mut said = asking.ask(&[Frame::Hello(people.hello(0, Want::All))], "25").unwrap();
    while !said.contains(&Frame::Live) {
        said.extend(asking.ask(&[], "25").unwrap());
    }
    let turn = asking.turn.load(Ordering::Relaxed);
    let chunks = [b"a", b"b"].map(|text| people.change(1, today(), text));
    let push = |n: usize| [Frame::Push(vec![chunks[n].bytes().to_vec()])];
    let accepted = |n: usize, seq| Ok(vec![Frame::Outcomes(vec![(chunks[n].id(), Outcome::Accepted(seq))])]);
    // The second overtakes the first.
    let mut second = asking.begin(turn + 1, &push(1), "25");
    let mut first = asking.begin(turn, &push(0), "25");
    assert_eq!((heard(&mut first), heard(&mut second)), (accepted(0, 1), accepted(1, 2)));
    // One waits; another one ends that, and is answered itself.
    let mut waiting = asking.begin(turn + 2, &[], "25");
    let mut next = asking.begin(turn + 3, &[Frame::Ping(3)], "25");
    assert_eq!((heard(&mut waiting), heard(&mut next)), (Ok(vec![]), Ok(vec![Frame::Pong(3)])));
    assert_eq!(heard(&mut asking.begin(turn + 3, &[Frame::Ping(3)], "25")), is_over(), "once");
    let third = heard(&mut asking.begin(turn + 6, &[], "25"));
    assert_eq!(third, Err((400, "malformed".to_owned())), "two are on the way at most");
}

#[test]
fn two_devices_meet_at_an_invitation() {
    let people = People::with(&[1, 2]);
    let relay = Relay::with(&people, &[]);
    let (maker, other) = (Asking::new(&relay, &people, 1).token, Asking::new(&relay, &people, 2).token);
    let path = format!("/v1/invitations/{}", "ab".repeat(16));
    let answer = format!("{path}/answer");
    let ask = |method: &str, path: &str, token: Option<&str>, wait: &str, body: &[u8]| {
        let mut headers = vec![("Aimon-Wait", wait)];
        headers.extend(token.map(|token| ("Authorization", token)));
        let (status, body) = relay.http(method, path, &headers, body);
        let word = if status >= 400 { code(&body) } else { String::from_utf8(body).unwrap() };
        (status, word)
    };
    let is = |status: u16, word: &str| (status, word.to_owned());
    assert_eq!(ask("POST", &path, None, "0", b"guess"), is(404, "unknown-invitation"));
    assert_eq!(ask("PUT", &path, None, "0", b""), is(401, "token-missing"));
    assert_eq!(ask("PUT", &path, Some(&maker), "0", b""), is(204, ""));
    assert_eq!(ask("GET", &path, Some(&maker), "0", b""), is(204, ""));
    assert_eq!(ask("POST", &path, None, "0", &[0; 5_000]), is(413, "too-large"));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| ask("GET", &path, Some(&maker), "25", b""));
        assert_eq!(ask("POST", &path, None, "0", b"request"), is(204, ""));
        assert_eq!(waiting.join().unwrap(), is(200, "request"));
    });
    assert_eq!(ask("POST", &path, None, "0", b"request"), is(409, "invitation-spent"));
    assert_eq!(ask("GET", &path, Some(&other), "0", b""), is(404, "unknown-invitation"));
    assert_eq!(ask("GET", &answer, None, "0", b""), is(204, ""));
    assert_eq!(ask("PUT", &answer, Some(&maker), "0", b"answer"), is(204, ""));
    assert_eq!(ask("GET", &answer, None, "0", b""), is(200, "answer"));
    assert_eq!(ask("DELETE", &path, Some(&other), "0", b""), is(404, "unknown-invitation"));
    assert_eq!(ask("DELETE", &path, Some(&maker), "0", b""), is(204, ""));
    assert_eq!(ask("GET", &answer, None, "0", b""), is(404, "unknown-invitation"));
    assert_eq!(ask("GET", "/v1/nothing", None, "0", b""), is(404, "no-such-path"));
    assert_eq!(ask("DELETE", "/v1/token", None, "0", b""), is(405, "no-such-method"));
}
