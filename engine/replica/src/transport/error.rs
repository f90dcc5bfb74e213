use std::path::PathBuf;

use aimon_ledger::frame::{Code, FrameError};

/// What can go wrong between a device and its relay. Each has a stable code, listed in `docs/errors.md`; a refusal has the
/// relay's own, from `schema/protocol.md`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is no address of a relay.
    #[error("`{text}` is no address of a relay: {why}")]
    Address {
        /// What was given.
        text: String,
        /// Why not.
        why: &'static str,
    },
    /// Plain HTTP to another machine: tokens, and who is in touch with whom, would travel in clear.
    #[error("{0} is not encrypted, and not on this machine")]
    NotEncrypted(String),
    /// The file of certificates can't be used.
    #[error("the certificates in {path} cannot be used: {why}")]
    CaFile {
        /// Which file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// Nobody answers, or not in time, or no longer.
    #[error("{relay} cannot be reached: {why}")]
    Unreachable {
        /// Which relay.
        relay: String,
        /// What happened.
        why: String,
    },
    /// Its certificate is not trusted, or it does not speak TLS 1.2 or 1.3.
    #[error("the connection to {relay} is not to be trusted: {why}")]
    Tls {
        /// Which relay.
        relay: String,
        /// What is wrong.
        why: String,
    },
    /// Something answers, but it is no relay.
    #[error("what answers at {address} is no relay: {why}")]
    NotARelay {
        /// Where.
        address: String,
        /// What it answers.
        why: String,
    },
    /// The relay says no, and why.
    #[error("the relay refuses ({}): {text}", .code.word())]
    Refused {
        /// A stable word.
        code: Code,
        /// Its words for people.
        text: String,
    },
    /// The relay breaks the protocol.
    #[error("the relay does not keep to the protocol: {0}")]
    Protocol(String),
    /// The challenge is not the one that was asked for: signing it would let in somebody else.
    #[error("the relay asks to sign something else than was asked for: {0}")]
    Challenge(String),
    /// The connection has ended.
    #[error("the connection to the relay has ended")]
    Ended,
    /// The shared folder is not there.
    #[error("there is no folder {0}")]
    NoFolder(PathBuf),
    /// The folder is there, but is not, or not yet, used as a relay.
    #[error("{0} is not used by aimon: it has no file aimon.folder")]
    NotAFolder(PathBuf),
    /// A newer version has laid it out.
    #[error("{0} is laid out by a newer aimon")]
    NewerFolder(PathBuf),
    /// The file that says how it is laid out is damaged.
    #[error("the file aimon.folder in {0} is damaged")]
    DamagedFolder(PathBuf),
    /// A file in it can't be read or written.
    #[error("{path} in the shared folder: {source}")]
    Folder {
        /// Which file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
}

impl Error {
    /// The stable code.
    pub fn code(&self) -> &str {
        match self {
            Self::Address { .. } => "bad-relay-address",
            Self::NotEncrypted(_) => "relay-not-encrypted",
            Self::CaFile { .. } => "bad-ca-file",
            Self::Unreachable { .. } | Self::Ended => "relay-unreachable",
            Self::Tls { .. } => "relay-not-trusted",
            Self::NotARelay { .. } => "not-a-relay",
            Self::Refused { code, .. } => code.word(),
            Self::Protocol(_) => "relay-protocol",
            Self::Challenge(_) => "relay-challenge",
            Self::NoFolder(_) => "no-shared-folder",
            Self::NotAFolder(_) => "not-a-shared-folder",
            Self::NewerFolder(_) => "shared-folder-newer",
            Self::DamagedFolder(_) => "shared-folder-damaged",
            Self::Folder { .. } => "shared-folder-failed",
        }
    }

    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Address { .. } => {
                "use https://HOST, http://127.0.0.1:PORT for a relay on this machine, or file:///PATH for a shared folder"
            }
            Self::NotEncrypted(_) => "use https://, or reach it through a tunnel that ends on this machine",
            Self::CaFile { .. } => "let AIMON_CA_FILE name a file with certificates in PEM, or leave it out",
            Self::Unreachable { .. } | Self::Ended => {
                "nothing is lost: what is new waits here and goes out once the relay answers; check the network and its address"
            }
            Self::Tls { .. } => {
                "if the relay's certificate is its own, let AIMON_CA_FILE name it; else somebody may be in between: use \
                 another network"
            }
            Self::NotARelay { .. } => "check the address; a network's sign-in page answers like this, too",
            Self::Refused { code, .. } => refused(code),
            Self::Protocol(_) => "update aimon here and on the relay; if it stays, report it with the text above",
            Self::Challenge(_) => "check the address: a relay that is not what it says it is can't be used",
            Self::NoFolder(_) => {
                "connect the disk or start what shares the folder, then try again; nothing is lost. Where it lies at another path on this \
                 device, name that: `aimon join CODE --relay file:///PATH` to join, `aimon workspace move --relay file:///PATH` in the workspace"
            }
            Self::NotAFolder(_) => {
                "wait until the folder has arrived here, or name the one that is meant: `aimon join CODE --relay file:///PATH` to join. If it \
                 was emptied for good, `aimon workspace move --relay file:///PATH` on a device of the workspace fills it again; `aimon \
                 workspace create --relay file:///PATH` begins a workspace in it"
            }
            Self::NewerFolder(_) => "update aimon",
            Self::DamagedFolder(_) => {
                "`aimon sync` on a device of the workspace writes it anew; then try again. Nothing else there is touched by it"
            }
            Self::Folder { .. } => "make the folder readable and writable for you, with room left; nothing is lost",
        }
    }

    /// Whether the same may work later, without anything being changed here or on the relay.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Ended => true,
            Self::NoFolder(_) | Self::NotAFolder(_) | Self::DamagedFolder(_) | Self::Folder { .. } => true,
            // A network that wants people to sign in first puts itself in between.
            Self::NotARelay { .. } | Self::Tls { .. } => true,
            Self::Refused { code, .. } => {
                matches!(code, Code::Rate | Code::Unavailable | Code::Missing)
                    || matches!(code.word(), "unknown-session" | "bad-challenge" | "challenge-spent" | "unauthorized")
            }
            _ => false,
        }
    }
}

/// What to do about a relay's refusal.
fn refused(code: &Code) -> &'static str {
    match code {
        Code::Malformed | Code::Signature | Code::Missing => {
            "update aimon here and on the relay; if it stays, report it"
        }
        Code::TooLarge => "report it: aimon should not send this much at once",
        Code::Version => "update aimon here or on the relay: they have no version of the protocol in common",
        Code::WrongKey => {
            "nothing was written; this device's workspace key is not the workspace's: leave the workspace and join again"
        }
        Code::UnknownWorkspace => "the relay was emptied, or is another one: `aimon sync` opens the workspace again",
        Code::NotAMember => {
            "this device was revoked, or was never admitted: join again with `aimon pair` on another device"
        }
        Code::Void => "a purge reaches it: it is gone everywhere",
        Code::Expired => "its day is kept no longer",
        Code::Quota => "free space on the relay, or raise its quota; what is new waits here",
        Code::Rate => "it goes on by itself; what is new waits here",
        Code::Unavailable => "it goes on once the relay is well again; what is new waits here",
        Code::Other(word) => match word.as_str() {
            "registration-closed" => {
                "ask whoever runs the relay for its registration token: `--registration-stdin` reads it; where the relay was emptied, \
                 `aimon workspace move` to the same address opens the workspace there again with it"
            }
            "wrong-origin" => "use the address by which the relay knows itself",
            "invitation-spent" => {
                "begin again with `aimon pair` on the other device; if it was not you who used it, look at `aimon device list` there"
            }
            "invitation-expired" => "a code holds for ten minutes: begin again with `aimon pair` on the other device",
            "unknown-invitation" => {
                "the code has been withdrawn, or was for another relay: begin again with `aimon pair` on the other device"
            }
            _ => "try again; if it stays, ask whoever runs the relay",
        },
    }
}

impl From<FrameError> for Error {
    fn from(e: FrameError) -> Self {
        Self::Protocol(e.to_string())
    }
}
