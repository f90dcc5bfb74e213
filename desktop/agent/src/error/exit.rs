//! How a process ends. Scripts may rely on the numbers.

use aimon_replica::link::LinkError;

use super::Error;

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
/// Not in step with the relay: it can't be reached, has refused something, or something is missing here; what passes by itself. Nothing is lost.
pub const NOT_IN_STEP: u8 = 6;

impl Error {
    /// The process's exit code.
    pub fn exit(&self) -> u8 {
        use aimon_replica::transport::Error as T;
        match self {
            Self::Pipe => OK,
            Self::Ended(code) => *code,
            Self::Replica(e) => exit_of(e),
            Self::Account(e) => e.exit(),
            Self::Passphrase(e) => e.exit(),
            Self::NoAnswer { .. } => LOCKED,
            Self::BadSetting(_)
            | Self::BadDevice(_)
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
            | Self::BadParameter(_)
            | Self::NotOptedIn(_)
            | Self::Usage(_) => USAGE,
            Self::Agent(problem) if problem.exit != 0 => problem.exit,
            Self::Write { .. } | Self::Output(_) => NOT_WRITABLE,
            Self::Link(LinkError::Replica(e)) => exit_of(e),
            Self::Link(e) if e.is_passing() => NOT_IN_STEP,
            Self::Transport(e) if e.is_passing() => NOT_IN_STEP,
            Self::SyncRefused { .. } | Self::Incomplete(_) => NOT_IN_STEP,
            _ => FAILURE,
        }
    }
}

impl Error {
    /// The exit code with which what a replica says ends a command.
    pub fn exit_of(e: &aimon_replica::Error) -> u8 {
        exit_of(e)
    }
}

/// The exit code of what a replica says.
fn exit_of(e: &aimon_replica::Error) -> u8 {
    use aimon_replica::Error as R;
    match e {
        R::Locked(_) | R::Busy(_) | R::Older { .. } => LOCKED,
        R::Home { .. } | R::Full(_) => NOT_WRITABLE,
        R::Newer { .. } | R::Damaged { .. } => DATABASE,
        R::Retention(_) => USAGE,
        _ => FAILURE,
    }
}
