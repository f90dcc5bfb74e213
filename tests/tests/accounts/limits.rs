//! What is left of an account.
#![allow(clippy::float_arithmetic)]

use aimon_providers::Provider;
use aimon_tests::files;
use serde_json::Value;

use crate::rig::{World, device};

#[test]
fn a_balance_and_what_a_key_may_spend_are_shown() {
    let (world, device) = (World::new(Provider::OpenRouter, 31), device());
    world.add(&device, 1, &["--label", "work"]).fine();
    let json: Value = serde_json::from_str(&device.run(&["windows", "--json"]).out).unwrap();
    let (balance, key) = (&json["balances"][0], &json["keys"][0]);
    let cents = |value: &Value| (value.as_f64().unwrap_or_else(|| panic!("{json}")) * 100.0).round() as i64;
    assert_eq!(
        (cents(&balance["bought"]) - cents(&balance["used"]) - cents(&balance["balance"])).abs() / 2,
        0,
        "{json}"
    );
    assert_eq!((&balance["account"], &balance["name"]), (&key["account"], &key["name"]));
    assert_eq!(balance["name"], "work");
    assert!(key["used"].is_number() && balance["seenAt"].is_string(), "{json}");
    let text = device.run(&["windows"]).out;
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("work (openrouter/")).collect();
    assert!(matches!(lines[..], [balance, key] if balance.contains(" left") && key.contains("key: ")), "{text}");
}

#[test]
fn calls_that_an_account_pays_for_use_no_window_up() {
    let (world, device) = (World::new(Provider::OpenRouter, 32), device());
    world.add(&device, 1, &[]).fine();
    let now = jiff::Timestamp::now().as_second();
    let at = jiff::Timestamp::from_second(now - 600).unwrap();
    let usage = r#"{"input_tokens":0,"cached_input_tokens":0,"output_tokens":9,"total_tokens":9}"#;
    let id = "0199a213-0000-7000-8000-000000000001";
    let log = format!(
        "{{\"timestamp\":\"{at}\",\"type\":\"session_meta\",\"payload\":{{\"id\":\"{id}\",\"timestamp\":\"{at}\"}}}}\n\
         {{\"timestamp\":\"{at}\",\"type\":\"turn_context\",\"payload\":{{\"model\":\"gpt-5\"}}}}\n\
         {{\"timestamp\":\"{at}\",\"type\":\"event_msg\",\"payload\":{{\"type\":\"token_count\",\"info\":{{\"total_token_usage\":{usage},\
         \"last_token_usage\":{usage}}},\"rate_limits\":{{\"primary\":{{\"used_percent\":20,\"window_minutes\":300,\"resets_at\":{}}}}}}}}}\n",
        now + 3600
    );
    files::put(
        &device.rig.home().join(format!(".codex/sessions/2026/11/20/rollout-2026-11-20T11-00-00-{id}.jsonl")),
        log.as_bytes(),
    );
    let parts = || {
        let json: Value = serde_json::from_str(&device.run(&["windows", "--json"]).out).unwrap();
        let movement = &json["windows"][0]["movement"];
        (movement["shares"].as_array().unwrap().len(), movement["unexplainedPercent"].as_u64())
    };
    assert_eq!(parts(), (1, Some(0)));
    device.run(&["source", "cover", "codex", "--by", "openrouter"]);
    assert_eq!(parts(), (0, Some(20)));
}
