use std::path::PathBuf;

use crate::collector::Skipped;

/// How many examples of unreadable files are kept.
const EXAMPLES: usize = 8;

/// What a scan met.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// Every folder that was looked at, whether or not it exists.
    pub roots: Vec<RootSeen>,
    /// Log files.
    pub files: u64,
    /// Of them: not touched since their mark.
    pub unchanged: u64,
    /// Of them: opened, and read to their end.
    pub read: u64,
    /// Of them, and folders: what could not be read.
    pub unreadable: Unreadable,
    /// Lines that could not be taken, by reason, in what was read now.
    pub skipped: Skipped,
    /// Events that were handed over.
    pub events: u64,
    /// Events that were dropped because their days are not kept.
    pub expired: u64,
    /// Bytes of input.
    pub bytes: u64,
    /// Files that have a mark and are not there any more, as (source, key). What they said stays.
    pub vanished: Vec<(&'static str, Vec<u8>)>,
}

/// A folder that was looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RootSeen {
    /// The agent's kind.
    pub source: &'static str,
    /// The folder.
    pub path: PathBuf,
    /// Why it was looked at.
    pub why: &'static str,
    /// What was there.
    pub found: Found,
}

/// What was at a root's place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
    /// Nothing.
    Missing,
    /// A folder with so many log files.
    Files(u64),
    /// The same folder as an earlier root.
    Again,
    /// Something that can't be read as a folder.
    Unreadable(String),
}

/// Files and folders that could not be read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Unreadable {
    /// How many.
    pub count: u64,
    /// The first few, with the reason.
    pub examples: Vec<(PathBuf, String)>,
}

impl Unreadable {
    pub(super) fn add(&mut self, path: PathBuf, reason: String) {
        tracing::debug!(path = %path.display(), reason, "unreadable");
        self.count += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push((path, reason));
        }
    }
}
