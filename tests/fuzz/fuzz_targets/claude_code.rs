#![no_main]
//! Claude Code's logs.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    aimon_fuzz::lines(
        "claude-code",
        "/home/me/.claude/projects",
        "p/018f6a54-7b0e-7c3e-9d2e-3f8a6b1c2d4e.jsonl",
        input,
    );
});
