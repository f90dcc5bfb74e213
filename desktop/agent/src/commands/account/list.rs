//! Showing accounts.

use std::collections::{BTreeMap, BTreeSet};

use aimon_core::accounts::{Account, AccountId};
use aimon_core::ids::DeviceId;
use aimon_core::time::UtcMillis;
use serde::Serialize;

use super::look;
use crate::accounts::address::Addresses;
use crate::accounts::past::Past;
use crate::accounts::shown::heard;
use crate::accounts::state::{State, Trouble};
use crate::accounts::{by_reason, metrics_of};
use crate::cli::AccountListArgs;
use crate::error::Result;
use crate::place::Place;
use crate::render::grid::{self, Grid, Weight, words};
use crate::render::json::pretty;
use crate::render::number::ago;
use crate::render::text::wrapped;
use crate::workspace::devices::Belongs;
use crate::{dates, note, output, view, workspace};

/// An account, as it is shown.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AccountJson {
    id: String,
    provider: String,
    label: Option<String>,
    /// Where this device asks for it, if not at the provider's own address.
    base_url: Option<String>,
    /// The account that it is one with, and is shown as in reports.
    shown_as: Option<String>,
    /// Accounts that may be the same one: they say the same of a day. Meanwhile they count once.
    may_be: Vec<String>,
    /// The devices that hold a key.
    keys: Vec<HolderJson>,
    /// When anybody last heard of it, in milliseconds since 1970.
    heard: Option<i64>,
    /// The first UTC day that this device has fetched, as long as it has more of the past to fetch.
    fetched_from: Option<String>,
    /// What is wrong here, by metric.
    trouble: BTreeMap<String, Trouble>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HolderJson {
    device: String,
    name: String,
    is_here: bool,
    /// When the device was last heard, in milliseconds since 1970.
    heard: Option<i64>,
}

/// A device that was not heard of for so long sleeps, in milliseconds.
const ASLEEP_MS: i64 = 60 * 60 * 1000;

pub(super) async fn list(args: &AccountListArgs) -> Result<()> {
    let place = Place::here()?;
    let (accounts, replica) = look(&place).await?;
    let mut all = Vec::new();
    if let Some(mut replica) = replica {
        let settings = workspace::settings(&mut replica).await?;
        let labels = place.labels(Some(replica.device()), &settings);
        let (state, past) = (note::read::<State>(&mut replica).await?, note::read::<Past>(&mut replica).await?);
        let addresses = note::read::<Addresses>(&mut replica).await?;
        let devices = workspace::devices::all(&mut replica).await?;
        let now = dates::now();
        let readings = replica.readings((now.day().plus(-31), now.day()), now.day()).await?;
        let gauges = replica.gauges().await?;
        let twins = view::twins(&mut replica, &accounts, now.day()).await?;
        for account in accounts.all() {
            let payer = accounts.joined().payer(&account.id);
            let other = |(one, other): &(AccountId, AccountId)| match () {
                () if one == payer => Some(other.to_string()),
                () if other == payer => Some(one.to_string()),
                () => None,
            };
            let heard = heard(&accounts, &account.id, &readings, &gauges);
            // Who has left holds nothing that anybody here hears of; who is shown as another device is that one.
            let has_members = devices.iter().any(|one| one.belongs == Belongs::Member);
            let is_there = |device: &DeviceId| {
                let known = devices.iter().find(|one| one.id == *device);
                *device == replica.device() || !has_members || known.is_some_and(|one| one.belongs == Belongs::Member)
            };
            let there: BTreeSet<DeviceId> =
                account.keys.keys().filter(|device| is_there(device)).map(|device| labels.shown(*device)).collect();
            let holders = there.iter().map(|device| HolderJson {
                device: device.to_string(),
                name: labels.device(&device.to_string()).to_string(),
                is_here: *device == labels.shown(replica.device()),
                heard: devices.iter().find(|one| one.id == *device).and_then(|one| one.heard).map(|at| at.0),
            });
            all.push(AccountJson {
                base_url: addresses.given(&account.id).map(str::to_owned),
                fetched_from: past.of(&account.id).map(|day| day.to_string()),
                shown_as: (*payer != account.id).then(|| payer.to_string()),
                may_be: twins.pairs().iter().filter_map(other).collect(),
                keys: holders.collect(),
                heard: heard.map(|at| at.0),
                trouble: state.of(account.id.name()).map(|(metric, why)| (metric.clone(), why.clone())).collect(),
                ..shown(account)
            });
        }
    }
    if args.json {
        return output::print_plain(&pretty(&all));
    }
    if all.is_empty() {
        return output::print(
            "No account yet: `aimon account add openai` (or anthropic, openrouter, litellm) adds one.\n",
        );
    }
    output::print(&table(&all, dates::now()))
}

fn shown(account: &Account) -> AccountJson {
    AccountJson {
        id: account.id.to_string(),
        provider: account.id.provider().to_owned(),
        label: account.label.clone(),
        base_url: None,
        shown_as: None,
        may_be: Vec::new(),
        keys: Vec::new(),
        heard: None,
        fetched_from: None,
        trouble: BTreeMap::new(),
    }
}

fn table(all: &[AccountJson], now: UtcMillis) -> String {
    let heard = |at: Option<i64>| match at {
        Some(at) => ago(now.0.saturating_sub(at) / 1000),
        None => "never".to_owned(),
    };
    let mut wide = Grid::new(&[words("Account"), words("Name"), words("Heard"), words("Keys on")]);
    let mut narrow = Grid::new(&[words("Account"), words("Heard")]);
    let mut notes = String::new();
    for account in all {
        let name = account.label.clone().unwrap_or_default();
        let holders: Vec<&str> = account.keys.iter().map(|holder| holder.name.as_str()).collect();
        wide.row(Weight::Plain, vec![account.id.clone(), name.clone(), heard(account.heard), holders.join(", ")]);
        let called = if name.is_empty() { account.id.clone() } else { name };
        narrow.row(Weight::Plain, vec![called, heard(account.heard)]);
        let metrics = AccountId::parse(&account.id).map_or(usize::MAX, |id| metrics_of(&id));
        let wrong = account.trouble.iter().map(|(metric, why)| (metric, why.into()));
        for reason in by_reason(&account.id, metrics, wrong) {
            let since = reason.times().map_or(0, |(since, _)| now.0.saturating_sub(since) / 1000);
            notes.push_str(&format!("{}, since {}\n", reason.line(), ago(since)));
        }
        if let Some(from) = account.fetched_from.as_ref().filter(|_| account.keys.iter().any(|holder| holder.is_here)) {
            notes.push_str(&format!("{}: fetched back to {from} (UTC) here; `aimon poll` goes on\n", account.id));
        }
        if let Some(payer) = &account.shown_as {
            notes.push_str(&format!("{}: one with {payer}, and shown as that in reports\n", account.id));
        }
        for other in account.may_be.iter().filter(|other| **other > account.id) {
            notes.push_str(&format!(
                "{} and {other} say the same: they may be one account, and count once until somebody says. \
                 `aimon account merge {} {other}` makes them one; with --apart both count\n",
                account.id, account.id
            ));
        }
        let is_awake =
            |holder: &HolderJson| holder.is_here || holder.heard.is_some_and(|at| now.0.saturating_sub(at) < ASLEEP_MS);
        if !account.keys.iter().any(is_awake) {
            notes.push_str(&format!(
                "{}: {}\n",
                account.id,
                if account.keys.is_empty() { "no device holds a key" } else { "all devices that hold a key sleep" }
            ));
        }
    }
    let mut text = grid::fit(grid::width(), [wide, narrow]);
    if !notes.is_empty() {
        text.push('\n');
        notes.lines().for_each(|line| text.push_str(&wrapped(line, 0, grid::width())));
    }
    text
}
