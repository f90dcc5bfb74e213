#![no_main]
//! OpenCode's older storage, a file a message. (Its database is SQLite's to read; the JSON within it is the same.)

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    aimon_fuzz::document("opencode", "/home/me/.local/share/opencode", "storage/message/ses_1/msg_1.json", input);
});
