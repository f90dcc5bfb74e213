//! Purging: data goes, here and in the whole workspace, and logs that are read again bring nothing of it back.
//!
//! In a workspace a purge is a statement, and the sync machine knows what it takes. Without one nobody has to be told: what is left
//! of a row that a purge reaches is written anew, and what was purged is noted here for logs to be held to.

use std::ops::RangeInclusive;

use aimon_core::batch::{Batch, Piece, TooLarge};
use aimon_core::ids::WriterId;
use aimon_core::name::Name;
use aimon_core::sync::{Purge, Selection, SyncError};
use aimon_core::time::{UtcDay, UtcMillis};
use aimon_ledger::chunk::Place;
use aimon_ledger::ids::StatementId;
use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;

use crate::changes::{self, Row};
use crate::database::error;
use crate::replica::random;
use crate::{Error, Replica, derived, meta};

/// Where they are kept.
const KEY: &str = "purges";

/// A purge that was made here while there was no workspace, as it is noted.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct Noted {
    first: i32,
    last: i32,
    instant: i64,
    source: Option<String>,
    account: Option<String>,
}

impl Noted {
    fn of(purge: &Purge) -> Self {
        let selection = purge.selection.clone().unwrap_or_default();
        let text = |name: Option<Name>| name.map(|name| name.to_string());
        Self {
            first: purge.days.start().0,
            last: purge.days.end().0,
            instant: purge.instant.0,
            source: text(selection.source),
            account: text(selection.account),
        }
    }

    fn read(self) -> Purge {
        let selection = Selection { source: self.source.map(Name::from), account: self.account.map(Name::from) };
        plain(UtcDay(self.first)..=UtcDay(self.last), UtcMillis(self.instant), &selection)
    }
}

/// A purge that is no statement: it reaches what is here, and nobody has to be told.
fn plain(days: RangeInclusive<UtcDay>, instant: UtcMillis, selection: &Selection) -> Purge {
    Purge { id: StatementId([0; 32]), devices: Vec::new(), days, instant, selection: Some(selection.clone()) }
}

/// The purges that logs are held to.
pub(crate) async fn all(db: &mut SqliteConnection) -> Result<Vec<Purge>, sqlx::Error> {
    Ok(noted(db).await?.into_iter().map(Noted::read).collect())
}

async fn noted(db: &mut SqliteConnection) -> Result<Vec<Noted>, sqlx::Error> {
    let bytes = meta::get(db, KEY).await?;
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default())
}

async fn note(db: &mut SqliteConnection, purge: &Purge) -> Result<(), sqlx::Error> {
    let mut all = noted(db).await?;
    let new = Noted::of(purge);
    if !all.contains(&new) {
        all.push(new);
    }
    meta::set(db, KEY, &serde_json::to_vec(&all).unwrap_or_default()).await
}

impl Replica {
    /// Up to when a purge that is made now reaches: as far as the clock is trusted. What is dated later stays.
    pub fn purge_instant(&self, now: UtcMillis) -> UtcMillis {
        if self.time.is_proven() { self.time.until } else { now }
    }

    /// Removes what is dated up to [`Replica::purge_instant`]: of `days`, what the selection takes. In a workspace it goes
    /// everywhere, once the others hear of it. [`Replica::scrub`] then takes it out of the files as well.
    ///
    /// # Errors
    /// [`Error::NoKeys`] in a workspace whose keys are not there; [`Error::Sync`] if something can't be read of which something
    /// may remain. Nothing is changed then.
    pub async fn purge(
        &mut self,
        days: RangeInclusive<UtcDay>,
        selection: &Selection,
        now: UtcMillis,
    ) -> Result<(), Error> {
        self.observe(now).await?;
        let instant = self.purge_instant(now);
        if self.workspace.is_none() {
            return self.purge_plain(plain(days, instant, selection)).await;
        }
        let reached = self.client().await?.reached(&[], &days);
        let held = self.held(&reached).await?;
        self.take_step(now, |client| client.purge(Vec::new(), days, instant, selection, held)).await
    }

    async fn purge_plain(&mut self, purge: Purge) -> Result<(), Error> {
        let (home, device) = (self.home.clone(), self.device);
        let fail = |e| error(&home, e);
        let writer = || {
            let mut bytes = [0; 8];
            random(&home, &mut bytes).map(|()| WriterId(bytes))
        };
        // As with recording: ours again only once all is on the disk.
        let mut pen = std::mem::take(&mut self.pen);
        let (mut gone, mut fresh, mut after) = (Vec::new(), Vec::new(), 0);
        loop {
            let rows = changes::plain(&mut self.db, after).await.map_err(fail)?;
            let Some(last) = rows.last() else { break };
            after = last.seq;
            for row in rows {
                let Some(day) = row.place.day.filter(|day| purge.days.contains(day)) else { continue };
                let Some(left) = self.left(&row, day, &purge).map_err(SyncError::from)? else { continue };
                gone.push(row.seq);
                for piece in left {
                    let (part, change) = pen.append(Some(day), piece, writer)?;
                    fresh.push((Place { device, day: Some(day), part }, change));
                }
            }
        }
        self.transaction(async |db| {
            for seq in &gone {
                changes::remove_row(db, *seq).await?;
            }
            changes::append(db, &fresh).await?;
            if !gone.is_empty() {
                derived::clear(db).await?;
            }
            note(db, &purge).await
        })
        .await?;
        self.pen = pen;
        self.follow().await
    }

    /// What a purge leaves of a row, as batches of this device; `None` if it takes nothing, or nothing that can be read.
    fn left(&self, row: &Row, day: UtcDay, purge: &Purge) -> Result<Option<Vec<Piece>>, TooLarge> {
        let Ok(values) = row.values(&self.ring) else { return Ok(purge.takes_all_of(day).then(Vec::new)) };
        let (mut left, mut takes) = (Vec::new(), false);
        for bytes in values {
            let Ok(mut batch) = Batch::decode(&bytes) else {
                // What a newer version wrote goes with all else, or stays whole.
                match purge.takes_all_of(day) {
                    true => takes = true,
                    false => left.push(Piece::kept(bytes)),
                }
                continue;
            };
            let before = batch.len();
            purge.sieve(&mut batch);
            takes |= batch.len() < before;
            if row.place.device != self.device {
                batch.records.iter_mut().for_each(|record| {
                    record.origin.get_or_insert(row.place.device);
                });
            }
            // What was recorded by a version that knew no limit of bytes is not kept from being purged by it.
            left.extend(batch.pieces(usize::MAX)?);
        }
        Ok(takes.then_some(left))
    }
}
