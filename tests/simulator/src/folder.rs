//! A shared folder: files appear late, and never half.

use std::collections::{BTreeMap, BTreeSet};

use aimon_generator::Prng;
use aimon_ledger::chunk::Chunk;
use aimon_ledger::frame::Frame;
use aimon_ledger::ids::{ChunkId, DeviceId, StatementId, WorkspaceId};
use aimon_ledger::live::State;
use aimon_ledger::membership::Membership;
use aimon_ledger::statement::{Statement, StatementError};

use crate::world::World;

/// What lies in it. Conflict copies and partial files have other names or other hashes, and are never read.
pub struct Folder {
    pub statements: BTreeMap<StatementId, Vec<u8>>,
    pub chunks: BTreeMap<ChunkId, Vec<u8>>,
    pub has_changed: bool,
    /// The members by so many statements.
    known: (usize, BTreeSet<DeviceId>),
    /// Whether a file may not have arrived yet where it is looked for.
    pub is_slow: bool,
}

impl Default for Folder {
    fn default() -> Self {
        Self {
            statements: BTreeMap::new(),
            chunks: BTreeMap::new(),
            has_changed: false,
            known: Default::default(),
            is_slow: true,
        }
    }
}

impl Folder {
    /// The members, by all statements that lie there.
    pub fn members(&mut self, workspace: &WorkspaceId) -> BTreeSet<DeviceId> {
        // Nothing that lies there changes: as many are the same.
        let (count, members) = &self.known;
        if *count == self.statements.len() {
            return members.clone();
        }
        let members = self.count_members(workspace);
        self.known = (self.statements.len(), members.clone());
        members
    }

    fn count_members(&self, workspace: &WorkspaceId) -> BTreeSet<DeviceId> {
        let mut waiting: Vec<Statement> =
            self.statements.values().filter_map(|bytes| Statement::parse(bytes.clone()).ok()).collect();
        let genesis = waiting.iter().find(|statement| statement.id().0 == workspace.0).cloned();
        let Some(Ok(mut set)) = genesis.map(Membership::begin) else { return BTreeSet::new() };
        loop {
            let before = waiting.len();
            waiting.retain(|statement| matches!(set.insert(statement.clone()), Err(StatementError::Missing(_))));
            if waiting.len() == before {
                return set.standing().members.keys().copied().collect();
            }
        }
    }
}

impl World {
    /// A device reads what it lacks and writes what the folder lacks.
    pub fn share(&mut self, n: usize) {
        if self.nodes[n].is_joining && !self.enter(n) {
            return;
        }
        let now = self.nodes[n].now(self.now);
        let mut dice = Prng::of(&[self.nodes[n].fork().next()]);
        let Some(folder) = &self.folder else { return };
        let is_slow = folder.is_slow;
        let mut has_arrived = || !is_slow || dice.below(8) > 0;
        let statements: Vec<(StatementId, Vec<u8>)> =
            folder.statements.iter().filter(|_| has_arrived()).map(|(id, bytes)| (*id, bytes.clone())).collect();
        let chunks: Vec<(ChunkId, Vec<u8>)> =
            folder.chunks.iter().filter(|_| has_arrived()).map(|(id, bytes)| (*id, bytes.clone())).collect();

        let lies = self.nodes[n].lies;
        let Some(client) = &self.nodes[n].client else { return };
        let shown: Option<BTreeSet<StatementId>> = lies
            .hides_statements()
            .then(|| lies.shown(Some(client), &self.statements()).iter().map(|one| one.id()).collect());
        let is_shown = |id| shown.as_ref().is_none_or(|shown| shown.contains(id));
        let lacking = statements.iter().filter(|(id, _)| is_shown(id) && !client.membership().has(id));
        let lacking: Vec<Vec<u8>> = lacking.map(|(_, bytes)| bytes.clone()).collect();
        if !lacking.is_empty() {
            let frame = Frame::Statements(lacking);
            let held = self.nodes[n].disk.held(&client.needs(&frame));
            let Some(client) = &mut self.nodes[n].client else { return };
            let step = client.frame(frame, held, now);
            self.go(n, step);
        }
        let Some(client) = &self.nodes[n].client else { return };
        let lacking: Vec<Chunk> = chunks
            .iter()
            .filter(|(id, _)| client.state(id).is_none())
            .filter_map(|(_, bytes)| Chunk::parse(bytes.clone()).ok())
            .filter(|chunk| chunk.header().place.day.is_none_or(|day| day >= client.first_day()))
            .filter(|chunk| !lies.hide_chunk(client, &chunk.id(), &chunk.header().place.device))
            .collect();
        if !lacking.is_empty() {
            let frame = Frame::Deliver(lacking.iter().map(|chunk| (0, chunk.bytes().to_vec())).collect());
            let held = self.nodes[n].disk.held(&client.needs(&frame));
            let Some(client) = &mut self.nodes[n].client else { return };
            let step = client.take(lacking, held, now);
            self.go(n, step);
        }
        self.give(n);
        self.tidy(n, &chunks);
    }

    /// Chunks first: what remains of a purge lies there before the purge does.
    fn give(&mut self, n: usize) {
        let (Some(client), Some(folder)) = (&self.nodes[n].client, &mut self.folder) else { return };
        let live = client.log().all().filter(|(_, _, state)| *state == State::Live);
        for (id, _, _) in live {
            if let Some(chunk) = self.nodes[n].disk.chunks.get(id)
                && folder.chunks.insert(*id, chunk.bytes().to_vec()).is_none()
            {
                folder.has_changed = true;
            }
        }
        let Some(client) = &mut self.nodes[n].client else { return };
        let step = client.all_taken();
        self.go(n, step);
        let (Some(client), Some(folder)) = (&self.nodes[n].client, &mut self.folder) else { return };
        for statement in client.membership().statements() {
            if folder.statements.insert(statement.id(), statement.bytes().to_vec()).is_none() {
                folder.has_changed = true;
            }
        }
    }

    fn tidy(&mut self, n: usize, seen: &[(ChunkId, Vec<u8>)]) {
        let (Some(client), Some(folder)) = (&self.nodes[n].client, &mut self.folder) else { return };
        // A device whose clock is in doubt keeps days that others let go: they go on putting them back and away, once a day.
        if !folder.is_slow {
            return;
        }
        for (id, bytes) in seen {
            let is_held = client.state(id).is_some();
            if !is_held && Chunk::parse(bytes.clone()).is_ok_and(|chunk| client.is_gone(&chunk)) {
                folder.chunks.remove(id);
                folder.has_changed = true;
            }
        }
    }
}
