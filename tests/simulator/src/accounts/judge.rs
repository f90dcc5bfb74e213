//! What must hold of accounts once everybody is quiet: all show the same; a day that an account has told of in full shows what it
//! used, once, and the log's calls as explained; a day of which it told nothing shows the log's; and never does one show more than was used.

use std::collections::{BTreeMap, BTreeSet};

use aimon_core::history::{Dimension, Report, Row};
use aimon_ledger::time::UtcDay;

use super::Happening;
use super::meter::{DAY_MS, FINE_MS, HOUR_MS, KEEPS};
use super::world::{COVERED, Logged, World};
use crate::Broken;

/// What a group shows: what counts, and what is explained.
type Shown = (u64, u64);

/// Compares all devices with each other, and the first with the truth. At the end all has settled.
pub fn look(world: &mut World, is_end: bool) -> Result<(), Broken> {
    let dimensions = [Dimension::Account, Dimension::Model, Dimension::Key];
    let reports = dimensions.map(|by| agree(world, by));
    let [by_account, by_model, by_key] = reports;
    let (by_account, by_model, by_key) = (by_account?, by_model?, by_key?);
    let today = world.carrier.now.day();
    let first = world.meters.iter().flat_map(|meter| &meter.used).map(|used| used.at.day()).min().unwrap_or(today);
    for day in (first.0..=today.0).map(UtcDay) {
        let told: Vec<Option<bool>> = (0..world.meters.len()).map(|account| told(world, account, day)).collect();
        of_accounts(world, day, &told, row(&by_account, day))?;
        let is_over = day.plus(1).start().0 + 2 * HOUR_MS <= world.carrier.now.0;
        let is_kept = day >= today.plus(1 - KEEPS as i32) && is_over;
        if is_end && is_kept && told.iter().any(|told| *told != Some(true)) {
            return Err(broken(format!("{day} is not told of in full: {told:?}")));
        }
        if is_end && is_kept {
            whole(world, day, row(&by_model, day), row(&by_key, day))?;
        }
    }
    Ok(())
}

fn broken(what: String) -> Broken {
    Broken::Account { node: 0, what }
}

/// What everybody shows.
fn agree(world: &mut World, by: Dimension) -> Result<Report, Broken> {
    let mut first: Option<Report> = None;
    for n in world.carrier.members() {
        let report = world.library.report(&world.carrier.nodes[n], by);
        match &first {
            None => first = Some(report),
            Some(other) if format!("{other:?}") == format!("{report:?}") => {}
            Some(other) => {
                let what = format!("by {by:?} {:?} instead of {:?}", figures(&report), figures(other));
                return Err(Broken::Account { node: n, what });
            }
        }
    }
    first.ok_or_else(|| broken("nobody is there".to_owned()))
}

fn figures(report: &Report) -> Vec<(String, BTreeMap<String, Shown>)> {
    report.rows.iter().map(|row| (row.period.clone(), groups(Some(row)))).collect()
}

fn row(report: &Report, day: UtcDay) -> Option<&Row> {
    report.rows.iter().find(|row| row.period == day.to_string())
}

fn groups(row: Option<&Row>) -> BTreeMap<String, Shown> {
    let groups = row.map_or(&[][..], |row| &row.groups).iter();
    let shown = groups.map(|group| {
        let figures = &group.figures;
        (group.id.clone(), (figures.sums.tokens.input, figures.explained.sums.tokens.input))
    });
    shown.filter(|(_, shown)| *shown != (0, 0)).collect()
}

/// Whether an account has told of a day in full, or (`false`) of nothing; neither, if of a part.
fn told(world: &World, account: usize, day: UtcDay) -> Option<bool> {
    let asked = &world.asked[account];
    let from = day.start().0 / FINE_MS;
    let many = asked.settled.range(from..from + DAY_MS / FINE_MS).count() as i64;
    match many == DAY_MS / FINE_MS {
        true => Some(true),
        false if asked.touched.contains(&day) => None,
        false => Some(false),
    }
}

/// The calls of a day in logs, and whether the first account covers them.
fn logged(world: &World, day: UtcDay) -> impl Iterator<Item = (&Logged, bool)> {
    let is_covered = world.covered_from.is_some_and(|from| from <= day);
    let of_day = world.logged.iter().filter(move |logged| logged.day == day);
    of_day.map(move |logged| (logged, is_covered && logged.source == COVERED))
}

fn of_accounts(world: &mut World, day: UtcDay, told: &[Option<bool>], row: Option<&Row>) -> Result<(), Broken> {
    let shown = groups(row);
    let of = |name: &str| shown.get(name).copied().unwrap_or_default();
    let sum = |is_covered: bool| -> u64 {
        logged(world, day).filter(|(_, covered)| *covered == is_covered).map(|(logged, _)| logged.tokens).sum()
    };
    let (covered, free) = (sum(true), sum(false));
    if of("") != (free, 0) {
        return Err(broken(format!("{day}: {:?} of calls that nobody pays for, instead of {free}", of(""))));
    }
    let mut seen = BTreeSet::new();
    for (account, meter) in world.meters.iter().enumerate() {
        let covered = if account == 0 { covered } else { 0 };
        let used: u64 = meter.of_day(day).map(|used| used.tokens).sum();
        let expected = match told[account] {
            Some(true) => (used, covered),
            Some(false) => (covered, 0),
            // Of a part that is told and of calls in logs each counts, and none twice.
            None => {
                let (counted, explained) = of(meter.name);
                if counted > used || counted + explained < covered {
                    let whose = meter.name;
                    return Err(broken(format!(
                        "{day} {whose}: {counted}, {explained} explained, where {used} was used, and logs have {covered}"
                    )));
                }
                continue;
            }
        };
        if of(meter.name) != expected {
            let what =
                format!("{day} {}: {:?} instead of {expected:?} ({:?})", meter.name, of(meter.name), told[account]);
            return Err(broken(what));
        }
        match told[account] {
            Some(true) if covered > 0 && world.by_log.contains(&day) => {
                seen.extend([Happening::Explained, Happening::ShownAfterAll]);
            }
            Some(true) if covered > 0 => drop(seen.insert(Happening::Explained)),
            Some(false) if covered > 0 => drop(seen.insert(Happening::ShownByLog)),
            _ => {}
        }
    }
    if seen.contains(&Happening::ShownByLog) {
        world.by_log.insert(day);
    }
    world.happened.extend(seen);
    Ok(())
}

/// A day of which all accounts have told in full, and can tell still: each model, each key, and what was billed.
fn whole(world: &World, day: UtcDay, by_model: Option<&Row>, by_key: Option<&Row>) -> Result<(), Broken> {
    let now = world.carrier.now;
    let (mut models, mut keys): (BTreeMap<String, u64>, BTreeMap<String, u64>) = Default::default();
    let mut billed = 0;
    for used in world.meters.iter().flat_map(|meter| meter.of_day(day)) {
        *models.entry(used.model(now)).or_default() += used.tokens;
        *keys.entry(used.key()).or_default() += used.tokens;
        billed += used.cost();
    }
    for (logged, _) in logged(world, day).filter(|(_, covered)| !covered) {
        *models.entry(logged.model.clone()).or_default() += logged.tokens;
        *keys.entry(String::new()).or_default() += logged.tokens;
    }
    let counted = |row: Option<&Row>| -> BTreeMap<String, u64> {
        groups(row).into_iter().map(|(id, (counted, _))| (id, counted)).filter(|(_, counted)| *counted > 0).collect()
    };
    for (shown, expected) in [(counted(by_model), models), (counted(by_key), keys)] {
        if shown != expected {
            return Err(broken(format!("{day}: {shown:?} instead of {expected:?}")));
        }
    }
    let shown = by_model.and_then(|row| row.figures.billed_usd()).map_or(0, |amount| amount.0);
    if shown != billed {
        return Err(broken(format!("{day}: {shown} billed instead of {billed}")));
    }
    Ok(())
}
