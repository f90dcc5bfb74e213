//! Each fault does what it says, to one answer, and the next one is right again.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use aimon_providers::{Absurd, Fault, Json, Provider, Schema};

use crate::client::Reply;
use crate::rig::{ANTHROPIC_COSTS, OPENAI_COSTS, OPENAI_USAGE, Rig, pico};

/// A provider's answer with a fault, after one without and before one without.
fn with(provider: Provider, fault: Fault) -> (Reply, Reply) {
    let rig = Rig::of(provider, 5, 6);
    let (path, target) = rig.target();
    let right = rig.get(&target);
    rig.server.fault(path, fault.clone());
    let wrong = rig.get(&target);
    assert_eq!(rig.server.requests().last().and_then(|request| request.fault.clone()), Some(fault));
    assert_eq!(rig.get(&target).body, right.body, "the next one is right");
    (right, wrong)
}

#[test]
fn refusals_have_the_providers_shape() {
    for provider in Provider::ALL {
        for status in [500, 503, 529] {
            let (_, wrong) = with(provider, Fault::Status(status));
            assert_eq!(wrong.status, status);
            assert!(wrong.json().get("error").is_some());
        }
    }
}

#[test]
fn an_answer_can_be_slow() {
    let rig = Rig::of(Provider::OpenAi, 1, 1);
    let (path, target) = rig.target();
    rig.server.fault(path, Fault::Slow(Duration::from_millis(300)));
    let start = Instant::now();
    assert_eq!(rig.get(&target).status, 200);
    assert!(start.elapsed() >= Duration::from_millis(300));
}

#[test]
fn a_body_can_break_off() {
    for provider in Provider::ALL {
        let (right, wrong) = with(provider, Fault::CutBody);
        assert_eq!(wrong.status, 200);
        assert!(!wrong.whole);
        assert_eq!(wrong.body, right.body[..right.body.len() / 2]);
    }
}

#[test]
fn a_connection_can_be_reset() {
    let rig = Rig::of(Provider::OpenAi, 1, 1);
    let (path, target) = rig.target();
    rig.server.fault(path, Fault::Reset);
    let error = rig.get_as("admin", &target).expect_err("no answer");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(rig.server.requests()[0].status, 0);
    assert_eq!(rig.get(&target).status, 200);
}

#[test]
fn somebody_else_can_answer() {
    let (_, wrong) = with(Provider::OpenAi, Fault::CaptivePortal);
    assert_eq!((wrong.status, wrong.header("content-type")), (200, Some("text/html")));
    assert!(wrong.text().starts_with("<!DOCTYPE html>"));
    let (_, wrong) = with(Provider::Anthropic, Fault::Redirect("http://elsewhere.invalid/v1".into()));
    assert_eq!((wrong.status, wrong.header("location")), (302, Some("http://elsewhere.invalid/v1")));
}

#[test]
fn bodies_can_be_larger_than_anybody_should_read() {
    let (_, bomb) = with(Provider::OpenAi, Fault::GzipBomb);
    assert_eq!(bomb.header("content-encoding"), Some("gzip"));
    assert!(bomb.whole && bomb.body.len() < 2 << 20 && bomb.body.starts_with(&[0x1f, 0x8b]));
    let (_, huge) = with(Provider::OpenAi, Fault::HugeBody);
    assert!(!huge.whole, "the client stopped reading at 4 MiB");
    assert!(huge.body.len() > 3 << 20);
}

#[test]
fn bodies_can_be_no_json_or_say_that_they_are_not() {
    for provider in Provider::ALL {
        let (_, wrong) = with(provider, Fault::BrokenJson);
        assert!(wrong.whole && Json::parse(wrong.text()).is_none());
        let (right, wrong) = with(provider, Fault::WrongType);
        assert_eq!(wrong.header("content-type"), Some("text/plain"));
        assert_eq!(wrong.body, right.body);
    }
}

#[test]
fn shapes_can_change() {
    for (provider, field) in [
        (Provider::OpenAi, "amount"),
        (Provider::Anthropic, "amount"),
        (Provider::OpenRouter, "usage"),
        (Provider::LiteLlm, "prompt_tokens"),
    ] {
        let (right, wrong) = with(provider, Fault::Schema(Schema::Renamed));
        assert!(right.text().contains(&format!("\"{field}\":")));
        assert!(!wrong.text().contains(&format!("\"{field}\":")), "{provider:?}: {}", wrong.text());
        assert!(wrong.text().contains(&format!("\"{field}_v2\":")));
        let (_, wrong) = with(provider, Fault::Schema(Schema::NumbersAsText));
        assert!(!has_number(&wrong.json()), "{}", wrong.text());
    }
    for provider in [Provider::OpenAi, Provider::Anthropic, Provider::LiteLlm] {
        let (right, wrong) = with(provider, Fault::Schema(Schema::NoHasMore));
        assert!(right.text().contains("has_more") && !wrong.text().contains("has_more"));
    }
    for provider in [Provider::OpenAi, Provider::Anthropic] {
        let (right, wrong) = with(provider, Fault::Schema(Schema::Repeated));
        let buckets = |reply: &Reply| reply.json().get("data").map_or(0, |data| data.items().len());
        assert_eq!(buckets(&wrong), buckets(&right) + 1);
    }
}

fn has_number(json: &Json) -> bool {
    let inside = json.items().iter().chain(json.members().iter().map(|(_, value)| value));
    json.number().is_some() || inside.into_iter().any(has_number)
}

#[test]
fn figures_can_be_absurd() {
    let amount = |reply: &Reply| {
        let json = reply.json();
        let results = json.get("data").expect("data").items()[0].get("results").expect("results").items().to_vec();
        results[0].get("amount").map(|amount| amount.get("value").unwrap_or(amount).clone()).expect("amount")
    };
    for provider in [Provider::OpenAi, Provider::Anthropic] {
        let (right, wrong) = with(provider, Fault::Figures(Absurd::Negative));
        assert_eq!(pico(&amount(&wrong), 2), -pico(&amount(&right), 2));
        let (_, wrong) = with(provider, Fault::Figures(Absurd::Vast));
        assert!(amount(&wrong).to_string().contains("1000000000000000000000000000000"));
    }
    // A string may say NaN; a number that does is no JSON.
    assert_eq!(amount(&with(Provider::Anthropic, Fault::Figures(Absurd::NotANumber)).1), "NaN".into());
    let (_, wrong) = with(Provider::OpenAi, Fault::Figures(Absurd::NotANumber));
    assert!(wrong.text().contains(":NaN") && Json::parse(wrong.text()).is_none());
    for provider in [Provider::OpenRouter, Provider::LiteLlm] {
        let (right, wrong) = with(provider, Fault::Figures(Absurd::Vast));
        assert!(!right.text().contains("1000000000000000000000000000000"));
        assert!(wrong.text().contains("1000000000000000000000000000000"));
    }
}

#[test]
fn currencies_can_be_others() {
    for (provider, usual) in [(Provider::OpenAi, "usd"), (Provider::Anthropic, "USD")] {
        let (right, wrong) = with(provider, Fault::Currency("EUR".into()));
        assert!(right.text().contains(&format!("\"currency\":\"{usual}\"")));
        assert!(!wrong.text().contains(usual) && wrong.text().contains("\"currency\":\"EUR\""));
    }
}

#[test]
fn pages_can_go_on_for_ever() {
    for (provider, target) in [
        (Provider::OpenAi, format!("{OPENAI_USAGE}?start_time=1788220800&limit=2")),
        (Provider::Anthropic, format!("{ANTHROPIC_COSTS}?starting_at=2026-09-01T00:00:00Z&limit=2")),
    ] {
        let rig = Rig::of(provider, 5, 6);
        let path = target.split('?').next().expect("path");
        rig.server.fault_always(path, Fault::EndlessPages);
        let mut next = String::new();
        let mut bodies = Vec::new();
        for _ in 0..20 {
            let reply = rig.get(&format!("{target}{next}"));
            assert_eq!(reply.status, 200, "{}", reply.text());
            let json = reply.json();
            assert!(json.get("has_more").expect("has_more").is_true());
            next = format!("&page={}", json.get("next_page").and_then(Json::text).expect("token"));
            bodies.push(reply.body);
        }
        assert!(bodies.windows(2).all(|two| two[0] == two[1]), "the same page again and again");
        rig.server.mend();
        let end = rig.buckets(&target);
        assert_eq!(end.0.len(), 7);
    }
    let rig = Rig::of(Provider::LiteLlm, 5, 6);
    let (path, target) = rig.target();
    rig.server.fault_always(path, Fault::EndlessPages);
    let beyond = rig.get(&format!("{target}&page=999")).json();
    assert!(beyond.get("metadata.has_more").expect("has_more").is_true());
}

#[test]
fn the_next_page_can_be_lost() {
    for provider in [Provider::OpenAi, Provider::Anthropic] {
        let (_, wrong) = with(provider, Fault::LostNextPage);
        let json = wrong.json();
        assert!(json.get("has_more").expect("has_more").is_true());
        assert_eq!(json.get("next_page"), Some(&Json::Null));
    }
}

#[test]
fn a_key_can_be_revoked_between_two_pages() {
    for provider in Provider::ALL {
        let rig = Rig::of(provider, 5, 6);
        let (path, target) = rig.target();
        assert_eq!(rig.get(&target).status, 200);
        rig.server.fault(path, Fault::KeyRevoked);
        assert_eq!(rig.get(&target).status, 401);
        rig.server.mend();
        assert_eq!(rig.get(&target).status, 401, "and it stays so");
        rig.server.set_kind(rig.best(), aimon_providers::KeyKind::Admin);
    }
}

#[test]
fn faults_at_random_come_and_go() {
    let rig = Rig::of(Provider::OpenAi, 5, 6);
    rig.server.faults_at_random(9, 400);
    let target = format!("{OPENAI_COSTS}?start_time=1788220800");
    for _ in 0..60 {
        let _ = rig.get_as("admin", &target);
        // Longer than any wait that is told.
        rig.clock.advance(100_000);
    }
    let faults = rig.server.requests().iter().filter(|request| request.fault.is_some()).count();
    assert!((10..40).contains(&faults), "{faults}");
    assert_eq!(rig.server.violations(), [], "whoever waits breaks nothing");
    rig.server.mend();
    assert_eq!(rig.get(&target).status, 200);
    rig.server.faults_among(9, 1000, vec![Fault::Status(503), Fault::Status(500)]);
    assert!((0..20).all(|_| matches!(rig.get(&target).status, 500 | 503)));
}
