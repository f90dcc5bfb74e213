//! Watching: says that something changed below a root, soon after it did.
//!
//! ```text
//! notify ──► debounce ──►┐
//! missing roots, polled ►├──► tick ──► the caller scans
//! every 30 s ───────────►┘
//! ```
//!
//! A tick only says "look": what changed is the scan's to find, so a lost or doubled notification
//! costs time and never data. Where the system can't watch a root (its limit of watches is reached, a
//! network drive), that root is rescanned every few seconds instead, and [`Watch::notes`] says so.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use notify::event::{EventKind, ModifyKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};

/// How often to look, and how long to wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pace {
    /// A tick at least this often, whatever the system says.
    pub rescan: Duration,
    /// A tick at least this often while a root can't be watched.
    pub unwatched: Duration,
    /// How often to look whether a missing root has appeared.
    pub missing: Duration,
    /// Changes are gathered until none came for this long,
    pub quiet: Duration,
    /// or this long after the first.
    pub latest: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            rescan: Duration::from_secs(30),
            unwatched: Duration::from_secs(4),
            missing: Duration::from_secs(2),
            quiet: Duration::from_millis(250),
            latest: Duration::from_secs(1),
        }
    }
}

/// Why to look.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Tick {
    /// Something changed below these roots.
    Changed(Vec<PathBuf>),
    /// It is time to look at everything again.
    Rescan,
}

/// A watch that runs until it is dropped.
#[derive(Debug)]
pub struct Watch {
    stop: Option<Sender<Signal>>,
    thread: Option<JoinHandle<()>>,
    notes: Arc<Mutex<Vec<String>>>,
}

enum Signal {
    Changed(Vec<PathBuf>),
    /// As `Changed`, by a removal or a renaming of what these paths name.
    Gone(Vec<PathBuf>),
    /// The system lost notifications: anything may have changed.
    Lost,
    Stop,
}

impl Watch {
    /// Starts watching `roots`, existing or not: what changes after this returns makes a tick, so a scan
    /// that follows misses nothing. `on_tick` is called on the watch's own thread, and not while an
    /// earlier call still runs; what changes meanwhile makes one further tick.
    pub fn start(roots: Vec<PathBuf>, pace: Pace, on_tick: impl FnMut(Tick) + Send + 'static) -> std::io::Result<Self> {
        let (sender, receiver) = unbounded();
        let notes = Arc::new(Mutex::new(Vec::new()));
        let mut watching = Watching::new(roots, pace, sender.clone(), Arc::clone(&notes));
        watching.arm();
        let thread = std::thread::Builder::new()
            .name("aimon-watch".to_owned())
            .spawn(move || watching.run(&receiver, on_tick))?;
        Ok(Self { stop: Some(sender), thread: Some(thread), notes })
    }

    /// What can't be watched, and is rescanned instead. For people.
    pub fn notes(&self) -> Vec<String> {
        self.notes.lock().map(|notes| notes.clone()).unwrap_or_default()
    }
}

impl Drop for Watch {
    /// Waits for a tick that is under way.
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            drop(stop.send(Signal::Stop));
        }
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Missing,
    Watched,
    /// Rescanned, because it can't be watched.
    Unwatched,
}

struct Watching {
    roots: Vec<(PathBuf, State)>,
    pace: Pace,
    watcher: Option<RecommendedWatcher>,
    notes: Arc<Mutex<Vec<String>>>,
}

impl Watching {
    fn new(roots: Vec<PathBuf>, pace: Pace, sender: Sender<Signal>, notes: Arc<Mutex<Vec<String>>>) -> Self {
        let handler = move |event: notify::Result<notify::Event>| {
            let signal = match event {
                // Reading a log is no change of it; our own scans read.
                Ok(event) if event.kind.is_access() => return,
                Ok(event) if event.need_rescan() => Signal::Lost,
                Ok(event) if is_of_a_name(event.kind) => Signal::Gone(event.paths),
                Ok(event) => Signal::Changed(event.paths),
                Err(_) => Signal::Lost,
            };
            drop(sender.send(signal));
        };
        let watcher = match notify::recommended_watcher(handler) {
            Ok(watcher) => Some(watcher),
            Err(error) => {
                note(&notes, format!("this system can't watch folders ({error}); looking every few seconds"));
                None
            }
        };
        let roots = roots.into_iter().map(|root| (root, State::Missing)).collect();
        Self { roots, pace, watcher, notes }
    }

    fn run(mut self, signals: &Receiver<Signal>, mut on_tick: impl FnMut(Tick)) {
        let mut rescanned = Instant::now();
        let mut looked = Instant::now();
        loop {
            let now = Instant::now();
            let rescan = rescanned + self.interval();
            let look = looked + self.pace.missing;
            let tick = match signals.recv_timeout(rescan.min(look).saturating_duration_since(now)) {
                Err(RecvTimeoutError::Disconnected) | Ok(Signal::Stop) => return,
                Ok(signal) => match self.gather(signal, signals) {
                    Some(tick) => tick,
                    None => return,
                },
                Err(RecvTimeoutError::Timeout) => None,
            };
            let now = Instant::now();
            let mut changed = match tick {
                Some(Tick::Rescan) => {
                    rescanned = now;
                    on_tick(Tick::Rescan);
                    continue;
                }
                Some(Tick::Changed(roots)) => roots,
                None => Vec::new(),
            };
            if now >= look || !changed.is_empty() {
                looked = now;
                changed.extend(self.arm());
                changed.sort_unstable();
                changed.dedup();
            }
            if now >= rescanned + self.interval() {
                rescanned = now;
                on_tick(Tick::Rescan);
            } else if !changed.is_empty() {
                on_tick(Tick::Changed(changed));
            }
        }
    }

    /// Lets go of the roots that were removed or renamed. The system's watch is of that folder and ends or
    /// moves with it, so one that has the name by now, as after `rm -r` and `mkdir`, has to be watched anew.
    fn let_go(&mut self, gone: &[PathBuf]) {
        for (root, state) in self.roots.iter_mut().filter(|(root, _)| gone.contains(root)) {
            if let (State::Watched, Some(watcher)) = (*state, self.watcher.as_mut()) {
                // It may have gone with the folder.
                drop(watcher.unwatch(root));
            }
            *state = State::Missing;
        }
    }

    /// Watches what has appeared since, lets go of what is gone, and returns the roots of either kind.
    fn arm(&mut self) -> Vec<PathBuf> {
        let mut changed = Vec::new();
        for (root, state) in &mut self.roots {
            let is_there = root.is_dir();
            match (is_there, *state) {
                (true, State::Missing) => {
                    changed.push(root.clone());
                    *state = match self.watcher.as_mut().map(|w| w.watch(root, RecursiveMode::Recursive)) {
                        Some(Ok(())) => State::Watched,
                        None => State::Unwatched,
                        Some(Err(error)) => {
                            let root = root.display();
                            note(&self.notes, format!("{root} can't be watched ({error}); looking every few seconds"));
                            State::Unwatched
                        }
                    };
                }
                (false, State::Watched | State::Unwatched) => {
                    if let (State::Watched, Some(watcher)) = (*state, self.watcher.as_mut()) {
                        // It may have gone with the folder.
                        drop(watcher.unwatch(root));
                    }
                    changed.push(root.clone());
                    *state = State::Missing;
                }
                _ => {}
            }
        }
        changed
    }

    fn interval(&self) -> Duration {
        let is_blind = self.roots.iter().any(|(_, state)| *state == State::Unwatched);
        if is_blind { self.pace.unwatched.min(self.pace.rescan) } else { self.pace.rescan }
    }

    /// Waits until it is quiet. `None` to stop; `Some(None)` if nothing below a root has changed.
    fn gather(&mut self, first: Signal, signals: &Receiver<Signal>) -> Option<Option<Tick>> {
        let latest = Instant::now() + self.pace.latest;
        let mut changed = Vec::new();
        let mut is_lost = false;
        let mut next = Some(first);
        loop {
            match next {
                Some(Signal::Stop) => return None,
                Some(Signal::Lost) => is_lost = true,
                Some(Signal::Changed(paths)) => self.roots_of(&paths, &mut changed),
                Some(Signal::Gone(paths)) => {
                    self.let_go(&paths);
                    self.roots_of(&paths, &mut changed);
                }
                None => break,
            }
            let wait = self.pace.quiet.min(latest.saturating_duration_since(Instant::now()));
            next = signals.recv_timeout(wait).ok();
        }
        Some(match (is_lost, changed.is_empty()) {
            (true, _) => Some(Tick::Rescan),
            (false, true) => None,
            (false, false) => Some(Tick::Changed(changed)),
        })
    }

    fn roots_of(&self, paths: &[PathBuf], changed: &mut Vec<PathBuf>) {
        for path in paths {
            let below = |root: &Path| path.starts_with(root);
            let mut roots = self.roots.iter().map(|(root, _)| root).filter(|root| below(root)).peekable();
            if roots.peek().is_none() {
                // Some systems name a watched folder by another path (a link's target).
                changed.extend(self.roots.iter().map(|(root, _)| root.clone()));
            } else {
                changed.extend(roots.cloned());
            }
        }
        changed.sort_unstable();
        changed.dedup();
    }
}

/// Whether the event is about what a name stands for: it was removed, or moved from or to there.
fn is_of_a_name(kind: EventKind) -> bool {
    matches!(kind, EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)))
}

fn note(notes: &Mutex<Vec<String>>, text: String) {
    tracing::warn!("{text}");
    if let Ok(mut notes) = notes.lock()
        && !notes.contains(&text)
    {
        notes.push(text);
    }
}

#[cfg(test)]
mod tests;
