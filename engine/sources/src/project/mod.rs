//! Which project a call belongs to, the same on every machine: where somebody opted in.
//!
//! ```text
//! folder that the log names ─► nearest .git ─► its remote's URL ─► normalized ─► eight bytes of BLAKE3
//!                              git                remote
//! ```
//!
//! A decoder is a function of a file's bytes: it hands the folder to [`Out`](crate::collector::Out), and gets the hash, or nothing.
//! Looking into that folder is the scan's, which holds a [`Projects`] where somebody opted in. Neither folder nor URL gets into
//! an event. `schema/project.md` says what the hash is of.

mod git;
mod remote;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

pub use self::remote::{ProjectId, Remote};

/// Folders that are remembered.
const MOST: usize = 4096;

/// Finds projects, and remembers what it found. Shared by all readers of a scan.
#[derive(Debug, Default)]
pub struct Projects {
    home: Option<PathBuf>,
    found: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    /// By what a log says: a folder, or a URL.
    known: HashMap<String, Option<ProjectId>>,
    /// What each may be called.
    names: BTreeMap<ProjectId, Remote>,
    /// How the user abbreviates URLs, once it was looked up.
    short: Option<Arc<git::Abbreviations>>,
}

impl Projects {
    /// Nothing is known yet. In the home folder git's own settings lie.
    pub fn new(home: Option<PathBuf>) -> Self {
        Self { home, found: Mutex::default() }
    }

    /// The project of a folder, if it is part of a repository that has a remote.
    pub fn of_folder(&self, folder: &str) -> Option<ProjectId> {
        self.of(folder, |short| git::remote(Path::new(folder), short))
    }

    /// The project of a remote's URL.
    pub fn of_url(&self, url: &str) -> Option<ProjectId> {
        self.of(url, |short| Some(short.expand(url)))
    }

    fn of(&self, said: &str, url: impl FnOnce(&git::Abbreviations) -> Option<String>) -> Option<ProjectId> {
        let mut memory = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = memory.known.get(said) {
            return *known;
        }
        let short =
            Arc::clone(memory.short.get_or_insert_with(|| Arc::new(git::Abbreviations::of_home(self.home.as_deref()))));
        let remote = url(&short).and_then(|url| Remote::parse(&url));
        let id = remote.as_ref().map(Remote::id);
        if memory.known.len() >= MOST {
            memory.known.clear();
        }
        memory.known.insert(said.to_owned(), id);
        if let (Some(id), Some(remote)) = (id, remote) {
            memory.names.entry(id).or_insert(remote);
        }
        id
    }

    /// The projects that were found, and their remotes.
    pub fn found(&self) -> BTreeMap<ProjectId, Remote> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).names.clone()
    }
}
