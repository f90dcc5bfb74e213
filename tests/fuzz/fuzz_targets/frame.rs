#![no_main]
//! Frames: bytes from whoever can connect.

use aimon_ledger::frame::Frame;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(frame) = Frame::decode(input) else { return };
    if matches!(frame, Frame::Unknown(_)) {
        return;
    }
    // One that was not in the shortest spelling may get no longer by ours.
    let again = frame.encode().expect("what was read can be written");
    assert_eq!(Frame::decode(&again).expect("a frame reads what it wrote"), frame);
});
