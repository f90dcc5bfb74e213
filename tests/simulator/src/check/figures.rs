//! What a device shows: events, gauges, settings.

use std::collections::{BTreeMap, BTreeSet};

use aimon_core::event::{Answer, Unchanged};
use aimon_core::history::{Gauges, answers};
use aimon_core::settings::Settings;
use aimon_core::sync::Client;
use aimon_ledger::chunk::Place;
use aimon_ledger::time::UtcDay;

use super::Broken;
use crate::happening::Happening;
use crate::library::Library;
use crate::node::Node;
use crate::world::{World, numbers};

/// What one device shows, folded from chunks in the order in which they came.
#[derive(Default)]
pub struct Figures {
    /// The numbers of the events, by the segment's day.
    pub days: BTreeMap<Option<UtcDay>, BTreeSet<u64>>,
    gauges: Gauges,
    settings: Settings,
    answers: Vec<Answer>,
    notes: Vec<Unchanged>,
    /// Notes that came when their answer was not there.
    early: Vec<Unchanged>,
    /// The calls, and whose they are said to be.
    calls: Vec<(u64, aimon_ledger::ids::DeviceId)>,
}

impl Figures {
    /// Those of a device; `is_kept` says of which segments gauges and settings are compared.
    pub fn of(node: &Node, client: &Client, library: &mut Library, is_kept: impl Fn(&Place) -> bool) -> Self {
        let mut figures = Self::default();
        for chunk in node.disk.counting() {
            let Some(batches) = library.read(client.keyring(), chunk) else { continue };
            let place = chunk.header().place;
            let day = figures.days.entry(place.day).or_default();
            for (hash, batch) in batches.iter() {
                day.extend(numbers(batch));
                let calls = batch
                    .records
                    .iter()
                    .map(|record| (u64::from_le_bytes(record.message.0), record.origin.unwrap_or(place.device)));
                figures.calls.extend(calls);
                if !is_kept(&place) {
                    continue;
                }
                figures.settings.add(*hash, batch);
                figures.gauges.absorb(&batch.answers, &batch.unchanged);
                figures.answers.extend(batch.answers.iter().cloned());
                let is_early = |note: &&Unchanged| !figures.answers.iter().any(|answer| answer.key == note.key);
                figures.early.extend(batch.unchanged.iter().filter(is_early).cloned());
                figures.notes.extend(batch.unchanged.iter().cloned());
            }
        }
        figures
    }

    /// Whether they are what the events come to.
    pub fn hold(&self, world: &World, n: usize) -> Result<(), Broken> {
        let shown: BTreeMap<_, _> =
            self.gauges.all().map(|one| (one.answer.key.metric.clone(), (one.seen, &one.answer.rows))).collect();
        let defined = self.stands();
        let by_definition: BTreeMap<_, _> =
            defined.iter().map(|(metric, one)| (metric.clone(), (one.seen, &one.answer.rows))).collect();
        if shown != by_definition {
            return Err(Broken::Figures { node: n, what: format!("gauges {shown:?} instead of {by_definition:?}") });
        }
        let is_wrong = |(number, by): &&(u64, _)| world.told.get(number).is_none_or(|told| told.by != *by);
        match self.calls.iter().find(is_wrong) {
            Some(call) => Err(Broken::Figures { node: n, what: format!("whose a call is: {call:?}") }),
            None => Ok(()),
        }
    }

    /// Which answer of each gauge stands: the one of all days that was seen last.
    fn stands(&self) -> BTreeMap<aimon_core::name::Name, answers::Standing> {
        let mut best: BTreeMap<aimon_core::name::Name, answers::Standing> = BTreeMap::new();
        let days: BTreeSet<UtcDay> = self.answers.iter().map(|answer| answer.observed.day()).collect();
        for day in days {
            let of_day = self.answers.iter().filter(|answer| answer.observed.day() == day).cloned();
            let notes = self.notes.iter().filter(|note| note.seen.day() == day).cloned();
            for one in answers::standing(of_day, notes).0.into_values() {
                let rank = |one: &answers::Standing| (one.seen, one.answer.rows.clone());
                match best.get(&one.answer.key.metric) {
                    Some(held) if rank(held) >= rank(&one) => {}
                    _ => drop(best.insert(one.answer.key.metric.clone(), one)),
                }
            }
        }
        best
    }

    /// What differs from another device's.
    pub fn differ(&self, other: &Self) -> Option<String> {
        if self.gauges != other.gauges {
            return Some(format!("gauges {:?} and {:?}", self.gauges, other.gauges));
        }
        (self.settings != other.settings).then(|| format!("settings {:?} and {:?}", self.settings, other.settings))
    }

    /// What has come about in them.
    pub fn happened(&self) -> BTreeSet<Happening> {
        let mut happened = BTreeSet::new();
        if self.gauges.all().any(|one| one.seen.1 > one.answer.observed) {
            happened.insert(Happening::NoteRaises);
        }
        let is_held = |note: &&Unchanged| {
            self.answers.iter().any(|answer| answer.key == note.key && answer.hash() == note.answer)
        };
        if !self.notes.iter().all(|note| is_held(&note)) {
            happened.insert(Happening::NoteAlone);
        }
        if self.early.iter().any(|note| is_held(&note)) {
            happened.insert(Happening::NoteFirst);
        }
        happened
    }
}
