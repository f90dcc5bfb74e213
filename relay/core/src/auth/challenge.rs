//! Challenges: `[origin, device, nonce, expires at]`, signed by the device, used once within a minute.
//!
//! The relay knows its own challenges again by their nonces, half of which is keyed: as long as none is answered nothing is kept.
//! Answered ones are remembered until they expire; only members can have any.

use std::collections::BTreeSet;

use aimon_ledger::cbor;
use aimon_ledger::frame::Code;
use aimon_ledger::ids::{DeviceId, WorkspaceId};
use aimon_ledger::signature::{Purpose, SIGNATURE_BYTES};
use aimon_ledger::time::UtcMillis;
use minicbor::Decoder;
use zeroize::Zeroizing;

use super::{Who, refusal};
use crate::check::View;
use crate::relay::Refusal;

/// How long a challenge holds, in milliseconds.
pub const CHALLENGE_MS: i64 = 60_000;

/// How many answered challenges are remembered. Who comes when so many were answered within a minute is told to wait.
const MOST_SPENT: usize = 65_536;

/// The challenges of one relay, from one start to the next.
pub struct Challenges {
    secret: Zeroizing<[u8; 32]>,
    spent: BTreeSet<(UtcMillis, [u8; 16])>,
}

impl Challenges {
    /// `secret` is 32 random bytes that nobody else knows.
    pub fn new(secret: Zeroizing<[u8; 32]>) -> Self {
        Self { secret, spent: BTreeSet::new() }
    }

    /// A challenge for whoever says to be `who` and has come by this origin.
    pub fn make(&self, who: &Who, origin: &str, random: [u8; 8], now: UtcMillis) -> Vec<u8> {
        let expires = UtcMillis(now.0 + CHALLENGE_MS);
        encode(origin, &who.device, &self.nonce(who, origin, random, expires), expires)
    }

    /// Takes an answer, once. `view` is what the workspace's statements come to. Gives the origin by which the device came.
    ///
    /// # Errors
    /// `bad-challenge`, `challenge-spent`, `not-a-member`, `signature`, `rate`.
    pub fn answer(
        &mut self,
        who: &Who,
        challenge: &[u8],
        signature: &[u8; SIGNATURE_BYTES],
        view: &View,
        now: UtcMillis,
    ) -> Result<String, Refusal> {
        let bad = || refusal("bad-challenge", "the challenge is not this relay's, or has expired: ask for another");
        let (origin, device, nonce, expires) = decode(challenge).ok_or_else(bad)?;
        let mut random = [0; 8];
        random.copy_from_slice(&nonce[..8]);
        let own = self.nonce(who, &origin, random, expires);
        // Hashes compare in constant time.
        if device != who.device || blake3::hash(&own) != blake3::hash(&nonce) || expires <= now {
            return Err(bad());
        }
        if self.spent.contains(&(expires, nonce)) {
            return Err(refusal("challenge-spent", "the challenge was answered before: ask for another"));
        }
        if !view.is_member(&who.device) {
            return Err(Refusal::new(Code::NotAMember, crate::relay::NOT_A_MEMBER));
        }
        let mut keys = view.keys(&who.device).iter();
        if !keys.any(|key| Purpose::Challenge.is_signed(&who.workspace, challenge, signature, key)) {
            return Err(Refusal::new(Code::Signature, "the challenge is not signed by the device's key"));
        }
        while self.spent.first().is_some_and(|(expires, _)| *expires <= now) {
            self.spent.pop_first();
        }
        if self.spent.len() >= MOST_SPENT {
            return Err(Refusal::new(Code::Rate, "too many devices come at once: try again in a minute"));
        }
        self.spent.insert((expires, nonce));
        Ok(origin)
    }

    fn nonce(&self, who: &Who, origin: &str, random: [u8; 8], expires: UtcMillis) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new_keyed(&self.secret);
        hasher.update(&who.workspace.0).update(&who.device.0).update(&random).update(&expires.0.to_le_bytes());
        hasher.update(origin.as_bytes());
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&random);
        nonce[8..].copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        nonce
    }
}

fn encode(origin: &str, device: &DeviceId, nonce: &[u8; 16], expires: UtcMillis) -> Vec<u8> {
    cbor::write(|e| e.array(4)?.str(origin)?.bytes(&device.0)?.bytes(nonce)?.i64(expires.0)?.ok())
}

fn decode(bytes: &[u8]) -> Option<(String, DeviceId, [u8; 16], UtcMillis)> {
    let mut d = Decoder::new(bytes);
    if d.array().ok()? != Some(4) {
        return None;
    }
    let origin = d.str().ok()?.to_owned();
    let (device, nonce) = (DeviceId(cbor::fixed(&mut d).ok()?), cbor::fixed(&mut d).ok()?);
    let expires = UtcMillis(d.i64().ok()?);
    // One spelling: what is signed is what was made.
    (encode(&origin, &device, &nonce, expires) == bytes).then_some((origin, device, nonce, expires))
}

/// Which workspace a challenge was asked for, and by whom: the bodies of two requests begin alike.
pub(crate) fn who(d: &mut Decoder<'_>) -> Result<Who, minicbor::decode::Error> {
    Ok(Who { workspace: WorkspaceId(cbor::fixed(d)?), device: DeviceId(cbor::fixed(d)?) })
}
