//! Push, and its outcomes.

use aimon_ledger::frame::{Frame, Outcome};
use aimon_ledger::ids::WorkspaceId;

use super::deliver::Fresh;
use super::{Relay, SessionId};
use crate::check::Candidate;
use crate::log::{Log, Taken};
use crate::storage::Storage;

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
        self.say(session, Frame::Outcomes(outcomes));
        Ok(())
    }
}
