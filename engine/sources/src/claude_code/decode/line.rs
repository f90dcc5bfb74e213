//! The fields of one line, at their structural places.

use std::borrow::Cow;

use aimon_core::event::Tier;
use aimon_core::units::{PicoUsd, Tokens};

use crate::collector::SkipReason;
use crate::json::{JsonError, KeyOrder, Scanner, Value};
use crate::shape::MOST;

/// In which order the keys of each object came last time.
#[derive(Default)]
pub(super) struct Orders {
    line: KeyOrder,
    message: KeyOrder,
    usage: KeyOrder,
    split: KeyOrder,
}

/// A line with `message.usage`, or a `progress` line with `data.message.message.usage`.
#[derive(Default)]
pub(super) struct Line<'a> {
    pub timestamp: Option<Value<'a>>,
    pub message: Option<Value<'a>>,
    pub model: Option<Value<'a>>,
    pub usage: Usage<'a>,
    pub request: Option<Value<'a>>,
    pub session: Option<Value<'a>>,
    pub version: Option<Value<'a>>,
    pub payer: Option<Value<'a>>,
    pub advisor_model: Option<Value<'a>>,
    pub sidechain: bool,
    cost: Option<Value<'a>>,
    has_usage: bool,
    data: Option<Value<'a>>,
}

impl<'a> Line<'a> {
    /// Reads a line into an empty value, in place; `false` if it is no usage.
    pub(super) fn read(&mut self, text: &'a [u8], orders: &mut Orders) -> Result<bool, SkipReason> {
        let mut s = Scanner::new(text);
        self.object(&mut s, orders).and_then(|()| s.end()).map_err(|_| SkipReason::Broken)?;
        if !self.has_usage {
            self.enter_progress().map_err(|_| SkipReason::Broken)?;
        }
        Ok(self.has_usage)
    }

    fn object(&mut self, s: &mut Scanner<'a>, orders: &mut Orders) -> Result<(), JsonError> {
        let Orders { line, message, usage, split } = orders;
        s.object_like(line, |s, key| {
            match key {
                b"message" => self.message_object(s, message, usage, split)?,
                b"timestamp" => self.timestamp = present(s.value()?),
                b"requestId" => self.request = Some(s.value()?),
                b"sessionId" => self.session = Some(s.value()?),
                b"version" => self.version = Some(s.value()?),
                b"isSidechain" => self.sidechain = s.value()?.bool() == Some(true),
                b"ownerAccountUuid" => self.payer = Some(s.value()?),
                b"advisorModel" => self.advisor_model = Some(s.value()?),
                b"costUSD" => self.cost = Some(s.value()?),
                b"data" => self.data = Some(s.value()?),
                _ => {}
            }
            Ok(())
        })?;
        Ok(())
    }

    fn message_object(
        &mut self,
        s: &mut Scanner<'a>,
        message: &mut KeyOrder,
        usage: &mut KeyOrder,
        split: &mut KeyOrder,
    ) -> Result<(), JsonError> {
        // Of a key that comes twice the last one stands.
        (self.message, self.model, self.has_usage) = (None, None, false);
        s.object_like(message, |s, key| {
            match key {
                b"id" => self.message = Some(s.value()?),
                b"model" => self.model = Some(s.value()?),
                b"usage" => self.has_usage = self.usage.read(s, usage, split, |_, _| Ok(()))?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(())
    }

    /// `data.message` is a line of a sub-agent; what it does not say, the outer line says.
    fn enter_progress(&mut self) -> Result<(), JsonError> {
        let Some(data) = self.data.take() else { return Ok(()) };
        let mut inner = None;
        data.scan().object(|s, key| {
            if key == b"message" {
                inner = Some(s.value()?);
            }
            Ok(())
        })?;
        let Some(inner) = inner else { return Ok(()) };
        let mut line = Self::default();
        line.object(&mut inner.scan(), &mut Orders::default())?;
        if line.has_usage {
            line.timestamp = line.timestamp.or(self.timestamp);
            line.session = said(line.session, self.session);
            line.version = said(line.version, self.version);
            line.payer = said(line.payer, self.payer);
            line.request = said(line.request, self.request);
            line.sidechain |= self.sidechain;
            *self = line;
        }
        Ok(())
    }

    /// What an old version said the call cost, exactly.
    pub(super) fn stated_cost(&self) -> Option<PicoUsd> {
        PicoUsd::parse_dollars(self.cost.as_ref()?.number()?).filter(|cost| cost.0 >= 0)
    }
}

/// A usage object's figures as they stand in the line.
#[derive(Default)]
pub(super) struct Usage<'a> {
    input: Option<Value<'a>>,
    output: Option<Value<'a>>,
    cache_write: Option<Value<'a>>,
    cache_write_5m: Option<Value<'a>>,
    cache_write_1h: Option<Value<'a>>,
    cache_read: Option<Value<'a>>,
    thinking: Option<Value<'a>>,
    web_searches: Option<Value<'a>>,
    speed: Option<Value<'a>>,
    service_tier: Option<Value<'a>>,
    iterations: Option<Value<'a>>,
}

/// A usage object's figures, once they make sense.
pub(super) struct Checked {
    pub tokens: Tokens,
    pub web_searches: u64,
}

impl<'a> Usage<'a> {
    /// Reads the object at the cursor; `false` if it is none. `other` gets the keys that are no figures.
    fn read(
        &mut self,
        s: &mut Scanner<'a>,
        usage: &mut KeyOrder,
        split: &mut KeyOrder,
        mut other: impl FnMut(&mut Scanner<'a>, &[u8]) -> Result<(), JsonError>,
    ) -> Result<bool, JsonError> {
        *self = Self::default();
        s.object_like(usage, |s, key| {
            match key {
                b"input_tokens" => self.input = present(s.value()?),
                b"output_tokens" => self.output = present(s.value()?),
                b"cache_creation_input_tokens" => self.cache_write = present(s.value()?),
                b"cache_read_input_tokens" => self.cache_read = present(s.value()?),
                b"cache_creation" => {
                    (self.cache_write_5m, self.cache_write_1h) = (None, None);
                    s.object_like(split, |s, key| {
                        match key {
                            b"ephemeral_5m_input_tokens" => self.cache_write_5m = present(s.value()?),
                            b"ephemeral_1h_input_tokens" => self.cache_write_1h = present(s.value()?),
                            _ => {}
                        }
                        Ok(())
                    })?;
                }
                b"output_tokens_details" => {
                    self.thinking = None;
                    s.object(|s, key| {
                        if key == b"thinking_tokens" {
                            self.thinking = present(s.value()?);
                        }
                        Ok(())
                    })?;
                }
                b"server_tool_use" => {
                    self.web_searches = None;
                    s.object(|s, key| {
                        if key == b"web_search_requests" {
                            self.web_searches = present(s.value()?);
                        }
                        Ok(())
                    })?;
                }
                b"speed" => self.speed = Some(s.value()?),
                b"service_tier" => self.service_tier = Some(s.value()?),
                b"iterations" => self.iterations = Some(s.value()?),
                key => other(s, key)?,
            }
            Ok(())
        })
    }

    /// The figures as counts; what is not there is 0.
    pub(super) fn checked(&self) -> Result<Checked, SkipReason> {
        let written = count(&self.cache_write)?;
        let one_hour = count(&self.cache_write_1h)?;
        // The split says the same sum, or is the only place that says it; where the sum is larger,
        // the rest was written for a time that the log does not state.
        let five_minutes = count(&self.cache_write_5m)?.max(written.saturating_sub(one_hour));
        let output = count(&self.output)?;
        Ok(Checked {
            tokens: Tokens {
                input: count(&self.input)?,
                output,
                reasoning: count(&self.thinking)?.min(output),
                cache_write_5m: five_minutes,
                cache_write_1h: one_hour,
                cache_read: count(&self.cache_read)?,
            },
            web_searches: count(&self.web_searches)?,
        })
    }

    /// What the line states about the price.
    pub(super) fn tier(&self) -> Tier {
        if text(&self.speed).as_deref() == Some("fast") {
            return Tier::Fast;
        }
        if self.service_tier.is_none_or(|tier| tier.raw() == br#""standard""#) {
            return Tier::Standard;
        }
        match text(&self.service_tier).as_deref() {
            Some("priority") => Tier::Priority,
            Some("batch") => Tier::Batch,
            _ => Tier::Standard,
        }
    }

    /// Calls `advisor` with the usage and the model of each `advisor_message` iteration, in order.
    pub(super) fn advisors(&self, mut advisor: impl FnMut(&Usage<'_>, Option<&str>)) {
        let Some(iterations) = &self.iterations else { return };
        // The value was checked when the line was read: this can't fail.
        let _ = iterations.scan().array(|s| {
            let (mut kind, mut model) = (None, None);
            let mut usage = Usage::default();
            usage.read(s, &mut KeyOrder::default(), &mut KeyOrder::default(), |s, key| {
                match key {
                    b"type" => kind = Some(s.value()?),
                    b"model" => model = Some(s.value()?),
                    _ => {}
                }
                Ok(())
            })?;
            if text(&kind).as_deref() == Some("advisor_message") {
                advisor(&usage, text(&model).as_deref());
            }
            Ok(())
        });
    }
}

/// A text that is there and not empty.
pub(super) fn text<'a>(value: &Option<Value<'a>>) -> Option<Cow<'a, str>> {
    value.as_ref()?.str().filter(|text| !text.is_empty())
}

/// What the inner line says, or else the outer one.
fn said<'a>(inner: Option<Value<'a>>, outer: Option<Value<'a>>) -> Option<Value<'a>> {
    if text(&inner).is_some() { inner } else { outer }
}

fn present(value: Value<'_>) -> Option<Value<'_>> {
    (!value.is_null()).then_some(value)
}

fn count(value: &Option<Value<'_>>) -> Result<u64, SkipReason> {
    match value {
        None => Ok(0),
        Some(value) => value.u64().filter(|n| *n <= MOST).ok_or(SkipReason::AbsurdNumber),
    }
}
