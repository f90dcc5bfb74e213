//! What a device shows: events, gauges, settings.

use std::collections::{BTreeMap, BTreeSet};

use aimon_core::event::{Answer, Clock, MessageId, Row, Unchanged};
use aimon_core::history::{Copy, Gauges, standing};
use aimon_core::name::Name;
use aimon_core::settings::Settings;
use aimon_core::sync::Client;
use aimon_ledger::chunk::Place;
use aimon_ledger::time::{UtcDay, UtcMillis};

use super::Broken;
use crate::happening::Happening;
use crate::library::Library;
use crate::node::Node;
use crate::world::{World, numbers};

/// Whether a note says by the same clock what an answer has.
fn is_same(note: &Unchanged, answer: &Answer) -> bool {
    note.key == answer.key && note.answer == answer.hash() && note.clock == answer.clock
}

/// Whether it was seen on the answer's day, within a quarter of an hour.
fn is_in_reach(note: &Unchanged, answer: &Answer) -> bool {
    let since = note.seen.0 - answer.observed.0;
    note.seen.day() == answer.observed.day() && (0..=15 * 60_000).contains(&since)
}

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
    /// All copies of calls.
    calls: Vec<Copy>,
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
                if !is_kept(&place) {
                    continue;
                }
                figures.calls.extend(batch.records.iter().map(|record| Copy::new(place.device, record.clone())));
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
            self.gauges.all().map(|one| (&one.answer.key.metric, (one.seen, &one.answer.rows))).collect();
        let by_definition = self.stands();
        if shown != by_definition {
            return Err(Broken::Figures { node: n, what: format!("gauges {shown:?} instead of {by_definition:?}") });
        }
        let is_wrong =
            |copy: &&Copy| world.told.get(&copy.record.tokens.input).is_none_or(|told| told.by != copy.device);
        if let Some(call) = self.calls.iter().find(is_wrong) {
            return Err(Broken::Figures { node: n, what: format!("whose a call is: {call:?}") });
        }
        let (shown, largest) = (self.tokens(), self.largest());
        if shown != largest {
            return Err(Broken::Figures { node: n, what: format!("tokens {shown:?} instead of {largest:?}") });
        }
        Ok(())
    }

    /// How many tokens each call is shown with.
    fn tokens(&self) -> BTreeMap<MessageId, u64> {
        standing(&self.calls).into_iter().map(|copy| (copy.record.message, copy.record.tokens.total())).collect()
    }

    /// How many each has in its largest copy.
    fn largest(&self) -> BTreeMap<MessageId, u64> {
        let mut largest: BTreeMap<MessageId, u64> = BTreeMap::new();
        for Copy { record, .. } in &self.calls {
            let most = largest.entry(record.message).or_default();
            *most = record.tokens.total().max(*most);
        }
        largest
    }

    /// Which answer of each gauge stands, and when it was last seen: the one seen last.
    fn stands(&self) -> BTreeMap<&Name, ((Clock, UtcMillis), &Vec<Row>)> {
        let mut best: BTreeMap<&Name, ((Clock, UtcMillis), &Vec<Row>)> = BTreeMap::new();
        for answer in &self.answers {
            let of_it = |note: &&Unchanged| is_same(note, answer) && is_in_reach(note, answer);
            let noted = self.notes.iter().filter(of_it).map(|note| note.seen).max();
            let one = ((answer.clock, noted.unwrap_or(answer.observed)), &answer.rows);
            let held = best.entry(&answer.key.metric).or_insert(one);
            *held = one.max(*held);
        }
        best
    }

    /// What differs from another device's.
    pub fn differ(&self, other: &Self) -> Option<String> {
        if self.gauges != other.gauges {
            return Some(format!("gauges {:?} and {:?}", self.gauges, other.gauges));
        }
        let (tokens, others) = (self.tokens(), other.tokens());
        if tokens != others {
            return Some(format!("tokens {tokens:?} and {others:?}"));
        }
        (self.settings != other.settings).then(|| format!("settings {:?} and {:?}", self.settings, other.settings))
    }

    /// What has come about in them.
    pub fn happened(&self) -> BTreeSet<Happening> {
        let mut happened = BTreeSet::new();
        let sizes: BTreeSet<_> = self.calls.iter().map(|copy| (copy.record.message, copy.record.tokens)).collect();
        if sizes.len() > self.largest().len() {
            happened.insert(Happening::CallGrown);
        }
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
        let is_late = |note: &Unchanged| {
            self.answers
                .iter()
                .any(|answer| is_same(note, answer) && note.seen > answer.observed && !is_in_reach(note, answer))
        };
        if self.notes.iter().any(is_late) {
            happened.insert(Happening::NoteLate);
        }
        happened
    }
}
