//! What must hold once everything is quiet.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use aimon_core::sync::{Client, Purge};
use aimon_ledger::chunk::Place;
use aimon_ledger::frame::Frame;
use aimon_ledger::ids::{ChunkId, DeviceId, KeyId, StatementId};
use aimon_ledger::live::State;
use aimon_ledger::membership::key_of;
use aimon_ledger::statement::{Statement, What};
use aimon_ledger::time::UtcDay;

use crate::happening::Happening;
use crate::node::Node;
use crate::world::World;

mod figures;
mod hidden;

use figures::Figures;
pub use hidden::while_hidden;

/// What does not hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Broken {
    /// It never gets quiet.
    Restless { what: String },
    /// Two devices, or a device and the relay, hold different chunks.
    Apart { what: String },
    /// A device and a relay that hides nothing from it go on differing after repair: it hangs up.
    Uneven { node: usize },
    /// Two devices show different events.
    Different { first: usize, second: usize, events: BTreeSet<u64> },
    /// Events that were durable are gone.
    Lost { node: usize, events: BTreeSet<u64> },
    /// A device shows what it does not keep.
    Risen { node: usize, days: BTreeSet<UtcDay> },
    /// A device shows what was purged.
    Unpurged { node: usize, events: BTreeSet<u64> },
    /// A fresh exchange is not empty.
    Busy { node: usize, said: String },
    /// Two devices write as one writer.
    OneWriter { node: usize },
    /// Something can't be read, or still waits.
    Waiting { node: usize, what: String },
    /// What a device says is withheld from it is not what is.
    Withheld { node: usize, what: String },
    /// Where a relay hides something, something else is missing too.
    MissesMore { node: usize, what: String },
    /// A device keeps more days than there should be, or fewer.
    Keeps { node: usize, from: UtcDay, instead_of: UtcDay },
    /// Gauges or settings depend on how they came, or an event on who passed it on.
    Figures { node: usize, what: String },
    /// What a device shows of accounts is not what was used, each bucket once.
    Account { node: usize, what: String },
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// All of it.
///
/// # Errors
/// The first thing that does not hold.
pub fn all(world: &mut World) -> Result<(), Broken> {
    if let Some(node) = world.uneven {
        return Err(Broken::Uneven { node });
    }
    world.look_back();
    let members: Vec<usize> = world.members();
    let members: Vec<(usize, &Node)> = members.into_iter().filter_map(|n| Some((n, world.nodes.get(n)?))).collect();
    let Some((_, any)) = members.first() else { return Ok(()) };
    let Some(client) = &any.client else { return Ok(()) };
    let first = members.iter().filter_map(|(_, node)| node.client.as_ref()).map(Client::first_day).max();
    let Some(first) = first else { return Ok(()) };
    let is_kept = |place: &Place| place.day.is_none_or(|day| day >= first);

    let relays: BTreeSet<ChunkId> = match &world.folder {
        // What lies there and does not count is left for whoever tidies up.
        Some(folder) => {
            let counts = |id: &&ChunkId| client.state(id) == Some(State::Live);
            let there = folder.chunks.keys().filter(counts).copied();
            there.filter(|id| client.log().header(id).is_some_and(|header| is_kept(&header.place))).collect()
        }
        None => {
            let live = world.server.relay.storage().live(&world.workspace);
            live.filter(|chunk| is_kept(&chunk.header().place)).map(|chunk| chunk.id()).collect()
        }
    };
    let mut library = std::mem::take(&mut world.library);
    let has_key = members.iter().filter_map(|(_, node)| node.client.as_ref()).any(Client::can_write);
    let clients = members.iter().filter_map(|(_, node)| node.client.as_ref());
    let all = clients.flat_map(|client| client.membership().statements());
    let rotates = all.filter(|statement| matches!(statement.body().what, What::Rotate { .. }));
    let said_keys: BTreeSet<KeyId> = rotates.map(|statement| key_of(&statement.id())).collect();
    let mut shown: Vec<(usize, BTreeSet<u64>)> = Vec::new();
    let (mut last, mut happened): (Option<Figures>, BTreeSet<Happening>) = (None, BTreeSet::new());
    for (n, node) in &members {
        let Some(client) = &node.client else { continue };
        let live: BTreeSet<ChunkId> = client
            .log()
            .all()
            .filter(|(_, header, state)| *state == State::Live && is_kept(&header.place))
            .map(|(id, _, _)| *id)
            .collect();
        if live != relays {
            let (more, less) = (live.difference(&relays).count(), relays.difference(&live).count());
            let (own, days) = (client.first_day(), client.standing().retention.days());
            let what =
                format!("device {n} and the relay: {more} more here, {less} less; kept from {own} ({days} days) here");
            return Err(Broken::Apart { what: format!("{what}; {client:?}") });
        }
        let on_disk: BTreeSet<ChunkId> = node.disk.chunks.keys().copied().collect();
        let known: BTreeSet<ChunkId> = client.log().all().map(|(id, _, _)| *id).collect();
        if on_disk != known {
            let states: Vec<_> = known.difference(&on_disk).map(|id| (*id, client.state(id))).collect();
            let more: Vec<_> = on_disk.difference(&known).collect();
            let what = format!("device {n}'s disk and what it knows: only there {more:?}, only known {states:?}");
            return Err(Broken::Apart { what });
        }
        // Where all who had the key have revoked each other, those who stay have none, until the phrase brings one.
        let has_plain = !node.disk.plain.is_empty() && has_key;
        if !node.disk.queue.is_empty() || has_plain {
            let what = format!("{} queued, {} in plain text", node.disk.queue.len(), node.disk.plain.len());
            return Err(Broken::Waiting { node: *n, what });
        }
        for chunk in node.disk.chunks.values().filter(|chunk| live.contains(&chunk.id())) {
            // A rotate that was hidden from all who stay is gone with who said it and the relay that hid it (seed 97873).
            let is_said = said_keys.contains(&chunk.header().key);
            if client.keyring().get(&chunk.header().key).is_none() && has_key && is_said {
                return Err(Broken::Waiting { node: *n, what: "a chunk whose key is not here".to_owned() });
            }
        }
        let states = client.log().all().filter(|(_, _, state)| !matches!(state, State::Live | State::SetAside));
        if let Some((id, _, state)) = states.last() {
            return Err(Broken::Waiting { node: *n, what: format!("chunk {id}, which is {state:?}") });
        }
        hidden::is_noticed(world, *n)?;
        if world.folder.is_none() {
            // Everybody has heard the relay's time. A clock that was ahead may have let a day go too early.
            let right = client.standing().retention.first_day(world.now.day());
            if client.first_day() < right || (!world.was_skewed && client.first_day() > right) {
                return Err(Broken::Keeps { node: *n, from: client.first_day(), instead_of: right });
            }
        }
        let figures = Figures::of(node, client, &mut library, is_kept);
        let risen: BTreeSet<UtcDay> =
            figures.days.keys().filter_map(|day| *day).filter(|day| *day < client.first_day()).collect();
        if !risen.is_empty() {
            return Err(Broken::Risen { node: *n, days: risen });
        }
        figures.hold(world, *n)?;
        happened.extend(figures.happened());
        let kept = figures.days.iter().filter(|(day, _)| day.is_none_or(|day| day >= first));
        shown.push((*n, kept.flat_map(|(_, events)| events.iter().copied()).collect()));
        if let Some(what) = last.as_ref().and_then(|last| figures.differ(last)) {
            return Err(Broken::Figures { node: *n, what });
        }
        last = Some(figures);
    }
    for pair in shown.windows(2) {
        if let [(first, a), (second, b)] = pair
            && a != b
        {
            let events = a.symmetric_difference(b).copied().collect();
            return Err(Broken::Different { first: *first, second: *second, events });
        }
    }
    // What a purge takes shows nowhere; what one takes that does not count any more may be gone.
    let statements: Vec<&Statement> = client.membership().statements().collect();
    let said: Vec<Purge> = statements.iter().filter_map(|statement| client.read_purge(statement)).collect();
    let counting: BTreeSet<StatementId> = client.purges().iter().map(|purge| purge.id).collect();
    let is_taken = |event: &u64, counts_only: bool| {
        let Some(told) = world.told.get(event) else { return false };
        said.iter().filter(|purge| !counts_only || counting.contains(&purge.id)).any(|purge| purge.takes(&told.event))
    };
    for (n, events) in &shown {
        let purged: BTreeSet<u64> = events.iter().filter(|event| is_taken(event, true)).copied().collect();
        if !purged.is_empty() {
            return Err(Broken::Unpurged { node: *n, events: purged });
        }
    }
    let revoked = &client.standing().revoked;
    let day_of = |event: &u64| world.told.get(event).map(|told| told.event.day());
    let mut expected: BTreeMap<u64, Option<UtcDay>> =
        members.iter().flat_map(|(_, node)| node.disk.truth.iter().map(|(event, day)| (*event, *day))).collect();
    let is_recent = |day: &Option<UtcDay>| day.is_none_or(|day| day >= world.first_ever);
    let is_member = |device: &DeviceId| client.standing().members.contains_key(device);
    let heard: BTreeSet<StatementId> = statements.iter().map(|statement| statement.id()).collect();
    let vouched = world.vouched.iter().filter(|vouched| is_member(&vouched.by) && vouched.said.is_subset(&heard));
    let vouched = vouched.flat_map(|vouched| &vouched.events);
    let vouched = vouched.filter_map(|event| Some((*event, day_of(event)?)));
    // A purge takes what is set aside as a whole: what remained of it did not count.
    let reached = |day: &Option<UtcDay>| day.is_some_and(|day| said.iter().any(|purge| purge.days.contains(&day)));
    expected.extend(vouched.filter(|(_, day)| is_recent(day) && !reached(day)));
    // What a revoked device has pushed counts as far as it is listed. Where a purge reaches, what remains is written anew by who
    // purges, as far as it holds it, and by the author: if that one is lost, what nobody else had fetched is too.
    if revoked.is_empty() {
        let acknowledged = world.acknowledged.iter().filter_map(|event| Some((*event, day_of(event)?)));
        expected.extend(acknowledged.filter(|(_, day)| is_recent(day) && !reached(day)));
    }
    for (n, events) in shown.iter().filter(|_| has_key) {
        let lost = expected.iter().filter(|(event, day)| day.is_none_or(|day| day >= first) && !events.contains(event));
        let lost = lost.map(|(event, _)| *event);
        let lost: BTreeSet<u64> = lost.filter(|event| !is_taken(event, false)).collect();
        if !lost.is_empty() {
            return Err(Broken::Lost { node: *n, events: lost });
        }
    }

    let last = members.last().map(|(n, _)| *n);
    world.library = library;
    world.happened.extend(happened);
    if let Some(n) = last.filter(|_| world.folder.is_none()) {
        let said = world.exchange(n);
        // Where a device whose clock was ahead has let a day go that the relay still keeps, their totals differ, and they look.
        let own = world.nodes.get(n).and_then(|node| node.client.as_ref()).map(Client::first_day);
        let theirs = said.iter().find_map(|frame| match frame {
            Frame::Welcome(welcome) => Some(welcome.first_day),
            _ => None,
        });
        let is_more = |frame: &&Frame| match frame {
            Frame::Hello(_) | Frame::Welcome(_) | Frame::Live => false,
            Frame::Digest { .. } => own == theirs,
            _ => true,
        };
        if let Some(frame) = said.iter().find(is_more) {
            return Err(Broken::Busy { node: n, said: format!("{frame:?}").chars().take(200).collect() });
        }
    }
    // Once all have written and met, two clones write as two writers. Of what a purge takes nothing is written (seed 10710): then
    // again, with another call.
    for n in world.members() {
        (0..8).find_map(|_| world.writes_as(n));
    }
    world.settle()?;
    let mut writers = BTreeSet::new();
    for n in world.members() {
        if let Some(writer) = world.writes_as(n)
            && !writers.insert(writer)
        {
            return Err(Broken::OneWriter { node: n });
        }
    }
    Ok(())
}
