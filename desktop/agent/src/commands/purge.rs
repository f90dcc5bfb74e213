//! `aimon purge`

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use aimon_core::event::Event;
use aimon_core::history::Detail;
use aimon_core::name::Name;
use aimon_core::sync::{Purge, Selection};
use aimon_core::time::{UtcDay, UtcMillis};
use aimon_ledger::ids::StatementId;
use aimon_replica::Replica;
use aimon_replica::link::LinkError;
use serde::Serialize;
use tokio::sync::Mutex;

use super::workspace::out;
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
    let mut replica = place.borrow().await?;
    let is_revoked = replica.workspace().is_some() && !replica.is_member().await?;
    if is_revoked && !args.all && !args.dry_run {
        return Err(LinkError::Revoked.into());
    }
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
    if now.0.saturating_sub(instant.0) > 2 * 86_400_000 {
        output::note(&format!(
            "the clock is not trusted: what is dated after {} stays, unless `aimon doctor --trust-clock` comes first",
            instant.day()
        ));
    }
    if is_revoked {
        output::note(ALONE);
    }
    let goes = look(&mut replica, &purge, &days, now).await?;
    if goes.records == 0 && goes.answers == 0 {
        tell_unknown(&mut replica, args, now).await?;
    }
    if args.dry_run {
        replica.settle().await;
        return show(args, &goes, "would go");
    }
    if !args.yes {
        let whose = match (replica.workspace().is_some(), is_revoked) {
            (false, _) => "",
            (true, false) => " on all devices of the workspace",
            (true, true) => " here",
        };
        match output::ask(&format!("{} would go{whose}, for good. Remove it?", goes.text())) {
            Some(true) => {}
            Some(false) => return Err(Error::Declined("nothing was removed")),
            None => return Err(Error::Unasked("what is purged is gone for good")),
        }
    }
    if is_revoked {
        out(&mut replica, &place, true, false).await?;
    }
    let has_relay = replica.relay().await?.is_some();
    let replica = Mutex::new(replica);
    // What the relay holds is looked at too: what remains of it is written anew.
    let is_away = has_relay && !in_touch(&replica).await;
    let mut replica = replica.into_inner();
    let mut goes = look(&mut replica, &purge, &days, now).await?;
    replica.purge(days, &selection, now).await?;
    goes.purged = true;
    let replica = Mutex::new(replica);
    // One that was not there just now is not waited for again.
    if has_relay && !is_away {
        in_touch(&replica).await;
    }
    let mut replica = replica.into_inner();
    replica.scrub().await?;
    replica.settle().await;
    show(args, &goes, if goes.records == 1 { "is gone" } else { "are gone" })
}

/// What is said on a device that was revoked: it can tell nobody anything.
const ALONE: &str = "this device was revoked (device-revoked): it leaves the workspace with this, and nobody else follows; what the others and the relay \
                     hold of it stays there";

/// In touch; says so where that does not work. Whether it did.
async fn in_touch(replica: &Mutex<Replica>) -> bool {
    let done = touch::once(replica).await;
    if let Err(e) = &done {
        output::note(&format!("{e} ({}): the relay and the others follow when they hear of it", e.code()));
    }
    done.is_ok()
}

/// Says so where a source is named that nothing is known of: a typing error, more likely than not.
async fn tell_unknown(replica: &mut Replica, args: &PurgeArgs, now: UtcMillis) -> Result<()> {
    let Some(given) = &args.source else { return Ok(()) };
    let all = replica.history((UtcDay(i32::MIN), UtcDay(i32::MAX)), now.day(), Detail::Hours).await?;
    let mut known = all.iter().flat_map(|day| day.cells.iter().map(|(key, _)| key.source.as_str()));
    if !known.any(|source| source == given) {
        output::note(&format!(
            "no source in the whole history is called `{given}`: `aimon report monthly --by source` names them"
        ));
    }
    Ok(())
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
