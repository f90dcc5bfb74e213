//! Time goes on, and everything comes to rest.

use aimon_core::sync::Client;
use aimon_ledger::time::UtcMillis;

use super::World;
use crate::check::{self, Broken};
use crate::lies::Lies;
use crate::node::Node;

/// How often a device that is lied to finds that it and the relay go on differing, and comes again.
const MOST_UNEVEN: u32 = 2;

impl World {
    pub(crate) fn wait(&mut self, ms: u64) {
        self.now = UtcMillis(self.now.0 + ms as i64);
        self.server.relay.tick(self.now);
        let said = self.server.relay.commit();
        self.server.sync();
        self.hand_out(said);
    }

    /// Everything that is not lost runs, with the right time, and is connected, until nothing happens any more.
    ///
    /// # Errors
    /// If that does not end.
    pub fn heal(&mut self) -> Result<(), Broken> {
        self.cut();
        self.server.fill(false, self.now);
        for node in &mut self.nodes {
            node.skew = 0;
            node.crash = None;
            node.is_away = false;
        }
        if self.nodes.iter().any(Node::is_lied_to) {
            self.settle_as(false)?;
            // Who had given up comes once more: others have said something since (seed 43453).
            for n in (0..self.nodes.len()).filter(|n| self.nodes[*n].uneven >= MOST_UNEVEN).collect::<Vec<_>>() {
                self.exchange(n);
            }
            check::while_hidden(self)?;
            self.nodes.iter_mut().for_each(|node| node.lies = Lies::default());
        }
        // Sides are compared once a connection and a day. What a device that lies has done shows the next time, and what others do
        // about it the time after that.
        for _day in 0..3 {
            self.cut();
            self.settle()?;
        }
        Ok(())
    }

    /// Goes on until nothing happens any more.
    ///
    /// # Errors
    /// If that does not end.
    pub fn settle(&mut self) -> Result<(), Broken> {
        self.settle_as(true)
    }

    /// The same; whom a relay lies to can't become even with it.
    fn settle_as(&mut self, is_honest: bool) -> Result<(), Broken> {
        let mut dice = self.fork();
        self.nodes.iter_mut().for_each(|node| node.uneven = 0);
        for _round in 0..80 {
            self.wait(5_000);
            let mut is_quiet = true;
            let mut running = Vec::new();
            for n in 0..self.nodes.len() {
                let now = self.now;
                self.nodes[n].start(now);
                running.extend(self.nodes[n].client.is_some().then_some(n));
                // Whom a relay lies to would go on for ever.
                if is_honest || self.nodes[n].uneven < MOST_UNEVEN {
                    self.connect(n);
                }
                self.tick(n);
            }
            while self.deliver(&mut dice) {
                is_quiet = false;
            }
            if let Some(folder) = &mut self.folder {
                // Everything has arrived, and nobody has written or removed anything.
                is_quiet = !std::mem::take(&mut folder.has_changed);
                folder.is_slow = false;
            }
            // Whoever has stopped on the way has something to say when it starts again.
            is_quiet &= running.iter().all(|n| self.nodes[*n].client.is_some());
            let members = self.members();
            let is_even =
                |n: &usize| self.folder.is_some() || self.nodes[*n].client.as_ref().is_some_and(Client::is_even);
            if is_quiet && (!is_honest || members.iter().all(is_even)) {
                return Ok(());
            }
        }
        let what = self
            .nodes
            .iter()
            .map(|node| format!("\n  {:?} joining {} session {:?}", node.client, node.is_joining, node.session));
        Err(Broken::Restless { what: what.collect() })
    }

    /// The devices that are there and belong to the workspace, by all that was said: one that was revoked may not have heard.
    pub fn members(&mut self) -> Vec<usize> {
        let Ok(view) = self.server.relay.view(&self.workspace);
        let in_folder = self.folder.as_mut().map(|folder| folder.members(&self.workspace));
        let is_in = |node: &Node| {
            let is_there = !node.is_lost && !node.is_joining && node.client.is_some();
            let is_member = match &in_folder {
                Some(members) => members.contains(&node.device),
                None => view.as_ref().is_some_and(|view| view.is_member(&node.device)),
            };
            is_there && is_member
        };
        self.nodes.iter().enumerate().filter(|(_, node)| is_in(node)).map(|(n, _)| n).collect()
    }
}
