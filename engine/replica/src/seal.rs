//! Sealing: a finished segment's changes become one saved document, which is smaller and loads
//! faster. Nothing is lost by it: the document holds the same changes, and that is checked before
//! the single ones go.

use std::collections::BTreeSet;

use aimon_core::segment;
use aimon_core::sync::Client;
use aimon_core::time::{UtcDay, UtcMillis};
use aimon_ledger::chunk::Place;

use crate::{Error, Replica, changes, database, meta};

/// How many bytes of documents take their place at once.
const TOGETHER: usize = 1 << 20;

/// A document, and the rows whose place it takes.
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
            let Some(one) = self.seal_one(place).await? else { continue };
            (count, bytes) = (count + 1, bytes + one.1.len());
            sealed.push(one);
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

    /// Puts documents in the place of their changes; `over` is the day for which all is done then.
    async fn put(&mut self, sealed: &[Sealed], over: Option<UtcDay>) -> Result<(), Error> {
        self.transaction(async |db| {
            for (rows, document) in sealed {
                changes::replace(db, rows, document).await?;
            }
            match over {
                Some(day) => meta::set(db, "sealed", &day.0.to_le_bytes()).await,
                None => Ok(()),
            }
        })
        .await
    }

    async fn seal_one(&mut self, place: Place) -> Result<Option<Sealed>, Error> {
        let home = self.home.clone();
        let rows: Vec<_> = changes::of_place(&mut self.db, place).await.map_err(|e| database::error(&home, e))?;
        let mut loaded = Vec::new();
        for row in &rows {
            let Ok(Some(content)) = row.content(&self.ring) else { return Ok(None) };
            match segment::changes(&content) {
                Ok(changes) => loaded.push(changes),
                // The next fold quarantines it.
                Err(_) => return Ok(None),
            }
        }
        let Ok((saved, left_out)) = segment::document(loaded) else { return Ok(None) };
        // Of a fork a document holds one branch; such a segment stays as it is.
        if left_out > 0 {
            return Ok(None);
        }
        let set =
            |bytes: &[u8]| -> Option<BTreeSet<_>> { segment::batches(bytes).ok().map(|b| b.into_iter().collect()) };
        let before: Option<BTreeSet<_>> =
            rows.iter().map(|r| set(&r.content(&self.ring).ok()??)).try_fold(BTreeSet::new(), |mut all, s| {
                all.extend(s?);
                Some(all)
            });
        if before.is_none() || before != set(&saved) {
            return Ok(None);
        }
        Ok(Some((rows.iter().map(|r| r.seq).collect(), saved)))
    }
}
