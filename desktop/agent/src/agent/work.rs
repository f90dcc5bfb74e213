//! What the agent does by itself: it looks when something changed, and now and then anyway.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aimon_sources::watch::{Pace, Watch};
use tokio::sync::Notify;

use super::agenda::{Agenda, Job};
use super::state::Agent;
use crate::error::{Error, Result};
use crate::output;
use crate::place::Place;

/// When to look though nothing was told is the agenda's to say. So a rescan that the watch asks for has a
/// reason: notifications were lost, or a folder can't be watched.
const NEVER: Duration = Duration::from_secs(10 * 365 * 86_400);

/// A watch, and what it tells.
#[derive(Debug)]
pub struct Work {
    watch: Watch,
    /// One flag, not a queue: whatever comes while one waits is the same news, and nothing is lost.
    news: Arc<Notify>,
}

impl Work {
    /// Starts watching every folder in which logs may lie.
    pub fn start(place: &Place) -> Result<Self> {
        let news = Arc::new(Notify::new());
        let tell = Arc::clone(&news);
        let pace = Pace { rescan: NEVER, ..Pace::default() };
        let watch = Watch::start(roots(place), pace, move |_| tell.notify_one())
            .map_err(|source| Error::System { what: "cannot watch the logs", source })?;
        Ok(Self { watch, news })
    }

    /// What can't be watched, and is looked at every few seconds.
    pub fn notes(&self) -> Vec<String> {
        self.watch.notes()
    }

    /// Works until it is dropped. What fails is said once, and tried again.
    pub async fn run(self, agent: Arc<Agent>) {
        let mut failing: Option<String> = None;
        let mut agenda = Agenda::new(Instant::now());
        loop {
            let (at, job) = agenda.next();
            tokio::select! {
                () = self.news.notified() => {
                    agenda.changed();
                    continue;
                }
                () = tokio::time::sleep_until(at.into()) => {}
            }
            let begun = Instant::now();
            agenda.begin(job);
            let done = match job {
                Job::Scan => agent.scan(false).await.map(|_| ()),
                Job::Seal => agent.seal().await.map(|_| ()),
            };
            agenda.end(job, begun, Instant::now());
            match done {
                Ok(()) => failing = None,
                Err(e) if failing.as_deref() == Some(e.code()) => {}
                Err(e) => {
                    output::error(&e);
                    failing = Some(e.code().to_owned());
                }
            }
        }
    }
}

fn roots(place: &Place) -> Vec<PathBuf> {
    let mut roots: Vec<PathBuf> = Vec::new();
    for machine in place.machines() {
        for collector in aimon_sources::collectors() {
            roots.extend(collector.roots(&machine.env).into_iter().map(|r| r.path));
        }
    }
    roots.sort();
    roots.dedup();
    roots
}
