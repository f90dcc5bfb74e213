#![no_main]
//! Batches: bytes from disks and other machines. What reads is written again as what it was.

use aimon_core::batch::{Batch, BatchHash};
use aimon_core::settings::Settings;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(batch) = Batch::decode(input) else { return };
    let bytes = batch.encode();
    let again = Batch::decode(&bytes).expect("a batch reads what it wrote");
    assert_eq!(again, batch);
    assert_eq!(again.encode(), bytes);
    for answer in &batch.answers {
        answer.hash();
    }
    let mut settings = Settings::default();
    settings.add(BatchHash::of(input), &batch);
    assert!(settings.brought().len() <= batch.settings.len());
});
