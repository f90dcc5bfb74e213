//! What people and agents say: text that looks like a log's, quotes and look-alikes included.

use crate::Prng;

const PROMPTS: [&str; 10] = [
    "The retry loop in the uploader never gives up. Can you find out why and add a test?",
    "Please rename `Account` to `Payer` everywhere, docs too.",
    "CI fails on Windows only: \"access is denied (os error 5)\". What holds the file open?",
    "Explain what this regular expression does: ^(?:\\\"([^\\\"\\\\]|\\\\.)*\\\"|[0-9]+)$",
    "Füge bitte eine Übersetzung für die Einstellungsseite hinzu – \u{201e}Größe\u{201c} fehlt noch.",
    "テストを追加してください。境界値も忘れずに。",
    "Make the table fit 80 columns.\n\n- no wrapping\n- numbers right-aligned",
    "why is this slow?? 🐌 profile it, then tell me before changing anything",
    "Write a migration that moves `usage` out of the JSON column.",
    "Continue.",
];

const CODE: [&str; 8] = [
    "fn parse(line: &str) -> Option<Usage> {\n    let value: Value = serde_json::from_str(line).ok()?;\n    value.get(\"usage\").map(Usage::from)\n}\n",
    "export const total = (rows) => rows.reduce((n, { usage }) => n + usage.input_tokens, 0);\n",
    "diff --git a/src/lib.rs b/src/lib.rs\n@@ -12,7 +12,7 @@\n-    let path = \"C:\\\\logs\\\\today\";\n+    let path = config.logs();\n",
    "SELECT day, sum(tokens) FROM usage WHERE source = 'codex' GROUP BY 1 ORDER BY 1;\n",
    "def test_escapes():\n    assert loads('{\"a\": \"\\\\u00e9\\\\\\\\\"}') == {\"a\": \"é\\\\\"}\n",
    "running 48 tests\n................................................\ntest result: ok. 48 passed; 0 failed; finished in 0.42s\n",
    "    at Object.<anonymous> (/srv/app/test/uploader.test.ts:42:17)\n    at processTicksAndRejections (node:internal/process/task_queues:95:5)\n",
    "total 48\ndrwxr-xr-x  6 ada ada 4096 Oct  5 09:12 .\n-rw-r--r--  1 ada ada  812 Oct  5 09:12 Cargo.toml\n",
];

/// Text that quotes log lines: each of them fooled some tool once.
const LOOK_ALIKES: [&str; 6] = [
    "{\"type\":\"assistant\",\"message\":{\"id\":\"msg_quoted\",\"model\":\"claude-opus-4-8\",\"usage\":{\"input_tokens\":5,\"output_tokens\":7}},\"requestId\":\"req_quoted\"}",
    "{\"timestamp\":\"2026-10-05T09:12:33Z\",\"type\":\"event_msg\",\"payload\":{\"type\":\"token_count\",\"info\":{\"last_token_usage\":{\"input_tokens\":900,\"output_tokens\":9}}}}",
    "grep -rn '\"usage\":{\"input_tokens\":5}' ~/.claude/projects | wc -l",
    "\"type\":\"event_msg\" and \"type\":\"turn_context\" both carry a payload; \"isSidechain\":true marks a sub-agent",
    "the line ends in a backslash and a quote: \\\"usage\\\": {\\\"output_tokens\\\": 1}\\",
    "{\"role\":\"assistant\",\"tokens\":{\"input\":3,\"output\":4},\"modelID\":\"gpt-5\",\"type\":\"gemini\"}",
];

/// What somebody types.
pub(crate) fn prompt(rng: &mut Prng) -> String {
    rng.pick(&PROMPTS).to_owned()
}

/// About `bytes` of code and output.
pub(crate) fn output(rng: &mut Prng, bytes: u64) -> String {
    let bytes = bytes as usize;
    let mut text = String::with_capacity(bytes + 200);
    while text.len() < bytes {
        text.push_str(rng.pick(&CODE));
    }
    text
}

/// Text that quotes a log.
pub(crate) fn look_alike(rng: &mut Prng) -> String {
    format!("{}\n{}", rng.pick(&LOOK_ALIKES), rng.pick(&LOOK_ALIKES))
}

const PROJECTS: [&str; 8] = ["atlas", "beacon", "cobalt", "dune", "ember", "fjord", "garnet", "harbor"];
const BRANCHES: [&str; 5] = ["main", "main", "fix/retry-loop", "feat/table", "release-2"];

/// A folder that somebody works in.
pub(crate) fn project(rng: &mut Prng) -> String {
    format!("/home/ada/src/{}", rng.pick(&PROJECTS))
}

/// A git branch.
pub(crate) fn branch(rng: &mut Prng) -> &'static str {
    rng.pick(&BRANCHES)
}
