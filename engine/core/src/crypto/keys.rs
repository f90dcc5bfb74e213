//! A device's own keys, and the phrase's: one signs, one unwraps.

use std::fmt;

use aimon_ledger::ids::WorkspaceId;
use aimon_ledger::signature::{Purpose, SIGNATURE_BYTES};
use aimon_ledger::statement::{Keys, Wrapped};
use ed25519_dalek::{Signer, SigningKey};
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256 as X25519;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use secrecy::{ExposeSecret, SecretBox};
use zeroize::Zeroizing;

use super::{CryptoError, Entropy, WorkspaceKey, derived};

/// The two secret keys of a device, or of the phrase: both follow from 32 bytes.
pub struct SecretKeys {
    seed: SecretBox<[u8; 32]>,
    signing: SigningKey,
    agreement: x25519_dalek::StaticSecret,
}

impl SecretKeys {
    /// The keys that follow from a seed.
    pub fn of_seed(seed: [u8; 32]) -> Self {
        let signing = Zeroizing::new(derived::<32>(&seed, "aimon/v1/signing"));
        let agreement = Zeroizing::new(derived::<32>(&seed, "aimon/v1/agreement"));
        Self {
            seed: SecretBox::new(Box::new(seed)),
            signing: SigningKey::from_bytes(&signing),
            agreement: x25519_dalek::StaticSecret::from(*agreement),
        }
    }

    /// New keys.
    pub fn new(entropy: Entropy) -> Self {
        Self::of_seed(entropy.stream().bytes())
    }

    /// What to keep in the secret store, and nowhere else.
    pub fn seed(&self) -> &[u8; 32] {
        self.seed.expose_secret()
    }

    /// What everybody may know.
    pub fn public(&self) -> Keys {
        Keys {
            signing: self.signing.verifying_key().to_bytes(),
            agreement: x25519_dalek::PublicKey::from(&self.agreement).to_bytes(),
        }
    }

    /// Signs, for one purpose in one workspace.
    pub fn sign(&self, purpose: Purpose, workspace: &WorkspaceId, bytes: &[u8]) -> [u8; SIGNATURE_BYTES] {
        self.signing.sign(&purpose.message(workspace, bytes)).to_bytes()
    }

    /// Unwraps a workspace key that [`wrap_for`] has wrapped for these keys.
    pub(super) fn unwrap(
        &self,
        workspace: &WorkspaceId,
        check: &[u8; 8],
        wrapped: &Wrapped,
    ) -> Result<WorkspaceKey, CryptoError> {
        let (encapsulated, sealed) = wrapped.0.split_at(32);
        let encapsulated = <X25519 as Kem>::EncappedKey::from_bytes(encapsulated).map_err(|_| CryptoError::Sealed)?;
        let secret =
            <X25519 as Kem>::PrivateKey::from_bytes(self.agreement.as_bytes()).map_err(|_| CryptoError::Sealed)?;
        let opened = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519>(
            &OpModeR::Base,
            &secret,
            &encapsulated,
            &info(workspace),
            sealed,
            check,
        );
        let opened = Zeroizing::new(opened.map_err(|_| CryptoError::Sealed)?);
        let key = WorkspaceKey::of(opened.as_slice().try_into().map_err(|_| CryptoError::Sealed)?);
        if key.check() == *check { Ok(key) } else { Err(CryptoError::Sealed) }
    }
}

/// Whether anything can be wrapped for these keys: with a point of small order everybody shares the same secret (RFC 9180, §7.1.4).
pub fn can_receive(keys: &Keys) -> bool {
    // Whichever secret is tried: each is a multiple of the cofactor.
    let any = x25519_dalek::StaticSecret::from([1; 32]);
    any.diffie_hellman(&x25519_dalek::PublicKey::from(keys.agreement)).was_contributory()
}

/// Wraps a workspace key for whoever has the secret part of `recipient`.
pub(super) fn wrap_for(
    workspace: &WorkspaceId,
    recipient: &Keys,
    key: &WorkspaceKey,
    entropy: Entropy,
) -> Result<Wrapped, CryptoError> {
    let public = <X25519 as Kem>::PublicKey::from_bytes(&recipient.agreement).map_err(|_| CryptoError::Recipient)?;
    let (encapsulated, sealed) = hpke::single_shot_seal::<ChaCha20Poly1305, HkdfSha256, X25519, _>(
        &OpModeS::Base,
        &public,
        &info(workspace),
        key.expose(),
        &key.check(),
        &mut entropy.stream(),
    )
    .map_err(|_| CryptoError::Recipient)?;
    let bytes = [&encapsulated.to_bytes()[..], &sealed].concat();
    Ok(Wrapped(bytes.try_into().map_err(|_| CryptoError::TooLarge)?))
}

/// A key that is wrapped in one workspace says nothing in another.
fn info(workspace: &WorkspaceId) -> Vec<u8> {
    [b"aimon/v1/wrap\0".as_slice(), &workspace.0].concat()
}

impl fmt::Debug for SecretKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKeys({:?})", self.public())
    }
}
