#![no_main]
//! Segments: Automerge changes and documents from disks and other machines.

use aimon_core::segment::{batches, changes, document};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(read) = changes(input) else { return };
    let _ = batches(input);
    let Ok((saved, left_out)) = document([read.clone()]) else { return };
    if left_out == 0 {
        let _ = batches(&saved);
    }
});
