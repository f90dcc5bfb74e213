//! The workspace key, and what is encrypted under it.

use std::fmt;

use aimon_ledger::chunk::{Chunk, Header, signed_part};
use aimon_ledger::ids::{KeyId, WorkspaceId};
use aimon_ledger::signature::Purpose;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use secrecy::{ExposeSecret, SecretBox};
use zeroize::Zeroizing;

use super::{CryptoError, Entropy, SecretKeys, derived};

/// The bytes of a nonce.
const NONCE: usize = 24;

/// A key that a rotate has brought.
pub struct WorkspaceKey(SecretBox<[u8; 32]>);

impl WorkspaceKey {
    /// A new key.
    pub fn new(entropy: Entropy) -> Self {
        Self::of(entropy.stream().bytes())
    }

    pub(super) fn of(bytes: [u8; 32]) -> Self {
        Self(SecretBox::new(Box::new(bytes)))
    }

    pub(super) fn expose(&self) -> &[u8; 32] {
        self.0.expose_secret()
    }

    /// Tells it from another key, and nothing about either.
    pub fn check(&self) -> [u8; 8] {
        derived(self.expose(), "aimon/v1/check")
    }

    fn cipher(&self, info: &str) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*Zeroizing::new(derived::<32>(self.expose(), info))).into())
    }

    /// Encrypts and signs a chunk. The header brings a fresh nonce.
    ///
    /// # Errors
    /// [`CryptoError::TooLarge`].
    pub fn seal_chunk(
        &self,
        workspace: &WorkspaceId,
        header: &Header,
        content: &[u8],
        author: &SecretKeys,
    ) -> Result<Chunk, CryptoError> {
        let encoded = header.encode();
        let payload = Payload { msg: content, aad: &encoded };
        let sealed = self.cipher("aimon/v1/chunk").encrypt(&XNonce::from(header.nonce), payload);
        let sealed = sealed.map_err(|_| CryptoError::TooLarge)?;
        let signature = author.sign(Purpose::Chunk, workspace, &signed_part(&encoded, &sealed));
        Chunk::assemble(&encoded, &sealed, &signature).map_err(|_| CryptoError::TooLarge)
    }

    /// Decrypts a chunk whose signature was checked.
    ///
    /// # Errors
    /// [`CryptoError::Sealed`].
    pub fn open_chunk(&self, chunk: &Chunk) -> Result<Vec<u8>, CryptoError> {
        let payload = Payload { msg: chunk.ciphertext(), aad: chunk.header_bytes() };
        let nonce = XNonce::from(chunk.header().nonce);
        self.cipher("aimon/v1/chunk").decrypt(&nonce, payload).map_err(|_| CryptoError::Sealed)
    }

    /// Encrypts a small thing beside the chunks: a nonce, then the ciphertext. `info` says what it is.
    pub(crate) fn seal(&self, info: &str, content: &[u8], entropy: Entropy) -> Result<Vec<u8>, CryptoError> {
        let nonce: [u8; NONCE] = entropy.stream().bytes();
        let sealed = self.cipher(info).encrypt(&XNonce::from(nonce), content);
        Ok([&nonce[..], &sealed.map_err(|_| CryptoError::TooLarge)?].concat())
    }

    pub(crate) fn open(&self, info: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>().ok_or(CryptoError::Sealed)?;
        let opened = self.cipher(info).decrypt(&XNonce::from(*nonce), sealed);
        opened.map(Zeroizing::new).map_err(|_| CryptoError::Sealed)
    }

    /// Encrypts older keys: who has this one has them too.
    pub(super) fn seal_keys<'k>(
        &self,
        older: impl IntoIterator<Item = (&'k KeyId, &'k Self)>,
        entropy: Entropy,
    ) -> Result<Vec<u8>, CryptoError> {
        let mut all = Zeroizing::new(Vec::new());
        for (id, key) in older {
            all.extend_from_slice(&id.0);
            all.extend_from_slice(key.expose());
        }
        self.seal(KEYS, &all, entropy)
    }

    pub(super) fn open_keys(&self, sealed: &[u8]) -> Result<Vec<(KeyId, Self)>, CryptoError> {
        let opened = self.open(KEYS, sealed)?;
        let (keys, rest) = opened.as_chunks::<40>();
        if !rest.is_empty() {
            return Err(CryptoError::Sealed);
        }
        let one = |bytes: &[u8; 40]| {
            let (mut id, mut key) = ([0; 8], [0; 32]);
            id.copy_from_slice(&bytes[..8]);
            key.copy_from_slice(&bytes[8..]);
            (KeyId(id), Self::of(key))
        };
        Ok(keys.iter().map(one).collect())
    }
}

const KEYS: &str = "aimon/v1/keys";

impl Clone for WorkspaceKey {
    fn clone(&self) -> Self {
        Self::of(*self.expose())
    }
}

impl fmt::Debug for WorkspaceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WorkspaceKey(…)")
    }
}
