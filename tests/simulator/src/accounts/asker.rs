//! A device's asking: what it knows of each account's metrics as long as it runs. As the agent has it, over the core's own.

use std::collections::BTreeMap;
use std::rc::Rc;

use aimon_core::history::answers::Standing;
use aimon_core::history::{DayReadings, Heard};
use aimon_core::name::Name;
use aimon_core::polling::{Metric, Track, Window};
use aimon_ledger::time::{UtcDay, UtcMillis};

/// All days.
const ALL: std::ops::RangeInclusive<UtcDay> = UtcDay(i32::MIN)..=UtcDay(i32::MAX);

/// One metric of one account.
pub struct Unit {
    /// Which account.
    pub account: usize,
    /// What it is called here.
    pub name: Name,
    pub track: Track,
    pub window: Window,
    /// Whether others may have recorded something that the window does not know.
    is_behind: bool,
    /// When it last observed an answer itself.
    pub observed: Option<UtcMillis>,
}

impl Unit {
    pub fn new(account: usize, name: Name, metric: Metric) -> Self {
        Self { account, name, track: Track::new(metric), window: Window::default(), is_behind: true, observed: None }
    }

    pub fn metric(&self) -> &Metric {
        self.track.metric()
    }

    /// What the history says.
    pub fn hear(&mut self, readings: &BTreeMap<UtcDay, Rc<DayReadings>>) {
        let before = self.track.newest();
        let (name, metric) = (&self.name, self.track.metric().name);
        let is_mine = |heard: &&Heard| heard.account == *name && heard.metric.as_str() == metric;
        let heard: Vec<&Heard> = readings.values().flat_map(|day| &day.heard).filter(is_mine).collect();
        self.track.hear(ALL, heard);
        self.is_behind |= self.track.newest() > before;
    }

    pub fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// What the history holds of recent days.
    pub fn catch_up(&mut self, recent: &[Standing]) {
        let (name, metric) = (self.name.clone(), self.metric().name);
        let is_mine = |one: &&Standing| one.answer.key.account == name && one.answer.key.metric.as_str() == metric;
        self.window.hear(recent.iter().filter(is_mine).cloned());
        self.is_behind = false;
    }
}
