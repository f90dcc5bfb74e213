//! Pairing: how a device that belongs to nobody finds a workspace and is taken in by a member.
//!
//! ```text
//! inviter   shows the code: relay, invitation, one-time secret, fingerprints of itself and of the workspace
//! joiner    posts a request under the secret: its id, keys and name, and what it will bring.  The first post spends the invitation
//! inviter   answers under the secret with its keys and a fresh nonce, signed
//! both      show six digits of BLAKE3(secret, workspace, inviter's keys, joiner's keys, nonce)
//! inviter   signs the admit, or posts in the answer's place, under the secret, that it does not; so does the joiner in its own post's
//!           place, where somebody there says no first: the inviter looks once more before it signs
//! ```
//!
//! Whoever sees the code can race the joiner. That shows: the joiner's own post is refused as spent. Whoever stands between
//! the two without the code can read and change nothing; a relay that puts keys of its own in the place of either needs the
//! secret, and then six digits that fit by chance, once: the inviter's nonce comes after the joiner's keys are fixed.

mod code;
mod exchange;

pub use code::{Code, CodeError};
pub use exchange::{Answer, Brings, Inviter, Joiner, PairingError, Request};

/// How long an invitation holds, in milliseconds: ten minutes.
pub const HOLDS_MS: i64 = 10 * 60_000;

/// The six digits that both sides show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Digits(u32);

impl std::fmt::Display for Digits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:03} {:03}", self.0 / 1000, self.0 % 1000)
    }
}

#[cfg(test)]
mod tests;
