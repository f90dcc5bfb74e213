//! Calls that an agent's log and their account both tell of, while the account's figures can still change: each counts once.

use aimon_providers::{Call, DAY, HOUR, Provider, Tokens, Truth};
use aimon_tests::up::Up;
use aimon_tests::{Device, files};
use serde_json::Value;

use crate::rig::{World, device, now};

/// Beside each other stand what has settled at Anthropic and what has not, of today and of the days before.
const SPAN: i64 = 3 * DAY;
const EVERY: i64 = 11 * 60_000;

/// Calls up to now; of every second one an agent's log tells, too, under the model's short name or its long one.
fn calls(now: i64) -> Vec<Call> {
    let one = |n: i64| Call {
        model: "claude-sonnet-4-5-20250929".to_owned(),
        key: Some("key".to_owned()),
        tier: "standard".to_owned(),
        tokens: Tokens {
            uncached: 10 + n as u64,
            cache_read: 1_000 + 7 * n as u64,
            cache_write_5m: 5,
            output: 3 * n as u64,
            ..Tokens::default()
        },
        ..Call::at(now - n * EVERY - 1_000)
    };
    (0..SPAN / EVERY).map(one).collect()
}

fn is_logged(n: usize) -> bool {
    n.is_multiple_of(2)
}

fn tokens(call: &Call) -> u64 {
    call.tokens.input() + call.tokens.output
}

fn log(device: &Device, calls: &[Call]) -> u64 {
    let mut text = String::new();
    for (n, call) in calls.iter().enumerate().filter(|(n, _)| is_logged(*n)) {
        let (at, t) = (jiff::Timestamp::from_millisecond(call.at).unwrap(), call.tokens);
        let model = if n.is_multiple_of(4) { "claude-sonnet-4-5" } else { &call.model };
        text.push_str(&format!(
            "{{\"timestamp\":\"{at}\",\"sessionId\":\"s{}\",\"requestId\":\"r{n}\",\"version\":\"2.2.0\",\"message\":{{\"id\":\"m{n}\",\"model\":\
             \"{model}\",\"usage\":{{\"input_tokens\":{},\"cache_read_input_tokens\":{},\"cache_creation_input_tokens\":{},\"output_tokens\":{}}}}}}}\n",
            n % 3, t.uncached, t.cache_read, t.cache_write(), t.output
        ));
    }
    files::put(&device.rig.home().join(".claude/projects/p/s.jsonl"), text.as_bytes());
    calls.iter().enumerate().filter(|(n, _)| is_logged(*n)).map(|(_, call)| tokens(call)).sum()
}

/// Dollars as exact decimal digits, in pico-dollars.
fn pico(dollars: &str) -> i128 {
    let (whole, part) = dollars.split_once('.').unwrap_or((dollars, ""));
    format!("{whole}{part:0<12}").parse().unwrap()
}

fn counts_once(provider: Provider) {
    let now = now();
    let calls = calls(now);
    let (world, device) = (World::over(provider, Truth::of(calls.clone()), now), device());
    let (all, logged) = (calls.iter().map(tokens).sum::<u64>(), log(&device, &calls));
    world.add(&device, 1, &[]).fine();
    let total = |args: &[&str]| {
        let out = device.run(&[&["report", "--json", "--timezone", "UTC"], args].concat()).out;
        let said: Value = serde_json::from_str(&out).unwrap();
        said["totals"]["totalTokens"].as_u64().unwrap()
    };
    assert_eq!(total(&[]), all + logged, "nobody has said who pays");
    device.run(&["source", "cover", "claude-code", "--by", world.name()]);
    assert_eq!(total(&[]), all, "{provider:?}");
    for zone in ["Asia/Kathmandu", "America/Los_Angeles"] {
        let out = device.rig.run_report(&["monthly"], zone);
        let said: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(said["totals"]["totalTokens"].as_u64(), Some(all), "{provider:?} {zone}");
    }
    assert_eq!(total(&["--by", "model"]), all);
    assert_eq!([total(&["--source", "claude-code"]), total(&["--source", world.name()])], [logged, all]);
    assert_eq!(total(&["session"]), logged, "no account tells of sessions");
    // A day by itself says what it says among others.
    let days = |args: &[&str]| {
        let out = device.run(&[&["report", "--json", "--timezone", "UTC"], args].concat()).out;
        let said: Value = serde_json::from_str(&out).unwrap();
        let rows = said["daily"].as_array().unwrap().clone();
        rows.into_iter()
            .map(|row| (row["period"].as_str().unwrap().to_owned(), row["totalTokens"].as_u64().unwrap()))
            .collect::<Vec<_>>()
    };
    for (day, tokens) in days(&[]) {
        assert_eq!(days(&["--since", &day, "--until", &day]), [(day.clone(), tokens)], "{provider:?}");
    }
    // What is divided adds up, for whoever sums it up elsewhere.
    let up = Up::start(&device.rig);
    let metrics = up.text("GET", "/metrics");
    let sum = |name: &str| -> i128 {
        let samples = metrics.lines().filter(|line| line.split(['{', ' ']).next() == Some(name));
        samples.map(|line| pico(line.rsplit(' ').next().unwrap())).sum()
    };
    let (parts, whole) = (sum("aimon_cost_usd_total"), sum("aimon_today_cost_usd"));
    assert!(whole > 0 && parts == whole, "{provider:?}: {parts} of {whole}");
    up.kill();
    // An hour later the provider tells no more of it.
    world.clock.set(now + HOUR);
    device.run(&["poll", "--force"]);
    assert_eq!(total(&[]), all);
    device.run(&["source", "cover", "claude-code", "--by", "nobody"]);
    assert_eq!(total(&[]), all + logged);
}

#[test]
fn what_anthropic_tells_of_an_agents_calls_counts_once_from_their_first_minute_on() {
    counts_once(Provider::Anthropic);
}

#[test]
fn what_a_gateway_tells_of_an_agents_calls_counts_once_from_their_first_minute_on() {
    counts_once(Provider::LiteLlm);
}

/// What is said last holds from its day on, whatever was said before of later days.
#[test]
fn what_is_said_last_holds() {
    let now = now();
    let calls = calls(now);
    let (world, device) = (World::over(Provider::Anthropic, Truth::of(calls.clone()), now), device());
    log(&device, &calls);
    world.add(&device, 1, &[]).fine();
    let cover =
        |by: &str, from: &[&str]| device.run(&[&["source", "cover", "claude-code", "--by", by], from].concat()).out;
    let said = |device: &Device| -> Vec<(String, String)> {
        let list: Value = serde_json::from_str(&device.run(&["source", "list", "--json"]).out).unwrap();
        let text = |value: &Value| value.as_str().unwrap_or("–").to_owned();
        let all = list["coverage"].as_array().unwrap();
        all.iter().map(|one| (text(&one["from"]), text(&one["by"]))).collect()
    };
    let (today, yesterday) = (crate::rig::date(now), crate::rig::date(now - DAY));
    cover("subscription", &["--from", "yesterday"]);
    cover(world.name(), &["--from", "today"]);
    assert_eq!(said(&device).len(), 2);
    let told = cover("subscription", &[]);
    assert!(told.contains(&format!("from {today} on is taken back")), "{told}");
    assert!(!told.contains(&yesterday), "the same was said of it: {told}");
    assert_eq!(said(&device), [("–".to_owned(), "subscription".to_owned())]);
    cover("nobody", &["--from", "today"]);
    assert_eq!(said(&device).len(), 2);
    cover("nobody", &[]);
    assert_eq!(said(&device), []);
    cover("nobody", &["--from", "today"]);
    assert_eq!(said(&device), [], "nobody had said anything");
}

/// What is said of fewer calls goes before what is said of more: whoever says the one hears of the other.
#[test]
fn who_says_something_hears_what_goes_before_it() {
    let now = now();
    let calls = calls(now);
    let (world, device) = (World::over(Provider::Anthropic, Truth::of(calls.clone()), now), device());
    log(&device, &calls);
    world.add(&device, 1, &[]).fine();
    device.rig.scan();
    let cover =
        |args: &[&str]| device.run(&[&["source", "cover", "claude-code"], args].concat()).out.replace('\n', " ");
    let narrow = cover(&["--owner", "-", "--by", world.name()]);
    assert!(!narrow.contains("goes before it"), "{narrow}");
    let wide = cover(&["--by", "subscription"]);
    assert!(wide.contains("What was said of claude-code without an owner goes before it"), "{wide}");
    assert!(wide.contains("`aimon source cover claude-code --owner - --by nobody` takes that back"), "{wide}");
    let narrow = cover(&["--owner", "-", "--by", "nobody"]);
    assert!(narrow.contains("What was said of claude-code holds for it, too: subscription pays"), "{narrow}");
}

/// From a day on nobody says who pays: what was before stays.
#[test]
fn coverage_ends_on_a_day() {
    let now = now();
    let calls = calls(now);
    let (world, device) = (World::over(Provider::Anthropic, Truth::of(calls.clone()), now), device());
    log(&device, &calls);
    world.add(&device, 1, &[]).fine();
    device.run(&["source", "cover", "claude-code", "--by", "anthropic"]);
    device.run(&["source", "cover", "claude-code", "--by", "nobody", "--from", "yesterday"]);
    let from = (now / DAY - 1) * DAY;
    let after = |call: &&Call| call.at >= from;
    let of = |calls: &mut dyn Iterator<Item = &Call>| calls.map(tokens).sum::<u64>();
    let logged = calls.iter().enumerate().filter(|(n, _)| is_logged(*n)).map(|(_, call)| call);
    let expected = of(&mut calls.iter()) + of(&mut logged.filter(after));
    let said: Value = serde_json::from_str(&device.run(&["report", "--json", "--timezone", "UTC"]).out).unwrap();
    assert_eq!(said["totals"]["totalTokens"].as_u64(), Some(expected));
    let list: Value = serde_json::from_str(&device.run(&["source", "list", "--json"]).out).unwrap();
    assert_eq!(
        (&list["sources"][0]["paidBy"], list["coverage"].as_array().map(Vec::len)),
        (&Value::Null, Some(2)),
        "{list}"
    );
}
