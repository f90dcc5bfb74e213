//! What ten organizations use: each minute some calls of each of five models with each of three keys.

use aimon_generator::Prng;
use aimon_providers::{Call, Clock, Key, KeyKind, Org, Provider, Server, Tokens, Truth};

use super::{ACCOUNTS, MINUTE};

const MODELS: [&str; 5] = ["gpt-5.2-2025-12-11", "gpt-5.2-mini", "gpt-5.2-codex", "o5", "gpt-4o-2024-08-06"];

const KEYS: usize = 3;

/// A server that knows of all of them, at a time.
pub fn server(from: i64, to: i64, clock: &Clock) -> Server {
    let used = |account: usize| (Org::named(&format!("bench-{account}")), truth(account, from, to), keys(account));
    let (org, truth, keys) = used(0);
    let server = Server::start(Provider::OpenAi, org, truth, keys, clock.clone()).unwrap();
    for account in 1..ACCOUNTS {
        let (org, truth, keys) = used(account);
        server.add(org, truth, keys);
    }
    server
}

/// The key by which an account is asked.
pub fn key(account: usize) -> String {
    format!("sk-admin-bench-{account}")
}

fn keys(account: usize) -> Vec<Key> {
    vec![Key::new(KeyKind::Admin, &key(account))]
}

fn truth(account: usize, from: i64, to: i64) -> Truth {
    let mut calls = Vec::new();
    for minute in from / MINUTE..to / MINUTE {
        let mut rng = Prng::of(&[account as u64, minute as u64]);
        for model in MODELS {
            for key in 0..KEYS {
                calls.push(call(&mut rng, minute * MINUTE, model, key));
            }
        }
    }
    Truth::of(calls)
}

/// It is known within five minutes, most often much sooner.
fn call(rng: &mut Prng, minute: i64, model: &str, key: usize) -> Call {
    let at = minute + rng.below(MINUTE as u64) as i64;
    let uncached = rng.skewed(1, 40_000);
    Call {
        model: model.to_owned(),
        key: Some(format!("key_{key}")),
        project: Some(format!("proj_{key}")),
        tier: "default".to_owned(),
        tokens: Tokens {
            uncached,
            cache_read: rng.skewed(0, 150_000),
            output: rng.skewed(1, 16_000),
            ..Tokens::default()
        },
        cost: i128::from(uncached) * 2_500_000,
        visible_from: at + rng.skewed(2_000, 5 * MINUTE as u64) as i64,
        ..Call::at(at)
    }
}
