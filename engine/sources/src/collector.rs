//! What a collector is: where one agent's logs lie, which files are logs, and how bytes of them
//! become events. Everything else (walking, reading, remembering positions, committing) is the
//! scan's, the same for all.
//!
//! A decoder is a function of one file's bytes. It emits nothing that later bytes of the file could
//! take back, and may emit more copies of a record than stand in the end: which copy stands is
//! decided in the fold, over all devices. Reading a file in pieces, with the decoder's state
//! carried from piece to piece, gives the same set of standing records as reading it at once.

use std::path::{Path, PathBuf};

pub use crate::env::{Env, Os};
pub use crate::out::{Out, SkipReason, Skipped};

/// A folder in which an agent's logs lie, whether or not it exists.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Root {
    /// The folder.
    pub path: PathBuf,
    /// Why it is looked at: the environment variable that names it, or `default`.
    pub why: &'static str,
}

impl Root {
    /// A root that lies at a well-known place.
    pub fn default_place(path: PathBuf) -> Self {
        Self { path, why: "default" }
    }
}

/// How the bytes of a log file are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileKind {
    /// Appended lines: only what is new is read.
    Lines,
    /// Lines compressed with zstd: read whole when the file changed, decompressed as a stream.
    ZstdLines,
    /// One document: read whole when it changed, and given to [`Decoder::lines`] in one call.
    Whole,
    /// A database that the collector reads itself: [`Collector::database`].
    Database,
}

/// A file that a collector accepted.
#[derive(Clone, Copy, Debug)]
pub struct LogFile<'a> {
    /// The root in which it was found.
    pub root: &'a Root,
    /// Its path.
    pub path: &'a Path,
    /// Its path below the root.
    pub relative: &'a Path,
    /// How it is read.
    pub kind: FileKind,
}

/// Why a file could not be decoded. The scan notes it and goes on with the others.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// The remembered state is not this version's: the file is read again from its start.
    #[error("the remembered state is of another version")]
    State,
    /// The file, or a database, can't be read now.
    #[error("{0}")]
    Unreadable(String),
}

/// How far a database was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Progress {
    /// What to give to the next call.
    pub state: Vec<u8>,
    /// Whether there is more to read now: the scan commits and calls again.
    pub more: bool,
}

/// One agent's logs. A value of a unit type in a static: add a folder, its `pub mod`, and a
/// line in [`collectors`](crate::collectors).
pub trait Collector: Sync {
    /// The agent's kind, which stands in each record as its source: `claude-code`.
    fn kind(&self) -> &'static str;

    /// Every folder in which its logs may lie, existing or not, in order of precedence.
    fn roots(&self, env: &Env) -> Vec<Root>;

    /// Whether a file is a log, judged by its path below the root, and by which files lie beside it where an
    /// agent keeps a session twice (compressed, archived). Called for each file of each walk: it looks into
    /// none.
    fn accepts(&self, root: &Root, relative: &Path) -> Option<FileKind>;

    /// Whether a folder below the root may hold logs; the walk leaves others out.
    fn descends(&self, root: &Root, relative: &Path) -> bool {
        let _ = (root, relative);
        true
    }

    /// A decoder for one file, at its start (`state` is `None`) or where an earlier one stopped.
    fn decoder(&self, file: &LogFile<'_>, state: Option<&[u8]>) -> Result<Box<dyn Decoder>, CollectError>;

    /// Reads a [`FileKind::Database`], from its start or from where an earlier call stopped, in
    /// steps of bounded memory (some thousand events). Blocks; runs on a worker thread of its own.
    fn database(&self, file: &LogFile<'_>, state: Option<&[u8]>, out: &mut Out) -> Result<Progress, CollectError> {
        let _ = (file, state, out);
        Err(CollectError::Unreadable("this collector reads no database".to_owned()))
    }
}

/// Bytes to events, for one file.
pub trait Decoder {
    /// Decodes one line, without its line break (a `\r` may be left: JSON calls it a blank).
    fn line(&mut self, line: &[u8], out: &mut Out);

    /// Decodes a block of whole lines. The scan calls only this; a decoder that can find its lines
    /// faster than one by one overrides it, with the same outcome.
    fn lines(&mut self, block: &[u8], out: &mut Out) {
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', block) {
            self.line(&block[start..end], out);
            start = end + 1;
        }
        if start < block.len() {
            self.line(&block[start..], out);
        }
    }

    /// The end of the bytes that are there now: emits what was held back. More lines may follow,
    /// to this decoder or to one that begins with its [`Decoder::state`].
    fn finish(&mut self, out: &mut Out) {
        let _ = out;
    }

    /// What a later decoder needs to go on behind the last line, right after
    /// [`Decoder::finish`]. Opaque, small, and with a version of its own.
    fn state(&self) -> Vec<u8> {
        Vec::new()
    }
}
