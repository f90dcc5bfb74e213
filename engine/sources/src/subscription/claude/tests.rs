#![allow(clippy::unwrap_used)]

use secrecy::ExposeSecret;

use super::super::tests::{shown, wrong};
use super::*;

fn read(body: &str) -> Result<Vec<String>, Unreadable> {
    Claude.read("me", body.as_bytes()).map(|limits| shown(&limits))
}

#[test]
fn windows_are_those_that_the_status_line_tells() {
    let body = r#"{
        "five_hour": {"utilization": 38.25, "resets_at": "2026-11-28T07:59:59.571404+00:00"},
        "seven_day": {"utilization": 12, "resets_at": "2026-12-01T09:00:00.288792+00:00"},
        "seven_day_opus": {"utilization": 0.0, "resets_at": null},
        "seven_day_sonnet": {"utilization": null, "resets_at": null},
        "seven_day_oauth_apps": null, "seven_day_omelette": {"utilization": 5}, "iguana_necktie": {"level": 3},
        "limits": [
            {"kind": "session", "percent": 38, "resets_at": "2026-11-28T08:00:00Z"},
            {"kind": "weekly_all", "percent": 12}, {"kind": "of tomorrow", "percent": "much"},
            {"kind": "weekly_scoped", "percent": 57, "resets_at": 1796115600, "scope": {"model": {"id": null, "display_name": "Fable 5"}}},
            {"kind": "weekly_scoped", "percent": 1, "scope": null}],
        "extra_usage": {"is_enabled": false, "monthly_limit": null, "used_credits": null, "utilization": null}}"#;
    assert_eq!(
        read(body).unwrap(),
        [
            "me 5h 382500 1795852800 18000",
            "me 7d 120000 1796115600 604800",
            "me 7d-fable-5 570000 1796115600 604800",
            "me 7d-opus 0 - 604800",
        ]
    );
    // What some plans answer; and a reply that has the list alone.
    assert_eq!(read(r#"{"five_hour": null, "seven_day": null}"#).unwrap(), Vec::<String>::new());
    assert_eq!(read(r#"{"limits": [{"kind": "session", "percent": 0.5}]}"#).unwrap(), ["me 5h 5000 - 18000"]);
}

#[test]
fn what_nobody_can_mean_is_no_reading() {
    let absurd = |body: &str| matches!(read(body), Err(Unreadable::Absurd { .. }));
    for odd in ["-1", "1e30", "\"-1\"", "1000000000000000000000000000000"] {
        assert!(absurd(&format!(r#"{{"five_hour": {{"utilization": {odd}}}}}"#)), "{odd}");
    }
    for odd in ["-5", "99999999999", "9999999999999999999"] {
        assert!(absurd(&format!(r#"{{"five_hour": {{"utilization": 1, "resets_at": {odd}}}}}"#)), "{odd}");
    }
    for odd in [
        "[]",
        "{}",
        r#"{"error": "no"}"#,
        r#"{"five_hour": {"used": 5}}"#,
        r#"{"five_hour": 5}"#,
        r#"{"five_hour": {"utilization": "a lot"}}"#,
        r#"{"five_hour": {"utilization": {}}}"#,
        r#"{"five_hour": {"utilization": 5, "resets_at": "soon"}}"#,
        r#"{"five_hour": null, "limits": 5}"#,
    ] {
        assert!(matches!(read(odd), Err(Unreadable::Shape(_))), "{odd}: {:?}", read(odd));
    }
}

#[test]
fn a_login_says_what_is_wrong_with_it_and_nothing_that_it_holds() {
    let file = r#"{"claudeAiOauth": {"accessToken": "sk-ant-oat01-needle", "refreshToken": "needle", "expiresAt": 2000,
        "scopes": ["user:inference", "user:profile"], "subscriptionType": "max"}, "mcpOAuth": {}}"#;
    let login = Claude.login(file.as_bytes(), UtcMillis(1_999)).unwrap();
    assert_eq!(login.token.expose_secret(), "sk-ant-oat01-needle");
    assert!(!format!("{login:?}").contains("needle"));
    assert_eq!(Claude.login(file.as_bytes(), UtcMillis(2_000)).unwrap_err().code(), "token-stale");
    for (file, code) in [
        (r#"{"mcpOAuth": {}}"#, "no-login"),
        (r#"{"claudeAiOauth": {"accessToken": ""}}"#, "no-login"),
        (r#"{"claudeAiOauth": {"accessToken": "sk-ant-needle", "scopes": ["user:inference"]}}"#, "token-scope"),
        (r#"{"claudeAiOauth": {"accessToken": "needle needle"}}"#, "login-unreadable"),
        (r#"{"claudeAiOauth": "needle-needle"}"#, "login-unreadable"),
        ("needle", "login-unreadable"),
    ] {
        assert_eq!(wrong(&Claude, file), code, "{file}");
        let said = Claude.login(file.as_bytes(), UtcMillis(0)).unwrap_err();
        assert!(!format!("{said} {said:?}").contains("needle"), "{said}");
    }
}

#[test]
fn the_login_lies_where_claude_code_keeps_it() {
    let env = Env::at("/home/me", Os::Linux);
    assert_eq!(Claude.file(&env), Some("/home/me/.claude/.credentials.json".into()));
    assert_eq!(Claude.keychain(&env), None);
    let mac = Env::at("/Users/me", Os::Mac);
    assert_eq!(Claude.keychain(&mac), Some("Claude Code-credentials"));
    let named = mac.with("CLAUDE_CONFIG_DIR", "/srv/claude,/other");
    assert_eq!(Claude.file(&named), Some("/srv/claude/.credentials.json".into()));
    assert_eq!(Claude.keychain(&named), None, "that item is another login's");
}
