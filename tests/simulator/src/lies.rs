//! What a relay (or a folder) keeps from one device while others see it: it leaves things out of what it delivers, and out of its
//! sums and ids, so that nothing but the chunks themselves can give it away.

use std::collections::BTreeSet;

use aimon_core::sync::Client;
use aimon_ledger::chunk::{Chunk, Place};
use aimon_ledger::frame::Frame;
use aimon_ledger::ids::{ChunkId, DeviceId, StatementId};
use aimon_ledger::statement::{Statement, What};

use crate::world::World;

/// What is kept from a device. The dice choose which: some of the chunks, some of the statements.
#[derive(Clone, Copy, Default, Debug)]
pub struct Lies {
    pub chunks: Option<u8>,
    pub statements: Option<u8>,
    /// What gives keys is not shown, or has not arrived yet.
    pub wraps: bool,
}

impl Lies {
    /// Whether a device is not shown a chunk: only one of another device's that it does not hold can be hidden.
    pub fn hide_chunk(&self, client: &Client, id: &ChunkId, author: &DeviceId) -> bool {
        let is_chosen = self.chunks.is_some_and(|dice| id.0[0].wrapping_add(dice).is_multiple_of(6));
        is_chosen && *author != client.device() && client.state(id).is_none()
    }

    /// Whether statements are hidden.
    pub fn hides_statements(&self) -> bool {
        self.statements.is_some() || self.wraps
    }

    fn hide_statement(&self, client: Option<&Client>, one: &Statement) -> bool {
        let id = one.id();
        let is_chosen = self.statements.is_some_and(|dice| id.0[0].wrapping_add(dice).is_multiple_of(2));
        let is_wrap = self.wraps && matches!(one.body().what, What::Wrap { .. });
        (is_chosen || is_wrap) && !client.is_some_and(|client| client.membership().has(&id))
    }

    /// The statements that a device is shown: not what is hidden, nor what follows it.
    pub fn shown<'s>(&self, client: Option<&Client>, all: &'s [Statement]) -> Vec<&'s Statement> {
        let mut shown: Vec<&Statement> = all.iter().filter(|one| !self.hide_statement(client, one)).collect();
        loop {
            let ids: BTreeSet<StatementId> = shown.iter().map(|one| one.id()).collect();
            let before = shown.len();
            shown.retain(|one| one.body().follows.iter().all(|id| ids.contains(id)));
            if shown.len() == before {
                return shown;
            }
        }
    }
}

impl World {
    /// The statements that the relay or the folder holds.
    pub fn statements(&self) -> Vec<Statement> {
        let bytes: Vec<Vec<u8>> = match &self.folder {
            Some(folder) => folder.statements.values().cloned().collect(),
            None => self.server.statements(&self.workspace),
        };
        bytes.into_iter().filter_map(|bytes| Statement::parse(bytes).ok()).collect()
    }

    /// What the relay holds that it hides from a device.
    fn hidden(&self, n: usize) -> Vec<(Place, ChunkId)> {
        let node = &self.nodes[n];
        let Some(client) = node.client.as_ref().filter(|_| node.lies.chunks.is_some()) else { return Vec::new() };
        let live = self.server.relay.storage().live(&self.workspace).map(|chunk| (chunk.header().place, chunk.id()));
        live.filter(|(place, id)| node.lies.hide_chunk(client, id, &place.device)).collect()
    }

    /// A frame as a device gets to see it; nothing if nothing is left of it.
    pub fn as_shown(&self, n: usize, mut frame: Frame) -> Option<Frame> {
        let node = &self.nodes[n];
        if node.lies.chunks.is_none() && !node.lies.hides_statements() {
            return Some(frame);
        }
        let client = node.client.as_ref()?;
        let is_hidden = |id: &ChunkId, author: &DeviceId| node.lies.hide_chunk(client, id, author);
        match &mut frame {
            Frame::Deliver(chunks) => {
                chunks.retain(|(_, bytes)| {
                    let chunk = Chunk::parse(bytes.clone());
                    !chunk.is_ok_and(|chunk| is_hidden(&chunk.id(), &chunk.header().place.device))
                });
                return (!chunks.is_empty()).then_some(frame);
            }
            Frame::Digest { sums, .. } => {
                for (place, id) in self.hidden(n) {
                    sums.iter_mut().filter(|(of, _)| *of == place).for_each(|(_, sum)| sum.remove(&id));
                }
                sums.retain(|(_, sum)| *sum != aimon_ledger::digest::Sum::default());
            }
            Frame::Ids { segments, .. } => {
                segments.iter_mut().for_each(|(place, ids)| ids.retain(|id| !is_hidden(id, &place.device)));
            }
            Frame::Welcome(welcome) => {
                self.hidden(n).iter().for_each(|(_, id)| welcome.digest.remove(id));
                let all = self.statements();
                let shown = node.lies.shown(Some(client), &all);
                let followed: BTreeSet<StatementId> =
                    shown.iter().flat_map(|one| one.body().follows.iter().copied()).collect();
                welcome.heads = shown.iter().map(|one| one.id()).filter(|id| !followed.contains(id)).collect();
            }
            Frame::Statements(said) => {
                let all = self.statements();
                let shown: BTreeSet<StatementId> =
                    node.lies.shown(Some(client), &all).iter().map(|one| one.id()).collect();
                said.retain(|bytes| Statement::parse(bytes.clone()).is_ok_and(|one| shown.contains(&one.id())));
                return (!said.is_empty()).then_some(frame);
            }
            _ => {}
        }
        Some(frame)
    }
}
