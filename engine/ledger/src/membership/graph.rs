//! Statements and what each of them follows.

use std::collections::{BTreeSet, HashMap};

use crate::ids::{DeviceId, StatementId};
use crate::statement::{Keys, Statement, What};

/// A set of statements, by their places.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Set(Vec<u64>);

impl Set {
    pub(super) fn add(&mut self, n: usize) {
        if self.0.len() <= n / 64 {
            self.0.resize(n / 64 + 1, 0);
        }
        self.0[n / 64] |= 1 << (n % 64);
    }

    pub(super) fn has(&self, n: usize) -> bool {
        self.0.get(n / 64).is_some_and(|word| word >> (n % 64) & 1 == 1)
    }

    fn join(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word |= other);
    }
}

/// A statement in its place.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) statement: Statement,
    /// The longest path from the genesis.
    pub(super) height: u64,
    /// All that it follows, directly or through others.
    pub(super) past: Set,
    /// Whether its signer was a member in what it follows.
    pub(super) stood: bool,
}

/// The graph; an entry's place is behind those of all that it follows.
#[derive(Clone, Debug)]
pub(super) struct Graph {
    entries: Vec<Entry>,
    places: HashMap<StatementId, usize>,
    heads: BTreeSet<StatementId>,
    /// Each device's admits, and all revokes: what every other statement is judged by.
    admits: HashMap<DeviceId, Vec<(usize, Keys)>>,
    revokes: Vec<(usize, DeviceId)>,
}

impl Graph {
    pub(super) fn begin(genesis: Statement) -> Self {
        let mut graph = Self {
            entries: Vec::new(),
            places: HashMap::new(),
            heads: BTreeSet::new(),
            admits: HashMap::new(),
            revokes: Vec::new(),
        };
        graph.insert(genesis, Set::default(), true);
        graph
    }

    /// Takes a statement in of which all that it follows is held: `past`, as [`Graph::past`] gives it.
    pub(super) fn insert(&mut self, statement: Statement, past: Set, stood: bool) {
        let follows = statement.body().follows.iter();
        let height = follows.clone().filter_map(|id| self.place(id)).map(|n| self.entries[n].height + 1).max();
        for id in follows {
            self.heads.remove(id);
        }
        self.heads.insert(statement.id());
        match statement.body().what {
            What::Admit { device, keys, .. } => {
                self.admits.entry(device).or_default().push((self.entries.len(), keys));
            }
            What::Revoke { device, .. } => self.revokes.push((self.entries.len(), device)),
            _ => {}
        }
        self.places.insert(statement.id(), self.entries.len());
        self.entries.push(Entry { statement, height: height.unwrap_or(0), past, stood });
    }

    pub(super) fn place(&self, id: &StatementId) -> Option<usize> {
        self.places.get(id).copied()
    }

    /// These statements and all that they follow; those that are not held, if any.
    pub(super) fn past(&self, ids: &[StatementId]) -> Result<Set, Vec<StatementId>> {
        let mut past = Set::default();
        let mut missing = Vec::new();
        for id in ids {
            match self.place(id) {
                Some(n) => {
                    past.join(&self.entries[n].past);
                    past.add(n);
                }
                None => missing.push(*id),
            }
        }
        if missing.is_empty() { Ok(past) } else { Err(missing) }
    }

    /// Whether the statement in one place is in the past of another.
    pub(super) fn is_before(&self, earlier: usize, later: usize) -> bool {
        self.entries.get(later).is_some_and(|entry| entry.past.has(earlier))
    }

    pub(super) fn heads(&self) -> Vec<StatementId> {
        self.heads.iter().copied().collect()
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// The entries of a set, each behind those that it follows.
    pub(super) fn within(&self, set: &Set) -> impl Iterator<Item = (usize, &Entry)> {
        self.entries.iter().enumerate().filter(|(n, _)| set.has(*n))
    }

    /// A device's admits in a set, whether or not they count.
    pub(super) fn admits(&self, set: &Set, device: &DeviceId) -> impl Iterator<Item = (usize, Keys)> {
        self.admits.get(device).into_iter().flatten().copied().filter(|(n, _)| set.has(*n))
    }

    /// The revokes in a set whose signer was a member in what they follow, and whom they revoke.
    pub(super) fn revokes(&self, set: &Set) -> impl Iterator<Item = (usize, DeviceId)> {
        let stood = |n: usize| self.entries.get(n).is_some_and(|entry| entry.stood);
        self.revokes.iter().copied().filter(move |(n, _)| set.has(*n) && stood(*n))
    }

    pub(super) fn all(&self) -> Set {
        let mut all = Set::default();
        (0..self.entries.len()).for_each(|n| all.add(n));
        all
    }
}
