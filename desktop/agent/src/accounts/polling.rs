//! All metrics of all accounts, side by side: what is due is asked, what has come is recorded together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use aimon_core::accounts::{Account, AccountId, Accounts};
use aimon_core::event::{Clock, Event};
use aimon_core::polling::{Ask, Intervals};
use aimon_core::time::{UtcDay, UtcMillis};
use aimon_replica::{Commit, Replica};
use aimon_sources::provider::poll::Answered;
use aimon_sources::provider::{Failure, http};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::http::Clients;
use super::state::{State, Trouble};
use super::unit::{Endpoint, Unit};
use super::{AccountError, keys, provider_of};
use crate::error::Result;
use crate::place::Place;
use crate::secrets::{Secrets, Surroundings};
use crate::{dates, note, workspace};

/// The longest pause before it is looked again whether something is due.
pub(crate) const REST: Duration = Duration::from_secs(60);

/// What comes within this time after something has come is recorded with it.
const TOGETHER: Duration = Duration::from_millis(50);

/// How often it is looked in a round whether something else is to be asked.
const LOOK: Duration = Duration::from_secs(5);

/// How many days back what is asked for again may reach.
const RECENT: i32 = 4;

/// What came of one question.
struct Came {
    unit: usize,
    /// Whose: accounts may come and go while it is on its way.
    account: AccountId,
    metric: &'static str,
    ask: Ask,
    done: std::result::Result<Answered, Failure>,
}

/// What to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// All that is due, once.
    Due,
    /// Everything, once, whenever it was asked for.
    Force,
    /// What becomes due while something slow is on its way, too.
    Stay,
}

/// What a round came to.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Outcome {
    /// Events that were recorded.
    pub events: u64,
    /// Questions that were answered, by account.
    pub answered: BTreeMap<AccountId, u64>,
    /// What failed, by account and metric.
    pub failed: BTreeMap<AccountId, BTreeMap<String, Failure>>,
    /// Accounts that this device asks for.
    pub accounts: u64,
}

impl Outcome {
    /// Takes in what a later round came to: what was answered then has not failed.
    pub fn join(&mut self, later: Self) {
        self.events += later.events;
        self.accounts = later.accounts;
        for (account, count) in later.answered {
            *self.answered.entry(account).or_default() += count;
        }
        self.failed = later.failed;
    }

    /// The accounts of which nothing was answered, and something failed.
    pub fn lost(&self) -> Vec<&AccountId> {
        self.failed.keys().filter(|account| !self.answered.contains_key(account)).collect()
    }
}

/// Whom this device asks.
pub struct Polling {
    /// What time it is: a benchmark has a day go by in minutes.
    clock: fn() -> UtcMillis,
    units: Vec<Unit>,
    state: State,
    /// Accounts that have asked for a pause: they are asked one question after the other from then on.
    slow: BTreeSet<AccountId>,
    /// Made once there is somebody to ask: to read the system's certificates takes a while.
    clients: Option<Clients>,
    /// By what it was made: made anew when that changes.
    of: (Vec<(Account, AccountId)>, Intervals),
    share: u16,
    /// How many days are kept.
    days: u32,
    /// The number of the replica's last change that is known here.
    heard: Option<u64>,
    /// Whether the past is asked for, too.
    backfills: bool,
}

impl Default for Polling {
    fn default() -> Self {
        Self::new()
    }
}

impl Polling {
    /// Nobody yet.
    pub fn new() -> Self {
        Self::by(dates::now)
    }

    /// The same by another clock than the system's.
    pub fn by(clock: fn() -> UtcMillis) -> Self {
        Self {
            clock,
            units: Vec::new(),
            state: State::default(),
            slow: BTreeSet::new(),
            clients: None,
            of: (Vec::new(), Intervals::default()),
            share: 0,
            days: 0,
            heard: None,
            backfills: true,
        }
    }

    /// Learns whom to ask, and what the history says already. Keys that can't be had are said to be missing.
    ///
    /// # Errors
    /// The replica's.
    pub async fn load(&mut self, replica: &Mutex<Replica>, place: &Place) -> Result<()> {
        let mut replica = replica.lock().await;
        let settings = workspace::settings(&mut replica).await?;
        let (accounts, intervals) = (Accounts::of(&settings), Intervals::of(&settings));
        let device = replica.device();
        self.days = replica.retention_days();
        let mine = accounts.all().filter(|account| account.keys.contains_key(&device));
        let mine = mine.map(|account| (account.clone(), accounts.joined().payer(&account.id).clone()));
        let of = (mine.collect(), intervals);
        let now = (self.clock)();
        if self.heard.is_none() || of != self.of {
            self.state = note::read::<State>(&mut replica).await?;
            // The end of a device's id is drawn at random.
            self.share = u16::from_le_bytes([device.0[14], device.0[15]]) % 1000;
            self.units = self.units_of(&of, place, now)?;
            self.of = of;
            self.heard = None;
            note::write(&mut replica, &self.state).await?;
        }
        self.hear(&mut replica, now).await
    }

    fn units_of(
        &mut self,
        (accounts, intervals): &(Vec<(Account, AccountId)>, Intervals),
        place: &Place,
        now: UtcMillis,
    ) -> Result<Vec<Unit>> {
        let mut units = Vec::new();
        if accounts.is_empty() {
            return Ok(units);
        }
        let secrets = Secrets::open(&place.home, &Surroundings::real()?)?;
        let clients = match self.clients.take() {
            Some(clients) => clients,
            None => Clients::new()?,
        };
        let clients = self.clients.insert(clients).clone();
        for (account, payer) in accounts {
            match endpoint((account, payer), &secrets, &clients) {
                Ok(endpoint) => {
                    let endpoint = Arc::new(endpoint);
                    let metrics = endpoint.provider.metrics().iter().map(|metric| intervals.adjusted(*metric));
                    units.extend(metrics.map(|metric| Unit::new(Arc::clone(&endpoint), metric)));
                    self.state.set(account.id.name(), KEY, None);
                }
                Err(e) => {
                    let before = self.state.get(account.id.name(), KEY).map_or(now.0, |trouble| trouble.since);
                    let (code, text) = (e.code().to_owned(), e.to_string());
                    let trouble = Trouble { code, text, since: before, tried: now.0, next: now.0 };
                    self.state.set(account.id.name(), KEY, Some(trouble));
                }
            }
        }
        Ok(units)
    }

    /// Hears what has changed in the history: at first all days, then those that can still change.
    async fn hear(&mut self, replica: &mut Replica, now: UtcMillis) -> Result<()> {
        let changed = *replica.subscribe().borrow();
        if self.heard == Some(changed) || self.units.is_empty() {
            self.heard = Some(changed);
            return Ok(());
        }
        let from = if self.heard.is_none() { UtcDay(i32::MIN) } else { now.day().plus(-RECENT) };
        let days = (from, UtcDay(i32::MAX));
        let readings = replica.readings(days, now.day()).await?;
        let gauges = replica.gauges().await?;
        for unit in &mut self.units {
            unit.hear(days.0..=days.1, &readings, &gauges);
        }
        self.heard = Some(changed);
        Ok(())
    }

    /// Whether there is anybody to ask.
    pub fn is_idle(&self) -> bool {
        self.units.is_empty()
    }

    /// The first day to ask for, where `first` is the first that is kept. A device without logs has nothing that vouches for the time,
    /// and on it no day expires; what is older than what reports show is not asked for all the same: it would be again and again.
    fn first(&self, now: UtcMillis, first: UtcDay) -> UtcDay {
        first.max(now.day().plus(1 - i32::try_from(self.days).unwrap_or(i32::MAX)))
    }

    /// When something is due next.
    pub fn due_at(&self, now: UtcMillis, first: UtcDay) -> Option<UtcMillis> {
        let first = self.first(now, first);
        let due = |unit: &Unit| match unit.track().backfill(now, first) {
            Some(_) if !unit.track().is_resting(now) => now,
            _ => unit.track().due_at(now, self.share),
        };
        self.units.iter().filter(|unit| !unit.is_busy()).map(due).min()
    }

    /// Asks for all that is due, and records it, until nothing is. With an account only that one's.
    ///
    /// # Errors
    /// The replica's. What providers say is in the outcome.
    pub async fn round(
        &mut self,
        replica: &Mutex<Replica>,
        place: &Place,
        how: How,
        only: Option<&AccountId>,
        tell: &(dyn Fn(&Self, UtcMillis) + Sync),
    ) -> Result<Outcome> {
        let mut outcome = Outcome { accounts: self.of.0.len() as u64, ..Outcome::default() };
        let is_meant = |unit: &Unit| only.is_none_or(|only| unit.endpoint.account == *only);
        if how == How::Force {
            self.units.iter_mut().filter(|unit| is_meant(unit)).for_each(Unit::hurry);
        }
        let mut asked: JoinSet<Came> = JoinSet::new();
        let mut looked = tokio::time::Instant::now();
        loop {
            let first = replica.lock().await.first_day();
            self.begin(&mut asked, first, &is_meant);
            let now = (self.clock)();
            let due = self.due_at(now, first).filter(|_| how == How::Stay).map_or(REST, |due| until(now, due));
            let came = tokio::select! {
                came = asked.join_next() => came,
                () = tokio::time::sleep(due.max(TOGETHER)), if !asked.is_empty() => continue,
            };
            let Some(came) = came else { break };
            let mut all: Vec<Came> = came.into_iter().collect();
            let end = tokio::time::Instant::now() + TOGETHER;
            while let Ok(Some(more)) = tokio::time::timeout_at(end, asked.join_next()).await {
                all.extend(more);
            }
            self.end(replica, all, &mut outcome).await?;
            tell(self, (self.clock)());
            // Somebody may have added an account, or said something of one: it is looked once in a while, not after each question.
            if looked.elapsed() >= LOOK {
                self.load(replica, place).await?;
                looked = tokio::time::Instant::now();
            } else {
                self.hear(&mut *replica.lock().await, (self.clock)()).await?;
            }
        }
        Ok(outcome)
    }

    /// Sends off what is due.
    fn begin(&mut self, asked: &mut JoinSet<Came>, first: UtcDay, is_meant: &dyn Fn(&Unit) -> bool) {
        let now = (self.clock)();
        let first = self.first(now, first);
        // An account is asked a few questions at once at most: providers count them, and ask for pauses.
        let mut busy: BTreeMap<AccountId, usize> = BTreeMap::new();
        for unit in self.units.iter().filter(|unit| unit.is_busy()) {
            *busy.entry(unit.endpoint.account.clone()).or_default() += 1;
        }
        for about_the_past in [false, true] {
            for (n, unit) in self.units.iter_mut().enumerate().filter(|(_, unit)| is_meant(unit)) {
                let account = &unit.endpoint.account;
                let most = if self.slow.contains(account) { 1 } else { unit.endpoint.provider.at_once() };
                let busy = busy.entry(account.clone()).or_default();
                if *busy >= most {
                    continue;
                }
                let Some(ask) = unit.next(now, first, self.share, about_the_past && self.backfills) else { continue };
                *busy += 1;
                let (endpoint, metric) = (Arc::clone(&unit.endpoint), *unit.metric());
                let question = async move {
                    let done = endpoint.ask(&metric, &ask, now).await;
                    Came { unit: n, account: endpoint.account.clone(), metric: metric.name, ask, done }
                };
                unit.begin(asked.spawn(question));
            }
        }
    }

    /// Records what has come.
    async fn end(&mut self, replica: &Mutex<Replica>, all: Vec<Came>, outcome: &mut Outcome) -> Result<()> {
        let now = (self.clock)();
        let mut replica = replica.lock().await;
        if all.iter().any(|came| self.units.get(came.unit).is_some_and(Unit::is_behind)) {
            let mut recent = Vec::new();
            for back in 0..=RECENT {
                recent.extend(replica.answers(now.day().plus(-back)).await?);
            }
            self.units.iter_mut().filter(|unit| unit.is_behind()).for_each(|unit| unit.catch_up(&recent));
        }
        let (mut events, mut has_changed): (Vec<Event>, bool) = (Vec::new(), false);
        let mut pauses: Vec<(AccountId, UtcMillis)> = Vec::new();
        let mut vouched: Option<UtcMillis> = None;
        for came in all {
            let (account, metric) = (came.account, came.metric);
            let is_it = |unit: &&mut Unit| unit.endpoint.account == account && unit.metric().name == metric;
            let Some(unit) = self.units.get_mut(came.unit).filter(is_it) else { continue };
            unit.end();
            match came.done {
                Ok(answered) => {
                    let (clock, date) = answered.observed;
                    vouched = vouched.max(Some(date).filter(|_| clock == Clock::Provider));
                    events.extend(unit.answered(&came.ask, answered, now));
                    *outcome.answered.entry(account.clone()).or_default() += 1;
                    has_changed |= self.state.set(account.name(), metric, None);
                }
                Err(failure) => {
                    tracing::debug!(%account, metric, %failure, "a provider was asked in vain");
                    unit.failed(&failure, now);
                    if let (Failure::RateLimited { .. }, Some(until)) = (&failure, unit.track().rests_until()) {
                        pauses.push((account.clone(), until));
                    }
                    let next = unit.track().due_at(now, self.share);
                    let before = self.state.get(account.name(), metric).cloned();
                    let trouble = Trouble::of(&failure, before.as_ref(), now, next);
                    has_changed |= self.state.set(account.name(), metric, Some(trouble));
                    outcome.failed.entry(account).or_default().insert(metric.to_owned(), failure);
                }
            }
        }
        for (account, until) in pauses {
            let units = self.units.iter_mut().filter(|unit| unit.endpoint.account == account);
            units.for_each(|unit| unit.pause(now, until));
            self.slow.insert(account);
        }
        if !events.is_empty() {
            let before = *replica.subscribe().borrow();
            match replica.record(Commit { events, marks: Vec::new(), now }).await {
                Ok(recorded) => outcome.events += recorded.events,
                Err(e) => {
                    // What was answered is not held: all is heard again before anything else is asked.
                    self.heard = None;
                    return Err(e.into());
                }
            }
            // Those who have asked know what was recorded. What others have recorded meanwhile is heard with the next look.
            if self.heard == Some(before) {
                self.heard = Some(*replica.subscribe().borrow());
            }
        }
        // Within a day nothing expires by it.
        if let Some(date) = vouched.filter(|date| replica.trusted_day() < Some(now.min(*date).day())) {
            replica.vouch(date, now).await?;
        }
        if has_changed {
            note::write(&mut replica, &self.state).await?;
        }
        Ok(())
    }

    /// Whether the past is asked for, too.
    pub fn backfills(&mut self, does: bool) {
        self.backfills = does;
    }

    /// Since when an account's history has no hole, as far as its metrics have a past.
    pub fn begins(&self, now: UtcMillis, first: UtcDay, account: &AccountId) -> Option<UtcMillis> {
        let first = self.first(now, first);
        let units = self.units.iter().filter(|unit| unit.endpoint.account == *account);
        units.filter_map(|unit| unit.track().begins(now, first)).max()
    }

    /// Whether what an account's metrics rest for passes by itself.
    pub fn is_worth_waiting(&self, account: &AccountId) -> bool {
        let passing = ["provider-busy", "provider-down", "provider-timeout", "provider-unreachable"];
        self.state.of(account.name()).all(|(_, trouble)| passing.contains(&trouble.code.as_str()))
    }

    /// How much of the past has been heard of, and how much there is, in milliseconds.
    pub fn progress(&self, now: UtcMillis, first: UtcDay, account: &AccountId) -> (i64, i64) {
        let first = self.first(now, first);
        let units = self.units.iter().filter(|unit| unit.endpoint.account == *account);
        let all = units.map(|unit| unit.track().progress(now, first));
        all.fold((0, 0), |(done, of), (more, and)| (done + more, of + and))
    }

    /// When a metric of an account rests until, if it does: whoever waits for the past waits so long.
    pub fn rests_until(&self, now: UtcMillis, first: UtcDay, account: &AccountId) -> Option<UtcMillis> {
        let first = self.first(now, first);
        let units = self.units.iter().filter(|unit| unit.endpoint.account == *account);
        let waiting = units.filter(|unit| unit.track().is_resting(now) && unit.track().backfill(now, first).is_some());
        waiting.map(|unit| unit.track().due_at(now, self.share)).min()
    }

    /// What became of the last tries.
    pub fn state(&self) -> &State {
        &self.state
    }
}

/// How long it is until then, but no longer than a minute: clocks jump.
pub(crate) fn until(now: UtcMillis, then: UtcMillis) -> Duration {
    let most = i64::try_from(REST.as_millis()).unwrap_or(i64::MAX);
    Duration::from_millis(then.0.saturating_sub(now.0).clamp(0, most).unsigned_abs())
}

/// How an account is asked.
fn endpoint((account, payer): (&Account, &AccountId), secrets: &Secrets, clients: &Clients) -> Result<Endpoint> {
    let provider = provider_of(&account.id)?;
    let key = keys::get(secrets, &account.id)?.ok_or_else(|| AccountError::KeyMissing(account.id.to_string()))?;
    let base = base(account.url.as_deref().or(provider.url()).unwrap_or_default())?;
    let client = clients.to(&base).clone();
    Ok(Endpoint { account: account.id.clone(), payer: payer.clone(), provider, base, key, client })
}

/// Under which name it stands that a key is not here.
const KEY: &str = "key";

/// A base address.
///
/// # Errors
/// What is wrong with it.
pub fn base(text: &str) -> Result<reqwest::Url> {
    http::base(text).map_err(|why| AccountError::BadUrl { text: text.to_owned(), why: why.to_string() }.into())
}
