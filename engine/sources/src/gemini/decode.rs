//! Lines, or one document, to records. Both hold the same thing: a message, or a conversation with
//! its messages.

use std::collections::VecDeque;

use aimon_core::event::{Event, MessageId, Quality, Record, RequestId, Tier};
use aimon_core::name::Name;
use aimon_core::time::UtcMillis;
use serde::{Deserialize, Serialize};

use super::KIND;
use super::message::{Message, Type, name, time};
use crate::collector::{CollectError, Decoder, Out, SkipReason};
use crate::json::{JsonError, Scanner, Value};
use crate::repeats::Repeats;
use crate::shape::is_uuid;

/// The version of the remembered state.
const VERSION: u8 = 2;

/// How many records are remembered, so that a snapshot of a conversation does not say them all
/// again. (What is forgotten is known to the fold: it has the same identity.)
const SAID: usize = 4096;

/// Decodes one chat.
pub(super) struct Chat {
    state: State,
    whole: bool,
    source: Name,
    session: Name,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    version: u8,
    session: String,
    /// Whether the session is the log's own word, and not the file's name.
    stated: bool,
    /// When the conversation began, for messages without a time.
    began: Option<i64>,
    model: Option<String>,
    said: VecDeque<u64>,
    /// How often lines without an id came, by their content.
    equals: Repeats,
}

impl Chat {
    /// At the start of a file. `name` stands for the session until the file names it.
    pub fn new(name: &str, whole: bool) -> Self {
        let state = State {
            version: VERSION,
            session: name.to_owned(),
            stated: false,
            began: None,
            model: None,
            said: VecDeque::new(),
            equals: Repeats::default(),
        };
        Self::of(state, whole)
    }

    /// Where an earlier decoder stopped.
    pub fn resume(state: &[u8], whole: bool) -> Result<Self, CollectError> {
        let state: State = serde_json::from_slice(state).map_err(|_| CollectError::State)?;
        if state.version == VERSION { Ok(Self::of(state, whole)) } else { Err(CollectError::State) }
    }

    fn of(state: State, whole: bool) -> Self {
        Self { source: Name::from(KIND), session: Name::from(state.session.as_str()), state, whole }
    }

    /// Reads a line, or a whole document.
    fn read(&mut self, text: &[u8], out: &mut Out) {
        let mut head = Head::default();
        let mut message = Message::default();
        let mut s = Scanner::new(text);
        let read = s.object(|s, key| {
            if message.field(s, key)? {
                // People's messages are long and use nothing.
                return if message.kind == Some(Type::Talk) && !self.whole { LEAVE } else { Ok(()) };
            }
            head.field(s, key)
        });
        let leave = message.kind == Some(Type::Talk) && !self.whole;
        match read.and_then(|object| s.end().map(|()| object)) {
            Ok(true) => {}
            Ok(false) => return,
            Err(_) if leave => return,
            Err(_) => {
                if message.kind == Some(Type::Answer)
                    || self.whole
                    || memchr::memmem::find(text, b"\"tokens\"").is_some()
                {
                    out.skip(SkipReason::Broken);
                }
                return;
            }
        }
        self.begin(&head);
        let messages = [head.messages, head.set_messages].into_iter().flatten();
        for messages in messages {
            self.snapshot(messages, out);
        }
        // A conversation names no model of its own, but a stream of events may begin with one.
        if message.kind != Some(Type::Answer) {
            if let Some(model) = message.model {
                self.state.model = Some(model.into_owned());
            }
            return;
        }
        self.message(message, false, out);
    }

    /// What a conversation says about itself. The first word stands: a session that is resumed
    /// under another name is still the one that made these calls.
    fn begin(&mut self, head: &Head<'_>) {
        if let Some(session) = head.session.as_ref().and_then(|v| name(*v))
            && !self.state.stated
        {
            self.session = Name::from(&*session);
            self.state.session = session.into_owned();
            self.state.stated = true;
        }
        if self.state.began.is_none() {
            self.state.began = head.start.or(head.updated);
        }
    }

    /// A conversation's messages, all of them, again.
    fn snapshot(&mut self, messages: Value<'_>, out: &mut Out) {
        // The text was scanned to its end before: nothing in it is broken.
        let _ = messages.scan().array(|s| {
            let mut message = Message::default();
            s.object(|s, key| message.field(s, key).map(drop))?;
            if message.kind == Some(Type::Answer) {
                self.message(message, true, out);
            }
            Ok(())
        });
    }

    fn message(&mut self, message: Message<'_>, snapshot: bool, out: &mut Out) {
        if message.absurd {
            out.skip(SkipReason::AbsurdNumber);
            return;
        }
        let Some(usage) = message.usage else { return };
        let (tokens, guessed) = usage.tokens();
        if tokens.is_zero() {
            return;
        }
        let Some(time) = message.time.or(message.created).or(self.state.began) else {
            out.skip(SkipReason::NoTime);
            return;
        };
        let Some(model) = message.model.as_deref().or(self.state.model.as_deref()) else {
            out.skip(SkipReason::NoModel);
            return;
        };
        let kinds = tokens.kinds().map(u64::to_le_bytes);
        let content = MessageId::of(
            KIND,
            &[
                message.id.as_deref().unwrap_or_default().as_bytes(),
                &time.to_le_bytes(),
                model.as_bytes(),
                kinds.as_flattened(),
            ],
        );
        let session = self.state.session.as_bytes();
        let (id, request) = match message.id.as_deref() {
            // Made at random: the same call, whatever session a copy of it stands in.
            Some(id) if is_uuid(id) => (MessageId::of(KIND, &[id.as_bytes()]), RequestId::of(KIND, &[id.as_bytes()])),
            Some(id) => (MessageId::of(KIND, &[session, id.as_bytes()]), RequestId::of(KIND, &[session])),
            None => {
                // A snapshot's would be counted again with each snapshot.
                let nth = if snapshot { 0 } else { self.state.equals.nth(key(content)) };
                let parts: [&[u8]; 5] = [session, b"", &content.0, kinds.as_flattened(), &nth.to_le_bytes()];
                (MessageId::of(KIND, &parts), RequestId::of(KIND, &[session]))
            }
        };
        if message.id.is_some() {
            if self.state.said.contains(&key(content)) {
                return;
            }
            if self.state.said.len() >= SAID {
                self.state.said.pop_front();
            }
            self.state.said.push_back(key(content));
        }
        let model = out.name(model);
        out.event(Event::Record(Record {
            source: self.source.clone(),
            message: id,
            request,
            sidechain: false,
            time: UtcMillis(time),
            model,
            session: self.session.clone(),
            tokens,
            web_searches: 0,
            tier: Tier::Standard,
            quality: if guessed { Quality::Estimated } else { Quality::Log },
            payer: None,
            stated_cost: None,
            project: None,
            origin: None,
        }));
    }
}

impl Decoder for Chat {
    fn line(&mut self, line: &[u8], out: &mut Out) {
        self.read(line, out);
    }

    fn lines(&mut self, block: &[u8], out: &mut Out) {
        if self.whole {
            self.read(block, out);
            return;
        }
        for line in block.split(|b| *b == b'\n') {
            if !line.is_empty() {
                self.read(line, out);
            }
        }
    }

    fn state(&self) -> Vec<u8> {
        serde_json::to_vec(&self.state).unwrap_or_default()
    }
}

/// What a closure returns to leave the line where it is.
const LEAVE: Result<(), JsonError> = Err(JsonError::Unfinished);

/// What is not of a message: a conversation, or a change of it.
#[derive(Default)]
struct Head<'a> {
    session: Option<Value<'a>>,
    start: Option<i64>,
    updated: Option<i64>,
    messages: Option<Value<'a>>,
    set_messages: Option<Value<'a>>,
}

impl<'a> Head<'a> {
    fn field(&mut self, s: &mut Scanner<'a>, key: &[u8]) -> Result<(), JsonError> {
        match key {
            b"sessionId" | b"session_id" => self.session = Some(s.value()?),
            b"startTime" => self.start = time(s.value()?),
            b"lastUpdated" => self.updated = time(s.value()?),
            b"messages" => self.messages = Some(s.value()?),
            b"$set" => {
                s.object(|s, key| {
                    match key {
                        b"messages" => self.set_messages = Some(s.value()?),
                        b"sessionId" => self.session = Some(s.value()?),
                        _ => {}
                    }
                    Ok(())
                })?;
            }
            _ => {}
        }
        Ok(())
    }
}

fn key(id: MessageId) -> u64 {
    u64::from_le_bytes(id.0)
}
