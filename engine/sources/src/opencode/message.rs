//! One message, as a row's `data` or as a file.

use aimon_core::event::{Event, MessageId, Quality, Record, RequestId, Tier};
use aimon_core::name::Name;
use aimon_core::time::UtcMillis;
use aimon_core::units::{PicoUsd, Tokens};

use super::KIND;
use crate::collector::{Out, SkipReason};
use crate::json::{JsonError, Kind, Scanner, Value};
use crate::shape::MOST;

/// What a message says about a model call.
#[derive(Debug, Default)]
pub(super) struct Message {
    session: Option<String>,
    role: Option<String>,
    created: Option<i64>,
    completed: Option<i64>,
    model: Option<String>,
    provider: Option<String>,
    tokens: Tokens,
    total: u64,
    has_tokens: bool,
    cost: Option<PicoUsd>,
    folder: Option<String>,
    absurd: bool,
}

impl Message {
    /// Reads a whole message; `None` if it is not one JSON object.
    pub fn read(text: &[u8]) -> Option<Self> {
        let mut message = Self::default();
        let mut s = Scanner::new(text);
        let object = s.object(|s, key| message.field(s, key)).ok()?;
        s.end().ok()?;
        // Reasoning stands beside the output and is billed as output.
        message.tokens.output += message.tokens.reasoning;
        object.then_some(message)
    }

    fn field<'a>(&mut self, s: &mut Scanner<'a>, key: &[u8]) -> Result<(), JsonError> {
        match key {
            b"sessionID" => self.session = name(s.value()?),
            b"role" => self.role = name(s.value()?),
            b"modelID" => self.model = name(s.value()?).or(self.model.take()),
            b"providerID" => self.provider = name(s.value()?).or(self.provider.take()),
            b"cost" => self.cost = s.value()?.number().and_then(PicoUsd::parse_dollars).filter(|cost| cost.0 > 0),
            b"model" => {
                s.object(|s, key| {
                    match key {
                        b"modelID" if self.model.is_none() => self.model = name(s.value()?),
                        b"providerID" if self.provider.is_none() => self.provider = name(s.value()?),
                        _ => {}
                    }
                    Ok(())
                })?;
            }
            b"time" => {
                s.object(|s, key| {
                    match key {
                        b"created" => self.created = s.value()?.number().and_then(millis),
                        b"completed" => self.completed = s.value()?.number().and_then(millis),
                        _ => {}
                    }
                    Ok(())
                })?;
            }
            b"path" => {
                s.object(|s, key| {
                    if key == b"cwd" {
                        self.folder = name(s.value()?);
                    }
                    Ok(())
                })?;
            }
            b"tokens" => self.has_tokens = s.object(|s, key| self.count(s, key))?,
            _ => {}
        }
        Ok(())
    }

    fn count(&mut self, s: &mut Scanner<'_>, key: &[u8]) -> Result<(), JsonError> {
        let slot = match key {
            b"input" => &mut self.tokens.input,
            b"output" => &mut self.tokens.output,
            b"reasoning" => &mut self.tokens.reasoning,
            b"total" => &mut self.total,
            b"cache" => {
                s.object(|s, key| {
                    let slot = match key {
                        b"read" => &mut self.tokens.cache_read,
                        b"write" => &mut self.tokens.cache_write_5m,
                        _ => return Ok(()),
                    };
                    read_count(s.value()?, slot, &mut self.absurd);
                    Ok(())
                })?;
                return Ok(());
            }
            _ => return Ok(()),
        };
        read_count(s.value()?, slot, &mut self.absurd);
        Ok(())
    }

    /// Whether usage may still be added to it: an answer that is not completed. A `finish` is no end: it
    /// is written after each step, and another may follow.
    pub fn is_open(&self) -> bool {
        self.completed.is_none() && self.role.as_deref() == Some("assistant")
    }

    /// The record, if the message used anything. `created` stands in for the message's own time,
    /// `session` for its own session.
    pub fn record(self, source: &Name, session: &str, created: Option<i64>, out: &mut Out) -> Option<Record> {
        if !self.has_tokens || self.role.as_deref().is_some_and(|role| role != "assistant") {
            return None;
        }
        if self.absurd {
            out.skip(SkipReason::AbsurdNumber);
            return None;
        }
        let mut tokens = self.tokens;
        let mut quality = Quality::Log;
        if tokens.is_zero() {
            // A total without parts: what it was is not known, only that it was paid.
            tokens.output = self.total;
            quality = Quality::Estimated;
        }
        if tokens.is_zero() {
            return None;
        }
        let Some(created) = self.created.or(created.filter(|ms| plausible(*ms))) else {
            out.skip(SkipReason::NoTime);
            return None;
        };
        let Some(model) = self.model else {
            out.skip(SkipReason::NoModel);
            return None;
        };
        let (time, provider) = (created.to_le_bytes(), self.provider.unwrap_or_default());
        // A fork copies messages under new ids, into a new session: what stays is this. The counts are no
        // part of it: they change while the answer is under way.
        let parts: [&[u8]; 3] = [&time, provider.as_bytes(), model.as_bytes()];
        // Answers that began in the same millisecond, as parallel sub-agents' do, differ in their end.
        let end = self.completed.map(i64::to_le_bytes);
        let request: &[u8] = end.as_ref().map_or(&[], |end| end);
        Some(Record {
            source: source.clone(),
            message: MessageId::of(KIND, &parts),
            request: RequestId::of(KIND, &[request]),
            // What an answer says before its end gives way in the fold to what it says then, and stands
            // where it was never ended. That is the fold's rule for sidechain copies.
            sidechain: end.is_none(),
            time: UtcMillis(created),
            model: out.name(&model),
            session: out.name(self.session.as_deref().unwrap_or(session)),
            tokens,
            web_searches: 0,
            tier: Tier::Standard,
            quality,
            payer: None,
            stated_cost: self.cost,
            project: out.project(self.folder.as_deref()),
            origin: None,
        })
    }

    /// Reads a message and takes its record. Whether usage may still be added to it.
    pub fn take(text: &[u8], source: &Name, session: &str, created: Option<i64>, out: &mut Out) -> bool {
        let Some(message) = Self::read(text) else {
            if memchr::memmem::find(text, b"\"tokens\"").is_some() {
                out.skip(SkipReason::Broken);
            }
            return false;
        };
        let open = message.is_open();
        if let Some(record) = message.record(source, session, created, out) {
            out.event(Event::Record(record));
        }
        open
    }
}

fn read_count(value: Value<'_>, slot: &mut u64, absurd: &mut bool) {
    if value.kind() != Kind::Number {
        return;
    }
    match value.u64().filter(|count| *count <= MOST) {
        Some(count) => *slot = count,
        None => *absurd = true,
    }
}

/// Milliseconds; a fraction of one is less than anything here distinguishes.
fn millis(number: &str) -> Option<i64> {
    let whole = number.split_once('.').map_or(number, |(whole, _)| whole);
    whole.parse().ok().filter(|ms| plausible(*ms))
}

/// From 2001 to the year 9999: a message without a time was not written in 1970.
fn plausible(millis: i64) -> bool {
    (1_000_000_000_000..=253_402_300_799_999).contains(&millis)
}

fn name(value: Value<'_>) -> Option<String> {
    value.str().filter(|text| !text.trim().is_empty()).map(std::borrow::Cow::into_owned)
}
