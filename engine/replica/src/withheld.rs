//! Chunks that somebody holds back, and those that are here and don't count, by whose they are.

use std::collections::BTreeMap;

use aimon_core::ids::DeviceId;
use aimon_ledger::live::State;

use crate::{Error, Replica};

impl Replica {
    /// How many chunks of each device are withheld; `None` where that can't be known: by a process that only reads, or has no keys.
    ///
    /// # Errors
    /// What the database refuses.
    pub async fn withheld(&mut self) -> Result<Option<BTreeMap<DeviceId, u64>>, Error> {
        if !self.may_sync() {
            return Ok(None);
        }
        Ok(Some(by_device(self.client().await?.withheld().into_iter().map(|one| one.device))))
    }

    /// How many chunks of each revoked device are held, and were listed by nobody: they count nowhere until somebody vouches for them.
    /// `None` as for [`Replica::withheld`].
    ///
    /// # Errors
    /// What the database refuses.
    pub async fn chunks_aside(&mut self) -> Result<Option<BTreeMap<DeviceId, u64>>, Error> {
        if !self.may_sync() {
            return Ok(None);
        }
        let log = self.client().await?.log();
        let aside = log.all().filter(|(_, _, state)| *state == State::SetAside);
        Ok(Some(by_device(aside.map(|(_, header, _)| header.place.device))))
    }
}

fn by_device(devices: impl Iterator<Item = DeviceId>) -> BTreeMap<DeviceId, u64> {
    let mut counts = BTreeMap::new();
    devices.for_each(|device| *counts.entry(device).or_default() += 1);
    counts
}
