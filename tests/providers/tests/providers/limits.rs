//! Rates, waits, and what is listed of whoever does not keep them.

use aimon_providers::{Fault, MINUTE, Provider, Quota, Wait};

use crate::rig::{ANTHROPIC_COSTS, ANTHROPIC_USAGE, OPENAI_COSTS, Rig};

fn rules(rig: &Rig) -> Vec<String> {
    rig.server.violations().into_iter().map(|violation| violation.rule).collect()
}

#[test]
fn more_than_the_rate_is_refused_until_there_is_room() {
    let rig = Rig::of(Provider::OpenAi, 1, 1);
    rig.server.habits(|habits| habits.rate = Some((2, MINUTE)));
    let target = format!("{OPENAI_COSTS}?start_time=1788220800");
    assert_eq!(rig.get(&target).status, 200);
    rig.clock.advance(20_000);
    assert_eq!(rig.get(&target).status, 200);
    rig.clock.advance(20_000);
    let third = rig.get(&target);
    assert_eq!((third.status, third.header("retry-after")), (429, Some("20")));
    assert_eq!(rules(&rig), ["more requests than the rate limit allows"]);
    rig.clock.advance(19_000);
    assert_eq!(rig.get(&target).status, 429);
    assert!(rules(&rig).contains(&"a request before Retry-After was over".to_owned()));
    rig.clock.advance(1_000);
    rig.server.forget();
    assert_eq!(rig.get(&target).status, 200);
    assert_eq!(rules(&rig), [""; 0]);
}

#[test]
fn another_key_has_a_rate_of_its_own() {
    let rig = Rig::of(Provider::LiteLlm, 1, 1);
    rig.server.habits(|habits| habits.rate = Some((1, MINUTE)));
    assert_eq!(rig.get_as("admin", "/key/info").expect("answer").status, 200);
    assert_eq!(rig.get_as("normal", "/key/info").expect("answer").status, 200);
    assert_eq!(rig.get_as("normal", "/key/info").expect("answer").status, 429);
}

#[test]
fn a_wait_that_was_told_is_to_be_kept() {
    for (wait, header) in
        [(Wait::Seconds(30), Some("30")), (Wait::Date(30), Some("Wed, 02 Sep 2026 12:00:30 GMT")), (Wait::Unsaid, None)]
    {
        let rig = Rig::of(Provider::OpenAi, 1, 1);
        let (path, target) = rig.target();
        rig.server.fault(path, Fault::TooMany(wait));
        let reply = rig.get(&target);
        assert_eq!((reply.status, reply.header("retry-after")), (429, header));
        rig.clock.advance(29_999);
        rig.get(&target);
        let early = header.is_some();
        assert_eq!(rules(&rig), vec!["a request before Retry-After was over"; usize::from(early)]);
        rig.clock.advance(1);
        rig.get(&target);
        assert_eq!(rules(&rig).len(), usize::from(early), "kept");
    }
}

#[test]
fn anthropic_is_polled_once_a_minute() {
    let rig = Rig::of(Provider::Anthropic, 1, 3);
    let from = "starting_at=2026-09-01T00:00:00Z";
    let costs = format!("{ANTHROPIC_COSTS}?{from}&limit=1");
    let (_, pages) = rig.buckets(&costs);
    assert_eq!((pages, rules(&rig)), (4, vec![]), "pages may follow at once");
    // Usage by another width is another poll, costs of another time are not.
    let usage = format!("{ANTHROPIC_USAGE}?{from}");
    rig.get(&usage);
    rig.get(&format!("{usage}&bucket_width=1h"));
    assert_eq!(rules(&rig), [""; 0]);
    rig.get(&format!("{ANTHROPIC_COSTS}?starting_at=2026-09-02T00:00:00Z"));
    rig.get(&usage);
    assert_eq!(rules(&rig), ["polled more than once a minute"; 2]);
    rig.clock.advance(MINUTE);
    rig.get(&usage);
    rig.get(&costs);
    assert_eq!(rules(&rig).len(), 2);
}

#[test]
fn requests_are_kept_as_they_came() {
    let rig = Rig::of(Provider::OpenRouter, 1, 2);
    rig.get_with("management", "/api/v1/credits", &[("User-Agent", "aimon/1.0")]).expect("answer");
    rig.get_as("nobody's", "/api/v1/activity?date=2026-09-01").expect("answer");
    let requests = rig.server.requests();
    assert_eq!(requests[0].agent, "aimon/1.0");
    assert_eq!(requests[0].key, aimon_providers::Key::hash("management"));
    assert_eq!((requests[0].method.as_str(), requests[0].status), ("GET", 200));
    assert_eq!((requests[1].path.as_str(), requests[1].query.as_str()), ("/api/v1/activity", "date=2026-09-01"));
    assert_eq!((requests[1].key.as_str(), requests[1].status), ("unknown", 401));
    assert_eq!(requests[1].at, rig.clock.now());
}

/// A subscription's windows go to whoever has the token and sends nothing else, and not twice in five minutes.
#[test]
fn windows_are_told_rarely_and_to_nobody_who_sends_more_than_is_needed() {
    for (provider, target, header) in [
        (Provider::ClaudeWindows, "/api/oauth/usage", ("anthropic-beta", "oauth-2025-04-20")),
        (Provider::CodexWindows, "/backend-api/wham/usage", ("chatgpt-account-id", "org-acme")),
    ] {
        let rig = Rig::of(provider, 1, 1);
        rig.server.set_quotas(vec![Quota::new("five_hour", "1.5", None, 1), Quota::new("primary", "1.5", None, 1)]);
        let status = |minutes: i64, key: &str, more: &[(&str, &str)]| {
            rig.clock.advance(minutes * MINUTE);
            // The rig closes its connections, and says so.
            rig.get_with(key, target, more).expect("answer").status
        };
        assert_eq!(status(0, "normal", &[header]), 200);
        assert_eq!(status(5, "revoked", &[header]), 401);
        assert_eq!(status(5, "nobody", &[header]), 401);
        assert_eq!(status(5, "normal", &[]), 401);
        assert_eq!(status(5, "admin", &[header]), 403, "another scope");
        assert_eq!(rules(&rig), [""; 0]);
        assert_eq!(status(4, "normal", &[header]), 200);
        assert_eq!(rules(&rig), ["windows asked for twice in five minutes"]);
        rig.server.forget();
        assert_eq!(status(5, "normal", &[header, ("x-app", "cli")]), 400);
        assert_eq!(rules(&rig), ["x-app: A header that nothing asks for."]);
    }
}
