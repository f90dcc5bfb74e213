#![no_main]
//! Gemini CLI's chats, one JSON value a line.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    aimon_fuzz::lines("gemini", "/home/me/.gemini/tmp", "hash/chats/session-2026-10-01T10-00-018f6a54.jsonl", input);
});
