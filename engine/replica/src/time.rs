//! Time: which days are kept, and when one expires.

use aimon_core::crypto::Keyring;
use aimon_core::ids::DeviceId;
use aimon_core::retention::{Retention, TrustedTime};
use aimon_core::time::{UtcDay, UtcMillis};
use sqlx::SqliteConnection;

use crate::replica::quarantine;
use crate::{Error, Replica, changes, derived, meta};

impl Replica {
    /// Looks at the clock: lets days expire, unless the clock has jumped.
    pub async fn observe(&mut self, now: UtcMillis) -> Result<(), Error> {
        if self.may_sync() {
            return self.write(now, |client| Ok(client.observe(now))).await;
        }
        let mut time = self.time;
        time.observe(now);
        self.trust(time).await
    }

    /// Before the first calls are recorded no time is proven: one of them is the witness.
    pub(crate) async fn witness(&mut self, call: UtcMillis, now: UtcMillis) -> Result<(), Error> {
        let mut time = self.time;
        time.witness(call, now);
        if self.may_sync() && time.is_proven() {
            return self.write(now, |client| Ok(client.vouch(time.until, now))).await;
        }
        self.trust(time).await
    }

    /// The last day that counts for expiry; `None` as long as nothing proves the clock.
    pub fn trusted_day(&self) -> Option<UtcDay> {
        self.time.is_proven().then(|| self.time.until.day())
    }

    /// Takes over a time for which somebody else than this device's clock vouches: the user, after a jump, or a provider's `Date`. Days
    /// expire by the earlier of the two.
    pub async fn vouch(&mut self, vouched: UtcMillis, now: UtcMillis) -> Result<(), Error> {
        if self.may_sync() {
            return self.write(now, |client| Ok(client.vouch(vouched, now))).await;
        }
        let mut time = self.time;
        time.vouch(vouched, now);
        self.trust(time).await
    }

    /// Sets how many days are kept: for the whole workspace, where there is one. Days that are not kept any more go.
    ///
    /// # Errors
    /// [`Error::NoKeys`] in a workspace whose keys are not there.
    pub async fn set_retention(&mut self, retention: Retention, now: UtcMillis) -> Result<(), Error> {
        if self.workspace.is_some() {
            return self.take_step(now, |client| client.retain(retention)).await;
        }
        let first = if self.time.is_proven() { retention.first_day(self.time.until.day()) } else { self.first_day() };
        let (device, ring) = (self.device, self.ring_to_fold().cloned());
        let rereading = self
            .transaction(async |db| {
                meta::set(db, "retention", &u64::from(retention.days()).to_le_bytes()).await?;
                expire(db, device, ring.as_ref(), first, false).await
            })
            .await?;
        self.rereading |= rereading;
        self.retention = retention;
        self.changed.send_modify(|n| *n += 1);
        Ok(())
    }

    /// Goes by another time, and lets days expire by it. Memory follows the disk: whoever stops this half-way has changed
    /// neither.
    async fn trust(&mut self, time: TrustedTime) -> Result<(), Error> {
        let first = self.retention.first_day(time.until.day());
        // A time within the same day changes nothing that is kept.
        let is_same = first == self.first_day() && time.doubted == self.time.doubted;
        if self.is_writer() && (!is_same || time.is_proven() != self.time.is_proven()) {
            let (device, ring) = (self.device, self.ring_to_fold().cloned());
            let rereading = self
                .transaction(async |db| {
                    meta::set_time(db, time).await?;
                    expire(db, device, ring.as_ref(), first, false).await
                })
                .await?;
            self.rereading |= rereading;
        }
        self.time = time;
        Ok(())
    }
}

/// Takes away the days before `first`; `went` says that some of them went before. Says whether damaged rows were found on the
/// way whose logs are to be read again.
pub(crate) async fn expire(
    db: &mut SqliteConnection,
    device: DeviceId,
    ring: Option<&Keyring>,
    first: UtcDay,
    went: bool,
) -> Result<bool, sqlx::Error> {
    if !changes::expire(db, first).await? && !went {
        return Ok(false);
    }
    let damaged = derived::expire(db, ring, first).await?;
    quarantine(db, device, &damaged).await
}
