//! Who lies: a member that covers what it does not contain, and a relay that delivers what nobody has signed.

use aimon_core::crypto::{self, SecretKeys};
use aimon_core::segment;
use aimon_generator::Prng;
use aimon_ledger::chunk::{Header, Kind, Place};
use aimon_ledger::frame::Frame;
use aimon_ledger::ids::{ChunkId, KeyId};

use super::{World, entropy, seed};
use crate::node::Message;

impl World {
    /// A relay that hides nothing from a device any more is another one: what it did not show in a session it does not show later in
    /// it, and the two go on differing (seed 40265).
    pub(super) fn stop_lying(&mut self, n: usize) {
        if !self.nodes[n].is_lied_to() {
            self.disconnect(n);
        }
    }

    /// A member pushes a snapshot of its own segment that covers a chunk and does not contain it.
    pub(super) fn lie(&mut self, n: usize, dice: u64) {
        let node = &mut self.nodes[n];
        let Some(client) = node.client.as_ref().filter(|client| client.is_caught_up() && client.can_write()) else {
            return;
        };
        let own: Vec<(Place, ChunkId)> = client
            .log()
            .places()
            .filter(|place| place.device == node.device && place.day.is_some())
            .flat_map(|place| client.log().live(place).map(|(id, _)| (*place, *id)))
            .collect();
        let Some((place, covered)) = own.get(dice as usize % own.len().max(1)) else { return };
        let Some((key, workspace_key)) = client.keyring().current(client.standing()) else { return };
        let header = Header {
            place: *place,
            kind: Kind::Snapshot,
            key,
            nonce: [dice as u8; 24],
            previous: None,
            obeys: vec![],
            covers: vec![covered.short()],
        };
        let chunk = workspace_key.seal_chunk(&self.workspace, &header, segment::FIRST_CHANGE, client.secret());
        if let Ok(chunk) = chunk {
            // A relay believes it; only who holds the chunk knows better.
            for event in self.contents.get(covered).into_iter().flatten() {
                self.acknowledged.remove(event);
            }
            node.outbox.push_back(Frame::Push(vec![chunk.bytes().to_vec()]));
        }
    }

    /// A relay delivers what no member has signed.
    pub(super) fn stranger(&mut self, dice: u64) {
        let mut dice = Prng::of(&[dice]);
        let n = dice.below(self.nodes.len() as u64) as usize;
        let place = Place { device: self.nodes[n].device, day: Some(self.now.day()), part: 0 };
        let secret = SecretKeys::of_seed(seed(&mut dice));
        let header = Header {
            place,
            kind: Kind::Change,
            key: KeyId([1; 8]),
            nonce: [2; 24],
            previous: None,
            obeys: vec![],
            covers: vec![],
        };
        let key = crypto::WorkspaceKey::new(entropy(&mut dice));
        let Ok(chunk) = key.seal_chunk(&self.workspace, &header, b"nothing", &secret) else { return };
        for node in self.nodes.iter_mut().filter(|node| node.client.as_ref().is_some_and(|c| c.is_caught_up())) {
            node.inbox.push_back(Message::Frame(Frame::Deliver(vec![(0, chunk.bytes().to_vec())])));
        }
    }
}
