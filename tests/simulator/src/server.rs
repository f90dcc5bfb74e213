//! The relay, and what can happen to it.

use aimon_ledger::ids::WorkspaceId;
use aimon_ledger::time::UtcMillis;
use aimon_relay_core::memory::Memory;
use aimon_relay_core::relay::{Config, Relay};
use aimon_relay_core::storage::Storage;

/// What a relay does wrong, on purpose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RelayFault {
    /// Acknowledges what it has not made durable.
    AcknowledgeEarly,
}

/// A relay on its machine.
pub struct Server {
    pub relay: Relay<Memory>,
    pub backup: Option<Memory>,
    /// What is really on its disk, where it says more than that.
    behind: Option<Memory>,
    commits: u64,
    fault: Option<RelayFault>,
}

fn relay(memory: Memory, now: UtcMillis) -> Relay<Memory> {
    with(memory, Config::default(), now)
}

fn with(memory: Memory, config: Config, now: UtcMillis) -> Relay<Memory> {
    match Relay::new(memory, config, now) {
        Ok(relay) => relay,
        Err(never) => match never {},
    }
}

impl Server {
    pub fn new(now: UtcMillis, fault: Option<RelayFault>) -> Self {
        let behind = fault.map(|_| Memory::default());
        Self { relay: relay(Memory::default(), now), backup: None, behind, commits: 0, fault }
    }

    /// The disk gets what was written: at once, unless a fault says otherwise.
    pub fn sync(&mut self) {
        self.commits += 1;
        if self.fault == Some(RelayFault::AcknowledgeEarly) && self.commits.is_multiple_of(16) {
            self.behind = Some(self.relay.storage().clone());
        }
    }

    /// Takes nothing more, or again.
    pub fn fill(&mut self, is_full: bool, now: UtcMillis) {
        let quota = if is_full { 1 } else { Config::default().quota };
        self.relay = with(self.relay.storage().clone(), Config { quota, ..Config::default() }, now);
    }

    pub fn keep(&mut self) {
        self.backup = Some(self.relay.storage().clone());
    }

    pub fn restore(&mut self, now: UtcMillis) {
        if let Some(backup) = self.backup.clone() {
            self.relay = relay(backup, now);
        }
    }

    pub fn empty(&mut self, now: UtcMillis) {
        self.relay = relay(Memory::default(), now);
    }

    /// Loses power. What was not committed is gone.
    pub fn crash(&mut self, now: UtcMillis) {
        let mut memory = match &self.behind {
            Some(behind) => behind.clone(),
            None => self.relay.storage().clone(),
        };
        let Ok(()) = memory.rollback();
        self.relay = relay(memory, now);
    }

    /// The statements that it holds.
    pub fn statements(&self, workspace: &WorkspaceId) -> Vec<Vec<u8>> {
        self.relay.storage().said(workspace).map(<[u8]>::to_vec).collect()
    }
}
