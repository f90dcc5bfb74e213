//! `aimon windows`

use aimon_core::time::UtcMillis;

use crate::cli::{SharesArg, WindowsArgs};
use crate::error::Result;
use crate::limits::Limits;
use crate::output;
use crate::place::Place;
use crate::pricing::Pricing;
use crate::render::grid;
use crate::render::json::pretty;
use crate::render::labels::Labels;
use crate::render::windows::{WindowsJson, show};
use crate::view::View;

/// What is left, and who used up the rest.
///
/// # Errors
/// What can't be read.
pub async fn read(no_scan: bool) -> Result<(Limits, Labels, UtcMillis)> {
    let pricing = Pricing::load()?;
    let place = Place::here()?;
    let mut view = View::open(&place, !no_scan, |_| None).await?;
    let (settings, labels) = (view.settings().clone(), view.labels().clone());
    let limits = match view.replica() {
        Some(replica) => Limits::of(replica, &settings, &labels, &pricing, place.now).await?,
        None => Limits::default(),
    };
    view.tell_quarantined().await?;
    view.tell_concerns().await?;
    view.close().await;
    Ok((limits, labels, place.now))
}

/// Shows it.
pub async fn run(args: &WindowsArgs) -> Result<()> {
    let (limits, labels, now) = read(args.no_scan).await?;
    if args.json {
        return output::print_plain(&pretty(&WindowsJson::of(&limits, &labels, now)));
    }
    output::print(&show(&limits, &labels, now, args.by == SharesArg::Session, grid::width()))
}
