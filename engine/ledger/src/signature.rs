//! Signatures: Ed25519, strictly verified (RFC 8032), never in batches.
//!
//! What is signed is `aimon/v1/<kind>` ‖ 0 ‖ workspace ‖ bytes, so that a signature of one kind, or of one workspace, says
//! nothing in another: a challenge that is a statement's bytes signs no statement.

use ed25519_dalek::VerifyingKey;

use crate::ids::WorkspaceId;

/// The bytes of a signature.
pub const SIGNATURE_BYTES: usize = 64;

/// What a signature is made for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// A chunk's header and ciphertext.
    Chunk,
    /// A statement's body.
    Statement,
    /// A relay's challenge.
    Challenge,
    /// An inviting device's answer.
    Pairing,
}

impl Purpose {
    fn word(self) -> &'static str {
        match self {
            Self::Chunk => "chunk",
            Self::Statement => "statement",
            Self::Challenge => "challenge",
            Self::Pairing => "pairing",
        }
    }

    /// The bytes that are signed.
    pub fn message(self, workspace: &WorkspaceId, bytes: &[u8]) -> Vec<u8> {
        let mut message = format!("aimon/v1/{}", self.word()).into_bytes();
        message.push(0);
        message.extend_from_slice(&workspace.0);
        message.extend_from_slice(bytes);
        message
    }

    /// Whether `key` has signed `bytes` for this purpose in this workspace.
    pub fn is_signed(
        self,
        workspace: &WorkspaceId,
        bytes: &[u8],
        signature: &[u8; SIGNATURE_BYTES],
        key: &VerifyingKey,
    ) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        key.verify_strict(&self.message(workspace, bytes), &signature).is_ok()
    }
}
