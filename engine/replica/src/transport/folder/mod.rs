//! A folder as relay: one file for each chunk and statement, which something else keeps in step between machines (Syncthing,
//! Dropbox, a NAS), or somebody carries about on a stick.
//!
//! ```text
//! aimon.folder                                "1"
//! WORKSPACE/statements/ID
//! WORKSPACE/chunks/DAY/ID                     DAY is 2026-11-24, or "settings" for what has none
//! invitations/INVITATION.request, .answer
//! ```
//!
//! Whoever shares the folder can put anything into it. So a file counts only if its bytes hash to its name; other names are
//! passed over, and counted; and nothing outside of the folder is ever reached: all is opened relative to it, and a link that
//! leads out of it is refused.
//!
//! Calls block. A file is written under another name, synced, renamed, and then its folder is synced.

mod files;
mod invitation;
mod names;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use aimon_ledger::ids::{ChunkId, StatementId, WorkspaceId};
use aimon_ledger::time::UtcDay;
use aimon_ledger::{chunk, statement};
use files::Files;

use super::Error;

/// The file by which a folder is known as one, and how it is laid out.
const MARKER: &str = "aimon.folder";

/// The layout that this is.
const LAYOUT: &str = "1";

/// What a crash has left half-written lies there for at least so long before it is removed: nobody writes a file for an hour.
const LEFT: Duration = Duration::from_secs(3600);

/// What lies in a folder, by its names.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Listing {
    /// Chunks, by their day.
    pub chunks: BTreeMap<Option<UtcDay>, BTreeSet<ChunkId>>,
    /// Statements.
    pub statements: BTreeSet<StatementId>,
}

/// What became of reading a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
    /// Its bytes, which hash to its name.
    Whole(Vec<u8>),
    /// Other bytes: it is still arriving, or damaged.
    Damaged,
    /// It is not there, or not any more.
    Gone,
}

/// A shared folder.
#[derive(Debug)]
pub struct Folder {
    files: Files,
}

impl Folder {
    /// Begins to use a folder, which exists, as a relay. One that is used already stays as it is.
    ///
    /// # Errors
    /// The folder is not there, can't be written, or a newer version has laid it out.
    pub fn begin(path: &Path) -> Result<Self, Error> {
        let folder = Self { files: Files::open(path)? };
        match folder.is_laid_out() {
            Ok(true) => {}
            Ok(false) | Err(Error::DamagedFolder(_)) => folder.lay_out()?,
            Err(e) => return Err(e),
        }
        Ok(folder)
    }

    /// Opens it for a member of a workspace that lies there: it knows how the folder is laid out, and writes a marker anew that is damaged,
    /// or empty.
    ///
    /// # Errors
    /// As [`Folder::open`].
    pub fn of_member(path: &Path, workspace: &WorkspaceId) -> Result<FolderLog, Error> {
        let folder = Self { files: Files::open(path)? };
        let is_there = folder.is_laid_out();
        let is_empty = || folder.files.read(Path::new(MARKER), 1).map(|text| text.is_some());
        let is_broken = match &is_there {
            Ok(true) => false,
            Ok(false) => is_empty()?,
            Err(e) => matches!(e, Error::DamagedFolder(_)),
        };
        let log = FolderLog { folder, workspace: workspace.to_string() };
        if is_broken && !log.list()?.statements.is_empty() {
            log.folder.lay_out()?;
            return Ok(log);
        }
        if is_there? { Ok(log) } else { Err(Error::NotAFolder(path.to_owned())) }
    }

    fn lay_out(&self) -> Result<(), Error> {
        self.files.put(Path::new(""), MARKER, LAYOUT.as_bytes())?;
        self.files.sync(Path::new(""))
    }

    /// Opens a folder that is used as a relay.
    ///
    /// # Errors
    /// The folder is not there, is not used as a relay, its marker is damaged, or a newer version has laid it out.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let folder = Self { files: Files::open(path)? };
        if folder.is_laid_out()? { Ok(folder) } else { Err(Error::NotAFolder(path.to_owned())) }
    }

    /// Whether the folder is laid out, in the way that is known here.
    fn is_laid_out(&self) -> Result<bool, Error> {
        match self.files.read(Path::new(MARKER), 64)? {
            Some(text) if text.trim_ascii() == LAYOUT.as_bytes() => Ok(true),
            // An empty one is just arriving.
            Some(text) if text.is_empty() => Ok(false),
            // Another layout has another number, whatever comes behind it.
            Some(text) if text.trim_ascii_start().first().is_some_and(u8::is_ascii_digit) => {
                Err(Error::NewerFolder(self.files.path().to_owned()))
            }
            Some(_) => Err(Error::DamagedFolder(self.files.path().to_owned())),
            None => Ok(false),
        }
    }

    /// What lies in it of a workspace.
    pub fn workspace(self, workspace: &WorkspaceId) -> FolderLog {
        FolderLog { folder: self, workspace: workspace.to_string() }
    }
}

/// A workspace's chunks and statements in a shared folder.
#[derive(Debug)]
pub struct FolderLog {
    folder: Folder,
    workspace: String,
}

impl FolderLog {
    /// The folder itself, for invitations.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// What lies there. Names only: whether a file is what its name says, reading it tells. Other names are looked past: conflict
    /// copies, files that are just arriving, what others have put there.
    ///
    /// # Errors
    /// The folder can't be read.
    pub fn list(&self) -> Result<Listing, Error> {
        let mut listing = Listing::default();
        for name in self.files().names(&self.statements())? {
            listing.statements.extend(names::id(&name).map(StatementId));
        }
        for name in self.files().names(&self.chunks())? {
            let Some(day) = names::day(&name) else { continue };
            let names = self.files().names(&self.day(day))?;
            let ids: BTreeSet<ChunkId> = names.iter().filter_map(|name| names::id(name)).map(ChunkId).collect();
            if !ids.is_empty() {
                listing.chunks.insert(day, ids);
            }
        }
        Ok(listing)
    }

    /// Reads a chunk.
    ///
    /// # Errors
    /// The folder can't be read.
    pub fn chunk(&self, day: Option<UtcDay>, id: &ChunkId) -> Result<Found, Error> {
        let path = self.day(day).join(id.to_string());
        self.found(&path, chunk::MOST_BYTES, |bytes| ChunkId::of(bytes) == *id)
    }

    /// Reads a statement.
    ///
    /// # Errors
    /// The folder can't be read.
    pub fn statement(&self, id: &StatementId) -> Result<Found, Error> {
        let path = self.statements().join(id.to_string());
        self.found(&path, statement::MOST_BYTES, |bytes| StatementId::of(bytes) == *id)
    }

    /// When a chunk's file was written, as far as that is known.
    ///
    /// # Errors
    /// The folder can't be read.
    pub fn chunk_written(&self, day: Option<UtcDay>, id: &ChunkId) -> Result<Option<SystemTime>, Error> {
        self.files().written(&self.day(day).join(id.to_string()))
    }

    /// When a statement's file was written.
    ///
    /// # Errors
    /// The folder can't be read.
    pub fn statement_written(&self, id: &StatementId) -> Result<Option<SystemTime>, Error> {
        self.files().written(&self.statements().join(id.to_string()))
    }

    fn found(&self, path: &Path, most: usize, is_whole: impl Fn(&[u8]) -> bool) -> Result<Found, Error> {
        Ok(match self.files().read(path, most)? {
            Some(bytes) if is_whole(&bytes) => Found::Whole(bytes),
            Some(_) => Found::Damaged,
            None => Found::Gone,
        })
    }

    /// Writes chunks, each with its segment's day. They are durable when this returns. One that is there already stays; one that
    /// is damaged is written anew.
    ///
    /// # Errors
    /// The folder can't be written. What was written before counts.
    pub fn put_chunks<'c>(&self, chunks: impl IntoIterator<Item = (Option<UtcDay>, &'c [u8])>) -> Result<(), Error> {
        let mut touched = BTreeSet::new();
        for (day, bytes) in chunks {
            let id = ChunkId::of(bytes);
            if !matches!(self.chunk(day, &id)?, Found::Whole(_)) {
                let folder = self.day(day);
                self.files().make(&folder)?;
                self.files().put(&folder, &id.to_string(), bytes)?;
                touched.insert(folder);
            }
        }
        touched.iter().try_for_each(|folder| self.files().sync(folder))
    }

    /// Writes statements, as [`FolderLog::put_chunks`] writes chunks.
    ///
    /// # Errors
    /// The folder can't be written.
    pub fn put_statements<'s>(&self, statements: impl IntoIterator<Item = &'s [u8]>) -> Result<(), Error> {
        let folder = self.statements();
        self.files().make(&folder)?;
        for bytes in statements {
            let id = StatementId::of(bytes);
            if !matches!(self.statement(&id)?, Found::Whole(_)) {
                self.files().put(&folder, &id.to_string(), bytes)?;
            }
        }
        self.files().sync(&folder)
    }

    /// Removes a chunk; it is no error if it is gone already. Its day's folder goes with the last one.
    ///
    /// # Errors
    /// The folder can't be written.
    pub fn remove_chunk(&self, day: Option<UtcDay>, id: &ChunkId) -> Result<(), Error> {
        let folder = self.day(day);
        self.files().remove(&folder.join(id.to_string()))?;
        self.files().remove_empty(&folder);
        Ok(())
    }

    /// Removes what crashes have left: what is half-written, an hour or longer before `now`, and invitations that nobody can use
    /// any more.
    ///
    /// # Errors
    /// The folder can't be written.
    pub fn tidy(&self, now: SystemTime) -> Result<(), Error> {
        self.folder.tidy_invitations(now)?;
        let mut folders = vec![PathBuf::new(), PathBuf::from(invitation::FOLDER), self.statements()];
        let days = self.files().names(&self.chunks())?;
        folders.extend(days.iter().filter_map(|name| names::day(name)).map(|day| self.day(day)));
        folders.iter().try_for_each(|folder| self.files().remove_parts(folder, now, LEFT))
    }

    fn files(&self) -> &Files {
        &self.folder.files
    }

    fn statements(&self) -> PathBuf {
        Path::new(&self.workspace).join("statements")
    }

    fn chunks(&self) -> PathBuf {
        Path::new(&self.workspace).join("chunks")
    }

    fn day(&self, day: Option<UtcDay>) -> PathBuf {
        self.chunks().join(names::of_day(day))
    }
}
