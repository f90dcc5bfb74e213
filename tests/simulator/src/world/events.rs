//! What is recorded: calls that are known by their number.

use aimon_core::batch::Batch;
use aimon_core::event::{Event, MessageId, Quality, Record, RequestId, Tier};
use aimon_core::segment::{self, Chain};
use aimon_core::units::Tokens;
use aimon_ledger::ids::WriterId;
use aimon_ledger::time::UtcDay;

/// Who tells of calls.
pub const SOURCES: [&str; 2] = ["codex", "claude-code"];

/// A call that is known by its number.
pub fn event(number: u64, day: UtcDay) -> Event {
    Event::Record(Record {
        source: SOURCES[(number % 2) as usize].into(),
        message: MessageId(number.to_le_bytes()),
        request: RequestId([0; 2]),
        sidechain: false,
        time: day.start(),
        model: "model".into(),
        session: "session".into(),
        tokens: Tokens::default(),
        web_searches: 0,
        tier: Tier::Standard,
        quality: Quality::Log,
        payer: None,
        stated_cost: None,
        project: None,
        origin: None,
    })
}

/// The writer of a change.
pub fn writer(content: &[u8]) -> Option<Vec<u8>> {
    segment::changes(content).ok()?.last().map(|change| change.actor_id().to_bytes().to_vec())
}

/// A batch as the first change of a writer.
pub fn change(writer: u64, batch: &Batch) -> Vec<u8> {
    Chain::new(WriterId(writer.to_le_bytes())).map(|mut chain| chain.append(batch.encode())).unwrap_or_default()
}
