//! What can go wrong, in words for people. Every code stands in `docs/errors.md`.
//!
//! * `code`: the stable codes.
//! * `help`: what to do.
//! * [`exit`]: how a process ends.

mod code;
pub mod exit;
mod help;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::PathBuf;

use aimon_core::ids::DeviceId;
use aimon_replica::link::LinkError;

use crate::accounts::AccountError;
use crate::agent::client::Problem;
use crate::render::labels::Labels;
use crate::secrets::{KeychainError, PassphraseError};

pub use code::CODES;

/// An error that reaches the user: a stable code, what happened, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The replica's own.
    #[error(transparent)]
    Replica(#[from] aimon_replica::Error),
    /// Between this device and its relay.
    #[error(transparent)]
    Transport(#[from] aimon_replica::transport::Error),
    /// While in touch with a relay.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// About an account, or whoever is asked about it.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// About the passphrase of secrets in files.
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    /// While pairing.
    #[error(transparent)]
    Pairing(#[from] aimon_core::pairing::PairingError),
    /// Words that are no phrase.
    #[error(transparent)]
    Phrase(#[from] aimon_core::crypto::PhraseError),
    /// Somebody has to say yes, and nobody can be asked.
    #[error("{0}, and nobody can be asked: there is no terminal")]
    Unasked(&'static str),
    /// Something has to be typed, and nobody is there to do it.
    #[error("{what}, and nobody can be asked: there is no terminal")]
    Untyped {
        /// What.
        what: &'static str,
        /// The option that says where else it is.
        option: &'static str,
    },
    /// Somebody said no.
    #[error("{0}")]
    Declined(&'static str),
    /// Somebody said no to a device that wanted to join.
    #[error("{0}")]
    Untaken(&'static str),
    /// The relay knows no workspace of the phrase.
    #[error("{0} knows no workspace of this phrase")]
    UnknownWorkspace(String),
    /// Nobody came in time.
    #[error("{0}")]
    Late(&'static str),
    /// The workspace has no relay.
    #[error("this workspace has no relay")]
    NoRelay,
    /// Something was refused by the relay, and waits here.
    #[error(
        "{count} of what is recorded here was refused by the relay ({code}); it is kept, and goes out when the reason ends"
    )]
    SyncRefused {
        /// How many chunks.
        count: u64,
        /// The relay's word.
        code: String,
    },
    /// Chunks that the others have are missing here; says which.
    #[error("this device is not in step: {0}")]
    Incomplete(String),
    /// Made-up figures would get into a workspace.
    #[error("the figures in {0} are the demo's, and would stand among real ones")]
    DemoApart(PathBuf),
    /// The file that says where secrets lie can't be understood.
    #[error("{0} is damaged: it does not say any more where this device's secrets lie")]
    SecretStoreDamaged(PathBuf),
    /// A device that is not known.
    #[error("`{0}` is no device of this workspace")]
    UnknownDevice(String),
    /// A device that is known by what it wrote or by its name alone: of another workspace, that was brought along.
    #[error("{0} has calls here, and does not belong to this workspace")]
    NoMember(String),
    /// A name that a device can't have, or two devices that are one already.
    #[error("{0}")]
    BadDevice(String),
    /// Several devices are called so, or their ids begin so.
    #[error("`{given}` could be several devices: {found}")]
    AmbiguousDevice {
        /// What was asked for.
        given: String,
        /// What it could be.
        found: String,
    },
    /// A device can't revoke itself.
    #[error("this is the device itself")]
    OwnDevice,
    /// A device was revoked, and no new key could be brought.
    #[error("{device} is out, but the workspace has no new key: {why}")]
    KeyStays {
        /// Which one.
        device: String,
        /// Why there is none.
        why: aimon_core::sync::SyncError,
    },
    /// A setting that does not exist, or a value that it can't have.
    #[error("{0}")]
    BadSetting(String),
    /// Neither AIMON_HOME nor a home folder is known.
    #[error("there is no folder for aimon's data: neither AIMON_HOME nor a home folder is set")]
    NoHome,
    /// AIMON_RETENTION_DAYS is no number of days.
    #[error("AIMON_RETENTION_DAYS is `{0}`, which is no whole number from 7 to 3650")]
    BadRetention(String),
    /// A time zone that is not in the database.
    #[error("`{0}` is no time zone")]
    BadZone(String),
    /// The system's time zone has no name by which another program could be told it.
    #[error("the time zone, {0}, has no name that ccusage could be told")]
    UnnamedZone(String),
    /// `--since` lies behind `--until`.
    #[error("the range is empty: it begins on {since} and ends on {until}")]
    EmptyRange {
        /// The first day.
        since: jiff::civil::Date,
        /// The last day.
        until: jiff::civil::Date,
    },
    /// A template names something that does not exist.
    #[error("the template names `{name}`, which does not exist")]
    BadTemplate {
        /// What it names.
        name: String,
        /// What it could name.
        known: String,
    },
    /// AIMON_PORT is no port.
    #[error("AIMON_PORT is `{0}`, which is no port")]
    BadPort(String),
    /// The port is taken, or may not be opened.
    #[error("cannot listen on 127.0.0.1:{port}: {source}")]
    Port {
        /// Which one.
        port: u16,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The table of prices that the user brought can't be used.
    #[error("the prices in {path} cannot be used: {why}")]
    BadPrices {
        /// Which file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// ccusage can't be run.
    #[error("cannot run ccusage ({path}): {why}")]
    Ccusage {
        /// What was tried.
        path: PathBuf,
        /// Why it did not work.
        why: String,
    },
    /// Made-up figures can't be compared with what ccusage reads, which is real.
    #[error("the figures in {0} are the demo's; ccusage reads your own logs")]
    DemoAgainst(PathBuf),
    /// The folder to export to holds something.
    #[error("{0} is not empty")]
    ExportNotEmpty(PathBuf),
    /// A file or folder of the user can't be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// Which one.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// There is no such call in the history.
    #[error("there is nothing to explain: {0}")]
    NothingToExplain(String),
    /// Several sessions begin so.
    #[error("several sessions begin with `{given}`: {found}")]
    AmbiguousSession {
        /// What was asked for.
        given: String,
        /// What it could be.
        found: String,
    },
    /// There is no keychain, and nobody said that a file will do.
    #[error("there is no keychain for this device's secret key: {0}")]
    NoSecretStore(String),
    /// The keychain does not do what it is asked.
    #[error(transparent)]
    Keychain(#[from] KeychainError),
    /// AIMON_SECRET_STORE names no store.
    #[error("AIMON_SECRET_STORE is `{0}`, which is neither file nor keychain")]
    BadSecretStore(String),
    /// The folder's secrets lie in another store than the one that is asked for.
    #[error("AIMON_SECRET_STORE is `{asked}`, but this folder's secrets are in the other store ({used})")]
    SecretStoreDiffers {
        /// Where they lie.
        used: &'static str,
        /// What the variable says.
        asked: &'static str,
    },
    /// Others may read a secret.
    #[error("{0} holds a secret, and others than you may read it")]
    SecretReadable(PathBuf),
    /// A file that holds a secret, or says where they are, can't be read or removed.
    #[error("cannot use {path}: {source}")]
    SecretFile {
        /// Which one.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The store gives back something else than it was given.
    #[error("the secret `{0}` is not as it was stored")]
    SecretDamaged(String),
    /// The store knows nothing of the device's key.
    #[error("the secret key of this device, whose data is in {home}, is not in the {store}")]
    SecretMissing {
        /// The folder.
        home: PathBuf,
        /// Which store.
        store: &'static str,
    },
    /// The demo's logs can't be made.
    #[error("the demo's logs cannot be made: {0}")]
    Demo(String),
    /// The running `aimon up` holds the folder, and does not answer.
    #[error("another aimon is writing to {home}, and does not answer: {why}")]
    NoAnswer {
        /// The folder.
        home: PathBuf,
        /// What happened instead.
        why: String,
    },
    /// The running agent could not; the words are its own.
    #[error("{}", .0.message)]
    Agent(Problem),
    /// Something that a program asks for can't be understood.
    #[error("{0}")]
    BadParameter(String),
    /// Something that is not told to whoever asks.
    #[error("this server does not tell usage by {0}: nobody has opted in")]
    NotOptedIn(&'static str),
    /// What was said on standard input is not the Model Context Protocol.
    #[error("no MCP client: {0}")]
    NotMcp(String),
    /// The command line can't be understood; the text is clap's.
    #[error("{0}")]
    Usage(String),
    /// The process ends so, and everything is said: what a wrapped command ended with, or what `aimon doctor`
    /// found broken.
    #[error("ended with {0}")]
    Ended(u8),
    /// Whoever read the output has gone: no error at all.
    #[error("nobody reads the output any more")]
    Pipe,
    /// The output can't be written.
    #[error("cannot write the output: {0}")]
    Output(std::io::Error),
    /// The operating system refused something that it never should.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the operating system says.
        source: std::io::Error,
    },
}

impl Error {
    /// That it could be each of several devices.
    pub fn ambiguous_device(given: &str, found: &BTreeSet<DeviceId>, labels: &Labels) -> Self {
        let one = |id: &DeviceId| format!("{} ({id})", labels.device(&id.to_string()));
        Self::AmbiguousDevice { given: given.to_owned(), found: found.iter().map(one).collect::<Vec<_>>().join(", ") }
    }
}

impl From<aimon_core::sync::SyncError> for Error {
    fn from(e: aimon_core::sync::SyncError) -> Self {
        Self::Replica(e.into())
    }
}

/// What most of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;
