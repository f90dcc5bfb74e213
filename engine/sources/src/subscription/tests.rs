//! What the subscriptions' tests share.

#![allow(clippy::unwrap_used)]

use super::*;

/// Windows as text: account, window, millionths, reset, length.
pub(crate) fn shown(limits: &[Limit]) -> Vec<String> {
    let number = |n: Option<i64>| n.map_or("-".to_owned(), |n| n.to_string());
    let one = |limit: &Limit, w: &Window| {
        format!("{} {} {} {} {}", limit.account, w.name, w.used_ppm, number(w.resets_at_s), number(w.window_s))
    };
    limits.iter().flat_map(|limit| limit.windows.iter().map(move |w| one(limit, w))).collect()
}

/// What is wrong with a login.
pub(crate) fn wrong(of: &dyn Subscription, file: &str) -> &'static str {
    of.login(file.as_bytes(), UtcMillis(1_000)).unwrap_err().code()
}

#[test]
fn subscriptions_differ_and_are_of_known_sources() {
    let kinds: Vec<&str> = crate::collectors().iter().map(|one| one.kind()).collect();
    let mut names: Vec<&str> = subscriptions().iter().map(|one| one.source()).collect();
    assert!(names.iter().all(|name| kinds.contains(name)));
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), subscriptions().len());
    for one in subscriptions() {
        assert!(http::base(one.url()).is_ok() && !one.url().ends_with('/'));
        assert!(one.url_variable().starts_with("AIMON_") && subscription(one.source()).is_some());
    }
}

#[test]
fn a_login_is_read_as_it_lies_there() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("login");
    assert_eq!(login::file(&codex::Codex, &path), Ok(None));
    std::fs::write(&path, b"{}").unwrap();
    assert_eq!(login::file(&codex::Codex, &path).unwrap().unwrap().as_slice(), b"{}");
    std::fs::write(&path, vec![b' '; 2 << 20]).unwrap();
    assert_eq!(login::file(&codex::Codex, &path).unwrap_err().code(), "login-unreadable");
    assert_eq!(login::file(&codex::Codex, home.path()).unwrap_err().code(), "login-unreadable");
}
