//! What is left where something limits: quota windows and who used them up, balances, what keys may spend.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use aimon_core::accounts::{AccountId, Accounts, Joined, Payer, stated};
use aimon_core::history::answers::Standing;
use aimon_core::history::windows::{Call, Heard, Movement, Sight, weight_of};
use aimon_core::history::{Copy, CostMode};
use aimon_core::ids::DeviceId;
use aimon_core::name::Name;
use aimon_core::settings::Settings;
use aimon_core::time::{UtcDay, UtcMillis};
use aimon_core::units::PicoUsd;
use aimon_replica::Replica;

use crate::error::Result;
use crate::explain::cost;
use crate::pricing::{LookUp, Pricing};
use crate::render::labels::Labels;
use crate::windows::{self, Window};
use crate::workspace::devices::said_at;

/// What is usual for a window is learnt from so many days at least.
const LEARNT: i32 = 3;

/// All of it, as it was last seen.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// Quota windows.
    pub windows: Vec<Used>,
    /// Balances, and what keys may spend.
    pub money: Money,
    /// The devices from which calls may still come, and when each was last heard.
    pub heard: Heard,
}

/// What providers say of accounts in money.
#[derive(Clone, Debug, Default)]
pub struct Money {
    /// Balances of accounts.
    pub balances: Vec<Amounts>,
    /// What keys may spend.
    pub keys: Vec<Amounts>,
}

impl Money {
    /// What stands of it. Accounts that are one have one balance, which was seen last; each key has its own limit.
    pub fn of(gauges: &[Standing], joined: &Joined) -> Self {
        let mut balances: BTreeMap<Name, Amounts> = BTreeMap::new();
        for mut one in amounts(gauges, "credits") {
            if let Some(id) = AccountId::parse(&one.account) {
                one.account = joined.payer(&id).name().clone();
            }
            match balances.entry(one.account.clone()) {
                Entry::Vacant(vacant) => drop(vacant.insert(one)),
                Entry::Occupied(held) if held.get().seen >= one.seen => {}
                Entry::Occupied(mut held) => drop(held.insert(one)),
            }
        }
        Self { balances: balances.into_values().collect(), keys: amounts(gauges, "key") }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.balances.is_empty() && self.keys.is_empty()
    }
}

/// A window, and who used it.
#[derive(Clone, Debug)]
pub struct Used {
    /// The window.
    pub window: Window,
    /// Who; `None` where it is not known when it began, or where it has begun anew since it was seen.
    pub movement: Option<Movement>,
}

/// What a provider says of an account in money.
#[derive(Clone, Debug)]
pub struct Amounts {
    /// Whose.
    pub account: Name,
    /// By the name of the measure, without its unit.
    pub amounts: BTreeMap<String, PicoUsd>,
    /// When that was seen.
    pub seen: UtcMillis,
}

impl Limits {
    /// Reads them.
    ///
    /// # Errors
    /// The replica's.
    pub async fn of(
        replica: &mut Replica,
        settings: &Settings,
        labels: &Labels,
        pricing: &Pricing,
        now: UtcMillis,
    ) -> Result<Self> {
        let gauges = replica.gauges().await?;
        let windows = windows::of(&gauges, now);
        let running = windows.iter().filter(|w| !w.is_anew(now)).filter_map(Window::sight);
        let first = running.map(|s| UtcMillis((s.resets_at - s.length) * 1000).day()).min();
        let accounts = Accounts::of(settings);
        let mut limits = Self { money: Money::of(&gauges, accounts.joined()), ..Self::default() };
        let Some(first) = first else {
            limits.windows = windows.into_iter().map(|window| Used { window, movement: None }).collect();
            return Ok(limits);
        };
        // A clock that is a little ahead has seen tomorrow.
        let days = (first.min(now.day().plus(1 - LEARNT)), now.day().plus(1));
        let held = Held::read(replica, days, now.day(), labels).await?;
        limits.heard = heard(replica, settings, labels, &held.copies).await?;
        let prices = pricing.look_up();
        limits.windows = windows
            .into_iter()
            .map(|window| {
                let sight = window.sight().filter(|_| !window.is_anew(now));
                let movement = sight.map(|now| {
                    let calls = held.calls(&window, &accounts, &prices);
                    Movement::of(now, &held.sights(&window), &calls, &limits.heard)
                });
                Used { window, movement }
            })
            .collect();
        Ok(limits)
    }
}

/// What was said in money under one metric.
fn amounts(gauges: &[Standing], metric: &str) -> Vec<Amounts> {
    const UNIT: &str = "_pusd";
    let of_metric = gauges.iter().filter(|standing| standing.answer.key.metric.as_str() == metric);
    let mut all: Vec<Amounts> = of_metric
        .flat_map(|standing| standing.answer.rows.iter().map(move |row| (standing, row)))
        .map(|(standing, row)| {
            let measures = row.measures.iter();
            let amounts = measures.filter_map(|(name, n)| Some((name.strip_suffix(UNIT)?.to_owned(), PicoUsd(*n))));
            Amounts { account: standing.answer.key.account.clone(), amounts: amounts.collect(), seen: standing.seen.1 }
        })
        .collect();
    all.sort_by(|a, b| a.account.cmp(&b.account));
    all
}

/// What some days hold.
struct Held {
    /// All that was seen of windows, twice where it was seen to last.
    seen: Vec<Window>,
    /// Calls, by the devices that they are shown as.
    copies: Vec<Copy>,
    /// By model, the limits of Codex that were told with a call of it: some models have limits of their own.
    limits: BTreeMap<Name, BTreeSet<String>>,
}

impl Held {
    async fn read(replica: &mut Replica, days: (UtcDay, UtcDay), today: UtcDay, labels: &Labels) -> Result<Self> {
        let mut seen = Vec::new();
        for standing in replica.gauge_series(days).await? {
            let told = windows::told(&standing);
            let first = standing.answer.observed;
            seen.extend(told.iter().filter(|w| w.seen != first).map(|w| Window { seen: first, ..w.clone() }));
            seen.extend(told);
        }
        let mut copies = replica.copies(days, today).await?;
        copies.iter_mut().for_each(|copy| copy.device = labels.shown(copy.device));
        let mut told: BTreeMap<UtcMillis, BTreeSet<&String>> = BTreeMap::new();
        for window in seen.iter().filter(|w| w.agent() == CODEX) {
            told.entry(window.seen).or_default().insert(&window.account);
        }
        let mut limits: BTreeMap<Name, BTreeSet<String>> = BTreeMap::new();
        for record in copies.iter().map(|copy| &copy.record).filter(|record| record.source.as_str() == CODEX) {
            let accounts = told.get(&record.time).into_iter().flatten().map(|account| (*account).clone());
            limits.entry(record.model.clone()).or_default().extend(accounts);
        }
        Ok(Self { seen, copies, limits })
    }

    /// All that was seen of one window.
    fn sights(&self, window: &Window) -> Vec<Sight> {
        let same = self.seen.iter().filter(|w| w.account == window.account && w.name == window.name);
        same.filter_map(Window::sight).collect()
    }

    /// The calls that may have moved a window.
    fn calls(&self, window: &Window, accounts: &Accounts, prices: &LookUp<'_>) -> Vec<Call> {
        let counts = self.copies.iter().filter(|copy| self.counts(copy, window, accounts));
        let call = |copy: &Copy| {
            let r = &copy.record;
            let cost = cost(copy, CostMode::Calculate, prices).and_then(|cost| u64::try_from(cost.0).ok());
            Call {
                at: r.time,
                device: copy.device,
                session: r.session.clone(),
                weight: cost.unwrap_or_else(|| weight_of(&r.tokens)),
            }
        };
        counts.map(call).collect()
    }

    /// Whether a call uses a window up: it is of its agent and its models, and nobody says that somebody else paid for it.
    fn counts(&self, copy: &Copy, window: &Window, accounts: &Accounts) -> bool {
        let r = &copy.record;
        let pays = || match (stated(r.payer.as_ref()), DeviceId::parse(&window.account)) {
            (Some(payer), Some(_)) => payer.as_str() == window.account,
            _ => !matches!(
                accounts.coverage().payer(&r.source, copy.device, r.payer.as_ref(), r.time.day()),
                Some(Payer::Account(_))
            ),
        };
        let is_of_models = || match window.of_models() {
            Some(models) => r.model.to_ascii_lowercase().contains(models),
            None => self.is_of_limit(&r.model, window),
        };
        r.source.as_str() == window.agent() && is_of_models() && pays()
    }

    /// Whether a model is one of those that a limit of Codex is for: of the main one are all that no other was told with.
    fn is_of_limit(&self, model: &Name, window: &Window) -> bool {
        let told = self.limits.get(model).filter(|told| window.agent() == CODEX && !told.is_empty());
        told.map_or(!window.account.contains(':'), |told| told.contains(&window.account))
    }
}

/// Whose limits are told with calls.
const CODEX: &str = "codex";

/// The other devices of the workspace, and when each was last heard: when something that it wrote came in, when it last said
/// something of itself, or its newest call. What is archived or shown as another device sends nothing any more.
async fn heard(replica: &mut Replica, settings: &Settings, labels: &Labels, copies: &[Copy]) -> Result<Heard> {
    let here = replica.device();
    let mut heard = Heard::new();
    let came = replica.heard().await?;
    for device in replica.members().await? {
        if device == here || settings.is_archived(device) || labels.shown(device) != device {
            continue;
        }
        let newest = copies.iter().filter(|copy| copy.device == device).map(|copy| copy.record.time).max();
        heard.insert(device, newest.max(came.get(&device).copied()).max(said_at(settings, device)));
    }
    Ok(heard)
}
