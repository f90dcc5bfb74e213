//! `aimon sync`

use serde::Serialize;
use tokio::sync::Mutex;

use crate::cli::SyncArgs;
use crate::error::{Error, Result};
use crate::output;
use crate::place::Place;
use crate::render::json::pretty;
use crate::render::status::{WaitingJson, WithheldJson};
use crate::workspace::concerns::Concerns;
use crate::workspace::waiting::Waiting;
use crate::workspace::{settings, touch};
use crate::{scan, view};

/// What is left after syncing once.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Synced {
    /// Whether both hold the same, and nothing is missing here, as far as is known.
    synced: bool,
    waiting: WaitingJson,
    /// By device, its chunks that it wrote before others that are here, and that are not.
    withheld: Vec<WithheldJson>,
    /// How many files of the shared folder are damaged that hold what else is missing here.
    damaged_files: u64,
    /// By device that was revoked, its chunks that are here and don't count.
    set_aside: Vec<WithheldJson>,
}

/// Takes in what is new, pushes all, pulls all, once.
pub async fn run(args: &SyncArgs) -> Result<()> {
    let place = Place::here()?.needing_keys();
    let replica = place.borrow().await?;
    if replica.workspace().is_none() {
        return Err(aimon_replica::Error::NoWorkspace(place.home.clone()).into());
    }
    let replica = Mutex::new(replica);
    if !args.no_scan {
        // Whoever syncs means what the logs hold by now, as whoever reports does.
        view::doubt_clock(&*replica.lock().await, &place);
        view::tell_left_out(&scan::scan(&replica, &place, !args.json).await?);
    }
    let done = touch::wholly(&replica).await;
    let mut replica = replica.into_inner();
    replica.settle().await;
    done?;
    let concerns = Concerns::of(&mut replica).await?;
    let labels = place.labels(Some(replica.device()), &settings(&mut replica).await?);
    let missing = concerns.missing(&labels);
    if args.json {
        let by_device =
            |chunks: &Option<_>| chunks.as_ref().map(|all| WithheldJson::all(all, &labels)).unwrap_or_default();
        output::print_plain(&pretty(&Synced {
            synced: missing.is_none(),
            waiting: WaitingJson::of(&Waiting::of(&mut replica).await?.unwrap_or_default()),
            withheld: by_device(&concerns.withheld),
            damaged_files: concerns.damaged_files,
            set_aside: by_device(&concerns.aside),
        }))?;
    } else {
        concerns.set_aside(&labels).iter().for_each(|line| output::note(line));
        if missing.is_none() {
            output::print("In step with the relay.\n")?;
        }
    }
    missing.map_or(Ok(()), |missing| Err(Error::Incomplete(missing)))
}
