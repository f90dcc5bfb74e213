//! What can go wrong, in words for whoever runs a relay. Every code stands in `docs/errors.md`.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::storage::StorageError;

/// An error that reaches the user: a stable code, what happened, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database's own.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The folder can't be used.
    #[error("{path} cannot be used: {source}")]
    Folder {
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// There is no relay's data in the folder.
    #[error("{0} holds no relay's data")]
    NoData(PathBuf),
    /// Another relay runs on the folder.
    #[error("another aimon-relay is running on {0}")]
    Running(PathBuf),
    /// Where a backup goes there is something already.
    #[error("{0} holds a relay's data already")]
    NotEmpty(PathBuf),
    /// The port is taken, or may not be opened.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// Plain HTTP where others could read along.
    #[error("{0} can be reached from outside, and without TLS tokens could be read on the way")]
    Plain(SocketAddr),
    /// Devices have to know the relay by some address.
    #[error("a relay that can be reached from outside has no address that it knows of itself")]
    NoOrigin,
    /// What was given as an origin is none.
    #[error("`{0}` is no origin")]
    BadOrigin(String),
    /// A certificate or key can't be used.
    #[error("{path} cannot be used for TLS: {why}")]
    Tls {
        /// Which file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// What was given as a workspace is none, or not here.
    #[error("there is no workspace `{0}` here")]
    NoWorkspace(String),
    /// The key of tokens is none.
    #[error("{0} is damaged: it holds no key")]
    TokenKey(PathBuf),
    /// The command line can't be understood; the text is clap's.
    #[error("{0}")]
    Usage(String),
    /// A registration token that could be guessed.
    #[error("a registration token has at least 16 characters, without blanks")]
    BadToken,
    /// The operating system refused something that it never should.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the operating system says.
        source: std::io::Error,
    },
}

/// Every code, for `docs/errors.md`.
pub const CODES: &[&str] = &[
    "relay-database",
    "relay-disk-full",
    "relay-database-newer",
    "relay-folder",
    "relay-no-data",
    "relay-running",
    "relay-not-empty",
    "relay-port",
    "relay-plain-http",
    "relay-no-origin",
    "relay-bad-origin",
    "relay-bad-tls",
    "relay-no-workspace",
    "relay-bad-token",
    "relay-token-key",
    "bad-usage",
    "system",
];

impl Error {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Storage(StorageError::Newer(_)) => "relay-database-newer",
            Self::Storage(e) if e.is_full() => "relay-disk-full",
            Self::Storage(_) => "relay-database",
            Self::Folder { .. } => "relay-folder",
            Self::NoData(_) => "relay-no-data",
            Self::Running(_) => "relay-running",
            Self::NotEmpty(_) => "relay-not-empty",
            Self::Listen { .. } => "relay-port",
            Self::Plain(_) => "relay-plain-http",
            Self::NoOrigin => "relay-no-origin",
            Self::BadOrigin(_) => "relay-bad-origin",
            Self::Tls { .. } => "relay-bad-tls",
            Self::NoWorkspace(_) => "relay-no-workspace",
            Self::BadToken => "relay-bad-token",
            Self::TokenKey(_) => "relay-token-key",
            Self::Usage(_) => "bad-usage",
            Self::System { .. } => "system",
        }
    }

    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Storage(StorageError::Newer(_)) => "update aimon-relay on this machine",
            Self::Storage(e) if e.is_full() => "free some space: devices keep what was not taken, and send it again",
            Self::Storage(_) => {
                "check the disk; if the database is damaged, restore a backup or begin with an empty folder: devices refill it"
            }
            Self::Folder { .. } => "name a folder that is yours to write: --data DIR",
            Self::NoData(_) => "name the folder that `aimon-relay serve --data` is given",
            Self::Running(_) => "stop it first, or name another folder with --data",
            Self::NotEmpty(_) => "name a folder that is empty or does not exist yet",
            Self::Listen { .. } => "stop what listens there, or name another address with --listen (port 0 takes any)",
            Self::Plain(_) => {
                "give --tls-cert and --tls-key; or --behind-proxy, if a proxy on the way does TLS; or listen on 127.0.0.1"
            }
            Self::NoOrigin => "name it as devices are given it: --origin https://relay.example",
            Self::BadOrigin(_) => "an origin is scheme, host and port, nothing behind them: https://relay.example",
            Self::Tls { .. } => "both files are PEM: the certificate with its chain, and its private key",
            Self::NoWorkspace(_) => "`aimon-relay workspaces` lists them",
            Self::BadToken => "let one be made: `aimon-relay token` without --set shows it",
            Self::TokenKey(_) => {
                "delete the file: another key is drawn at the next start, and devices fetch new tokens by themselves"
            }
            Self::Usage(_) => "`aimon-relay --help` lists the commands, `aimon-relay COMMAND --help` their options",
            Self::System { .. } => "try again; if it stays, report it with the text above",
        }
    }

    /// The process's exit code, as `aimon` has them.
    pub fn exit(&self) -> u8 {
        match self {
            Self::Running(_) => 3,
            Self::Folder { .. } | Self::NotEmpty(_) => 4,
            Self::Storage(e) if e.is_full() => 4,
            Self::Storage(_) | Self::NoData(_) => 5,
            Self::Plain(_)
            | Self::NoOrigin
            | Self::BadOrigin(_)
            | Self::NoWorkspace(_)
            | Self::BadToken
            | Self::Usage(_) => 2,
            _ => 1,
        }
    }
}

/// What most of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_stands_in_the_docs() {
        let docs = include_str!("../../../docs/errors.md");
        let answers = "malformed too-large version wrong-key unknown-workspace not-a-member signature void expired missing \
            quota rate unavailable timeout wrong-origin bad-challenge challenge-spent token-missing token-malformed \
            token-algorithm token-key token-signature token-issuer token-audience token-expired token-early \
            registration-closed unknown-session unknown-invitation invitation-expired invitation-spent no-such-path no-such-method";
        for code in CODES.iter().copied().chain(answers.split_whitespace()) {
            assert!(docs.contains(&format!("| `{code}` |")), "docs/errors.md does not list {code}");
        }
    }

    #[test]
    fn every_error_has_a_code_that_is_listed_and_says_what_to_do() {
        let path = || PathBuf::from("x");
        let io = || std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        let address: SocketAddr = ([127, 0, 0, 1], 1).into();
        let all = [
            Error::Storage(StorageError::Newer(3)),
            Error::Storage(StorageError::Sql(rusqlite::Error::QueryReturnedNoRows)),
            Error::Folder { path: path(), source: io() },
            Error::NoData(path()),
            Error::Running(path()),
            Error::NotEmpty(path()),
            Error::Listen { address, source: io() },
            Error::Plain(address),
            Error::NoOrigin,
            Error::BadOrigin(String::new()),
            Error::Tls { path: path(), why: String::new() },
            Error::NoWorkspace(String::new()),
            Error::BadToken,
            Error::TokenKey(path()),
            Error::Usage(String::new()),
            Error::System { what: "x", source: io() },
        ];
        for error in all {
            assert!(CODES.contains(&error.code()) && !error.help().is_empty() && error.exit() > 0, "{error}");
        }
    }
}
