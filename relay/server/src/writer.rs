//! The one who writes: a thread with the relay's core and its storage. Whatever is waiting is taken in together, made durable
//! together, and only then answered.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aimon_ledger::frame::{Code, Frame, Outcome};
use aimon_ledger::ids::WorkspaceId;
use aimon_ledger::time::UtcMillis;
use aimon_relay_core::auth::Who;
use aimon_relay_core::check::{Checked, View};
use aimon_relay_core::relay::{Config, Refusal, Relay, Said, SessionId, Stated};
use aimon_relay_core::storage::Storage;
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc, oneshot};

use crate::error::{Error, Result};
use crate::storage::{Sqlite, StorageError};

/// How many jobs may wait: whoever brings more waits.
const MOST_WAITING: usize = 4_096;

/// How many jobs are made durable together.
const MOST_TOGETHER: usize = 1_024;

/// For how long jobs are collected, at most, before they are made durable.
const MOST_COLLECTING: Duration = Duration::from_millis(4);

/// How many frames of what is caught up with go out between two commits.
const FRAMES_BETWEEN: usize = 8;

/// How many sessions a device may have. The oldest one ends for a new one: it may be one whose end nobody heard of.
const MOST_EACH: usize = 8;

/// How many workspaces are swept between two jobs.
const SWEPT_AT_ONCE: usize = 16;

/// How often expired days are looked for in workspaces that nobody is there of.
const SWEEP_EVERY: Duration = Duration::from_secs(3_600);

/// What time it is, in milliseconds.
pub fn now() -> UtcMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UtcMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// What is on its way to a session, so that nobody is heard who does not listen.
#[derive(Default, Debug)]
pub struct Load {
    bytes: AtomicU64,
    less: Notify,
}

impl Load {
    fn add(&self, weight: u64) {
        self.bytes.fetch_add(weight, Ordering::Relaxed);
        metrics::gauge!("aimon_relay_unread_bytes").increment(weight as f64);
    }

    /// Something has been taken.
    pub fn taken(&self, weight: u64) {
        self.bytes.fetch_sub(weight, Ordering::Relaxed);
        metrics::gauge!("aimon_relay_unread_bytes").decrement(weight as f64);
        self.less.notify_one();
    }

    /// Waits until less than this is on its way.
    pub async fn below(&self, bytes: u64) {
        while self.bytes.load(Ordering::Relaxed) >= bytes {
            self.less.notified().await;
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let left = self.bytes.load(Ordering::Relaxed);
        metrics::gauge!("aimon_relay_unread_bytes").decrement(left as f64);
    }
}

/// Where a session hears what it is told.
#[derive(Clone, Debug)]
pub struct Sink {
    /// What is said. In boxes: a channel has room for many from the start, and most sessions are told little.
    pub said: mpsc::UnboundedSender<Box<Said>>,
    /// How much of it was not taken.
    pub load: Arc<Load>,
}

type Reply<T> = oneshot::Sender<T>;

/// What becomes of statements.
type Answer = Result<Stated, Refusal>;

/// Something for the writer to do.
pub enum Job {
    /// A session begins.
    Open(SessionId, Who, Sink),
    /// A device has said something. The permit is for its bytes.
    Frame(SessionId, Checked, OwnedSemaphorePermit),
    /// A socket has taken something.
    Taken(SessionId, u64),
    /// A socket is gone.
    Close(SessionId),
    /// Whoever asks hears when all that came before is answered.
    Sync(Reply<()>),
    /// What is known of a workspace.
    View(WorkspaceId, Reply<Result<Option<Arc<View>>, Refusal>>),
    /// Statements that came outside of a session.
    Statements(WorkspaceId, Vec<Vec<u8>>, bool, Reply<Answer>),
    /// The time goes on.
    Tick,
    /// All sessions end.
    Stop,
}

/// The way to the writer.
#[derive(Clone)]
pub struct Writer {
    jobs: mpsc::Sender<Job>,
    next: Arc<AtomicU64>,
    can_write: Arc<AtomicBool>,
}

fn gone() -> Refusal {
    Refusal { code: Code::Unavailable, text: "the relay is stopping; it is tried again by itself".to_owned() }
}

impl Writer {
    /// Starts the thread. `dropped` is told when chunks were dropped for good, whose bytes may lie in the journal.
    ///
    /// # Errors
    /// [`Error::Storage`], [`Error::System`].
    pub fn start(
        storage: Sqlite,
        config: Config,
        is_clock_trusted: bool,
        dropped: impl Fn() + Send + 'static,
    ) -> Result<(Self, JoinHandle<()>)> {
        let mut relay = Relay::new(storage, config, now()).map_err(Error::Storage)?;
        if is_clock_trusted {
            relay.trust_clock(now());
        }
        if relay.doubted_time().is_some() {
            tracing::warn!(
                "the clock has gone on by more than two days: nothing expires until it is trusted (serve --trust-clock)"
            );
        }
        let (jobs, waiting) = mpsc::channel(MOST_WAITING);
        let can_write = Arc::new(AtomicBool::new(true));
        let work = Work {
            relay,
            waiting,
            sinks: HashMap::new(),
            devices: HashMap::new(),
            stated: Vec::new(),
            synced: Vec::new(),
            swept: Swept::Until(Instant::now()),
            is_stopping: false,
            can_write: Arc::clone(&can_write),
            dropped: Box::new(dropped),
        };
        let thread = std::thread::Builder::new().name("writer".to_owned()).spawn(move || work.run());
        let thread = thread.map_err(|source| Error::System { what: "cannot start a thread", source })?;
        Ok((Self { jobs, next: Arc::new(AtomicU64::new(1)), can_write }, thread))
    }

    /// A name for a new session.
    pub fn session(&self) -> SessionId {
        SessionId(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// Has something done. Whoever brings too much waits here.
    ///
    /// # Errors
    /// `unavailable` once the relay is stopping.
    pub async fn bring(&self, job: Job) -> Result<(), Refusal> {
        self.jobs.send(job).await.map_err(|_| gone())
    }

    /// Waits until all that this caller brought before is answered.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn sync(&self) -> Result<(), Refusal> {
        let (reply, done) = oneshot::channel();
        self.bring(Job::Sync(reply)).await?;
        done.await.map_err(|_| gone())
    }

    /// Whether what was to be made durable last was: where the disk is full it is not, until there is room again.
    pub fn can_write(&self) -> bool {
        self.can_write.load(Ordering::Relaxed)
    }

    /// What is known of a workspace.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn view(&self, workspace: WorkspaceId) -> Result<Option<Arc<View>>, Refusal> {
        let (reply, done) = oneshot::channel();
        self.bring(Job::View(workspace, reply)).await?;
        done.await.map_err(|_| gone())?
    }

    /// Takes statements in; they are durable when this is done.
    ///
    /// # Errors
    /// What is wrong with them.
    pub async fn statements(
        &self,
        workspace: WorkspaceId,
        statements: Vec<Vec<u8>>,
        may_open: bool,
    ) -> Result<Stated, Refusal> {
        let (reply, done) = oneshot::channel();
        self.bring(Job::Statements(workspace, statements, may_open, reply)).await?;
        done.await.map_err(|_| gone())?
    }
}

/// How far the workspaces were swept.
enum Swept {
    /// Up to this one.
    After(Option<WorkspaceId>),
    /// All; again at this time.
    Until(Instant),
}

struct Work {
    relay: Relay<Sqlite>,
    waiting: mpsc::Receiver<Job>,
    sinks: HashMap<SessionId, (Who, Sink)>,
    devices: HashMap<Who, VecDeque<SessionId>>,
    /// Answers that wait for the commit.
    stated: Vec<(Reply<Answer>, Answer)>,
    synced: Vec<Reply<()>>,
    swept: Swept,
    is_stopping: bool,
    can_write: Arc<AtomicBool>,
    dropped: Box<dyn Fn() + Send>,
}

impl Work {
    fn run(mut self) {
        while !self.is_stopping {
            let first = if self.relay.is_busy() { self.waiting.try_recv().ok() } else { self.waiting.blocking_recv() };
            if first.is_none() && !self.relay.is_busy() {
                break;
            }
            let (began, now) = (Instant::now(), now());
            let mut job = first;
            for n in 0..MOST_TOGETHER {
                let Some(next) = job.take() else { break };
                self.take(next, now);
                if n + 1 < MOST_TOGETHER && began.elapsed() < MOST_COLLECTING {
                    job = self.waiting.try_recv().ok();
                }
            }
            self.sweep(now);
            self.release();
        }
        for (session, (_, sink)) in std::mem::take(&mut self.sinks) {
            let frame = Frame::Failed { code: Code::Unavailable, text: gone().text };
            let _ = sink.said.send(Box::new(Said { to: session, frame, weight: 0, is_last: true }));
        }
        // The journal is carried over when the connection closes.
        let mut storage = self.relay.into_storage();
        if let Err(error) = storage.commit() {
            tracing::error!(%error, "the last words could not be written");
        }
    }

    fn take(&mut self, job: Job, now: UtcMillis) {
        match job {
            Job::Open(session, who, sink) => self.open(session, who, sink),
            Job::Frame(session, checked, _permit) => self.relay.take(session, checked, now),
            Job::Taken(session, weight) => self.relay.taken(session, weight),
            Job::Close(session) => {
                self.relay.close(session);
                self.forget(session);
            }
            Job::Sync(reply) => self.synced.push(reply),
            Job::View(workspace, reply) => {
                let view = self.relay.view(&workspace);
                let _ = reply.send(view.map_err(|error| failed(&error)));
            }
            Job::Statements(workspace, statements, may_open, reply) => {
                let stated = self.relay.statements(&workspace, statements, may_open, now);
                self.stated.push((reply, stated));
            }
            Job::Tick => self.relay.tick(now),
            Job::Stop => self.is_stopping = true,
        }
    }

    fn open(&mut self, session: SessionId, who: Who, sink: Sink) {
        let own = self.devices.entry(who).or_default();
        own.push_back(session);
        let oldest = if own.len() > MOST_EACH { own.pop_front() } else { None };
        if let Some(oldest) = oldest
            && let Some((_, sink)) = self.sinks.remove(&oldest)
        {
            let text = "the device has begun other sessions since".to_owned();
            let frame = Frame::Failed { code: Code::Rate, text };
            let _ = sink.said.send(Box::new(Said { to: oldest, frame, weight: 0, is_last: true }));
            self.relay.close(oldest);
        }
        self.sinks.insert(session, (who, sink));
        self.relay.open(session, who.workspace, who.device);
        metrics::gauge!("aimon_relay_sessions").set(self.sinks.len() as f64);
    }

    fn forget(&mut self, session: SessionId) {
        let Some((who, _)) = self.sinks.remove(&session) else { return };
        if let Some(own) = self.devices.get_mut(&who) {
            own.retain(|other| *other != session);
            if own.is_empty() {
                self.devices.remove(&who);
            }
        }
        metrics::gauge!("aimon_relay_sessions").set(self.sinks.len() as f64);
    }

    /// Expired days of workspaces that nobody is there of, a few at a time.
    fn sweep(&mut self, now: UtcMillis) {
        let after = match self.swept {
            Swept::Until(time) if time > Instant::now() => return,
            Swept::Until(_) => None,
            Swept::After(after) => after,
        };
        self.swept = match self.relay.sweep(after, SWEPT_AT_ONCE, now) {
            Ok(Some(last)) => Swept::After(Some(last)),
            Ok(None) => Swept::Until(Instant::now() + SWEEP_EVERY),
            Err(error) => {
                tracing::error!(%error, "expired days could not be dropped");
                Swept::Until(Instant::now() + SWEEP_EVERY)
            }
        };
    }

    /// Makes durable what was taken in, then answers.
    fn release(&mut self) {
        let began = Instant::now();
        let said = self.relay.pump(FRAMES_BETWEEN);
        let failed = self.relay.trouble().map(|error| failed(&error));
        self.can_write.store(self.relay.can_write(), Ordering::Relaxed);
        metrics::histogram!("aimon_relay_commit_seconds").record(began.elapsed().as_secs_f64());
        let mut counted = Counted::default();
        for said in said {
            counted.count(&said.frame);
            let (to, is_last) = (said.to, said.is_last);
            if let Some((_, sink)) = self.sinks.get(&to) {
                sink.load.add(said.weight);
                // A socket that has just gone says so itself.
                let _ = sink.said.send(Box::new(said));
            }
            if is_last {
                self.forget(to);
            }
        }
        for (reply, stated) in self.stated.drain(..) {
            let _ = reply.send(failed.clone().map_or(stated, Err));
        }
        for reply in self.synced.drain(..) {
            let _ = reply.send(());
        }
        if self.relay.has_dropped() {
            (self.dropped)();
        }
    }
}

fn failed(error: &StorageError) -> Refusal {
    metrics::counter!("aimon_relay_storage_errors_total").increment(1);
    tracing::error!(%error, is_full = error.is_full(), "the database failed");
    Refusal {
        code: Code::Unavailable,
        text: "the relay could not write; it is kept here and goes out again by itself".to_owned(),
    }
}

/// What was said, by its words: counted once a commit.
#[derive(Default)]
struct Counted {
    outcomes: BTreeMap<&'static str, u64>,
    failed: BTreeMap<String, u64>,
    delivered: u64,
}

impl Counted {
    fn count(&mut self, frame: &Frame) {
        match frame {
            Frame::Outcomes(outcomes) => {
                for (_, outcome) in outcomes {
                    let word = match outcome {
                        Outcome::Accepted(_) => "accepted",
                        Outcome::Covered => "covered",
                        Outcome::Refused(Code::Quota) => "quota",
                        Outcome::Refused(Code::Rate) => "rate",
                        Outcome::Refused(Code::Void | Code::Expired) => "gone",
                        Outcome::Refused(_) => "refused",
                    };
                    *self.outcomes.entry(word).or_default() += 1;
                }
            }
            Frame::Deliver(chunks) => self.delivered += chunks.len() as u64,
            Frame::Failed { code, .. } => *self.failed.entry(code.word().to_owned()).or_default() += 1,
            _ => {}
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        for (word, count) in &self.outcomes {
            metrics::counter!("aimon_relay_chunks_total", "outcome" => *word).increment(*count);
        }
        for (word, count) in &self.failed {
            metrics::counter!("aimon_relay_failed_total", "code" => word.clone()).increment(*count);
        }
        metrics::counter!("aimon_relay_delivered_total").increment(self.delivered);
    }
}
