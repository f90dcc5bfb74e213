//! Sealing: a finished segment's changes are joined, which makes them smaller and faster to read. Nothing is lost by it: the
//! same changes can be told from it, and that is checked before the single ones go.

use std::collections::BTreeSet;

use aimon_core::segment;
use aimon_core::sync::Client;
use aimon_core::time::{UtcDay, UtcMillis};
use aimon_ledger::chunk::Place;

use crate::{Error, Replica, changes, database, meta};

/// How many bytes of joined changes take their place at once.
const TOGETHER: usize = 1 << 20;

/// The most bytes that are joined into one.
const MOST_BYTES: usize = 1 << 20;

/// The rows whose changes are joined, and the bytes that take their place.
type Sealed = (Vec<i64>, Vec<u8>);

impl Replica {
    /// Seals the segments of days that are over, at most once a day: what was written at the very first
    /// start, of all days, is sealed from the next day on. Returns how many. In a workspace it is for whoever has caught up with
    /// the relay, or has last found a shared folder whole; until then, and without the keys, nothing is sealed there.
    pub async fn seal(&mut self, now: UtcMillis) -> Result<u64, Error> {
        let home = self.home.clone();
        let fail = |e| database::error(&home, e);
        let today = now.day();
        let done = meta::get(&mut self.db, "sealed").await.map_err(fail)?;
        if done.and_then(|v| v.try_into().ok()).map(i32::from_le_bytes) == Some(today.0) {
            return Ok(0);
        }
        if self.workspace.is_some() {
            return self.seal_chunks(now).await;
        }
        let device = self.device();
        let (mut count, mut sealed, mut bytes) = (0, Vec::new(), 0);
        for segment in changes::segments(&mut self.db).await.map_err(fail)? {
            let place = segment.place;
            if segment.plain < 2 || place.day.is_none_or(|day| day >= today) || place.device != device {
                continue;
            }
            let one = self.seal_one(place).await?;
            count += u64::from(!one.is_empty());
            bytes += one.iter().map(|(_, joined)| joined.len()).sum::<usize>();
            sealed.extend(one);
            if bytes >= TOGETHER {
                self.put(&sealed, None).await?;
                (sealed, bytes) = (Vec::new(), 0);
            }
        }
        self.put(&sealed, Some(today)).await?;
        Ok(count)
    }

    /// Snapshots take the place of chunks, and go out to the other devices.
    async fn seal_chunks(&mut self, now: UtcMillis) -> Result<u64, Error> {
        if !self.may_sync() || !self.client().await?.can_write() {
            return Ok(0);
        }
        // What this device wrote before it was set back, or its clone writes, may be there and not here; so may a purge.
        if !self.in_step && self.relay().await?.is_some() {
            return Ok(0);
        }
        let mut count = 0;
        for (place, ids) in self.client().await?.sealable(now.day()) {
            let held = self.held(&ids).await?;
            let mut snapshots = 0;
            let seal = |client: &mut Client| {
                let step = client.seal(&place, &held)?;
                snapshots = step.write.chunks.len();
                Ok(step)
            };
            self.take_step(now, seal).await?;
            count += u64::from(snapshots > 0);
        }
        self.put(&[], Some(now.day())).await?;
        Ok(count)
    }

    /// Puts joined changes in the place of the single ones; `over` is the day for which all is done then.
    async fn put(&mut self, sealed: &[Sealed], over: Option<UtcDay>) -> Result<(), Error> {
        self.transaction(async |db| {
            for (rows, joined) in sealed {
                changes::replace(db, rows, joined).await?;
            }
            match over {
                Some(day) => meta::set(db, "sealed", &day.0.to_le_bytes()).await,
                None => Ok(()),
            }
        })
        .await
    }

    async fn seal_one(&mut self, place: Place) -> Result<Vec<Sealed>, Error> {
        let home = self.home.clone();
        let rows: Vec<_> = changes::of_place(&mut self.db, place).await.map_err(|e| database::error(&home, e))?;
        let mut parts = Vec::new();
        for row in &rows {
            let Ok(Some(content)) = row.content(&self.ring) else { return Ok(Vec::new()) };
            match (segment::changes(&content), segment::batches(&content)) {
                (Ok(changes), Ok(batches)) => parts.push((row.seq, changes, batches)),
                // The next fold quarantines it.
                _ => return Ok(Vec::new()),
            }
        }
        let changes: Vec<_> = parts.iter_mut().map(|(_, changes, _)| std::mem::take(changes)).collect();
        let mut sealed = Vec::new();
        for packed in segment::pack(&changes, MOST_BYTES).unwrap_or_default() {
            let held = || packed.holds.iter().filter_map(|at| parts.get(*at));
            let before: BTreeSet<&Vec<u8>> = held().flat_map(|(.., batches)| batches).collect();
            let after = segment::batches(&packed.content).unwrap_or_default();
            if packed.holds.len() > 1 && after.iter().collect::<BTreeSet<_>>() == before {
                sealed.push((held().map(|(seq, ..)| *seq).collect(), packed.content));
            }
        }
        Ok(sealed)
    }
}
