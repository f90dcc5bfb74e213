//! `aimon blocks`

use std::collections::BTreeSet;

use aimon_core::history::blocks::{Block, Entry, blocks};
use aimon_core::history::{DayCells, Detail};
use aimon_core::settings::Settings;
use aimon_core::time::{UtcDay, UtcMillis};

use super::report::{Asked, mode};
use crate::cli::{BlocksArgs, TokenLimit};
use crate::error::Result;
use crate::explain::cost;
use crate::place::Place;
use crate::pricing::Pricing;
use crate::render::blocks::Shown;
use crate::render::grid;
use crate::render::json::pretty;
use crate::view::{View, tell_quarantined};
use crate::{dates, filter, output, paint};

const HOUR_MS: i64 = 3_600_000;
/// What `--recent` means.
const RECENT_MS: i64 = 3 * 24 * HOUR_MS;
/// The agent whose blocks they are, if none is named.
const SOURCE: &str = "claude-code";

/// Shows blocks of five hours.
pub async fn run(args: &BlocksArgs) -> Result<()> {
    let pricing = Pricing::load()?;
    let place = Place::here()?;
    // What can't be understood is said before anything is begun.
    Asked::of(&args.range, &Settings::default(), place.now)?;
    let mut view = View::open(&place, !args.range.no_scan, |_| None).await?;
    let asked = Asked::of(&args.range, view.settings(), place.now)?;
    let labels = view.labels().clone();
    let (now, length_ms) = (place.now, args.session_length * HOUR_MS);
    let all = entries(args, &asked, &mut view, &pricing, since(args, &asked, now, length_ms)).await?;
    if let Some(replica) = view.replica() {
        tell_quarantined(replica.quarantined().await?);
    }
    view.tell_concerns().await?;
    view.close().await;
    let mut found = blocks(all, length_ms);
    let limit = match args.token_limit {
        Some(TokenLimit::Tokens(limit)) => Some(limit),
        Some(TokenLimit::Max) => {
            let past = found.iter().filter(|block| !block.is_gap() && !block.is_active(now));
            past.map(|block| block.tokens.total()).max().filter(|most| *most > 0)
        }
        None => None,
    };
    found.retain(|block| is_asked(block, args, &asked, now));
    // As ccusage lists them: a block begins with its hour, which may be before the end of the gap that it ends, and its beginning.
    found.sort_by_key(|block| block.start);
    let shown = Shown { blocks: &found, limit, now, zone: &asked.zone };
    if args.json {
        return output::print_plain(&pretty(&shown.json()));
    }
    let title = labels.title(&format!("Blocks of {} hours · {}", args.session_length, asked.zone_text()));
    let body = match (args.active, found.is_empty()) {
        (true, _) => shown.active(grid::width()),
        (false, true) => "No calls yet.\n".to_owned(),
        (false, false) => shown.table(grid::width()),
    };
    output::print(&format!("{}\n\n{body}{}", paint::bold(&title), shown.note().unwrap_or_default()))
}

/// Whether a block is one of those that are asked for.
fn is_asked(block: &Block, args: &BlocksArgs, asked: &Asked, now: UtcMillis) -> bool {
    let (active, date) = (block.is_active(now), dates::date(block.start, &asked.zone));
    (!args.active || active)
        && (!args.recent || active || block.start.0 >= now.0 - RECENT_MS)
        && asked.since.is_none_or(|since| date >= since)
        && asked.until.is_none_or(|until| date <= until)
}

/// From when on blocks are asked for; `None` if all of them are needed.
fn since(args: &BlocksArgs, asked: &Asked, now: UtcMillis, length_ms: i64) -> Option<UtcMillis> {
    if matches!(args.token_limit, Some(TokenLimit::Max)) {
        return None;
    }
    // Of any zone: its days begin at most a day apart.
    let day = asked.since.map(|date| UtcDay::of(date).plus(-1).start());
    let active = args.active.then(|| UtcMillis(now.0 - length_ms));
    day.max(active).max(args.recent.then(|| UtcMillis(now.0 - RECENT_MS.max(length_ms))))
}

/// The calls of all blocks that begin at `since` or later, and as few others as can be: where a block begins follows from all calls
/// before it, back to a pause that ends every block.
async fn entries(
    args: &BlocksArgs,
    asked: &Asked,
    view: &mut View,
    pricing: &Pricing,
    since: Option<UtcMillis>,
) -> Result<Vec<Entry>> {
    let today = asked.today.utc;
    let all = (UtcDay(i32::MIN), UtcDay(i32::MAX));
    let sources: BTreeSet<&str> = match args.range.source.is_empty() {
        true => BTreeSet::from([SOURCE]),
        false => args.range.source.iter().map(String::as_str).collect(),
    };
    let begin = match since {
        Some(since) => pause(&view.history((all, today, Detail::Hours)).await?, &sources, since, args.session_length),
        None => None,
    };
    let Some(replica) = view.replica() else { return Ok(Vec::new()) };
    let mut copies = replica.copies((begin.map_or(all.0, UtcMillis::day), all.1), today).await?;
    let labels = view.labels();
    copies.iter_mut().for_each(|copy| copy.device = labels.shown(copy.device));
    let devices = filter::shown_ids(&args.range.device, copies.iter().map(|c| c.device).collect(), labels)?;
    copies.retain(|copy| {
        let r = &copy.record;
        let named = filter::model(&r.model, r.tier);
        let is_model = |given: &String| filter::is_model(given, &r.model) || filter::is_model(given, &named);
        sources.contains(r.source.as_str())
            && begin.is_none_or(|begin| r.time >= begin)
            && (args.range.model.is_empty() || args.range.model.iter().any(is_model))
            && (devices.is_empty() || devices.contains(&copy.device.to_string()))
    });
    let (mode, prices) = (mode(args.range.mode), pricing.look_up());
    let entry = |copy: &aimon_core::history::Copy| {
        let r = &copy.record;
        let model = filter::model(&r.model, r.tier).into_owned().into();
        Entry { at: r.time, model, tokens: r.tokens, cost: cost(copy, mode, &prices) }
    };
    Ok(copies.iter().map(entry).collect())
}

/// The last hour up to `since` that begins with a block whatever was before: as many hours without calls lie before it as a
/// block has.
/// Filters by model or device only make such pauses longer.
fn pause(days: &[DayCells], sources: &BTreeSet<&str>, since: UtcMillis, hours: i64) -> Option<UtcMillis> {
    let of_day = |day: &DayCells| {
        let start = day.day.start().0 / HOUR_MS;
        let cells = day.cells.iter().filter(|(key, _)| sources.contains(key.source.as_str()));
        cells.map(|(key, _)| start + i64::from(key.quarter.0 / 4)).collect::<Vec<_>>()
    };
    let used: BTreeSet<i64> = days.iter().flat_map(of_day).collect();
    let next = used.iter().skip(1);
    let begins = used.iter().zip(next).filter(|(hour, next)| *next - *hour > hours).map(|(_, next)| *next);
    begins.filter(|hour| hour * HOUR_MS <= since.0).max().map(|hour| UtcMillis(hour * HOUR_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_ends_every_block() {
        let key = |quarter| aimon_core::history::CellKey {
            quarter: aimon_core::time::Quarter(quarter),
            source: SOURCE.into(),
            model: "m".into(),
            session: "s".into(),
            device: aimon_core::ids::DeviceId([0; 16]),
            tier: aimon_core::event::Tier::Standard,
            context: aimon_core::event::ContextClass(0),
            quality: aimon_core::event::Quality::Log,
            payer: None,
            project: None,
        };
        let cells = |quarters: &[u8]| quarters.iter().map(|q| (key(*q), Default::default())).collect();
        // At 0, 3, 10 and 16 o'clock.
        let days = [DayCells { day: UtcDay(100), cells: cells(&[0, 12, 40, 64]) }];
        let at = |hour: i64| UtcMillis(UtcDay(100).start().0 + hour * HOUR_MS);
        let found = |hour, sources: &[&str]| pause(&days, &sources.iter().copied().collect(), at(hour), 5);
        assert_eq!(found(20, &[SOURCE]), Some(at(16)), "five whole hours lie between");
        assert_eq!(found(15, &[SOURCE]), Some(at(10)));
        assert_eq!((found(9, &[SOURCE]), found(20, &["codex"])), (None, None));
    }
}
