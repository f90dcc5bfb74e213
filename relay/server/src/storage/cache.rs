//! What is read with each push. Sums are kept here and written once a transaction; rows are found through their ids.

use std::collections::HashMap;

use aimon_ledger::chunk::Place;
use aimon_ledger::ids::WorkspaceId;
use aimon_relay_core::storage::{Segment, Tally};

use super::ids::Ids;

/// How many segments are kept after a commit.
const MOST_SEGMENTS: usize = 65_536;

/// How many workspaces.
const MOST_WORKSPACES: usize = 16_384;

#[derive(Clone, Copy)]
pub(super) struct KnownWorkspace {
    pub(super) n: i64,
    pub(super) tally: Tally,
    is_changed: bool,
}

#[derive(Clone, Copy)]
pub(super) struct KnownSegment {
    /// Its row; none if nothing is held.
    pub(super) n: Option<i64>,
    pub(super) segment: Segment,
}

#[derive(Default)]
pub(super) struct Cache {
    workspaces: HashMap<WorkspaceId, KnownWorkspace>,
    segments: HashMap<(i64, Place), KnownSegment>,
    /// The segments whose sums are not written yet.
    changed: Vec<(i64, Place)>,
    pub(super) ids: Ids,
}

impl Cache {
    pub(super) fn workspace(&self, id: &WorkspaceId) -> Option<&KnownWorkspace> {
        self.workspaces.get(id)
    }

    pub(super) fn put_workspace(&mut self, id: WorkspaceId, n: i64, tally: Tally) {
        self.workspaces.insert(id, KnownWorkspace { n, tally, is_changed: false });
    }

    pub(super) fn set_tally(&mut self, id: &WorkspaceId, tally: Tally) {
        if let Some(known) = self.workspaces.get_mut(id) {
            (known.tally, known.is_changed) = (tally, true);
        }
    }

    pub(super) fn segment(&self, workspace: i64, place: &Place) -> Option<&KnownSegment> {
        self.segments.get(&(workspace, *place))
    }

    pub(super) fn put_segment(&mut self, workspace: i64, place: Place, found: Option<(i64, Segment)>) {
        let known = KnownSegment { n: found.map(|(n, _)| n), segment: found.map(|(_, s)| s).unwrap_or_default() };
        self.segments.insert((workspace, place), known);
    }

    pub(super) fn set_segment(&mut self, workspace: i64, place: &Place, segment: Segment) {
        if let Some(known) = self.segments.get_mut(&(workspace, *place)) {
            known.segment = segment;
            self.changed.push((workspace, *place));
        }
    }

    pub(super) fn has_changed_segments(&self) -> bool {
        !self.changed.is_empty()
    }

    pub(super) fn changed_workspaces(&self) -> Vec<(i64, Tally)> {
        self.workspaces.values().filter(|known| known.is_changed).map(|known| (known.n, known.tally)).collect()
    }

    pub(super) fn changed_segments(&mut self) -> Vec<(i64, Segment)> {
        self.changed.sort_unstable();
        self.changed.dedup();
        let known = self.changed.iter().filter_map(|key| self.segments.get(key));
        known.filter_map(|known| Some((known.n?, known.segment))).collect()
    }

    /// What was changed is in the database now; the rows of empty segments are gone.
    pub(super) fn written(&mut self) {
        self.workspaces.values_mut().for_each(|known| known.is_changed = false);
        for key in std::mem::take(&mut self.changed) {
            if self.segments.get(&key).is_some_and(|known| known.segment.is_empty()) {
                self.segments.remove(&key);
            }
        }
    }

    /// Keeps its size between transactions.
    pub(super) fn settle(&mut self) {
        if self.segments.len() > MOST_SEGMENTS {
            self.segments.clear();
        }
        if self.workspaces.len() > MOST_WORKSPACES {
            self.workspaces.clear();
        }
    }

    pub(super) fn clear(&mut self) {
        self.workspaces.clear();
        self.segments.clear();
        self.changed.clear();
        self.ids.clear();
    }
}
