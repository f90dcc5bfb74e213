//! What devices say to all: who belongs, which key, what is purged.

use aimon_core::batch::Batch;
use aimon_core::crypto::SecretKeys;
use aimon_core::sync::{Client, Selection, Step, SyncError, entry};
use aimon_ledger::ids::DeviceId;
use aimon_ledger::retention::TrustedTime;
use aimon_ledger::statement::Statement;

use super::events::{SOURCES, change, event};
use super::{MOST, World, id, seed};
use crate::disk::Disk;
use crate::node::Node;

impl World {
    pub(super) fn say(&mut self, n: usize, what: impl FnOnce(&mut Client) -> Result<Step, SyncError>) {
        let Some(client) = &mut self.nodes[n].client else { return };
        if let Ok(step) = what(client) {
            self.go(n, step);
        }
    }

    /// All that this device has ever held of that one counts from here on, if it is no member.
    pub(super) fn vouch(&mut self, n: usize, whom: DeviceId) {
        let Some(client) = &self.nodes[n].client else { return };
        if client.standing().former.contains_key(&whom) && client.is_member() {
            let seen = self.nodes[n].disk.seen.iter().filter(|(_, device)| **device == whom);
            let events = seen.filter_map(|(id, _)| self.contents.get(id)).flatten().copied().collect();
            self.vouched.push((self.nodes[n].device, events));
        }
        self.say(n, |client| client.vouch_for(whom));
    }

    pub(super) fn purge(&mut self, n: usize, first: u8, last: u8, source: u8) {
        let today = self.now.day();
        let days = today.plus(-i32::from(first.max(last)))..=today.plus(-i32::from(last.min(first)));
        let selection =
            Selection { source: SOURCES.get(usize::from(source)).map(|name| (*name).into()), account: None };
        let Some(client) = &self.nodes[n].client else { return };
        let held = self.nodes[n].disk.held(&client.reached(&[], &days));
        let Some(client) = &mut self.nodes[n].client else { return };
        if let Ok(step) = client.purge(Vec::new(), days, self.now, &selection, held) {
            self.go(n, step);
        }
    }

    pub(super) fn admit(&mut self, by: usize, past: u8) {
        if self.nodes.len() >= MOST {
            return;
        }
        let (device, seed) = (id(&mut self.dice), seed(&mut self.dice));
        let mut disk = Disk { time: Some(TrustedTime::new(self.now)), ..Disk::default() };
        for back in 0..past {
            self.events += 1;
            let day = self.now.day().plus(-i32::from(back));
            let batch = Batch::new([event(self.events, day)]);
            disk.plain.push((Some(day), change(self.dice.next(), &batch)));
            disk.truth.insert(self.events, day);
            self.days.insert(self.events, day);
        }
        let keys = SecretKeys::of_seed(seed).public();
        let Some(client) = &mut self.nodes[by].client else { return };
        let Ok(step) = client.admit(device, keys) else { return };
        if !self.go(by, step) {
            return;
        }
        let mut node = Node::new(device, seed, disk, Vec::new(), self.fork());
        node.is_joining = true;
        self.nodes.push(node);
    }

    /// A device that waits for its admit looks whether it is there; if so it comes in, with all that it has.
    pub fn enter(&mut self, n: usize) -> bool {
        let heard = match &self.folder {
            Some(folder) => folder.statements.values().cloned().collect(),
            None => self.server.statements(&self.workspace),
        };
        let heard: Vec<Statement> = heard.into_iter().filter_map(|bytes| Statement::parse(bytes).ok()).collect();
        let Some(statements) = entry(&self.workspace, &self.nodes[n].me(), heard) else { return false };
        let node = &mut self.nodes[n];
        node.disk.statements = statements;
        node.is_joining = false;
        node.start(self.now);
        node.catch_up();
        true
    }
}
