//! Repair: sums, then ids, then what the device lacks.

use std::collections::{BTreeSet, VecDeque};

use aimon_ledger::chunk::Place;
use aimon_ledger::frame::{Code, Frame};
use aimon_ledger::ids::{ChunkId, WorkspaceId};

use super::session::Work;
use super::{Refusal, Relay, SessionId};
use crate::storage::Storage;

/// How many segments' sums go into one frame.
const SUMS: usize = 2_048;

/// How many ids go into one frame, but for a segment that has more.
const IDS: usize = 4_096;

/// How many ids of one segment are said: what is left out is pushed once more, which changes nothing.
const MOST_IDS: usize = 30_000;

/// How many chunks that a device lacks are remembered until it asks for them; the next repair finds the others.
const MOST_OFFERED: usize = 65_536;

/// How much a device may ask for before it has taken the answers.
const MOST_WORK: usize = 64;

impl<S: Storage> Relay<S> {
    pub(super) fn asked_for_sums(&mut self, session: SessionId) {
        if let Some(talk) = self.sessions.get_mut(&session).and_then(|session| session.talk.as_mut()) {
            talk.offered.clear();
        }
        self.work(session, Work::Sums(None));
    }

    pub(super) fn asked_for_ids(&mut self, session: SessionId, segments: Vec<(Place, Vec<ChunkId>)>, more: bool) {
        let segments = segments.into_iter().map(|(place, ids)| (place, ids.into_iter().collect())).collect();
        self.work(session, Work::Ids { segments, more });
    }

    pub(super) fn asked_for_chunks(&mut self, session: SessionId, ids: &[ChunkId]) {
        let Some(talk) = self.sessions.get_mut(&session).and_then(|session| session.talk.as_mut()) else { return };
        let chunks: VecDeque<_> = ids.iter().filter_map(|id| Some((*id, *talk.offered.get(id)?))).collect();
        if !chunks.is_empty() {
            self.work(session, Work::Chunks(chunks));
        }
    }

    fn work(&mut self, session: SessionId, work: Work) {
        let Some(talk) = self.sessions.get_mut(&session).and_then(|session| session.talk.as_mut()) else { return };
        if talk.work.len() >= MOST_WORK {
            self.end(session, Refusal::new(Code::Rate, "too much was asked for at once: take the answers first"));
            return;
        }
        talk.work.push_back(work);
        self.busy.insert(session);
    }

    /// What is left of a piece of work is done before anything else.
    fn go_on(&mut self, session: SessionId, work: Work) {
        if let Some(talk) = self.sessions.get_mut(&session).and_then(|session| session.talk.as_mut()) {
            talk.work.push_front(work);
        }
    }

    pub(super) fn send_sums(
        &mut self,
        session: SessionId,
        workspace: WorkspaceId,
        after: Option<Place>,
    ) -> Result<(), S::Error> {
        let page = self.storage.segments(&workspace, after, SUMS)?;
        let more = page.len() == SUMS;
        if more {
            self.go_on(session, Work::Sums(page.last().map(|(place, _)| *place)));
        }
        let live = page.into_iter().filter(|(_, segment)| segment.live > 0);
        let sums = live.map(|(place, segment)| (place, segment.sum)).collect();
        self.say(session, Frame::Digest { sums, more });
        Ok(())
    }

    pub(super) fn send_ids(
        &mut self,
        session: SessionId,
        workspace: WorkspaceId,
        mut segments: VecDeque<(Place, BTreeSet<ChunkId>)>,
        more: bool,
    ) -> Result<(), S::Error> {
        let (mut said, mut count, mut lacking) = (Vec::new(), 0, Vec::new());
        while count < IDS
            && let Some((place, theirs)) = segments.pop_front()
        {
            let held = self.storage.ids(&workspace, &place)?.into_iter();
            let mut ids: Vec<ChunkId> = held.filter(|(_, held)| !held.is_aside).map(|(id, _)| id).collect();
            ids.truncate(MOST_IDS);
            count += ids.len() + 1;
            // A frame has room for one segment of the greatest size, not for one behind others.
            if count > MOST_IDS && !said.is_empty() {
                segments.push_front((place, theirs));
                break;
            }
            lacking.extend(ids.iter().filter(|id| !theirs.contains(id)).map(|id| (*id, place)));
            said.push((place, ids));
        }
        if let Some(talk) = self.sessions.get_mut(&session).and_then(|session| session.talk.as_mut()) {
            let room = MOST_OFFERED.saturating_sub(talk.offered.len());
            talk.offered.extend(lacking.into_iter().take(room));
        }
        let is_done = segments.is_empty();
        if !is_done {
            self.go_on(session, Work::Ids { segments, more });
        }
        self.say(session, Frame::Ids { segments: said, more: more || !is_done });
        Ok(())
    }

    pub(super) fn send_chunks(
        &mut self,
        session: SessionId,
        workspace: WorkspaceId,
        mut chunks: VecDeque<(ChunkId, Place)>,
    ) -> Result<(), S::Error> {
        let (mut delivered, mut bytes) = (Vec::new(), 0);
        while bytes < self.config.frame_bytes
            && let Some((id, place)) = chunks.pop_front()
        {
            // It may have been covered since.
            let Some(held) = self.storage.find(&workspace, &place, &id)?.filter(|held| !held.is_aside) else {
                continue;
            };
            if let Some(chunk) = self.storage.chunk(&workspace, held.seq)? {
                bytes += chunk.len();
                delivered.push((held.seq, chunk));
            }
        }
        if !chunks.is_empty() {
            self.go_on(session, Work::Chunks(chunks));
        }
        delivered.sort_unstable_by_key(|(seq, _)| *seq);
        if !delivered.is_empty() {
            self.say(session, Frame::Deliver(delivered));
        }
        Ok(())
    }
}
