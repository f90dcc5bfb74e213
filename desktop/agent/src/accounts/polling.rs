//! All metrics of all accounts, side by side: what is due is asked, what has come is recorded together.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use aimon_core::accounts::{Account, AccountId, Accounts, KeyPrint};
use aimon_core::event::{Bucket, Clock, Event};
use aimon_core::ids::DeviceId;
use aimon_core::name::Name;
use aimon_core::polling::{Ask, Intervals};
use aimon_core::time::{UtcDay, UtcMillis};
use aimon_replica::{Commit, Replica};
use aimon_sources::provider::poll::Answered;
use aimon_sources::provider::{Failure, Unreadable};
use futures_util::FutureExt as _;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::address::{Addresses, base};
use super::http::Clients;
use super::keys::Keys;
use super::outcome::Outcome;
use super::past::Past;
use super::state::{State, Trouble};
use super::unit::{Endpoint, Unit};
use super::{AccountError, NoKey, Unheard, provider_of, share};
use crate::error::Result;
use crate::place::Place;
use crate::{dates, note, output, workspace};

mod noted;
mod told;

use noted::noted;

/// The longest pause before it is looked again whether something is due.
pub(crate) const REST: Duration = Duration::from_secs(60);

/// What comes within this time after something has come is recorded with it.
const TOGETHER: Duration = Duration::from_millis(50);

/// How often it is looked in a round whether something else is to be asked; and after how long whoever waits is told for whom.
pub(crate) const LOOK: Duration = Duration::from_secs(5);

/// How many days back what is asked for again may reach.
const RECENT: i32 = 4;

/// What came of one question.
struct Came {
    unit: usize,
    /// Who was asked: accounts and keys may come and go while it is on its way.
    endpoint: Arc<Endpoint>,
    metric: &'static str,
    ask: Ask,
    sent: UtcMillis,
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

/// By what units are made.
#[derive(Clone, PartialEq, Eq, Default)]
struct Of {
    /// The accounts to which this device holds a key, and which of them each is shown as.
    accounts: Vec<(Account, AccountId)>,
    intervals: Intervals,
    addresses: Addresses,
}

impl Of {
    async fn read(replica: &mut Replica) -> Result<Self> {
        let settings = workspace::settings(replica).await?;
        let (accounts, device) = (Accounts::of(&settings), replica.device());
        let mine = accounts.all().filter(|account| account.keys.contains_key(&device));
        let mine = mine.map(|account| (account.clone(), accounts.joined().payer(&account.id).clone())).collect();
        Ok(Self { accounts: mine, intervals: Intervals::of(&settings), addresses: note::read(replica).await? })
    }

    /// The keys that this device is said to hold.
    fn keys(&self, device: DeviceId) -> Vec<(AccountId, KeyPrint)> {
        let key = |(account, _): &(Account, AccountId)| Some((account.id.clone(), *account.keys.get(&device)?));
        self.accounts.iter().filter_map(key).collect()
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
    of: Of,
    keys: Keys,
    /// When the metrics of each account have last been answered.
    answered: BTreeMap<AccountId, BTreeMap<&'static str, UtcMillis>>,
    /// Accounts whose past is not all fetched yet.
    past: Past,
    /// Accounts that can't be asked, and why.
    keyless: BTreeMap<AccountId, NoKey>,
    /// When that was found.
    made: UtcMillis,
    /// How many days are kept.
    days: u32,
    /// The number of the replica's last change that is known here.
    heard: Option<u64>,
    /// Whether the past is asked for, too.
    backfills: bool,
    /// Whether it is said whose answer takes long.
    says_waits: bool,
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
            of: Of::default(),
            keys: Keys::default(),
            answered: BTreeMap::new(),
            past: Past::default(),
            keyless: BTreeMap::new(),
            made: UtcMillis(0),
            days: 0,
            heard: None,
            backfills: true,
            says_waits: false,
        }
    }

    /// Learns whom to ask, and what the history says already. Keys that can't be had are said to be missing, and tried again.
    ///
    /// # Errors
    /// The replica's.
    pub async fn load(&mut self, replica: &Mutex<Replica>, place: &Place) -> Result<()> {
        let now = (self.clock)();
        let (of, device) = {
            let mut replica = replica.lock().await;
            self.days = replica.retention_days();
            (Of::read(&mut replica).await?, replica.device())
        };
        let is_new = self.heard.is_none() || of != self.of;
        if is_new || self.keys.are_due(now) {
            // The system may ask whoever sits there: nobody else waits for the answer.
            let has_found = self.keys.read(&place.home, &of.keys(device), now).await;
            if is_new || has_found {
                self.heard = None;
                self.make(of, device, now)?;
            }
            for (account, why) in &mut self.keyless {
                self.keys.of(account).err().into_iter().for_each(|now| *why = now);
            }
        }
        let mut replica = replica.lock().await;
        self.recall(&mut replica).await?;
        self.hear(&mut replica, now).await
    }

    /// Makes the units anew. What was on its way was sent by others.
    fn make(&mut self, of: Of, device: DeviceId, now: UtcMillis) -> Result<()> {
        self.units.iter_mut().for_each(Unit::stop);
        self.units.clear();
        self.keyless.clear();
        (self.of, self.made) = (of, now);
        if self.of.accounts.is_empty() {
            return Ok(());
        }
        let clients = match self.clients.take() {
            Some(clients) => clients,
            None => Clients::new()?,
        };
        let clients = self.clients.insert(clients);
        for (account, payer) in &self.of.accounts {
            let key = self.keys.of(&account.id);
            let made = key.and_then(|key| {
                endpoint((&account.id, payer), key, &self.of.addresses, device, clients).map_err(|e| NoKey::of(&e))
            });
            match made {
                Ok(endpoint) => {
                    let endpoint = Arc::new(endpoint);
                    let metrics = endpoint.provider.metrics().iter().map(|metric| self.of.intervals.adjusted(*metric));
                    self.units.extend(metrics.map(|metric| Unit::new(Arc::clone(&endpoint), metric)));
                }
                Err(why) => drop(self.keyless.insert(account.id.clone(), why)),
            }
        }
        Ok(())
    }

    /// What became of the tries before, here or in another process; and that keys are missing, or not any more.
    async fn recall(&mut self, replica: &mut Replica) -> Result<()> {
        (self.state, self.past) = (note::read(replica).await?, note::read(replica).await?);
        let (tried, next) = self.keys.rests().unwrap_or((self.made, self.made));
        let mut has_changed = false;
        for (account, _) in &self.of.accounts {
            let name = account.id.name();
            let before = self.state.trouble(name, KEY);
            let why = self.keyless.get(&account.id);
            if let Some(why) = why.filter(|why| before.is_none_or(|before| before.code != why.code())) {
                tracing::warn!(account = %account.id, "can't be asked: {why}");
            }
            let trouble = why.map(|why| Trouble::of(Unheard::from(why.clone()).told(), before, tried, next));
            has_changed |= self.state.set_trouble(name, KEY, trouble);
        }
        if has_changed {
            note::write(replica, &self.state).await?;
        }
        self.units.iter_mut().for_each(|unit| unit.recall(&self.state));
        Ok(())
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
            _ => unit.due_at(now),
        };
        // Who is asked as much as may be is not asked for anything else meanwhile.
        let busy = self.busy();
        let is_full = |unit: &&Unit| busy.get(&unit.endpoint.account).is_some_and(|n| *n >= self.most_at_once(unit));
        self.units.iter().filter(|unit| !unit.is_busy() && !is_full(unit)).map(due).min()
    }

    /// How many questions about each account are on their way.
    fn busy(&self) -> BTreeMap<AccountId, usize> {
        let mut busy: BTreeMap<AccountId, usize> = BTreeMap::new();
        for unit in self.units.iter().filter(|unit| unit.is_busy()) {
            *busy.entry(unit.endpoint.account.clone()).or_default() += 1;
        }
        busy
    }

    /// How many questions about an account may be: providers count them, and ask for pauses.
    fn most_at_once(&self, unit: &Unit) -> usize {
        if self.slow.contains(&unit.endpoint.account) { 1 } else { unit.endpoint.provider.at_once() }
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
        let mut outcome = Outcome { accounts: self.of.accounts.len() as u64, ..Outcome::default() };
        let is_meant = |account: &AccountId| only.is_none_or(|only| account == only);
        // What an earlier round had sent has ended with it.
        self.units.iter_mut().for_each(Unit::end);
        if how == How::Force {
            self.hurry(&mut *replica.lock().await, &is_meant).await?;
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
                () = self.say_waits(), if !asked.is_empty() => continue,
            };
            let Some(came) = came else { break };
            let mut all: Vec<Came> = came.into_iter().collect();
            let end = tokio::time::Instant::now() + TOGETHER;
            while let Ok(Some(more)) = tokio::time::timeout_at(end, asked.join_next()).await {
                all.extend(more);
            }
            if let Err(e) = self.end(replica, all, &mut outcome).await {
                // What was answered is not held, perhaps: all is heard again before anything else is asked.
                self.heard = None;
                return Err(e);
            }
            tell(self, (self.clock)());
            // Somebody may have added an account, or said something of one: it is looked once in a while, not after each question.
            if looked.elapsed() >= LOOK {
                self.load(replica, place).await?;
                looked = tokio::time::Instant::now();
            } else {
                self.hear(&mut *replica.lock().await, (self.clock)()).await?;
            }
        }
        for (account, why) in self.keyless.iter().filter(|(account, _)| is_meant(account)) {
            outcome.failed.entry(account.clone()).or_default().insert(KEY.to_owned(), why.clone().into());
        }
        outcome.lost = outcome
            .failed
            .iter()
            .filter_map(|(account, failed)| Some((account.clone(), self.loss(account, Some(failed))?)))
            .collect();
        Ok(outcome)
    }

    /// Says for whom is waited, if anybody wants to know: soon, then now and then; never comes to an end.
    async fn say_waits(&self) {
        for pause in std::iter::once(LOOK).chain(std::iter::repeat(REST / 2)) {
            tokio::time::sleep(pause).await;
            if self.says_waits {
                output::note(&format!("waiting for {}", self.awaited().join(", ")));
            }
        }
    }

    /// Who was asked, and has not answered.
    fn awaited(&self) -> Vec<&str> {
        let busy = self.units.iter().filter(|unit| unit.is_busy());
        busy.map(|unit| unit.endpoint.account.name().as_str()).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Has everything asked at once that nobody has asked to leave alone.
    async fn hurry(&mut self, replica: &mut Replica, is_meant: &(dyn Fn(&AccountId) -> bool + Sync)) -> Result<()> {
        let mut state = note::read::<State>(replica).await?;
        let mut has_changed = false;
        for unit in self.units.iter_mut().filter(|unit| is_meant(&unit.endpoint.account)) {
            unit.recall(&state);
            unit.hurry();
            has_changed |= noted(&mut state, unit);
        }
        if has_changed {
            note::write(replica, &state).await?;
        }
        self.state = state;
        Ok(())
    }

    /// Sends off what is due.
    fn begin(&mut self, asked: &mut JoinSet<Came>, first: UtcDay, is_meant: &dyn Fn(&AccountId) -> bool) {
        let now = (self.clock)();
        let first = self.first(now, first);
        let mut busy = self.busy();
        let most: Vec<usize> = self.units.iter().map(|unit| self.most_at_once(unit)).collect();
        for about_the_past in [false, true] {
            for (n, (unit, most)) in self.units.iter_mut().zip(&most).enumerate() {
                let account = &unit.endpoint.account;
                if !is_meant(account) {
                    continue;
                }
                let busy = busy.entry(account.clone()).or_default();
                if *busy >= *most {
                    continue;
                }
                let Some(ask) = unit.next(now, first, about_the_past && self.backfills) else { continue };
                *busy += 1;
                let (endpoint, metric) = (Arc::clone(&unit.endpoint), *unit.metric());
                let question = async move {
                    // A mistake of ours is a state like any other: it is seen, and asked again later and later.
                    let done = AssertUnwindSafe(endpoint.ask(&metric, &ask, now)).catch_unwind().await;
                    let done =
                        done.unwrap_or_else(|_| Err(Unreadable::Shape("aimon stumbled over it".to_owned()).into()));
                    Came { unit: n, endpoint, metric: metric.name, ask, sent: now, done }
                };
                unit.begin(ask, asked.spawn(question));
            }
        }
    }

    /// Tells those who are behind what the history holds of what they ask for.
    async fn catch_up(&mut self, replica: &mut Replica, now: UtcMillis) -> Result<()> {
        let first = self.first(now, replica.first_day());
        let behind: HashMap<(&str, &str), UtcMillis> = self
            .units
            .iter()
            .filter(|unit| unit.is_behind())
            .map(|unit| ((unit.endpoint.account.name().as_str(), unit.metric().name), unit.reaches_back_to(now, first)))
            .collect();
        let is_meant = |account: &Name, metric: &Name, bucket: Bucket| {
            let from = behind.get(&(account.as_str(), metric.as_str()));
            from.is_some_and(|from| bucket.is_gauge() || bucket.end() > *from)
        };
        let oldest = behind.values().min().map_or(now, |from| *from).day().max(now.day().plus(-RECENT));
        let mut recent = Vec::new();
        for back in 0..=now.day().0.saturating_sub(oldest.0) {
            recent.extend(replica.answers_about(now.day().plus(-back), &is_meant).await?);
        }
        self.units.iter_mut().filter(|unit| unit.is_behind()).for_each(|unit| unit.catch_up(&recent));
        Ok(())
    }

    /// Records what has come.
    async fn end(&mut self, replica: &Mutex<Replica>, all: Vec<Came>, outcome: &mut Outcome) -> Result<()> {
        let now = (self.clock)();
        let mut replica = replica.lock().await;
        // Another process may have asked meanwhile: what it was told counts here, too.
        self.state = note::read(&mut replica).await?;
        self.units.iter_mut().for_each(|unit| unit.recall(&self.state));
        if all.iter().any(|came| self.units.get(came.unit).is_some_and(Unit::is_behind)) {
            self.catch_up(&mut replica, now).await?;
        }
        let (mut events, mut has_changed): (Vec<Event>, bool) = (Vec::new(), false);
        let mut pauses: Vec<(AccountId, UtcMillis)> = Vec::new();
        let asked: BTreeSet<AccountId> = all.iter().map(|came| came.endpoint.account.clone()).collect();
        let mut vouched: Option<UtcMillis> = None;
        for came in all {
            let (account, metric) = (came.endpoint.account.clone(), came.metric);
            // What another key was answered says nothing of this one.
            let is_it = |unit: &&mut Unit| Arc::ptr_eq(&unit.endpoint, &came.endpoint) && unit.metric().name == metric;
            let Some(unit) = self.units.get_mut(came.unit).filter(is_it) else { continue };
            unit.end();
            match came.done {
                Ok(answered) => {
                    let (clock, date) = answered.observed;
                    let is_witness = clock == Clock::Provider && unit.endpoint.vouches();
                    vouched = vouched.max(Some(date).filter(|_| is_witness));
                    events.extend(unit.answered(&came.ask, answered, now));
                    *outcome.answered.entry(account.clone()).or_default() += 1;
                    has_changed |= self.state.set_trouble(account.name(), metric, None);
                    has_changed |= self.note_working_key(&account, metric, now);
                }
                Err(failure) => {
                    tracing::debug!(%account, metric, %failure, "a provider was asked in vain");
                    unit.failed(&failure, now);
                    if let (Failure::RateLimited { .. }, Some(until)) = (&failure, unit.track().rests_until(now)) {
                        pauses.push((account.clone(), until));
                    }
                    let was_answered = unit.track().was_answered();
                    let before = self.state.trouble(account.name(), metric);
                    let why = Unheard::from(failure);
                    let mut trouble = Trouble::of(why.told(), before, now, unit.due_at(now));
                    trouble.was_answered |= was_answered;
                    if trouble.is_about_key() && self.answers_elsewhere(&account, metric, came.sent) {
                        trouble.set_key_works();
                    }
                    if trouble.is_lost_key() {
                        self.state.key_is_lost(account.name());
                    }
                    has_changed |= self.state.set_trouble(account.name(), metric, Some(trouble));
                    outcome.failed.entry(account).or_default().insert(metric.to_owned(), why);
                }
            }
        }
        for (account, until) in pauses {
            let units = self.units.iter_mut().filter(|unit| unit.endpoint.account == account);
            units.for_each(|unit| unit.pause(now, until));
            self.slow.insert(account);
        }
        for unit in &self.units {
            has_changed |= noted(&mut self.state, unit);
        }
        // First what keeps this device from asking too often, then what was answered.
        if has_changed {
            note::write(&mut replica, &self.state).await?;
        }
        if !events.is_empty() {
            let before = *replica.subscribe().borrow();
            outcome.answers += events.iter().filter(|event| matches!(event, Event::Answer(_))).count() as u64;
            outcome.events += replica.record(Commit { events, marks: Vec::new(), now }).await?.events;
            // Those who have asked know what was recorded. What others have recorded meanwhile is heard with the next look.
            if self.heard == Some(before) {
                self.heard = Some(*replica.subscribe().borrow());
            }
        }
        self.note_past(&mut replica, &asked, now).await?;
        // Within a day nothing expires by it.
        if let Some(date) = vouched.filter(|date| replica.trusted_day() < Some(now.min(*date).day())) {
            replica.vouch(date, now).await?;
        }
        Ok(())
    }

    /// Whether the past is asked for, too.
    pub fn backfills(&mut self, does: bool) {
        self.backfills = does;
    }

    /// Whether it is said, after a while and then time and again, whose answer takes long.
    pub fn says_waits(&mut self, does: bool) {
        self.says_waits = does;
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

/// How an account is asked: where its key was given for, and nowhere else.
fn endpoint(
    (account, payer): (&AccountId, &AccountId),
    key: &SecretString,
    addresses: &Addresses,
    device: DeviceId,
    clients: &Clients,
) -> Result<Endpoint> {
    let provider = provider_of(account)?;
    let print = KeyPrint::of(account.provider(), key.expose_secret());
    let url = addresses.of_key(account, print, provider);
    let base = base(url.ok_or_else(|| AccountError::AddressMissing(account.to_string()))?)?;
    Ok(Endpoint {
        account: account.clone(),
        payer: payer.clone(),
        share: share(device, account.name()),
        provider,
        client: clients.to(&base).clone(),
        base,
        key: key.clone(),
    })
}

/// Under which name it stands that a key is not here: no metric's.
const KEY: &str = "api-key";

#[cfg(test)]
mod tests {
    use aimon_sources::provider::providers;

    use super::*;

    #[test]
    fn no_metric_is_called_as_a_missing_key_is() {
        assert!(providers().iter().flat_map(|one| one.metrics()).all(|metric| metric.name != KEY));
    }
}
