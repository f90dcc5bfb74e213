//! What takes several steps to come about, and would by chance next to never.

use aimon_core::sync::Client;
use aimon_ledger::ids::StatementId;
use aimon_ledger::live::{State, listing};
use aimon_ledger::statement::{Statement, What};
use aimon_ledger::time::UtcMillis;

use super::World;
use crate::happening::Happening;

const DAY_MS: i64 = 86_400_000;

impl World {
    /// Within a millisecond of midnight.
    pub(super) fn is_at_midnight(&self) -> bool {
        (self.now.0 + 1).rem_euclid(DAY_MS) <= 1
    }

    /// Time goes on to the first moment of the next day, or to the last one of this.
    pub(super) fn midnight(&mut self, before: bool) {
        let next = self.now.day().plus(1).start();
        let at = UtcMillis(next.0 - i64::from(before));
        self.wait((at.0 - self.now.0).unsigned_abs());
    }

    /// What is on its way arrives.
    fn arrive(&mut self) {
        let mut dice = self.fork();
        while self.deliver(&mut dice) {}
    }

    /// A device is away for a month, and records meanwhile what nobody hears of; another one purges days.
    pub(super) fn month(&mut self, n: usize, by: usize, first: u8, last: u8) {
        if n == by || self.nodes[n].is_lost {
            return;
        }
        self.disconnect(n);
        self.nodes[n].is_away = true;
        for day in 0..30_u8 {
            self.wait(DAY_MS.unsigned_abs());
            for other in 0..self.nodes.len() {
                // Now and then they meet.
                if day % 5 == 0 {
                    self.connect(other);
                }
                self.tick(other);
            }
            self.arrive();
            match day {
                2 => self.record(n, 1, 2),
                12 => self.purge(by, first.saturating_add(12), last, 2),
                20 => self.record(n, 12, 1),
                _ => {}
            }
        }
        self.nodes[n].is_away = false;
        let purges: Vec<_> = self.nodes[by].client.iter().flat_map(|client| client.standing().purges.clone()).collect();
        let Some(client) = &self.nodes[n].client else { return };
        let known = &client.standing().purges;
        let new = purges.iter().filter(|purge| !known.contains(purge));
        let is_reached = new.into_iter().any(|purge| {
            client.log().all().any(|(_, header, state)| state == State::Live && purge.reaches(&header.place))
        });
        if is_reached {
            let is_folder = self.folder.is_some();
            self.saw(if is_folder { Happening::PurgedWhileAwayInFolder } else { Happening::PurgedWhileAway });
        }
    }

    /// A disk is copied, and both copies set one path before they meet.
    pub(super) fn both_set(&mut self, n: usize, path: u8) {
        let before = self.nodes.len();
        self.twin(n, false);
        if self.nodes.len() == before {
            return;
        }
        let count = self.told.len();
        self.set(n, path, 1);
        self.set(before, path, 1);
        if self.told.len() == count + 2 {
            self.saw(Happening::SetByTwoClones);
        }
    }

    /// So many settings that they are worth sealing.
    pub(super) fn many_set(&mut self, n: usize, count: u8) {
        self.connect(n);
        self.arrive();
        self.set(n, 9, count);
        self.tick(n);
        self.arrive();
        self.seal(n);
    }

    /// Two revoke a device at once: one has its snapshot, the other one the chunks that this covers.
    pub(super) fn revoke_twice(&mut self, whom: usize, by: usize, and: usize) {
        let device = self.nodes[whom].device;
        if by == and || self.nodes[by].device == device || self.nodes[and].device == device {
            return;
        }
        self.record(whom, 1, 1);
        self.record(whom, 1, 2);
        for n in [whom, by, and] {
            self.connect(n);
            self.tick(n);
            self.arrive();
        }
        for n in [by, and] {
            self.connect(n);
            self.arrive();
        }
        self.seal(whom);
        for n in [whom, by] {
            self.connect(n);
            self.talk(n);
        }
        self.say(by, |client| client.revoke(device));
        self.say(and, |client| client.revoke(device));
    }

    /// One has not heard of a device's newest chunk when it revokes it; another one has, and vouches for it.
    pub(super) fn revoke_unheard(&mut self, whom: usize, by: usize, and: usize) {
        let device = self.nodes[whom].device;
        if by == and || self.nodes[by].device == device || self.nodes[and].device == device {
            return;
        }
        self.disconnect(by);
        self.record(whom, 0, 1);
        for n in [whom, and, whom, and] {
            self.connect(n);
            self.tick(n);
            self.talk(n);
        }
        self.say(by, |client| client.revoke(device));
        for n in [by, and] {
            self.connect(n);
            self.tick(n);
            self.arrive();
        }
        self.vouch(and, device);
    }

    /// One purges under a key of its own; beside it, another one takes a device in, and brings the key that will be in use.
    pub(super) fn purge_unread(&mut self, by: usize, and: usize) {
        if by == and {
            return;
        }
        self.disconnect(by);
        self.disconnect(and);
        self.say(by, Client::rotate);
        self.purge(by, 3, 0, 2);
        self.admit(and, 3, 1);
        for _ in 0..3 {
            self.say(and, Client::rotate);
        }
        // Nobody who could give the key away comes before the new one has been there.
        for n in [and, by] {
            self.connect(n);
            self.tick(n);
            self.talk(n);
            self.disconnect(n);
        }
        let newest = self.nodes.len() - 1;
        self.nodes[newest].lies.wraps = true;
        self.connect(newest);
        self.talk(newest);
    }

    /// A device is lost as soon as the relay has acknowledged what it wrote, and the relay loses power.
    pub(super) fn lose_both(&mut self, n: usize) {
        self.connect(n);
        self.record(n, 0, 1);
        self.tick(n);
        self.talk(n);
        self.lose(n);
        self.cut();
        self.server.crash(self.now);
    }

    /// What the statements and chunks of the whole world show to have come about.
    pub(crate) fn look_back(&mut self) {
        let Some(n) = self.members().into_iter().next() else { return };
        let Some(client) = &self.nodes[n].client else { return };
        let statements: Vec<Statement> = client.membership().statements().cloned().collect();
        let mut seen = Vec::new();
        for (at, one) in statements.iter().enumerate() {
            for other in &statements[..at] {
                // Each stands behind what it follows; of two heads neither follows the other.
                let is_beside = !follows(&statements, at, &other.id());
                match (&one.body().what, &other.body().what) {
                    (What::Purge { days, .. }, What::Purge { days: others, .. })
                        if is_beside && days.start() <= others.end() && others.start() <= days.end() =>
                    {
                        seen.push(Happening::TwoPurges);
                    }
                    (What::Revoke { device, listed }, What::Revoke { device: same, listed: others })
                        if device == same =>
                    {
                        let snapshots = self
                            .written
                            .values()
                            .filter(|(_, header)| header.place.device == *device && !header.covers.is_empty());
                        let apart = |a: &[_], b: &[_]| {
                            snapshots.clone().any(|(id, header)| {
                                let is_part =
                                    |part: &[u8; 16]| header.covers.iter().any(|short| part.starts_with(&short.0));
                                a.contains(&listing(id)) && !b.contains(&listing(id)) && b.iter().any(is_part)
                            })
                        };
                        if apart(listed, others) || apart(others, listed) {
                            seen.push(Happening::ListedApart);
                        }
                    }
                    _ => {}
                }
            }
        }
        seen.into_iter().for_each(|what| self.saw(what));
    }
}

/// Whether a statement follows another one, however far.
fn follows(all: &[Statement], at: usize, id: &StatementId) -> bool {
    let mut open: Vec<_> = all.get(at).into_iter().flat_map(|one| one.body().follows.clone()).collect();
    while let Some(next) = open.pop() {
        if next == *id {
            return true;
        }
        open.extend(all.iter().filter(|one| one.id() == next).flat_map(|one| one.body().follows.clone()));
    }
    false
}
