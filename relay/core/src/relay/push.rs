//! Push, and its outcomes.

use aimon_ledger::frame::{Frame, Outcome};
use aimon_ledger::ids::{ChunkId, WorkspaceId};

use super::deliver::{Fresh, weight_of};
use super::{Relay, Said, SessionId};
use crate::check::Candidate;
use crate::log::{Log, Taken};
use crate::storage::Storage;

/// The most outcomes of one frame.
const MOST_OUTCOMES: usize = 8 * 1024;

impl<S: Storage> Relay<S> {
    pub(super) fn push(
        &mut self,
        session: SessionId,
        id: WorkspaceId,
        candidates: Vec<Candidate>,
    ) -> Result<(), S::Error> {
        let Some(workspace) = self.workspaces.get(&id) else { return Ok(()) };
        let (view, mut outcomes) = (workspace.view.clone(), Vec::with_capacity(candidates.len()));
        self.touch(id);
        let Some(workspace) = self.workspaces.get(&id) else { return Ok(()) };
        let fresh = self.fresh.entry(id).or_default();
        for candidate in candidates {
            let chunk = match candidate.signed(&view) {
                Ok(chunk) => chunk,
                Err((id, code)) => {
                    outcomes.push((id, Outcome::Refused(code)));
                    continue;
                }
            };
            let taken = Log::new(&mut self.storage, id).push(&workspace.rules, &chunk, self.config.quota)?;
            let (outcome, gone) = match taken {
                Taken::Live { seq, dropped } => {
                    fresh.push(Fresh::of(seq, &chunk, Some(session)));
                    (Outcome::Accepted(seq), dropped)
                }
                Taken::Aside(seq) | Taken::Held(seq) => (Outcome::Accepted(seq), Vec::new()),
                Taken::Covered { dropped } => (Outcome::Covered, dropped),
                Taken::Refused(code) => (Outcome::Refused(code), Vec::new()),
            };
            if !gone.is_empty() {
                fresh.retain(|fresh| !gone.contains(&fresh.seq));
            }
            outcomes.push((chunk.id(), outcome));
        }
        self.say_outcomes(session, outcomes);
        Ok(())
    }

    /// Outcomes of pushes that are made durable together are one frame.
    fn say_outcomes(&mut self, session: SessionId, outcomes: Vec<(ChunkId, Outcome)>) {
        let at = self.outcomes.get(&session).copied();
        if let Some(Said { frame: Frame::Outcomes(all), weight, .. }) = at.and_then(|at| self.outbox.get_mut(at))
            && all.len() + outcomes.len() <= MOST_OUTCOMES
        {
            all.extend(outcomes);
            let more = weight_of(all.len()) - *weight;
            *weight += more;
            if let Some(talk) = self.sessions.get_mut(&session).and_then(|session| session.talk.as_mut()) {
                talk.on_the_way += more;
            }
            return;
        }
        self.outcomes.insert(session, self.outbox.len());
        self.say(session, Frame::Outcomes(outcomes));
    }
}
