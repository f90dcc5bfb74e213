//! The scan: walks the roots, reads what is new in each file, and hands it over piece by piece.
//!
//! ```text
//! walk ──► files whose stat differs from their mark ──► workers: read, decode ──► bounded channel ──► commit
//! ```
//!
//! The caller keeps a *mark* for each file: opaque bytes that say how far the file was read. It stores
//! a [`FileRead`]'s mark and events in one transaction, so a crash at any moment loses nothing and
//! reads at most one piece twice, which the records' identities make harmless. For the same
//! reason everything doubtful is decided towards reading again: a file that shrank, was rewritten or
//! replaced is read from its start.
//!
//! The position in a mark stands only behind a line break. A last line that is complete but has no
//! line break yet is decoded too, and again once it has one; a half-written one waits.
//!
//! Memory is bounded whatever the files' sizes: a large file comes in several pieces.
//!
//! No state of a file or folder is an error here. What could not be read is in the [`Summary`].

mod lines;
mod mark;
mod owners;
mod pool;
mod read;
mod summary;
#[cfg(test)]
mod tests;
pub(crate) mod walk;

use std::path::PathBuf;
use std::sync::Arc;

use aimon_core::event::Event;
use aimon_core::time::UtcDay;

pub(crate) use self::lines::decode_line;
pub use self::mark::Marks;
pub use self::owners::Owners;
pub(crate) use self::read::is_complete;
pub use self::summary::{Found, RootSeen, Summary, Unreadable};
use crate::collector::{Collector, Env, Skipped};
use crate::project::Projects;

/// How to scan.
#[derive(Clone, Debug)]
pub struct Options {
    /// Events of earlier days are dropped and counted.
    pub first_day: Option<UtcDay>,
    /// Threads that read; 0 for as many as the machine has cores.
    pub workers: usize,
    /// A piece ends after so many bytes of input,
    pub piece_bytes: u64,
    /// or after so many events.
    pub piece_events: usize,
    /// A line longer than this is stepped over and counted.
    pub longest_line: usize,
    /// Finds the projects of calls, where somebody opted in.
    pub projects: Option<Arc<Projects>>,
    /// Whose calls are those of some roots, where their logs state no owner.
    pub owners: Option<Arc<Owners>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            first_day: None,
            workers: 0,
            piece_bytes: 16 << 20,
            piece_events: 4096,
            longest_line: 64 << 20,
            projects: None,
            owners: None,
        }
    }
}

/// A piece of one file that was read: to be committed whole, with its mark.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileRead {
    /// The agent's kind.
    pub source: &'static str,
    /// The file, as the key of its mark: the lossless bytes of its path. Never part of an event.
    pub key: Vec<u8>,
    /// What to give to the next scan in place of the file's earlier mark.
    pub mark: Vec<u8>,
    /// The key's digest, and the mark's stamp: see [`Marks::insert_stamp`].
    pub digest: u64,
    /// See `digest`.
    pub stamp: u64,
    /// What it says that is new, or may be.
    pub events: Vec<Event>,
    /// Lines that could not be taken.
    pub skipped: Skipped,
    /// Events of days that are not kept.
    pub expired: u64,
    /// Bytes of input.
    pub bytes: u64,
}

/// Scans once. `commit` is called on the caller's thread, for one piece after the other; the pieces of
/// one file come in order. Its error ends the scan.
pub fn scan<E>(
    collectors: &[&dyn Collector],
    env: &Env,
    marks: &Marks,
    options: &Options,
    commit: &mut dyn FnMut(FileRead) -> Result<(), E>,
) -> Result<Summary, E> {
    plan(collectors, env, marks).read(options, commit)
}

/// Looks which files have changed. Of the marks the stamps are enough; the whole ones of the files that
/// have changed are then given to [`Plan::complete`].
pub fn plan<'a>(collectors: &[&'a dyn Collector], env: &Env, marks: &Marks) -> Plan<'a> {
    let mut summary = Summary::default();
    let (jobs, unnamed) = walk::changed(collectors, env, marks, &mut summary);
    Plan { jobs, unnamed, summary }
}

/// What is to be read.
pub struct Plan<'a> {
    jobs: Vec<Job<'a>>,
    unnamed: Vec<(&'static str, u64)>,
    summary: Summary,
}

impl Plan<'_> {
    /// The changed files whose whole mark is asked for, by source and key.
    pub fn asked(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        self.jobs.iter().filter(|j| j.mark == Held::Asked).map(|j| (j.collector.kind(), walk::key(&j.path)))
    }

    /// Takes the whole marks, in the order of [`Plan::asked`]; one that is missing has its file read
    /// from the start.
    pub fn complete(&mut self, marks: impl IntoIterator<Item = Option<Vec<u8>>>) {
        let mut marks = marks.into_iter();
        for job in self.jobs.iter_mut().filter(|j| j.mark == Held::Asked) {
            let mark = marks.next().flatten().and_then(|bytes| mark::Mark::from_bytes(&bytes));
            job.mark = mark.map_or(Held::None, Held::Whole);
        }
        let is_damaged = |job: &Job<'_>| job.mark().is_some_and(|mark| mark.is_damaged_still(job.kind, job.stat));
        let (damaged, jobs) = std::mem::take(&mut self.jobs).into_iter().partition(is_damaged);
        self.jobs = jobs;
        for job in damaged {
            self.summary.unreadable.add(job.path, walk::DAMAGED.to_owned());
        }
    }

    /// Has the newest files read first, instead of the oldest.
    pub fn newest_first(&mut self) {
        self.jobs.reverse();
    }

    /// Whether no file has changed.
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// The sources of which files are gone whose keys nobody has given.
    pub fn unnamed(&self) -> Vec<&'static str> {
        let mut sources: Vec<_> = self.unnamed.iter().map(|(source, _)| *source).collect();
        sources.dedup();
        sources
    }

    /// Takes all keys of such a source.
    pub fn name(&mut self, source: &'static str, keys: impl IntoIterator<Item = Vec<u8>>) {
        let gone: std::collections::HashSet<u64> =
            self.unnamed.iter().filter(|(s, _)| *s == source).map(|(_, digest)| *digest).collect();
        let named = keys.into_iter().filter(|key| gone.contains(&mark::digest(key)));
        self.summary.vanished.extend(named.map(|key| (source, key)));
        self.summary.vanished.sort_unstable();
        self.unnamed.retain(|(s, _)| *s != source);
    }

    /// Reads; see [`scan`].
    pub fn read<E>(
        mut self,
        options: &Options,
        commit: &mut dyn FnMut(FileRead) -> Result<(), E>,
    ) -> Result<Summary, E> {
        pool::run(&self.jobs, options, &mut self.summary, commit)?;
        Ok(self.summary)
    }
}

/// A file that is to be read.
pub(crate) struct Job<'a> {
    pub collector: &'a dyn Collector,
    pub root: std::sync::Arc<crate::collector::Root>,
    pub path: PathBuf,
    pub relative: PathBuf,
    pub kind: crate::collector::FileKind,
    pub stat: walk::Stat,
    pub mark: Held,
}

/// What is held of a file's mark.
#[derive(PartialEq, Eq)]
pub(crate) enum Held {
    /// Nothing: the file is read from its start.
    None,
    /// There is one, and whoever stored it is asked for it.
    Asked,
    /// All of it.
    Whole(mark::Mark),
}

impl Job<'_> {
    pub(crate) fn mark(&self) -> Option<&mark::Mark> {
        match &self.mark {
            Held::Whole(mark) => Some(mark),
            Held::None | Held::Asked => None,
        }
    }

    pub(crate) fn file(&self) -> crate::collector::LogFile<'_> {
        crate::collector::LogFile { root: &self.root, path: &self.path, relative: &self.relative, kind: self.kind }
    }
}
