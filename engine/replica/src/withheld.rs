//! Chunks that somebody holds back, by whose they are.

use std::collections::BTreeMap;

use aimon_core::ids::DeviceId;

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
        let mut withheld = BTreeMap::new();
        for one in self.client().await?.withheld() {
            *withheld.entry(one.device).or_default() += 1;
        }
        Ok(Some(withheld))
    }
}
