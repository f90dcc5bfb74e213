//! Connections, and what is on its way.

use aimon_core::sync::Held;
use aimon_generator::Prng;
use aimon_ledger::frame::Frame;
use aimon_relay_core::relay::{Said, SessionId};

use super::World;
use crate::happening::Happening;
use crate::node::Message;

impl World {
    pub(super) fn connect(&mut self, n: usize) {
        if self.nodes[n].is_lost || self.nodes[n].is_away || self.nodes[n].session.is_some() {
            return;
        }
        if self.folder.is_some() {
            self.share(n);
            return;
        }
        if self.nodes[n].is_joining && !self.enter(n) {
            return;
        }
        let Some(client) = &self.nodes[n].client else { return };
        let all: Vec<Vec<u8>> = client.membership().statements().map(|s| s.bytes().to_vec()).collect();
        let device = self.nodes[n].device;
        let Ok(view) = self.server.relay.view(&self.workspace);
        if !view.is_some_and(|view| view.is_member(&device)) {
            // A relay that does not know the workspace, or the device, is told; whether it may come in is for the relay.
            let _refused = self.server.relay.statements(&self.workspace, all, true, self.now);
            let said = self.server.relay.commit();
            self.server.sync();
            self.hand_out(said);
            let Ok(view) = self.server.relay.view(&self.workspace);
            if !view.is_some_and(|view| view.is_member(&device)) {
                return;
            }
        }
        self.sessions += 1;
        self.nodes[n].session = Some(self.sessions);
        self.server.relay.open(SessionId(self.sessions), self.workspace, device);
        let now = self.nodes[n].now(self.now);
        match self.nodes[n].skew.abs() {
            0 => {}
            86_400_000 => self.saw(Happening::DayOff),
            31_536_000_000.. => self.saw(Happening::YearsAhead),
            _ => {}
        }
        if let Some(client) = &mut self.nodes[n].client {
            let step = client.opened(now);
            self.go(n, step);
        }
    }

    pub(super) fn disconnect(&mut self, n: usize) {
        if let Some(session) = self.nodes[n].session {
            self.server.relay.close(SessionId(session));
        }
        self.nodes[n].hang_up();
    }

    /// All connections are gone.
    pub(super) fn cut(&mut self) {
        (0..self.nodes.len()).for_each(|n| self.disconnect(n));
    }

    /// Delivers one frame of one connection; says whether there was one.
    pub(super) fn deliver(&mut self, dice: &mut Prng) -> bool {
        let ways: Vec<(usize, bool)> = self
            .nodes
            .iter()
            .enumerate()
            .flat_map(|(n, node)| [(n, true, !node.inbox.is_empty()), (n, false, !node.outbox.is_empty())])
            .filter(|(_, _, has)| *has)
            .map(|(n, to, _)| (n, to))
            .collect();
        let Some((n, to_device)) = ways.get(dice.below(ways.len() as u64) as usize).copied() else { return false };
        if to_device {
            match self.nodes[n].inbox.pop_front() {
                Some(Message::Frame(frame)) => self.hear(n, frame),
                _ => self.disconnect(n),
            }
        } else if let (Some(frame), Some(session)) = (self.nodes[n].outbox.pop_front(), self.nodes[n].session) {
            let said = self.server.relay.frame(SessionId(session), frame, self.now);
            self.server.sync();
            self.hand_out(said);
        }
        true
    }

    pub(super) fn hear(&mut self, n: usize, frame: Frame) {
        let now = self.nodes[n].now(self.now);
        let Some(client) = &self.nodes[n].client else { return };
        let held: Held = self.nodes[n].disk.held(&client.needs(&frame));
        if let Some(client) = &mut self.nodes[n].client {
            let step = client.frame(frame, held, now);
            self.go(n, step);
        }
    }

    pub(super) fn hand_out(&mut self, mut said: Vec<Said>) {
        while !said.is_empty() {
            for one in std::mem::take(&mut said) {
                self.server.relay.taken(one.to, one.weight);
                let Some(n) = self.nodes.iter().position(|node| node.session == Some(one.to.0)) else { continue };
                let shown = self.as_shown(n, one.frame);
                self.nodes[n].inbox.extend(shown.map(Message::Frame));
                if one.is_last {
                    self.nodes[n].inbox.push_back(Message::Closed);
                }
            }
            if self.server.relay.is_busy() {
                said = self.server.relay.pump(usize::MAX);
            }
        }
    }

    /// Connects a device anew, and gives all that is said until it is quiet: to it, and by it.
    pub fn exchange(&mut self, n: usize) -> Vec<Frame> {
        self.disconnect(n);
        self.connect(n);
        self.talk(n)
    }

    /// All that a device and the relay say to each other until it is quiet.
    pub fn talk(&mut self, n: usize) -> Vec<Frame> {
        let mut all = Vec::new();
        loop {
            if let (Some(frame), Some(session)) = (self.nodes[n].outbox.pop_front(), self.nodes[n].session) {
                all.push(frame.clone());
                let said = self.server.relay.frame(SessionId(session), frame, self.now);
                self.hand_out(said);
            } else if let Some(Message::Frame(frame)) = self.nodes[n].inbox.pop_front() {
                all.push(frame.clone());
                self.hear(n, frame);
            } else {
                return all;
            }
        }
    }
}
