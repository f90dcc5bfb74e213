//! A project is recorded where somebody opted in, as a hash that is the same on every machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aimon_tests::{Device, files, folder_address, pair};
use serde_json::Value;

/// A clone of a repository.
fn clone(at: &Path, url: &str) -> String {
    let config = format!("[core]\n\tbare = false\n[remote \"origin\"]\n\turl = {url}\n");
    files::put(&at.join(".git/config"), config.as_bytes());
    files::put(&at.join(".git/HEAD"), b"ref: refs/heads/the-same-branch\n");
    at.to_str().unwrap().to_owned()
}

fn claude(device: &Device, session: &str, calls: &[(u32, &str, u64)]) {
    let line = |(n, folder, output): &(u32, &str, u64)| {
        let folder = serde_json::to_string(folder).unwrap();
        format!(
            r#"{{"type":"assistant","timestamp":"2026-11-04T10:{n:02}:00.000Z","sessionId":"{session}","version":"2.1.100","requestId":"req_{session}_{n}","isSidechain":false,"cwd":{folder},"gitBranch":"the-same-branch","message":{{"id":"msg_{session}_{n}","model":"claude-opus-4-5","usage":{{"input_tokens":1,"output_tokens":{output}}}}}}}"#
        ) + "\n"
    };
    let text: String = calls.iter().map(line).collect();
    files::append(&device.rig.home().join(format!(".claude/projects/p/{session}.jsonl")), text.as_bytes());
}

fn codex(device: &Device, meta: &str, folder: &str, output: u64) {
    let folder = serde_json::to_string(folder).unwrap();
    let usage = format!(
        r#"{{"input_tokens":10,"cached_input_tokens":0,"output_tokens":{output},"reasoning_output_tokens":0,"total_tokens":{}}}"#,
        10 + output
    );
    let text = [
        format!(
            r#"{{"timestamp":"2026-11-04T11:00:00.000Z","type":"session_meta","payload":{{"id":"0199a213-0000-7000-8000-000000000001","timestamp":"2026-11-04T11:00:00.000Z","cwd":{folder}{meta}}}}}"#
        ),
        r#"{"timestamp":"2026-11-04T11:00:01.000Z","type":"turn_context","payload":{"model":"gpt-5"}}"#.to_owned(),
        format!(
            r#"{{"timestamp":"2026-11-04T11:00:02.000Z","type":"event_msg","payload":{{"type":"token_count","info":{{"total_token_usage":{usage},"last_token_usage":{usage}}},"rate_limits":null}}}}"#
        ),
        String::new(),
    ];
    let path = ".codex/sessions/2026/11/04/rollout-2026-11-04T11-00-00-0199a213-0000-7000-8000-000000000001.jsonl";
    files::put(&device.rig.home().join(path), text.join("\n").as_bytes());
}

/// What was put out by project, by label; the hashes beside it.
fn by_project(device: &Device) -> BTreeMap<String, (String, u64)> {
    let report: Value = serde_json::from_str(&device.rig.run_report(&["monthly", "--by", "project"], "UTC")).unwrap();
    let groups = report["monthly"].as_array().unwrap().iter().flat_map(|row| row["groups"].as_array().unwrap());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let one = |g: &Value| (text(&g["label"]), (text(&g["group"]), g["outputTokens"].as_u64().unwrap()));
    groups.map(one).collect()
}

/// The projects of all events, as they are exported.
fn projects(device: &Device) -> Vec<Value> {
    let lines = device.records().into_iter().filter(|(path, _)| path.ends_with("records.jsonl"));
    let text: String = lines.map(|(_, bytes)| String::from_utf8(bytes).unwrap()).collect();
    text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["project"].clone()).collect()
}

#[test]
fn two_machines_have_one_project_and_two_repositories_two() {
    let (one, two) = (Device::new("2026-11-05"), Device::new("2026-11-05"));
    let shared = tempfile::tempdir().unwrap();
    one.create(&folder_address(shared.path()), "w");
    pair(&one, &two, "two");
    one.run(&["settings", "set", "projects", "on"]);
    one.sync();
    two.sync();

    let here = clone(&one.rig.home().join("src/api"), "git@github.com:Acme/hidden-api.git");
    let other = clone(&one.rig.home().join("src/web"), "git@github.com:acme/hidden-web.git");
    let there = clone(&two.rig.home().join("deeply/elsewhere"), "https://ada:hidden-token@github.com/acme/hidden-api");
    std::fs::create_dir_all(one.rig.home().join("src/api/inside")).unwrap();
    let inside = format!("{here}/inside");
    claude(&one, "first", &[(1, &here, 100), (2, &inside, 20), (3, &other, 7), (4, "/nowhere/hidden-folder", 3)]);
    claude(&two, "second", &[(1, &there, 1000)]);
    codex(
        &two,
        r#","git":{"repository_url":"ssh://git@github.com/acme/hidden-api.git"}"#,
        "/nowhere/hidden-folder",
        5000,
    );
    for device in [&one, &two, &one] {
        device.run(&["scan"]);
        device.sync();
    }

    let found = by_project(&one);
    assert_eq!(found, by_project(&two));
    let sums: BTreeMap<&str, u64> = found.iter().map(|(label, (_, sum))| (label.as_str(), *sum)).collect();
    assert_eq!(sums, BTreeMap::from([("hidden-api", 6120), ("hidden-web", 7), ("not stated", 3)]));
    assert_eq!(found["hidden-api"].0.len(), 16);

    // A name is what people give it, on all devices, and a project that is found again keeps it.
    two.run(&["project", "rename", "hidden-api", "The API"]);
    two.sync();
    one.sync();
    claude(&one, "first", &[(5, &here, 1)]);
    one.run(&["scan"]);
    assert_eq!(by_project(&one)["The API"].1, 6121);
    let list = one.run(&["project", "list"]).out;
    assert!(list.contains("The API") && list.contains(&found["hidden-api"].0), "{list}");
    one.rig.run(&["project", "rename", "nothing", "x"]).refused("bad-setting", 2);

    // Neither folder nor URL anywhere; the name is in the settings alone, which no shared folder shows.
    for device in [&one, &two] {
        assert_eq!(projects(device).len(), projects(device).iter().filter(|p| p.is_string()).count() + 1);
        let export = device.records();
        for needle in ["hidden-folder", "hidden-token", "github.com", "the-same-branch", "deeply", "src/api"] {
            let held = files::all(&device.rig.aimon_home()).into_iter().chain(export.clone());
            let found: Vec<PathBuf> = held.filter(|(_, bytes)| holds(bytes, needle)).map(|(path, _)| path).collect();
            assert!(found.is_empty(), "{needle} in {found:?}");
        }
        let in_shared =
            files::all(shared.path()).into_iter().any(|(_, bytes)| holds(&bytes, "hidden") || holds(&bytes, "The API"));
        assert!(!in_shared);
    }

    // What is read after somebody opted out knows no project, though a file had one before.
    two.run(&["settings", "set", "projects", "off"]);
    let before = projects(&two).iter().filter(|p| p.is_string()).count();
    claude(&two, "third", &[(1, &there, 9)]);
    let usage = r#"{"input_tokens":20,"cached_input_tokens":0,"output_tokens":5001,"reasoning_output_tokens":0,"total_tokens":5021}"#;
    let more = format!(
        "{{\"timestamp\":\"2026-11-04T11:00:05.000Z\",\"type\":\"event_msg\",\"payload\":{{\"type\":\"token_count\",\"info\":{{\"total_token_usage\":{usage},\"last_token_usage\":{}}},\"rate_limits\":null}}}}\n",
        r#"{"input_tokens":10,"cached_input_tokens":0,"output_tokens":1,"reasoning_output_tokens":0,"total_tokens":11}"#
    );
    let path = ".codex/sessions/2026/11/04/rollout-2026-11-04T11-00-00-0199a213-0000-7000-8000-000000000001.jsonl";
    files::append(&two.rig.home().join(path), more.as_bytes());
    two.run(&["scan"]);
    assert_eq!(projects(&two).iter().filter(|p| p.is_string()).count(), before);
    assert_eq!(by_project(&two)["not stated"].1, 3 + 9 + 1);
}

#[test]
fn whoever_did_not_opt_in_has_no_trace_of_a_project() {
    let device = Device::new("2026-11-05");
    let here = clone(&device.rig.home().join("src/api"), "git@github.com:acme/hidden-api.git");
    claude(&device, "first", &[(1, &here, 100)]);
    codex(&device, r#","git":{"repository_url":"https://github.com/acme/hidden-api"}"#, &here, 10);
    device.run(&["scan"]);
    assert!(projects(&device).iter().all(Value::is_null) && projects(&device).len() == 2);
    assert_eq!(by_project(&device).into_keys().collect::<Vec<_>>(), ["not stated"]);
    // The hash of the vectors is of a text like this one's: neither it nor the text is anywhere.
    let all = files::all(&device.rig.aimon_home()).into_iter().chain(device.records());
    for (path, bytes) in all {
        for needle in ["hidden-api", "github.com", "project/"] {
            assert!(!holds(&bytes, needle), "{needle} in {}", path.display());
        }
    }
    // Opting in says what it does, and does not reach back.
    let said = device.run(&["settings", "set", "projects", "on"]);
    assert!(said.err.contains("hash"), "{}", said.err);
    device.run(&["scan"]);
    assert!(projects(&device).iter().all(Value::is_null));
    claude(&device, "first", &[(2, &here, 1)]);
    device.run(&["scan"]);
    assert_eq!(projects(&device).iter().filter(|p| p.is_string()).count(), 1);
    assert_eq!(by_project(&device)["hidden-api"].1, 1);
}

fn holds(bytes: &[u8], needle: &str) -> bool {
    bytes.windows(needle.len()).any(|w| w == needle.as_bytes())
}
