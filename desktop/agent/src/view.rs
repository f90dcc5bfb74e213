//! What most commands do first: open the replica, take in what is new if they may, and read.

use aimon_core::accounts::Accounts;
use aimon_core::history::{DayCells, DayReadings, Detail, Metered, Overlap, Query, Report, Twins};
use aimon_core::settings::Settings;
use aimon_core::time::UtcDay;
use aimon_replica::Replica;
use tokio::sync::Mutex;

use crate::accounts::{shown, to_cover};
use crate::agent::client::Client;
use crate::dates;
use crate::error::{Error, Result};
use crate::filter;
use crate::output;
use crate::place::Place;
use crate::pricing::Pricing;
use crate::render::labels::Labels;
use crate::render::number;
use crate::scan::{self, Scanned};
use crate::workspace::{self, concerns::Concerns};

/// How many days the clock may be ahead before that is worth a word.
pub const DOUBT: i64 = 30;

/// All that is kept.
const ALL_DAYS: (UtcDay, UtcDay) = (UtcDay(i32::MIN), UtcDay(i32::MAX));

/// Days of the history, the day that counts as today, and how finely they are needed.
pub type Days = ((UtcDay, UtcDay), UtcDay, Detail);

/// The days that a query needs, as of a day.
pub fn days_of(query: &Query, as_of: UtcDay, settings: &Settings) -> Days {
    let covers = !Accounts::of(settings).coverage().is_empty();
    (query.utc_days(), as_of, if covers { Detail::Full } else { query.detail() })
}

/// What a report is cut from.
#[derive(Clone, Debug)]
pub struct Held {
    /// Calls from logs.
    pub cells: Vec<DayCells>,
    /// What providers said.
    pub readings: Vec<DayReadings>,
    /// Of which accounts, and what these cover.
    pub accounts: Accounts,
    /// Accounts that may be one.
    pub twins: Twins,
}

impl Held {
    /// Reads it from a replica.
    ///
    /// # Errors
    /// The replica's.
    pub async fn of(replica: &mut Replica, query: &Query, as_of: UtcDay) -> Result<Self> {
        let settings = workspace::settings(replica).await?;
        let (days, as_of, detail) = days_of(query, as_of, &settings);
        Self::within(replica, days, as_of, detail, &settings).await
    }

    /// Reads some days from a replica.
    ///
    /// # Errors
    /// The replica's.
    pub async fn within(
        replica: &mut Replica,
        days: (UtcDay, UtcDay),
        as_of: UtcDay,
        detail: Detail,
        settings: &Settings,
    ) -> Result<Self> {
        let cells = replica.history(days, as_of, detail).await?;
        Self::with(Some(replica), cells, days, as_of, settings).await
    }

    /// With devices that are the same one as one: who pays can be said of a device's calls.
    #[must_use]
    pub fn as_shown(mut self, labels: &Labels) -> Self {
        if !labels.same.is_empty() {
            let keys = self.cells.iter_mut().flat_map(|day| day.cells.iter_mut().map(|(key, _)| key));
            keys.for_each(|key| key.device = labels.shown(key.device));
        }
        self
    }

    /// What accounts said of it.
    pub fn metered(&self) -> Metered<'_> {
        Metered { readings: &self.readings, accounts: &self.accounts, twins: &self.twins }
    }

    async fn with(
        replica: Option<&mut Replica>,
        cells: Vec<DayCells>,
        days: (UtcDay, UtcDay),
        as_of: UtcDay,
        settings: &Settings,
    ) -> Result<Self> {
        let accounts = Accounts::of(settings);
        let Some(replica) = replica else {
            return Ok(Self { cells, readings: Vec::new(), accounts, twins: Twins::NONE });
        };
        let readings = replica.readings(days, as_of).await?;
        Ok(Self { cells, readings, twins: twins(replica, &accounts, as_of).await?, accounts })
    }
}

/// Accounts that may be one: all kept days show it, whichever are asked for.
///
/// # Errors
/// The replica's.
pub async fn twins(replica: &mut Replica, accounts: &Accounts, as_of: UtcDay) -> Result<Twins> {
    if accounts.undecided().is_empty() {
        return Ok(Twins::NONE);
    }
    Ok(Twins::of(accounts, &replica.readings(ALL_DAYS, as_of).await?))
}

/// A replica that is open, if there is one.
#[derive(Debug)]
pub struct View {
    replica: Option<Mutex<Replica>>,
    settings: Settings,
    labels: Labels,
    /// Days that were read while the logs were looked through, and are still right.
    ahead: Option<(Days, Vec<DayCells>)>,
}

impl View {
    /// Opens the replica. With `fresh`, what is new is taken in first: by this process or, where a
    /// running `aimon up` holds the folder, by that. `wanted` says, by the settings, which days will be
    /// asked for: mostly nothing is new, so they are read meanwhile.
    pub async fn open(place: &Place, fresh: bool, wanted: impl FnOnce(&Settings) -> Option<Days>) -> Result<Self> {
        if !fresh {
            return Self::of(place, place.open_to_look().await?).await;
        }
        let opened = match place.try_open().await {
            Err(Error::Replica(why)) if is_unwritable(&why) => return Self::recorded(place, why).await,
            opened => opened?,
        };
        if let Some(replica) = opened {
            doubt_clock(&replica, place);
            let mut view = Self::of(place, Some(replica)).await?;
            let wanted = wanted(&view.settings);
            if let Some(replica) = &view.replica {
                let (scanned, ahead) = tokio::join!(scan::scan(replica, place, true), ahead(replica, wanted));
                let scanned = match scanned {
                    Err(Error::Replica(why)) if is_unwritable(&why) => {
                        view.replica = None;
                        return Self::recorded(place, why).await;
                    }
                    scanned => scanned?,
                };
                tell_left_out(&scanned);
                view.ahead = ahead.filter(|_| !scanned.is_news());
            }
            return Ok(view);
        }
        if Client::find(&place.home).is_none_or(|c| c.scan_briefly().is_err()) {
            // Another scan, or an agent that is busy: what is there is read all the same.
            output::note("another aimon is writing; showing what it has recorded so far");
        }
        Self::read_only(place).await
    }

    /// Shows what was recorded where nothing can be written; if that is not to be had either, says why nothing can.
    async fn recorded(place: &Place, why: aimon_replica::Error) -> Result<Self> {
        let Ok(Some(replica)) = place.open_read().await else { return Err(why.into()) };
        output::note(&format!("{why}; showing what was recorded before"));
        Self::of(place, Some(replica)).await
    }

    /// Opens the replica beside whoever writes to it.
    pub async fn read_only(place: &Place) -> Result<Self> {
        Self::of(place, place.open_read().await?).await
    }

    async fn of(place: &Place, mut replica: Option<Replica>) -> Result<Self> {
        let settings = match &mut replica {
            Some(replica) => workspace::settings(replica).await?,
            None => Settings::default(),
        };
        let labels = place.labels(replica.as_ref().map(Replica::device), &settings);
        Ok(Self { replica: replica.map(Mutex::new), settings, labels, ahead: None })
    }

    /// What the workspace's devices agree on, as far as it can be read here.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Names for people.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// The replica, if there is one.
    pub fn replica(&mut self) -> Option<&mut Replica> {
        self.replica.as_mut().map(Mutex::get_mut)
    }

    /// The cells of some days.
    pub async fn history(&mut self, days: Days) -> Result<Vec<DayCells>> {
        match (self.ahead.take(), self.replica.as_mut()) {
            (Some((read, cells)), _) if read == days => Ok(cells),
            (_, Some(replica)) => Ok(replica.get_mut().history(days.0, days.1, days.2).await?),
            (_, None) => Ok(Vec::new()),
        }
    }

    /// Says so where something is quarantined. After whatever was read: reading finds what is damaged.
    pub async fn tell_quarantined(&mut self) -> Result<()> {
        if let Some(replica) = self.replica() {
            tell_quarantined(replica.quarantined().await?);
        }
        Ok(())
    }

    /// Says what keeps the figures from being everybody's.
    pub async fn tell_concerns(&mut self) -> Result<()> {
        if let Some(replica) = self.replica.as_mut().map(Mutex::get_mut) {
            Concerns::of(replica).await?.tell(&self.labels);
            shown::unheard(replica, dates::now()).await?.iter().for_each(|line| output::note(line));
        }
        Ok(())
    }

    /// Says so where a query that found nothing names what the whole history knows nothing of: that it has no calls then is no news.
    pub async fn tell_unknown(&mut self, query: &Query, report: &Report, as_of: UtcDay) -> Result<()> {
        let is_any = query.sources.is_empty() && query.models.is_empty() && query.devices.is_empty();
        // Not every provider counts calls.
        if is_any || !report.rows.is_empty() {
            return Ok(());
        }
        let all = self.history((ALL_DAYS, as_of, Detail::Hours)).await?;
        let readings = match self.replica() {
            Some(replica) => replica.readings(ALL_DAYS, as_of).await?,
            None => Vec::new(),
        };
        for (what, given) in filter::unknown(query, &all, &readings, &self.labels)? {
            output::note(&format!(
                "no {what} in the whole history is called `{given}`: `aimon report monthly --by {what}` names them"
            ));
        }
        Ok(())
    }

    /// Leaves the folder as somebody may find it: everything in the one file.
    pub async fn close(&mut self) {
        if let Some(replica) = self.replica() {
            replica.settle().await;
        }
    }

    /// What a query is answered from.
    ///
    /// # Errors
    /// The replica's.
    pub async fn held(&mut self, query: &Query, as_of: UtcDay) -> Result<Held> {
        let days = days_of(query, as_of, &self.settings);
        let cells = self.history(days).await?;
        Held::with(self.replica.as_mut().map(Mutex::get_mut), cells, days.0, as_of, &self.settings).await
    }

    /// Cuts a report.
    pub async fn report(&mut self, query: &Query, as_of: UtcDay, pricing: &Pricing) -> Result<Report> {
        let held = self.held(query, as_of).await?.as_shown(&self.labels);
        for one in Overlap::of(&held.cells, &held.metered()) {
            let owner = (!one.owner.is_empty()).then(|| one.owner.as_str());
            output::note(&format!(
                "{} seems to pay for {}, and both are counted; {} has them count once",
                one.account,
                one.source,
                to_cover(&one.source, owner, one.account.name())
            ));
        }
        cut(query, held, pricing, &self.labels)
    }
}

/// Whether nothing can be written: the folder does not let us, or its disk is full.
fn is_unwritable(why: &aimon_replica::Error) -> bool {
    matches!(why, aimon_replica::Error::Home { .. } | aimon_replica::Error::Full(_))
}

/// Says so where the clock is far ahead of the last time that is known to be right: until that is settled no day expires.
/// After some days' pause nothing is said; `aimon doctor` knows.
pub fn doubt_clock(replica: &Replica, place: &Place) {
    let Some(trusted) = replica.trusted_day() else { return };
    let (now, ahead) = (place.now.day(), i64::from(place.now.day().0) - i64::from(trusted.0));
    if ahead > DOUBT {
        output::note(&format!(
            "the clock says {now}, {ahead} days after the last time that is known to be right; no day expires until `aimon doctor --trust-clock`"
        ));
    }
}

/// Says so where logs, or lines of them, could not be taken in just now: figures are without them.
pub fn tell_left_out(scanned: &Scanned) {
    let lines: u64 = scanned.lines_skipped.values().sum();
    let mut what = Vec::new();
    if scanned.files_unreadable > 0 {
        what.push(number::unreadable(scanned.files_unreadable));
    }
    if lines > 0 {
        what.push(number::count(lines, "line"));
    }
    if !what.is_empty() {
        output::note(&format!("{} could not be read; see `aimon doctor`", what.join(" and ")));
    }
    if scanned.dated_ahead > 0 {
        let what = number::count(scanned.dated_ahead, "record");
        output::note(&format!("{what} dated more than a day ahead of the clock; see `aimon doctor`"));
    }
}

/// Says so where parts of segments are quarantined: the figures may be without what they held.
pub fn tell_quarantined(parts: u64) {
    if parts > 0 {
        let (what, are) = (number::count(parts, "part"), if parts == 1 { "is" } else { "are" });
        output::note(&format!("{what} of the history {are} quarantined, and can't be read; see `aimon doctor`"));
    }
}

/// Reads days while the logs are looked through. What fails is tried again, and told, afterwards.
async fn ahead(replica: &Mutex<Replica>, wanted: Option<Days>) -> Option<(Days, Vec<DayCells>)> {
    let days = wanted?;
    // Behind the scan's first step, which sends its readers off.
    tokio::task::yield_now().await;
    let cells = replica.lock().await.history(days.0, days.1, days.2).await.ok()?;
    Some((days, cells))
}

/// Cuts a report from cells. Devices that are the same one are one before anything is summed or left out.
///
/// # Errors
/// The query names a device by what several ids begin with.
pub fn cut(query: &Query, held: Held, pricing: &Pricing, labels: &Labels) -> Result<Report> {
    let Held { cells: days, readings, accounts, twins } = held.as_shown(labels);
    let (prices, query) = (pricing.look_up(), filter::in_full(query, &days, &readings, labels)?);
    let metered = Metered { readings: &readings, accounts: &accounts, twins: &twins };
    Ok(Report::cut(&query, days, &metered, &|key, day, tokens| prices.cost(key, day, tokens)))
}

/// Cuts a report from a replica.
pub async fn report(
    replica: &mut Replica,
    query: &Query,
    as_of: UtcDay,
    pricing: &Pricing,
    labels: &Labels,
) -> Result<Report> {
    cut(query, Held::of(replica, query, as_of).await?, pricing, labels)
}
