use aimon_ledger::frame::{Code, Frame, Outcome};
use aimon_relay_core::testing::People;

use crate::world::{Relay, run, today};

#[test]
fn a_full_workspace_takes_no_more_and_the_others_do() {
    let (people, others) = (People::with(&[1]), People::named(1, &[1]));
    let relay = Relay::with(&people, &["--quota", "3000"]);
    relay.state(&others, &[]);
    let (mut one, _) = relay.enter(&people, 1, 0);
    let (a, b) = (people.change(1, today(), &[1; 2_000]), people.change(1, today(), &[2; 2_000]));
    assert_eq!(one.push(&[&a, &b]), [Outcome::Accepted(1), Outcome::Refused(Code::Quota)]);
    let (mut other, _) = relay.enter(&others, 1, 0);
    assert_eq!(other.push(&[&others.change(1, today(), &[1; 2_000])]), [Outcome::Accepted(1)]);
    // What makes room is taken, and then the rest is.
    let snapshot = people.snapshot(1, today(), [&a], &[3; 100]);
    assert_eq!(one.push(&[&snapshot, &b]), [Outcome::Accepted(2), Outcome::Accepted(3)]);
}

#[test]
fn a_device_that_pushes_too_fast_is_told_so() {
    let people = People::with(&[1]);
    let relay = Relay::with(&people, &["--device-rate", "1"]);
    let (mut one, _) = relay.enter(&people, 1, 0);
    let mut refused = 0;
    for n in 0..20_u8 {
        let nothing: Vec<Vec<u8>> = (0..1_000_u16).map(|m| vec![n, m as u8, (m >> 8) as u8]).collect();
        one.say(&Frame::Push(nothing));
        while !matches!(one.hear(), Frame::Outcomes(all) if {
            refused += all.iter().filter(|(_, outcome)| *outcome == Outcome::Refused(Code::Rate)).count();
            true
        }) {}
    }
    assert!(refused >= 11_000, "{refused}");
    assert!(one.is_there());
}

#[test]
fn a_device_has_so_many_sessions_and_the_oldest_goes() {
    let people = People::with(&[1, 2]);
    let relay = Relay::with(&people, &[]);
    let (mut other, _) = relay.enter(&people, 2, 0);
    let mut all: Vec<_> = (0..9).map(|_| relay.enter(&people, 1, 0).0).collect();
    assert_eq!(all[0].failed(), Code::Rate);
    assert!(all.iter_mut().skip(1).all(crate::world::Device::is_there) && other.is_there());
}

#[test]
fn who_says_no_hello_is_not_waited_for() {
    let people = People::with(&[1]);
    let relay = Relay::with(&people, &[]);
    let mut one = relay.connect(&relay.token(&people, 1).unwrap()).unwrap();
    assert_eq!(one.failed(), Code::Other("timeout".to_owned()));
    assert!(one.is_over());
}

#[test]
fn sockets_are_bounded_and_requests_still_come_through() {
    let people = People::with(&[1, 2]);
    let relay = Relay::with(&people, &["--connections", "16"]);
    let tokens = [1, 2].map(|n| relay.token(&people, n).unwrap());
    let all: Vec<_> = (0..15).map(|n| relay.connect(&tokens[n % 2]).unwrap()).collect();
    assert_eq!(relay.connect(&tokens[1]).err(), Some((429, "rate".to_owned())));
    drop(all);
}

#[test]
fn connections_are_bounded() {
    let people = People::with(&[1]);
    let relay = Relay::with(&people, &["--connections", "4"]);
    let mut silent = Vec::new();
    // One that has just ended may still count: more come until there is no room. One more is closed then.
    let is_full = (0..1_000).any(|_| {
        silent.push(std::net::TcpStream::connect(relay.address()).unwrap());
        std::thread::sleep(std::time::Duration::from_millis(10));
        !relay.is_answering()
    });
    assert!(is_full);
    drop(silent);
    let is_empty = (0..1_000).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        relay.is_answering()
    });
    assert!(is_empty);
}

#[test]
fn bodies_are_bounded() {
    let relay = Relay::start(&[]);
    let (status, body) = relay.http("POST", "/v1/challenge", &[], &vec![0; 20_000]);
    assert_eq!((status, crate::world::code(&body)), (413, "too-large".to_owned()));
}

#[test]
fn a_workspace_is_opened_by_whoever_may() {
    let people = People::with(&[1]);
    let relay = Relay::start(&["--registration", "token"]);
    assert_eq!(relay.state(&people, &[]), (403, "registration-closed".to_owned()));
    assert_eq!(relay.state(&people, &[("Aimon-Registration", "guessed")]), (403, "registration-closed".to_owned()));
    let token = String::from_utf8(run(&relay.data, &["token"]).stdout).unwrap();
    assert_eq!(relay.state(&people, &[("Aimon-Registration", token.trim())]).0, 200);
    assert_eq!(relay.state(&people, &[]).0, 200, "once it is open it needs none");
    let about: serde_json::Value = serde_json::from_str(&relay.get("/v1").1).unwrap();
    assert_eq!((about["registration"].as_str(), about["protocol"][0].as_u64()), (Some("token"), Some(1)));
    assert_eq!(about["origins"][0].as_str(), Some(&*relay.url));
}

/// Asks until it is told that it asks too much; whether it is.
fn is_bounded(mut ask: impl FnMut(u32) -> u16) -> bool {
    (0..2_000).any(|n| ask(n) == 429)
}

#[test]
fn an_address_may_ask_so_much_without_a_token_whatever_it_says_beside() {
    let people = People::with(&[1]);
    let relay = Relay::start(&["--behind-proxy", "--registration", "open"]);
    assert_eq!(relay.state(&people, &[]).0, 200);
    let token = format!("Bearer {}", relay.token(&people, 1).unwrap());
    // A header that looks like a token is none; nor is one where none is asked for.
    for (shown, address) in [("Bearer nobody", "203.0.113.1"), (&*token, "203.0.113.2")] {
        let headers = [("Authorization", shown), ("X-Forwarded-For", address)];
        assert!(is_bounded(|_| relay.http("POST", "/v1/challenge", &headers, &[]).0), "{shown}");
    }
    assert_eq!(relay.http("GET", "/v1", &[("X-Forwarded-For", "203.0.113.3")], &[]).0, 200, "another one's turn");
    // Whoever is known may ask on, from the same address.
    let headers = [("Authorization", &*token), ("X-Forwarded-For", "203.0.113.2")];
    let path = format!("/v1/invitations/{}", "0".repeat(32));
    for _ in 0..300 {
        assert_eq!(relay.http("DELETE", &path, &headers, &[]).0, 404);
    }
    // What stands before the proxy's own word was said by whoever asks; one customer has many IPv6 addresses.
    assert!(is_bounded(|n| {
        let said = format!("198.51.100.{}", n % 250);
        relay.http("GET", "/v1", &[("X-Forwarded-For", &said), ("X-Forwarded-For", "203.0.113.4")], &[]).0
    }));
    assert!(is_bounded(|n| {
        relay.http("GET", "/v1", &[("X-Forwarded-For", &format!("198.51.100.1, 2001:db8::{n:x}"))], &[]).0
    }));
}

/// What is let through unbounded asks for a token, and the other way round.
#[test]
fn routes_that_take_a_token_refuse_whoever_has_none() {
    use aimon_relay_core::http::takes_token;
    let relay = Relay::start(&[]);
    let (invitation, workspace) = (format!("/v1/invitations/{}", "0".repeat(32)), "0".repeat(64));
    let paths = [
        "/v1".to_owned(),
        "/v1/challenge".to_owned(),
        "/v1/token".to_owned(),
        format!("/v1/workspaces/{workspace}/statements"),
        "/v1/frames".to_owned(),
        format!("{invitation}/answer"),
        invitation,
        "/v1/nothing".to_owned(),
    ];
    let mut taking = 0;
    for path in &paths {
        for method in ["GET", "PUT", "POST", "DELETE"] {
            let (_, body) = relay.http(method, path, &[], &[]);
            let is_asked = String::from_utf8_lossy(&body).contains("\"token-missing\"");
            assert_eq!(takes_token(&method.parse().unwrap(), path), is_asked, "{method} {path}");
            taking += usize::from(is_asked);
        }
    }
    assert_eq!(taking, 5);
}
