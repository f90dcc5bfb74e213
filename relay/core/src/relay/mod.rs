//! Sessions: who is there, what each was told, and who is told what next.
//!
//! ```
//! use aimon_ledger::frame::Frame;
//! use aimon_ledger::ids::{DeviceId, WorkspaceId};
//! use aimon_ledger::time::UtcMillis;
//! use aimon_relay_core::memory::Memory;
//! use aimon_relay_core::relay::{Config, Relay, SessionId};
//!
//! let now = UtcMillis(1_788_000_000_000);
//! let mut relay = Relay::new(Memory::default(), Config::default(), now).unwrap();
//! relay.open(SessionId(1), WorkspaceId([2; 32]), DeviceId([1; 16]));
//! let said = relay.frame(SessionId(1), Frame::Ping(7), now);
//! // A session begins with hello.
//! assert!(matches!(said[0].frame, Frame::Failed { .. }) && said[0].is_last);
//! ```

mod deliver;
mod hello;
mod push;
mod repair;
mod session;
mod statements;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use aimon_ledger::frame::{Code, Frame, FrameError};
use aimon_ledger::ids::{DeviceId, WorkspaceId};
use aimon_ledger::live::Rules;
use aimon_ledger::retention::TrustedTime;
use aimon_ledger::time::{UtcDay, UtcMillis};

use crate::check::{Checked, Input, View, check, check_frame};
use crate::log::{Changed, Log};
use crate::storage::Storage;
use crate::workspace::Workspace;

use deliver::Fresh;
use session::Session;

pub(crate) use statements::REGISTRATION_CLOSED;
pub use statements::Stated;

/// A session, as its host names it: a socket, or a row of HTTP requests.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SessionId(pub u64);

/// What a relay allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Config {
    /// The most bytes of chunks that a workspace may hold.
    pub quota: u64,
    /// The most bytes of statements that a workspace may hold.
    pub statement_quota: u64,
    /// The most statements that a workspace may hold, however small: of each it is kept in memory which others it follows, so that
    /// grows with the square of their number.
    pub most_statements: u64,
    /// How many bytes may be on their way to a session that its socket has not taken. At most 4 MiB.
    pub window: u64,
    /// How many bytes of chunks go into one frame of what is caught up with.
    pub frame_bytes: usize,
    /// How many workspaces are kept in memory that nobody is there of.
    pub idle_workspaces: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            quota: 4 << 30,
            statement_quota: 16 << 20,
            most_statements: 8_192,
            window: 512 << 10,
            frame_bytes: 128 << 10,
            idle_workspaces: 1_024,
        }
    }
}

/// Something that a session is told.
#[derive(Clone, PartialEq, Debug)]
pub struct Said {
    /// Which session.
    pub to: SessionId,
    /// What.
    pub frame: Frame,
    /// What it counts in the session's window, until [`Relay::taken`] says that the socket has taken it.
    pub weight: u64,
    /// The session has ended with this: whatever it says is not heard any more.
    pub is_last: bool,
}

/// Why something is not done, in a word for programs and in words for people.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{text}")]
pub struct Refusal {
    /// The word.
    pub code: Code,
    /// What to do.
    pub text: String,
}

impl Refusal {
    pub(crate) fn new(code: Code, text: &str) -> Self {
        Self { code, text: text.to_owned() }
    }
}

/// How often the time is written, in milliseconds: a restart knows it so far.
const TIME_SAVED_EVERY_MS: i64 = 3_600_000;

/// A relay over a storage.
pub struct Relay<S: Storage> {
    storage: S,
    config: Config,
    time: TrustedTime,
    saved: UtcMillis,
    workspaces: HashMap<WorkspaceId, Workspace>,
    sessions: BTreeMap<SessionId, Session>,
    /// What is said once all that was written is durable.
    outbox: Vec<Said>,
    /// Where in the outbox a session's outcomes stand: those of many pushes are one frame.
    outcomes: HashMap<SessionId, usize>,
    /// Chunks that have come in since the last commit, by workspace.
    fresh: BTreeMap<WorkspaceId, Vec<Fresh>>,
    /// Sessions that have something to be sent.
    busy: BTreeSet<SessionId>,
    /// The one of them that was served last.
    served: SessionId,
    is_written: bool,
    /// The workspaces of which something was written since the last commit.
    touched: BTreeSet<WorkspaceId>,
    /// Whether void chunks were dropped since [`Relay::has_dropped`] was asked.
    has_dropped: bool,
    /// Whether the storage failed last, and has not made anything durable since.
    is_failing: bool,
    trouble: Option<S::Error>,
}

impl<S: Storage> Relay<S> {
    /// A relay whose clock says `now`.
    ///
    /// # Errors
    /// The storage's.
    pub fn new(mut storage: S, config: Config, now: UtcMillis) -> Result<Self, S::Error> {
        let kept = storage.time()?;
        let mut time = kept.unwrap_or_else(|| TrustedTime::new(now));
        time.observe(now);
        Ok(Self {
            storage,
            config,
            time,
            saved: kept.map_or(UtcMillis(i64::MIN), |kept| kept.until),
            workspaces: HashMap::new(),
            sessions: BTreeMap::new(),
            outbox: Vec::new(),
            outcomes: HashMap::new(),
            fresh: BTreeMap::new(),
            busy: BTreeSet::new(),
            served: SessionId(0),
            is_written: false,
            touched: BTreeSet::new(),
            has_dropped: false,
            is_failing: false,
            trouble: None,
        })
    }

    /// The storage, to look at.
    pub fn storage(&self) -> &S {
        &self.storage
    }

    /// The storage, as it is: what was not committed is still in it, and a crash is its [`Storage::rollback`].
    pub fn into_storage(self) -> S {
        self.storage
    }

    /// What went wrong last, once.
    pub fn trouble(&mut self) -> Option<S::Error> {
        self.trouble.take()
    }

    /// Whether the storage takes what is written: not from when it has failed until it has made something durable again, which is tried
    /// with each [`Relay::tick`].
    pub fn can_write(&self) -> bool {
        !self.is_failing
    }

    /// A time too far ahead to expire anything by, if the clock shows one.
    pub fn doubted_time(&self) -> Option<UtcMillis> {
        self.time.doubted
    }

    /// Whoever runs the relay says that its clock is right, after a pause of over two days.
    pub fn trust_clock(&mut self, now: UtcMillis) {
        self.time.vouch(now, now);
        self.saved = UtcMillis(i64::MIN);
    }

    /// Begins a session of a device that has proven who it is. It says hello next.
    pub fn open(&mut self, session: SessionId, workspace: WorkspaceId, device: DeviceId) {
        self.close(session);
        self.sessions.insert(session, Session::new(workspace, device));
    }

    /// Ends a session: its socket is gone.
    pub fn close(&mut self, session: SessionId) {
        let Some(ended) = self.sessions.remove(&session) else { return };
        self.busy.remove(&session);
        if let Some(workspace) = self.workspaces.get_mut(&ended.workspace) {
            workspace.sessions.remove(&session);
        }
        self.forget_idle();
    }

    /// Whether a session is there.
    pub fn is_open(&self, session: SessionId) -> bool {
        self.sessions.contains_key(&session)
    }

    /// The sessions of a workspace that have said hello.
    pub fn sessions(&self, workspace: &WorkspaceId) -> impl Iterator<Item = SessionId> {
        self.workspaces.get(workspace).into_iter().flat_map(|workspace| workspace.sessions.iter().copied())
    }

    /// Hears one frame and says what follows from it, all in one: checked, written, made durable, released.
    pub fn frame(&mut self, session: SessionId, frame: Frame, now: UtcMillis) -> Vec<Said> {
        let view = self.view_of(session);
        self.take(session, check_frame(frame, view.as_deref()), now);
        self.pump(usize::MAX)
    }

    /// The same for a frame's bytes.
    pub fn bytes(&mut self, session: SessionId, bytes: &[u8], now: UtcMillis) -> Vec<Said> {
        let view = self.view_of(session);
        self.take(session, check(bytes, view.as_deref()), now);
        self.pump(usize::MAX)
    }

    fn view_of(&mut self, session: SessionId) -> Option<Arc<View>> {
        let workspace = self.sessions.get(&session)?.workspace;
        match self.view(&workspace) {
            Ok(view) => view,
            Err(error) => {
                self.fail(error);
                None
            }
        }
    }

    /// What is known of a workspace: what [`check`] goes by, and who is a member. `None` if there is no such workspace.
    ///
    /// # Errors
    /// The storage's.
    pub fn view(&mut self, workspace: &WorkspaceId) -> Result<Option<Arc<View>>, S::Error> {
        self.load(workspace)?;
        let view = self.workspaces.get(workspace).map(|workspace| workspace.view.clone());
        self.forget_idle();
        Ok(view)
    }

    /// Takes a checked frame in. What follows is said by [`Relay::commit`]; many frames may be taken in before.
    pub fn take(&mut self, session: SessionId, checked: Checked, now: UtcMillis) {
        if !self.sessions.contains_key(&session) {
            return;
        }
        let done = self.observe(now).and_then(|()| self.hear(session, checked, now));
        if let Err(error) = done {
            self.fail(error);
            self.end(session, Refusal::new(Code::Unavailable, UNAVAILABLE));
        }
    }

    fn hear(&mut self, session: SessionId, checked: Checked, now: UtcMillis) -> Result<(), S::Error> {
        let Some(Session { workspace, device, talk, .. }) = self.sessions.get(&session) else { return Ok(()) };
        let (workspace, device, is_met) = (*workspace, *device, talk.is_some());
        let input = match checked.0 {
            Input::Broken(FrameError::TooLarge(_)) => {
                self.end(
                    session,
                    Refusal::new(
                        Code::TooLarge,
                        "a frame has at most 1,048,576 bytes, and a push at most 8,192 chunks",
                    ),
                );
                return Ok(());
            }
            Input::Broken(FrameError::Malformed(why)) => {
                self.end(session, Refusal { code: Code::Malformed, text: why });
                return Ok(());
            }
            input => input,
        };
        if let Input::Frame(Frame::Unknown(_)) = input {
            return Ok(());
        }
        if let Input::Frame(Frame::Hello(hello)) = input {
            if is_met {
                self.end(session, Refusal::new(Code::Malformed, "a session has one hello"));
                return Ok(());
            }
            return self.hello(session, &hello, now);
        }
        if !is_met {
            self.end(session, Refusal::new(Code::Malformed, "a session begins with hello"));
            return Ok(());
        }
        // Membership is asked again with each frame, whatever was shown when the session began.
        self.advance(&workspace)?;
        if !self.workspaces.get(&workspace).is_some_and(|workspace| workspace.view.is_member(&device)) {
            self.end(session, Refusal::new(Code::NotAMember, NOT_A_MEMBER));
            return Ok(());
        }
        match input {
            Input::Push(candidates) => self.push(session, workspace, candidates),
            Input::Frame(Frame::Statements(statements)) => self.statements_said(session, workspace, statements),
            Input::Frame(Frame::Digest { sums, .. }) => {
                if sums.is_empty() {
                    self.asked_for_sums(session);
                }
                Ok(())
            }
            Input::Frame(Frame::Ids { segments, more }) => {
                self.asked_for_ids(session, segments, more);
                Ok(())
            }
            Input::Frame(Frame::Wanted(ids)) => {
                self.asked_for_chunks(session, &ids);
                Ok(())
            }
            Input::Frame(Frame::Ping(n)) => {
                self.say(session, Frame::Pong(n));
                Ok(())
            }
            Input::Frame(Frame::Pong(_) | Frame::Failed { .. }) => Ok(()),
            _ => {
                self.end(session, Refusal::new(Code::Malformed, "that is for a relay to say"));
                Ok(())
            }
        }
    }

    /// Makes what was written durable, and says what follows from it: outcomes, and what others hear of it.
    pub fn commit(&mut self) -> Vec<Said> {
        if self.is_written {
            if let Err(error) = self.storage.commit() {
                self.fail(error);
            } else {
                self.is_written = false;
                self.is_failing = false;
                self.touched.clear();
            }
        }
        self.broadcast();
        self.outcomes.clear();
        std::mem::take(&mut self.outbox)
    }

    /// Commits, and sends on what sessions have still to be sent, at most so many frames, as far as their windows allow.
    pub fn pump(&mut self, most: usize) -> Vec<Said> {
        let mut said = self.commit();
        if let Err(error) = self.send(most) {
            self.fail(error);
        }
        said.append(&mut self.outbox);
        said
    }

    /// Whether some session has something to be sent and room for it: [`Relay::pump`] would say something.
    pub fn is_busy(&self) -> bool {
        !self.busy.is_empty()
    }

    /// A session's socket has taken something that was said; `weight` is that of the [`Said`].
    pub fn taken(&mut self, session: SessionId, weight: u64) {
        if let Some(talk) = self.sessions.get_mut(&session).and_then(|session| session.talk.as_mut()) {
            talk.on_the_way = talk.on_the_way.saturating_sub(weight);
            if talk.has_work() && talk.on_the_way < self.config.window {
                self.busy.insert(session);
            }
        }
    }

    /// The time goes on: days expire in the workspaces that are in use. Call it once a minute or so; [`Relay::commit`] makes
    /// it durable.
    pub fn tick(&mut self, now: UtcMillis) {
        let done = self.observe(now).and_then(|()| {
            let used: Vec<WorkspaceId> = self.workspaces.keys().copied().collect();
            used.iter().try_for_each(|workspace| self.advance(workspace))
        });
        if let Err(error) = done {
            self.fail(error);
        }
    }

    /// Has days expire in workspaces that nobody is there of: at most so many behind `after`. Gives the last one looked at,
    /// `None` after the last of all.
    ///
    /// # Errors
    /// The storage's.
    pub fn sweep(
        &mut self,
        after: Option<WorkspaceId>,
        most: usize,
        now: UtcMillis,
    ) -> Result<Option<WorkspaceId>, S::Error> {
        self.observe(now)?;
        let workspaces = self.storage.workspaces(after, most)?;
        for workspace in &workspaces {
            self.advance(workspace)?;
        }
        self.forget_idle();
        Ok(workspaces.last().copied())
    }

    /// Takes a workspace out with all that is held of it, and ends its sessions. Devices that come back refill it, if they may
    /// open it.
    ///
    /// # Errors
    /// The storage's.
    pub fn remove_workspace(&mut self, workspace: &WorkspaceId) -> Result<(), S::Error> {
        let sessions: Vec<SessionId> = self.sessions(workspace).collect();
        for session in sessions {
            self.end(session, Refusal::new(Code::UnknownWorkspace, UNKNOWN_WORKSPACE));
        }
        self.workspaces.remove(workspace);
        self.fresh.remove(workspace);
        self.is_written = true;
        self.has_dropped = true;
        self.storage.remove_workspace(workspace)
    }

    /// Whether chunks were dropped for good since this was last asked: their bytes may still lie in a storage's journal.
    pub fn has_dropped(&mut self) -> bool {
        std::mem::take(&mut self.has_dropped)
    }

    fn observe(&mut self, now: UtcMillis) -> Result<(), S::Error> {
        self.time.observe(now);
        if self.time.until.0.saturating_sub(self.saved.0) >= TIME_SAVED_EVERY_MS {
            self.storage.set_time(self.time)?;
            self.saved = self.time.until;
            self.is_written = true;
        }
        Ok(())
    }

    /// Has a workspace in memory, if there is one.
    fn load(&mut self, id: &WorkspaceId) -> Result<(), S::Error> {
        if self.workspaces.contains_key(id) {
            return Ok(());
        }
        let statements = self.storage.statements(id)?;
        let Some(workspace) = Workspace::load(*id, statements, self.time.until) else { return Ok(()) };
        // Days may have gone by since somebody was there.
        let old = Rules { first_day: self.storage.tally(id)?.first_day, ..workspace.rules.clone() };
        self.workspaces.insert(*id, workspace);
        self.decide_again(id, &old)
    }

    /// Has a workspace in memory, its expired days gone.
    fn advance(&mut self, id: &WorkspaceId) -> Result<(), S::Error> {
        self.load(id)?;
        let until = self.time.until;
        match self.workspaces.get_mut(id).and_then(|workspace| workspace.advance(until)) {
            Some(old) => self.decide_again(id, &old),
            None => Ok(()),
        }
    }

    /// Chunks are decided again by rules that have changed; who is there hears of those that count now.
    fn decide_again(&mut self, id: &WorkspaceId, old: &Rules) -> Result<(), S::Error> {
        let Some(workspace) = self.workspaces.get(id) else { return Ok(()) };
        if *old == workspace.rules {
            return Ok(());
        }
        self.touch(*id);
        let Some(workspace) = self.workspaces.get(id) else { return Ok(()) };
        let Changed { live, gone, dropped } = Log::new(&mut self.storage, *id).obey(old, &workspace.rules)?;
        self.has_dropped |= dropped > 0;
        let fresh = self.fresh.entry(*id).or_default();
        fresh.retain(|fresh| !gone.contains(&fresh.seq));
        fresh.extend(live.into_iter().map(|(seq, chunk)| Fresh::of(seq, &chunk, None)));
        Ok(())
    }

    fn touch(&mut self, workspace: WorkspaceId) {
        self.is_written = true;
        self.touched.insert(workspace);
    }

    /// Says something, once what was written is durable.
    fn say(&mut self, session: SessionId, frame: Frame) {
        let weight = deliver::weight(&frame);
        if let Some(talk) = self.sessions.get_mut(&session).and_then(|session| session.talk.as_mut()) {
            talk.on_the_way += weight;
        }
        self.outbox.push(Said { to: session, frame, weight, is_last: false });
    }

    /// Says why, and ends a session.
    fn end(&mut self, session: SessionId, why: Refusal) {
        if !self.sessions.contains_key(&session) {
            return;
        }
        let frame = Frame::Failed { code: why.code, text: why.text };
        let weight = deliver::weight(&frame);
        self.outbox.push(Said { to: session, frame, weight, is_last: true });
        self.close(session);
    }

    /// The storage could not: what was not committed is gone, and whoever had a part in it is told to come again.
    fn fail(&mut self, error: S::Error) {
        tracing::error!(%error, "the storage failed");
        if let Err(error) = self.storage.rollback() {
            tracing::error!(%error, "nor could it go back");
        }
        self.outcomes.clear();
        let mut told: BTreeSet<SessionId> = self.outbox.drain(..).map(|said| said.to).collect();
        for workspace in std::mem::take(&mut self.touched) {
            self.fresh.remove(&workspace);
            told.extend(self.sessions(&workspace));
            told.extend(self.sessions.iter().filter(|(_, s)| s.workspace == workspace).map(|(id, _)| *id));
        }
        for session in told {
            self.end(session, Refusal::new(Code::Unavailable, UNAVAILABLE));
        }
        // What they hold may say more than the storage does.
        self.workspaces.retain(|_, workspace| !workspace.sessions.is_empty());
        self.fresh.clear();
        self.is_written = false;
        // With the next tick the time is written again, which shows whether it can.
        self.saved = UtcMillis(i64::MIN);
        self.is_failing = true;
        self.trouble = Some(error);
    }

    fn forget_idle(&mut self) {
        if self.workspaces.len() > self.config.idle_workspaces {
            let fresh = &self.fresh;
            self.workspaces.retain(|id, workspace| !workspace.sessions.is_empty() || fresh.contains_key(id));
        }
    }

    /// The first day that a workspace keeps, by this relay's time; `None` if it is not in use.
    pub fn first_day(&self, workspace: &WorkspaceId) -> Option<UtcDay> {
        self.workspaces.get(workspace).map(|workspace| workspace.rules.first_day)
    }
}

pub(crate) const UNAVAILABLE: &str = "the relay could not write; it is kept here and goes out again by itself";
pub(crate) const NOT_A_MEMBER: &str =
    "this device is not a member of the workspace: join it again with a code from another device";
pub(crate) const UNKNOWN_WORKSPACE: &str =
    "this relay does not hold the workspace: any of its devices can open it here again";

#[cfg(test)]
mod tests;
