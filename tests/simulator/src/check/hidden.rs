//! What is hidden from a device: it knows what, and misses nothing else.

use std::collections::BTreeSet;

use aimon_core::sync::{Client, Withheld};
use aimon_ledger::chunk::{Chunk, Kind, Place};
use aimon_ledger::ids::ChunkId;
use aimon_ledger::live::State;
use aimon_ledger::log::Log;
use aimon_ledger::statement::What;

use super::Broken;
use crate::happening::Happening;
use crate::world::World;

/// The chunks that are named by what a device holds, and that it should hold and does not: by what they really are, which it can't
/// know. Of what a purge reaches it says nothing.
fn missed(world: &World, client: &Client) -> BTreeSet<Withheld> {
    let (log, rules) = (client.log(), client.log().rules());
    let named = log.all().filter_map(|(_, header, _)| {
        let before = header.previous?;
        Some(Withheld { device: header.place.device, day: before.day, id: before.id })
    });
    let is_missed = |one: &Withheld| {
        let Some((id, header)) = world.written.get(one) else { return false };
        let is_reached = rules.purges.iter().any(|purge| purge.reaches(&header.place));
        let counts = rules.alone(id, header) == State::Live && !is_reached;
        counts && log.state(id).is_none() && !is_listed(log, &header.place, id)
    };
    named.filter(is_missed).collect()
}

/// Whether a snapshot that counts lists a chunk: who has never held it can't tell a lie from a snapshot that contains it.
fn is_listed(log: &Log, place: &Place, id: &ChunkId) -> bool {
    log.segment(place).any(|(_, header, state)| {
        header.kind == Kind::Snapshot
            && matches!(state, State::Live | State::Covered)
            && header.covers.binary_search(&id.short()).is_ok()
    })
}

/// Whether a device says that those chunks are withheld which are, and no other.
pub fn is_noticed(world: &World, n: usize) -> Result<(), Broken> {
    let Some(client) = world.nodes.get(n).and_then(|node| node.client.as_ref()) else { return Ok(()) };
    let (shown, truly) = (client.withheld(), missed(world, client));
    if shown == truly {
        return Ok(());
    }
    Err(Broken::Withheld { node: n, what: format!("shows {shown:?}, misses {truly:?}") })
}

/// Once it is quiet, and the relay or the folder still hides things.
pub fn while_hidden(world: &mut World) -> Result<(), Broken> {
    let mut happened = BTreeSet::new();
    let is_folder = world.folder.is_some();
    let there: Vec<Chunk> = match &world.folder {
        Some(folder) => folder.chunks.values().filter_map(|bytes| Chunk::parse(bytes.clone()).ok()).collect(),
        None => world.server.relay.storage().live(&world.workspace).cloned().collect(),
    };
    let said = world.statements();
    let members = world.members();
    for (n, node) in world.nodes.iter().enumerate() {
        let Some(client) = &node.client else { continue };
        is_noticed(world, n)?;
        let is_hidden = |chunk: &&Chunk| node.lies.hide_chunk(client, &chunk.id(), &chunk.header().place.device);
        let hidden: BTreeSet<Withheld> = there
            .iter()
            .filter(is_hidden)
            .map(|chunk| {
                let place = chunk.header().place;
                Withheld { device: place.device, day: place.day, id: chunk.id().short() }
            })
            .collect();
        if !client.withheld().is_disjoint(&hidden) {
            happened.insert(if is_folder { Happening::ChunkWithheldInFolder } else { Happening::ChunkWithheld });
        }
        for statement in said.iter().filter(|one| !client.membership().has(&one.id())) {
            let what = match &statement.body().what {
                _ if node.lies.statements.is_none() || !members.contains(&n) => None,
                _ if is_folder => Some(Happening::StatementHiddenInFolder),
                What::Revoke { .. } => Some(Happening::RevokeHidden),
                What::Rotate { .. } => Some(Happening::RotateHidden),
                What::Admit { .. } => Some(Happening::AdmitHidden),
                What::Purge { .. } => Some(Happening::PurgeHidden),
                _ => None,
            };
            happened.extend(what);
        }
        // By what this device has heard: whatever else counts is here.
        if !members.contains(&n) || (!is_folder && node.session.is_none() && node.uneven == 0) {
            continue;
        }
        let lacks = |chunk: &&Chunk| {
            let (id, header) = (chunk.id(), chunk.header());
            let counts = client.log().rules().alone(&id, header) == State::Live;
            counts && client.state(&id).is_none() && !client.log().is_covered(&id, header)
        };
        if let Some(chunk) = there.iter().filter(lacks).find(|chunk| !is_hidden(chunk)) {
            return Err(Broken::MissesMore { node: n, what: format!("{:?}", chunk.header().place) });
        }
    }
    world.happened.extend(happened);
    Ok(())
}
