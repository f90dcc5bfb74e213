use std::path::PathBuf;

use aimon_core::segment::SegmentError;
use aimon_core::sync::SyncError;

/// What can go wrong with a replica. Each has a stable code, listed in `docs/errors.md`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process writes to this folder.
    #[error("another aimon is writing to {0}")]
    Locked(PathBuf),
    /// The folder cannot be made or written to.
    #[error("cannot write to {path}: {source}")]
    Home {
        /// Which folder or file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// There is nothing to read yet.
    #[error("there is no history in {0} yet")]
    Empty(PathBuf),
    /// A newer version of the product wrote the database.
    #[error("the database in {path} has version {found}, this aimon knows up to {known}")]
    Newer {
        /// Which folder.
        path: PathBuf,
        /// The database's version.
        found: i64,
        /// The newest version known here.
        known: i64,
    },
    /// An older version of the product wrote the database, and nobody who may write has brought it up to date.
    #[error("the database in {path} has version {found}: an older aimon holds it, or it can't be written to")]
    Older {
        /// Which folder.
        path: PathBuf,
        /// The database's version.
        found: i64,
    },
    /// This is a workspace, and its keys are not there.
    #[error("the keys of the workspace in {0} are not there")]
    NoKeys(PathBuf),
    /// No workspace was created or joined.
    #[error("there is no workspace in {0}")]
    NoWorkspace(PathBuf),
    /// There is a workspace already.
    #[error("{0} belongs to a workspace")]
    InWorkspace(PathBuf),
    /// The sync machine can't go on.
    #[error(transparent)]
    Sync(#[from] SyncError),
    /// The keys that were given are another device's.
    #[error("the keys that were given are not those of the device in {0}")]
    OtherKeys(PathBuf),
    /// The database's file is damaged.
    #[error("the database in {path} is damaged: {detail}")]
    Damaged {
        /// Which folder.
        path: PathBuf,
        /// What SQLite says.
        detail: String,
    },
    /// The disk is full.
    #[error("the disk that holds {0} is full")]
    Full(PathBuf),
    /// Another process holds the database for longer than a few seconds.
    #[error("the database in {0} is busy")]
    Busy(PathBuf),
    /// A retention outside 7 to 3,650 days.
    #[error("a retention of {0} days is not possible")]
    Retention(u64),
    /// SQLite refused for another reason.
    #[error("the database in {path} answered: {source}")]
    Database {
        /// Which folder.
        path: PathBuf,
        /// What SQLite says.
        source: sqlx::Error,
    },
    /// Events that cannot be kept: a bug of whoever made them.
    #[error("events that cannot be kept: {0}")]
    Events(String),
}

impl From<SegmentError> for Error {
    fn from(error: SegmentError) -> Self {
        Self::Events(error.to_string())
    }
}

impl Error {
    /// What became of making or writing something in a folder.
    pub(crate) fn at(home: &std::path::Path, path: &std::path::Path, source: std::io::Error) -> Self {
        match crate::home::is_of_full_disk(&source) {
            true => Self::Full(home.to_owned()),
            false => Self::Home { path: path.to_owned(), source },
        }
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Locked(_) => "home-locked",
            Self::Home { .. } => "home-not-writable",
            Self::Empty(_) => "home-empty",
            Self::Newer { .. } => "database-newer",
            Self::Older { .. } => "database-older",
            Self::NoKeys(_) => "no-keys",
            Self::OtherKeys(_) => "other-keys",
            Self::NoWorkspace(_) => "no-workspace",
            Self::InWorkspace(_) => "in-workspace",
            Self::Sync(SyncError::NoKey) => "key-not-here",
            Self::Sync(SyncError::NotAMember) => "not-a-member",
            Self::Sync(SyncError::Oneself) => "own-device",
            Self::Sync(SyncError::TooLarge(_)) => "event-too-large",
            Self::Sync(SyncError::Recipient) => "device-keys",
            Self::Sync(SyncError::Statements(_)) => "statements-damaged",
            Self::Sync(SyncError::Damaged(_)) => "segment-damaged",
            Self::Damaged { .. } => "database-damaged",
            Self::Full(_) => "disk-full",
            Self::Busy(_) => "database-busy",
            Self::Retention(_) => "bad-retention",
            Self::Database { .. } => "database-error",
            Self::Events(_) => "bad-events",
        }
    }

    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Locked(_) => "stop the other one (`aimon up` or a scan), or set AIMON_HOME to another folder",
            Self::Home { source, .. }
                if matches!(source.kind(), std::io::ErrorKind::NotADirectory | std::io::ErrorKind::AlreadyExists) =>
            {
                "a file lies where the folder should be: move it away, or set AIMON_HOME to a folder"
            }
            Self::Home { .. } => "make the folder writable for you, or set AIMON_HOME to one that is",
            Self::Empty(_) => "run `aimon scan` first",
            Self::Newer { .. } => "install the newer aimon again, or set AIMON_HOME to another folder",
            Self::Older { .. } => {
                "end the older aimon (`aimon up`), and run this again where the folder can be written to"
            }
            Self::NoKeys(_) => {
                "run `aimon workspace show`: it says what keeps this device from its keys, and what to do; then start `aimon up` again"
            }
            Self::NoWorkspace(_) => "`aimon workspace create` makes one, `aimon join CODE` joins another device's",
            Self::InWorkspace(_) => {
                "`aimon workspace show` shows it; to begin another one: `aimon workspace leave` first"
            }
            Self::Sync(SyncError::NoKey) => {
                "let a device sync that is in step, then this one: it is given the key; nothing that was recorded is lost"
            }
            Self::Sync(SyncError::NotAMember) => {
                "have another device take this one in again: `aimon pair` there, `aimon join CODE` here; what this device recorded stays"
            }
            Self::Sync(SyncError::Oneself) => "`aimon workspace leave` on the device that is to go",
            Self::Sync(SyncError::TooLarge(_)) => "report it: this is a bug",
            Self::Sync(SyncError::Recipient) => "install aimon anew on that device, and pair again",
            Self::Sync(SyncError::Statements(_)) => {
                "begin anew: `aimon workspace leave`, and join again; the other devices have what this one sent"
            }
            Self::Sync(SyncError::Damaged(_)) => "run `aimon doctor`: it sets damaged parts aside",
            Self::OtherKeys(_) => {
                "put the keys of this device back into the secret store; without them: `aimon workspace leave --lose`, and join again"
            }
            Self::Damaged { .. } => {
                "move the folder away and run `aimon scan`: it is read again from the logs that still exist. Where this device is in a workspace, \
                 join it again then (`aimon pair` on another device, or `aimon workspace recover`): that brings the whole history back"
            }
            Self::Full(_) => "free some space and run the command again: nothing that was recorded is lost",
            Self::Busy(_) => "try again; if it stays, another program holds the file open",
            Self::Retention(_) => "AIMON_RETENTION_DAYS takes a whole number from 7 to 3650",
            Self::Database { .. } => "run `aimon doctor`; if it persists, report it with the text above",
            Self::Events(_) => "report it: this is a bug",
        }
    }
}
