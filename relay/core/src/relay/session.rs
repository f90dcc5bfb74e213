//! One session.

use std::collections::{BTreeSet, HashMap, VecDeque};

use aimon_ledger::chunk::Place;
use aimon_ledger::frame::Want;
use aimon_ledger::ids::{ChunkId, DeviceId, WorkspaceId};

/// A session: who it is, and what was talked about.
pub(super) struct Session {
    pub(super) workspace: WorkspaceId,
    pub(super) device: DeviceId,
    /// Nothing before hello.
    pub(super) talk: Option<Talk>,
}

impl Session {
    pub(super) fn new(workspace: WorkspaceId, device: DeviceId) -> Self {
        Self { workspace, device, talk: None }
    }
}

/// A session that has said hello.
pub(super) struct Talk {
    pub(super) want: Want,
    /// Up to which number it was sent what it wants.
    pub(super) cursor: u64,
    /// Whether it is sent what comes in as it comes. One whose socket does not keep up catches up again.
    pub(super) is_live: bool,
    /// Whether it was told so.
    pub(super) was_told: bool,
    /// The bytes that its socket has not taken.
    pub(super) on_the_way: u64,
    /// What it asked for.
    pub(super) work: VecDeque<Work>,
    /// Chunks that it does not hold, found when ids were compared, and where they lie.
    pub(super) offered: HashMap<ChunkId, Place>,
}

impl Talk {
    pub(super) fn new(want: Want, cursor: u64) -> Self {
        Self {
            want,
            cursor,
            is_live: false,
            was_told: false,
            on_the_way: 0,
            work: VecDeque::new(),
            offered: HashMap::new(),
        }
    }

    pub(super) fn has_work(&self) -> bool {
        !self.is_live || !self.work.is_empty()
    }
}

/// Something that a device asked for, as far as it was not sent.
pub(super) enum Work {
    /// The sums of all segments behind this one.
    Sums(Option<Place>),
    /// The ids of segments; beside each those that the device holds.
    Ids {
        /// What is left.
        segments: VecDeque<(Place, BTreeSet<ChunkId>)>,
        /// Whether the device has said that another frame follows.
        more: bool,
    },
    /// Chunks, and where they lie.
    Chunks(VecDeque<(ChunkId, Place)>),
}
