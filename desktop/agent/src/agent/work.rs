//! What the agent does by itself: it looks when something changed, and now and then anyway.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aimon_sources::watch::{Pace, Tick, Watch};
use tokio::sync::mpsc;

use super::state::Agent;
use crate::error::{Error, Result};
use crate::output;
use crate::place::Place;

/// How often days that are over are compacted, and the clock is looked at.
const SEAL: Duration = Duration::from_secs(3600);
/// A scan that nothing asked for may use a five-thousandth of the time.
const IDLE_SHARE: u32 = 5000;
/// One that changes asked for, a twentieth: an agent that writes without pause is looked at less
/// often the more there is to look at.
const BUSY_SHARE: u32 = 20;

/// A watch, and what it tells.
#[derive(Debug)]
pub struct Work {
    watch: Watch,
    ticks: mpsc::Receiver<Tick>,
}

impl Work {
    /// Starts watching every folder in which logs may lie.
    pub fn start(place: &Place) -> Result<Self> {
        let (sender, ticks) = mpsc::channel(1);
        let roots = roots(place);
        // A tick that finds another one waiting is the same news.
        let watch = Watch::start(roots, Pace::default(), move |tick| drop(sender.try_send(tick)))
            .map_err(|source| Error::System { what: "cannot watch the logs", source })?;
        Ok(Self { watch, ticks })
    }

    /// What can't be watched, and is looked at every few seconds.
    pub fn notes(&self) -> Vec<String> {
        self.watch.notes()
    }

    /// Works until it is dropped. What fails is said once, and tried again.
    pub async fn run(mut self, agent: Arc<Agent>) {
        let mut failing: Option<String> = None;
        let mut took = Duration::ZERO;
        let mut seal = tokio::time::interval(SEAL);
        seal.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        seal.reset();
        let mut last = Instant::now();
        loop {
            let done = tokio::select! {
                tick = self.ticks.recv() => {
                    let Some(tick) = tick else { return };
                    let blind = !self.watch.notes().is_empty();
                    let share = if blind || matches!(tick, Tick::Changed(_)) { BUSY_SHARE } else { IDLE_SHARE };
                    let rest = (took * share).saturating_sub(last.elapsed());
                    match tick {
                        Tick::Rescan if !rest.is_zero() => continue,
                        _ => tokio::time::sleep(rest).await,
                    }
                    let begun = Instant::now();
                    let done = agent.scan(false).await.map(|_| ());
                    (took, last) = (begun.elapsed(), Instant::now());
                    done
                }
                _ = seal.tick() => agent.seal().await.map(|_| ()),
            };
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
