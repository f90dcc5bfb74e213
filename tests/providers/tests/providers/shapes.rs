//! What answers look like beside their figures: headers, organizations, dates, text.

use std::io::Read;

use aimon_providers::{Call, Clock, DAY, HOUR, Json, Key, KeyKind, Money, Org, Plan, Provider, Server, Truth};

use crate::client::send;
use crate::rig::{ANTHROPIC_COSTS, OPENAI_COSTS, Rig, START};

#[test]
fn every_answer_says_who_and_when() {
    for (provider, org, id) in [
        (Provider::OpenAi, Some("openai-organization"), Some("x-request-id")),
        (Provider::Anthropic, Some("anthropic-organization-id"), Some("request-id")),
        (Provider::OpenRouter, None, None),
        (Provider::LiteLlm, None, Some("x-litellm-call-id")),
    ] {
        let rig = Rig::of(provider, 1, 2);
        rig.clock.set(START + 12 * 3_600_000);
        let reply = rig.get(&rig.target().1);
        assert_eq!(reply.header("date"), Some("Tue, 01 Sep 2026 12:00:00 GMT"));
        assert_eq!(reply.header("content-type"), Some("application/json"));
        org.iter().for_each(|org| assert_eq!(reply.header(org), Some("org-acme")));
        id.iter().for_each(|id| assert!(reply.header(id).is_some_and(|id| id.starts_with("req_"))));
        assert_eq!(reply.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("date")).count(), 1);
    }
}

#[test]
fn two_organizations_have_two_truths() {
    let clock = Clock::at(START + 2 * DAY);
    let of = |seed| Truth::generate(&Plan::of(Provider::Anthropic, seed, START, 2));
    let key = |secret: &str| vec![Key::new(KeyKind::Admin, secret)];
    let server = Server::start(Provider::Anthropic, Org::named("one"), of(1), key("1"), clock).expect("server");
    server.add(Org::named("two"), of(2), key("2"));
    let ask = |key, target: &str| {
        send(&server, "GET", target, &[("x-api-key", key), ("anthropic-version", "2023-06-01")]).expect("answer")
    };
    for (key, org) in [("1", "org-one"), ("2", "org-two")] {
        let me = ask(key, "/v1/organizations/me");
        assert_eq!(me.json().get("id").and_then(Json::text), Some(org));
        assert_eq!(me.header("anthropic-organization-id"), Some(org));
    }
    let target = format!("{ANTHROPIC_COSTS}?starting_at=2026-09-01T00:00:00Z&limit=1");
    let (one, two) = (ask("1", &target).json(), ask("2", &target).json());
    assert_ne!(one.get("data"), two.get("data"));
    let token = one.get("next_page").and_then(Json::text).expect("token");
    assert_eq!(ask("2", &format!("{target}&page={token}")).status, 400, "a page of another organization");
}

#[test]
fn empty_days_have_no_results() {
    let rig = Rig::over(Provider::OpenAi, Truth::default(), 3);
    let (buckets, pages) = rig.buckets(&format!("{OPENAI_COSTS}?start_time={}&limit=3", START / 1000));
    assert_eq!((buckets.len(), pages), (4, 2));
    assert!(buckets.iter().all(|bucket| bucket.get("results").is_some_and(|results| results.items().is_empty())));
}

#[test]
fn habits_change_what_is_written_and_nothing_else() {
    let rig = Rig::of(Provider::OpenRouter, 1, 3);
    let plain = rig.get("/api/v1/activity").json();
    rig.server.habits(|habits| habits.midnight = true);
    let midnight = rig.get("/api/v1/activity").json();
    let date = |json: &Json| json.get("data").expect("data").items()[0].get("date").cloned();
    assert_eq!(date(&plain), Some("2026-09-01".into()));
    assert_eq!(date(&midnight), Some("2026-09-01 00:00:00".into()));

    let rig = Rig::of(Provider::OpenAi, 1, 3);
    rig.server.habits(|habits| habits.money = Some(Money::Text));
    let json = rig.get(&format!("{OPENAI_COSTS}?start_time={}", START / 1000)).json();
    let result = json.get("data").expect("data").items()[0].get("results").expect("results").items()[0].clone();
    assert!(result.get("amount.value").and_then(Json::text).is_some());
}

#[test]
fn costs_can_be_behind_usage() {
    let at = |at| Call { cost: 5_000_000_000_000, ..Call::at(START + at) };
    for provider in [Provider::OpenAi, Provider::Anthropic] {
        let rig = Rig::over(provider, Truth::of(vec![at(0), at(HOUR)]), 0);
        rig.server.habits(|habits| habits.costs_behind = HOUR);
        rig.clock.set(START + 2 * HOUR - 1);
        let seen = rig.get(&rig.target().1).text().replace('"', "").contains("value:5,")
            || rig.get(&rig.target().1).text().contains("\"amount\":\"500\"");
        assert!(seen, "one of two");
        let wanted = rig.server.truth().costs(rig.clock.now() - HOUR, START, START + DAY, &[]);
        assert_eq!(wanted[&vec![]], 5_000_000_000_000);
    }
}

#[test]
fn answers_are_compressed_for_whoever_accepts_it() {
    let rig = Rig::of(Provider::OpenRouter, 1, 3);
    let plain = rig.get("/api/v1/activity");
    rig.server.habits(|habits| habits.gzip = true);
    assert_eq!(rig.get("/api/v1/activity").body, plain.body);
    let accepts = [("Accept-Encoding", "br, gzip")];
    let small = rig.get_with("management", "/api/v1/activity", &accepts).expect("answer");
    assert_eq!(small.header("content-encoding"), Some("gzip"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(&small.body[..]).read_to_string(&mut text).expect("gzip");
    assert_eq!(text.as_bytes(), plain.body);
}

#[test]
fn a_server_ends_with_its_owner() {
    let rig = Rig::of(Provider::OpenAi, 1, 1);
    let address = rig.server.url().trim_start_matches("http://").to_owned();
    assert!(std::net::TcpStream::connect(&address).is_ok());
    drop(rig);
    assert!(std::net::TcpStream::connect(&address).is_err());
}
