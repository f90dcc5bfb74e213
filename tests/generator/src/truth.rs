//! What the logs say, known because we wrote them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Add, AddAssign};

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::Agent;

/// Tokens of one call or of many. Kinds don't overlap, except that `reasoning` is a part of `output`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tokens {
    /// Fresh input: neither read from a cache nor written to one.
    pub input: u64,
    /// All that is billed as output, reasoning and thoughts included.
    pub output: u64,
    /// The part of `output` that the log states as reasoning or thoughts.
    pub reasoning: u64,
    /// Written to a cache for five minutes, or for a time that the log does not state.
    pub cache_write_5m: u64,
    /// Written to a cache for one hour.
    pub cache_write_1h: u64,
    /// Read from a cache.
    pub cache_read: u64,
}

impl Tokens {
    /// Everything, each token once.
    pub fn total(&self) -> u64 {
        self.input + self.output + self.cache_write() + self.cache_read
    }

    /// Cache writes of both lifetimes.
    pub fn cache_write(&self) -> u64 {
        self.cache_write_5m + self.cache_write_1h
    }
}

impl AddAssign for Tokens {
    fn add_assign(&mut self, o: Self) {
        self.input += o.input;
        self.output += o.output;
        self.reasoning += o.reasoning;
        self.cache_write_5m += o.cache_write_5m;
        self.cache_write_1h += o.cache_write_1h;
        self.cache_read += o.cache_read;
    }
}

impl Add for Tokens {
    type Output = Self;
    fn add(mut self, o: Self) -> Self {
        self += o;
        self
    }
}

impl std::iter::Sum for Tokens {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::default(), Add::add)
    }
}

/// One model call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Whose log states it.
    pub agent: Agent,
    /// On which machine of the plan (its number) it was made.
    pub machine: usize,
    /// The session that made it, as the agent names it.
    pub session: String,
    /// The model as the log names it, with `-fast` where Claude ran in fast mode.
    pub model: String,
    /// When, in milliseconds since 1970, UTC.
    pub at: i64,
    /// What it used.
    pub tokens: Tokens,
    /// Whether the log is one that is known to understate (Claude Code before 2.1.97).
    pub understated: bool,
}

/// A day in some zone, a source (`claude-code`, `codex`, …) and a model.
pub type Cell = (Date, String, String);

/// Every call that a set of logs holds, once.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// The calls, by time.
    pub calls: Vec<Call>,
}

impl Truth {
    pub(crate) fn push(&mut self, call: Call) {
        if call.tokens != Tokens::default() {
            self.calls.push(call);
        }
    }

    pub(crate) fn finish(&mut self) {
        self.calls.sort_by(|a, b| (a.at, &a.session, &a.model, a.tokens).cmp(&(b.at, &b.session, &b.model, b.tokens)));
    }

    /// The part that `keep` holds for.
    pub fn only(&self, keep: impl Fn(&Call) -> bool) -> Self {
        Self { calls: self.calls.iter().filter(|c| keep(c)).cloned().collect() }
    }

    /// Tokens by local day, source and model.
    pub fn cells(&self, zone: &TimeZone) -> BTreeMap<Cell, Tokens> {
        let mut cells = BTreeMap::new();
        for call in &self.calls {
            let day = day_of(call.at, zone);
            *cells.entry((day, call.agent.source().to_owned(), call.model.clone())).or_insert_with(Tokens::default) +=
                call.tokens;
        }
        cells
    }

    /// Tokens by source, session and model.
    pub fn sessions(&self) -> BTreeMap<(String, String, String), Tokens> {
        let mut sessions = BTreeMap::new();
        for call in &self.calls {
            let key = (call.agent.source().to_owned(), call.session.clone(), call.model.clone());
            *sessions.entry(key).or_insert_with(Tokens::default) += call.tokens;
        }
        sessions
    }

    /// The local days on which anything was used.
    pub fn days(&self, zone: &TimeZone) -> BTreeSet<Date> {
        self.calls.iter().map(|c| day_of(c.at, zone)).collect()
    }

    /// The sum over everything.
    pub fn total(&self) -> Tokens {
        self.calls.iter().map(|c| c.tokens).sum()
    }
}

/// The local day of an instant.
pub(crate) fn day_of(at: i64, zone: &TimeZone) -> Date {
    let at = jiff::Timestamp::from_millisecond(at).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    zone.to_datetime(at).date()
}
