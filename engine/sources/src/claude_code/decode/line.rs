//! The fields of one line, at their structural places.

use std::borrow::Cow;

use aimon_core::event::Tier;
use aimon_core::units::{PicoUsd, Tokens};

use crate::collector::SkipReason;
use crate::json::{JsonError, KeyOrder, Scanner, Value};
use crate::shape::MOST;

/// Declares what the keys of an object mean to a reader: those that it looks for, and `Other`.
macro_rules! keys {
    ($name:ident { $($key:ident = $text:literal),+ $(,)? }) => {
        #[derive(Clone, Copy)]
        enum $name {
            $($key,)+
            Other,
        }

        impl $name {
            fn of(key: &[u8]) -> Self {
                $(if key == $text {
                    return Self::$key;
                })+
                Self::Other
            }
        }
    };
}

keys!(LineKey {
    Message = b"message",
    Timestamp = b"timestamp",
    Request = b"requestId",
    Session = b"sessionId",
    Version = b"version",
    Sidechain = b"isSidechain",
    Owner = b"ownerAccountUuid",
    AdvisorModel = b"advisorModel",
    Cost = b"costUSD",
    Data = b"data",
    Folder = b"cwd",
});
keys!(MessageKey { Id = b"id", Model = b"model", Usage = b"usage" });
keys!(UsageKey {
    Input = b"input_tokens",
    Output = b"output_tokens",
    CacheWrite = b"cache_creation_input_tokens",
    CacheRead = b"cache_read_input_tokens",
    Split = b"cache_creation",
    OutputDetails = b"output_tokens_details",
    ServerTools = b"server_tool_use",
    Speed = b"speed",
    ServiceTier = b"service_tier",
    Iterations = b"iterations",
    Type = b"type",
    Model = b"model",
});
keys!(SplitKey { FiveMinutes = b"ephemeral_5m_input_tokens", OneHour = b"ephemeral_1h_input_tokens" });

/// In which order the keys of each object came last time.
#[derive(Default)]
pub(super) struct Orders {
    line: KeyOrder<LineKey>,
    message: KeyOrder<MessageKey>,
    usage: UsageOrders,
}

/// The same, of a usage object.
#[derive(Default)]
struct UsageOrders {
    usage: KeyOrder<UsageKey>,
    split: KeyOrder<SplitKey>,
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
    pub folder: Option<Value<'a>>,
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
        let Orders { line, message, usage } = orders;
        s.object_like(line, LineKey::of, |s, key| {
            match key {
                LineKey::Message => self.message_object(s, message, usage)?,
                LineKey::Timestamp => self.timestamp = present(s.value()?),
                LineKey::Request => self.request = Some(s.value()?),
                LineKey::Session => self.session = Some(s.value()?),
                LineKey::Version => self.version = Some(s.value()?),
                LineKey::Sidechain => self.sidechain = s.value()?.bool() == Some(true),
                LineKey::Owner => self.payer = Some(s.value()?),
                LineKey::AdvisorModel => self.advisor_model = Some(s.value()?),
                LineKey::Cost => self.cost = Some(s.value()?),
                LineKey::Folder => self.folder = Some(s.value()?),
                LineKey::Data => self.data = Some(s.value()?),
                LineKey::Other => {}
            }
            Ok(())
        })?;
        Ok(())
    }

    fn message_object(
        &mut self,
        s: &mut Scanner<'a>,
        message: &mut KeyOrder<MessageKey>,
        usage: &mut UsageOrders,
    ) -> Result<(), JsonError> {
        // Of a key that comes twice the last one stands.
        (self.message, self.model, self.has_usage) = (None, None, false);
        s.object_like(message, MessageKey::of, |s, key| {
            match key {
                MessageKey::Id => self.message = Some(s.value()?),
                MessageKey::Model => self.model = Some(s.value()?),
                MessageKey::Usage => self.has_usage = self.usage.read(s, usage, |_, _| Ok(()))?,
                MessageKey::Other => {}
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
        orders: &mut UsageOrders,
        mut other: impl FnMut(&mut Scanner<'a>, UsageKey) -> Result<(), JsonError>,
    ) -> Result<bool, JsonError> {
        *self = Self::default();
        let UsageOrders { usage, split } = orders;
        s.object_like(usage, UsageKey::of, |s, key| {
            match key {
                UsageKey::Input => self.input = present(s.value()?),
                UsageKey::Output => self.output = present(s.value()?),
                UsageKey::CacheWrite => self.cache_write = present(s.value()?),
                UsageKey::CacheRead => self.cache_read = present(s.value()?),
                UsageKey::Split => {
                    (self.cache_write_5m, self.cache_write_1h) = (None, None);
                    s.object_like(split, SplitKey::of, |s, key| {
                        match key {
                            SplitKey::FiveMinutes => self.cache_write_5m = present(s.value()?),
                            SplitKey::OneHour => self.cache_write_1h = present(s.value()?),
                            SplitKey::Other => {}
                        }
                        Ok(())
                    })?;
                }
                UsageKey::OutputDetails => {
                    self.thinking = None;
                    s.object(|s, key| {
                        if key == b"thinking_tokens" {
                            self.thinking = present(s.value()?);
                        }
                        Ok(())
                    })?;
                }
                UsageKey::ServerTools => {
                    self.web_searches = None;
                    s.object(|s, key| {
                        if key == b"web_search_requests" {
                            self.web_searches = present(s.value()?);
                        }
                        Ok(())
                    })?;
                }
                UsageKey::Speed => self.speed = Some(s.value()?),
                UsageKey::ServiceTier => self.service_tier = Some(s.value()?),
                UsageKey::Iterations => self.iterations = Some(s.value()?),
                key @ (UsageKey::Type | UsageKey::Model) => other(s, key)?,
                UsageKey::Other => {}
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
            usage.read(s, &mut UsageOrders::default(), |s, key| {
                match key {
                    UsageKey::Type => kind = Some(s.value()?),
                    UsageKey::Model => model = Some(s.value()?),
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
