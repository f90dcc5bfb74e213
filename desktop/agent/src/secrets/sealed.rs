//! What lies in the files of a store that is under a passphrase.
//!
//! ```text
//! secrets/passphrase.lock   magic 8 · memory 4 · passes 4 · lanes 4 · salt 16 · key's id 8 · nonce 24 · sealed key 48 · state 1 · check 8
//! secrets/NAME              magic 8 · nonce 24 · sealed secret
//! ```
//!
//! The passphrase, stretched by Argon2id, seals one random key, and that key each secret: another passphrase is one file that
//! is replaced, and each secret costs its few bytes. Both are sealed by XChaCha20-Poly1305; what stands before a sealed text,
//! and a secret's name, are sealed with it, so that no file can stand in another's place. Numbers are little-endian. The state
//! says whether all secrets are sealed (1), or some may still lie there in clear, as the passphrase is being put on or taken off (0).
//! The check (of BLAKE3) tells a damaged lock from a wrong passphrase.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use zeroize::Zeroizing;

use super::Label;

const LOCK: &[u8; 8] = b"AIMONPW\x01";
const SECRET: &[u8; 8] = b"AIMONSK\x01";
const TAG: usize = 16;
/// What stands before the nonce.
const HEAD: usize = 8 + 12 + 16 + 8;
/// Where the state stands.
const STATE: usize = HEAD + 24 + 32 + TAG;
const WHOLE: usize = STATE + 1 + 8;

/// What stretching a passphrase costs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Costs {
    pub(super) memory_kib: u32,
    pub(super) passes: u32,
    pub(super) lanes: u32,
}

impl Costs {
    /// The second choice of RFC 9106, for machines that can't spare gigabytes.
    pub(super) const DEFAULT: Self = Self { memory_kib: 64 * 1024, passes: 3, lanes: 4 };

    /// More than anybody chooses: a file that says so is damaged, and would take the machine down.
    fn are_sane(self) -> bool {
        self.memory_kib <= 1 << 20 && self.passes <= 64 && self.lanes <= 64
    }
}

/// The key that seals the secrets of one folder.
pub struct DataKey {
    id: [u8; 8],
    key: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DataKey").finish_non_exhaustive()
    }
}

/// Why something can't be opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shut {
    /// By another passphrase.
    Wrong,
    /// It is not what was written.
    Damaged,
    /// A newer aimon wrote it.
    Newer,
}

/// A lock: the key of a folder's secrets, sealed by a passphrase.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Lock(Vec<u8>);

impl DataKey {
    /// One that is drawn.
    pub(super) fn new(id: [u8; 8], key: Zeroizing<[u8; 32]>) -> Self {
        Self { id, key }
    }

    pub(super) fn id(&self) -> [u8; 8] {
        self.id
    }

    /// Seals a secret.
    pub(super) fn seal(&self, label: &Label, secret: &[u8], nonce: [u8; 24]) -> Result<Vec<u8>, Shut> {
        let with = [SECRET, label.as_str().as_bytes()].concat();
        let sealed =
            cipher(&self.key).encrypt(&nonce.into(), Payload { msg: secret, aad: &with }).map_err(|_| Shut::Damaged)?;
        Ok([&SECRET[..], &nonce, &sealed].concat())
    }

    /// Opens one.
    pub(super) fn open(&self, label: &Label, bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, Shut> {
        match bytes.strip_prefix(SECRET) {
            Some(rest) => {
                let (nonce, sealed) = rest.split_first_chunk::<24>().ok_or(Shut::Damaged)?;
                let with = [SECRET, label.as_str().as_bytes()].concat();
                let opened = cipher(&self.key).decrypt(nonce.into(), Payload { msg: sealed, aad: &with });
                opened.map(Zeroizing::new).map_err(|_| Shut::Damaged)
            }
            None if is_sealed(bytes) => Err(Shut::Newer),
            None => Err(Shut::Damaged),
        }
    }
}

/// Whether a secret's file is sealed, by this version or a newer one. Else it holds the secret as it is.
pub(super) fn is_sealed(bytes: &[u8]) -> bool {
    bytes.starts_with(&SECRET[..7])
}

impl Lock {
    /// Seals a key.
    pub(super) fn new(
        key: &DataKey,
        passphrase: &[u8],
        costs: Costs,
        salt: [u8; 16],
        nonce: [u8; 24],
    ) -> Result<Self, Shut> {
        let mut bytes = LOCK.to_vec();
        for n in [costs.memory_kib, costs.passes, costs.lanes] {
            bytes.extend_from_slice(&n.to_le_bytes());
        }
        bytes.extend_from_slice(&salt);
        bytes.extend_from_slice(&key.id);
        let stretched = stretch(passphrase, &salt, costs)?;
        let sealed = cipher(&stretched)
            .encrypt(&nonce.into(), Payload { msg: &key.key[..], aad: &bytes })
            .map_err(|_| Shut::Damaged)?;
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&sealed);
        Ok(Self(bytes).with_all_sealed(false))
    }

    /// The same, which says whether all secrets are sealed.
    pub(super) fn with_all_sealed(mut self, are_sealed: bool) -> Self {
        self.0.truncate(STATE);
        self.0.push(u8::from(are_sealed));
        let check = check(&self.0);
        self.0.extend_from_slice(&check);
        self
    }

    /// Whether all secrets are sealed: one that lies there in clear was put there by somebody else.
    pub(super) fn are_all_sealed(&self) -> bool {
        self.0[STATE] != 0
    }

    /// Reads what lies in the file.
    pub(super) fn parse(bytes: Vec<u8>) -> Result<Self, Shut> {
        if !bytes.starts_with(LOCK) {
            return Err(if bytes.starts_with(&LOCK[..7]) { Shut::Newer } else { Shut::Damaged });
        }
        match bytes.len() == WHOLE && bytes[WHOLE - 8..] == check(&bytes[..WHOLE - 8]) {
            true => Ok(Self(bytes)),
            false => Err(Shut::Damaged),
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Which key it seals.
    pub(super) fn id(&self) -> [u8; 8] {
        self.at(36)
    }

    pub(super) fn costs(&self) -> Costs {
        let number = |at| u32::from_le_bytes(self.at(at));
        Costs { memory_kib: number(8), passes: number(12), lanes: number(16) }
    }

    fn at<const N: usize>(&self, from: usize) -> [u8; N] {
        let mut out = [0; N];
        out.copy_from_slice(&self.0[from..from + N]);
        out
    }

    /// The key, for who knows the passphrase.
    pub(super) fn open(&self, passphrase: &[u8]) -> Result<DataKey, Shut> {
        let stretched = stretch(passphrase, &self.at::<16>(20), self.costs())?;
        let nonce = self.at::<24>(HEAD);
        let payload = Payload { msg: &self.0[HEAD + 24..STATE], aad: &self.0[..HEAD] };
        let opened = cipher(&stretched).decrypt(&nonce.into(), payload).map(Zeroizing::new).map_err(|_| Shut::Wrong)?;
        let mut key = Zeroizing::new([0; 32]);
        key.copy_from_slice(opened.get(..32).ok_or(Shut::Damaged)?);
        Ok(DataKey { id: self.id(), key })
    }
}

fn check(bytes: &[u8]) -> [u8; 8] {
    let mut out = [0; 8];
    out.copy_from_slice(&blake3::hash(bytes).as_bytes()[..8]);
    out
}

fn cipher(key: &[u8; 32]) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.into())
}

fn stretch(passphrase: &[u8], salt: &[u8; 16], costs: Costs) -> Result<Zeroizing<[u8; 32]>, Shut> {
    if !costs.are_sane() {
        return Err(Shut::Damaged);
    }
    let params = Params::new(costs.memory_kib, costs.passes, costs.lanes, Some(32)).map_err(|_| Shut::Damaged)?;
    let mut memory = Zeroizing::new(vec![Block::new(); params.block_count()]);
    let mut out = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(passphrase, salt, &mut out[..], &mut memory[..])
        .map_err(|_| Shut::Damaged)?;
    Ok(out)
}
