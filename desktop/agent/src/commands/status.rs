//! `aimon status`

use aimon_core::settings::Settings;

use crate::cli::StatusArgs;
use crate::dates::{self, Today};
use crate::error::Result;
use crate::output;
use crate::place::Place;
use crate::pricing::Pricing;
use crate::render::json::pretty;
use crate::render::labels::Labels;
use crate::render::status::{StatusJson, show};
use crate::render::{grid, template};
use crate::status::{self, Status};
use crate::view::{self, View, days_of};

/// Reads the status, with names for people: takes in what is new first, unless that is not wanted.
///
/// # Errors
/// What is asked can't be understood, or the replica's.
pub async fn read(args: &StatusArgs) -> Result<(Status, Labels)> {
    let zone = dates::zone(args.timezone.as_deref())?;
    let by = |settings: &Settings| dates::zone_by(args.timezone.as_deref(), settings);
    let pricing = Pricing::load()?;
    let place = Place::here()?;
    if let Some(format) = &args.format {
        // A template that can't be filled is said before anything is read.
        let today = Today::of(args.as_of, place.now, &zone);
        template::fill(format, &Status::nothing(&zone, today, place.now))?;
    }
    let wanted = |settings: &Settings| {
        let zone = by(settings).ok()?;
        let today = Today::of(args.as_of, place.now, &zone);
        Some(days_of(&status::query(&zone, today), today.utc, settings))
    };
    let mut view = View::open(&place, !args.no_scan, wanted).await?;
    let zone = by(view.settings())?;
    let today = Today::of(args.as_of, place.now, &zone);
    let status = Status::read(&mut view, &zone, today, place.now, &pricing).await?;
    let labels = view.labels().clone();
    view.close().await;
    Ok((status, labels))
}

/// Shows today, 7 and 30 days, and the windows.
pub async fn run(args: &StatusArgs) -> Result<()> {
    let (status, labels) = read(args).await?;
    if args.json {
        return output::print_plain(&pretty(&StatusJson::of(&status, &labels)));
    }
    view::tell_quarantined(status.quarantined);
    status.concerns.tell(&labels);
    match &args.format {
        Some(format) => output::print(&format!("{}\n", labels.title(&template::fill(format, &status)?))),
        None => output::print(&show(&status, &labels, grid::width())),
    }
}
