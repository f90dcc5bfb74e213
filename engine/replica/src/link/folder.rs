//! A shared folder: to sync is to read what one lacks and to write what it lacks.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use aimon_core::sync::{Client, Notice, Step};
use aimon_core::time::{UtcDay, UtcMillis};
use aimon_ledger::chunk::Chunk;
use aimon_ledger::frame::Frame;
use aimon_ledger::ids::ChunkId;
use aimon_ledger::live::State;
use tokio::sync::Mutex;

use super::{Goal, LinkError, TICK, Told};
use crate::Replica;
use crate::transport::{FolderLog, Found, Listing};

/// How many bytes of chunks are taken in, or put out, at once.
const TOGETHER: usize = 1 << 20;

pub(super) async fn run(
    replica: &Mutex<Replica>,
    log: &FolderLog,
    goal: Goal,
    clock: fn() -> UtcMillis,
    told: &mut (dyn FnMut(Told) + Send),
) -> Result<(), LinkError> {
    told(Told::Connected);
    let mut reading = Reading::default();
    loop {
        let now = clock();
        let has_damaged = exchange(replica, log, now, told).await?;
        tidy(replica, log, now.day()).await?;
        if goal == Goal::Whole || reading.is_due(&mut *replica.lock().await, has_damaged, now).await? {
            mend(replica, log, now).await?;
        }
        told(Told::Even);
        if goal != Goal::Stay {
            return Ok(());
        }
        tokio::time::sleep(TICK).await;
    }
}

/// When a folder is read through: once a day, and where something seems to be wrong with it.
#[derive(Default)]
struct Reading {
    /// When it was last looked whether something is withheld: that goes through all headers.
    looked: Option<UtcMillis>,
}

impl Reading {
    /// It reads all that lies there: at most so often.
    const OFTEN_MS: i64 = 3_600_000;

    async fn is_due(&mut self, replica: &mut Replica, has_damaged: bool, now: UtcMillis) -> Result<bool, LinkError> {
        let is_fresh = |at: UtcMillis| (0..Self::OFTEN_MS).contains(&now.0.saturating_sub(at.0));
        let Some(last) = replica.folder_read_through().await? else { return Ok(true) };
        if last.day() != now.day() {
            return Ok(true);
        }
        if is_fresh(last) || has_damaged {
            return Ok(!is_fresh(last));
        }
        if self.looked.is_some_and(is_fresh) {
            return Ok(false);
        }
        self.looked = Some(now);
        Ok(!replica.client().await?.withheld().is_empty())
    }
}

/// Reads what is lacking here, writes what is lacking there. Whether a file that is lacking here is damaged.
async fn exchange(
    replica: &Mutex<Replica>,
    log: &FolderLog,
    now: UtcMillis,
    told: &mut (dyn FnMut(Told) + Send),
) -> Result<bool, LinkError> {
    let listing = log.list()?;
    let mut replica = replica.lock().await;
    replica.in_step = false;
    let mut broken = Broken::default();
    let tick = replica.step(now, |client| Ok(client.tick(now))).await?;
    tell(tick, told)?;

    // Statements first: they say whose chunks count.
    let held = replica.client().await?.membership();
    let lacking: Vec<_> = listing.statements.iter().filter(|id| !held.has(id)).copied().collect();
    let mut statements = Vec::new();
    for id in &lacking {
        match log.statement(id)? {
            Found::Whole(bytes) => statements.push(bytes),
            found => broken.add(&found, None, log.statement_written(id)?),
        }
    }
    if !statements.is_empty() {
        let step = replica.frame(Frame::Statements(statements), now).await?;
        tell(step, told)?;
    }

    // What it has to say of members is heard all the same.
    if !replica.client().await?.is_member() {
        put_statements(&mut replica, log, &listing).await?;
        return Err(LinkError::Revoked);
    }

    let client = replica.client().await?;
    let mut lacking: Vec<(Option<UtcDay>, ChunkId)> = Vec::new();
    for (day, ids) in &listing.chunks {
        // What is not kept is not read.
        if day.is_none_or(|day| day >= client.first_day()) {
            lacking.extend(ids.iter().filter(|id| client.state(id).is_none()).map(|id| (*day, *id)));
        }
    }
    let (mut some, mut bytes) = (Vec::new(), 0);
    for (day, id) in lacking {
        match log.chunk(day, &id)? {
            Found::Whole(content) => {
                bytes += content.len();
                // The name says what it is; whether it is signed is looked at where it is taken in.
                some.extend(Chunk::parse(content).ok());
            }
            found => broken.add(&found, Some((day, id)), log.chunk_written(day, &id)?),
        }
        if bytes >= TOGETHER {
            let step = replica.take(std::mem::take(&mut some), now).await?;
            tell(step, told)?;
            bytes = 0;
        }
    }
    if !some.is_empty() {
        let step = replica.take(some, now).await?;
        tell(step, told)?;
    }

    // Chunks before statements: what remains of a purge lies there before the purge is said.
    let client = replica.client().await?;
    let is_there = |day: Option<UtcDay>, id: &ChunkId| listing.chunks.get(&day).is_some_and(|ids| ids.contains(id));
    let live = client.log().all().filter(|(_, _, state)| *state == State::Live);
    let missing: Vec<(Option<UtcDay>, ChunkId)> =
        live.map(|(id, header, _)| (header.place.day, *id)).filter(|(day, id)| !is_there(*day, id)).collect();
    for some in missing.chunks(256) {
        let ids: Vec<ChunkId> = some.iter().map(|(_, id)| *id).collect();
        let chunks = replica.chunks(&ids).await?;
        log.put_chunks(chunks.iter().map(|chunk| (chunk.header().place.day, chunk.bytes())))?;
    }
    // All that is live lies there now.
    let step = replica.step(now, |client| Ok(client.all_taken())).await?;
    tell(step, told)?;
    put_statements(&mut replica, log, &listing).await?;
    replica.set_told().await?;
    let beside = broken.not_withheld(replica.client().await?);
    replica.set_damaged_files(beside).await?;
    replica.set_in_step(!broken.is_arriving).await?;
    Ok(broken.has_damaged)
}

/// What could not be read of what is lacking here.
#[derive(Default)]
struct Broken {
    has_damaged: bool,
    /// Whether something of it may still be arriving.
    is_arriving: bool,
    /// Damaged files that may be so: chunks by name, and how many statements.
    chunks: Vec<(Option<UtcDay>, ChunkId)>,
    statements: u64,
}

impl Broken {
    fn add(&mut self, found: &Found, chunk: Option<(Option<UtcDay>, ChunkId)>, written: Option<SystemTime>) {
        let (is_damaged, is_young) = (*found == Found::Damaged, is_young(written));
        self.has_damaged |= is_damaged;
        self.is_arriving |= is_young;
        if is_damaged && is_young {
            self.chunks.extend(chunk);
            self.statements += u64::from(chunk.is_none());
        }
    }

    /// How many of them nothing else tells to be missing here.
    fn not_withheld(&self, client: &Client) -> u64 {
        if self.chunks.is_empty() {
            return self.statements;
        }
        let withheld: BTreeSet<_> = client.withheld().into_iter().map(|one| (one.day, one.id)).collect();
        let beside = self.chunks.iter().filter(|(day, id)| !withheld.contains(&(*day, id.short())));
        self.statements + beside.count() as u64
    }
}

/// How long a file that is not what its name says may still be arriving. An older one is damaged, and if nobody has what it was it
/// stays so: that must not keep everybody from sealing until its day expires, or, of settings, for good.
const ARRIVES: Duration = Duration::from_secs(86_400);

/// Whether a file may still be arriving; one that has gone since it was listed may have made room for itself.
fn is_young(written: Option<SystemTime>) -> bool {
    let now = SystemTime::now();
    written.is_none_or(|written| {
        let apart = now.duration_since(written).unwrap_or_else(|ahead| ahead.duration());
        apart < ARRIVES
    })
}

async fn put_statements(replica: &mut Replica, log: &FolderLog, listing: &Listing) -> Result<(), LinkError> {
    let client = replica.client().await?;
    let unsaid = client.membership().statements().filter(|statement| !listing.statements.contains(&statement.id()));
    let unsaid: Vec<Vec<u8>> = unsaid.map(|statement| statement.bytes().to_vec()).collect();
    if !unsaid.is_empty() {
        log.put_statements(unsaid.iter().map(Vec::as_slice))?;
    }
    Ok(())
}

/// Writes anew what lies there and is not what its name says, as far as it counts and is held here. It reads all that lies there, so
/// it is noted when it was done.
async fn mend(replica: &Mutex<Replica>, log: &FolderLog, now: UtcMillis) -> Result<(), LinkError> {
    let mut replica = replica.lock().await;
    let client = replica.client().await?;
    let live = client.log().all().filter(|(_, _, state)| *state == State::Live);
    let live: Vec<(Option<UtcDay>, ChunkId)> = live.map(|(id, header, _)| (header.place.day, *id)).collect();
    let statements: Vec<Vec<u8>> = client.membership().statements().map(|said| said.bytes().to_vec()).collect();
    for (day, id) in live {
        if log.chunk(day, &id)? == Found::Damaged {
            let chunks = replica.chunks(&[id]).await?;
            log.put_chunks(chunks.iter().map(|chunk| (chunk.header().place.day, chunk.bytes())))?;
        }
    }
    // These are few, and those that are whole stay.
    log.put_statements(statements.iter().map(Vec::as_slice))?;
    Ok(replica.set_folder_read_through(now).await?)
}

/// Removes what does not count any more: once a day, and when a purge was heard of. It lists all that lies there, and reads what is
/// not held here.
async fn tidy(replica: &Mutex<Replica>, log: &FolderLog, today: UtcDay) -> Result<(), LinkError> {
    let mut replica = replica.lock().await;
    let state = (today, replica.client().await?.standing().purges.len() as u64);
    if replica.folder_tidied().await? == Some(state) {
        return Ok(());
    }
    log.tidy(SystemTime::now())?;
    let listing = log.list()?;
    let first = replica.client().await?.first_day();
    for (day, ids) in &listing.chunks {
        for id in ids {
            let client = replica.client().await?;
            if client.state(id).is_some() {
                continue;
            }
            let is_gone = match day {
                Some(day) if *day < first => true,
                _ => match log.chunk(*day, id)? {
                    Found::Whole(bytes) => Chunk::parse(bytes).is_ok_and(|chunk| client.is_gone(&chunk)),
                    Found::Damaged | Found::Gone => false,
                },
            };
            if is_gone {
                log.remove_chunk(*day, id)?;
            }
        }
    }
    Ok(replica.set_folder_tidied(state).await?)
}

fn tell(step: Step, told: &mut (dyn FnMut(Told) + Send)) -> Result<(), LinkError> {
    for notice in step.notices {
        match notice {
            Notice::Cloned => told(Told::Cloned),
            Notice::Revoked => return Err(LinkError::Revoked),
            _ => {}
        }
    }
    Ok(())
}
