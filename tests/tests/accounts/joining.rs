//! A device that joins a workspace, or leaves it, goes on asking for its accounts, and what was said of it holds.

use aimon_providers::{Axis, Provider};
use aimon_tests::{Device, files, folder_address, pair};
use serde_json::Value;

use crate::rig::{World, device, now, report};

fn log(device: &Device, folder: &str, name: &str) {
    let at = jiff::Timestamp::from_millisecond(now() - 3 * 3_600_000).unwrap();
    let line = format!(
        "{{\"timestamp\":\"{at}\",\"sessionId\":\"s-{name}\",\"requestId\":\"r-{name}\",\"version\":\"2.2.0\",\"message\":{{\"id\":\"{name}\",\
         \"model\":\"claude-sonnet-4-5\",\"usage\":{{\"input_tokens\":10,\"output_tokens\":5}}}}}}\n"
    );
    files::put(&device.rig.path(folder).join("projects/p").join(format!("{name}.jsonl")), line.as_bytes());
}

/// Who pays for each of the sources that are listed.
fn payers(device: &Device) -> Vec<(u64, Option<String>)> {
    let list: Value = serde_json::from_str(&device.run(&["source", "list", "--json"]).out).unwrap();
    let one = |source: &Value| (source["calls"].as_u64().unwrap(), source["paidBy"].as_str().map(str::to_owned));
    list["sources"].as_array().unwrap().iter().map(one).collect()
}

#[test]
fn accounts_and_who_pays_go_with_a_device_into_a_workspace_and_out_of_it() {
    let (world, host, joiner) = (World::new(Provider::OpenAi, 51), device(), device());
    let shared = host.rig.path("shared");
    std::fs::create_dir_all(&shared).unwrap();
    host.create(&folder_address(&shared), "host");
    let dirs = ["all", "work"].map(|folder| joiner.rig.path(folder).display().to_string());
    joiner.rig.env("CLAUDE_CONFIG_DIR", &dirs.join(","));
    log(&joiner, "all", "a");
    log(&joiner, "work", "b");
    world.add(&joiner, 1, &[]).fine();
    joiner.rig.scan();
    let health: Value = serde_json::from_str(&joiner.run(&["doctor", "--json"]).out).unwrap();
    let id = health["device"].as_str().unwrap();
    joiner.run(&["source", "cover", "claude-code", "--device", id, "--by", world.name()]);
    joiner.run(&["source", "cover", "claude-code", "--root", &dirs[1], "--by", "subscription"]);
    joiner.rig.scan();
    let (account, subscription) = (world.name(), "subscription");
    let expected = |calls: u64| {
        let paid = |by: &str| {
            payers(&joiner).into_iter().find(|(_, payer)| payer.as_deref().is_some_and(|p| p.starts_with(by)))
        };
        assert_eq!(paid(account).map(|(calls, _)| calls), Some(1));
        assert_eq!(paid(subscription).map(|(calls, _)| calls), Some(calls));
    };
    expected(1);
    let before = joiner.rig.report("UTC", &[]);

    pair(&host, &joiner, "laptop");
    assert_eq!(joiner.rig.report("UTC", &[]), before);
    expected(1);
    let list: Value = serde_json::from_str(&joiner.run(&["account", "list", "--json"]).out).unwrap();
    let holders = list[0]["keys"].as_array().unwrap();
    assert!(holders.len() == 1 && holders[0]["isHere"] == true, "{list}");
    // What is read later is known by the same owner.
    log(&joiner, "work", "c");
    joiner.rig.scan();
    expected(2);
    world.server.forget();
    let said = joiner.run(&["poll", "--force"]);
    assert!(!world.server.requests().is_empty(), "{said:?}");
    joiner.sync();
    host.sync();
    assert_eq!(host.rig.report("UTC", &[]), joiner.rig.report("UTC", &[]));

    // Its key is no workspace's.
    joiner.run(&["workspace", "leave", "--yes"]);
    world.server.forget();
    joiner.run(&["poll", "--force"]);
    assert!(!world.server.requests().is_empty());
    let secrets = || joiner.secrets().into_iter().map(|file| format!("{file:?}")).collect::<String>();
    assert!(secrets().contains("key-") && !secrets().contains("device"), "{}", secrets());
    joiner.run(&["account", "remove", world.name()]);
    assert!(!secrets().contains("key-"));
}

/// As long as the past is not all fetched, nobody takes what is there for all.
#[test]
fn what_is_not_fetched_yet_is_said() {
    let (world, device) = (World::new(Provider::OpenAi, 52), device());
    world.add(&device, 1, &["--no-backfill"]).fine();
    let missing = "what it used before is missing";
    for command in [&["report"][..], &["status"]] {
        let said = device.run(command);
        assert!(said.err.contains(missing), "{said:?}");
    }
    for command in [&["account", "list"][..], &["doctor"]] {
        let said = device.run(command).out.replace('\n', " ");
        assert!(said.contains("fetched back to"), "{said}");
    }
    let from = |device: &Device| {
        let status: Value = serde_json::from_str(&device.run(&["status", "--json"]).out).unwrap();
        status["accounts"][0]["fetchedFrom"].clone()
    };
    assert!(from(&device).is_string());
    device.run(&["poll"]);
    assert_eq!(report(&device, "model", "UTC"), world.truth(Axis::Model));
    assert_eq!(from(&device), Value::Null);
    assert!(!device.run(&["report"]).err.contains(missing));
}

/// What accounts say themselves is not made of calls: who asks what a figure is made of hears so.
#[test]
fn a_figure_that_no_call_explains_is_no_dead_end() {
    let (world, device) = (World::new(Provider::OpenAi, 53), device());
    world.add(&device, 1, &[]).fine();
    let model = world.truth(Axis::Model).into_keys().find(|model| !model.is_empty()).unwrap();
    let said = device.run(&["explain", "--since", "2020-01-01", "--model", &model]).out.replace('\n', " ");
    assert!(said.contains("Accounts themselves tell of") && said.contains("--by account"), "{said}");
    let said = device.tell(&["explain", "--since", "2020-01-01", "--model", "no-such-model"], "");
    assert!(said.err.contains("error[nothing-to-explain]"), "{said:?}");
}

/// What a key may spend is a figure by key: an agent that asks by the Model Context Protocol hears of it only where somebody has said so.
#[test]
fn an_agent_hears_what_keys_may_spend_only_where_that_is_wanted() {
    let (world, device) = (World::new(Provider::OpenRouter, 54), device());
    world.add(&device, 1, &[]).fine();
    let lines = [
        r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
        r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"status","arguments":{}}}"#,
        r#"{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"windows","arguments":{}}}"#,
    ];
    let keys = |more: &[&str]| -> Vec<usize> {
        let said = device.tell(&[&["mcp"], more].concat(), &(lines.join("\n") + "\n"));
        let answers = said.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let content =
            answers.filter_map(|answer| answer["result"]["structuredContent"]["keys"].as_array().map(Vec::len));
        content.collect()
    };
    assert_eq!((keys(&[]), keys(&["--with", "key"])), (vec![0, 0], vec![1, 1]));
}
