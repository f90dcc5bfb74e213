//! `aimon demo`

use aimon_core::history::{Dimension, Period};
use aimon_core::settings::Settings;
use jiff::ToSpan;

use super::report::Asked;
use super::up;
use crate::cli::{DemoArgs, RangeArgs};
use crate::dates::{Day, Today};
use crate::error::Result;
use crate::pricing::Pricing;
use crate::render::grid;
use crate::render::json::{ReportJson, pretty};
use crate::render::status::show;
use crate::render::table::{self, Parts};
use crate::render::text::visible;
use crate::status::Status;
use crate::view::View;
use crate::{demo, home, output, paint};

/// How many days the demo's table has.
const DAYS: u16 = 14;

/// Makes the demo, if today's is not there yet, and shows it.
pub async fn run(args: &DemoArgs) -> Result<()> {
    let folder = home::demo_folder()?;
    let place = demo::make(folder).await?;
    if args.up {
        return up::serve(place, args.timezone.as_deref()).await;
    }
    let pricing = Pricing::load()?;
    let range = RangeArgs { timezone: args.timezone.clone(), ..RangeArgs::default() };
    let mut asked = Asked::of(&range, &Settings::default(), place.now)?;
    let mut view = View::open(&place, false, |_| None).await?;
    let labels = view.labels().clone();
    if args.json {
        let query = asked.query(Period::Day, None);
        let report = view.report(&query, asked.today.utc, &pricing).await?;
        return output::print_plain(&pretty(&ReportJson::of(&report, Period::Day, None, &labels)));
    }
    let width = grid::width();
    let today = Today::of(None, place.now, &asked.zone);
    let status = Status::read(&mut view, &asked.zone, today, place.now, &pricing).await?;
    asked.since = Some(Day::Ago(DAYS - 1).resolve(asked.today.local));
    let query = asked.query(Period::Day, None);
    let days = view.report(&query, asked.today.utc, &pricing).await?;
    let mut query = asked.query(Period::Month, Some(Dimension::Device));
    query.since = asked.today.local.first_of_month().checked_sub(2.months()).ok();
    let months = view.report(&query, asked.today.utc, &pricing).await?;
    let text = [
        show(&status, &labels, width),
        table::report(&days, &format!("Usage by day · the last {DAYS} days"), Period::Day, Parts::None, &labels, width),
        table::report(
            &months,
            "Usage by month and device",
            Period::Month,
            Parts::Groups(Dimension::Device),
            &labels,
            width,
        ),
        paint::dim(&format!(
            "All of this is made up, and lies in {0}.\nAny command works on it: AIMON_HOME='{0}' aimon report --by source",
            visible(&place.home.display().to_string())
        )),
    ];
    output::print(&format!("{}\n", text.join("\n")))
}
