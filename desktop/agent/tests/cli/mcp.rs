//! `aimon mcp`, as a stock client and as bare lines.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::agent::Up;
use crate::machine::Machine;

/// The Python in which the official SDK is installed.
fn python() -> PathBuf {
    let path = std::env::var_os("AIMON_MCP_PYTHON").map(PathBuf::from);
    path.expect("the MCP client is not there: run `cargo xtask test`, which installs it, or set AIMON_MCP_PYTHON")
}

/// Asks by the official Python SDK.
fn ask(machine: &Machine, mode: &str, options: &[&str], calls: &Value) -> Value {
    let server = machine.command(&[]);
    let env = server.get_envs().filter_map(|(name, value)| Some((name.to_str()?, value?.to_str()?)));
    let env: serde_json::Map<String, Value> = env.map(|(name, value)| (name.to_owned(), value.into())).collect();
    let args: Vec<&str> = ["mcp"].iter().chain(options).copied().collect();
    let command = env!("CARGO_BIN_EXE_aimon");
    let asked = json!({ "command": command, "args": args, "env": env, "mode": mode, "calls": calls });
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/mcp_client.py");
    let mut client = Command::new(python()).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    client.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
    let output = client.wait_with_output().unwrap();
    assert!(output.status.success(), "{asked}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The answer's figures, which are said twice: as text and as an object.
#[track_caller]
fn figures(answer: &Value) -> Value {
    assert_eq!(answer["isError"], false, "{answer}");
    let text: Value = serde_json::from_str(answer["text"][0].as_str().unwrap()).unwrap();
    assert_eq!(text, answer["structured"]);
    text
}

#[test]
fn a_stock_client_hears_what_the_report_says() {
    let machine = Machine::with_logs();
    let zone = "Asia/Kathmandu";
    let args = [
        &["report", "daily", "--timezone", zone][..],
        &["report", "session", "--by", "model", "--source", "claude-code"],
        &[
            "report",
            "weekly",
            "--start-of-week",
            "sunday",
            "--since",
            "2026-11-21",
            "--until",
            "2026-11-22",
            "--by",
            "device",
        ],
        &["status", "--timezone", zone],
    ];
    let calls = json!([
        ["usage_report", { "timezone": zone, "asOf": "2026-11-24" }],
        ["usage_report", { "period": "session", "by": "model", "source": ["claude-code"], "asOf": "2026-11-24" }],
        ["usage_report", { "period": "weekly", "startOfWeek": "sunday", "since": "2026-11-21", "until": "20261122", "by": "device", "asOf": "2026-11-24" }],
        ["status", { "timezone": zone, "asOf": "2026-11-24" }],
        ["sources", {}],
        ["usage_report", { "by": "project" }],
        ["usage_report", { "timezone": "Asia/Nowhere" }],
        ["no_such_tool", {}],
    ]);
    // Where nothing was taken in yet, as an agent finds it that asks first; by the handshake of old and by that of today.
    for (mode, protocol) in [("legacy", "2025-11-25"), ("auto", "2026-07-28")] {
        let said = ask(&machine, mode, &[], &calls);
        assert_eq!((&said["server"]["name"], &said["protocol"]), (&json!("aimon"), &json!(protocol)));
        let answers = said["answers"].as_array().unwrap();
        for (args, answer) in args.iter().zip(answers) {
            let mut answer = figures(answer);
            let mut expected = machine.json(args);
            for figures in [&mut answer, &mut expected] {
                // Seconds go by between the two.
                for window in figures["windows"].as_array_mut().into_iter().flatten() {
                    window["resetsInSeconds"].take();
                }
            }
            assert_eq!(answer, expected, "{args:?}");
            assert!(answer.to_string().contains("Tokens\":1"), "there are figures: {answer}");
        }
        let sources = figures(&answers[4]);
        let (claude, codex) = (&sources["sources"][0], &sources["sources"][1]);
        assert_eq!(
            (&claude["source"], &claude["lastDay"], &claude["calls"]),
            (&json!("claude-code"), &json!("2026-11-22"), &json!(4))
        );
        assert_eq!((&codex["source"], &codex["devices"][0]["lastDay"]), (&json!("codex"), &json!("2026-11-20")));
        let roots = sources["roots"].as_array().unwrap();
        assert!(roots.iter().any(|root| root["source"] == "codex" && root["files"] == 1), "{roots:?}");
        for (answer, code) in [(&answers[5], "not-opted-in"), (&answers[6], "bad-timezone")] {
            assert_eq!(answer["isError"], true, "{answer}");
            let text = answer["text"][0].as_str().unwrap();
            assert!(text.starts_with(&format!("error[{code}]: ")) && text.contains("\nhelp: "), "{answer}");
        }
        assert_eq!(answers[7]["refused"], -32602, "{}", answers[7]);
        for tool in said["tools"].as_array().unwrap() {
            let hints = &tool["annotations"];
            assert_eq!((&hints["readOnlyHint"], &hints["destructiveHint"]), (&json!(true), &json!(false)), "{tool}");
            assert_eq!(
                (&tool["inputSchema"]["type"], &tool["inputSchema"]["additionalProperties"]),
                (&json!("object"), &json!(false))
            );
        }
    }
}

#[test]
fn a_stock_client_hears_who_used_a_window_up() {
    let machine = crate::windows::machine();
    let said = ask(&machine, "auto", &[], &json!([["windows", {}], ["windows", { "by": "session" }]]));
    let (mut answer, mut expected) = (figures(&said["answers"][0]), machine.run(&["windows", "--json"]).json());
    for figures in [&mut answer, &mut expected] {
        // Seconds go by between the two.
        figures["at"].take();
        figures["windows"][0]["resetsInSeconds"].take();
    }
    assert_eq!(answer, expected);
    assert_eq!(answer["windows"][0]["movement"]["shares"].as_array().map(Vec::len), Some(1), "{answer}");
    assert!(said["answers"][1]["text"][0].as_str().unwrap().starts_with("error[bad-parameter]"), "{said}");
}

#[test]
fn it_answers_beside_a_running_agent_and_tells_projects_only_where_that_is_wanted() {
    let machine = Machine::with_logs();
    let up = Up::start(&machine);
    let calls = json!([["usage_report", { "by": "project", "asOf": "2026-11-24" }], ["usage_report", { "by": "key" }]]);
    let said = ask(&machine, "auto", &["--with", "project"], &calls);
    assert_eq!(figures(&said["answers"][0]), machine.json(&["report", "--by", "project"]));
    assert!(said["answers"][1]["text"][0].as_str().unwrap().starts_with("error[not-opted-in]"), "{said}");
    let by = &said["tools"][0]["inputSchema"]["properties"]["by"]["enum"];
    let has = |word: &str| by.as_array().unwrap().contains(&json!(word));
    assert!(has("project") && has("account") && !has("key"), "{by}");
    assert_eq!(up.ask("GET", "/v1/report?asOf=2026-11-24", "").0, 200, "the agent still has its folder");
}

/// `aimon mcp`, spoken to by lines.
struct Lines {
    child: std::process::Child,
    answers: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Lines {
    fn start(machine: &Machine) -> Self {
        let mut command = machine.command(&["mcp"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, answers }
    }

    fn say(&mut self, line: &str) {
        writeln!(self.child.stdin.as_ref().unwrap(), "{line}").unwrap();
    }

    fn hear(&mut self) -> Value {
        serde_json::from_str(&self.answers.next().unwrap().unwrap()).unwrap()
    }

    fn call(&mut self, id: u32, method: &str, params: &Value) -> Value {
        self.say(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string());
        let answer = self.hear();
        assert_eq!((&answer["jsonrpc"], &answer["id"]), (&json!("2.0"), &json!(id)), "{answer}");
        answer
    }

    /// Closes its input, and reads what it still says.
    fn end(mut self) -> (i32, Vec<String>, String) {
        drop(self.child.stdin.take());
        let rest = self.answers.by_ref().map(Result::unwrap).collect();
        let output = self.child.wait_with_output().unwrap();
        (output.status.code().unwrap_or(-1), rest, String::from_utf8(output.stderr).unwrap())
    }
}

#[test]
fn bare_lines_are_answered_and_broken_ones_do_no_harm() {
    let machine = Machine::with_logs();
    let mut mcp = Lines::start(&machine);
    let client =
        json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } });
    let hello = mcp.call(1, "initialize", &client);
    assert_eq!(hello["result"]["protocolVersion"], "2025-06-18");
    assert!(hello["result"]["instructions"].as_str().unwrap().contains("usage_report"));
    mcp.say(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    for broken in [
        "",
        "{",
        "\u{0}\u{feff}",
        "[1,2",
        "no json at all \"",
        r#"{"jsonrpc":"2.0","method":"notifications/of_nobody"}"#,
    ] {
        mcp.say(broken);
    }
    let tools = mcp.call(2, "tools/list", &json!({}));
    let names: Vec<&Value> = tools["result"]["tools"].as_array().unwrap().iter().map(|tool| &tool["name"]).collect();
    assert_eq!(names, ["usage_report", "status", "windows", "sources"]);
    let mut bad = |id, arguments: &Value| {
        let answer = mcp.call(id, "tools/call", &json!({ "name": "usage_report", "arguments": arguments }));
        let result = &answer["result"];
        assert_eq!(result["isError"], true, "{answer}");
        assert_eq!(result.get("structuredContent"), None, "an object would be an answer");
        result["content"][0]["text"].as_str().unwrap().to_owned()
    };
    for (id, arguments, code, word) in [
        (3, json!({ "perod": "daily" }), "bad-parameter", "perod"),
        (4, json!({ "period": "hourly" }), "bad-parameter", "daily"),
        (5, json!({ "since": "tomorrow" }), "bad-parameter", "since"),
        (6, json!({ "since": "2026-11-24", "until": "2026-11-23" }), "empty-range", "2026-11-24"),
        (7, json!({ "source": "claude-code" }), "bad-parameter", "sequence"),
        (8, json!({ "by": "key" }), "not-opted-in", "key"),
    ] {
        let said = bad(id, &arguments);
        assert!(said.starts_with(&format!("error[{code}]: ")) && said.contains(word), "{arguments}: {said}");
    }
    assert_eq!(mcp.call(9, "tools/call", &json!({ "name": "purge" }))["error"]["code"], -32602);
    assert!(mcp.call(10, "tools/call", &json!({ "arguments": {} }))["error"].is_object(), "no name");
    assert!(mcp.call(11, "resources/subscribe", &json!({ "uri": "x" }))["error"].is_object());
    // Asked, and the input closed at once: it is answered all the same.
    let call = json!({ "jsonrpc": "2.0", "id": "last", "method": "tools/call", "params": { "name": "usage_report", "arguments": { "asOf": "2026-11-24" } } });
    mcp.say(&call.to_string());
    let (code, rest, err) = mcp.end();
    let last: Value = serde_json::from_str(&rest[0]).unwrap();
    assert_eq!((code, rest.len(), &last["id"]), (0, 1, &json!("last")), "{rest:?}");
    let text = last["result"]["content"][0]["text"].as_str().unwrap();
    let report = machine.run(&["report", "--json", "--as-of", "2026-11-24"]).fine().out;
    let without = |text: &str| text.split_whitespace().collect::<String>();
    assert_eq!(without(text), without(&report), "the text has every digit that the report has");
    assert!(!err.contains("error["), "{err}");
}

#[test]
fn what_is_no_client_is_told_so() {
    let machine = Machine::with_logs();
    machine.pipe(&["mcp"], "").fine();
    machine.pipe(&["mcp"], "hello\n").fine();
    let strange = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n";
    machine.pipe(&["mcp"], strange).failed(1, "not-mcp");
    machine.run(&["mcp", "--with", "everything"]).failed(2, "bad-usage");
    assert!(!machine.data().exists(), "nobody asked anything: nothing is begun");
}
