//! What devices say to all: who belongs, which key, what is purged.

use std::collections::BTreeSet;

use aimon_core::batch::Batch;
use aimon_core::crypto::SecretKeys;
use aimon_core::segment;
use aimon_core::sync::{Client, Selection, Step, SyncError, entry};
use aimon_ledger::ids::{DeviceId, StatementId};
use aimon_ledger::retention::TrustedTime;
use aimon_ledger::statement::Statement;
use aimon_ledger::time::UtcDay;

use super::events::{SOURCES, Told, call, change, document, numbers};
use super::{MOST, Vouched, World, id, seed};
use crate::disk::{Disk, Plain};
use crate::happening::Happening;
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
        let may_vouch = client.standing().revoked.contains_key(&whom) && client.is_member();
        let before = self.said_of(n);
        let seen = self.nodes[n].disk.seen.iter().filter(|(_, device)| **device == whom);
        let events = seen.filter_map(|(id, _)| self.contents.get(id)).flatten().copied().collect();
        self.say(n, |client| client.vouch_for(whom));
        if may_vouch {
            let said = self.said_of(n).difference(&before).copied().collect();
            self.vouched.push(Vouched { by: self.nodes[n].device, said, events });
        }
    }

    fn said_of(&self, n: usize) -> BTreeSet<StatementId> {
        let client = self.nodes[n].client.iter();
        client.flat_map(|client| client.membership().statements()).map(|statement| statement.id()).collect()
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

    /// Takes a device in that has a past of its own: `past` days of what it recorded, and `others` days of what a third device of
    /// its old workspace did, which may come too.
    pub(super) fn admit(&mut self, by: usize, past: u8, others: u8) {
        if self.nodes.len() >= MOST {
            return;
        }
        let (device, third) = (id(&mut self.dice), id(&mut self.dice));
        let own: Vec<(UtcDay, Vec<u8>)> = (0..past).map(|back| self.happened(device, back)).collect();
        let told: Vec<(UtcDay, Vec<u8>)> = (0..others).map(|back| self.happened(third, back)).collect();
        let plain = |all: &[(UtcDay, Vec<u8>)], origin| -> Vec<Plain> {
            all.iter().map(|(day, content)| Plain { day: Some(*day), content: content.clone(), origin }).collect()
        };
        let joins = [plain(&own, None), plain(&told, Some(third))].concat();
        if !self.take_in(by, device, joins) {
            return;
        }
        if others > 0 {
            self.saw(Happening::ThirdPast);
        }
        // It was the third one's all along.
        if others == 2 && self.nodes.len() < MOST {
            self.take_in(by, third, plain(&told, None));
        }
    }

    /// A day of a device in its old workspace: a change, or a document.
    fn happened(&mut self, device: DeviceId, back: u8) -> (UtcDay, Vec<u8>) {
        let day = self.now.day().plus(-i32::from(back));
        let mut batches = Vec::new();
        for _ in 0..=back % 2 {
            self.events += 1;
            let event = call(self.events, day);
            batches.push(Batch::new([event.clone()]));
            self.told.insert(self.events, Told { event, by: device });
        }
        let writer = self.dice.next();
        let content = match &batches[..] {
            [one] => change(writer, one),
            several => document(writer, several),
        };
        (day, content)
    }

    fn take_in(&mut self, by: usize, device: DeviceId, plain: Vec<Plain>) -> bool {
        let seed = seed(&mut self.dice);
        let keys = SecretKeys::of_seed(seed).public();
        let Some(client) = &mut self.nodes[by].client else { return false };
        let Ok(step) = client.admit(device, keys) else { return false };
        if !self.go(by, step) {
            return false;
        }
        let mut disk = Disk { time: Some(TrustedTime::new(self.now)), plain, ..Disk::default() };
        for content in disk.plain.iter().map(|plain| &plain.content) {
            let batches = segment::batches(content).unwrap_or_default();
            let known = batches.iter().flat_map(|bytes| numbers(&Batch::decode(bytes).unwrap_or_default()));
            disk.truth.extend(known.filter_map(|number| Some((number, self.told.get(&number)?.event.day()))));
        }
        let mut node = Node::new(device, seed, disk, self.faults.clone(), self.fork());
        node.is_joining = true;
        self.nodes.push(node);
        true
    }

    /// A device that waits for its admit looks whether it is there; if so it comes in, with all that it has.
    pub fn enter(&mut self, n: usize) -> bool {
        let all = self.statements();
        let heard: Vec<Statement> = self.nodes[n].lies.shown(None, &all).into_iter().cloned().collect();
        let Some(statements) = entry(&self.workspace, &self.nodes[n].me(), heard) else { return false };
        let node = &mut self.nodes[n];
        node.disk.statements = statements;
        node.is_joining = false;
        node.start(self.now);
        node.catch_up();
        self.look_at(n);
        true
    }
}
