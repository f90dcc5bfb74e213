//! The lines of one file to events.

use std::collections::VecDeque;

use aimon_core::event::{Event, MessageId, Quality, Record, RequestId, Tier};
use aimon_core::name::Name;
use aimon_core::time::UtcMillis;
use serde::{Deserialize, Serialize};

use super::KIND;
use super::fast::{self, Fast};
use super::fork::Fork;
use super::line::{self, At, Count, Exec, Line};
use super::lineage::Lineages;
use super::stamp;
use super::usage::Usage;
use super::windows::Windows;
use crate::collector::{CollectError, Decoder, Out, SkipReason};
use crate::project::ProjectId;

/// The version of the remembered state.
const VERSION: u8 = 1;

/// How many taken lines are remembered, so that an old one that is written again is known. (An
/// older one is known to the fold: it has the same identity.)
const TAKEN: usize = 64;

/// What early logs were written by: they name no model.
const ASSUMED_MODEL: &str = "gpt-5";

/// Decodes one rollout.
pub(super) struct Rollout {
    state: State,
    source: Name,
    session: Name,
    model: Option<Name>,
    request: Option<RequestId>,
}

/// What a later decoder needs to go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    version: u8,
    session: String,
    /// Whether the session is the log's own word, and not the file's name.
    stated: bool,
    model: Option<String>,
    tier: u8,
    fork: Fork,
    lineages: Lineages,
    taken: VecDeque<u64>,
    equals: Equals,
    windows: Windows,
    /// The project of what comes, where somebody opted in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    project: Option<ProjectId>,
}

impl Rollout {
    /// At the start of a file. `name` stands for the session until the file names it.
    pub fn new(name: &str) -> Self {
        Self::of(State {
            version: VERSION,
            session: name.to_owned(),
            stated: false,
            model: None,
            tier: Tier::Standard as u8,
            fork: Fork::default(),
            lineages: Lineages::default(),
            taken: VecDeque::new(),
            equals: Equals::default(),
            windows: Windows::default(),
            project: None,
        })
    }

    /// Where an earlier decoder stopped.
    pub fn resume(state: &[u8]) -> Result<Self, CollectError> {
        let state: State = serde_json::from_slice(state).map_err(|_| CollectError::State)?;
        if state.version == VERSION { Ok(Self::of(state)) } else { Err(CollectError::State) }
    }

    fn of(state: State) -> Self {
        Self {
            source: Name::from(KIND),
            session: Name::from(state.session.as_str()),
            model: state.model.as_deref().map(Name::from),
            request: None,
            state,
        }
    }

    fn set_session(&mut self, id: &str) {
        id.clone_into(&mut self.state.session);
        self.state.stated = true;
        self.session = Name::from(id);
        self.request = None;
    }

    fn set_model(&mut self, model: Option<&str>) {
        let Some(model) = model else { return };
        if self.model.as_deref() != Some(model) {
            self.state.model = Some(model.to_owned());
            self.model = Some(Name::from(model));
        }
    }

    /// What says nothing of a project leaves it as it is.
    fn set_project(&mut self, at: &At<'_>, out: &Out) {
        let found = out.project_of_remote(at.remote.as_deref()).or_else(|| out.project(at.folder.as_deref()));
        self.state.project = found.or(self.state.project);
    }

    fn count(&mut self, line: &Count<'_>, out: &mut Out) {
        self.set_model(line.model.as_deref());
        let own = self.state.fork.owns(line.ordinal, line.time);
        let uses = line.total.is_some() || line.last.is_some();
        let Some(time) = line.time else {
            if uses && own {
                out.skip(SkipReason::NoTime);
            }
            return;
        };
        if uses {
            self.usage(line, own, time, out);
        }
        // The times of inherited lines are rewritten: nothing was observed then.
        if let Some(windows) = line.windows.filter(|_| own)
            && let Some(answer) = self.state.windows.answer(windows, time)
        {
            out.event(Event::Answer(answer));
        }
    }

    fn usage(&mut self, line: &Count<'_>, own: bool, time: i64, out: &mut Out) {
        let Some(total) = line.total else {
            if let Some(last) = line.last.filter(|last| own && !last.is_zero()) {
                self.unidentified(b"last", last, time, out);
            }
            return;
        };
        let thread = line.thread.as_deref().filter(|thread| *thread != self.state.session);
        let session = thread.unwrap_or(&self.state.session);
        let id = || identity(session, total, line.last);
        let taken = &self.state.taken;
        let used = self.state.lineages.take(total, line.last, || taken.contains(&key(id())));
        if !own || used.is_zero() {
            return;
        }
        let message = id();
        if self.state.taken.len() >= TAKEN {
            self.state.taken.pop_front();
        }
        self.state.taken.push_back(key(message));
        self.record(message, thread, used, time, out);
    }

    fn exec(&mut self, line: &Exec<'_>, out: &mut Out) {
        self.set_model(line.model.as_deref());
        // `codex exec` does not date its lines, but a thread's id holds the time of its birth.
        match line.time.or_else(|| stamp::of_uuid_v7(&self.state.session)) {
            Some(time) => self.unidentified(b"exec", line.usage, time, out),
            None => out.skip(SkipReason::NoTime),
        }
    }

    /// Usage without a counter, which alone would tell it from another of the same size.
    fn unidentified(&mut self, shape: &[u8], used: Usage, time: i64, out: &mut Out) {
        let model = self.model.as_deref().unwrap_or(ASSUMED_MODEL);
        let (time_bytes, bytes) = (time.to_le_bytes(), used.bytes());
        let parts: [&[u8]; 5] = [self.state.session.as_bytes(), shape, &time_bytes, model.as_bytes(), &bytes];
        let nth = self.state.equals.nth(time, key(MessageId::of(KIND, &parts)));
        let [session, shape, time_bytes, model, bytes] = parts;
        let message = MessageId::of(KIND, &[session, shape, time_bytes, model, bytes, &nth.to_le_bytes()]);
        self.record(message, None, used, time, out);
    }

    /// `thread` is the session that used it, where that is another than the file's.
    fn record(&mut self, message: MessageId, thread: Option<&str>, used: Usage, time: i64, out: &mut Out) {
        let tokens = used.tokens();
        if tokens.is_zero() {
            return;
        }
        let (session, request) = match thread {
            Some(thread) => (out.name(thread), RequestId::of(KIND, &[thread.as_bytes()])),
            None => {
                let own = self.request.get_or_insert_with(|| RequestId::of(KIND, &[self.state.session.as_bytes()]));
                (self.session.clone(), *own)
            }
        };
        let (model, quality) = match &self.model {
            Some(model) => (model.clone(), Quality::Log),
            None => (out.name(ASSUMED_MODEL), Quality::Estimated),
        };
        out.event(Event::Record(Record {
            source: self.source.clone(),
            message,
            request,
            sidechain: false,
            time: UtcMillis(time),
            model,
            session,
            tokens,
            web_searches: 0,
            tier: Tier::from_u8(self.state.tier),
            quality,
            payer: None,
            stated_cost: None,
            // What was remembered while somebody had opted in is not told after that.
            project: self.state.project.filter(|_| out.finds_projects()),
            origin: None,
        }));
    }
}

impl Decoder for Rollout {
    fn line(&mut self, line: &[u8], out: &mut Out) {
        match fast::read(line, self.state.windows.raw()) {
            Fast::Nothing => return,
            Fast::Count(count) => return self.count(&count, out),
            Fast::Other => {}
        }
        match line::read(line) {
            Ok(None) => {}
            Err(reason) => out.skip(reason),
            Ok(Some(Line::Count(count))) => self.count(&count, out),
            Ok(Some(Line::Context { model, at })) => {
                self.set_model(model.as_deref());
                self.set_project(&at, out);
            }
            Ok(Some(Line::Turn { started_at })) => self.state.fork.turn(started_at),
            Ok(Some(Line::Settings { tier })) => self.state.tier = tier as u8,
            Ok(Some(Line::Agents { trigger })) => {
                if trigger {
                    self.state.fork.triggered();
                }
            }
            // The first is the file's own, later ones are its ancestors'.
            Ok(Some(Line::Meta { id, birth, at })) => match id {
                Some(id) if !self.state.stated => {
                    self.set_session(&id);
                    self.state.fork.begin(birth);
                    self.set_project(&at, out);
                }
                Some(id) if id != self.state.session => self.state.fork.ancestor(birth.written),
                _ => {}
            },
            Ok(Some(Line::Thread { id })) => {
                if let Some(id) = id {
                    self.set_session(&id);
                }
            }
            Ok(Some(Line::Exec(exec))) => self.exec(&exec, out),
        }
    }

    fn state(&self) -> Vec<u8> {
        serde_json::to_vec(&self.state).unwrap_or_default()
    }
}

/// What tells a call from all others: its session's counter, before and after. Never the time,
/// which resumed and copied sessions rewrite.
fn identity(session: &str, total: Usage, last: Option<Usage>) -> MessageId {
    let last = last.map(Usage::bytes);
    let last: &[u8] = last.as_ref().map_or(&[], |last| last);
    MessageId::of(KIND, &[session.as_bytes(), &total.bytes(), last])
}

fn key(id: MessageId) -> u64 {
    u64::from_le_bytes(id.0)
}

/// How often equal usage without an identity came at one time.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Equals {
    time: i64,
    seen: Vec<(u64, u32)>,
}

impl Equals {
    fn nth(&mut self, time: i64, key: u64) -> u32 {
        if self.time != time {
            self.time = time;
            self.seen.clear();
        }
        match self.seen.iter_mut().find(|(seen, _)| *seen == key) {
            Some((_, count)) => {
                *count += 1;
                *count
            }
            None => {
                self.seen.push((key, 0));
                0
            }
        }
    }
}
