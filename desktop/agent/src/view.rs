//! What most commands do first: open the replica, take in what is new if they may, and read.

use aimon_core::history::{Query, Report};
use aimon_core::time::UtcDay;
use aimon_replica::Replica;
use tokio::sync::Mutex;

use crate::agent::client::Client;
use crate::error::Result;
use crate::output;
use crate::place::Place;
use crate::pricing::Pricing;
use crate::scan::{self, Scanned};

/// A replica that is open, if there is one.
#[derive(Debug)]
pub struct View {
    replica: Option<Mutex<Replica>>,
    /// What was taken in, if that was asked for and possible.
    pub scanned: Option<Scanned>,
}

impl View {
    /// Opens the replica. With `fresh`, what is new is taken in first: by this process or, where a
    /// running `aimon up` holds the folder, by that.
    pub async fn open(place: &Place, fresh: bool) -> Result<Self> {
        if !fresh {
            return Ok(Self { replica: place.open_read().await?.map(Mutex::new), scanned: None });
        }
        if let Some(replica) = place.try_open().await? {
            let replica = Mutex::new(replica);
            let scanned = Some(scan::scan(&replica, place, true).await?);
            return Ok(Self { replica: Some(replica), scanned });
        }
        let scanned = match Client::find(&place.home).map(|c| c.scan_briefly()) {
            Some(Ok(scanned)) => Some(scanned),
            // Another scan, or an agent that is busy: what is there is read all the same.
            _ => {
                output::note("another aimon is writing; showing what it has recorded so far");
                None
            }
        };
        Ok(Self { replica: place.open_read().await?.map(Mutex::new), scanned })
    }

    /// The replica, if there is one.
    pub fn replica(&mut self) -> Option<&mut Replica> {
        self.replica.as_mut().map(Mutex::get_mut)
    }

    /// Cuts a report.
    pub async fn report(&mut self, query: &Query, as_of: UtcDay, pricing: &Pricing) -> Result<Report> {
        match self.replica() {
            Some(replica) => report(replica, query, as_of, pricing).await,
            None => Ok(Report::default()),
        }
    }
}

/// Cuts a report from a replica.
pub async fn report(replica: &mut Replica, query: &Query, as_of: UtcDay, pricing: &Pricing) -> Result<Report> {
    let days = replica.history(query.utc_days(), as_of).await?;
    Ok(Report::cut(query, days, &|key, day, tokens| pricing.cost(key, day, tokens)))
}
