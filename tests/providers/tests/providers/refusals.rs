//! Each rule refuses what it should, in the provider's own shape.

use aimon_providers::{Json, Provider};

use crate::client::send;
use crate::rig::{ANTHROPIC_COSTS, ANTHROPIC_USAGE, OPENAI_COSTS, OPENAI_USAGE, Rig};

#[test]
fn openai_refuses_what_its_description_does_not_have() {
    let rig = Rig::of(Provider::OpenAi, 1, 3);
    let usage = |query: &str| format!("{OPENAI_USAGE}?{query}");
    let costs = |query: &str| format!("{OPENAI_COSTS}?{query}");
    let other = |kind: &str, query: &str| format!("/v1/organization/usage/{kind}?start_time=1788220800&{query}");
    for wrong in [
        usage(""),
        usage("start_time=x"),
        usage("start_time=1788220800&start_time=1788220800"),
        usage("start_time=1788220800&end_time=1788220800"),
        usage("start_time=1788220800.5"),
        usage("start_time=2026-09-01"),
        usage("start_time=1788220800&bucket_width=5m"),
        usage("start_time=1788220800&limit=0"),
        usage("start_time=1788220800&limit=32"),
        usage("start_time=1788220800&bucket_width=1h&limit=169"),
        usage("start_time=1788220800&bucket_width=1m&limit=1441"),
        usage("start_time=1788220800&group_by=line_item"),
        usage("start_time=1788220800&group_by=model,project_id"),
        usage("start_time=1788220800&group_by=model&group_by=model"),
        usage("start_time=1788220800&batch=maybe"),
        usage("start_time=1788220800&page=page_nonsense"),
        usage("start_time=1788220800&starting_at=2026-09-01T00:00:00Z"),
        costs("start_time=1788220800&bucket_width=1h"),
        costs("start_time=1788220800&limit=181"),
        costs("start_time=1788220800&group_by=model"),
        costs("start_time=1788220800&models=gpt-5.2"),
        other("embeddings", "group_by=batch"),
        other("embeddings", "batch=true"),
        other("vector_stores", "group_by=model"),
        other("code_interpreter_sessions", "user_ids=user-ada"),
        other("file_search_calls", "models=gpt-5.2"),
    ] {
        let reply = rig.get(&wrong);
        assert_eq!(reply.status, 400, "{wrong}: {}", reply.text());
        let error = reply.json().get("error").cloned().expect("error");
        assert_eq!(error.get("type").and_then(Json::text), Some("invalid_request_error"), "{wrong}");
        assert!(error.get("message").and_then(Json::text).is_some() && error.get("param").is_some());
    }
    let violations = rig.server.violations();
    assert_eq!(violations.len(), 26, "each of them breaks a documented limit");
    for right in [
        usage("start_time=1788220800&limit=31"),
        usage("start_time=1788220800&bucket_width=1m&limit=1440"),
        costs("start_time=1788220800&limit=180&group_by=line_item&group_by[]=project_id"),
        other("images", "group_by=size&group_by=source"),
    ] {
        assert_eq!(rig.get(&right).status, 200, "{right}");
    }
    assert_eq!(rig.get("/v1/organization/usage/nothing?start_time=1").status, 404);
}

#[test]
fn anthropic_refuses_what_its_reference_does_not_have() {
    let rig = Rig::of(Provider::Anthropic, 1, 3);
    let usage = |query: &str| format!("{ANTHROPIC_USAGE}?{query}");
    let costs = |query: &str| format!("{ANTHROPIC_COSTS}?{query}");
    const FROM: &str = "starting_at=2026-09-01T00:00:00Z";
    for wrong in [
        usage(""),
        usage("starting_at=2026-09-01"),
        usage("starting_at=1788220800"),
        usage(&format!("{FROM}&{FROM}")),
        usage(&format!("{FROM}&ending_at=2026-09-01T00:00:00Z")),
        usage(&format!("{FROM}&bucket_width=1w")),
        usage(&format!("{FROM}&limit=32")),
        usage(&format!("{FROM}&bucket_width=1h&limit=169")),
        usage(&format!("{FROM}&bucket_width=1m&limit=1441")),
        usage(&format!("{FROM}&group_by=model")),
        usage(&format!("{FROM}&group_by[]=description")),
        usage(&format!("{FROM}&group_by[]=speed")),
        usage(&format!("{FROM}&speeds[]=fast")),
        usage(&format!("{FROM}&service_tiers[]=default")),
        usage(&format!("{FROM}&page=page_MjAyNS0wNS0xNFQwMDowMDowMFo=")),
        costs(&format!("{FROM}&bucket_width=1h")),
        costs(&format!("{FROM}&limit=32")),
        costs(&format!("{FROM}&group_by[]=model")),
        costs(&format!("{FROM}&models[]=claude-opus-5")),
        "/v1/organizations/me?limit=1".to_owned(),
    ] {
        let reply = rig.get(&wrong);
        assert_eq!(reply.status, 400, "{wrong}: {}", reply.text());
        let json = reply.json();
        assert_eq!(json.get("type").and_then(Json::text), Some("error"), "{wrong}");
        assert_eq!(json.get("error.type").and_then(Json::text), Some("invalid_request_error"), "{wrong}");
        assert_eq!(json.get("request_id").and_then(Json::text), reply.header("request-id"));
    }
    let fast = [("anthropic-beta", "other-2026-01-01, fast-mode-2026-02-01")];
    let speed = rig.get_with("admin", &usage(&format!("{FROM}&group_by[]=speed")), &fast).expect("answer");
    assert_eq!(speed.status, 200);
    for headers in [
        &[("x-api-key", "admin")][..],
        &[("x-api-key", "admin"), ("anthropic-version", "2022-01-01")],
        &[("anthropic-version", "2023-06-01")],
        &[("anthropic-version", "2023-06-01"), ("Authorization", "Bearer admin")],
    ] {
        let reply = send(&rig.server, "GET", "/v1/organizations/me", headers).expect("answer");
        let status = if headers[0].0 == "x-api-key" { 400 } else { 401 };
        assert_eq!(reply.status, status, "{headers:?}");
    }
}

#[test]
fn openrouter_refuses_what_its_description_does_not_have() {
    let rig = Rig::of(Provider::OpenRouter, 1, 3);
    for wrong in [
        "/api/v1/activity?date=2026-9-1",
        "/api/v1/activity?date=2026-09-04", // today
        "/api/v1/activity?date=2026-08-04", // 31 days ago
        "/api/v1/activity?group_by=model",
        "/api/v1/activity?limit=10",
        "/api/v1/activity?date=2026-09-01&date=2026-09-02",
        "/api/v1/credits?x=1",
        "/api/v1/key?x=1",
    ] {
        let reply = rig.get(wrong);
        assert_eq!(reply.status, 400, "{wrong}: {}", reply.text());
        assert_eq!(reply.json().get("error.code").and_then(Json::integer), Some(400), "{wrong}");
    }
    assert_eq!(rig.get("/api/v1/activity?date=2026-08-05").status, 200);
    assert_eq!(rig.get("/api/v1/activity?group_by=workspace").status, 200);
}

#[test]
fn litellm_refuses_what_its_source_does() {
    let rig = Rig::of(Provider::LiteLlm, 1, 3);
    let activity = |query: &str| format!("/user/daily/activity?{query}");
    const DAYS: &str = "start_date=2026-09-01&end_date=2026-09-03";
    for (wrong, status) in [
        (activity(""), 400),
        (activity("start_date=2026-09-01"), 400),
        (activity("start_date=2026-9-1&end_date=2026-09-03"), 400),
        (activity("start_date=2026-09-03&end_date=2026-09-01"), 400),
        (activity(&format!("{DAYS}&group_by=model")), 400),
        (activity(&format!("{DAYS}&page=0")), 422),
        (activity(&format!("{DAYS}&page=one")), 422),
        (activity(&format!("{DAYS}&page_size=1001")), 422),
        (format!("/user/daily/activity/aggregated?{DAYS}&page=1"), 400),
        (format!("/user/daily/activity/aggregated?{DAYS}&api_key_limit=1001"), 422),
        ("/global/spend?x=1".to_owned(), 400),
    ] {
        let reply = rig.get(&wrong);
        assert_eq!(reply.status, status, "{wrong}: {}", reply.text());
        let detail = reply.json().get("detail").cloned().expect("detail");
        match status {
            400 => assert!(detail.get("error").and_then(Json::text).is_some(), "{wrong}"),
            _ => assert!(detail.items()[0].get("loc").is_some(), "{wrong}"),
        }
    }
    assert_eq!(rig.get("/key/info?key=nobody").status, 404);
    let other = rig.get_as("normal", &activity(&format!("{DAYS}&user_id=user-ben"))).expect("answer");
    assert_eq!(other.status, 403);
    assert_eq!(rig.get_as("account", &activity(DAYS)).expect("answer").status, 403, "a key of nobody's");
}

#[test]
fn keys_open_what_they_are_for() {
    let at = |provider| Rig::of(provider, 2, 2);
    for (provider, target, wanted) in [
        (Provider::OpenAi, format!("{OPENAI_COSTS}?start_time=1788220800"), [200, 403, 403, 403, 401, 401]),
        (Provider::Anthropic, "/v1/organizations/me".to_owned(), [200, 401, 401, 401, 401, 401]),
        (Provider::OpenRouter, "/api/v1/credits".to_owned(), [403, 403, 403, 200, 401, 401]),
        (Provider::OpenRouter, "/api/v1/activity".to_owned(), [403, 403, 403, 200, 401, 401]),
        (Provider::OpenRouter, "/api/v1/key".to_owned(), [200, 200, 200, 200, 401, 401]),
        (Provider::LiteLlm, "/global/spend".to_owned(), [200, 401, 401, 401, 401, 401]),
        (Provider::LiteLlm, "/key/info".to_owned(), [200, 200, 200, 200, 401, 401]),
    ] {
        let rig = at(provider);
        let keys = ["admin", "normal", "account", "management", "revoked", "nobody's"];
        for (key, wanted) in keys.iter().zip(wanted) {
            let reply = rig.get_as(key, &target).expect("answer");
            assert_eq!(reply.status, wanted, "{provider:?} {target} {key}: {}", reply.text());
            assert!(wanted == 200 || reply.json().get("error").is_some(), "{provider:?} {key}");
        }
        assert_eq!(send(&rig.server, "GET", &target, &[]).expect("answer").status, 401);
        assert_eq!(rig.server.requests().last().expect("request").key, "none");
    }
}

#[test]
fn a_page_token_is_good_for_its_query_alone() {
    let rig = Rig::of(Provider::OpenAi, 3, 3);
    let query = format!("{OPENAI_USAGE}?start_time=1788220800&limit=1&group_by=model");
    let json = rig.get(&query).json();
    let token = json.get("next_page").and_then(Json::text).expect("token").to_owned();
    assert_eq!(rig.get(&format!("{query}&page={token}")).status, 200);
    for other in [
        format!("{OPENAI_USAGE}?start_time=1788220800&limit=2&group_by=model&page={token}"),
        format!("{OPENAI_USAGE}?start_time=1788220800&limit=1&group_by=user_id&page={token}"),
        format!("{OPENAI_USAGE}?start_time=1788220801&limit=1&group_by=model&page={token}"),
        format!("/v1/organization/usage/embeddings?start_time=1788220800&limit=1&group_by=model&page={token}"),
        format!("{OPENAI_COSTS}?start_time=1788220800&limit=1&page={token}"),
    ] {
        assert_eq!(rig.get(&other).status, 400, "{other}");
    }
    // Seen at the live server: `=` has to come back as it is.
    let escaped = format!("{query}&page={}", token.replace('=', "%3D"));
    assert_eq!(rig.get(&escaped).status, 400);
    rig.server.habits(|habits| habits.raw_tokens = false);
    assert_eq!(rig.get(&escaped).status, 200);

    let rig = Rig::of(Provider::Anthropic, 3, 3);
    let query = format!("{ANTHROPIC_USAGE}?starting_at=2026-09-01T00:00:00Z&limit=1");
    let token = rig.get(&query).json().get("next_page").and_then(Json::text).expect("token").to_owned();
    assert_eq!(rig.get(&format!("{query}&page={token}")).status, 200);
    assert_eq!(rig.get(&format!("{query}&group_by[]=model&page={token}")).status, 400);
}

#[test]
fn only_get_is_allowed() {
    for provider in Provider::ALL {
        let rig = Rig::of(provider, 1, 1);
        let reply = send(&rig.server, "POST", &rig.target().1, &[]).expect("answer");
        assert_eq!(reply.status, 405);
        assert_eq!(rig.get("/nowhere").status, 404);
    }
}
