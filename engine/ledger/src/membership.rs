//! The membership set: who belongs to a workspace, as a function of the set of its statements.
//!
//! A statement names those that it follows, so the set is a graph back to the genesis. What counts in it:
//!
//! * The phrase's statements always count.
//! * A **revoke** stands if its signer was a member in what it follows, even if it is revoked beside. So two members who
//!   revoke each other are both out, in whatever order that is heard.
//! * Everything else that a device signed is void where it is revoked by a revoke that stands and does not follow it,
//!   directly or through others: what was not signed before the revoke.
//! * What was admitted by a void admit is no member. What it wrote is set aside, not dropped: its admit did stand when
//!   it was signed.
//!
//! A device's keys are those of all its admits that count: admitting an id once more with another key gives its signer
//! nothing that it could not write as itself.

mod graph;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use ed25519_dalek::VerifyingKey;

use crate::ids::{DeviceId, KeyId, StatementId, WorkspaceId};
use crate::live::{self, Purge, Rules};
use crate::retention::Retention;
use crate::statement::{self, Author, Keys, Listing, Statement, StatementError, What};
use crate::time::UtcDay;

use graph::{Graph, Set};

/// The statements of one workspace.
#[derive(Clone, Debug)]
pub struct Membership {
    workspace: WorkspaceId,
    phrase: Keys,
    graph: Graph,
}

/// What the statements come to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    /// The members' keys: each device's ascending, mostly one. A relay holds those of many workspaces, and a set takes ten times as
    /// much.
    pub members: BTreeMap<DeviceId, Vec<Keys>>,
    /// Whose admit stood when it was signed and who is no member any more, and what of its chunks is listed.
    pub revoked: BTreeMap<DeviceId, Revoked>,
    /// The rotate whose key new chunks are written under.
    pub rotate: Option<StatementId>,
    /// The rotates whose keys a newly admitted device needs: no later one seals them.
    pub unsealed: BTreeSet<StatementId>,
    /// How many days are kept.
    pub retention: Retention,
    /// The purges that count.
    pub purges: Vec<Purge>,
}

/// A device that is no member any more.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Revoked {
    /// The keys that it had, ascending.
    pub keys: Vec<Keys>,
    /// Its chunks that count.
    pub listed: HashSet<Listing>,
}

/// Which key a rotate brings.
pub fn key_of(rotate: &StatementId) -> KeyId {
    let mut key = [0; 8];
    key.copy_from_slice(&rotate.0[..8]);
    KeyId(key)
}

impl Membership {
    /// Begins with a genesis.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn begin(genesis: Statement) -> Result<Self, StatementError> {
        let What::Genesis(phrase) = genesis.body().what else {
            return Err(StatementError::Malformed("not a genesis".to_owned()));
        };
        genesis.verify(&statement::NO_WORKSPACE, &signing(&phrase).ok_or(StatementError::Signature)?)?;
        let workspace = WorkspaceId(genesis.id().0);
        Ok(Self { workspace, phrase, graph: Graph::begin(genesis) })
    }

    /// The workspace.
    pub fn workspace(&self) -> WorkspaceId {
        self.workspace
    }

    /// The keys that come from the phrase.
    pub fn phrase(&self) -> &Keys {
        &self.phrase
    }

    /// Takes a statement in, and says whether it is new.
    ///
    /// # Errors
    /// [`StatementError::Missing`] as long as something that it follows is not held, [`StatementError::Signature`] if its
    /// author was never admitted in what it follows or has not signed it.
    pub fn insert(&mut self, statement: Statement) -> Result<bool, StatementError> {
        if self.has(&statement.id()) {
            return Ok(false);
        }
        if matches!(statement.body().what, What::Genesis(_)) {
            return Err(StatementError::Elsewhere);
        }
        let past = self.graph.past(&statement.body().follows).map_err(StatementError::Missing)?;
        let candidates = match statement.body().author {
            Author::Phrase => vec![self.phrase],
            Author::Device(device) => self.graph.admits(&past, &device).map(|(_, keys)| keys).collect(),
        };
        let signed = |keys: &Keys| signing(keys).is_some_and(|key| statement.verify(&self.workspace, &key).is_ok());
        if !candidates.iter().any(signed) {
            return Err(StatementError::Signature);
        }
        let stood = match statement.body().author {
            Author::Phrase => true,
            Author::Device(device) => self.members(&past).contains_key(&device),
        };
        self.graph.insert(statement, past, stood);
        Ok(true)
    }

    /// Whether a statement is held.
    pub fn has(&self, id: &StatementId) -> bool {
        self.graph.place(id).is_some()
    }

    /// The statements that no other one follows: what a new one follows.
    pub fn heads(&self) -> Vec<StatementId> {
        self.graph.heads()
    }

    /// All statements, each behind those that it follows.
    pub fn statements(&self) -> impl Iterator<Item = &Statement> {
        self.graph.entries().map(|entry| &entry.statement)
    }

    /// What somebody lacks whose heads are these, each behind those that it follows. Heads that are not held say nothing.
    pub fn lacking(&self, heads: &[StatementId]) -> Vec<&Statement> {
        let known: Vec<StatementId> = heads.iter().copied().filter(|id| self.has(id)).collect();
        let Ok(past) = self.graph.past(&known) else { return self.statements().collect() };
        self.graph.entries().enumerate().filter(|(n, _)| !past.has(*n)).map(|(_, entry)| &entry.statement).collect()
    }

    /// What the statements come to.
    pub fn standing(&self) -> Standing {
        let all = self.graph.all();
        let counts = self.counting(&all);
        let members = self.members_of(&all, &counts);
        let mut revoked: BTreeMap<DeviceId, Revoked> = BTreeMap::new();
        let mut standing = Standing {
            rotate: None,
            unsealed: BTreeSet::new(),
            retention: Retention::default(),
            purges: Vec::new(),
            members,
            revoked: BTreeMap::new(),
        };
        let (mut rotates, mut retain, mut listed) = (Vec::new(), None, Vec::new());
        for (n, entry) in self.graph.entries().enumerate() {
            let rank = (entry.height, entry.statement.id());
            match &entry.statement.body().what {
                What::Admit { device, keys, .. } if entry.stood && !standing.members.contains_key(device) => {
                    add(&mut revoked.entry(*device).or_default().keys, *keys);
                }
                What::Revoke { device, listed: ids } if entry.stood => listed.push((device, ids)),
                What::Vouch { device, listed: ids } if counts.has(n) => listed.push((device, ids)),
                What::Rotate { .. } => rotates.push((n, rank)),
                What::Retain(retention) if counts.has(n) => retain = retain.max(Some((rank, retention.days()))),
                What::Purge { devices, days, .. } if counts.has(n) => standing.purges.push(Purge {
                    id: entry.statement.id().short(),
                    devices: devices.clone(),
                    days: days.clone(),
                }),
                _ => {}
            }
        }
        for (device, ids) in listed {
            if let Some(revoked) = revoked.get_mut(device) {
                revoked.listed.extend(ids);
            }
        }
        standing.revoked = revoked;
        standing.purges.sort_by_key(|purge| purge.id);
        if let Some(kept) = retain.and_then(|(_, days)| Retention::of(u64::from(days))) {
            standing.retention = kept;
        }
        standing.rotate = rotates.iter().filter(|(n, _)| counts.has(*n)).map(|(_, rank)| *rank).max().map(|(_, id)| id);
        for (n, (_, id)) in &rotates {
            let sealed = rotates.iter().any(|(later, _)| counts.has(*later) && self.graph.is_before(*n, *later));
            if !sealed {
                standing.unsealed.insert(*id);
            }
        }
        standing
    }

    /// The members in a part of the set that holds all that its statements follow.
    fn members(&self, part: &Set) -> BTreeMap<DeviceId, Vec<Keys>> {
        self.members_of(part, &self.counting(part))
    }

    fn members_of(&self, part: &Set, counts: &Set) -> BTreeMap<DeviceId, Vec<Keys>> {
        let mut members: BTreeMap<DeviceId, Vec<Keys>> = BTreeMap::new();
        for (n, entry) in self.graph.within(part) {
            if let What::Admit { device, keys, .. } = entry.statement.body().what
                && counts.has(n)
            {
                add(members.entry(device).or_default(), keys);
            }
        }
        for (_, revoked) in self.graph.revokes(part) {
            members.remove(&revoked);
        }
        members
    }

    /// The statements that count in a part of the set. Revokes do if they stood when they were signed.
    fn counting(&self, part: &Set) -> Set {
        let revokes: Vec<(usize, DeviceId)> = self.graph.revokes(part).collect();
        let mut counts = Set::default();
        for (n, entry) in self.graph.within(part) {
            let body = entry.statement.body();
            let does = match (body.author, &body.what) {
                (Author::Phrase, _) => true,
                (_, What::Revoke { .. }) => entry.stood,
                (Author::Device(author), _) => {
                    let admitted = self.graph.admits(&entry.past, &author).any(|(admit, _)| counts.has(admit));
                    let is_void =
                        |(revoke, device): &(usize, DeviceId)| *device == author && !self.graph.is_before(n, *revoke);
                    admitted && !revokes.iter().any(is_void)
                }
            };
            if does {
                counts.add(n);
            }
        }
        counts
    }
}

impl Standing {
    /// By which chunks are told to count, when `first_day` is the first that is kept.
    pub fn rules(&self, first_day: UtcDay) -> Rules {
        let members = self.members.keys().map(|device| (*device, live::Author::Member));
        let revoked = self.revoked.iter().map(|(device, r)| (*device, live::Author::Revoked(r.listed.clone())));
        Rules { authors: members.chain(revoked).collect(), first_day, purges: self.purges.clone() }
    }

    /// The keys that a device's chunks may be signed with.
    pub fn signing_keys(&self, device: &DeviceId) -> Vec<VerifyingKey> {
        let keys = self.members.get(device).or_else(|| self.revoked.get(device).map(|revoked| &revoked.keys));
        let mut keys: Vec<VerifyingKey> = keys.into_iter().flatten().filter_map(signing).collect();
        // Mostly there is one, and a relay holds many of them for long.
        keys.shrink_to_fit();
        keys
    }
}

/// Adds to keys that ascend.
fn add(all: &mut Vec<Keys>, keys: Keys) {
    if let Err(at) = all.binary_search(&keys) {
        all.reserve_exact(1);
        all.insert(at, keys);
    }
}

fn signing(keys: &Keys) -> Option<VerifyingKey> {
    VerifyingKey::from_bytes(&keys.signing).ok()
}

#[cfg(test)]
mod tests;
