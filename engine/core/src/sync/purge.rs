//! Purge: data that is removed everywhere, and what remains of what it reaches.
//!
//! A purge reaches whole segments, in clear; what of their events goes is encrypted. Chunks of reached segments that do not name it
//! are void. So whoever purges writes what remains anew, under the purge, and each author does so for what it alone holds.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::RangeInclusive;

use aimon_ledger::cbor;
use aimon_ledger::chunk::{Chunk, Place};
use aimon_ledger::ids::{ChunkId, DeviceId, Short, StatementId};
use aimon_ledger::live::{self, State};

use aimon_ledger::statement::{Author, Body, Statement, What};
use aimon_ledger::time::{UtcDay, UtcMillis};
use minicbor::Decoder;

use super::{Client, Fault, Held, Step, SyncError, Write};
use crate::batch::{Batch, BatchError, Piece};
use crate::crypto;
use crate::event::{AnswerKey, Event, Record};
use crate::name::Name;
use crate::units::Tokens;

/// What a purge takes, of what it reaches.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Selection {
    /// Only what this source tells of.
    pub source: Option<Name>,
    /// Only what is this account's.
    pub account: Option<Name>,
}

impl Selection {
    /// Whether nothing remains of what is dated up to the instant.
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    fn encode(&self) -> Vec<u8> {
        let fields: Vec<(u64, &Name)> =
            [(1, &self.source), (2, &self.account)].into_iter().filter_map(|(k, v)| Some((k, v.as_ref()?))).collect();
        cbor::write(|e| {
            e.map(fields.len() as u64)?;
            fields.iter().try_for_each(|(key, value)| e.u64(*key)?.str(value.as_str())?.ok())
        })
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut selection = Self::default();
        let mut is_known = true;
        let mut d = Decoder::new(bytes);
        let read = cbor::map(&mut d, |key, d| {
            match key {
                1 => selection.source = Some(Name::from(d.str()?)),
                2 => selection.account = Some(Name::from(d.str()?)),
                // A condition that a newer version knows: it takes less than this version would think.
                _ => {
                    is_known = false;
                    return Ok(false);
                }
            }
            Ok(true)
        });
        (read.is_ok() && is_known).then_some(selection)
    }
}

/// A purge, as a member reads it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Purge {
    /// Its statement; zeroes where there is none, because there is no workspace.
    pub id: StatementId,
    /// Whose segments it reaches; all devices' if empty.
    pub devices: Vec<DeviceId>,
    /// The days that it reaches.
    pub days: RangeInclusive<UtcDay>,
    /// What is dated up to here goes.
    pub instant: UtcMillis,
    /// What of it goes; `None` if it can't be read here.
    pub selection: Option<Selection>,
}

impl Purge {
    /// Whether it reaches a segment.
    fn reaches(&self, place: &Place) -> bool {
        let ledger = live::Purge { id: self.id.short(), devices: self.devices.clone(), days: self.days.clone() };
        ledger.reaches(place)
    }

    /// Whether nothing of a day remains, whatever it is.
    pub fn takes_all_of(&self, day: UtcDay) -> bool {
        self.selection.as_ref().is_some_and(Selection::is_everything)
            && self.days.contains(&day)
            && day.plus(1).start() <= self.instant
    }

    fn takes_at(&self, day: UtcDay, time: UtcMillis) -> Option<&Selection> {
        self.selection.as_ref().filter(|_| self.days.contains(&day) && time <= self.instant)
    }

    /// Whether a record goes.
    pub fn takes_record(&self, record: &Record) -> bool {
        self.takes_at(record.time.day(), record.time).is_some_and(|selection| {
            let is_source = selection.source.as_ref().is_none_or(|source| *source == record.source);
            let is_account = selection.account.as_ref().is_none_or(|account| record.payer.as_ref() == Some(account));
            is_source && is_account
        })
    }

    /// Whether an event goes.
    pub fn takes(&self, event: &Event) -> bool {
        match event {
            Event::Record(record) => self.takes_record(record),
            Event::Answer(answer) => self.takes_answer(&answer.key, answer.observed),
            Event::Unchanged(note) => self.takes_answer(&note.key, note.seen),
            // It reaches days, and a setting has none.
            Event::Setting(_) => false,
        }
    }

    fn takes_answer(&self, key: &AnswerKey, observed: UtcMillis) -> bool {
        let day = if key.bucket.is_gauge() { observed.day() } else { key.bucket.start.day() };
        self.takes_at(day, observed).is_some_and(|selection| {
            let is_account = selection.account.as_ref().is_none_or(|account| *account == key.account);
            selection.source.is_none() && is_account
        })
    }

    /// Takes out of a batch what goes.
    pub fn sieve(&self, batch: &mut Batch) {
        batch.retain_records(|record| !self.takes_record(record));
        batch.retain_answers(|key, observed| !self.takes_answer(key, observed));
    }
}

/// What is the same observation whoever passed it on: the record without its origin. A copy of another size is another one, and which
/// of them counts is for the fold to say.
fn observed(record: &Record) -> Record {
    Record { origin: None, ..record.clone() }
}

/// Which records of a day are there already.
#[derive(Default)]
struct Present {
    /// In anybody's chunks.
    all: HashSet<Record>,
    /// In this device's own chunks.
    own: HashSet<Record>,
    /// A fault: the size is not looked at.
    is_coarse: bool,
}

impl Present {
    fn observed(&self, record: &Record) -> Record {
        let observed = observed(record);
        if self.is_coarse { Record { tokens: Tokens::default(), ..observed } } else { observed }
    }

    /// Whether a record need not be written anew. That another device has written down what this one has is not enough: it may be
    /// revoked by somebody who has not heard of that, or purged itself and then lost, and with it would go what this one let go. Also
    /// of what this one has brought of a third device's, which may never come (seed 38444).
    fn has(&self, record: &Record, is_mine: bool) -> bool {
        let among = if is_mine { &self.own } else { &self.all };
        among.contains(&self.observed(record))
    }

    fn add(&mut self, record: &Record, is_mine: bool) {
        let observed = self.observed(record);
        if is_mine {
            self.own.insert(observed.clone());
        }
        self.all.insert(observed);
    }
}

impl Client {
    /// The purges that count.
    pub fn purges(&self) -> Vec<Purge> {
        let counting: BTreeSet<Short> = self.standing.purges.iter().map(|purge| purge.id).collect();
        let statements = self.membership.statements().filter(|statement| counting.contains(&statement.id().short()));
        statements.filter_map(|statement| self.read_purge(statement)).collect()
    }

    /// Whether the key is not here of a purge that reaches days of this device which are kept. What is written says that it obeys
    /// its purges: as long as one can't be read, nobody knows what to leave out.
    pub(super) fn has_locked_purge(&self) -> bool {
        let reaching = self.standing.purges.iter().filter(|purge| {
            let is_mine = purge.devices.is_empty() || purge.devices.contains(&self.me.device);
            is_mine && *purge.days.end() >= self.first_day()
        });
        let reaching: BTreeSet<Short> = reaching.map(|purge| purge.id).collect();
        let mut statements = self.membership.statements().filter(|one| reaching.contains(&one.id().short()));
        statements.any(|one| matches!(&one.body().what, What::Purge { key, .. } if self.ring.get(key).is_none()))
    }

    /// What a purge's statement says, as far as it can be read; `None` of any other statement.
    pub fn read_purge(&self, statement: &Statement) -> Option<Purge> {
        let What::Purge { devices, days, instant, key, detail } = &statement.body().what else { return None };
        let opened = self.ring.get(key).and_then(|key| key.open(DETAIL, detail).ok());
        Some(Purge {
            id: statement.id(),
            devices: devices.clone(),
            days: days.clone(),
            instant: *instant,
            selection: opened.and_then(|bytes| Selection::decode(&bytes)),
        })
    }

    /// Takes out of a batch what was purged: logs that are read again bring nothing back.
    pub fn obey(&self, device: DeviceId, day: Option<UtcDay>, batch: &mut Batch) {
        let Some(day) = day else { return };
        if self.standing.purges.is_empty() || self.has(Fault::Resurrect) {
            return;
        }
        let place = Place { device, day: Some(day), part: 0 };
        for purge in self.purges().iter().filter(|purge| purge.reaches(&place)) {
            purge.sieve(batch);
        }
    }

    /// The live chunks of the segments that a purge would reach: what [`Client::purge`] needs at hand.
    pub fn reached(&self, devices: &[DeviceId], days: &RangeInclusive<UtcDay>) -> Vec<ChunkId> {
        let purge = live::Purge { id: Short([0; 4]), devices: devices.to_vec(), days: days.clone() };
        let live = self.log.all().filter(|(_, header, state)| *state == State::Live && purge.reaches(&header.place));
        live.map(|(id, _, _)| *id).collect()
    }

    /// Removes data everywhere. `instant` is vouched time: what is dated later stays. `held` has what [`Client::reached`] names.
    /// What remains is pushed before the purge is said.
    ///
    /// # Errors
    /// As [`Client::record`]. Nothing is changed if a chunk can't be read of which something may remain.
    pub fn purge(
        &mut self,
        devices: Vec<DeviceId>,
        days: RangeInclusive<UtcDay>,
        instant: UtcMillis,
        selection: &Selection,
        mut held: Held,
    ) -> Result<Step, SyncError> {
        let (key, workspace_key) = self.ring.current(&self.standing).ok_or(SyncError::NoKey)?;
        let detail = workspace_key.seal(DETAIL, &selection.encode(), (self.entropy)())?;
        let reached = self.reached(&devices, &days);
        for id in &reached {
            if held.get(id).is_none_or(|chunk| self.open(chunk).is_none()) && !selection.is_everything() {
                return Err(SyncError::Damaged(format!(
                    "chunk {id} can't be read, so what remains of it is not known"
                )));
            }
        }
        let what = What::Purge { devices, days, instant, key, detail };
        let body = Body { follows: self.membership.heads(), author: Author::Device(self.me.device), what };
        let statement = crypto::statement(&self.workspace(), &body, &self.me.secret)?;
        let mut step = Step::default();
        // Whoever purges writes anew what remains of everybody's; `remains` does so for what becomes void.
        self.hear(vec![statement], &mut held, &reached.into_iter().collect(), &mut step)?;
        Ok(step)
    }

    /// What it takes to do what purges ask for that are not held yet: this device's chunks that they reach, and what is live beside
    /// them.
    pub(super) fn needs_of_purges(&self, statements: &[Vec<u8>]) -> Vec<ChunkId> {
        let new = statements.iter().filter_map(|bytes| Statement::parse(bytes.clone()).ok());
        let purges: Vec<Purge> = new
            .filter(|statement| !self.membership.has(&statement.id()))
            .filter_map(|statement| self.read_purge(&statement))
            .collect();
        let own = |place: &Place| place.device == self.me.device && purges.iter().any(|purge| purge.reaches(place));
        let days: BTreeSet<UtcDay> =
            self.log.places().filter(|place| own(place)).filter_map(|place| place.day).collect();
        let live = self.log.all().filter(|(_, header, state)| {
            *state == State::Live && header.place.day.is_some_and(|day| days.contains(&day))
        });
        live.map(|(id, _, _)| *id).collect()
    }

    /// Which purges this device has signed whose remains a relay has not taken yet: they are said after them. What the relay says is
    /// covered holds nothing back: if a snapshot covers it that the purge makes void, only the purge can undo that.
    pub(super) fn held_back(&self) -> BTreeSet<StatementId> {
        let obeyed: BTreeSet<Short> = self
            .queue
            .waiting_ids()
            .filter(|id| !self.session.is_covered(id))
            .filter_map(|id| self.log.header(id))
            .flat_map(|header| header.obeys.iter().copied())
            .collect();
        let own = self.membership.statements().filter(|statement| {
            matches!(statement.body().what, What::Purge { .. })
                && statement.body().author == Author::Device(self.me.device)
                && obeyed.contains(&statement.id().short())
        });
        own.map(Statement::id).collect()
    }

    /// What has become void and is to be written anew as far as it remains: `mine` are chunks that this device answers for. Says
    /// which of them are done with; the others wait for bytes or a key.
    pub(super) fn remains(&mut self, void: &[ChunkId], held: &Held, write: &mut Write) -> BTreeSet<ChunkId> {
        let mut done = BTreeSet::new();
        let purges = self.purges();
        let mut present: HashMap<UtcDay, Present> = HashMap::new();
        let mut fresh: BTreeMap<(UtcDay, DeviceId), Vec<Piece>> = BTreeMap::new();
        for id in void {
            let Some(place) = self.log.header(id).map(|header| header.place) else { continue };
            let Some(day) = place.day else { continue };
            let reaching: Vec<&Purge> = purges.iter().filter(|purge| purge.reaches(&place)).collect();
            let Some(batches) = held.get(id).and_then(|chunk| self.open(chunk)) else {
                // Of what goes as a whole nothing needs to be read.
                if reaching.iter().any(|purge| purge.takes_all_of(day)) {
                    done.insert(*id);
                }
                continue;
            };
            if !self.can_write() || reaching.iter().any(|purge| purge.selection.is_none()) {
                continue;
            }
            let present = present.entry(day).or_insert_with(|| self.present(day, held));
            // What could not be written would be lost with its chunk.
            let Ok(pieces) = self.remaining((place.device, day), batches, &reaching, present) else { continue };
            fresh.entry((day, place.device)).or_default().extend(pieces);
            done.insert(*id);
        }
        for ((day, _), pieces) in fresh {
            for piece in pieces {
                if self.append_piece(Some(day), piece, true, write).is_err() {
                    return BTreeSet::new();
                }
            }
        }
        done
    }

    /// What of a void chunk's batches is to be written anew: what its purges leave, as far as it is not there already.
    fn remaining(
        &self,
        (device, day): (DeviceId, UtcDay),
        batches: Vec<Vec<u8>>,
        purges: &[&Purge],
        present: &mut Present,
    ) -> Result<Vec<Piece>, SyncError> {
        let is_mine = device == self.me.device;
        let (mut pieces, mut kept) = (Vec::new(), Vec::new());
        for bytes in batches {
            let rest = match Batch::decode(&bytes) {
                Ok(mut batch) => {
                    purges.iter().for_each(|purge| purge.sieve(&mut batch));
                    batch.retain_records(|record| !present.has(record, is_mine));
                    if batch.is_empty() {
                        continue;
                    }
                    let bytes = batch.encode();
                    kept.append(&mut batch.records);
                    bytes
                }
                // What a newer version wrote can't be looked into: it goes with all else, or stays whole.
                Err(BatchError::Version(_)) if purges.iter().any(|purge| purge.takes_all_of(day)) => continue,
                Err(BatchError::Version(_)) => bytes,
                // What is no batch has nothing to say.
                Err(BatchError::Short | BatchError::Malformed(_)) => continue,
            };
            pieces.extend(self.pieces(Some(day), rest, (!is_mine).then_some(device))?);
        }
        kept.iter().for_each(|record| present.add(record, is_mine));
        Ok(pieces)
    }

    /// The records of a day that live chunks hold.
    fn present(&self, day: UtcDay, held: &Held) -> Present {
        let is_live =
            |chunk: &&Chunk| chunk.header().place.day == Some(day) && self.log.state(&chunk.id()) == Some(State::Live);
        let mut present = Present { is_coarse: self.has(Fault::KeepTheFirst), ..Present::default() };
        for chunk in held.values().filter(is_live) {
            let is_mine = chunk.header().place.device == self.me.device;
            let batches = self.open(chunk).into_iter().flatten();
            for batch in batches.filter_map(|bytes| Batch::decode(&bytes).ok()) {
                batch.records.iter().for_each(|record| present.add(record, is_mine));
            }
        }
        present
    }
}

const DETAIL: &str = "aimon/v1/purge";
