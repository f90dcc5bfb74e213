//! What is recorded: calls, answers, notes and settings, each known by its number.

use std::collections::BTreeSet;

use aimon_core::batch::Batch;
use aimon_core::event::{
    Answer, AnswerHash, AnswerKey, Bucket, Clock, Event, MessageId, Quality, Record, RequestId, Row, Setting, Tier,
    Unchanged,
};
use aimon_core::segment::{self, Chain};
use aimon_core::units::Tokens;
use aimon_ledger::ids::{DeviceId, WriterId};
use aimon_ledger::time::{UtcDay, UtcMillis};

/// Who tells of calls.
pub const SOURCES: [&str; 2] = ["codex", "claude-code"];

const DAY_MS: i64 = 86_400_000;
const MINUTE_MS: i64 = 60_000;

/// How many minutes of a day providers are asked in: half of them before midnight, half after it.
const ASKING: i64 = 64;

/// Later numbers are not later times, and a time says its number.
const SCRAMBLE: u64 = 0x2a5;

/// An event, and the device that it is of, whoever passes it on.
pub struct Told {
    pub event: Event,
    pub by: DeviceId,
}

fn moment(number: u64, day: UtcDay) -> UtcMillis {
    UtcMillis(day.start().0 + (number ^ SCRAMBLE) as i64)
}

/// When a provider is asked: minutes apart, as far as notes reach, and milliseconds.
pub fn asked(number: u64, day: UtcDay) -> UtcMillis {
    let scrambled = (number ^ SCRAMBLE) as i64;
    let minutes = (scrambled % ASKING - ASKING / 2) * MINUTE_MS + scrambled / ASKING;
    UtcMillis(day.start().0 + minutes.rem_euclid(DAY_MS))
}

fn number_of(asked: UtcMillis) -> u64 {
    let since = (asked.0 + ASKING / 2 * MINUTE_MS).rem_euclid(DAY_MS);
    (since / MINUTE_MS + since % MINUTE_MS * ASKING) as u64 ^ SCRAMBLE
}

/// A call: every fourth one in the first millisecond of its day, another in the last one. How many tokens it has is its number.
pub fn call(number: u64, day: UtcDay) -> Event {
    grown(number, number, day)
}

/// A call as it is recorded again once it has more tokens, under the same id and time: a copy of another size, with a number of its
/// own.
pub fn grown(first: u64, number: u64, day: UtcDay) -> Event {
    let time = match first % 4 {
        0 => day.start(),
        1 => UtcMillis(day.start().0 + DAY_MS - 1),
        _ => moment(first, day),
    };
    Event::Record(Record {
        source: SOURCES[(first % 2) as usize].into(),
        message: MessageId(first.to_le_bytes()),
        request: RequestId([0; 2]),
        sidechain: false,
        time,
        model: "model".into(),
        session: "session".into(),
        tokens: Tokens { input: number, ..Tokens::default() },
        web_searches: 0,
        tier: Tier::Standard,
        quality: Quality::Log,
        payer: None,
        stated_cost: None,
        project: None,
        origin: None,
    })
}

fn clock(dice: u64) -> Clock {
    if dice.is_multiple_of(4) { Clock::Device } else { Clock::Provider }
}

/// An answer about one of two gauges.
pub fn answer(number: u64, day: UtcDay) -> Answer {
    let observed = asked(number, day);
    Answer {
        key: AnswerKey {
            account: "account".into(),
            metric: ["window", "balance"][(number % 2) as usize].into(),
            dimensions: vec!["window".into()],
            bucket: Bucket { start: observed, width: 0 },
        },
        observed,
        clock: clock(number / 2),
        rows: vec![Row {
            values: vec!["5h".into()],
            measures: [("used_ppm".into(), i128::from(number / 2 % 3))].into(),
        }],
    }
}

/// A note that a provider said again what an answer has; `knows` is whether that is what the answer has.
pub fn note(number: u64, day: UtcDay, of: &Answer, knows: bool) -> Event {
    let hash = if knows { of.hash() } else { AnswerHash([number as u8; 8]) };
    Event::Unchanged(Unchanged {
        key: of.key.clone(),
        answer: hash,
        seen: asked(number, day),
        clock: clock(number / 3),
    })
}

/// A setting.
pub fn setting(number: u64, path: u8, counter: u64) -> Event {
    Event::Setting(Setting { path: format!("path/{path}").into(), value: Some(number.to_string().into()), counter })
}

/// The numbers of a batch's events.
pub fn numbers(batch: &Batch) -> BTreeSet<u64> {
    let records = batch.records.iter().map(|record| record.tokens.input);
    let answers = batch.answers.iter().map(|answer| number_of(answer.observed));
    let notes = batch.unchanged.iter().map(|note| number_of(note.seen));
    let settings = batch.settings.iter().filter_map(|setting| setting.value.as_ref()?.as_str().parse().ok());
    records.chain(answers).chain(notes).chain(settings).collect()
}

/// The writer of a change.
pub fn writer(content: &[u8]) -> Option<Vec<u8>> {
    segment::changes(content).ok()?.last().map(|change| change.actor_id().to_bytes().to_vec())
}

/// A batch as the first change of a writer.
pub fn change(writer: u64, batch: &Batch) -> Vec<u8> {
    Chain::new(WriterId(writer.to_le_bytes())).map(|mut chain| chain.append(batch.encode())).unwrap_or_default()
}

/// Batches as a document of one writer.
pub fn document(writer: u64, batches: &[Batch]) -> Vec<u8> {
    let Ok(mut chain) = Chain::new(WriterId(writer.to_le_bytes())) else { return Vec::new() };
    let changes = batches.iter().filter_map(|batch| segment::changes(&chain.append(batch.encode())).ok());
    segment::document(changes.collect::<Vec<_>>()).map(|(document, _)| document).unwrap_or_default()
}
