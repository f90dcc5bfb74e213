//! What is remembered of the questions so far, noted on this device: a restart is no reason to ask.

use std::collections::{BTreeMap, BTreeSet};

use aimon_core::polling::Turn;
use aimon_core::time::UtcMillis;
use serde::{Deserialize, Serialize};

use crate::accounts::state::Trouble;
use crate::note::Noted;

/// What is remembered of one subscription.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Held {
    /// When it was last asked, in milliseconds since 1970.
    asked: Option<i64>,
    /// How often in vain, in a row.
    failures: u32,
    /// Until when it rests.
    rests_until: Option<i64>,
    /// The windows that the last answer told of, by account: who says all of them says what a question would.
    pub windows: BTreeMap<String, BTreeSet<String>>,
    /// What is wrong, if something is.
    pub trouble: Option<Trouble>,
}

impl Held {
    /// When it may be asked.
    pub fn turn(&self) -> Turn {
        Turn { asked: self.asked.map(UtcMillis), failures: self.failures, rests_until: self.rests_until.map(UtcMillis) }
    }

    /// Remembers that.
    pub fn set_turn(&mut self, turn: Turn) {
        self.asked = turn.asked.map(|at| at.0);
        self.failures = turn.failures;
        self.rests_until = turn.rests_until.map(|at| at.0);
    }
}

/// By source.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Note(BTreeMap<String, Held>);

impl Noted for Note {
    const KEY: &'static str = "subscriptions";
}

impl Note {
    /// What is remembered of a source's.
    pub fn of(&self, source: &str) -> Held {
        self.0.get(source).cloned().unwrap_or_default()
    }

    /// Remembers it. Whether that is another thing than before.
    pub fn set(&mut self, source: &str, held: Held) -> bool {
        self.0.insert(source.to_owned(), held.clone()) != Some(held)
    }
}
