//! What can go wrong while logs are written.

use std::path::PathBuf;

/// Why logs could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be written.
    #[error("can't write {path}: {source}")]
    Write {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// An OpenCode database could not be written.
    #[error("can't write the database {path}: {reason}")]
    Database {
        /// Which one.
        path: PathBuf,
        /// What SQLite said.
        reason: String,
    },
}
