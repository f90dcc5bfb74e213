#![no_main]
//! Batches: bytes from disks and other machines. What reads is written again as what it was.

use aimon_core::accounts::Joined;
use aimon_core::batch::{Batch, BatchHash, Figures, Said, join};
use aimon_core::history::DayReadings;
use aimon_core::history::answers::settling_ms;
use aimon_core::settings::Settings;
use aimon_core::time::UtcDay;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    // Joined ones come from other machines, too. A checksum guards them, which chance would never get right.
    let _ = join::gathered(input);
    if let Ok(batches) = join::part(input) {
        let mut again = Vec::new();
        if join::join(batches.iter().map(Vec::as_slice), &mut again).is_some() {
            assert_eq!(join::part(&again).expect("what was joined comes apart"), batches);
        }
    }
    if let Ok(said) = Said::decode(input) {
        let day = DayReadings::fold(UtcDay(0), &[said], &settling_ms, &Joined::NONE);
        assert_eq!(DayReadings::decode(day.day, &day.encode()).expect("readings read what they wrote"), day);
    }
    let _ = Figures::decode(input);
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
