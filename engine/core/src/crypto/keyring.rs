//! The keys that a device gathers from statements, and the statements that carry keys.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use aimon_ledger::chunk::Chunk;
use aimon_ledger::ids::{DeviceId, KeyId, WorkspaceId};
use aimon_ledger::membership::{Membership, Standing, key_of};
use aimon_ledger::signature::Purpose;
use aimon_ledger::statement::{Author, Body, Keys, NO_WORKSPACE, Recipient, Statement, StatementError, What};

use super::keys::{can_receive, wrap_for};
use super::{CryptoError, Entropy, SecretKeys, WorkspaceKey};

/// Workspace keys, by the rotates that brought them.
#[derive(Clone, Default, Debug)]
pub struct Keyring {
    keys: BTreeMap<KeyId, WorkspaceKey>,
    /// Which keys each one seals: not all that its rotate follows, if whoever made it lacked one.
    seals: BTreeMap<KeyId, BTreeSet<KeyId>>,
}

impl Keyring {
    /// All keys that the statements hold for whoever has `secret`: those wrapped for it, and those that these seal.
    ///
    /// What can't be unwrapped is left out: a key never decides whether a chunk counts, only who can read it.
    pub fn gather(membership: &Membership, me: Recipient, secret: &SecretKeys) -> Self {
        let workspace = membership.workspace();
        let rotates: BTreeMap<KeyId, (&[u8; 8], &[u8])> = membership
            .statements()
            .filter_map(|statement| match &statement.body().what {
                What::Rotate { check, sealed, .. } => Some((key_of(&statement.id()), (check, &sealed[..]))),
                _ => None,
            })
            .collect();
        let mut ring = Self::default();
        for statement in membership.statements() {
            let wrapped: Vec<(KeyId, _)> = match &statement.body().what {
                What::Rotate { wrapped, .. } => {
                    let mine = wrapped.iter().filter(|(recipient, _)| *recipient == me);
                    mine.map(|(_, wrapped)| (key_of(&statement.id()), wrapped)).collect()
                }
                What::Admit { device, wrapped, .. } if Recipient::Device(*device) == me => {
                    wrapped.iter().map(|(key, wrapped)| (*key, wrapped)).collect()
                }
                What::Wrap { key, device, wrapped } if Recipient::Device(*device) == me => vec![(*key, wrapped)],
                _ => vec![],
            };
            for (id, wrapped) in wrapped {
                if let Some((check, _)) = rotates.get(&id)
                    && let Ok(key) = secret.unwrap(&workspace, check, wrapped)
                {
                    ring.keys.insert(id, key);
                }
            }
        }
        // A key that was sealed may itself seal others.
        let mut fresh: Vec<KeyId> = ring.keys.keys().copied().collect();
        while let Some(id) = fresh.pop() {
            let (Some(key), Some((_, sealed))) = (ring.keys.get(&id), rotates.get(&id)) else { continue };
            for (older, key) in key.open_keys(sealed).unwrap_or_default() {
                // Whoever sealed it may have sealed another: its check value says so.
                let is_right = rotates.get(&older).is_some_and(|(check, _)| key.check() == **check);
                if !is_right {
                    continue;
                }
                ring.seals.entry(id).or_default().insert(older);
                if let Entry::Vacant(vacant) = ring.keys.entry(older) {
                    vacant.insert(key);
                    fresh.push(older);
                }
            }
        }
        ring
    }

    /// A key.
    pub fn get(&self, id: &KeyId) -> Option<&WorkspaceKey> {
        self.keys.get(id)
    }

    /// How many keys.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The key that new chunks are written under, as far as it is held.
    pub fn current(&self, standing: &Standing) -> Option<(KeyId, &WorkspaceKey)> {
        let id = key_of(&standing.rotate?);
        self.get(&id).map(|key| (id, key))
    }

    /// The held keys that somebody lacks who was given these.
    pub fn beyond(&self, given: &BTreeSet<KeyId>) -> Vec<KeyId> {
        let mut has = given.clone();
        let mut open: Vec<KeyId> = given.iter().copied().collect();
        while let Some(id) = open.pop() {
            open.extend(self.seals.get(&id).into_iter().flatten().filter(|older| has.insert(**older)));
        }
        self.keys.keys().filter(|id| !has.contains(id)).copied().collect()
    }

    /// Decrypts a chunk whose signature was checked.
    ///
    /// # Errors
    /// [`CryptoError::NoKey`] as long as its key is not held, [`CryptoError::Sealed`].
    pub fn open(&self, chunk: &Chunk) -> Result<Vec<u8>, CryptoError> {
        self.get(&chunk.header().key).ok_or(CryptoError::NoKey)?.open_chunk(chunk)
    }
}

/// Signs a statement.
///
/// # Errors
/// [`StatementError::TooLarge`].
pub fn statement(workspace: &WorkspaceId, body: &Body, secret: &SecretKeys) -> Result<Statement, StatementError> {
    let bytes = body.encode()?;
    Statement::assemble(&bytes, &secret.sign(Purpose::Statement, workspace, &bytes))
}

/// The genesis of the phrase's workspace: the same whenever it is made.
///
/// # Errors
/// None that can happen.
pub fn genesis(phrase: &SecretKeys) -> Result<Statement, StatementError> {
    let body = Body { follows: vec![], author: Author::Phrase, what: What::Genesis(phrase.public()) };
    statement(&NO_WORKSPACE, &body, phrase)
}

/// What an admit says: the device's keys, and for it the key of every rotate that no later one seals. What is not held here, others
/// give it later: one rotate of a device that has been revoked since must not lock everybody else out.
///
/// # Errors
/// [`CryptoError::NoKey`] if the newest of these is not held, [`CryptoError::Recipient`] if nothing can be wrapped for the device.
pub fn admit(
    membership: &Membership,
    ring: &Keyring,
    device: DeviceId,
    keys: Keys,
    mut entropy: impl FnMut() -> Entropy,
) -> Result<What, CryptoError> {
    if !can_receive(&keys) {
        return Err(CryptoError::Recipient);
    }
    let workspace = membership.workspace();
    let mut wrapped = Vec::new();
    let standing = membership.standing();
    if standing.rotate.is_some() && ring.current(&standing).is_none() {
        return Err(CryptoError::NoKey);
    }
    for rotate in standing.unsealed {
        let id = key_of(&rotate);
        let Some(key) = ring.get(&id) else { continue };
        wrapped.push((id, wrap_for(&workspace, &keys, key, entropy())?));
    }
    wrapped.sort_by_key(|(id, _)| *id);
    Ok(What::Admit { device, keys, wrapped })
}

/// What a rotate says: a new key for each member and the phrase, and under it the keys of all rotates that it follows.
///
/// A member for whom nothing can be wrapped goes without: it must not keep the others from a new key.
///
/// # Errors
/// [`CryptoError::Recipient`] if nothing can be wrapped for the phrase.
pub fn rotate(
    membership: &Membership,
    ring: &Keyring,
    mut entropy: impl FnMut() -> Entropy,
) -> Result<What, CryptoError> {
    let workspace = membership.workspace();
    let key = WorkspaceKey::new(entropy());
    let mut wrapped = vec![(Recipient::Phrase, wrap_for(&workspace, membership.phrase(), &key, entropy())?)];
    for (device, keys) in membership.standing().members {
        // One who was admitted under several keys has one of them.
        if let Some(keys) = keys.iter().find(|keys| can_receive(keys)) {
            wrapped.push((Recipient::Device(device), wrap_for(&workspace, keys, &key, entropy())?));
        }
    }
    Ok(What::Rotate { check: key.check(), wrapped, sealed: key.seal_keys(&ring.keys, entropy())? })
}

/// What gives one rotate's key to a member that it missed.
///
/// # Errors
/// [`CryptoError::NoKey`], [`CryptoError::Recipient`].
pub fn wrap(
    membership: &Membership,
    ring: &Keyring,
    id: KeyId,
    device: DeviceId,
    keys: &Keys,
    entropy: Entropy,
) -> Result<What, CryptoError> {
    let key = ring.get(&id).ok_or(CryptoError::NoKey)?;
    Ok(What::Wrap { key: id, device, wrapped: wrap_for(&membership.workspace(), keys, key, entropy)? })
}
