//! Reports: rows cut out of cells, in a time zone, with what they cost.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;

use super::by_log::ByLog;
use super::cells::{CellKey, DayCells, Detail, Sums};
use super::figures::{Cost, Figures};
use super::metered::Metered;
use crate::accounts::{AccountId, stated};
use crate::event::{Quality, Tier};
use crate::name::Name;
use crate::time::{Quarter, UtcDay};
use crate::units::{PicoUsd, Tokens};

/// 2015-01-01: before any day that a retention of ten years keeps.
const OLDEST_S: i64 = 1_420_070_400;

/// Transitions that are looked at: fifty years of them.
const TRANSITIONS: usize = 100;

/// What one row is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Period {
    /// A local day.
    Day,
    /// A local week, named by its first day.
    Week(Weekday),
    /// A local month.
    Month,
    /// A session, over all its days.
    Session,
}

/// What a row's figures can be divided by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dimension {
    /// The model.
    Model,
    /// The agent's kind.
    Source,
    /// Who observed.
    Device,
    /// The session.
    Session,
    /// How far the figure can be trusted.
    Quality,
    /// The price class.
    Tier,
    /// Who pays: an account, or a subscription; as the log states it, where nobody has said so.
    Account,
    /// The project: of an account's figures the provider's, of a call's that of its repository, where opted in.
    Project,
    /// Whose models they are.
    Provider,
    /// The key that was used, by the provider's id for it.
    Key,
}

/// Where costs come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CostMode {
    /// From tokens and the price table.
    #[default]
    Calculate,
    /// From what the log states; unknown where it states nothing.
    Display,
    /// What the log states, where it does; else from tokens.
    Auto,
}

/// What a report is asked for.
#[derive(Clone, Debug)]
pub struct Query {
    /// What one row is about.
    pub period: Period,
    /// The zone whose days, weeks and months are meant.
    pub zone: TimeZone,
    /// First local day, inclusive.
    pub since: Option<Date>,
    /// Last local day, inclusive.
    pub until: Option<Date>,
    /// Only these sources; all if empty.
    pub sources: Vec<String>,
    /// Only these models; all if empty.
    pub models: Vec<String>,
    /// Only these devices' ids; all if empty.
    pub devices: Vec<String>,
    /// What rows are divided by besides the model.
    pub by: Option<Dimension>,
    /// Where costs come from.
    pub mode: CostMode,
    /// Whether sources and devices are cut out of the whole, so that all parts add up to it: a call for which an account stands in
    /// the whole counts in no part. Else who asks for an agent alone is told of all its calls.
    pub is_part: bool,
}

impl Query {
    /// All days of `zone`, by day.
    pub fn daily(zone: TimeZone) -> Self {
        Self {
            period: Period::Day,
            zone,
            since: None,
            until: None,
            sources: Vec::new(),
            models: Vec::new(),
            devices: Vec::new(),
            by: None,
            mode: CostMode::default(),
            is_part: false,
        }
    }

    /// The UTC days whose cells can matter to the rows asked for; zones reach 14 hours east and 12
    /// west, so a day more on either side is enough.
    pub fn utc_days(&self) -> (UtcDay, UtcDay) {
        (
            self.since.map_or(UtcDay(i32::MIN), |d| UtcDay::of(d).plus(-1)),
            self.until.map_or(UtcDay(i32::MAX), |d| UtcDay::of(d).plus(1)),
        )
    }

    /// How finely this query needs its cells: a zone that is a whole number of hours away from UTC
    /// cuts no hour in two. Where accounts pay for sources all of it is needed: by quarter it is decided whether their own figure
    /// stands.
    pub fn detail(&self) -> Detail {
        let whole = |offset: jiff::tz::Offset| offset.seconds() % 3600 == 0;
        let sessions = self.by == Some(Dimension::Session) || self.period == Period::Session;
        // From the first day that any retention keeps on; a zone changes twice a year.
        let from = jiff::Timestamp::from_second(OLDEST_S).unwrap_or(jiff::Timestamp::MIN);
        let whole_hours = whole(self.zone.to_offset(from))
            && self.zone.following(from).take(TRANSITIONS).all(|transition| whole(transition.offset()));
        if whole_hours && !sessions { Detail::Hours } else { Detail::Full }
    }

    /// A day's cells, summed over what this query does not tell apart: a few sums a day, where there
    /// are hundreds of cells. Prices are linear in tokens of one model, day, tier and context class,
    /// so these are never summed.
    fn sum<'a>(
        &self,
        day: &'a DayCells,
        local: &LocalDays,
        is_meant: &dyn Fn(&CellKey) -> bool,
    ) -> Vec<(Date, &'a CellKey, Sums)> {
        let by = |dimension| self.by == Some(dimension);
        let session = by(Dimension::Session) || self.period == Period::Session;
        // Who pays can be said of a device's or an owner's calls.
        let account = by(Dimension::Account) || by(Dimension::Provider);
        let device = by(Dimension::Device) || !self.devices.is_empty() || account;
        let project = by(Dimension::Project);
        let alike = |a: &CellKey, b: &CellKey| {
            let same = |a: &Name, b: &Name| a.is_same(b) || a == b;
            (a.tier, a.context, a.quality) == (b.tier, b.context, b.quality)
                && same(&a.model, &b.model)
                && same(&a.source, &b.source)
                && (!session || same(&a.session, &b.session))
                && (!device || a.device == b.device)
                && (!account || a.payer == b.payer)
                && (!project || a.project == b.project)
        };
        let mut out: Vec<(Date, &CellKey, Sums)> = Vec::new();
        for (key, sums) in &day.cells {
            let Some(date) = local.date(key.quarter) else { continue };
            if !is_meant(key) {
                continue;
            }
            if self.since.is_some_and(|d| date < d) || self.until.is_some_and(|d| date > d) {
                continue;
            }
            // The latest sums are the likeliest: cells are sorted by time.
            match out.iter_mut().rev().find(|(d, k, _)| *d == date && alike(k, key)) {
                Some((_, _, held)) => *held += *sums,
                None => out.push((date, key, *sums)),
            }
        }
        out.retain(|(_, key, _)| self.takes(key));
        out
    }

    /// Whether what accounts said is in the report: it is of no session, and of no device.
    fn shows_accounts(&self) -> bool {
        self.period != Period::Session && (self.is_part || self.devices.is_empty())
    }

    /// Whether what an account said is in the report: where it is not, the calls that explain it count, and not both are missing.
    pub fn shows(&self, account: &AccountId) -> bool {
        self.shows_accounts() && (self.is_part || self.takes_source(account.provider()))
    }

    fn takes_source(&self, source: &str) -> bool {
        self.sources.is_empty() || self.sources.iter().any(|one| one == source)
    }

    fn takes(&self, key: &CellKey) -> bool {
        let any = |list: &[String], text: &str| list.is_empty() || list.iter().any(|l| l == text);
        self.takes_source(&key.source)
            && (self.models.is_empty() || any(&self.models, &key.model) || any(&self.models, &shown_model(key)))
            && (self.devices.is_empty() || any(&self.devices, &key.device.to_string()))
    }
}

/// A part of a row: one value of the dimension that was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// A stable id.
    pub id: String,
    /// Its figures.
    pub figures: Figures,
}

/// One row.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Row {
    /// `2026-11-24`, a week's first day, `2026-11`, or a session's id.
    pub period: String,
    /// Its figures.
    pub figures: Figures,
    /// By model, as shown: `-fast` behind the name where the fast variant was used.
    pub models: BTreeMap<String, Figures>,
    /// By the dimension that was asked for, the most expensive and largest first.
    pub groups: Vec<Group>,
    /// The sources that the row has.
    pub sources: BTreeSet<Name>,
    /// The first and the last local day.
    pub days: Option<(Date, Date)>,
}

/// Rows and their sum.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// By period, ascending; sessions by their last day.
    pub rows: Vec<Row>,
    /// The sum of the rows.
    pub total: Figures,
    /// By model over all rows.
    pub models: BTreeMap<String, Figures>,
    /// Models whose price is unknown.
    pub unpriced_models: BTreeSet<String>,
}

/// What a cell's tokens cost; `None` if the model has no known price. The tokens are the cell's, or
/// those of its calls without a stated cost.
pub type Price<'a> = dyn Fn(&CellKey, UtcDay, &Tokens) -> Option<PicoUsd> + 'a;

/// One part of a report: sums with what they cost, and where they belong.
struct Part<'a> {
    date: Date,
    key: &'a CellKey,
    groups: Groups<'a>,
    sums: Sums,
    cost: Cost,
}

/// What a part belongs to, beside what its key says.
#[derive(Clone, Copy, Default)]
struct Groups<'a> {
    payer: Option<&'a str>,
    api_key: Option<&'a str>,
    project: Option<&'a str>,
}

impl Report {
    /// Cuts a report: of calls from logs, and of what accounts said.
    pub fn cut(
        query: &Query,
        days: impl IntoIterator<Item = DayCells>,
        metered: &Metered<'_>,
        price: &Price<'_>,
    ) -> Self {
        let mut rows: BTreeMap<String, Building> = BTreeMap::new();
        let mut report = Self::default();
        let covers = !metered.accounts.coverage().is_empty();
        let mut by_log = ByLog::default();
        for day in days {
            let local = LocalDays::of(day.day, &query.zone);
            let explaining =
                |key: &CellKey| metered.explains(day.day, key).filter(|account| covers && query.shows(account));
            if covers && query.shows_accounts() {
                // Of whole days, whatever days are asked for: a day's figure is the same in every report.
                let is_meant = |key: &CellKey| query.is_part || query.takes_source(&key.source);
                for (key, sums) in day.cells.iter().filter(|(key, _)| is_meant(key)) {
                    let payer = metered.told_payer(day.day, key).filter(|account| query.shows(account));
                    if let Some(account) = payer.filter(|_| explaining(key).is_none()) {
                        by_log.add(account.name(), day.day, key, sums);
                    }
                }
            }
            for (date, key, sums) in query.sum(&day, &local, &|key| explaining(key).is_none()) {
                let cost = cost(query.mode, key, day.day, &sums, price);
                let payer = metered.payer_named(day.day, key);
                let groups = Groups { payer, ..Groups::default() };
                report.take(query, &mut rows, &Part { date, key, groups, sums, cost }, &|figures, part| {
                    figures.add(&part.sums, part.key.quality, part.cost);
                });
            }
            if !covers {
                continue;
            }
            for (date, key, sums) in query.sum(&day, &local, &|key| explaining(key).is_some()) {
                // It is in no sum: that its price is not known makes none unknown.
                let cost = Cost { has_unpriced: false, ..cost(query.mode, key, day.day, &sums, price) };
                let payer = explaining(key).map(|account| account.name().as_str());
                let groups = Groups { payer, ..Groups::default() };
                report.take(query, &mut rows, &Part { date, key, groups, sums, cost }, &|figures, part| {
                    figures.add_explained(&part.sums, part.cost);
                });
            }
        }
        let mut lines = if query.shows_accounts() { metered.lines(&query.zone) } else { Vec::new() };
        by_log.leave_out_of(&mut lines);
        for line in lines {
            let is_nothing = line.sums == Sums::default() && line.billed.is_empty();
            if is_nothing || !query.takes(&line.key) {
                continue;
            }
            if query.since.is_some_and(|d| line.date < d) || query.until.is_some_and(|d| line.date > d) {
                continue;
            }
            let cost = match line.sums.tokens.is_zero() {
                true => Cost::NOTHING,
                // A provider states what it bills, and nothing of tokens.
                false if query.mode == CostMode::Display => {
                    cost(CostMode::Display, &line.key, line.day, &line.sums, price)
                }
                false => cost(CostMode::Calculate, &line.key, line.day, &line.sums, price),
            };
            let groups = Groups {
                payer: line.key.payer.as_deref(),
                api_key: line.api_key.as_deref(),
                project: line.project.as_deref(),
            };
            let part = Part { date: line.date, key: &line.key, groups, sums: line.sums, cost };
            report.take(query, &mut rows, &part, &|figures, part| {
                figures.add_line(&line);
                if part.sums != Sums::default() {
                    figures.add(&part.sums, part.key.quality, part.cost);
                }
            });
        }
        report.rows = rows.into_iter().map(|(period, b)| b.row(period)).collect();
        if query.period == Period::Session {
            report.rows.sort_by(|a, b| (a.days.map(|d| d.1), &a.period).cmp(&(b.days.map(|d| d.1), &b.period)));
        }
        report
    }

    fn take(
        &mut self,
        query: &Query,
        rows: &mut BTreeMap<String, Building>,
        part: &Part<'_>,
        add: &dyn Fn(&mut Figures, &Part<'_>),
    ) {
        let (date, key) = (part.date, part.key);
        let model = shown_model(key);
        if part.cost.has_unpriced {
            self.unpriced_models.insert(model.clone());
        }
        let row = rows.entry(period_of(query.period, date, key)).or_default();
        add(&mut row.figures, part);
        add(&mut self.total, part);
        // What was billed is of no model.
        if part.sums != Sums::default() {
            add(self.models.entry(model.clone()).or_default(), part);
            add(row.models.entry(model).or_default(), part);
        }
        if let Some(by) = query.by {
            add(row.groups.entry(group_of(by, key, part.groups)).or_default(), part);
        }
        row.sources.insert(key.source.clone());
        row.days = Some(row.days.map_or((date, date), |(a, b)| (a.min(date), b.max(date))));
    }
}

#[derive(Default)]
struct Building {
    figures: Figures,
    models: BTreeMap<String, Figures>,
    groups: BTreeMap<String, Figures>,
    sources: BTreeSet<Name>,
    days: Option<(Date, Date)>,
}

impl Building {
    fn row(self, period: String) -> Row {
        let mut groups: Vec<Group> = self.groups.into_iter().map(|(id, figures)| Group { id, figures }).collect();
        groups.sort_by(|a, b| {
            let size = |g: &Group| (g.figures.cost, g.figures.sums.tokens.total());
            size(b).cmp(&size(a)).then_with(|| a.id.cmp(&b.id))
        });
        Row { period, figures: self.figures, models: self.models, groups, sources: self.sources, days: self.days }
    }
}

/// The model's name with its price variant, as ccusage shows it.
fn shown_model(key: &CellKey) -> String {
    if key.tier == Tier::Fast { format!("{}-fast", key.model) } else { key.model.to_string() }
}

fn cost(mode: CostMode, key: &CellKey, day: UtcDay, sums: &Sums, price: &Price<'_>) -> Cost {
    let unstated_calls = sums.calls.saturating_sub(sums.stated_calls);
    let (stated, derived, calls) = match mode {
        CostMode::Calculate => (PicoUsd(0), price(key, day, &sums.tokens), sums.calls),
        CostMode::Display => (sums.stated_cost, None, unstated_calls),
        CostMode::Auto if unstated_calls == 0 => (sums.stated_cost, None, 0),
        CostMode::Auto => (sums.stated_cost, price(key, day, &sums.unstated), unstated_calls),
    };
    match derived {
        Some(derived) => Cost { known: stated + derived, unpriced_calls: 0, has_priced: true, has_unpriced: false },
        // Where all calls state their cost none is without a price. Not every provider counts calls.
        None => Cost {
            known: stated,
            unpriced_calls: calls,
            has_priced: calls < sums.calls || (calls == 0 && sums.calls > 0),
            has_unpriced: calls > 0 || sums.calls == 0,
        },
    }
}

fn period_of(period: Period, date: Date, key: &CellKey) -> String {
    match period {
        Period::Day => date.to_string(),
        Period::Week(first) => {
            let back = i64::from(date.weekday().since(first));
            date.checked_sub(jiff::Span::new().days(back)).unwrap_or(date).to_string()
        }
        Period::Month => format!("{:04}-{:02}", date.year(), date.month()),
        Period::Session => key.session.to_string(),
    }
}

/// Whose models an agent's are, where it has one provider's only.
pub(super) fn provider_of(source: &str) -> &str {
    match source {
        "claude-code" => "anthropic",
        "codex" => "openai",
        "gemini" => "google",
        "opencode" => "",
        source => source,
    }
}

fn group_of(by: Dimension, key: &CellKey, groups: Groups<'_>) -> String {
    match by {
        Dimension::Model => shown_model(key),
        Dimension::Source => key.source.to_string(),
        // What an account said nobody has observed alone.
        Dimension::Device if key.quality == Quality::Metered => String::new(),
        Dimension::Device => key.device.to_string(),
        Dimension::Session => key.session.to_string(),
        Dimension::Quality => key.quality.word().to_owned(),
        Dimension::Tier => key.tier.word().to_owned(),
        Dimension::Account => {
            let stated = stated(key.payer.as_ref()).map(Name::as_str);
            groups.payer.or(stated).unwrap_or_default().to_owned()
        }
        Dimension::Project => match (groups.project, key.project) {
            (Some(project), _) => project.to_owned(),
            (None, Some(hash)) => format!("{:016x}", u64::from_be_bytes(hash)),
            (None, None) => String::new(),
        },
        Dimension::Provider => match groups.payer.and_then(AccountId::parse) {
            Some(account) => account.provider().to_owned(),
            None => provider_of(&key.source).to_owned(),
        },
        Dimension::Key => groups.api_key.unwrap_or_default().to_owned(),
    }
}

/// The local dates of one UTC day's quarters.
struct LocalDays([Option<Date>; 96]);

impl LocalDays {
    fn of(day: UtcDay, zone: &TimeZone) -> Self {
        let offset = |at: i64| jiff::Timestamp::from_millisecond(at).ok().map(|t| zone.to_offset(t).seconds());
        let (first, last) = (offset(day.start().0), offset(day.plus(1).start().0));
        if let (Some(first), Some(last), Some(date)) = (first, last, day.date())
            && first == last
        {
            // No transition in this day: only arithmetic.
            let near = [date.yesterday().ok(), Some(date), date.tomorrow().ok()];
            return Self(std::array::from_fn(|q| {
                let local = q as i64 * 900 + i64::from(first);
                near[(local.div_euclid(86_400) + 1).clamp(0, 2) as usize]
            }));
        }
        Self(std::array::from_fn(|q| {
            let at = jiff::Timestamp::from_millisecond(Quarter(q as u8).start(day).0).ok()?;
            Some(zone.to_datetime(at).date())
        }))
    }

    fn date(&self, quarter: Quarter) -> Option<Date> {
        self.0.get(usize::from(quarter.0)).copied().flatten()
    }
}
