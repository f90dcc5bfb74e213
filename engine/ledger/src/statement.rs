//! Statements: signed, unencrypted entries of the membership set.
//!
//! ```text
//! statement = [body: bstr, signature: bstr .size 64]
//! id        = BLAKE3(statement)
//! signature = Ed25519 by its author over `aimon/v1/statement` ‖ 0 ‖ workspace ‖ body
//! ```
//!
//! A genesis is signed with 32 zeroes in the place of the workspace, whose id is the genesis' own hash. Described in
//! `schema/statement.cddl`.

mod body;

use ed25519_dalek::VerifyingKey;
use minicbor::decode::Error as CborError;

use crate::cbor;
use crate::ids::{StatementId, WorkspaceId};
use crate::signature::{Purpose, SIGNATURE_BYTES};

pub use body::{Author, Body, Keys, Listing, Recipient, What, Wrapped};

/// The most bytes of a statement.
pub const MOST_BYTES: usize = 256 * 1024;

/// In the place of the workspace, where a genesis is signed.
pub const NO_WORKSPACE: WorkspaceId = WorkspaceId([0; 32]);

/// Why bytes are no statement of this workspace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// Longer than [`MOST_BYTES`].
    #[error("the statement has {0} bytes; the most is {MOST_BYTES}")]
    TooLarge(usize),
    /// Not a statement's CBOR.
    #[error("the statement is malformed: {0}")]
    Malformed(String),
    /// Not signed by the author that it names.
    #[error("the statement is not signed by its author")]
    Signature,
    /// It follows statements that are not held.
    #[error("the statement follows {} that are not held", .0.len())]
    Missing(Vec<StatementId>),
    /// Another workspace's genesis.
    #[error("the statement is another workspace's genesis")]
    Elsewhere,
}

impl From<CborError> for StatementError {
    fn from(error: CborError) -> Self {
        Self::Malformed(error.to_string())
    }
}

/// A statement as it travels, its body read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Statement {
    bytes: Vec<u8>,
    id: StatementId,
    body: Body,
    body_at: std::ops::Range<usize>,
    signature: [u8; SIGNATURE_BYTES],
}

impl Statement {
    /// Puts a statement together of what its author has signed.
    ///
    /// # Errors
    /// [`StatementError::TooLarge`].
    pub fn assemble(body: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> Result<Self, StatementError> {
        Self::parse(cbor::frame(&[body, signature]))
    }

    /// Reads a statement's frame and body. Whether it is signed is for [`Statement::verify`].
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, StatementError> {
        if bytes.len() > MOST_BYTES {
            return Err(StatementError::TooLarge(bytes.len()));
        }
        let [body_at, signature_at] = cbor::unframe(&bytes)?;
        let signature = bytes[signature_at]
            .try_into()
            .map_err(|_| StatementError::Malformed("a signature of another length".to_owned()))?;
        let body = Body::decode(&bytes[body_at.clone()])?;
        Ok(Self { id: StatementId::of(&bytes), body, body_at, signature, bytes })
    }

    /// Checks the signature, strictly.
    ///
    /// # Errors
    /// [`StatementError::Signature`].
    pub fn verify(&self, workspace: &WorkspaceId, key: &VerifyingKey) -> Result<(), StatementError> {
        if Purpose::Statement.is_signed(workspace, self.body_bytes(), &self.signature, key) {
            Ok(())
        } else {
            Err(StatementError::Signature)
        }
    }

    /// Its id.
    pub fn id(&self) -> StatementId {
        self.id
    }

    /// What it says.
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// The body as it stands in the statement: what is signed.
    pub fn body_bytes(&self) -> &[u8] {
        &self.bytes[self.body_at.clone()]
    }

    /// All of it, as it travels and rests.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests;
