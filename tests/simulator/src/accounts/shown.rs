//! What a device shows: its chunks, folded and cut as the product does.

use std::collections::BTreeMap;
use std::rc::Rc;

use aimon_core::accounts::{Accounts, Joined};
use aimon_core::batch::{Batch, BatchHash, Said};
use aimon_core::history::answers::{Standing, settling_ms, standing};
use aimon_core::history::{Copy, DayCells, DayReadings, Dimension, Metered, Query, Report, Twins};
use aimon_core::segment;
use aimon_core::settings::Settings;
use aimon_core::units::PicoUsd;
use aimon_ledger::chunk::Chunk;
use aimon_ledger::ids::ChunkId;
use aimon_ledger::time::UtcDay;
use jiff::tz::TimeZone;

use super::Fault;
use crate::node::Node;

/// What a chunk holds.
struct Read {
    batches: Vec<(BatchHash, Batch)>,
    said: Vec<Said>,
}

/// Everybody's reading of chunks and days: each once, whoever holds it.
pub struct Library {
    chunks: BTreeMap<ChunkId, Rc<Read>>,
    days: BTreeMap<(UtcDay, Vec<ChunkId>), Rc<DayReadings>>,
    fault: Option<Fault>,
}

impl Library {
    pub fn new(fault: Option<Fault>) -> Self {
        Self { chunks: BTreeMap::new(), days: BTreeMap::new(), fault }
    }

    /// A device's chunks by their days, as far as it can read them.
    fn held<'a>(&mut self, node: &'a Node) -> BTreeMap<Option<UtcDay>, Vec<(&'a Chunk, Rc<Read>)>> {
        let mut held: BTreeMap<Option<UtcDay>, Vec<_>> = BTreeMap::new();
        let Some(client) = &node.client else { return held };
        for chunk in node.disk.counting() {
            let fault = self.fault;
            let read = match self.chunks.get(&chunk.id()) {
                Some(read) => Rc::clone(read),
                None => {
                    let Ok(content) = client.keyring().open(chunk) else { continue };
                    let batches = segment::batches(&content).unwrap_or_default();
                    let read = Rc::new(Read::of(&batches, fault));
                    self.chunks.insert(chunk.id(), Rc::clone(&read));
                    read
                }
            };
            held.entry(chunk.header().place.day).or_default().push((chunk, read));
        }
        held
    }

    /// What counts of what providers said, by day.
    pub fn readings(&mut self, node: &Node) -> BTreeMap<UtcDay, Rc<DayReadings>> {
        let held = self.held(node);
        let days = held.into_iter().filter_map(|(day, chunks)| {
            let day = day?;
            let ids: Vec<ChunkId> = chunks.iter().map(|(chunk, _)| chunk.id()).collect();
            let known = self.days.get(&(day, ids.clone())).cloned();
            let folded = known.unwrap_or_else(|| {
                let said: Vec<Said> = chunks.iter().flat_map(|(_, read)| read.said.iter().cloned()).collect();
                let settling: &dyn Fn(&str) -> i64 = match self.fault {
                    Some(Fault::IgnoreSettling) => &|_| 0,
                    _ => &settling_ms,
                };
                let folded = Rc::new(DayReadings::fold(day, &said, settling, &Joined::NONE));
                self.days.insert((day, ids), Rc::clone(&folded));
                folded
            });
            Some((day, folded))
        });
        days.collect()
    }

    /// The answers of some days that stand.
    pub fn recent(&mut self, node: &Node, from: UtcDay) -> Vec<Standing> {
        let held = self.held(node);
        let (mut answers, mut notes) = (Vec::new(), Vec::new());
        for (_, batch) in held.range(Some(from)..).flat_map(|(_, all)| all).flat_map(|(_, read)| &read.batches) {
            answers.extend(batch.answers.iter().cloned());
            notes.extend(batch.unchanged.iter().cloned());
        }
        standing(answers, notes).0.into_values().collect()
    }

    pub fn settings(&mut self, node: &Node) -> Settings {
        let mut settings = Settings::default();
        for (_, read) in self.held(node).remove(&None).unwrap_or_default() {
            read.batches.iter().for_each(|(hash, batch)| settings.add(*hash, batch));
        }
        settings
    }

    /// A report of everything.
    pub fn report(&mut self, node: &Node, by: Dimension) -> Report {
        let accounts = match self.fault {
            Some(Fault::IgnoreCoverage) => Accounts::NONE,
            _ => Accounts::of(&self.settings(node)),
        };
        let readings: Vec<DayReadings> = self.readings(node).into_values().map(|day| (*day).clone()).collect();
        let cells = self.held(node).into_iter().filter_map(|(day, chunks)| {
            let records = chunks.iter().flat_map(|(chunk, read)| {
                let device = chunk.header().place.device;
                let records = read.batches.iter().flat_map(|(_, batch)| &batch.records);
                records.map(move |record| Copy::new(device, record.clone()))
            });
            let copies: Vec<Copy> = records.collect();
            Some(DayCells::fold(day?, &copies))
        });
        let cells: Vec<DayCells> = cells.collect();
        let twins = Twins::NONE;
        let metered = Metered { readings: &readings, accounts: &accounts, twins: &twins };
        let query = Query { by: Some(by), ..Query::daily(TimeZone::UTC) };
        Report::cut(&query, cells, &metered, &|_, _, tokens| Some(PicoUsd(tokens.total().into())))
    }
}

impl Read {
    fn of(batches: &[Vec<u8>], fault: Option<Fault>) -> Self {
        let batches = batches.iter().map(|bytes| {
            let mut batch = Batch::decode(bytes).unwrap_or_default();
            match fault {
                Some(Fault::AddWidths) => {
                    let answers = batch.answers.iter_mut().map(|answer| &mut answer.key);
                    let keys = answers.chain(batch.unchanged.iter_mut().map(|note| &mut note.key));
                    let by_hour = keys.filter(|key| key.bucket.width == 3600);
                    by_hour.for_each(|key| key.metric = format!("{}.hours", key.metric).into());
                }
                Some(Fault::DeafToNotes) => batch.unchanged.clear(),
                _ => {}
            }
            (BatchHash::of(bytes), batch)
        });
        let batches: Vec<(BatchHash, Batch)> = batches.collect();
        let said = batches.iter().map(|(_, batch)| Said::decode(&batch.encode()).unwrap_or_default()).collect();
        Self { batches, said }
    }
}
