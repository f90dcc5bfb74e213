//! Chunks that somebody holds back: a device names the one that it wrote before, and that one is not here.

use std::collections::{BTreeMap, BTreeSet};

use aimon_core::ids::DeviceId;
use aimon_core::sync::Client;
use aimon_core::time::UtcDay;
use aimon_ledger::chunk::Place;
use aimon_ledger::ids::Short;

use crate::{Error, Replica};

/// A chunk as the next one of its author names it.
type Named = (DeviceId, Option<UtcDay>, Short);

impl Replica {
    /// How many chunks of each device are withheld; `None` where that can't be known: by a process that only reads, or has no keys.
    ///
    /// # Errors
    /// What the database refuses.
    pub async fn withheld(&mut self) -> Result<Option<BTreeMap<DeviceId, u64>>, Error> {
        if !self.may_sync() {
            return Ok(None);
        }
        Ok(Some(of(self.client().await?)))
    }
}

/// Those that others name and that are neither held nor covered by one that is. What has a reason to be gone is not missed: its
/// day is not kept, a purge reaches it, or its author was revoked and nobody has listed it.
fn of(client: &Client) -> BTreeMap<DeviceId, u64> {
    let (log, standing) = (client.log(), client.standing());
    let mut held: BTreeSet<Named> = BTreeSet::new();
    let mut named: BTreeSet<Named> = BTreeSet::new();
    for (id, header, _) in log.all() {
        let Place { device, day, .. } = header.place;
        held.extend(std::iter::once(id.short()).chain(header.covers.iter().copied()).map(|id| (device, day, id)));
        named.extend(header.previous.map(|previous| (device, previous.day, previous.id)));
    }
    let is_missed = |(device, day, id): &Named| {
        let place = Place { device: *device, day: *day, part: 0 };
        let is_kept = day.is_none_or(|day| day >= client.first_day());
        let is_purged = standing.purges.iter().any(|purge| purge.reaches(&place));
        let counts = standing
            .former
            .get(device)
            .is_none_or(|former| former.listed.iter().any(|listing| listing.starts_with(&id.0)));
        is_kept && !is_purged && counts
    };
    let mut withheld = BTreeMap::new();
    for (device, _, _) in named.difference(&held).filter(|named| is_missed(named)) {
        *withheld.entry(*device).or_default() += 1;
    }
    withheld
}
