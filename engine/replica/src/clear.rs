//! What rests in clear, folded by itself: what a process without keys shows beside the derived tables.
//!
//! The tables hold what could be read when the keys were last there. What was recorded since rests in clear, and comes on top
//! of them, so that the figures are those of all that can be read. A call of a message that the tables know already stays out:
//! of its copies one counts, and which one, only whoever reads them all can tell. With the keys everything is folded anew.

use std::collections::{BTreeMap, BTreeSet};

use aimon_core::event::{Answer, MessageId, Unchanged};
use aimon_core::history::{Copy, DayCells, Detail, Gauges, standing};
use aimon_core::time::UtcDay;

use crate::database::error;
use crate::derived::Tables;
use crate::{Error, Replica, changes, derived};

/// Which of the rows that rest in clear.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// Those that the tables have not taken in.
    New,
    /// All.
    All,
}

/// What rests in clear.
#[derive(Default)]
pub(crate) struct Clear {
    /// Records that stand among themselves, by day.
    pub(crate) days: BTreeMap<UtcDay, Vec<Copy>>,
    answers: Vec<Answer>,
    notes: Vec<Unchanged>,
}

impl Clear {
    /// Adds the calls of a range of days to what the tables say of them.
    pub(crate) fn add_to(&self, cells: &mut BTreeMap<UtcDay, DayCells>, (from, to): (UtcDay, UtcDay), detail: Detail) {
        for (day, copies) in self.days.iter().filter(|(day, _)| **day >= from && **day <= to) {
            let added = DayCells::fold(*day, copies);
            let added = if detail == Detail::Hours { added.by_hour() } else { added };
            cells.entry(*day).or_insert_with(|| DayCells { day: *day, cells: Vec::new() }).add(added);
        }
    }

    /// Whether there is something that providers said of a span of time.
    pub(crate) fn says_more(&self) -> bool {
        let mut keys = self.answers.iter().map(|a| &a.key).chain(self.notes.iter().map(|note| &note.key));
        keys.any(|key| !key.bucket.is_gauge())
    }

    /// Has gauges go by the answers that rest in clear, where these are newer.
    pub(crate) fn absorbed_by(&self, gauges: &mut Gauges) {
        gauges.absorb(&self.answers, &self.notes);
    }
}

impl Replica {
    /// Reads what rests in clear, of the days from `first` on. Where something is left out because only the keys can tell
    /// whether it counts, this reading is behind.
    pub(crate) async fn in_clear(&mut self, which: Which, first: UtcDay) -> Result<Clear, Error> {
        let home = self.home.clone();
        let fail = |e| error(&home, e);
        let upto = match self.tables {
            Tables::Used => derived::upto(&mut self.db).await.map_err(fail)?,
            Tables::Ignored => 0,
        };
        let (mut held, mut fresh, mut clear) = (Vec::new(), Vec::new(), Clear::default());
        let mut after = if which == Which::New { upto } else { 0 };
        loop {
            let rows = changes::plain(&mut self.db, after).await.map_err(fail)?;
            let Some(last) = rows.last() else { break };
            after = last.seq;
            for row in rows.iter().filter(|row| row.place.day.is_some_and(|day| day >= first)) {
                // What is damaged is quarantined once the keys are there.
                for batch in row.batches(&self.ring).unwrap_or_default() {
                    let copies = batch.records.into_iter().map(|record| Copy::new(row.place.device, record));
                    if row.seq > upto {
                        fresh.extend(copies)
                    } else {
                        held.extend(copies)
                    }
                    clear.answers.extend(batch.answers);
                    clear.notes.extend(batch.unchanged);
                }
            }
        }
        let messages: BTreeSet<MessageId> = fresh.iter().map(|copy: &Copy| copy.record.message).collect();
        let known = derived::known(&mut self.db, &messages, first, self.tables).await.map_err(fail)?;
        self.behind |= !known.is_empty();
        fresh.retain(|copy| !known.contains(&copy.record.message));
        held.append(&mut fresh);
        for copy in standing(&held) {
            clear.days.entry(copy.record.time.day()).or_default().push(copy.clone());
        }
        Ok(clear)
    }
}
