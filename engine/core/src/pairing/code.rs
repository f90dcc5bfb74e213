//! The code that is shown once, as a line of text and as a QR code.

use std::fmt;

use aimon_ledger::cbor;
use aimon_ledger::ids::WorkspaceId;
use aimon_ledger::statement::Keys;
use bech32::Bech32m;
use bech32::primitives::decode::CheckedHrpstring;
use minicbor::Decoder;
use secrecy::{ExposeSecret, SecretBox};
use zeroize::Zeroizing;

/// What every code begins with.
const PREFIX: bech32::Hrp = bech32::Hrp::parse_unchecked("aimon");

/// The version of the code.
const VERSION: u8 = 1;

/// The longest address of a relay.
const LONGEST: usize = 200;

/// Why a text is no code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// Not a code at all.
    #[error("this is no pairing code: copy all of the line that `aimon pair` prints, from `aimon1` on")]
    NoCode,
    /// Its checksum does not match.
    #[error("a character of the pairing code is wrong or missing: copy it again")]
    Typo,
    /// One that a newer version has made.
    #[error("the pairing code is of a newer aimon: update this one")]
    Newer,
}

/// An invitation, as it is handed over.
pub struct Code {
    /// Where the relay is: `https://…`, `file:///…`.
    pub relay: String,
    /// Which invitation.
    pub invitation: [u8; 16],
    /// Who has it can read and write what the two say to each other.
    pub(super) secret: SecretBox<[u8; 32]>,
    /// The first bytes of the workspace's id.
    pub workspace: [u8; 16],
    /// The first bytes of BLAKE3 of the inviter's keys.
    pub inviter: [u8; 16],
}

impl Code {
    /// An invitation's code.
    ///
    /// # Errors
    /// [`CodeError::NoCode`] if the relay's address is too long to be one.
    pub fn new(
        relay: &str,
        invitation: [u8; 16],
        secret: [u8; 32],
        workspace: &WorkspaceId,
        inviter: &Keys,
    ) -> Result<Self, CodeError> {
        if relay.len() > LONGEST {
            return Err(CodeError::NoCode);
        }
        Ok(Self {
            relay: relay.to_owned(),
            invitation,
            secret: SecretBox::new(Box::new(secret)),
            workspace: first_half(&workspace.0),
            inviter: fingerprint(inviter),
        })
    }

    /// The line. Upper case is the same code, and makes a smaller QR code.
    pub fn text(&self) -> Zeroizing<String> {
        let bytes = Zeroizing::new(cbor::write(|e| {
            e.array(6)?.u8(VERSION)?.str(&self.relay)?.bytes(&self.invitation)?;
            e.bytes(self.secret.expose_secret())?.bytes(&self.workspace)?.bytes(&self.inviter)?.ok()
        }));
        Zeroizing::new(bech32::encode::<Bech32m>(PREFIX, &bytes).unwrap_or_default())
    }

    /// Reads the line, in any case, with white space anywhere: people copy it from where it was wrapped.
    ///
    /// # Errors
    /// What to do about it.
    pub fn parse(text: &str) -> Result<Self, CodeError> {
        let text: Zeroizing<String> =
            Zeroizing::new(text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_lowercase()).collect());
        if !text.starts_with("aimon1") {
            return Err(CodeError::NoCode);
        }
        let checked = CheckedHrpstring::new::<Bech32m>(&text).map_err(|_| CodeError::Typo)?;
        let bytes: Zeroizing<Vec<u8>> = Zeroizing::new(checked.byte_iter().collect());
        let mut d = Decoder::new(&bytes);
        let fields = d.array().map_err(|_| CodeError::NoCode)?;
        match (d.u8(), fields) {
            (Ok(VERSION), Some(6)) => {}
            (Ok(_), _) => return Err(CodeError::Newer),
            (Err(_), _) => return Err(CodeError::NoCode),
        }
        Self::read(&mut d).map_err(|_| CodeError::NoCode)
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, minicbor::decode::Error> {
        let relay = d.str()?;
        if relay.len() > LONGEST || relay.chars().any(char::is_control) {
            return Err(minicbor::decode::Error::message("no address"));
        }
        Ok(Self {
            relay: relay.to_owned(),
            invitation: cbor::fixed(d)?,
            secret: SecretBox::new(Box::new(cbor::fixed(d)?)),
            workspace: cbor::fixed(d)?,
            inviter: cbor::fixed(d)?,
        })
    }
}

pub(super) fn first_half(id: &[u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&id[..16]);
    half
}

/// By which the code names the inviter.
pub(super) fn fingerprint(keys: &Keys) -> [u8; 16] {
    first_half(blake3::hash(&[keys.signing, keys.agreement].concat()).as_bytes())
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Code").field("relay", &self.relay).finish_non_exhaustive()
    }
}
