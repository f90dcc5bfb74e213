//! Sealing: a finished segment's changes become one saved document, which is smaller and loads
//! faster. Nothing is lost by it: the document holds the same changes, and that is checked before
//! the single ones go.

use std::collections::BTreeSet;

use aimon_core::segment;
use aimon_core::time::UtcMillis;

use crate::{Error, Replica, changes, meta, replica};

impl Replica {
    /// Seals the segments of days that are over, each at most once a day. Returns how many.
    pub async fn seal(&mut self, now: UtcMillis) -> Result<u64, Error> {
        let home = self.home.clone();
        let fail = |e| replica::error(&home, e);
        let today = now.day();
        let done = meta::get(&mut self.db, "sealed").await.map_err(fail)?;
        if done.and_then(|v| v.try_into().ok()).map(i32::from_le_bytes) == Some(today.0) {
            return Ok(0);
        }
        let device = self.device();
        let mut sealed = 0;
        for (id, rows, _) in changes::segments(&mut self.db).await.map_err(fail)? {
            if rows < 2 || id.day >= today || id.device != device {
                continue;
            }
            sealed += u64::from(self.seal_one(id).await?);
        }
        self.transaction(async |db| meta::set(db, "sealed", &today.0.to_le_bytes()).await).await?;
        Ok(sealed)
    }

    async fn seal_one(&mut self, id: aimon_core::ids::SegmentId) -> Result<bool, Error> {
        let home = self.home.clone();
        let fail = |e| replica::error(&home, e);
        let rows: Vec<_> = changes::of_day(&mut self.db, id.day).await.map_err(fail)?;
        let rows: Vec<_> = rows.into_iter().filter(|r| r.segment == id).collect();
        let mut loaded = Vec::new();
        for row in &rows {
            match segment::changes(&row.bytes) {
                Ok(changes) => loaded.push(changes),
                // The next fold quarantines it.
                Err(_) => return Ok(false),
            }
        }
        let Ok((saved, left_out)) = segment::document(loaded) else { return Ok(false) };
        // Of a fork a document holds one branch; such a segment stays as it is.
        if left_out > 0 {
            return Ok(false);
        }
        let set =
            |bytes: &[u8]| -> Option<BTreeSet<_>> { segment::batches(bytes).ok().map(|b| b.into_iter().collect()) };
        let before: Option<BTreeSet<_>> = rows.iter().map(|r| set(&r.bytes)).try_fold(BTreeSet::new(), |mut all, s| {
            all.extend(s?);
            Some(all)
        });
        if before.is_none() || before != set(&saved) {
            return Ok(false);
        }
        let seqs: Vec<i64> = rows.iter().map(|r| r.seq).collect();
        self.transaction(async |db| changes::replace(db, &seqs, &saved).await).await?;
        Ok(true)
    }
}
