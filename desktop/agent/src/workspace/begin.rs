//! The first statements of a workspace, signed by its phrase.

use aimon_core::crypto::{self, Keyring, SecretKeys};
use aimon_core::ids::DeviceId;
use aimon_core::retention::Retention;
use aimon_core::sync::SyncError;
use aimon_ledger::membership::Membership;
use aimon_ledger::statement::{Author, Body, Keys, Recipient, Statement, What};

use super::entropy;
use crate::error::Result;

/// Genesis, the first device, the first key; and how many days are kept, where that is not what every workspace begins with.
///
/// # Errors
/// The operating system has no random bytes.
pub fn begin(phrase: &SecretKeys, device: DeviceId, keys: Keys, days: u32) -> Result<Vec<Statement>> {
    let genesis = crypto::genesis(phrase).map_err(SyncError::from)?;
    let mut set = Membership::begin(genesis).map_err(SyncError::from)?;
    admit(&mut set, phrase, device, keys)?;
    rotate(&mut set, phrase)?;
    let kept = Retention::of(u64::from(days)).filter(|kept| *kept != Retention::default());
    if let Some(kept) = kept {
        say(&mut set, phrase, What::Retain(kept))?;
    }
    Ok(set.statements().cloned().collect())
}

/// The phrase admits a device: with the keys that are there, or, where nothing else is, with a first one.
///
/// # Errors
/// The operating system has no random bytes.
pub fn admit(set: &mut Membership, phrase: &SecretKeys, device: DeviceId, keys: Keys) -> Result<()> {
    let ring = Keyring::gather(set, Recipient::Phrase, phrase);
    let (first, mut more) = (entropy()?, Vec::new());
    for _ in 0..ring.len() {
        more.push(entropy()?);
    }
    let mut drawn = std::iter::once(first).chain(more);
    // As many as there are keys; one more than that is never asked for.
    let what = crypto::admit(set, &ring, device, keys, || match drawn.next() {
        Some(entropy) => entropy,
        None => unreachable!("a key is wrapped once"),
    });
    say(set, phrase, what.map_err(SyncError::from)?)
}

/// The phrase brings a new key.
///
/// # Errors
/// The operating system has no random bytes.
pub fn rotate(set: &mut Membership, phrase: &SecretKeys) -> Result<()> {
    let ring = Keyring::gather(set, Recipient::Phrase, phrase);
    let mut drawn = Vec::new();
    for _ in 0..set.standing().members.len() + 3 {
        drawn.push(entropy()?);
    }
    let what = crypto::rotate(set, &ring, || match drawn.pop() {
        Some(entropy) => entropy,
        None => unreachable!("the key, its seal, the phrase and each member"),
    });
    say(set, phrase, what.map_err(SyncError::from)?)
}

fn say(set: &mut Membership, phrase: &SecretKeys, what: What) -> Result<()> {
    let body = Body { follows: set.heads(), author: Author::Phrase, what };
    let statement = crypto::statement(&set.workspace(), &body, phrase).map_err(SyncError::from)?;
    set.insert(statement).map_err(SyncError::from)?;
    Ok(())
}
