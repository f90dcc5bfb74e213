//! `aimon sync`

use serde::Serialize;
use tokio::sync::Mutex;

use crate::cli::SyncArgs;
use crate::error::Result;
use crate::output;
use crate::place::Place;
use crate::render::json::pretty;
use crate::render::status::WaitingJson;
use crate::workspace::touch;
use crate::workspace::waiting::Waiting;
use crate::{scan, view};

/// What is left after syncing once.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Synced {
    synced: bool,
    waiting: WaitingJson,
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
    let done = touch::once(&replica).await;
    let mut replica = replica.into_inner();
    replica.settle().await;
    done?;
    if args.json {
        let waiting = WaitingJson::of(&Waiting::of(&mut replica).await?.unwrap_or_default());
        return output::print_plain(&pretty(&Synced { synced: true, waiting }));
    }
    output::print("In step with the relay.\n")
}
