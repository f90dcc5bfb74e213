//! Cells: the fold of one UTC day, summed by quarter of an hour and by everything that a report
//! can ask for. Cells are derived: they can be thrown away and made again from the events.

use std::collections::BTreeMap;

use super::identity::{Copy, standing};
use crate::batch::BatchError;
use crate::batch::columns::{Columns, Encoding, Names, Reader, Writer, block};
use crate::event::{ContextClass, Quality, Tier};
use crate::ids::DeviceId;
use crate::name::Name;
use crate::time::{Quarter, UtcDay};
use crate::units::{PicoUsd, Tokens};

/// The most cells of one block: however many kinds of names they have, its dictionary is not full.
const BLOCK_ROWS: usize = 8192;

/// What calls have in common that are summed in one cell.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct CellKey {
    /// When, within the day.
    pub quarter: Quarter,
    /// The agent's kind.
    pub source: Name,
    /// The model as the log names it.
    pub model: Name,
    /// The session as the log names it.
    pub session: Name,
    /// Who observed.
    pub device: DeviceId,
    /// The price class.
    pub tier: Tier,
    /// The size class of the prompts.
    pub context: ContextClass,
    /// How far the figures can be trusted.
    pub quality: Quality,
    /// Who paid, where stated.
    pub payer: Option<Name>,
    /// The project's hash, where the user opted in.
    pub project: Option<[u8; 8]>,
}

impl CellKey {
    /// Of the cell that a call is summed in.
    pub(super) fn of(copy: &Copy) -> Self {
        let r = &copy.record;
        Self {
            quarter: r.time.quarter(),
            source: r.source.clone(),
            model: r.model.clone(),
            session: r.session.clone(),
            device: copy.device,
            tier: r.tier,
            context: ContextClass::of(r.tokens.prompt()),
            quality: r.quality,
            payer: r.payer.clone(),
            project: r.project,
        }
    }
}

/// Sums of calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sums {
    /// How many calls.
    pub calls: u64,
    /// Their tokens.
    pub tokens: Tokens,
    /// Their web searches.
    pub web_searches: u64,
    /// What the logs say that calls cost, of those where they say it.
    pub stated_cost: PicoUsd,
    /// How many calls have a stated cost.
    pub stated_calls: u64,
    /// The tokens of the calls that have none.
    pub unstated: Tokens,
}

impl std::ops::AddAssign for Sums {
    fn add_assign(&mut self, o: Self) {
        self.calls = self.calls.saturating_add(o.calls);
        self.tokens += o.tokens;
        self.web_searches = self.web_searches.saturating_add(o.web_searches);
        self.stated_cost += o.stated_cost;
        self.stated_calls = self.stated_calls.saturating_add(o.stated_calls);
        self.unstated += o.unstated;
    }
}

/// The cells of one UTC day.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DayCells {
    /// The day.
    pub day: UtcDay,
    /// Sorted by key.
    pub cells: Vec<(CellKey, Sums)>,
}

/// How finely a day's cells are cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Detail {
    /// By quarter of an hour and by session: all that there is.
    Full,
    /// By hour, sessions summed: a quarter of the cells, enough for most reports.
    Hours,
}

impl DayCells {
    /// The same figures by hour, sessions summed: their quarter is the hour's first, their session
    /// has no name.
    pub fn by_hour(&self) -> Self {
        let mut cells: BTreeMap<CellKey, Sums> = BTreeMap::new();
        let no_session = Name::default();
        for (key, sums) in &self.cells {
            let hour = Quarter(key.quarter.0 / 4 * 4);
            *cells.entry(CellKey { quarter: hour, session: no_session.clone(), ..key.clone() }).or_default() += *sums;
        }
        Self { day: self.day, cells: cells.into_iter().collect() }
    }

    /// Folds `copies`: all that the day holds, and all copies that other days hold of its messages.
    pub fn fold(day: UtcDay, copies: &[Copy]) -> Self {
        let mut cells: BTreeMap<CellKey, Sums> = BTreeMap::new();
        for copy in standing(copies) {
            let r = &copy.record;
            if r.time.day() != day {
                continue;
            }
            let sums = cells.entry(CellKey::of(copy)).or_default();
            *sums += Sums {
                calls: 1,
                tokens: r.tokens,
                web_searches: r.web_searches,
                stated_cost: r.stated_cost.unwrap_or_default(),
                stated_calls: u64::from(r.stated_cost.is_some()),
                unstated: if r.stated_cost.is_some() { Tokens::default() } else { r.tokens },
            };
        }
        Self { day, cells: cells.into_iter().collect() }
    }

    /// Adds the sums of other calls of the same day, in the same detail.
    pub fn add(&mut self, other: Self) {
        let mut cells: BTreeMap<CellKey, Sums> = std::mem::take(&mut self.cells).into_iter().collect();
        for (key, sums) in other.cells {
            *cells.entry(key).or_default() += sums;
        }
        self.cells = cells.into_iter().collect();
    }

    /// Bytes for a derived table: blocks of a dictionary and columns, as batches have them.
    pub fn encode(&self) -> Vec<u8> {
        self.cells.chunks(BLOCK_ROWS).flat_map(Self::encode_block).collect()
    }

    fn encode_block(rows: &[(CellKey, Sums)]) -> Vec<u8> {
        let mut names = Names::default();
        let mut places = |of: &dyn Fn(&CellKey, &mut Names) -> u64| -> Vec<u64> {
            rows.iter().map(|(k, _)| of(k, &mut names)).collect()
        };
        let sources = places(&|k, n| n.place(&k.source));
        let models = places(&|k, n| n.place(&k.model));
        let sessions = places(&|k, n| n.place(&k.session));
        let devices = places(&|k, n| n.place(&Name::from(k.device.to_string())));
        let payers = places(&|k, n| n.optional(k.payer.as_ref()));
        let projects = places(&|k, n| {
            n.optional(k.project.map(|p| Name::from(format!("{:016x}", u64::from_be_bytes(p)))).as_ref())
        });
        let mut w = Writer::default();
        let runs = Encoding::Runs;
        w.numbers(1, Encoding::Delta, rows.iter().map(|(k, _)| u64::from(k.quarter.0)));
        w.numbers(2, runs, sources.into_iter());
        w.numbers(3, Encoding::Delta, models.into_iter());
        w.numbers(4, Encoding::Delta, sessions.into_iter());
        w.numbers(5, runs, devices.into_iter());
        w.numbers(6, runs, rows.iter().map(|(k, _)| k.tier as u64));
        w.numbers(7, runs, rows.iter().map(|(k, _)| u64::from(k.context.0)));
        w.numbers(8, runs, rows.iter().map(|(k, _)| k.quality as u64));
        w.numbers(9, runs, payers.into_iter());
        w.numbers(10, runs, projects.into_iter());
        w.numbers(11, Encoding::Plain, rows.iter().map(|(_, s)| s.calls));
        w.numbers(12, runs, rows.iter().map(|(_, s)| s.web_searches));
        w.numbers(13, runs, rows.iter().map(|(_, s)| s.stated_calls));
        w.signed(14, rows.iter().map(|(_, s)| s.stated_cost.0));
        for i in 0..6 {
            w.numbers(16 + i as u64, Encoding::Plain, rows.iter().map(move |(_, s)| s.tokens.kinds()[i]));
            // Mostly no call states a cost, and then this is the same again.
            let differs = rows.iter().any(|(_, s)| s.stated_calls > 0);
            let unstated = rows.iter().map(move |(_, s)| if differs { s.unstated.kinds()[i] } else { 0 });
            w.numbers(24 + i as u64, Encoding::Plain, unstated);
        }
        let mut out = Vec::new();
        block::write(&names, w, rows.len(), &mut out);
        out
    }

    /// Reads what [`DayCells::encode`] wrote.
    pub fn decode(day: UtcDay, bytes: &[u8]) -> Result<Self, BatchError> {
        let mut r = Reader::new(bytes);
        let mut cells = Vec::new();
        while !r.is_empty() {
            Self::decode_block(&mut r, &mut cells)?;
        }
        Ok(Self { day, cells })
    }

    fn decode_block(r: &mut Reader<'_>, cells: &mut Vec<(CellKey, Sums)>) -> Result<(), BatchError> {
        let (names, rows, mut c) = block::read(r)?;
        let devices_of: Vec<Option<DeviceId>> = names.all().iter().map(|n| DeviceId::parse(n)).collect();
        let n = |c: &mut Columns<'_>, id| c.numbers(id, rows);
        let (quarter, source, model, session) = (n(&mut c, 1)?, n(&mut c, 2)?, n(&mut c, 3)?, n(&mut c, 4)?);
        let (device, tier, context, quality) = (n(&mut c, 5)?, n(&mut c, 6)?, n(&mut c, 7)?, n(&mut c, 8)?);
        let (payer, project, calls, web) = (n(&mut c, 9)?, n(&mut c, 10)?, n(&mut c, 11)?, n(&mut c, 12)?);
        let stated_calls = n(&mut c, 13)?;
        let stated_cost = c.signed(14, rows)?;
        let mut tokens = Vec::with_capacity(6);
        let mut unstated = Vec::with_capacity(6);
        for i in 0..6 {
            tokens.push(n(&mut c, 16 + i)?);
            unstated.push(n(&mut c, 24 + i)?);
        }
        let any_stated = stated_calls.iter().any(|n| *n > 0);
        let kinds = |list: &[Vec<u64>], i: usize| Tokens::from_kinds(std::array::from_fn(|k| list[k][i]));
        cells.reserve(rows);
        for i in 0..rows {
            let key = CellKey {
                quarter: Quarter(quarter[i].min(95) as u8),
                source: names.at(source[i])?.clone(),
                model: names.at(model[i])?.clone(),
                session: names.at(session[i])?.clone(),
                device: devices_of
                    .get(device[i] as usize)
                    .copied()
                    .flatten()
                    .ok_or(BatchError::Malformed("a cell without a device"))?,
                tier: Tier::from_u8(tier[i] as u8),
                context: ContextClass(context[i] as u8),
                quality: Quality::from_u8(quality[i] as u8),
                payer: names.optional(payer[i])?.cloned(),
                project: names
                    .optional(project[i])?
                    .and_then(|p| u64::from_str_radix(p, 16).ok())
                    .map(u64::to_be_bytes),
            };
            let tokens = kinds(&tokens, i);
            let sums = Sums {
                calls: calls[i],
                tokens,
                web_searches: web[i],
                stated_cost: PicoUsd(stated_cost[i]),
                stated_calls: stated_calls[i],
                unstated: if any_stated { kinds(&unstated, i) } else { tokens },
            };
            cells.push((key, sums));
        }
        Ok(())
    }
}
