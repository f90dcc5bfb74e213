//! `aimon report`

use std::borrow::Cow;

use aimon_core::history::{CostMode, Dimension, Period, Query};
use aimon_core::time::UtcMillis;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::cli::{ByArg, ModeArg, PeriodArg, RangeArgs, ReportArgs, WeekdayArg};
use crate::dates::{self, Today};
use crate::error::{Error, Result};
use crate::output;
use crate::place::Place;
use crate::pricing::Pricing;
use crate::render::json::{ReportJson, pretty};
use crate::render::table::Parts;
use crate::render::{csv, grid, table};
use crate::view::{View, days_of};

/// Shows usage by period.
pub async fn run(args: &ReportArgs) -> Result<()> {
    let pricing = Pricing::load()?;
    let place = Place::here()?;
    let asked = Asked::of(&args.range, place.now)?;
    let mut query = asked.query(period(args.period, args.start_of_week), args.by.map(dimension));
    let mut view = View::open(&place, !args.range.no_scan, Some(days_of(&query, asked.today.utc))).await?;
    let labels = place.labels(view.replica().as_deref());
    labels.to_ids(&mut query.devices);
    let report = view.report(&query, asked.today.utc, &pricing).await?;
    view.tell_quarantined().await?;
    view.close().await;
    if args.json {
        return output::print_plain(&pretty(&ReportJson::of(&report, query.period, query.by, &labels)));
    }
    let parts = match (query.by, args.breakdown) {
        (Some(by), _) => Parts::Groups(by),
        (None, true) => Parts::Models,
        (None, false) => Parts::None,
    };
    if args.csv {
        return output::print_plain(csv::report(&report, parts, &labels).as_bytes());
    }
    output::print(&table::report(&report, &title(args.period, &asked), query.period, parts, &labels, grid::width()))
}

fn title(period: PeriodArg, asked: &Asked) -> String {
    let by = match period {
        PeriodArg::Daily => "Usage by day",
        PeriodArg::Weekly => "Usage by week",
        PeriodArg::Monthly => "Usage by month",
        PeriodArg::Session => "Usage by session",
    };
    let range = match (asked.since, asked.until) {
        (None, None) => String::new(),
        (Some(a), None) => format!(" · since {a}"),
        (None, Some(b)) => format!(" · until {b}"),
        (Some(a), Some(b)) if a == b => format!(" · {a}"),
        (Some(a), Some(b)) => format!(" · {a} to {b}"),
    };
    format!("{by}{range} · {}", asked.zone_text())
}

/// A range with its days made absolute.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The zone.
    pub zone: TimeZone,
    /// What counts as today.
    pub today: Today,
    /// First local day.
    pub since: Option<Date>,
    /// Last local day.
    pub until: Option<Date>,
    range: RangeArgs,
}

impl Asked {
    /// Makes the days of the command line absolute, in the zone that it names.
    pub fn of(range: &RangeArgs, now: UtcMillis) -> Result<Self> {
        Self::within(range, dates::zone(range.timezone.as_deref())?, now)
    }

    /// The same in a zone that is known already; not every zone has a name.
    pub fn within(range: &RangeArgs, zone: TimeZone, now: UtcMillis) -> Result<Self> {
        let today = Today::of(range.as_of, now, &zone);
        let (since, until) = (range.since.map(|d| d.resolve(today.local)), range.until.map(|d| d.resolve(today.local)));
        if let (Some(since), Some(until)) = (since, until)
            && since > until
        {
            return Err(Error::EmptyRange { since, until });
        }
        Ok(Self { zone, today, since, until, range: range.clone() })
    }

    /// The zone as people read it, on the day that is today.
    pub fn zone_text(&self) -> Cow<'_, str> {
        dates::zone_text(&self.zone, self.today.utc.start())
    }

    /// The query for a report.
    pub fn query(&self, period: Period, by: Option<Dimension>) -> Query {
        Query {
            period,
            zone: self.zone.clone(),
            since: self.since,
            until: self.until,
            sources: self.range.source.clone(),
            models: self.range.model.clone(),
            devices: self.range.device.clone(),
            by,
            mode: mode(self.range.mode),
        }
    }
}

/// What a row is about.
pub fn period(arg: PeriodArg, week: WeekdayArg) -> Period {
    match arg {
        PeriodArg::Daily => Period::Day,
        PeriodArg::Weekly => Period::Week(week.into()),
        PeriodArg::Monthly => Period::Month,
        PeriodArg::Session => Period::Session,
    }
}

/// Where costs come from.
pub fn mode(arg: ModeArg) -> CostMode {
    match arg {
        ModeArg::Calculate => CostMode::Calculate,
        ModeArg::Display => CostMode::Display,
        ModeArg::Auto => CostMode::Auto,
    }
}

/// What rows are divided by.
pub fn dimension(arg: ByArg) -> Dimension {
    match arg {
        ByArg::Model => Dimension::Model,
        ByArg::Source => Dimension::Source,
        ByArg::Device => Dimension::Device,
        ByArg::Session => Dimension::Session,
        ByArg::Quality => Dimension::Quality,
        ByArg::Tier => Dimension::Tier,
        ByArg::Account => Dimension::Account,
        ByArg::Project => Dimension::Project,
    }
}
