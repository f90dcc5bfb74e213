//! One message's usage.

use std::borrow::Cow;

use aimon_core::units::Tokens;

use crate::json::{JsonError, Kind, Scanner, Value};
use crate::shape::MOST;
use crate::stamp;

/// What a message says about a model call.
#[derive(Debug, Default)]
pub(super) struct Message<'a> {
    pub id: Option<Cow<'a, str>>,
    pub time: Option<i64>,
    /// `created_at`, where there is no `timestamp`.
    pub created: Option<i64>,
    pub model: Option<Cow<'a, str>>,
    pub kind: Option<Type>,
    pub usage: Option<Usage>,
    pub absurd: bool,
}

/// What a message is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Type {
    /// A model's answer.
    Answer,
    /// What people and the program say, which uses nothing.
    Talk,
    /// Something else.
    Other,
}

impl Type {
    fn of(value: Value<'_>) -> Self {
        match value.str().as_deref() {
            Some("gemini") => Self::Answer,
            Some("user" | "info" | "error" | "warning") => Self::Talk,
            _ => Self::Other,
        }
    }
}

impl<'a> Message<'a> {
    /// Reads the field, if it is one of a message's. Whether it was.
    #[inline]
    pub fn field(&mut self, s: &mut Scanner<'a>, key: &[u8]) -> Result<bool, JsonError> {
        match key {
            b"id" => self.id = name(s.value()?),
            b"type" => self.kind = Some(Type::of(s.value()?)),
            b"timestamp" => self.time = time(s.value()?),
            b"created_at" => self.created = time(s.value()?),
            b"model" => self.model = name(s.value()?),
            b"tokens" => self.usage = Usage::read(s, &mut self.absurd)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Counts as Gemini CLI writes them: `input` includes `cached`; `thoughts` and `tool` are beside
/// `output` and `input`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Usage {
    input: u64,
    output: u64,
    cached: u64,
    thoughts: u64,
    tool: u64,
    total: Option<u64>,
}

impl Usage {
    fn read(s: &mut Scanner<'_>, absurd: &mut bool) -> Result<Option<Self>, JsonError> {
        let mut usage = Self::default();
        let object = s.object(|s, key| {
            let slot = match key {
                b"input" | b"prompt" | b"input_tokens" | b"prompt_tokens" => &mut usage.input,
                b"output" | b"candidates" | b"output_tokens" | b"candidates_tokens" => &mut usage.output,
                b"cached" | b"cached_tokens" => &mut usage.cached,
                b"thoughts" | b"reasoning" | b"thoughts_tokens" | b"reasoning_tokens" => &mut usage.thoughts,
                b"tool" | b"tool_tokens" => &mut usage.tool,
                b"total" | b"total_tokens" => usage.total.insert(0),
                _ => return Ok(()),
            };
            let value = s.value()?;
            if value.kind() == Kind::Number {
                match value.u64().filter(|count| *count <= MOST) {
                    Some(count) => *slot = count,
                    None => *absurd = true,
                }
            }
            Ok(())
        })?;
        Ok(object.then_some(usage))
    }

    /// As kinds that do not overlap, and whether that took a guess.
    pub fn tokens(&self) -> (Tokens, bool) {
        let parts = self.input + self.output + self.thoughts + self.tool;
        if parts + self.cached == 0 {
            // A total without parts: what it was is not known, only that it was paid.
            let output = self.total.unwrap_or_default();
            return (Tokens { output, ..Tokens::default() }, output > 0);
        }
        // The log's own total says so where the input does not include what was cached.
        let beside = self.cached > 0 && self.total == Some(parts + self.cached);
        let cache_read = if beside { self.cached } else { self.cached.min(self.input) };
        let fresh = if beside { self.input } else { self.input - cache_read };
        let tokens = Tokens {
            // What tools put into a prompt is billed as input.
            input: fresh + self.tool,
            output: self.output + self.thoughts,
            reasoning: self.thoughts,
            cache_read,
            ..Tokens::default()
        };
        (tokens, false)
    }
}

/// A text that is not blank.
pub(super) fn name(value: Value<'_>) -> Option<Cow<'_, str>> {
    value.str().filter(|text| !text.trim().is_empty())
}

/// An instant, in milliseconds since 1970.
pub(super) fn time(value: Value<'_>) -> Option<i64> {
    stamp::time(&value).map(|time| time.0)
}
