//! Keys, and what is encrypted and signed with them.
//!
//! | what | how |
//! |---|---|
//! | the phrase | 24 words (BIP 39) for 32 random bytes; from these the keys that sign the genesis and unwrap workspace keys |
//! | a device's keys | from 32 random bytes: Ed25519 signs, X25519 unwraps |
//! | a workspace key | 32 random bytes, brought by a rotate; wrapped for each member by HPKE (RFC 9180) |
//! | a chunk | XChaCha20-Poly1305 under a key derived from the workspace key, its header as associated data |
//!
//! Derived keys come from HKDF-SHA-256 (RFC 5869), each with an info of its own. Nothing here draws random bytes: the
//! caller brings [`Entropy`] from the operating system.

mod keyring;
mod keys;
mod phrase;
mod workspace_key;

use std::fmt;

use hkdf::Hkdf;
use secrecy::{ExposeSecret, SecretBox};
use sha2::Sha256;

pub use keyring::{Keyring, admit, genesis, rotate, statement, wrap};
pub use keys::{SecretKeys, can_receive};
pub use phrase::{Phrase, PhraseError};
pub use workspace_key::WorkspaceKey;

/// Why something can't be read or written with the keys that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    /// Encrypted under a key that is not held.
    #[error("the key that it is encrypted under is not held")]
    NoKey,
    /// Not encrypted under the key that it names, or changed since.
    #[error("it can't be decrypted: another key, or changed since")]
    Sealed,
    /// Longer than what travels may be.
    #[error("it is too large")]
    TooLarge,
    /// A recipient's key is no point of the curve that anything can be encrypted for.
    #[error("a recipient's key is invalid")]
    Recipient,
}

/// 32 fresh bytes from the operating system. Each is used once.
pub struct Entropy(SecretBox<[u8; 32]>);

impl Entropy {
    /// Takes bytes that the operating system has drawn.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(SecretBox::new(Box::new(bytes)))
    }

    /// As many bytes as are needed, for one use.
    pub(crate) fn stream(self) -> Stream {
        Stream(blake3::Hasher::new_derive_key("aimon/v1/entropy").update(self.0.expose_secret()).finalize_xof())
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entropy(…)")
    }
}

/// Random bytes that follow from some entropy: what HPKE draws its ephemeral key from.
pub(crate) struct Stream(blake3::OutputReader);

impl Stream {
    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill(&mut bytes);
        bytes
    }
}

impl rand_core::RngCore for Stream {
    fn next_u32(&mut self) -> u32 {
        u32::from_le_bytes(self.bytes())
    }

    fn next_u64(&mut self) -> u64 {
        u64::from_le_bytes(self.bytes())
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        self.0.fill(out);
    }
}

impl rand_core::CryptoRng for Stream {}

/// A key or check value that follows from another key; `info` says for what.
pub(crate) fn derived<const N: usize>(from: &[u8], info: &str) -> [u8; N] {
    let mut out = [0; N];
    let done = Hkdf::<Sha256>::new(None, from).expand(info.as_bytes(), &mut out);
    debug_assert!(done.is_ok(), "HKDF gives up to 8,160 bytes");
    out
}

#[cfg(test)]
mod tests;
