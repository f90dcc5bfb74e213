//! `/metrics` of the running agent, read as Prometheus reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::agent::Up;
use crate::machine::Machine;

/// What is between quotes, and what comes behind.
fn quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.strip_prefix('"').unwrap().char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &text[at + 2..]),
            '\\' => match chars.next().unwrap().1 {
                'n' => value.push('\n'),
                c @ ('\\' | '"') => value.push(c),
                c => panic!("`\\{c}` is no escape"),
            },
            c => value.push(c),
        }
    }
    panic!("no end: {text}")
}

type Labels = BTreeMap<String, String>;

/// By family its type and its samples. Panics at whatever Prometheus would refuse.
fn read(text: &str) -> BTreeMap<String, (String, Vec<(Labels, String)>)> {
    assert!(text.ends_with('\n'));
    let is_name = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let (mut families, mut open) = (BTreeMap::new(), String::new());
    for line in text.strip_suffix('\n').unwrap().split('\n') {
        if let Some(help) = line.strip_prefix("# HELP ") {
            open = help.split(' ').next().unwrap().to_owned();
            assert!(is_name(&open) && help.len() > open.len() + 5, "{line}");
            let new = families.insert(open.clone(), (String::new(), Vec::new()));
            assert!(new.is_none(), "{open} stands together");
            continue;
        }
        let (kind, samples) = families.get_mut(&open).unwrap();
        if let Some(text) = line.strip_prefix("# TYPE ") {
            assert!(kind.is_empty() && samples.is_empty(), "{line}");
            *kind = text.strip_prefix(&format!("{open} ")).unwrap().to_owned();
            assert_eq!(kind.as_str(), if open.ends_with("_total") { "counter" } else { "gauge" }, "{open}");
            continue;
        }
        assert!(!kind.is_empty(), "a type goes before: {line}");
        let mut rest = line.strip_prefix(open.as_str()).unwrap();
        let mut labels = Labels::new();
        if let Some(mut inner) = rest.strip_prefix('{') {
            loop {
                let (name, behind) = inner.split_once('=').unwrap();
                let (value, behind) = quoted(behind);
                assert!(is_name(name) && labels.insert(name.to_owned(), value).is_none(), "{line}");
                match behind.strip_prefix(',') {
                    Some(next) => inner = next,
                    None => break rest = behind.strip_prefix('}').unwrap(),
                }
            }
        }
        let value = rest.strip_prefix(' ').unwrap().to_owned();
        assert!(value.parse::<f64>().is_ok_and(f64::is_finite) && !value.contains('e'), "{line}");
        samples.push((labels, value));
    }
    for (name, (_, samples)) in &families {
        let distinct: BTreeSet<&Labels> = samples.iter().map(|(labels, _)| labels).collect();
        assert!(!samples.is_empty() && distinct.len() == samples.len(), "{name}: each series once");
    }
    families
}

fn scrape(up: &Up, token: &str) -> (String, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", up.port)).unwrap();
    let host = format!("127.0.0.1:{}", up.port);
    write!(stream, "GET /metrics HTTP/1.0\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_ascii_lowercase(), body.to_owned())
}

/// Two calls of now, by a model whose name would break a line, and one of the day before yesterday.
fn machine() -> Machine {
    let machine = Machine::empty();
    let now = jiff::Timestamp::now();
    let call = |n: u32, at: jiff::Timestamp, model: &str| {
        json!({
            "type": "assistant", "timestamp": at.to_string(), "sessionId": "s", "version": "2.1.100", "requestId": format!("req_{n}"),
            "message": { "id": format!("msg_{n}"), "model": model, "usage": {
                "input_tokens": 10, "output_tokens": n * 100, "cache_creation_input_tokens": 1000, "cache_read_input_tokens": 5000,
            } },
        })
        .to_string()
    };
    let before = now - jiff::SignedDuration::from_hours(48);
    let lines = [call(1, now, "model-a"), call(2, now, "a \"b\" \\n\nc"), call(3, before, "gpt-x"), String::new()];
    machine.write(".claude/projects/p/s.jsonl", &lines.join("\n"));
    let limits = json!({ "primary": { "used_percent": 12.5, "window_minutes": 300, "resets_at": 4_000_000_000_u64 } });
    let codex = json!({ "timestamp": now.to_string(), "type": "event_msg", "payload": { "type": "token_count", "info": null, "rate_limits": limits } });
    machine.write(
        ".codex/sessions/2026/11/20/rollout-2026-11-20T11-00-00-0199a213-0000-7000-8000-000000000001.jsonl",
        &format!("{codex}\n"),
    );
    machine
}

#[test]
fn a_scrape_has_the_figures_of_the_report() {
    let machine = machine();
    let up = Up::start(&machine);
    let alone = std::fs::read_to_string(machine.data().join("agent.token")).unwrap();
    assert_eq!(alone, up.token, "a file that Prometheus can read it from");
    let (head, body) = scrape(&up, &alone);
    assert!(head.contains(" 200 ") && head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    let families = read(&body);
    let report = machine.run(&["report", "--since", "today", "--json"]).json();
    let models = report["daily"][0]["modelBreakdowns"].as_array().unwrap();
    assert_eq!(models.len(), 2, "{report}");
    let find = |family: &str, model: &str| {
        let mut found = families[family].1.iter().filter(|(labels, _)| labels["gen_ai_request_model"] == model);
        let one = found.next().map(|(labels, value)| (labels.clone(), value.clone()));
        assert!(found.next().is_none(), "{family}");
        one
    };
    let of = |model: &Value, key: &str| model[key].as_u64().unwrap();
    for model in models {
        let name = model["modelName"].as_str().unwrap();
        let prompt = of(model, "inputTokens") + of(model, "cacheCreationTokens") + of(model, "cacheReadTokens");
        for (family, expected) in [
            ("gen_ai_client_inference_usage_input_tokens_total", prompt),
            ("gen_ai_client_inference_usage_output_tokens_total", of(model, "outputTokens")),
            ("gen_ai_client_inference_usage_cache_read_input_tokens_total", of(model, "cacheReadTokens")),
            ("gen_ai_client_inference_usage_cache_write_input_tokens_total", of(model, "cacheCreationTokens")),
            ("gen_ai_client_inference_usage_reasoning_output_tokens_total", of(model, "reasoningTokens")),
            ("aimon_calls_total", of(model, "calls")),
        ] {
            let (labels, value) = find(family, name).unwrap();
            assert_eq!(value, expected.to_string(), "{family} {name}");
            let said = ["gen_ai_provider_name", "aimon_source"].map(|label| labels[label].as_str());
            assert_eq!(said, ["anthropic", "claude-code"]);
            assert!(labels["aimon_device"].starts_with("device "), "{labels:?}");
        }
    }
    // 10 × 1 + 100 × 10 + 1000 × 2 + 5000 × 0.1 millionths of a dollar; nobody knows what the other one costs.
    assert_eq!(find("aimon_cost_usd_total", "model-a").unwrap().1, "0.00351");
    assert_eq!(find("aimon_cost_usd_total", "a \"b\" \\n\nc"), None, "{body}");
    assert_eq!(find("aimon_calls_total", "gpt-x").unwrap().1, "0", "known of late, not used today");
    let one = |family: &str| families[family].1[0].1.as_str();
    let status = machine.run(&["status", "--json"]).json();
    assert_eq!(one("aimon_today_tokens"), status["today"]["totalTokens"].to_string());
    assert_eq!((one("aimon_today_cost_usd"), one("aimon_today_unpriced_calls")), ("0.00351", "1"));
    assert_eq!((one("aimon_window_used_ratio"), one("aimon_window_reset_timestamp_seconds")), ("0.125", "4000000000"));
    let sources: Vec<&str> = families["aimon_source_last_scan_timestamp_seconds"]
        .1
        .iter()
        .map(|(l, _)| l["aimon_source"].as_str())
        .collect();
    assert_eq!(sources, ["claude-code", "codex"]);
    assert!(!families.contains_key("aimon_relay_queue_chunks"), "there is no workspace");
    assert!(!body.contains(machine.home().to_str().unwrap()) && !body.contains(&alone), "{body}");
    for token in ["", "0", &"0".repeat(64)] {
        assert!(scrape(&up, token).0.contains(" 401 "));
    }
    #[cfg(unix)]
    {
        up.end();
        assert!(!machine.data().join("agent.token").exists(), "it goes with the agent");
    }
}
