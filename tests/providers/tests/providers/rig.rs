//! A server with some days behind it, and who asks it.

use std::io;

use aimon_providers::{Clock, DAY, Json, Key, KeyKind, Org, Plan, Provider, Server, Truth};

use crate::client::{Reply, send};

/// 2026-09-01, a Tuesday.
pub const START: i64 = 1_788_220_800_000;
pub const OPENAI_USAGE: &str = "/v1/organization/usage/completions";
pub const OPENAI_COSTS: &str = "/v1/organization/costs";
pub const ANTHROPIC_USAGE: &str = "/v1/organizations/usage_report/messages";
pub const ANTHROPIC_COSTS: &str = "/v1/organizations/cost_report";

/// A server, its clock and its truth.
pub struct Rig {
    pub provider: Provider,
    pub server: Server,
    pub clock: Clock,
    pub days: i64,
}

impl Rig {
    /// A provider at noon after some days, from a seed. What happens in the afternoon nobody knows yet.
    pub fn of(provider: Provider, seed: u64, days: u32) -> Self {
        let mut plan = Plan::of(provider, seed, START, days + 1);
        if matches!(provider, Provider::OpenRouter | Provider::LiteLlm) {
            plan.keys = vec![Some(Key::hash("normal")), Some(Key::hash("account")), None];
        }
        Self::over(provider, Truth::generate(&plan), days)
    }

    /// A provider over a truth that is given.
    pub fn over(provider: Provider, truth: Truth, days: u32) -> Self {
        let clock = Clock::at(START + i64::from(days) * DAY + DAY / 2);
        let keys = vec![
            Key::new(KeyKind::Admin, "admin"),
            Key::new(KeyKind::Normal, "normal").of_user("user-ada").limited(50_000_000_000_000),
            Key::new(KeyKind::ServiceAccount, "account"),
            Key::new(KeyKind::Management, "management"),
            Key::new(KeyKind::Revoked, "revoked"),
        ];
        let server = Server::start(provider, Org::named("acme"), truth, keys, clock.clone()).expect("server");
        Self { provider, server, clock, days: i64::from(days) }
    }

    /// The key that this provider's usage takes.
    pub fn best(&self) -> &'static str {
        if self.provider == Provider::OpenRouter { "management" } else { "admin" }
    }

    /// Asks with that key.
    pub fn get(&self, target: &str) -> Reply {
        self.get_as(self.best(), target).expect("answer")
    }

    /// Asks with a key, as the provider wants it sent.
    pub fn get_as(&self, key: &str, target: &str) -> io::Result<Reply> {
        self.get_with(key, target, &[])
    }

    /// Likewise, with further headers.
    pub fn get_with(&self, key: &str, target: &str, more: &[(&str, &str)]) -> io::Result<Reply> {
        let bearer = format!("Bearer {key}");
        let mut headers = match self.provider {
            Provider::Anthropic => vec![("x-api-key", key), ("anthropic-version", "2023-06-01")],
            _ => vec![("Authorization", bearer.as_str())],
        };
        headers.extend(more);
        send(&self.server, "GET", target, &headers)
    }

    /// All buckets of a query, page by page, and how many pages they were on.
    pub fn buckets(&self, target: &str) -> (Vec<Json>, usize) {
        let (mut buckets, mut pages, mut next) = (Vec::new(), 0, String::new());
        loop {
            let reply = self.get(&format!("{target}{next}"));
            assert_eq!(reply.status, 200, "{target}{next}: {}", reply.text());
            let json = reply.json();
            buckets.extend_from_slice(json.get("data").expect("data").items());
            pages += 1;
            assert!(pages < 5000, "pages without an end");
            match json.get("next_page").and_then(Json::text) {
                Some(token) => next = format!("&page={token}"),
                None => {
                    assert!(!json.get("has_more").expect("has_more").is_true());
                    return (buckets, pages);
                }
            }
        }
    }

    /// The path that faults are tried at, with a query that it answers.
    pub fn target(&self) -> (&'static str, String) {
        let path = match self.provider {
            Provider::OpenAi => OPENAI_COSTS,
            Provider::Anthropic => ANTHROPIC_COSTS,
            Provider::OpenRouter => "/api/v1/activity",
            Provider::LiteLlm => "/user/daily/activity",
            Provider::ClaudeWindows => "/api/oauth/usage",
            Provider::CodexWindows => "/backend-api/wham/usage",
        };
        let query = match self.provider {
            Provider::OpenAi => format!("?start_time={}&limit=2", START / 1000),
            Provider::Anthropic => "?starting_at=2026-09-01T00:00:00Z&limit=2".to_owned(),
            Provider::OpenRouter | Provider::ClaudeWindows | Provider::CodexWindows => String::new(),
            Provider::LiteLlm => "?start_date=2026-09-01&end_date=2026-09-03&page_size=10".to_owned(),
        };
        (path, format!("{path}{query}"))
    }
}

/// Dollars as any server writes them, rounded to pico-dollars; `scale` is 0 for dollars, 2 for cents.
pub fn pico(value: &Json, scale: i32) -> i128 {
    let text = value.number().or(value.text()).unwrap_or_else(|| panic!("no amount: {value}"));
    let (mantissa, power) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: i128 = format!("{whole}{fraction}").parse().unwrap_or_else(|_| panic!("no amount: {text}"));
    let power = power.parse::<i32>().expect("power") - fraction.len() as i32 + 12 - scale;
    if power >= 0 {
        return digits * 10_i128.pow(power.unsigned_abs());
    }
    let divisor = 10_i128.pow(power.unsigned_abs());
    (digits + divisor / 2).div_euclid(divisor)
}
