#![allow(clippy::unwrap_used)]

use secrecy::ExposeSecret;

use super::super::tests::{shown, wrong};
use super::*;
use crate::collector::Os;

fn read(body: &str) -> Result<Vec<String>, Unreadable> {
    Codex.read("", body.as_bytes()).map(|limits| shown(&limits))
}

#[test]
fn windows_are_those_that_logs_tell() {
    let body = r#"{"plan_type": "pro", "rate_limit": {"allowed": true,
        "primary_window": {"used_percent": 3, "limit_window_seconds": 18000, "reset_after_seconds": 60, "reset_at": 1796115600},
        "secondary_window": {"used_percent": 33.3333, "limit_window_seconds": 604740, "reset_at": 1796115600}},
        "additional_rate_limits": [
            {"limit_name": "Spark", "metered_feature": "codex_spark",
             "rate_limit": {"primary_window": {"used_percent": 100, "limit_window_seconds": 604800, "reset_at": 0}, "secondary_window": null}},
            {"limit_name": "none", "metered_feature": "codex", "rate_limit": {"primary_window": {"used_percent": 9}}},
            {"limit_name": "no id", "rate_limit": {"primary_window": {"used_percent": 9}}}],
        "credits": {"has_credits": true, "unlimited": false, "balance": "5.39"}}"#;
    assert_eq!(
        read(body).unwrap(),
        [
            "codex 5h 30000 1796115600 18000",
            "codex 7d 333333 1796115600 604740",
            "codex:codex_spark 7d 1000000 - 604800",
        ]
    );
    assert_eq!(read(r#"{"plan_type": "free", "rate_limit": null}"#).unwrap(), Vec::<String>::new());
    let unnamed =
        r#"{"rate_limit": {"primary_window": {"used_percent": 1}, "secondary_window": {"used_percent": "2"}}}"#;
    assert_eq!(read(unnamed).unwrap(), ["codex primary 10000 - -", "codex secondary 20000 - -"]);
}

#[test]
fn what_nobody_can_mean_is_no_reading() {
    for odd in ["-1", "1e30"] {
        let body = format!(r#"{{"rate_limit": {{"primary_window": {{"used_percent": {odd}}}}}}}"#);
        assert!(matches!(read(&body), Err(Unreadable::Absurd { .. })), "{odd}");
    }
    for odd in [
        "{}",
        r#"{"detail": "no"}"#,
        r#"{"rate_limit": 5}"#,
        r#"{"rate_limit": {"primary_window": {"used": 5}}}"#,
        r#"{"rate_limit": null, "additional_rate_limits": {}}"#,
    ] {
        assert!(matches!(read(odd), Err(Unreadable::Shape(_))), "{odd}: {:?}", read(odd));
    }
}

#[test]
fn a_login_says_what_is_wrong_with_it_and_nothing_that_it_holds() {
    let file = r#"{"auth_mode": "chatgpt", "OPENAI_API_KEY": null, "tokens": {"id_token": "needle", "access_token": "needle.needle",
        "refresh_token": "needle", "account_id": "acc-1"}, "last_refresh": "2026-11-01T00:00:00Z"}"#;
    let login = Codex.login(file.as_bytes(), UtcMillis(0)).unwrap();
    assert_eq!((login.token.expose_secret(), login.account.as_deref()), ("needle.needle", Some("acc-1")));
    assert!(!format!("{login:?}").contains("needle"));
    for (file, code) in [
        ("{}", "no-login"),
        (r#"{"OPENAI_API_KEY": "sk-needle", "tokens": null}"#, "no-subscription"),
        (r#"{"tokens": {"access_token": "n"}}"#, "login-unreadable"),
        (r#"{"tokens": "needle"}"#, "login-unreadable"),
    ] {
        assert_eq!(wrong(&Codex, file), code, "{file}");
        let said = Codex.login(file.as_bytes(), UtcMillis(0)).unwrap_err();
        assert!(!format!("{said} {said:?}").contains("needle"), "{said}");
    }
    let env = Env::at("/home/me", Os::Linux);
    assert_eq!(Codex.file(&env), Some("/home/me/.codex/auth.json".into()));
    assert_eq!(Codex.file(&env.with("CODEX_HOME", "/x")), Some("/x/auth.json".into()));
}
