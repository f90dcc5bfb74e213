//! What devices do by themselves: record, seal, be copied, be lost.

use aimon_core::batch::Batch;
use aimon_core::event::{Event, Setting};
use aimon_core::segment;
use aimon_core::sync::{Client, Step, SyncError};

use super::events::{change, event, writer};
use super::{MOST, World};
use crate::node::Node;

impl World {
    /// Has a device record one more event; gives the writer of it.
    pub fn writes_as(&mut self, n: usize) -> Option<Vec<u8>> {
        let before = self.nodes.get(n)?.disk.last;
        self.record(n, 0, 1);
        let node = self.nodes.get(n)?;
        let last = node.disk.last.filter(|last| Some(*last) != before)?;
        let chunk = node.disk.chunks.values().find(|chunk| chunk.id().short() == last.id)?;
        writer(&node.client.as_ref()?.keyring().open(chunk).ok()?)
    }

    pub(super) fn record(&mut self, n: usize, back: u8, count: u8) {
        let now = self.now;
        let node = &mut self.nodes[n];
        let day = now.day().plus(-i32::from(back));
        let numbers: Vec<u64> = (0..u64::from(count)).map(|n| self.events + n + 1).collect();
        self.events += u64::from(count);
        let batch = Batch::new(numbers.iter().map(|number| event(*number, day)));
        let Some(client) = &mut node.client else { return };
        if day < client.first_day() {
            return;
        }
        let step = match client.record(Some(day), vec![batch.clone()], false) {
            Ok(write) => Step { write, ..Step::default() },
            // It waits, in plain text, until the key is there.
            Err(SyncError::NoKey) => {
                let writer = node.fork().next();
                node.disk.plain.push((Some(day), change(writer, &batch)));
                Step::default()
            }
            Err(_) => return,
        };
        if self.go(n, step) {
            self.nodes[n].disk.truth.extend(numbers.iter().map(|number| (*number, day)));
            self.days.extend(numbers.into_iter().map(|number| (number, day)));
        }
    }

    /// Says whether it is durable.
    pub fn go(&mut self, n: usize, step: Step) -> bool {
        let Some(write) = self.nodes[n].go(step) else { return false };
        self.nodes[n].disk.seen.extend(write.chunks.iter().map(|chunk| (chunk.id(), chunk.header().place.device)));
        for chunk in &write.chunks {
            if let Some(client) = &self.nodes[n].client
                && let Ok(content) = client.keyring().open(chunk)
            {
                let batches = segment::batches(&content).unwrap_or_default();
                let numbers = batches.iter().flat_map(|batch| crate::disk::numbers(batch)).collect();
                self.contents.insert(chunk.id(), numbers);
            }
        }
        // What was not kept at some time may be gone, also if it would be kept now.
        if let Some(first) = self.nodes[n].client.as_ref().map(Client::first_day) {
            // A clock may be ahead by a day; one that is ahead by years lets nothing expire.
            let right = self.nodes[n].client.as_ref().map(|client| client.standing().retention);
            let right = right.map(|retention| retention.first_day(self.now.day().plus(1)));
            let first = right.map_or(first, |right| right.min(first));
            self.nodes[n].disk.truth.retain(|_, day| *day >= first);
            self.first_ever = self.first_ever.max(first);
        }
        let is_member = self.nodes[n].client.as_ref().is_some_and(Client::is_member);
        for id in write.acknowledged.iter().filter(|id| is_member && !write.dropped.contains(id)) {
            self.acknowledged.extend(self.contents.get(id).into_iter().flatten());
        }
        true
    }

    pub(super) fn tick(&mut self, n: usize) {
        let now = self.nodes[n].now(self.now);
        self.nodes[n].flush();
        if let Some(client) = &mut self.nodes[n].client {
            let mut step = client.tick(now);
            let unreviewed = client.unreviewed();
            if !unreviewed.is_empty() {
                let held = self.nodes[n].disk.held(&unreviewed);
                if let Some(client) = &mut self.nodes[n].client {
                    step.join(client.review(held));
                }
            }
            self.go(n, step);
        }
    }

    pub(super) fn seal(&mut self, n: usize) {
        let today = self.nodes[n].now(self.now).day();
        let Some(client) = self.nodes[n].client.as_ref().filter(|client| client.is_caught_up()) else { return };
        for (place, ids) in client.sealable(today) {
            let held = self.nodes[n].disk.held(&ids);
            let Some(client) = &mut self.nodes[n].client else { return };
            match client.seal(&place, &held) {
                Ok(step) => self.go(n, step),
                Err(_) => return,
            };
        }
    }

    pub(super) fn set(&mut self, n: usize, path: u8) {
        let Some(client) = &mut self.nodes[n].client else { return };
        self.events += 1;
        let entry =
            Setting { path: format!("path/{path}").into(), value: Some(self.events.to_string().into()), counter: 1 };
        if let Ok(write) = client.record(None, vec![Batch::new([Event::Setting(entry)])], true) {
            let mut step = client.recorded();
            step.write = write;
            self.go(n, step);
        }
    }

    pub(super) fn restore(&mut self, n: usize) {
        if let Some(backup) = self.nodes[n].backup.clone() {
            self.disconnect(n);
            self.nodes[n].stop();
            self.nodes[n].disk = backup;
        }
    }

    pub(super) fn twin(&mut self, n: usize, is_running: bool) {
        if self.nodes.len() >= MOST || self.nodes[n].is_joining || self.nodes[n].is_lost {
            return;
        }
        self.nodes[n].flush();
        let (dice, now) = (self.fork(), self.now);
        let node = &self.nodes[n];
        let mut twin = Node::new(node.device, node.seed, node.disk.clone(), node.faults.clone(), dice);
        twin.start(now);
        if let (true, Some(twin), Some(client)) = (is_running, &mut twin.client, &node.client) {
            twin.resume(client);
        }
        self.nodes.push(twin);
    }

    pub(super) fn lose(&mut self, n: usize) {
        // Somebody must be left to tell.
        if self.nodes.iter().filter(|node| !node.is_lost && !node.is_joining).count() > 1 {
            self.disconnect(n);
            self.nodes[n].stop();
            self.nodes[n].is_lost = true;
        }
    }
}
