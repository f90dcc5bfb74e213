//! Today, 7 and 30 days, and the windows: what one glance should answer.

use std::borrow::Cow;
use std::collections::BTreeSet;

use aimon_core::accounts::Accounts;
use aimon_core::history::{Figures, Query};
use aimon_core::time::{UtcDay, UtcMillis};
use aimon_replica::Replica;
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::accounts;
use crate::accounts::shown::AccountStateJson;
use crate::dates::{self, Today};
use crate::error::Result;
use crate::limits::Money;
use crate::pricing::Pricing;
use crate::render::labels::Labels;
use crate::subscriptions::shown::{self, AskingJson};
use crate::view::{Held, View, cut};
use crate::windows::{self, Window};
use crate::workspace;
use crate::workspace::concerns::Concerns;
use crate::workspace::waiting::Waiting;

/// Figures of three spans that end today, and the windows as they were last seen.
#[derive(Clone, Debug)]
pub struct Status {
    /// Today.
    pub today: Figures,
    /// Today and the six days before.
    pub week: Figures,
    /// Today and the 29 days before.
    pub month: Figures,
    /// Models without a known price, of 30 days.
    pub unpriced_models: BTreeSet<String>,
    /// Quota windows.
    pub windows: Vec<Window>,
    /// How many parts of segments are quarantined: what they held may be missing in the figures.
    pub quarantined: u64,
    /// What no relay has taken yet; `None` without a workspace.
    pub waiting: Option<Waiting>,
    /// What keeps them from being everybody's.
    pub concerns: Concerns,
    /// What is left of what accounts have bought, and what their keys may spend.
    pub money: Money,
    /// How accounts are doing.
    pub accounts: Vec<AccountStateJson>,
    /// The subscriptions whose windows this device asks for.
    pub asking: Vec<AskingJson>,
    /// The day that is today.
    pub date: Date,
    /// The zone.
    pub zone: TimeZone,
    /// What time it is.
    pub now: UtcMillis,
    /// How many days are kept, if something is.
    pub kept_days: Option<u32>,
    /// Whether nothing was ever recorded.
    pub is_empty: bool,
}

impl Status {
    /// Reads it.
    pub async fn read(
        view: &mut View,
        zone: &TimeZone,
        today: Today,
        now: UtcMillis,
        pricing: &Pricing,
    ) -> Result<Self> {
        let held = view.held(&query(zone, today), today.utc).await?;
        match view.replica() {
            Some(replica) => Self::with(replica, held, zone, today, now, pricing).await,
            None => Ok(Self::nothing(zone, today, now)),
        }
    }

    /// Reads it from a replica.
    pub async fn of(
        replica: &mut Replica,
        zone: &TimeZone,
        today: Today,
        now: UtcMillis,
        pricing: &Pricing,
    ) -> Result<Self> {
        let held = Held::of(replica, &query(zone, today), today.utc).await?;
        Self::with(replica, held, zone, today, now, pricing).await
    }

    async fn with(
        replica: &mut Replica,
        held: Held,
        zone: &TimeZone,
        today: Today,
        now: UtcMillis,
        pricing: &Pricing,
    ) -> Result<Self> {
        let mut status = Self::nothing(zone, today, now);
        let cut = cut(&query(zone, today), held, pricing, &Labels::default())?;
        let (day, week) = (today.local.to_string(), days_before(today, 6).to_string());
        for row in &cut.rows {
            if row.period == day {
                status.today = row.figures.clone();
            }
            // Dates of one form compare as text.
            if row.period >= week {
                status.week.join(&row.figures);
            }
        }
        status.month = cut.total;
        status.unpriced_models = cut.unpriced_models;
        let gauges = replica.gauges().await?;
        let accounts_of = Accounts::of(&workspace::settings(replica).await?);
        (status.windows, status.money) = (windows::of(&gauges, now), Money::of(&gauges, accounts_of.joined()));
        // Behind the reading, which finds what is damaged.
        status.quarantined = replica.quarantined().await?;
        status.waiting = Waiting::of(replica).await?;
        status.concerns = Concerns::of(replica).await?;
        status.accounts = accounts::shown::of(replica, now).await?;
        status.asking = shown::of(replica).await?;
        status.kept_days = Some(replica.retention_days());
        status.is_empty = status.month.sums.calls == 0
            && status.windows.is_empty()
            && status.money.is_empty()
            && replica.days((UtcDay(i32::MIN), UtcDay(i32::MAX))).await?.is_empty();
        Ok(status)
    }

    /// That of somebody who has nothing yet.
    pub fn nothing(zone: &TimeZone, today: Today, now: UtcMillis) -> Self {
        Self {
            today: Figures::default(),
            week: Figures::default(),
            month: Figures::default(),
            unpriced_models: BTreeSet::new(),
            windows: Vec::new(),
            quarantined: 0,
            waiting: None,
            concerns: Concerns::default(),
            money: Money::default(),
            accounts: Vec::new(),
            asking: Vec::new(),
            date: today.local,
            zone: zone.clone(),
            now,
            kept_days: None,
            is_empty: true,
        }
    }

    /// The zone as people read it.
    pub fn zone_text(&self) -> Cow<'_, str> {
        dates::zone_text(&self.zone, self.now)
    }
}

/// The 30 days of which all spans are parts.
pub fn query(zone: &TimeZone, today: Today) -> Query {
    Query { since: Some(days_before(today, 29)), until: Some(today.local), ..Query::daily(zone.clone()) }
}

fn days_before(today: Today, days: i64) -> Date {
    today.local.checked_sub(days.days()).unwrap_or(Date::MIN)
}
