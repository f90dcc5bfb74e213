//! Tokens: JWTs (RFC 7519, RFC 8725) under the relay's own Ed25519 key.
//!
//! The library is given one algorithm and has no other, so that no header can choose one: see `PROVIDER`. It is not asked for the
//! time either.

use aimon_ledger::ids::{DeviceId, WorkspaceId, unhex};
use aimon_ledger::time::UtcMillis;
use ed25519_dalek::ed25519::signature::Error as SignatureError;
use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind, Result as JwtResult};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Who, refusal};
use crate::relay::Refusal;

/// How long a token holds, in milliseconds.
pub const TOKEN_MS: i64 = 15 * 60_000;

/// By how much the relay's own clock may have been set back since it made a token, in seconds.
const LEEWAY_S: i64 = 5;

/// A relay's tokens.
pub struct Tokens {
    signing: EncodingKey,
    verifying: DecodingKey,
    kid: String,
    origins: Vec<String>,
    validation: Validation,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    ws: String,
    iat: i64,
    nbf: i64,
    exp: i64,
}

impl Tokens {
    /// `seed` is the relay's secret key; `origins` are the addresses under which it is known.
    pub fn new(seed: &Zeroizing<[u8; 32]>, origins: Vec<String>) -> Self {
        // Whoever comes second finds this one: there is no other in the tree.
        let _ = PROVIDER.install_default();
        let public = SigningKey::from_bytes(seed).verifying_key().to_bytes();
        let id = blake3::hash(&public);
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.required_spec_claims.clear();
        // The time comes in as an argument.
        validation.validate_exp = false;
        validation.set_audience(&origins);
        validation.set_issuer(&origins);
        Self {
            signing: EncodingKey::from_ed_der(seed.as_ref()),
            verifying: DecodingKey::from_ed_der(&public),
            kid: id.to_hex()[..16].to_owned(),
            origins,
            validation,
        }
    }

    /// The addresses under which the relay is known.
    pub fn origins(&self) -> &[String] {
        &self.origins
    }

    /// Makes a token for a device that has answered a challenge of this origin. Gives it and when it expires.
    ///
    /// # Errors
    /// `unavailable`, which does not happen.
    pub fn make(&self, who: &Who, origin: &str, now: UtcMillis) -> Result<(String, UtcMillis), Refusal> {
        let iat = now.0.div_euclid(1000);
        let exp = iat + TOKEN_MS / 1000;
        let (iss, aud) = (origin.to_owned(), origin.to_owned());
        let claims =
            Claims { iss, aud, sub: who.device.to_string(), ws: who.workspace.to_string(), iat, nbf: iat, exp };
        let header = Header { kid: Some(self.kid.clone()), ..Header::new(Algorithm::EdDSA) };
        match encode(&header, &claims, &self.signing) {
            Ok(token) => Ok((token, UtcMillis(exp * 1000))),
            Err(_) => Err(Refusal::new(aimon_ledger::frame::Code::Unavailable, "the relay could not make a token")),
        }
    }

    /// Who shows this token. Whether that is a member is asked with each request.
    ///
    /// # Errors
    /// `token-algorithm`, `token-key`, `token-signature`, `token-issuer`, `token-audience`, `token-expired`,
    /// `token-early`, `token-malformed`.
    pub fn verify(&self, token: &str, now: UtcMillis) -> Result<Who, Refusal> {
        let malformed = || refusal("token-malformed", "that is no token of a relay: answer its challenge for one");
        let header = decode_header(token).map_err(|_| malformed())?;
        if header.alg != Algorithm::EdDSA {
            return Err(refusal("token-algorithm", "this relay's tokens are signed with EdDSA"));
        }
        if header.kid.as_ref() != Some(&self.kid) {
            return Err(refusal("token-key", "the token is of another key than this relay's: ask for another"));
        }
        let claims = match decode::<Claims>(token, &self.verifying, &self.validation) {
            Ok(data) => data.claims,
            Err(error) => {
                return Err(match error.kind() {
                    ErrorKind::InvalidSignature => refusal("token-signature", "the token is not signed by this relay"),
                    ErrorKind::InvalidIssuer => refusal("token-issuer", "the token is another relay's"),
                    ErrorKind::InvalidAudience => refusal("token-audience", "the token is for another relay"),
                    _ => malformed(),
                });
            }
        };
        let now = now.0.div_euclid(1000);
        if claims.exp <= now {
            return Err(refusal("token-expired", "the token has expired: answer another challenge"));
        }
        if claims.nbf > now + LEEWAY_S || claims.iat > now + LEEWAY_S {
            return Err(refusal("token-early", "the token is not valid yet"));
        }
        if claims.exp.saturating_sub(claims.iat) > TOKEN_MS / 1000 {
            return Err(malformed());
        }
        let device = DeviceId::parse(&claims.sub).filter(|device| device.to_string() == claims.sub);
        let workspace = unhex(&claims.ws).map(WorkspaceId);
        Ok(Who { workspace: workspace.ok_or_else(malformed)?, device: device.ok_or_else(malformed)? })
    }
}

/// Ed25519, strictly verified, and nothing else.
static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| {
        if *algorithm != Algorithm::EdDSA {
            return Err(ErrorKind::InvalidAlgorithm.into());
        }
        Ok(Box::new(Ed25519Signer(SigningKey::from_bytes(&fixed(key.as_bytes())?))))
    },
    verifier_factory: |algorithm, key| {
        if *algorithm != Algorithm::EdDSA {
            return Err(ErrorKind::InvalidAlgorithm.into());
        }
        let key = VerifyingKey::from_bytes(&fixed(key.try_get_as_bytes()?)?);
        Ok(Box::new(Ed25519Verifier(key.map_err(|_| Error::from(ErrorKind::InvalidEddsaKey))?)))
    },
    key_utils: KeyUtils::new_unimplemented(),
};

fn fixed(bytes: &[u8]) -> JwtResult<[u8; 32]> {
    bytes.try_into().map_err(|_| ErrorKind::InvalidEddsaKey.into())
}

struct Ed25519Signer(SigningKey);

impl Signer<Vec<u8>> for Ed25519Signer {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, SignatureError> {
        Ok(self.0.try_sign(message)?.to_vec())
    }
}

impl JwtSigner for Ed25519Signer {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

struct Ed25519Verifier(VerifyingKey);

impl Verifier<Vec<u8>> for Ed25519Verifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), SignatureError> {
        self.0.verify_strict(message, &Signature::from_slice(signature)?)
    }
}

impl JwtVerifier for Ed25519Verifier {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}
