//! `aimon source ask`

use aimon_core::ids::DeviceId;
use aimon_core::settings::{Asking, Settings};
use aimon_replica::Replica;
use aimon_sources::collector::Env;
use aimon_sources::subscription::{Subscription, subscription, subscriptions};

use crate::accounts::AccountError;
use crate::cli::AskArgs;
use crate::error::Result;
use crate::place::Place;
use crate::render::labels::Labels;
use crate::render::text::visible_lines;
use crate::subscriptions::note::Note;
use crate::subscriptions::{help, logins, shown};
use crate::{note, output, workspace};

/// Turns it on or off, for this device.
pub(super) async fn run(args: &AskArgs) -> Result<()> {
    let of = subscription(&args.source).ok_or_else(|| AccountError::UnknownSubscription(args.source.clone()))?;
    let place = Place::here()?;
    if place.is_demo() {
        return Err(AccountError::Demo.into());
    }
    let mut replica = place.borrow().await?;
    let entry = Asking::entry(of.source(), replica.device(), args.on);
    workspace::set(&mut replica, vec![entry]).await?;
    forget_trouble(&mut replica, of).await?;
    replica.settle().await;
    drop(replica);
    if !args.on {
        return output::print(&format!("This device does not ask {} for windows any more.\n", of.title()));
    }
    // What is wrong with the login is said now, to whoever can do something about it.
    if let Err(why) = logins::read(of, &Env::of_process(), place.now).await {
        output::note(&format!("{why} ({}): {}", why.code(), help(&why)));
    }
    output::print(&format!(
        "This device asks {} for the windows of your subscription from here on, at most each five minutes, with the login that `{}`\n\
         keeps here: `aimon up` by itself, `aimon poll` once. `aimon source list` shows how it goes.\n",
        of.title(),
        of.agent()
    ))
}

/// What was wrong before says nothing of what begins now. That it was just asked, or rests, stays.
async fn forget_trouble(replica: &mut Replica, of: &dyn Subscription) -> Result<()> {
    let mut note = note::read::<Note>(replica).await?;
    let mut held = note.of(of.source());
    if held.turn().rests_until.is_none() {
        held.trouble = None;
    }
    if note.set(of.source(), held) {
        note::write(replica, &note).await?;
    }
    Ok(())
}

/// Whose windows are asked for by which device, and how it goes on this one: for `aimon source list`.
///
/// # Errors
/// The replica's.
pub(super) async fn lines(replica: &mut Replica, place: &Place, settings: &Settings) -> Result<String> {
    let (here, asking) = (replica.device(), Asking::of(settings));
    let labels: Labels = place.labels(Some(here), settings);
    let mut lines: Vec<String> = shown::of(replica).await?.iter().map(|one| one.line(place.now)).collect();
    for of in subscriptions() {
        let others = asking.devices(of.source()).filter(|device: &DeviceId| *device != here);
        let names: Vec<String> = others.map(|device| labels.device(&device.to_string()).to_string()).collect();
        if !names.is_empty() {
            lines.push(format!("{}'s windows are asked for by {}", of.source(), names.join(", ")));
        }
    }
    Ok(lines.iter().map(|line| format!("{}\n", visible_lines(line))).collect())
}
