//! Delivering: what has just come in to who is live, and what is there to who catches up.

use aimon_ledger::chunk::{Chunk, Header};
use aimon_ledger::frame::Frame;

use super::session::Work;
use super::{Relay, SessionId};
use crate::storage::{Storage, is_wanted};

/// A chunk that has just become live.
pub(super) struct Fresh {
    pub(super) seq: u64,
    from: Option<SessionId>,
    header: Header,
    bytes: Vec<u8>,
}

impl Fresh {
    pub(super) fn of(seq: u64, chunk: &Chunk, from: Option<SessionId>) -> Self {
        let header = Header { covers: Vec::new(), obeys: Vec::new(), ..chunk.header().clone() };
        Self { seq, from, header, bytes: chunk.bytes().to_vec() }
    }
}

/// What a frame counts in a session's window: about its bytes.
pub(super) fn weight(frame: &Frame) -> u64 {
    let bytes: usize = match frame {
        Frame::Deliver(chunks) => chunks.iter().map(|(_, bytes)| bytes.len() + 16).sum(),
        Frame::Statements(all) => all.iter().map(|bytes| bytes.len() + 8).sum(),
        Frame::Outcomes(all) => return weight_of(all.len()),
        Frame::Digest { sums, .. } => sums.len() * 64,
        Frame::Ids { segments, .. } => segments.iter().map(|(_, ids)| ids.len() * 32 + 32).sum(),
        _ => 64,
    };
    bytes as u64 + 16
}

/// The same for so many outcomes.
pub(super) fn weight_of(outcomes: usize) -> u64 {
    outcomes as u64 * 48 + 16
}

impl<S: Storage> Relay<S> {
    /// Tells who is live what has become durable.
    pub(super) fn broadcast(&mut self) {
        for (id, mut fresh) in std::mem::take(&mut self.fresh) {
            let Some(workspace) = self.workspaces.get(&id) else { continue };
            fresh.sort_unstable_by_key(|fresh| fresh.seq);
            let Some(head) = fresh.last().map(|fresh| fresh.seq) else { continue };
            for session in workspace.sessions.clone() {
                let Some(talk) = self.sessions.get_mut(&session).and_then(|session| session.talk.as_mut()) else {
                    continue;
                };
                if !talk.is_live {
                    continue;
                }
                // A socket that does not keep up catches up later, out of the storage and not out of memory.
                if talk.on_the_way >= self.config.window {
                    talk.is_live = false;
                    continue;
                }
                let (want, mut frame, mut bytes, mut frames) = (talk.want, Vec::new(), 0, Vec::new());
                for fresh in &fresh {
                    if fresh.from == Some(session) || !is_wanted(want, &fresh.header) {
                        continue;
                    }
                    bytes += fresh.bytes.len();
                    frame.push((fresh.seq, fresh.bytes.clone()));
                    if bytes >= self.config.frame_bytes {
                        frames.push(std::mem::take(&mut frame));
                        bytes = 0;
                    }
                }
                talk.cursor = head;
                if !frame.is_empty() {
                    frames.push(frame);
                }
                frames.into_iter().for_each(|frame| self.say(session, Frame::Deliver(frame)));
            }
        }
    }

    /// Sends on what sessions have still to be sent, in turn, a frame each.
    pub(super) fn send(&mut self, most: usize) -> Result<(), S::Error> {
        for _ in 0..most {
            let next = self.busy.range((std::ops::Bound::Excluded(self.served), std::ops::Bound::Unbounded)).next();
            let Some(session) = next.or_else(|| self.busy.first()).copied() else { break };
            self.served = session;
            self.send_one(session)?;
            let has_more = self.sessions.get(&session).and_then(|session| session.talk.as_ref());
            if !has_more.is_some_and(|talk| talk.has_work() && talk.on_the_way < self.config.window) {
                self.busy.remove(&session);
            }
        }
        Ok(())
    }

    fn send_one(&mut self, id: SessionId) -> Result<(), S::Error> {
        let Some(session) = self.sessions.get_mut(&id) else { return Ok(()) };
        let workspace = session.workspace;
        let Some(talk) = session.talk.as_mut() else { return Ok(()) };
        if talk.on_the_way >= self.config.window {
            return Ok(());
        }
        match talk.work.pop_front() {
            Some(Work::Sums(after)) => self.send_sums(id, workspace, after),
            Some(Work::Ids { segments, more }) => self.send_ids(id, workspace, segments, more),
            Some(Work::Chunks(chunks)) => self.send_chunks(id, workspace, chunks),
            None if talk.is_live => Ok(()),
            None => {
                let (cursor, want) = (talk.cursor, talk.want);
                let page = self.storage.above(&workspace, cursor, want, self.config.frame_bytes)?;
                let head = self.storage.tally(&workspace)?.head;
                let Some(talk) = self.sessions.get_mut(&id).and_then(|session| session.talk.as_mut()) else {
                    return Ok(());
                };
                talk.cursor = page.through;
                let is_new = !talk.was_told && page.through >= head;
                talk.is_live = page.through >= head;
                talk.was_told |= talk.is_live;
                if !page.chunks.is_empty() {
                    self.say(id, Frame::Deliver(page.chunks));
                }
                if is_new {
                    self.say(id, Frame::Live);
                }
                Ok(())
            }
        }
    }
}
