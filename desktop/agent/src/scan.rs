//! Taking in what is new: collectors read on threads of their own, the replica commits here.
//!
//! A group of files is committed at once with their marks: their events are on the disk before
//! the next scan believes that they were read. The channel between them is bounded, so a slow disk
//! slows the readers and memory stays small.

mod projects;
pub mod roots;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use aimon_core::event::Event;
use aimon_core::ids::DeviceId;
use aimon_core::name::Name;
use aimon_core::time::UtcMillis;
use aimon_replica::{Commit, Mark, Recorded, Replica};
use aimon_sources::collector::{CollectError, Collector, Decoder, Env, FileKind, LogFile, Root};
use aimon_sources::scan::{FileRead, Found, Marks, Options, Plan, Summary};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, mpsc, oneshot};
use utoipa::ToSchema;

use crate::error::{Error, Result};
use crate::place::{Machine, Place};
use crate::render::number;
use crate::{dates, output};

/// The most files and events of one commit.
const FILES: usize = 256;
const EVENTS: usize = 10_000;
/// How many groups, or pieces of one session, may wait for the disk.
const WAITING: usize = 1;
/// How many lines that could not be taken are named.
const SKIPPED: usize = 8;
/// Nobody wants to see progress of something that is done at once.
const PATIENCE: Duration = Duration::from_millis(300);

/// What a scan found: what `aimon scan --json` prints, and `/v1/scan` answers.
#[derive(Clone, Serialize, Deserialize, ToSchema, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Scanned {
    /// Present, and true, where the logs are made up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub demo: bool,
    /// Every folder that was looked at, existing or not.
    pub roots: Vec<RootScanned>,
    /// Log files that are there.
    pub files_seen: u64,
    /// Of them: read now.
    pub files_read: u64,
    /// Of them: not touched since they were read.
    pub files_unchanged: u64,
    /// Files and folders that could not be read.
    pub files_unreadable: u64,
    /// The first few of them.
    pub unreadable: Vec<UnreadableScanned>,
    /// Files that were read once and are gone; what they said is kept.
    pub files_vanished: u64,
    /// Bytes that were read.
    pub bytes_read: u64,
    /// Records that are new. Copies of one call are several; a figure counts it once.
    pub records_new: u64,
    /// Answers that are new, such as how full a quota window was.
    #[serde(default)]
    pub answers_new: u64,
    /// Lines that look like usage, or like no log at all, and could not be taken, by reason.
    pub lines_skipped: BTreeMap<String, u64>,
    /// The first few of them. Only where all logs were read, as `aimon doctor` does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<LineScanned>,
    /// Events of days that are not kept any more.
    pub expired: u64,
    /// Records among what was read that are dated more than a day ahead of this device's clock. They count, on the day that they name.
    #[serde(default)]
    pub dated_ahead: u64,
}

/// A folder that was looked at.
#[derive(Clone, Serialize, Deserialize, ToSchema, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RootScanned {
    /// The agent whose logs may lie there.
    pub source: String,
    /// The folder.
    pub path: String,
    /// Whether it is there.
    pub exists: bool,
    /// Log files in it.
    pub files: u64,
    /// The environment variable that names it, or `default`.
    pub why: String,
    /// What is wrong with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// A line that could not be taken.
#[derive(Clone, Serialize, Deserialize, ToSchema, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct LineScanned {
    /// The file.
    pub path: String,
    /// The line, from 1; none in a document or a database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Why not: one of `linesSkipped`'s words.
    pub reason: String,
}

/// Something that could not be read.
#[derive(Clone, Serialize, Deserialize, ToSchema, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct UnreadableScanned {
    /// The file or folder.
    pub path: String,
    /// What the operating system says.
    pub reason: String,
}

impl Scanned {
    /// Whether anything new was recorded.
    pub fn is_news(&self) -> bool {
        self.records_new + self.answers_new > 0
    }

    fn add(&mut self, summary: &Summary, recorded: Recorded) {
        for root in &summary.roots {
            let (exists, files, problem) = match &root.found {
                Found::Missing => (false, 0, None),
                Found::Files(n) => (true, *n, None),
                Found::Again => (true, 0, Some("the same folder as another one".to_owned())),
                Found::Unreadable(why) => (true, 0, Some(why.clone())),
            };
            self.roots.push(RootScanned {
                source: root.source.to_owned(),
                path: root.path.display().to_string(),
                exists,
                files,
                why: root.why.to_owned(),
                problem,
            });
        }
        self.files_seen += summary.files;
        self.files_read += summary.read;
        self.files_unchanged += summary.unchanged;
        self.files_unreadable += summary.unreadable.count;
        let examples = summary
            .unreadable
            .examples
            .iter()
            .map(|(path, reason)| UnreadableScanned { path: path.display().to_string(), reason: reason.clone() });
        self.unreadable.extend(examples);
        self.files_vanished += summary.vanished.len() as u64;
        self.bytes_read += summary.bytes;
        self.records_new += recorded.records;
        self.answers_new += recorded.events - recorded.records;
        for (reason, count) in &summary.skipped.0 {
            *self.lines_skipped.entry(reason.word().to_owned()).or_default() += count;
        }
        self.expired += summary.expired + recorded.expired;
    }
}

/// Reads what is new of all machines' logs into the replica. The replica is locked for one commit
/// at a time, so that others can read between them.
pub async fn scan(replica: &Mutex<Replica>, place: &Place, progress: bool) -> Result<Scanned> {
    let mut scanned = Scanned { demo: place.is_demo(), ..Scanned::default() };
    let mut progress = Progress::new(progress);
    for machine in place.machines() {
        let (marks, options) = {
            let mut replica = replica.lock().await;
            (mark_stamps(&mut replica).await?, options(&mut replica, &machine).await?)
        };
        let projects = options.projects.clone();
        let (summary, recorded) = one(replica, machine, marks, options, &mut progress).await?;
        projects::name(replica, projects.as_deref()).await?;
        scanned.add(&summary, recorded);
        scanned.dated_ahead += std::mem::take(&mut progress.dated_ahead);
    }
    progress.done();
    // What could not be read now comes in later; what is held by then is only written once more, and counts once.
    replica.lock().await.read_through().await?;
    Ok(scanned)
}

/// Reads all logs from their beginning and records nothing: what `aimon doctor` says about them.
pub fn look(place: &Place) -> Result<Scanned> {
    let mut scanned = Scanned { demo: place.is_demo(), ..Scanned::default() };
    for machine in place.machines() {
        let collectors = aimon_sources::collectors();
        let (mut odd, mut ahead) = (BTreeSet::new(), 0);
        let looked =
            aimon_sources::scan::scan(collectors, &machine.env, &Marks::new(), &Options::default(), &mut |read| {
                ahead += dated_ahead(&read.events, place.now);
                if read.skipped.total() > 0 {
                    odd.insert(read.key);
                }
                Ok::<(), std::convert::Infallible>(())
            });
        scanned.dated_ahead += ahead;
        // Which lines they are takes reading those files once more, line by line.
        if !odd.is_empty() && scanned.skipped.len() < SKIPPED {
            let found = aimon_sources::locate::untaken(collectors, &machine.env, &odd);
            let lines = found.into_iter().map(|line| LineScanned {
                path: line.place.path.display().to_string(),
                line: line.place.line,
                reason: line.reason.word().to_owned(),
            });
            scanned.skipped.extend(lines.take(SKIPPED - scanned.skipped.len()));
        }
        match looked {
            Ok(summary) => scanned
                .add(&summary, Recorded { events: summary.events, records: summary.events, ..Recorded::default() }),
            Err(never) => match never {},
        }
    }
    Ok(scanned)
}

/// How many records have a time that nobody's zone explains.
fn dated_ahead(events: &[Event], now: UtcMillis) -> u64 {
    const DAY: i64 = 86_400_000;
    let latest = now.0.saturating_add(DAY);
    events.iter().filter(|event| matches!(event, Event::Record(record) if record.time.0 > latest)).count() as u64
}

/// How a machine's logs are read.
async fn options(replica: &mut Replica, machine: &Machine) -> Result<Options> {
    Ok(Options {
        first_day: Some(replica.first_day()),
        projects: projects::wanted(replica, machine).await?,
        owners: roots::owners(replica, machine).await?,
        ..Options::default()
    })
}

async fn mark_stamps(replica: &mut Replica) -> Result<Marks> {
    let mut marks = Marks::new();
    for (source, stamps) in replica.mark_stamps().await? {
        for (digest, stamp) in stamps {
            marks.insert_stamp(&source, digest, stamp);
        }
    }
    Ok(marks)
}

/// Runs `work` on a thread of its own, while this one commits and reads.
fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<oneshot::Receiver<T>> {
    let (sender, receiver) = oneshot::channel();
    let thread = std::thread::Builder::new().name("scan".to_owned()).spawn(move || drop(sender.send(work())));
    thread.map_err(|source| Error::System { what: "cannot start a thread", source })?;
    Ok(receiver)
}

async fn outcome<T>(receiver: oneshot::Receiver<T>) -> Result<T> {
    receiver.await.map_err(|_| {
        let source = std::io::Error::other("the reading thread has ended too early");
        Error::System { what: "cannot read the logs", source }
    })
}

/// Gives a plan what it asks for: the whole marks of the files that it is going to read, the keys of
/// the files that are gone.
async fn complete(plan: &mut Plan<'_>, replica: &mut Replica) -> Result<()> {
    let mut whole = Vec::new();
    for (source, key) in plan.asked() {
        whole.push(replica.mark(source, key).await?);
    }
    plan.complete(whole);
    for source in plan.unnamed() {
        plan.name(source, replica.mark_keys(source).await?);
    }
    Ok(())
}

/// Scans one machine's logs.
async fn one(
    replica: &Mutex<Replica>,
    Machine { env, origin }: Machine,
    marks: Marks,
    options: Options,
    progress: &mut Progress,
) -> Result<(Summary, Recorded)> {
    let planned = aside(move || aimon_sources::scan::plan(aimon_sources::collectors(), &env, &marks))?;
    let mut plan = outcome(planned).await?;
    {
        let mut replica = replica.lock().await;
        complete(&mut plan, &mut replica).await?;
        // Nothing proves the clock yet: the newest calls do, so they come first.
        if replica.trusted_day().is_none() {
            plan.newest_first();
        }
    }
    let (sender, mut receiver) = mpsc::channel::<Group>(WAITING);
    let reader = aside(move || {
        let mut group = Group::default();
        // Whoever commits has gone: the error is theirs to tell.
        let summary = plan.read(&options, &mut |read| {
            group.add(read, origin);
            if group.is_full() { sender.blocking_send(std::mem::take(&mut group)).map_err(|_| ()) } else { Ok(()) }
        })?;
        sender.blocking_send(group).map_err(|_| ())?;
        Ok(summary)
    })?;
    let mut recorded = Recorded::default();
    while let Some(group) = receiver.recv().await {
        progress.read(&group);
        group.commit(replica, &mut recorded).await?;
    }
    let ended = outcome(reader).await?;
    let summary = ended.map_err(|()| Error::System {
        what: "cannot read the logs",
        source: std::io::Error::other("the reading thread has ended too early"),
    })?;
    forget(replica, &summary).await?;
    Ok((summary, recorded))
}

/// Takes in what is new of one session of Claude Code, in the time that is left to it: what its
/// status line shows then includes the turn that has just ended. What does not fit comes next time.
pub async fn session(replica: &Mutex<Replica>, transcript: &Path, patience: Duration) -> Result<()> {
    let Some(only) = Session::of(transcript, &Env::of_process()) else { return Ok(()) };
    let end = tokio::time::Instant::now() + patience;
    let machine = Machine { env: Env::of_process(), origin: None };
    let (marks, options) = {
        let mut replica = replica.lock().await;
        let mut marks = mark_stamps(&mut replica).await?;
        // One session is a few files: they are looked at here and now, and again by the reader.
        let plan = aimon_sources::scan::plan(&[&only], &Env::of_process(), &marks);
        let changed: Vec<_> = plan.asked().map(|(source, key)| (source, key.to_vec())).collect();
        for (source, key) in changed {
            if let Some(whole) = replica.mark(source, &key).await? {
                marks.insert(source, key, whole);
            }
        }
        (marks, Options { workers: 1, ..options(&mut replica, &machine).await? })
    };
    let projects = options.projects.clone();
    let (sender, mut receiver) = mpsc::channel::<FileRead>(WAITING);
    let _reader = aside(move || {
        let scanned = aimon_sources::scan::scan(&[&only], &Env::of_process(), &marks, &options, &mut |read| {
            sender.blocking_send(read).map_err(|_| ())
        });
        drop(scanned);
    })?;
    let mut group = Group::default();
    while let Ok(Some(read)) = tokio::time::timeout_at(end, receiver.recv()).await {
        group.add(read, None);
    }
    group.commit(replica, &mut Recorded::default()).await?;
    projects::name(replica, projects.as_deref()).await
}

const CLAUDE: &dyn Collector = &aimon_sources::claude_code::ClaudeCode;

/// Claude Code's collector, for one session's files.
struct Session {
    root: Root,
    /// The project's folder, below the root.
    project: PathBuf,
    /// The session's files begin with this, below the root.
    session: PathBuf,
}

impl Session {
    fn of(transcript: &Path, env: &Env) -> Option<Self> {
        let root = CLAUDE.roots(env).into_iter().find(|root| transcript.starts_with(&root.path))?;
        let relative = transcript.strip_prefix(&root.path).ok()?;
        let (project, session) = (relative.parent()?.to_owned(), relative.with_extension(""));
        Some(Self { root, project, session })
    }
}

impl Collector for Session {
    fn kind(&self) -> &'static str {
        CLAUDE.kind()
    }

    fn roots(&self, _: &Env) -> Vec<Root> {
        vec![self.root.clone()]
    }

    fn accepts(&self, root: &Root, relative: &Path) -> Option<FileKind> {
        let its = relative.starts_with(&self.session) || relative.with_extension("") == self.session;
        CLAUDE.accepts(root, relative).filter(|_| its)
    }

    fn descends(&self, _: &Root, relative: &Path) -> bool {
        self.project.starts_with(relative) || relative.starts_with(&self.session)
    }

    fn decoder(&self, file: &LogFile<'_>, state: Option<&[u8]>) -> Result<Box<dyn Decoder>, CollectError> {
        CLAUDE.decoder(file, state)
    }
}

/// What is committed at once.
#[derive(Default)]
struct Group {
    events: Vec<Event>,
    marks: Vec<Mark>,
    bytes: u64,
}

impl Group {
    fn add(&mut self, read: FileRead, origin: Option<DeviceId>) {
        let mut events = read.events;
        if let Some(origin) = origin {
            for event in &mut events {
                if let Event::Record(record) = event {
                    record.origin = Some(origin);
                }
            }
        }
        self.events.append(&mut events);
        let FileRead { source, key, digest, stamp, mark, bytes, .. } = read;
        self.bytes += bytes;
        self.marks.push(Mark { source: Name::from(source), key, digest, stamp, value: Some(mark) });
    }

    fn is_full(&self) -> bool {
        self.marks.len() >= FILES || self.events.len() >= EVENTS
    }

    async fn commit(self, replica: &Mutex<Replica>, recorded: &mut Recorded) -> Result<()> {
        let Self { events, marks, .. } = self;
        if marks.is_empty() {
            return Ok(());
        }
        let commit = Commit { events, marks, now: dates::now() };
        let done = replica.lock().await.record(commit).await?;
        recorded.events += done.events;
        recorded.records += done.records;
        recorded.expired += done.expired;
        recorded.held += done.held;
        Ok(())
    }
}

/// Forgets how far files were read that are gone for certain: their root is there and could be read
/// through. What was in them stays.
async fn forget(replica: &Mutex<Replica>, summary: &Summary) -> Result<()> {
    if summary.vanished.is_empty() || summary.unreadable.count > 0 {
        return Ok(());
    }
    let roots: Vec<&Path> =
        summary.roots.iter().filter(|r| matches!(r.found, Found::Files(_))).map(|r| r.path.as_path()).collect();
    let marks: Vec<Mark> = summary
        .vanished
        .iter()
        .filter(|(_, key)| roots.iter().any(|root| roots::is_below(key, root)))
        .map(|(source, key)| roots::without(source, key.clone()))
        .collect();
    if !marks.is_empty() {
        replica.lock().await.record(Commit { events: Vec::new(), marks, now: dates::now() }).await?;
    }
    Ok(())
}

/// What was read so far; what is shown meanwhile, on a terminal, if it takes long enough to wonder.
struct Progress {
    wanted: bool,
    since: Instant,
    bar: Option<ProgressBar>,
    files: u64,
    bytes: u64,
    events: u64,
    dated_ahead: u64,
}

impl Progress {
    fn new(wanted: bool) -> Self {
        let wanted = wanted && output::stderr_is_terminal();
        Self { wanted, since: Instant::now(), bar: None, files: 0, bytes: 0, events: 0, dated_ahead: 0 }
    }

    fn read(&mut self, group: &Group) {
        self.files += group.marks.len() as u64;
        self.bytes += group.bytes;
        self.events += group.events.len() as u64;
        self.dated_ahead += dated_ahead(&group.events, dates::now());
        if !self.wanted || self.since.elapsed() < PATIENCE {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                bar.set_style(style);
            }
            bar
        });
        bar.set_message(format!(
            "Reading logs: {}, {}, {}",
            number::count(self.files, "file"),
            number::bytes(self.bytes),
            number::count(self.events, "record")
        ));
        bar.tick();
    }

    fn done(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.done();
    }
}
