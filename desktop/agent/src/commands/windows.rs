//! `aimon windows`

use crate::cli::{SharesArg, WindowsArgs};
use crate::error::Result;
use crate::limits::Limits;
use crate::output;
use crate::place::Place;
use crate::pricing::Pricing;
use crate::render::grid;
use crate::render::json::pretty;
use crate::render::windows::{WindowsJson, show};
use crate::view::View;

/// Shows what is left, and who used up the rest.
pub async fn run(args: &WindowsArgs) -> Result<()> {
    let pricing = Pricing::load()?;
    let place = Place::here()?;
    let mut view = View::open(&place, !args.no_scan, |_| None).await?;
    let (settings, labels) = (view.settings().clone(), view.labels().clone());
    let limits = match view.replica() {
        Some(replica) => Limits::of(replica, &settings, &labels, &pricing, place.now).await?,
        None => Limits::default(),
    };
    view.tell_quarantined().await?;
    view.tell_concerns().await?;
    view.close().await;
    if args.json {
        return output::print_plain(&pretty(&WindowsJson::of(&limits, &labels, place.now)));
    }
    output::print(&show(&limits, &labels, place.now, args.by == SharesArg::Session, grid::width()))
}
