#![no_main]
//! Segments: Automerge changes and documents from disks and other machines.
//!
//! What Automerge 0.12 makes of a change whose checksum fits but whose content cannot be is not asked
//! here: it panics (`Change::decode`, `Automerge::load`, `apply_changes`). Chance does not write such a
//! change; that damage is told from what was written is what this target is about.

use aimon_core::segment::{batches, changes, document, is_short};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let _ = batches(input);
    let Ok(read) = changes(input) else { return };
    // A short change has no checksum: what carries it is signed.
    if let ([change], Some(checksum)) = (read.as_slice(), input.get(4..8))
        && matches!(input.get(8), Some(1 | 2))
        && !is_short(input)
    {
        assert_eq!(change.hash().0[..4], *checksum, "damage went unseen");
    }
    if let Ok((saved, 0)) = document([read]) {
        let _ = batches(&saved);
    }
});
