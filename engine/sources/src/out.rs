use std::collections::BTreeMap;
use std::sync::Arc;

use aimon_core::event::Event;
use aimon_core::name::Name;
use aimon_core::time::UtcDay;

use crate::project::{ProjectId, Projects};

/// Why a line that looks like usage was not taken. Lines that are no usage are not counted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SkipReason {
    /// It is not one complete JSON value.
    Broken,
    /// It is longer than the limit.
    TooLong,
    /// A number is negative, fractional, or beyond what a log can mean.
    AbsurdNumber,
    /// It has no time, or one that can't be read.
    NoTime,
    /// It names no model.
    NoModel,
}

impl SkipReason {
    /// The word that reports show.
    pub fn word(self) -> &'static str {
        match self {
            Self::Broken => "broken",
            Self::TooLong => "line-too-long",
            Self::AbsurdNumber => "absurd-number",
            Self::NoTime => "no-time",
            Self::NoModel => "no-model",
        }
    }
}

/// Counts of skipped lines by reason.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Skipped(pub BTreeMap<SkipReason, u64>);

impl Skipped {
    /// Counts one line.
    pub fn add(&mut self, reason: SkipReason) {
        *self.0.entry(reason).or_default() += 1;
    }

    /// Adds another's counts.
    pub fn merge(&mut self, other: &Self) {
        for (reason, count) in &other.0 {
            *self.0.entry(*reason).or_default() += count;
        }
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }
}

/// Where a decoder puts what it found.
#[derive(Debug, Default)]
pub struct Out {
    /// Events, in the order of the lines.
    pub events: Vec<Event>,
    /// Lines that look like usage and could not be taken.
    pub skipped: Skipped,
    /// Events of days that are not kept any more, which were dropped.
    pub expired: u64,
    first_day: Option<UtcDay>,
    names: Vec<Name>,
    projects: Option<Arc<Projects>>,
    owner: Option<Name>,
}

/// Models and sessions change rarely from line to line; the last few are worth sharing.
const NAMES: usize = 8;

impl Out {
    /// Takes everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Drops, and counts, what lies before a day.
    pub fn since(first_day: Option<UtcDay>) -> Self {
        Self { first_day, ..Self::default() }
    }

    /// Asks these which project a folder belongs to, where somebody opted in.
    #[must_use]
    pub fn finding(self, projects: Option<Arc<Projects>>) -> Self {
        Self { projects, ..self }
    }

    /// Calls of which a log states no owner are this one's from here on.
    pub fn owned_by(&mut self, owner: Option<Name>) {
        self.owner = owner;
    }

    /// Whether calls are to know their project.
    pub fn finds_projects(&self) -> bool {
        self.projects.is_some()
    }

    /// The project of a folder that a line names. The folder goes no further.
    pub fn project(&self, folder: Option<&str>) -> Option<ProjectId> {
        self.projects.as_ref()?.of_folder(folder?)
    }

    /// The project of a remote that a line names.
    pub fn project_of_remote(&self, url: Option<&str>) -> Option<ProjectId> {
        self.projects.as_ref()?.of_url(url?)
    }

    /// Takes an event.
    pub fn event(&mut self, mut event: Event) {
        if let (Event::Record(record), Some(owner)) = (&mut event, &self.owner) {
            record.payer.get_or_insert_with(|| owner.clone());
        }
        if self.first_day.zip(event.day()).is_some_and(|(first, day)| day < first) {
            self.expired += 1;
        } else {
            self.events.push(event);
        }
    }

    /// Counts a line that could not be taken.
    pub fn skip(&mut self, reason: SkipReason) {
        self.skipped.add(reason);
    }

    /// Hands over what was found, as events, skipped lines and expired ones, and starts anew.
    pub fn take(&mut self) -> (Vec<Event>, Skipped, u64) {
        // The next file or piece has about as many.
        let room = Vec::with_capacity(self.events.len());
        let events = std::mem::replace(&mut self.events, room);
        (events, std::mem::take(&mut self.skipped), std::mem::take(&mut self.expired))
    }

    /// A shared name; the one that was used last is found at once.
    pub fn name(&mut self, text: &str) -> Name {
        if let Some(at) = self.names.iter().position(|name| name.as_str() == text) {
            if at > 0 {
                self.names.swap(at, at - 1);
                return self.names[at - 1].clone();
            }
            return self.names[0].clone();
        }
        let name = Name::from(text);
        if self.names.len() >= NAMES {
            self.names.pop();
        }
        self.names.push(name.clone());
        name
    }
}
