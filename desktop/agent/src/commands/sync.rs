//! `aimon sync`

use serde::Serialize;
use tokio::sync::Mutex;

use crate::cli::SyncArgs;
use crate::error::Result;
use crate::output;
use crate::place::Place;
use crate::render::json::pretty;
use crate::workspace::touch;

/// What is left after syncing once.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Synced {
    synced: bool,
    waiting: usize,
}

/// Pushes all, pulls all, once.
pub async fn run(args: &SyncArgs) -> Result<()> {
    let place = Place::here()?.needing_keys();
    let replica = Mutex::new(place.borrow().await?);
    let done = touch::once(&replica).await;
    let mut replica = replica.into_inner();
    replica.settle().await;
    done?;
    let waiting = replica.queue().await?.len();
    if args.json {
        return output::print_plain(&pretty(&Synced { synced: true, waiting }));
    }
    output::print("In step with the relay.\n")
}
