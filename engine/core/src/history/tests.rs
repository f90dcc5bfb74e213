//! Laws of the fold.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod answers;
mod identity;
mod metered;
mod readings;
mod report;

use super::Copy;
use crate::event::{MessageId, Quality, Record, RequestId, Tier};
use crate::ids::DeviceId;
use crate::time::UtcMillis;
use crate::units::Tokens;

/// A main copy of message `m`, request `r`, with `output` tokens, `at` minutes after an epoch.
pub(crate) fn copy(m: u8, r: u8, output: u64, at: i64) -> Copy {
    let record = Record {
        source: "claude-code".into(),
        message: MessageId([m; 8]),
        request: RequestId([r; 2]),
        sidechain: false,
        time: UtcMillis(1_780_000_000_000 + at * 60_000),
        model: "model".into(),
        session: "session".into(),
        tokens: Tokens { output, ..Tokens::default() },
        web_searches: 0,
        tier: Tier::Standard,
        quality: Quality::Log,
        payer: None,
        stated_cost: None,
        project: None,
        origin: None,
    };
    Copy::new(DeviceId([1; 16]), record)
}

fn sidechain(mut copy: Copy) -> Copy {
    copy.record.sidechain = true;
    copy
}
