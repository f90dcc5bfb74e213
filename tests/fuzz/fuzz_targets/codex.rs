#![no_main]
//! Codex' rollouts.

use libfuzzer_sys::fuzz_target;

const FILE: &str = "2026/10/01/rollout-2026-10-01T10-00-00-018f6a54-7b0e-7c3e-9d2e-3f8a6b1c2d4e.jsonl";

fuzz_target!(|input: &[u8]| {
    aimon_fuzz::lines("codex", "/home/me/.codex/sessions", FILE, input);
});
