//! What devices do by themselves: record, seal, be copied, be lost.

use aimon_core::batch::Batch;
use aimon_core::event::{Answer, Event, Unchanged};
use aimon_core::sync::{Client, Notice, Step, SyncError, Withheld};
use aimon_ledger::chunk::{Chunk, Header};
use aimon_ledger::ids::ChunkId;
use aimon_ledger::time::UtcDay;

use super::events::{Told, answer, asked, call, change, grown, note, numbers, setting, writer};
use super::{MOST, World};
use crate::disk::Plain;
use crate::happening::Happening;
use crate::library::Batches;
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
        let day = self.now.day().plus(-i32::from(back));
        let events: Vec<(u64, Event)> = (0..count).map(|_| self.call(day)).collect();
        if self.tell(n, Some(day), events) && self.is_at_midnight() && back < 2 {
            self.saw(Happening::RecordedAtMidnight);
        }
    }

    /// A call of a day; every fifth one is one of the day's calls, whoever has recorded it, that has grown since.
    fn call(&mut self, day: UtcDay) -> (u64, Event) {
        let number = self.number();
        let is_of_day = |told: &&Told| matches!(&told.event, Event::Record(record) if record.time.day() == day);
        match self.told.values().rfind(is_of_day).map(|told| &told.event) {
            Some(Event::Record(record)) if number % 5 == 4 => {
                (number, grown(u64::from_le_bytes(record.message.0), number, day))
            }
            _ => (number, call(number, day)),
        }
    }

    /// A device asks how full its windows are, and is told something new, or what somebody was told before.
    pub(super) fn poll(&mut self, n: usize, back: u8, dice: u64) {
        let (day, number) = (self.now.day().plus(-i32::from(back)), self.number());
        let is_near = |answer: &Answer| (answer.observed.0 - asked(number, day).0).abs() < 2 * Unchanged::REACH_MS;
        let known = self.told.values().filter_map(|told| match &told.event {
            // Most notes are about as far from an answer as they may be, some of them across midnight.
            Event::Answer(answer) if is_near(answer) || dice.is_multiple_of(16) => Some(answer),
            _ => None,
        });
        let known: Vec<&Answer> = known.collect();
        let event = match known.len() {
            0 => Event::Answer(answer(number, day)),
            _ if dice.is_multiple_of(3) => Event::Answer(answer(number, day)),
            many => note(number, day, known[dice as usize / 16 % many], !dice.is_multiple_of(7)),
        };
        self.tell(n, Some(day), vec![(number, event)]);
    }

    fn number(&mut self) -> u64 {
        self.events += 1;
        self.events
    }

    /// Says whether it is durable.
    pub(crate) fn tell(&mut self, n: usize, day: Option<UtcDay>, events: Vec<(u64, Event)>) -> bool {
        let node = &mut self.nodes[n];
        let batch = Batch::new(events.iter().map(|(_, event)| event.clone()));
        let Some(client) = &mut node.client else { return false };
        if day.is_some_and(|day| day < client.first_day()) {
            return false;
        }
        let is_first = day == Some(client.first_day());
        let is_setting = day.is_none();
        let step = match client.record(day, vec![batch.clone()], is_setting) {
            Ok(write) if is_setting => Step { write, ..client.recorded() },
            Ok(write) => Step { write, ..Step::default() },
            // It waits, in plain text, until the key is there.
            Err(SyncError::NoKey) if !is_setting => {
                let writer = node.fork().next();
                node.disk.plain.push(Plain { day, content: change(writer, &batch), origin: None });
                Step::default()
            }
            Err(_) => return false,
        };
        if !self.go(n, step) {
            return false;
        }
        if is_first {
            self.saw(Happening::FirstKeptDay);
        }
        let by = self.nodes[n].device;
        self.nodes[n].disk.truth.extend(events.iter().map(|(number, event)| (*number, event.day())));
        self.told.extend(events.into_iter().map(|(number, event)| (number, Told { event, by })));
        true
    }

    /// Says whether it is durable.
    pub fn go(&mut self, n: usize, step: Step) -> bool {
        let has_rewritten = step.notices.iter().any(|notice| matches!(notice, Notice::Rewritten(_)));
        if step.notices.contains(&Notice::Uneven) && !self.nodes[n].is_lied_to() {
            self.uneven.get_or_insert(n);
        }
        let brings = !self.nodes[n].disk.plain.is_empty();
        let write = self.nodes[n].go(step);
        if brings {
            self.look_at(n);
        }
        let Some(write) = write else { return false };
        if has_rewritten {
            self.saw(Happening::LieRescued);
        }
        self.nodes[n].disk.seen.extend(write.chunks.iter().map(|chunk| (chunk.id(), chunk.header().place.device)));
        for chunk in &write.chunks {
            let (name, known) = named(chunk);
            self.written.entry(name).or_insert(known);
            if let Some(client) = &self.nodes[n].client
                && !self.contents.contains_key(&chunk.id())
                && let Some(batches) = self.library.read(client.keyring(), chunk)
            {
                self.contents.insert(chunk.id(), batches.iter().flat_map(|(_, batch)| numbers(batch)).collect());
            }
        }
        // What was not kept at some time may be gone, also if it would be kept now.
        if let Some(first) = self.nodes[n].client.as_ref().map(Client::first_day) {
            // A clock may be ahead by a day; one that is ahead by years lets nothing expire.
            let right = self.nodes[n].client.as_ref().map(|client| client.standing().retention);
            let right = right.map(|retention| retention.first_day(self.now.day().plus(1)));
            let first = right.map_or(first, |right| right.min(first));
            self.nodes[n].disk.truth.retain(|_, day| day.is_none_or(|day| day >= first));
            self.first_ever = self.first_ever.max(first);
        }
        let is_member = self.nodes[n].client.as_ref().is_some_and(Client::is_member);
        for id in write.acknowledged.iter().filter(|id| is_member && !write.dropped.contains(id)) {
            self.acknowledged.extend(self.contents.get(id).into_iter().flatten());
        }
        true
    }

    /// What lies on a disk: chunks that a device brings it writes by itself.
    pub(super) fn look_at(&mut self, n: usize) {
        self.written.extend(self.nodes[n].disk.chunks.values().map(named));
    }

    pub(super) fn tick(&mut self, n: usize) {
        let now = self.nodes[n].now(self.now);
        self.nodes[n].flush();
        if let Some(client) = &mut self.nodes[n].client {
            let before = client.first_day();
            let mut step = client.tick(now);
            let has_expired = client.first_day() > before;
            let unreviewed = client.unreviewed();
            if !unreviewed.is_empty() {
                let held = self.nodes[n].disk.held(&unreviewed);
                if let Some(client) = &mut self.nodes[n].client {
                    step.join(client.review(held));
                }
            }
            if has_expired && !step.write.dropped.is_empty() {
                self.saw(Happening::LastDayExpired);
            }
            self.go(n, step);
        }
    }

    pub(super) fn seal(&mut self, n: usize) {
        let today = self.nodes[n].now(self.now).day();
        if self.folder.is_some() {
            // Caught up with a folder is who has just read it.
            self.connect(n);
        }
        let has_caught_up = self.folder.is_some() || self.nodes[n].client.as_ref().is_some_and(Client::is_caught_up);
        let Some(client) = self.nodes[n].client.as_ref().filter(|_| has_caught_up) else { return };
        for (place, ids) in client.sealable(today) {
            let held = self.nodes[n].disk.held(&ids);
            let Some(client) = &mut self.nodes[n].client else { return };
            let Ok(step) = client.seal(&place, &held) else { return };
            let has_sealed = !step.write.chunks.is_empty();
            if !self.go(n, step) || !has_sealed {
                continue;
            }
            if place.day.is_none() {
                self.saw(Happening::SettingsSealed);
            }
            // Somebody has purged this, and it is not known here.
            let purges =
                |node: &Node| node.client.as_ref().map_or(Vec::new(), |client| client.standing().purges.clone());
            let known = purges(&self.nodes[n]);
            let mut others = self.nodes.iter().flat_map(purges);
            if others.any(|purge| purge.reaches(&place) && !known.contains(&purge)) {
                self.saw(Happening::PurgeBesideSeal);
            }
            if place.day == Some(today.plus(-1)) && self.is_at_midnight() {
                self.saw(Happening::SealedAtMidnight);
            }
        }
    }

    /// Sets paths anew, so many times.
    pub(super) fn set(&mut self, n: usize, path: u8, count: u8) {
        let Some(mut counter) = self.counter(n) else { return };
        for _ in 0..count {
            counter += 1;
            let number = self.number();
            self.tell(n, None, vec![(number, setting(number, path, counter))]);
        }
    }

    /// The greatest counter that a device has seen.
    fn counter(&mut self, n: usize) -> Option<u64> {
        let node = &self.nodes[n];
        let ring = node.client.as_ref()?.keyring();
        let dayless = node.disk.counting().filter(|chunk| chunk.header().place.day.is_none());
        let batches: Vec<Batches> = dayless.filter_map(|chunk| self.library.read(ring, chunk)).collect();
        let settings = batches.iter().flat_map(|all| all.iter()).flat_map(|(_, batch)| &batch.settings);
        Some(settings.map(|setting| setting.counter).max().unwrap_or(0))
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

/// A chunk, by how its author's next one names it.
fn named(chunk: &Chunk) -> (Withheld, (ChunkId, Header)) {
    let (id, header) = (chunk.id(), chunk.header().clone());
    (Withheld { device: header.place.device, day: header.place.day, id: id.short() }, (id, header))
}
