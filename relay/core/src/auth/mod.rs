//! Who is there: a device signs the relay's challenge and receives a token; two devices that pair meet at an invitation.
//!
//! Values without IO. What is open is bounded: what is asked for without a signature takes no memory at all.

mod challenge;
mod invitation;
mod token;

use aimon_ledger::frame::Code;
use aimon_ledger::ids::{DeviceId, WorkspaceId};

pub(crate) use challenge::who;
pub use challenge::{CHALLENGE_MS, Challenges};
pub use invitation::{INVITATION_MS, InvitationId, Invitations};
pub use token::{TOKEN_MS, Tokens};

use crate::relay::Refusal;

/// A device that has proven who it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Who {
    /// In which workspace.
    pub workspace: WorkspaceId,
    /// Which device.
    pub device: DeviceId,
}

/// What a host keeps of all this, behind one lock.
pub struct Auth {
    /// Challenges.
    pub challenges: Challenges,
    /// Tokens.
    pub tokens: Tokens,
    /// Invitations.
    pub invitations: Invitations,
}

/// A refusal with a word that no frame has.
pub(crate) fn refusal(word: &str, text: &str) -> Refusal {
    Refusal { code: Code::Other(word.to_owned()), text: text.to_owned() }
}

#[cfg(test)]
mod tests;
