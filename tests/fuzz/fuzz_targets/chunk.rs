#![no_main]
//! Chunks: bytes from relays and other devices. What is read as one has one spelling only.

use aimon_ledger::chunk::{Chunk, Header};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    if let Ok(header) = Header::decode(input) {
        assert_eq!(Header::decode(&header.encode()).expect("a header reads what it wrote"), header);
    }
    let Ok(chunk) = Chunk::parse(input.to_vec()) else { return };
    assert_eq!(chunk.bytes(), input);
    assert_eq!(&Header::decode(chunk.header_bytes()).expect("it was read"), chunk.header());
});
