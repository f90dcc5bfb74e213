//! What can go wrong, in words for people. Every code stands in `docs/errors.md`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use aimon_core::ids::DeviceId;

use aimon_replica::link::LinkError;

use crate::agent::client::Problem;
use crate::render::labels::Labels;

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
    /// While pairing.
    #[error(transparent)]
    Pairing(#[from] aimon_core::pairing::PairingError),
    /// Words that are no phrase.
    #[error(transparent)]
    Phrase(#[from] aimon_core::crypto::PhraseError),
    /// Somebody has to say yes, and nobody can be asked.
    #[error("{0}, and nobody can be asked: there is no terminal")]
    Unasked(&'static str),
    /// Somebody said no.
    #[error("{0}")]
    Declined(&'static str),
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
    /// A device that is not known.
    #[error("`{0}` is no device of this workspace")]
    UnknownDevice(String),
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
    /// The keychain does not do what it is asked; its own words.
    #[error("the keychain does not answer as it should: {0}")]
    Keychain(String),
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

/// Every code, for `docs/errors.md`. Those of the local API alone come last.
pub const CODES: &[&str] = &[
    "home-locked",
    "home-not-writable",
    "home-empty",
    "no-home",
    "disk-full",
    "database-newer",
    "database-older",
    "database-damaged",
    "database-busy",
    "database-error",
    "bad-events",
    "no-workspace",
    "in-workspace",
    "no-keys",
    "other-keys",
    "key-not-here",
    "not-a-member",
    "event-too-large",
    "statements-damaged",
    "segment-damaged",
    "agent-not-answering",
    "bad-usage",
    "bad-retention",
    "bad-timezone",
    "unnamed-timezone",
    "empty-range",
    "bad-template",
    "bad-port",
    "bad-prices",
    "nothing-to-explain",
    "ambiguous-session",
    "unknown-device",
    "ambiguous-device",
    "own-device",
    "bad-setting",
    "no-secret-store",
    "keychain-failed",
    "bad-secret-store",
    "secret-store-differs",
    "secret-readable",
    "secret-file",
    "secret-damaged",
    "secret-missing",
    "bad-relay-address",
    "relay-not-encrypted",
    "bad-ca-file",
    "relay-unreachable",
    "relay-not-trusted",
    "not-a-relay",
    "relay-protocol",
    "relay-challenge",
    "no-shared-folder",
    "not-a-shared-folder",
    "shared-folder-newer",
    "shared-folder-failed",
    "malformed",
    "too-large",
    "version",
    "wrong-key",
    "unknown-workspace",
    "not-a-member",
    "signature",
    "void",
    "expired",
    "missing",
    "quota",
    "rate",
    "unavailable",
    "wrong-origin",
    "bad-challenge",
    "challenge-spent",
    "registration-closed",
    "unknown-session",
    "invitation-spent",
    "unknown-invitation",
    "invitation-expired",
    "port-in-use",
    "ccusage-failed",
    "demo-not-comparable",
    "export-not-empty",
    "not-writable",
    "demo-failed",
    "output-failed",
    "system",
    "unauthorized",
    "bad-host",
    "bad-parameter",
    "bad-reading",
    "no-such-path",
    "no-such-method",
    "too-long",
    "timeout",
    "ending",
];

/// How a process ends. Scripts may rely on the numbers.
pub mod exit {
    /// It did what it was asked to.
    pub const OK: u8 = 0;
    /// It could not.
    pub const FAILURE: u8 = 1;
    /// The command line or the environment can't be understood.
    pub const USAGE: u8 = 2;
    /// Another aimon holds the folder.
    pub const LOCKED: u8 = 3;
    /// The folder can't be written to, or the disk is full.
    pub const NOT_WRITABLE: u8 = 4;
    /// The database is damaged, or of a newer version.
    pub const DATABASE: u8 = 5;
    /// Not in step with the relay: it can't be reached, or has refused something. Nothing is lost.
    pub const NOT_IN_STEP: u8 = 6;
}

impl Error {
    /// That it could be each of several devices.
    pub fn ambiguous_device(given: &str, found: &BTreeSet<DeviceId>, labels: &Labels) -> Self {
        let one = |id: &DeviceId| format!("{} ({id})", labels.device(&id.to_string()));
        Self::AmbiguousDevice { given: given.to_owned(), found: found.iter().map(one).collect::<Vec<_>>().join(", ") }
    }

    /// The stable code.
    pub fn code(&self) -> &str {
        match self {
            Self::Replica(e) => e.code(),
            Self::Transport(e) => e.code(),
            Self::Link(e) => e.code(),
            Self::Pairing(_) => "pairing-failed",
            Self::Phrase(_) => "bad-phrase",
            Self::Unasked(_) => "nobody-to-ask",
            Self::Declined(_) => "declined",
            Self::Late(_) => "nobody-came",
            Self::NoRelay => "no-relay",
            Self::SyncRefused { .. } => "sync-refused",
            Self::UnknownDevice(_) => "unknown-device",
            Self::AmbiguousDevice { .. } => "ambiguous-device",
            Self::OwnDevice => "own-device",
            Self::BadSetting(_) => "bad-setting",
            Self::NoHome => "no-home",
            Self::BadRetention(_) => "bad-retention",
            Self::BadZone(_) => "bad-timezone",
            Self::UnnamedZone(_) => "unnamed-timezone",
            Self::EmptyRange { .. } => "empty-range",
            Self::BadTemplate { .. } => "bad-template",
            Self::BadPort(_) => "bad-port",
            Self::Port { .. } => "port-in-use",
            Self::BadPrices { .. } => "bad-prices",
            Self::Ccusage { .. } => "ccusage-failed",
            Self::DemoAgainst(_) => "demo-not-comparable",
            Self::ExportNotEmpty(_) => "export-not-empty",
            Self::Write { .. } => "not-writable",
            Self::NothingToExplain(_) => "nothing-to-explain",
            Self::AmbiguousSession { .. } => "ambiguous-session",
            Self::NoSecretStore(_) => "no-secret-store",
            Self::Keychain(_) => "keychain-failed",
            Self::BadSecretStore(_) => "bad-secret-store",
            Self::SecretStoreDiffers { .. } => "secret-store-differs",
            Self::SecretReadable(_) => "secret-readable",
            Self::SecretFile { .. } => "secret-file",
            Self::SecretDamaged(_) => "secret-damaged",
            Self::SecretMissing { .. } => "secret-missing",
            Self::Demo(_) => "demo-failed",
            Self::NoAnswer { .. } => "agent-not-answering",
            Self::Agent(problem) => &problem.code,
            Self::Usage(_) => "bad-usage",
            // Never shown, like the next one.
            Self::Ended(_) => "ended",
            Self::Pipe => "broken-pipe",
            Self::Output(_) => "output-failed",
            Self::System { .. } => "system",
        }
    }

    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            Self::Replica(e) => e.help().to_owned(),
            Self::Transport(e) => e.help().to_owned(),
            Self::Link(e) => e.help().to_owned(),
            Self::Pairing(_) => {
                "nothing was changed here; `aimon pair` on the other device shows a new code".to_owned()
            }
            Self::Phrase(_) => "type the 24 words as they were shown, in their order".to_owned(),
            Self::Unasked(_) => "run it on a terminal, or with --yes (its help says what that means)".to_owned(),
            Self::Declined(_) | Self::Late(_) => "run `aimon pair` again for a new code".to_owned(),
            Self::NoRelay => "name one: `aimon workspace create --relay https://HOST`".to_owned(),
            Self::SyncRefused { .. } => "`aimon status` says what waits; the relay's owner can make room".to_owned(),
            Self::UnknownDevice(_) => "`aimon device list` names them".to_owned(),
            Self::AmbiguousDevice { .. } => "give more of its id, or all of it: `aimon device list`".to_owned(),
            Self::OwnDevice => "to take this device out, run `aimon workspace leave` here".to_owned(),
            Self::BadSetting(_) => "`aimon settings get` shows all of them".to_owned(),
            Self::NoHome => "set AIMON_HOME to a folder that is yours".to_owned(),
            Self::BadRetention(_) => {
                "set AIMON_RETENTION_DAYS to how many days to keep, 7 to 3650, or leave it out for 180".to_owned()
            }
            Self::BadZone(_) => {
                "use a name of the IANA database, such as Europe/Berlin, America/New_York or UTC".to_owned()
            }
            Self::UnnamedZone(_) => "set TZ or --timezone to a name, such as Europe/Berlin".to_owned(),
            Self::EmptyRange { .. } => "let --since be the earlier day and --until the later one".to_owned(),
            Self::BadTemplate { known, .. } => format!("these exist: {known}"),
            Self::BadPort(_) => "set AIMON_PORT to a number from 0 to 65535; 0 takes any free port".to_owned(),
            Self::Port { .. } => "stop what listens there, or set AIMON_PORT to another port (0 takes any)".to_owned(),
            Self::BadPrices { .. } => "mend the file, or move it away to use the prices that aimon brings".to_owned(),
            Self::Ccusage { .. } => {
                "install it (`npm install -g ccusage`), or name its program: --ccusage PATH".to_owned()
            }
            Self::DemoAgainst(_) => "run it without AIMON_HOME, or with the folder of your own figures".to_owned(),
            Self::ExportNotEmpty(_) => "name a folder that does not exist yet: it is made".to_owned(),
            Self::Write { .. } => "name a place that you may write to, with room left".to_owned(),
            Self::NothingToExplain(_) => {
                "`aimon report` shows which days, models, sources and sessions there are".to_owned()
            }
            Self::AmbiguousSession { .. } => "give more of its id, or all of it".to_owned(),
            Self::NoSecretStore(_) => "set AIMON_SECRET_STORE=file to keep it in a file in AIMON_HOME that only you can \
                                       read, or start a keychain (on Linux a Secret Service, such as gnome-keyring)"
                .to_owned(),
            Self::Keychain(_) => "unlock it, or start it, and try again".to_owned(),
            Self::BadSecretStore(_) => {
                "set AIMON_SECRET_STORE to file or keychain, or leave it out to use the keychain if there is one".to_owned()
            }
            Self::SecretStoreDiffers { used, .. } => {
                format!("set AIMON_SECRET_STORE={used}, or leave it out; the choice is made once for each folder")
            }
            Self::SecretReadable(path) => {
                format!("if nobody has read it: chmod 600 '{}'; else leave the workspace and join again", path.display())
            }
            Self::SecretFile { .. } => "make the file readable and writable for you, or bring it back".to_owned(),
            Self::SecretDamaged(_) => {
                "try again; if it stays, `aimon workspace leave --lose` and join again: logs that are still there are read again"
                    .to_owned()
            }
            Self::SecretMissing { .. } => {
                "run aimon as the user, and on the machine, that it was set up for; where that is gone, `aimon workspace \
                 leave --lose` and join again: the other devices have what this one sent, and logs that are still there are read again"
                    .to_owned()
            }
            Self::Demo(_) => "free some space, or set AIMON_HOME to a folder whose parent is yours to write".to_owned(),
            Self::NoAnswer { .. } => {
                "wait for it to finish, or end it (Ctrl-C in its terminal) and try again".to_owned()
            }
            Self::Agent(problem) => problem.help.clone(),
            Self::Usage(_) => "`aimon --help` lists the commands, `aimon COMMAND --help` their options".to_owned(),
            Self::Ended(_) | Self::Pipe => String::new(),
            Self::Output(_) => "check where the output goes: the disk may be full".to_owned(),
            Self::System { .. } => "try again; if it stays, report it with the text above".to_owned(),
        }
    }

    /// The process's exit code.
    pub fn exit(&self) -> u8 {
        use aimon_replica::transport::Error as T;
        match self {
            Self::Pipe => exit::OK,
            Self::Ended(code) => *code,
            Self::Replica(e) => exit_of(e),
            Self::NoAnswer { .. } => exit::LOCKED,
            Self::BadSetting(_)
            | Self::Transport(T::Address { .. } | T::NotEncrypted(_) | T::CaFile { .. })
            | Self::NoHome
            | Self::BadRetention(_)
            | Self::BadZone(_)
            | Self::UnnamedZone(_)
            | Self::EmptyRange { .. }
            | Self::BadTemplate { .. }
            | Self::BadPort(_)
            | Self::BadPrices { .. }
            | Self::BadSecretStore(_)
            | Self::SecretStoreDiffers { .. }
            | Self::AmbiguousSession { .. }
            | Self::AmbiguousDevice { .. }
            | Self::Usage(_) => exit::USAGE,
            Self::Agent(problem) if problem.exit != 0 => problem.exit,
            Self::Write { .. } | Self::Output(_) => exit::NOT_WRITABLE,
            Self::Link(e) if e.is_passing() => exit::NOT_IN_STEP,
            Self::Link(LinkError::Replica(e)) => exit_of(e),
            Self::SyncRefused { .. } => exit::NOT_IN_STEP,
            _ => exit::FAILURE,
        }
    }
}

impl From<aimon_core::sync::SyncError> for Error {
    fn from(e: aimon_core::sync::SyncError) -> Self {
        Self::Replica(e.into())
    }
}

/// The exit code of what a replica says.
fn exit_of(e: &aimon_replica::Error) -> u8 {
    use aimon_replica::Error as R;
    match e {
        R::Locked(_) | R::Busy(_) | R::Older { .. } => exit::LOCKED,
        R::Home { .. } | R::Full(_) => exit::NOT_WRITABLE,
        R::Newer { .. } | R::Damaged { .. } => exit::DATABASE,
        R::Retention(_) => exit::USAGE,
        _ => exit::FAILURE,
    }
}

/// What most of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use aimon_core::sync::SyncError as S;
    use aimon_replica::Error as R;
    use aimon_replica::transport::Error as T;

    use super::*;

    #[test]
    fn exit_codes_say_whose_turn_it_is() {
        let io = || std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        let path = || PathBuf::from("x");
        let replica = [
            (R::Locked(path()), exit::LOCKED),
            (R::Busy(path()), exit::LOCKED),
            (R::Home { path: path(), source: io() }, exit::NOT_WRITABLE),
            (R::Full(path()), exit::NOT_WRITABLE),
            (R::Newer { path: path(), found: 2, known: 1 }, exit::DATABASE),
            (R::Damaged { path: path(), detail: String::new() }, exit::DATABASE),
            (R::Older { path: path(), found: 1 }, exit::LOCKED),
            (R::NoKeys(path()), exit::FAILURE),
            (R::OtherKeys(path()), exit::FAILURE),
            (R::NoWorkspace(path()), exit::FAILURE),
            (R::InWorkspace(path()), exit::FAILURE),
            (R::Sync(S::NoKey), exit::FAILURE),
            (R::Sync(S::NotAMember), exit::FAILURE),
            (R::Sync(S::TooLarge), exit::FAILURE),
            (R::Sync(S::Damaged(String::new())), exit::FAILURE),
            (R::Empty(path()), exit::FAILURE),
            (R::Retention(1), exit::USAGE),
            (R::Events(String::new()), exit::FAILURE),
        ];
        let relay = || "https://relay.example".to_owned();
        let transport = [
            (T::Address { text: relay(), why: "" }, exit::USAGE),
            (T::NotEncrypted(relay()), exit::USAGE),
            (T::CaFile { path: path(), why: String::new() }, exit::USAGE),
            (T::Unreachable { relay: relay(), why: String::new() }, exit::FAILURE),
            (T::Ended, exit::FAILURE),
            (T::Tls { relay: relay(), why: String::new() }, exit::FAILURE),
            (T::NotARelay { address: relay(), why: String::new() }, exit::FAILURE),
            (T::Protocol(String::new()), exit::FAILURE),
            (T::Challenge(String::new()), exit::FAILURE),
            (T::NoFolder(path()), exit::FAILURE),
            (T::NotAFolder(path()), exit::FAILURE),
            (T::NewerFolder(path()), exit::FAILURE),
            (T::Folder { path: path(), source: io() }, exit::FAILURE),
        ];
        for (e, code) in transport {
            let e = Error::from(e);
            assert_eq!(e.exit(), code, "{e}");
            assert!(CODES.contains(&e.code()) && !e.help().is_empty(), "{e}");
        }
        for (e, code) in replica {
            let e = Error::from(e);
            assert_eq!(e.exit(), code, "{e}");
            assert!(CODES.contains(&e.code()) && !e.help().is_empty(), "{e}");
        }
        let own = [
            (Error::NoHome, exit::USAGE),
            (Error::BadZone(String::new()), exit::USAGE),
            (Error::UnnamedZone(String::new()), exit::USAGE),
            (Error::Write { path: path(), source: io() }, exit::NOT_WRITABLE),
            (Error::Output(std::io::ErrorKind::StorageFull.into()), exit::NOT_WRITABLE),
            (Error::Output(io()), exit::NOT_WRITABLE),
            (Error::NoAnswer { home: path(), why: String::new() }, exit::LOCKED),
            (Error::NoSecretStore(String::new()), exit::FAILURE),
            (Error::Keychain(String::new()), exit::FAILURE),
            (Error::BadSecretStore(String::new()), exit::USAGE),
            (Error::SecretStoreDiffers { used: "file", asked: "keychain" }, exit::USAGE),
            (Error::SecretReadable(path()), exit::FAILURE),
            (Error::SecretFile { path: path(), source: io() }, exit::FAILURE),
            (Error::SecretDamaged(String::new()), exit::FAILURE),
            (Error::SecretMissing { home: path(), store: "file" }, exit::FAILURE),
            (Error::Demo(String::new()), exit::FAILURE),
            (Error::DemoAgainst(path()), exit::FAILURE),
        ];
        for (e, code) in own {
            assert_eq!(e.exit(), code, "{e}");
            assert!(CODES.contains(&e.code()) && !e.help().is_empty(), "{e}");
        }
    }

    #[test]
    fn what_the_agent_says_ends_a_command_as_it_would_have_itself() {
        let e = Error::from(R::Full(PathBuf::from("x")));
        let told = Error::Agent(Problem::from(&e));
        assert_eq!(
            (told.code(), told.exit(), told.to_string(), told.help()),
            (e.code(), e.exit(), e.to_string(), e.help())
        );
    }
}
