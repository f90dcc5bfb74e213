//! `aimon purge`

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use aimon_core::event::Event;
use aimon_core::name::Name;
use aimon_core::sync::{Purge, Selection};
use aimon_core::time::{UtcDay, UtcMillis};
use aimon_ledger::ids::StatementId;
use aimon_replica::Replica;
use serde::Serialize;
use tokio::sync::Mutex;

use crate::cli::PurgeArgs;
use crate::error::{Error, Result};
use crate::place::Place;
use crate::render::json::pretty;
use crate::render::number::count;
use crate::render::text::name;
use crate::workspace::touch;
use crate::{dates, output};

/// What goes, or would go.
#[derive(Serialize, Default, Debug)]
#[serde(rename_all = "camelCase")]
struct Goes {
    /// Whether it went.
    purged: bool,
    records: u64,
    answers: u64,
    days: u64,
    first_day: Option<String>,
    last_day: Option<String>,
    /// Records by the agent whose logs told of them.
    sources: BTreeMap<String, u64>,
}

/// Removes data for good.
pub async fn run(args: &PurgeArgs) -> Result<()> {
    let place = Place::here()?.needing_keys();
    let replica = Mutex::new(place.borrow().await?);
    let has_relay = replica.lock().await.relay().await?.is_some();
    if has_relay && !args.dry_run {
        // What the relay holds is looked at too: what remains of it is written anew.
        if let Err(e) = touch::once(&replica).await {
            output::note(&format!("{e} ({}): the relay and the others follow when they hear of it", e.code()));
        }
    }
    let mut replica = replica.into_inner();
    let now = dates::now();
    replica.observe(now).await?;
    let instant = replica.purge_instant(now);
    let days = days(args, instant);
    let selection =
        Selection { source: args.source.as_deref().map(Name::from), account: args.account.as_deref().map(Name::from) };
    let purge = Purge {
        id: StatementId([0; 32]),
        devices: Vec::new(),
        days: days.clone(),
        instant,
        selection: Some(selection.clone()),
    };
    let mut goes = look(&mut replica, &purge, &days, now).await?;
    if now.0.saturating_sub(instant.0) > 2 * 86_400_000 {
        output::note(&format!(
            "the clock is not trusted: what is dated after {} stays, unless `aimon doctor --trust-clock` comes first",
            instant.day()
        ));
    }
    if args.dry_run {
        replica.settle().await;
        return show(args, &goes, "would go");
    }
    if !args.yes {
        let whose = if replica.workspace().is_some() { " on all devices of the workspace" } else { "" };
        match output::ask(&format!("{} would go{whose}, for good. Remove it?", goes.text())) {
            Some(true) => {}
            Some(false) => return Err(Error::Declined("nothing was removed")),
            None => return Err(Error::Unasked("what is purged is gone for good")),
        }
    }
    replica.purge(days, &selection, now).await?;
    goes.purged = true;
    let replica = Mutex::new(replica);
    if has_relay && let Err(e) = touch::once(&replica).await {
        output::note(&format!("{e} ({}): the relay and the others follow when they hear of it", e.code()));
    }
    let mut replica = replica.into_inner();
    replica.scrub().await?;
    replica.settle().await;
    show(args, &goes, if goes.records == 1 { "is gone" } else { "are gone" })
}

fn days(args: &PurgeArgs, instant: UtcMillis) -> RangeInclusive<UtcDay> {
    let today = instant.day();
    let last = match args.before {
        Some(day) => UtcDay::of(day.resolve(dates::date(instant, &jiff::tz::TimeZone::UTC))).plus(-1).min(today),
        None => today,
    };
    // No call is older than this.
    UtcDay(0)..=last.max(UtcDay(0))
}

/// What it takes of the calls and answers that stand.
async fn look(replica: &mut Replica, purge: &Purge, days: &RangeInclusive<UtcDay>, now: UtcMillis) -> Result<Goes> {
    let mut goes = Goes::default();
    let mut reached = BTreeSet::new();
    for day in replica.days((*days.start(), *days.end())).await? {
        for copy in replica.copies((day, day), now.day()).await? {
            if purge.takes_record(&copy.record) {
                goes.records += 1;
                *goes.sources.entry(copy.record.source.to_string()).or_default() += 1;
                reached.insert(day);
            }
        }
        for standing in replica.answers(day).await? {
            if purge.takes(&Event::Answer(standing.answer)) {
                goes.answers += 1;
                reached.insert(day);
            }
        }
    }
    goes.days = reached.len() as u64;
    goes.first_day = reached.first().map(ToString::to_string);
    goes.last_day = reached.last().map(ToString::to_string);
    Ok(goes)
}

fn show(args: &PurgeArgs, goes: &Goes, verb: &str) -> Result<()> {
    if args.json {
        return output::print_plain(&pretty(goes));
    }
    output::print(&format!("{} {verb}.\n", goes.text()))
}

impl Goes {
    fn text(&self) -> String {
        let mut text = format!("{} of {}", count(self.records, "record"), count(self.days, "day"));
        if let (Some(first), Some(last)) = (&self.first_day, &self.last_day) {
            text.push_str(&if first == last { format!(" ({first})") } else { format!(" ({first} to {last})") });
        }
        if !self.sources.is_empty() {
            let sources: Vec<String> = self.sources.iter().map(|(source, n)| format!("{} {n}", name(source))).collect();
            text.push_str(&format!(" [{}]", sources.join(", ")));
        }
        if self.answers > 0 {
            text.push_str(&format!(", and {}", count(self.answers, "answer")));
        }
        text
    }
}
