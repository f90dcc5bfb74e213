//! What the two say to each other, under the invitation's secret.

use aimon_ledger::cbor;
use aimon_ledger::ids::{DeviceId, WorkspaceId};
use aimon_ledger::signature::{Purpose, SIGNATURE_BYTES};
use aimon_ledger::statement::Keys;
use aimon_ledger::time::UtcMillis;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use minicbor::Decoder;
use minicbor::decode::Error as CborError;
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use super::code::{fingerprint, first_half};
use super::{Code, CodeError, Digits, HOLDS_MS};
use crate::crypto::{Entropy, SecretKeys, can_receive, derived};

/// The longest name of a device or workspace, in bytes.
const LONGEST_NAME: usize = 200;

/// Why pairing goes no further.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PairingError {
    /// The ten minutes are over.
    #[error("the invitation has expired: run `aimon pair` again")]
    Expired,
    /// The invitation has been used.
    #[error(
        "the invitation has been used already; if that was not you, run `aimon device list` there, and `aimon pair` again"
    )]
    Spent,
    /// What came is not of this invitation, or was changed on its way.
    #[error("the answer is not the inviting device's: run `aimon pair` again, and check who has the code")]
    Stranger,
    /// The joiner's keys are none that anything can be encrypted for.
    #[error("the other device's keys are invalid: nothing can be encrypted for it, so it can't be taken in")]
    Keys,
    /// The code can't be read.
    #[error(transparent)]
    Code(#[from] CodeError),
}

/// What a device will bring into the workspace, to be shown before somebody agrees.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Brings {
    /// Records that it holds, copies included.
    pub records: u64,
    /// UTC days that they are of.
    pub days: u64,
}

/// What the joiner says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// Its id.
    pub device: DeviceId,
    /// Its keys.
    pub keys: Keys,
    /// Its name.
    pub name: String,
    /// What it will bring.
    pub brings: Brings,
}

/// What the inviter says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// Its name.
    pub name: String,
    /// The inviter.
    pub device: DeviceId,
    /// Its keys.
    pub keys: Keys,
    /// Fresh, and later than the joiner's keys.
    nonce: [u8; 16],
}

/// The inviting side.
#[derive(Debug)]
pub struct Inviter {
    pub(super) code: Code,
    pub(super) made: UtcMillis,
    pub(super) workspace: WorkspaceId,
    pub(super) name: String,
    pub(super) device: DeviceId,
    pub(super) spent: bool,
}

/// The joining side.
#[derive(Debug)]
pub struct Joiner {
    code: Code,
    request: Request,
}

impl Inviter {
    /// A new invitation.
    ///
    /// # Errors
    /// [`CodeError`] if the relay's address is none.
    pub fn new(
        relay: &str,
        (workspace, name): (WorkspaceId, &str),
        (device, keys): (DeviceId, &Keys),
        now: UtcMillis,
        entropy: Entropy,
    ) -> Result<Self, PairingError> {
        let mut stream = entropy.stream();
        let code = Code::new(relay, stream.bytes(), stream.bytes(), &workspace, keys)?;
        Ok(Self { code, made: now, workspace, name: shortened(name), device, spent: false })
    }

    /// What to show.
    pub fn code(&self) -> &Code {
        &self.code
    }

    /// Takes the joiner's post; returns what it says, the digits to show, and what to post back.
    ///
    /// # Errors
    /// [`PairingError::Expired`], [`PairingError::Spent`]; [`PairingError::Stranger`] for what was not made under the code's
    /// secret, [`PairingError::Keys`] for a device that could never read anything: these spend nothing.
    pub fn answer(
        &mut self,
        post: &[u8],
        now: UtcMillis,
        secret: &SecretKeys,
        entropy: Entropy,
    ) -> Result<(Request, Digits, Vec<u8>), PairingError> {
        let age = now.0.saturating_sub(self.made.0);
        if !(0..HOLDS_MS).contains(&age) {
            return Err(PairingError::Expired);
        }
        let request = Request::decode(&open(&self.code, REQUEST, post)?).map_err(|_| PairingError::Stranger)?;
        if self.spent {
            return Err(PairingError::Spent);
        }
        if !can_receive(&request.keys) {
            return Err(PairingError::Keys);
        }
        let mut stream = entropy.stream();
        let answer = Answer {
            workspace: self.workspace,
            name: self.name.clone(),
            device: self.device,
            keys: secret.public(),
            nonce: stream.bytes(),
        };
        let signature = secret.sign(Purpose::Pairing, &self.workspace, &answer.signed(&self.code, &request));
        let digits = digits(&self.code, &answer, &request);
        let posted = seal(&self.code, ANSWER, &answer.encode(&signature), stream.bytes());
        self.spent = true;
        Ok((request, digits, posted))
    }

    /// What to post in the answer's place when somebody has said no: the joiner need not wait.
    #[must_use]
    pub fn decline(&self, entropy: Entropy) -> Vec<u8> {
        decline(&self.code, entropy)
    }

    /// Whether what stands in the joiner's place says that the person there has said no: then nobody waits to be taken in.
    #[must_use]
    pub fn is_declined(&self, post: &[u8]) -> bool {
        open(&self.code, DECLINE, post).is_ok()
    }
}

impl Joiner {
    /// Reads a code; returns what to post besides.
    ///
    /// # Errors
    /// [`CodeError`].
    pub fn new(code: &str, request: Request, entropy: Entropy) -> Result<(Self, Vec<u8>), PairingError> {
        let code = Code::parse(code)?;
        let request = Request { name: shortened(&request.name), ..request };
        let post = seal(&code, REQUEST, &request.encode(), entropy.stream().bytes());
        Ok((Self { code, request }, post))
    }

    /// What the code says.
    pub fn code(&self) -> &Code {
        &self.code
    }

    /// Takes the inviter's answer; returns what it says, and the digits to show.
    ///
    /// # Errors
    /// [`PairingError::Stranger`] if it is not of the inviter that the code names.
    pub fn answered(&self, post: &[u8]) -> Result<(Answer, Digits), PairingError> {
        let opened = open(&self.code, ANSWER, post)?;
        let (answer, signature) = Answer::decode(&opened).map_err(|_| PairingError::Stranger)?;
        let is_named =
            fingerprint(&answer.keys) == self.code.inviter && first_half(&answer.workspace.0) == self.code.workspace;
        let key = ed25519_dalek::VerifyingKey::from_bytes(&answer.keys.signing).map_err(|_| PairingError::Stranger)?;
        let signed = answer.signed(&self.code, &self.request);
        if !is_named || !Purpose::Pairing.is_signed(&answer.workspace, &signed, &signature, &key) {
            return Err(PairingError::Stranger);
        }
        let digits = digits(&self.code, &answer, &self.request);
        Ok((answer, digits))
    }

    /// What to post in the place of the own post when somebody has said no: the inviter then takes nobody in.
    #[must_use]
    pub fn decline(&self, entropy: Entropy) -> Vec<u8> {
        decline(&self.code, entropy)
    }

    /// Whether what stands in the answer's place says that somebody has said no. It takes the secret to say so, and no more:
    /// whoever has it can spoil the invitation anyway.
    #[must_use]
    pub fn is_declined(&self, post: &[u8]) -> bool {
        open(&self.code, DECLINE, post).is_ok()
    }
}

impl Request {
    fn encode(&self) -> Vec<u8> {
        cbor::write(|e| {
            e.array(6)?.bytes(&self.device.0)?.bytes(&self.keys.signing)?.bytes(&self.keys.agreement)?;
            e.str(&self.name)?.u64(self.brings.records)?.u64(self.brings.days)?.ok()
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let mut d = Decoder::new(bytes);
        fields(&mut d, 6)?;
        Ok(Self {
            device: DeviceId(cbor::fixed(&mut d)?),
            keys: Keys { signing: cbor::fixed(&mut d)?, agreement: cbor::fixed(&mut d)? },
            name: name(&mut d)?,
            brings: Brings { records: d.u64()?, days: d.u64()? },
        })
    }
}

impl Answer {
    fn encode(&self, signature: &[u8; SIGNATURE_BYTES]) -> Vec<u8> {
        cbor::write(|e| {
            e.array(7)?.bytes(&self.workspace.0)?.str(&self.name)?.bytes(&self.device.0)?;
            e.bytes(&self.keys.signing)?.bytes(&self.keys.agreement)?.bytes(&self.nonce)?.bytes(signature)?.ok()
        })
    }

    fn decode(bytes: &[u8]) -> Result<(Self, [u8; SIGNATURE_BYTES]), CborError> {
        let mut d = Decoder::new(bytes);
        fields(&mut d, 7)?;
        let answer = Self {
            workspace: WorkspaceId(cbor::fixed(&mut d)?),
            name: name(&mut d)?,
            device: DeviceId(cbor::fixed(&mut d)?),
            keys: Keys { signing: cbor::fixed(&mut d)?, agreement: cbor::fixed(&mut d)? },
            nonce: cbor::fixed(&mut d)?,
        };
        Ok((answer, cbor::fixed(&mut d)?))
    }

    /// What the inviter signs: all that the digits are of but the secret.
    fn signed(&self, code: &Code, request: &Request) -> Vec<u8> {
        let own = [&self.device.0[..], &self.keys.signing, &self.keys.agreement, &self.nonce];
        let theirs = [&request.device.0[..], &request.keys.signing, &request.keys.agreement];
        [&code.invitation[..], &own.concat(), &theirs.concat()].concat()
    }
}

fn digits(code: &Code, answer: &Answer, request: &Request) -> Digits {
    let mut hasher = blake3::Hasher::new_derive_key("aimon/v1/pairing digits");
    hasher.update(code.secret.expose_secret()).update(&answer.workspace.0).update(&answer.signed(code, request));
    let mut eight = [0; 8];
    hasher.finalize_xof().fill(&mut eight);
    Digits((u64::from_le_bytes(eight) % 1_000_000) as u32)
}

const REQUEST: &str = "aimon/v1/pairing request";
const ANSWER: &str = "aimon/v1/pairing answer";
const DECLINE: &str = "aimon/v1/pairing decline";

fn decline(code: &Code, entropy: Entropy) -> Vec<u8> {
    seal(code, DECLINE, &cbor::write(|e| e.array(0)?.ok()), entropy.stream().bytes())
}

/// A nonce, then the ciphertext; the invitation is the associated data.
fn seal(code: &Code, info: &str, content: &[u8], nonce: [u8; 24]) -> Vec<u8> {
    let payload = Payload { msg: content, aad: &code.invitation };
    let sealed = cipher(code, info).encrypt(&XNonce::from(nonce), payload).unwrap_or_default();
    [&nonce[..], &sealed].concat()
}

fn open(code: &Code, info: &str, post: &[u8]) -> Result<Vec<u8>, PairingError> {
    let (nonce, sealed) = post.split_first_chunk::<24>().ok_or(PairingError::Stranger)?;
    let payload = Payload { msg: sealed, aad: &code.invitation };
    cipher(code, info).decrypt(&XNonce::from(*nonce), payload).map_err(|_| PairingError::Stranger)
}

fn cipher(code: &Code, info: &str) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new((&*Zeroizing::new(derived::<32>(code.secret.expose_secret(), info))).into())
}

fn fields(d: &mut Decoder<'_>, least: u64) -> Result<(), CborError> {
    // What a newer version adds stands behind.
    match d.array()? {
        Some(n) if n >= least => Ok(()),
        _ => Err(CborError::message("too few fields")),
    }
}

fn name(d: &mut Decoder<'_>) -> Result<String, CborError> {
    Ok(shortened(d.str()?))
}

/// A name as it may be shown: no control characters, no novel.
fn shortened(name: &str) -> String {
    let mut out: String = name.chars().filter(|c| !c.is_control()).collect();
    let mut end = out.len().min(LONGEST_NAME);
    while !out.is_char_boundary(end) {
        end -= 1;
    }
    out.truncate(end);
    out
}
