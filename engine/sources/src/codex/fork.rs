//! Which lines of a file are its own, and which are its parent's history.
//!
//! A fork, and often a sub-agent, starts with a copy of its parent's lines, their times rewritten
//! to the time of the copy. What those used was used by the parent. Newer versions number their
//! lines and say where the copy ends; for the others there are marks, each of which can only come
//! from the child itself. Where none has come yet a line counts as inherited: a replay that is
//! counted by mistake costs far more than one line that is lost.

use serde::{Deserialize, Serialize};

/// A copy is written in one go. The first call of a child takes longer than this.
const BURST_MS: i64 = 1000;

/// What the file's own `session_meta` says about its beginning.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Birth {
    /// When the session began.
    pub born: Option<i64>,
    /// When the line was written.
    pub written: Option<i64>,
    /// Whether it is a fork's or a spawned sub-agent's.
    pub child: bool,
    /// `history_base.end_ordinal_exclusive`: the copy lies in another file, up to this line.
    pub base_end: Option<u64>,
    /// `subagent_history_start_ordinal`: the copy lies in this file, up to this line.
    pub own_start: Option<u64>,
}

/// Where in the file the decoder is.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Fork {
    /// Whether lines are inherited, unless their number says otherwise.
    inherited: bool,
    /// Lines with a lower number are inherited, from this number on they are own.
    first_own: Option<u64>,
    /// When the child began, in milliseconds.
    born: Option<i64>,
    /// The latest line of the burst in which the copy is written.
    burst: Option<i64>,
    /// An inherited turn was seen to have begun before the child did: this version dates its
    /// turns, so that the child's own first turn will say so too, and silence proves nothing.
    dates_turns: bool,
}

impl Fork {
    /// The file's own `session_meta`.
    pub fn begin(&mut self, birth: Birth) {
        let start = birth.born.or(birth.written);
        self.born = start;
        self.burst = start.max(birth.written);
        self.first_own = birth.base_end.max(birth.own_start);
        // With a history base alone the file holds nothing but its own lines.
        self.inherited = birth.own_start.is_some() || (birth.child && birth.base_end.is_none());
    }

    /// A later `session_meta` of another session: what follows is that ancestor's.
    pub fn ancestor(&mut self, written: Option<i64>) {
        if self.first_own.is_none() {
            self.inherited = true;
            self.burst = self.burst.max(written);
        }
    }

    /// A turn begins. Its `started_at` (in seconds) is not rewritten when it is copied.
    pub fn turn(&mut self, started_at: Option<i64>) {
        let (true, Some(started), Some(born)) = (self.inherited, started_at, self.born) else { return };
        if started >= born.div_euclid(1000) {
            self.inherited = false;
        } else {
            self.dates_turns = true;
        }
    }

    /// A message from another agent triggers a turn. Such lines are left out of copies.
    pub fn triggered(&mut self) {
        self.inherited = false;
    }

    /// Whether a line with usage is the file's own.
    pub fn owns(&mut self, ordinal: Option<u64>, time: Option<i64>) -> bool {
        if let (Some(ordinal), Some(first)) = (ordinal, self.first_own) {
            self.inherited = ordinal < first;
            return !self.inherited;
        }
        if !self.inherited {
            return true;
        }
        let Some(time) = time else { return false };
        let Some(burst) = self.burst else {
            self.burst = Some(time);
            return false;
        };
        // A time before the birth is one that was not rewritten.
        let copied = time.saturating_sub(burst) <= BURST_MS || self.dates_turns;
        self.burst = Some(burst.max(time));
        self.inherited = copied;
        !copied
    }
}
