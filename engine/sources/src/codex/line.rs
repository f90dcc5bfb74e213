//! One line, read structurally in one pass. Most lines are conversation: those are left as soon as
//! their `type` is known.

use std::borrow::Cow;

use aimon_core::event::Tier;

use super::fork::Birth;
use super::stamp;
use super::usage::{self, Usage};
use crate::collector::SkipReason;
use crate::json::{JsonError, Kind, Scanner, Value};

/// What a line that matters says.
#[derive(Debug, PartialEq)]
pub(super) enum Line<'a> {
    /// Whose file, or whose history, this is.
    Meta { id: Option<Cow<'a, str>>, birth: Birth, at: At<'a> },
    /// The settings of a turn.
    Context { model: Option<Cow<'a, str>>, at: At<'a> },
    /// What was used, and how full the windows are.
    Count(Count<'a>),
    /// A turn begins; in seconds.
    Turn { started_at: Option<i64> },
    /// The price class changes.
    Settings { tier: Tier },
    /// Another agent speaks.
    Agents { trigger: bool },
    /// `codex exec --json` begins.
    Thread { id: Option<Cow<'a, str>> },
    /// Usage of a saved `codex exec --json`.
    Exec(Exec<'a>),
}

/// Where it happened.
#[derive(Debug, Default, PartialEq)]
pub(super) struct At<'a> {
    /// The folder.
    pub folder: Option<Cow<'a, str>>,
    /// The URL of its repository's remote.
    pub remote: Option<Cow<'a, str>>,
}

/// A `token_count`.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Count<'a> {
    pub ordinal: Option<u64>,
    pub time: Option<i64>,
    pub total: Option<Usage>,
    pub last: Option<Usage>,
    pub model: Option<Cow<'a, str>>,
    /// Whose counter it is, where the line says so.
    pub thread: Option<Cow<'a, str>>,
    pub windows: Option<Value<'a>>,
}

/// A `turn.completed` and its relatives.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Exec<'a> {
    pub time: Option<i64>,
    pub usage: Usage,
    pub model: Option<Cow<'a, str>>,
}

/// Reads a line. `None` if it has nothing to say; an error if it looks as if it had, and can't be
/// taken.
pub(super) fn read(line: &[u8]) -> Result<Option<Line<'_>>, SkipReason> {
    let mut head = Head::default();
    let mut payload = Payload::default();
    let mut held = None;
    let mut s = Scanner::new(line);
    let mut read = s.object(|s, key| {
        match key {
            b"timestamp" => head.time = Some(s.value()?),
            b"ordinal" => head.ordinal = s.value()?.u64(),
            b"type" => {
                let kind = Type::of(s.value()?);
                head.kind = Some(kind);
                if kind == Type::Other {
                    return LEAVE;
                }
            }
            b"thread_id" => head.thread = name(s.value()?),
            b"payload" => match head.kind {
                Some(kind) => payload.read(kind, s)?,
                None => held = Some(s.value()?),
            },
            _ => {}
        }
        Ok(())
    });
    if let (Ok(true), Some(kind), Some(value)) = (read, head.kind, held) {
        read = payload.read(kind, &mut value.scan()).map(|()| true);
    }
    let Some(kind) = head.kind.filter(|kind| *kind != Type::Other && payload.event != Some(Event::Other)) else {
        // Without a type a line can still be a saved answer with its usage.
        return if head.kind.is_none() && read == Ok(true) && s.end().is_ok() { exec(line) } else { Ok(None) };
    };
    if read.and_then(|_| s.end()).is_err() {
        return Err(SkipReason::Broken);
    }
    if kind == Type::Exec {
        return exec(line);
    }
    if payload.absurd {
        return Err(SkipReason::AbsurdNumber);
    }
    Ok(payload.line(kind, head))
}

/// What a closure returns to leave the line where it is.
const LEAVE: Result<(), JsonError> = Err(JsonError::Unfinished);

/// The fields beside the payload.
#[derive(Default)]
struct Head<'a> {
    kind: Option<Type>,
    time: Option<Value<'a>>,
    ordinal: Option<u64>,
    thread: Option<Cow<'a, str>>,
}

/// The top-level types that matter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    Meta,
    Context,
    Event,
    Agents,
    Thread,
    Exec,
    Other,
}

impl Type {
    #[inline]
    fn of(value: Value<'_>) -> Self {
        match &*word(&value) {
            b"response_item" => Self::Other,
            b"event_msg" => Self::Event,
            b"turn_context" => Self::Context,
            b"session_meta" => Self::Meta,
            b"inter_agent_communication_metadata" => Self::Agents,
            b"thread.started" => Self::Thread,
            b"turn.completed" | b"result" | b"response" | b"response.completed" => Self::Exec,
            _ => Self::Other,
        }
    }
}

/// The events that matter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Event {
    Count,
    Turn,
    Settings,
    Other,
}

impl Event {
    #[inline]
    fn of(value: Value<'_>) -> Self {
        match &*word(&value) {
            b"token_count" => Self::Count,
            b"task_started" | b"turn_started" => Self::Turn,
            b"thread_settings_applied" => Self::Settings,
            _ => Self::Other,
        }
    }
}

/// A string's bytes, without a look at each of them: escapes are legal in a type, and nobody
/// writes them.
#[inline]
fn word<'a>(value: &Value<'a>) -> Cow<'a, [u8]> {
    let raw = value.raw();
    match raw {
        [b'"', inner @ .., b'"'] if !inner.contains(&b'\\') => Cow::Borrowed(inner),
        _ => match value.str() {
            Some(text) => Cow::Owned(text.into_owned().into_bytes()),
            None => Cow::Borrowed(b""),
        },
    }
}

/// What was found in the payload, whichever its type.
#[derive(Default)]
struct Payload<'a> {
    event: Option<Event>,
    count: Count<'a>,
    info: Option<Value<'a>>,
    absurd: bool,
    model: Model<'a>,
    started_at: Option<i64>,
    tier: Tier,
    trigger: bool,
    id: Option<Cow<'a, str>>,
    session: Option<Cow<'a, str>>,
    birth: Birth,
    at: At<'a>,
}

impl<'a> Payload<'a> {
    fn read(&mut self, kind: Type, s: &mut Scanner<'a>) -> Result<(), JsonError> {
        *self = Self::default();
        match kind {
            Type::Event => self.read_event(s)?,
            Type::Meta => self.read_meta(s)?,
            Type::Context => {
                s.object(|s, key| match key {
                    b"cwd" => {
                        self.at.folder = name(s.value()?);
                        Ok(())
                    }
                    _ => self.model.read(s, key, 3),
                })?;
            }
            Type::Agents => {
                s.object(|s, key| {
                    if key == b"trigger_turn" {
                        self.trigger = s.value()?.bool() == Some(true);
                    }
                    Ok(())
                })?;
            }
            Type::Thread | Type::Exec | Type::Other => {}
        }
        Ok(())
    }

    fn read_event(&mut self, s: &mut Scanner<'a>) -> Result<(), JsonError> {
        s.object(|s, key| {
            match key {
                b"type" => {
                    let event = Event::of(s.value()?);
                    self.event = Some(event);
                    if event == Event::Other {
                        return LEAVE;
                    }
                }
                b"info" if self.event == Some(Event::Count) => self.read_info(s)?,
                b"info" => self.info = Some(s.value()?),
                b"rate_limits" => self.count.windows = Some(s.value()?).filter(|value| value.kind() == Kind::Object),
                b"thread_id" => self.count.thread = name(s.value()?),
                b"started_at" => self.started_at = seconds(s.value()?),
                b"thread_settings" => {
                    self.tier = Tier::Standard;
                    s.object(|s, key| {
                        if key == b"service_tier" {
                            self.tier = tier(s.value()?);
                        }
                        Ok(())
                    })?;
                }
                _ => self.model.read(s, key, 6)?,
            }
            Ok(())
        })?;
        match self.event {
            None => {
                self.event = Some(Event::Other);
                LEAVE
            }
            Some(Event::Count) => match self.info {
                Some(info) => self.read_info(&mut info.scan()),
                None => Ok(()),
            },
            Some(_) => Ok(()),
        }
    }

    fn read_info(&mut self, s: &mut Scanner<'a>) -> Result<(), JsonError> {
        s.object(|s, key| {
            match key {
                b"last_token_usage" => self.count.last = usage::read(s, &mut self.absurd)?,
                b"total_token_usage" => self.count.total = usage::read(s, &mut self.absurd)?,
                _ => self.model.read(s, key, 3)?,
            }
            Ok(())
        })
        .map(drop)
    }

    fn read_meta(&mut self, s: &mut Scanner<'a>) -> Result<(), JsonError> {
        s.object(|s, key| {
            match key {
                b"id" => self.id = name(s.value()?),
                b"session_id" => self.session = name(s.value()?),
                b"timestamp" => self.birth.born = stamp::value(s.value()?),
                b"forked_from_id" => self.birth.child |= name(s.value()?).is_some(),
                b"source" => {
                    s.object(|s, key| match key {
                        b"subagent" => s
                            .object(|s, key| {
                                if key == b"thread_spawn" {
                                    self.birth.child |= s.kind()? == Kind::Object;
                                }
                                Ok(())
                            })
                            .map(drop),
                        _ => Ok(()),
                    })?;
                }
                b"history_base" => {
                    s.object(|s, key| {
                        if key == b"end_ordinal_exclusive" {
                            self.birth.base_end = s.value()?.u64();
                        }
                        Ok(())
                    })?;
                }
                b"cwd" => self.at.folder = name(s.value()?),
                b"git" => {
                    s.object(|s, key| {
                        if key == b"repository_url" {
                            self.at.remote = name(s.value()?);
                        }
                        Ok(())
                    })?;
                }
                b"subagent_history_start_ordinal" => self.birth.own_start = s.value()?.u64(),
                _ => {}
            }
            Ok(())
        })
        .map(drop)
    }

    fn line(self, kind: Type, head: Head<'a>) -> Option<Line<'a>> {
        let time = head.time.and_then(stamp::value);
        Some(match kind {
            Type::Meta => {
                Line::Meta { id: self.id.or(self.session), birth: Birth { written: time, ..self.birth }, at: self.at }
            }
            Type::Context => Line::Context { model: self.model.name, at: self.at },
            Type::Agents => Line::Agents { trigger: self.trigger },
            Type::Thread => Line::Thread { id: head.thread },
            Type::Event => match self.event? {
                Event::Count => {
                    Line::Count(Count { ordinal: head.ordinal, time, model: self.model.name, ..self.count })
                }
                Event::Turn => Line::Turn { started_at: self.started_at },
                Event::Settings => Line::Settings { tier: self.tier },
                Event::Other => return None,
            },
            Type::Exec | Type::Other => return None,
        })
    }
}

/// A model's name. It stands in one of several places, of which the one that the caller ranks
/// highest counts.
#[derive(Debug, Default)]
struct Model<'a> {
    rank: u8,
    name: Option<Cow<'a, str>>,
}

impl<'a> Model<'a> {
    /// Reads the field if it is one that names a model: its rank is `rank`, or up to two below.
    fn read(&mut self, s: &mut Scanner<'a>, key: &[u8], rank: u8) -> Result<(), JsonError> {
        let found = match key {
            b"model" => (name(s.value()?), rank),
            b"model_name" => (name(s.value()?), rank - 1),
            b"metadata" => {
                let mut model = None;
                s.object(|s, key| {
                    if key == b"model" {
                        model = name(s.value()?);
                    }
                    Ok(())
                })?;
                (model, rank - 2)
            }
            _ => return Ok(()),
        };
        if let (Some(name), rank) = found
            && rank >= self.rank
        {
            *self = Self { rank, name: Some(name) };
        }
        Ok(())
    }
}

/// A saved answer: the usage, time and model stand at the top or in an envelope of it.
fn exec(line: &[u8]) -> Result<Option<Line<'_>>, SkipReason> {
    let mut absurd = false;
    let [mut top, mut data, mut result, mut response] = <[Answer<'_>; 4]>::default();
    let mut s = Scanner::new(line);
    let read = s.object(|s, key| {
        let envelope = match key {
            b"data" => &mut data,
            b"result" => &mut result,
            b"response" => &mut response,
            _ => return top.read(s, key, &mut absurd),
        };
        s.object(|s, key| envelope.read(s, key, &mut absurd)).map(drop)
    });
    if read.is_err() {
        return Err(SkipReason::Broken);
    }
    if absurd {
        return Err(SkipReason::AbsurdNumber);
    }
    let mut exec = Exec::default();
    let mut usage = None;
    for level in [top, data, result, response] {
        usage = usage.or(level.usage);
        exec.time = exec.time.or(level.time);
        exec.model = exec.model.or(level.model.name);
    }
    Ok(usage.filter(|usage| !usage.is_zero()).map(|usage| Line::Exec(Exec { usage, ..exec })))
}

/// One level of a saved answer.
#[derive(Default)]
struct Answer<'a> {
    usage: Option<Usage>,
    time: Option<i64>,
    time_rank: u8,
    model: Model<'a>,
}

impl<'a> Answer<'a> {
    fn read(&mut self, s: &mut Scanner<'a>, key: &[u8], absurd: &mut bool) -> Result<(), JsonError> {
        let rank = match key {
            b"usage" => {
                self.usage = usage::read(s, absurd)?;
                return Ok(());
            }
            b"timestamp" => 3,
            b"created_at" => 2,
            b"createdAt" => 1,
            _ => return self.model.read(s, key, 3),
        };
        if let Some(time) = stamp::value(s.value()?)
            && rank >= self.time_rank
        {
            (self.time, self.time_rank) = (Some(time), rank);
        }
        Ok(())
    }
}

/// A text that is not blank, without blanks around it.
fn name(value: Value<'_>) -> Option<Cow<'_, str>> {
    let text = match value.str()? {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    };
    Some(text).filter(|text| !text.is_empty())
}

/// The price class that a tier's name stands for. What Codex calls fast is priority processing.
fn tier(value: Value<'_>) -> Tier {
    match value.str().as_deref() {
        None | Some("" | "auto" | "default" | "standard") => Tier::Standard,
        Some("fast" | "priority") => Tier::Priority,
        Some("flex") => Tier::Flex,
        Some("batch") => Tier::Batch,
        Some(_) => Tier::Unknown,
    }
}

/// Whole seconds since 1970.
fn seconds(value: Value<'_>) -> Option<i64> {
    stamp::value(value).map(|millis| millis.div_euclid(1000))
}
