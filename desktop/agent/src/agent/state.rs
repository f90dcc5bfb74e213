//! The agent's replica and its work. One thing at a time writes; reads go between commits.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use aimon_core::event::Event;
use aimon_core::history::{Query, Report};
use aimon_core::settings::Settings;
use aimon_core::time::{UtcDay, UtcMillis};
use aimon_replica::{Commit, Replica};
use jiff::tz::TimeZone;
use tokio::sync::{Mutex, watch};

use crate::agent::metrics::Highest;
use crate::commands::statusline::is_news;
use crate::dates::{self, Today};
use crate::error::Result;
use crate::limits::Limits;
use crate::place::Place;
use crate::pricing::Pricing;
use crate::render::labels::Labels;
use crate::scan::{self, RootScanned, Scanned};
use crate::status::Status;
use crate::statusline::Reading;
use crate::workspace::touch::Touch;
use crate::{view, windows, workspace};

/// How long somebody who has asked for the folder may take to open it.
const BORROWED: Duration = Duration::from_secs(3);

/// What `aimon up` shares among its tasks.
#[derive(Debug)]
pub struct Agent {
    place: Place,
    replica: Arc<Mutex<Replica>>,
    /// One scan after the other: two would read the same bytes.
    scanning: Mutex<()>,
    pricing: Pricing,
    changed: watch::Receiver<u64>,
    /// The zone that was asked for at the start.
    asked: Option<TimeZone>,
    /// The system's, where neither that nor a setting says one.
    system: TimeZone,
    touch: watch::Sender<Touch>,
    /// When logs were last looked through, and what was found where.
    scanned: std::sync::Mutex<Option<(UtcMillis, Vec<RootScanned>)>>,
    /// What `/metrics` has shown.
    highest: std::sync::Mutex<Highest>,
}

impl Agent {
    /// Takes over an open replica.
    pub fn new(place: Place, replica: Replica, pricing: Pricing, asked: Option<TimeZone>, system: TimeZone) -> Self {
        let changed = replica.subscribe();
        Self {
            place,
            replica: Arc::new(Mutex::new(replica)),
            scanning: Mutex::new(()),
            pricing,
            changed,
            asked,
            system,
            touch: watch::Sender::new(Touch::default()),
            scanned: std::sync::Mutex::default(),
            highest: std::sync::Mutex::default(),
        }
    }

    /// What the workspace's devices agree on now.
    pub async fn settings(&self) -> Result<Settings> {
        workspace::settings(&mut *self.replica.lock().await).await
    }

    /// Names for people, and whether this is the demo.
    pub async fn labels(&self) -> Result<Labels> {
        let mut replica = self.replica.lock().await;
        Ok(self.place.labels(Some(replica.device()), &workspace::settings(&mut replica).await?))
    }

    /// The zone that is meant where none is named.
    pub fn zone(&self, settings: &Settings) -> TimeZone {
        self.asked.clone().or_else(|| settings.zone()).unwrap_or_else(|| self.system.clone())
    }

    /// How things stand with the relay.
    pub fn touch(&self) -> &watch::Sender<Touch> {
        &self.touch
    }

    /// A number that grows with every change.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.clone()
    }

    /// Takes in what is new. Whoever comes while a scan runs gets one of their own after it: theirs
    /// may have begun before what they ask for was written.
    pub async fn scan(&self, progress: bool) -> Result<Scanned> {
        let _one = self.scanning.lock().await;
        let scanned = scan::scan(&self.replica, &self.place, progress).await?;
        *self.scanned.lock().unwrap_or_else(PoisonError::into_inner) = Some((dates::now(), scanned.roots.clone()));
        Ok(scanned)
    }

    /// When logs were last looked through, and what was found where.
    pub fn scanned(&self) -> Option<(UtcMillis, Vec<RootScanned>)> {
        self.scanned.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What `/metrics` has shown, for whoever shows more of it.
    pub fn highest<T>(&self, with: impl FnOnce(&mut Highest) -> T) -> T {
        with(&mut self.highest.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What models cost.
    pub fn pricing(&self) -> &Pricing {
        &self.pricing
    }

    /// Looks at the clock, and seals days that are over.
    pub async fn seal(&self) -> Result<u64> {
        let mut replica = self.replica.lock().await;
        replica.observe(dates::now()).await?;
        let sealed = replica.seal(dates::now()).await?;
        replica.settle().await;
        Ok(sealed)
    }

    /// Lends the folder to another process, and takes it back once that is done with it. Whoever asks meanwhile waits.
    pub async fn lend(self: &Arc<Self>) {
        let mut replica = Arc::clone(&self.replica).lock_owned().await;
        replica.settle().await;
        replica.lend();
        let agent = Arc::clone(self);
        // On a thread of its own: opening a replica is nothing that a task can be made of.
        let runtime = tokio::runtime::Handle::current();
        tokio::task::spawn_blocking(move || {
            runtime.block_on(async move {
                let until = Instant::now() + BORROWED;
                while Instant::now() < until && !Replica::is_taken(&agent.place.home) {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                // The other one may end in any way: the lock falls with it.
                while let Err(e) = replica.take_back(agent.place.options()).await {
                    tracing::debug!("the folder is not back yet: {e}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                if let Err(e) = agent.place.unlock(&mut replica).await {
                    tracing::warn!("the keys are not here: {e}");
                }
            });
        });
    }

    /// The replica, for whoever carries its frames.
    pub fn replica(&self) -> &Mutex<Replica> {
        &self.replica
    }

    /// The place.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Throws the derived tables away and makes them again.
    pub async fn rebuild(&self) -> Result<()> {
        let mut replica = self.replica.lock().await;
        self.place.give_keys(&mut replica).await?;
        Ok(replica.rebuild().await?)
    }

    /// Takes the clock as right, because somebody says so.
    pub async fn trust_clock(&self) -> Result<()> {
        let now = dates::now();
        Ok(self.replica.lock().await.vouch(now, now).await?)
    }

    /// Cuts a report.
    pub async fn report(&self, query: &Query, as_of: UtcDay, labels: &Labels) -> Result<Report> {
        view::report(&mut *self.replica.lock().await, query, as_of, &self.pricing, labels).await
    }

    /// Today, 7 and 30 days, and the windows.
    pub async fn status(&self, zone: &TimeZone, as_of: Option<dates::Day>) -> Result<Status> {
        let now = dates::now();
        let today = Today::of(as_of, now, zone);
        let mut status = Status::of(&mut *self.replica.lock().await, zone, today, now, &self.pricing).await?;
        if let Some(waiting) = status.waiting.as_mut().filter(|waiting| waiting.chunks > 0 && waiting.reason.is_none())
        {
            waiting.reason.clone_from(&self.touch.borrow().problem);
        }
        Ok(status)
    }

    /// Quota windows, who used them up, balances, and what keys may spend.
    pub async fn limits(&self, labels: &Labels) -> Result<Limits> {
        let mut replica = self.replica.lock().await;
        let settings = workspace::settings(&mut replica).await?;
        Limits::of(&mut replica, &settings, labels, &self.pricing, dates::now()).await
    }

    /// Keeps the windows that a status line hands over. Whether they were news.
    pub async fn record(&self, reading: &Reading) -> Result<bool> {
        // What is real never goes into the demo's folder.
        if self.place.is_demo() {
            return Ok(false);
        }
        let now = dates::now();
        let mut replica = self.replica.lock().await;
        let known = windows::of(&replica.gauges().await?, now);
        if !is_news(reading, &known, now) {
            return Ok(false);
        }
        let answer = windows::answer(&reading.account, &reading.windows(now), now);
        replica.record(Commit { events: vec![Event::Answer(answer)], marks: Vec::new(), now }).await?;
        Ok(true)
    }
}
