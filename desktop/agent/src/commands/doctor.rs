//! `aimon doctor`

mod against;
mod checkup;

use aimon_replica::Replica;
use tokio::sync::Mutex;

use crate::agent::client::{Client, ClientError};
use crate::cli::DoctorArgs;
use crate::error::{Error, Result, exit};
use crate::place::Place;
use crate::pricing::Pricing;
use crate::render::json::pretty;
use crate::{dates, output, scan};

/// Checks everything. Ends with 1 if something is damaged, or this device has no keys or was revoked; with 4 if nothing can be recorded;
/// with 6 if its relay can't be reached, or something is missing here that others have.
pub async fn run(args: &DoctorArgs) -> Result<()> {
    let zone = dates::zone(args.timezone.as_deref())?;
    let pricing = Pricing::load()?;
    let place = Place::here()?;
    if args.against.is_some() {
        return against::run(args, &place, &zone, &pricing).await;
    }
    let mut done = Vec::new();
    if args.rebuild {
        done.push(rebuild(&Place::here()?.needing_keys()).await?);
    }
    if args.trust_clock {
        done.push(trust_clock(&place).await?);
    }
    let found = checkup::Checkup::of(&place, &zone, &pricing, done).await?;
    if args.json {
        output::print_plain(&pretty(&found))?
    } else {
        output::print(&found.text())?
    }
    match found.exit() {
        exit::OK => Ok(()),
        code => Err(Error::Ended(code)),
    }
}

/// Throws the derived tables away and makes them again, here or at the running agent's.
async fn rebuild(place: &Place) -> Result<String> {
    const DONE: &str = "The derived tables were thrown away and made again from the events.";
    let Some(replica) = writer(place, "/v1/rebuild").await? else { return Ok(DONE.to_owned()) };
    let replica = Mutex::new(replica);
    replica.lock().await.rebuild().await?;
    // Damaged segments were found on the way: what their logs still say comes back.
    let scanned = scan::scan(&replica, place, true).await?;
    let again = match scanned.records_new {
        0 => String::new(),
        n => format!(" {n} records were read again from their logs."),
    };
    Ok(format!("{DONE}{again}"))
}

/// Takes the clock as right after a jump.
async fn trust_clock(place: &Place) -> Result<String> {
    if let Some(mut replica) = writer(place, "/v1/trust-clock").await? {
        replica.vouch(place.now, place.now).await?;
    }
    Ok("The clock is taken as right: days that are not kept by it are gone.".to_owned())
}

/// The replica to write; `None` where a running agent holds it, and has done what `path` means itself.
///
/// The lock comes first: what a crash left in `agent.json` can name a port that is somebody else's by now.
async fn writer(place: &Place, path: &str) -> Result<Option<Replica>> {
    if let Some(replica) = place.try_open().await? {
        return Ok(Some(replica));
    }
    let Some(client) = Client::find(&place.home).filter(Client::answers) else {
        // No agent: another command, which is over soon.
        return place.open_patiently(super::PATIENCE).await.map(Some);
    };
    match client.post::<serde_json::Value>(path, b"", std::time::Duration::from_secs(600)) {
        Ok(_) => Ok(None),
        Err(ClientError::Refused(problem)) => Err(Error::Agent(problem)),
        Err(e) => Err(Error::NoAnswer { home: place.home.clone(), why: e.to_string() }),
    }
}
