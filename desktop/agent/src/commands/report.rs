//! `aimon report`

use std::borrow::Cow;

use aimon_core::history::{CostMode, Dimension, Period, Query, Report};
use aimon_core::settings::Settings;
use aimon_core::time::UtcMillis;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;

use crate::cli::{ByArg, ModeArg, PeriodArg, RangeArgs, ReportArgs, WeekdayArg};
use crate::dates::{self, Today};
use crate::error::{Error, Result};
use crate::output;
use crate::place::Place;
use crate::pricing::Pricing;
use crate::render::json::{ReportJson, pretty};
use crate::render::labels::Labels;
use crate::render::table::Parts;
use crate::render::{csv, grid, jsonl, table};
use crate::view::{View, days_of};

/// A report, and what it was asked by.
#[derive(Debug)]
pub struct Answer {
    /// The figures.
    pub report: Report,
    /// What was asked.
    pub query: Query,
    /// Names for people.
    pub labels: Labels,
    asked: Asked,
}

impl Answer {
    /// As `--json` prints it.
    pub fn json(&self) -> ReportJson {
        ReportJson::of(&self.report, self.query.period, self.query.by, &self.labels)
    }
}

/// Answers a report: takes in what is new first, unless that is not wanted.
///
/// # Errors
/// What is asked can't be understood, or the replica's.
pub async fn answer(args: &ReportArgs) -> Result<Answer> {
    let pricing = Pricing::load()?;
    let place = Place::here()?;
    // What can't be understood is said before anything is begun.
    Asked::of(&args.range, &Settings::default(), place.now)?;
    let by = args.by.map(dimension);
    let asked = |settings: &Settings| {
        let asked = Asked::of(&args.range, settings, place.now)?;
        let query = asked.query(period(args.period, first_of_week(args.start_of_week, settings)), by);
        Ok::<_, Error>((asked, query))
    };
    let wanted =
        |settings: &Settings| asked(settings).ok().map(|(asked, query)| days_of(&query, asked.today.utc, settings));
    let mut view = View::open(&place, !args.range.no_scan, wanted).await?;
    let (asked, query) = asked(view.settings())?;
    let labels = view.labels().clone();
    let report = view.report(&query, asked.today.utc, &pricing).await?;
    view.tell_quarantined().await?;
    view.tell_concerns().await?;
    view.tell_unknown(&query, &report, asked.today.utc).await?;
    view.close().await;
    Ok(Answer { report, query, labels, asked })
}

/// Shows usage by period.
pub async fn run(args: &ReportArgs) -> Result<()> {
    let answer = answer(args).await?;
    if args.json {
        return output::print_plain(&pretty(&answer.json()));
    }
    let Answer { report, query, labels, asked } = answer;
    let parts = match (query.by, args.breakdown) {
        (Some(by), _) => Parts::Groups(by),
        (None, true) => Parts::Models,
        (None, false) => Parts::None,
    };
    if args.jsonl {
        return output::print_plain(&jsonl::report(&report, &query, parts, &labels));
    }
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
    /// Makes the days of the command line absolute, in the zone that it names, or the settings.
    pub fn of(range: &RangeArgs, settings: &Settings, now: UtcMillis) -> Result<Self> {
        Self::within(range, dates::zone_by(range.timezone.as_deref(), settings)?, now)
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
            is_part: false,
        }
    }
}

/// What a row is about.
pub fn period(arg: PeriodArg, week: Weekday) -> Period {
    match arg {
        PeriodArg::Daily => Period::Day,
        PeriodArg::Weekly => Period::Week(week),
        PeriodArg::Monthly => Period::Month,
        PeriodArg::Session => Period::Session,
    }
}

/// The first day of a week: the one that is asked for, else the one that the workspace's devices agree on, else Monday.
pub fn first_of_week(arg: Option<WeekdayArg>, settings: &Settings) -> Weekday {
    arg.map(Weekday::from).or_else(|| settings.week_start()).unwrap_or(Weekday::Monday)
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
        ByArg::Provider => Dimension::Provider,
        ByArg::Key => Dimension::Key,
    }
}
