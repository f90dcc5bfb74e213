//! Who used a quota window up: its movement, divided among the calls that are known.
//!
//! A provider says how much of a window is used, and nobody says by whom. Each device records what it sees of the window, and the
//! calls of its own logs; all of it comes together in one history. From its *sights*, of whichever device, follows when the window
//! moved, and from the calls what may have moved it:
//!
//! 1. **Movement.** Within one instance of a window, from `resets_at − length` on, its use only grows. What was used at the
//!    newest sight is the movement. A sight that says less than one before it shows an older figure, and moves nothing.
//! 2. **Intervals.** Between two sights the movement is what the second says more. The calls that ended in the interval may have
//!    moved it; where there are none, those of the [`LATE_MS`] before may have, by one [`GRAIN`]: a provider's figure can be that of an
//!    answer's beginning, and a call is known by its end. What moved without any such call is **unexplained**.
//! 3. **What is usual.** How far a dollar of calls moves this window is estimated from all that is held of it, earlier instances too:
//!    the median of `movement ÷ cost` over all spans from one rise to the next, each weighed by its cost ([`Rate`]). Use by others
//!    beside less than half of one's own cost does not bend that. A movement of more than **twice** what an interval's calls
//!    usually move is not all theirs: they explain what is usual, and the rest is unexplained. Up to twice is believed,
//!    because prices weigh models and caches as a provider's list does, and a window need not. Figures come in whole percents, so one
//!    grain of movement may show early or late. As long as too little is known for an estimate, all that moved beside calls is theirs.
//! 4. **Shares.** What an interval's calls explain is divided among them by their cost, to the last millionth.
//!
//! What is unexplained is **pending** while a device has not been heard since: its calls may explain it. Shares, unexplained and
//! pending always add up to the movement. All of it is a function of sets: the order of sights and calls, and sights that were
//! recorded twice, change nothing.
//!
//! Somebody who always used the window beside every call would not be noticed by this; only who does so now and then is.

mod divide;
mod rate;
mod sights;

use std::collections::{BTreeMap, BTreeSet};

pub use rate::Rate;
pub use sights::Sight;

use crate::ids::DeviceId;
use crate::name::Name;
use crate::time::UtcMillis;
use crate::units::Tokens;
use divide::divide;
use sights::{Step, instances};

/// How long before an interval a call may have ended that moves the window in it, if none ended in it: five minutes.
pub const LATE_MS: i64 = 5 * 60 * 1000;

/// How finely windows are told, in millionths: a percent.
pub const GRAIN: u64 = 10_000;

/// A call that may have moved a window.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Call {
    /// When it ended.
    pub at: UtcMillis,
    /// On which device.
    pub device: DeviceId,
    /// In which session.
    pub session: Name,
    /// What it weighs: its cost in pico-dollars, or [`weight_of`].
    pub weight: u64,
}

/// What tokens weigh whose price nobody knows: that of a middling model, in pico-dollars.
pub fn weight_of(tokens: &Tokens) -> u64 {
    // $3 a million tokens of input, and what is usual beside that.
    const PRICES: [u64; 5] = [3_000_000, 15_000_000, 3_750_000, 6_000_000, 300_000];
    let kinds = [tokens.input, tokens.output, tokens.cache_write_5m, tokens.cache_write_1h, tokens.cache_read];
    kinds.iter().zip(PRICES).fold(0, |sum, (kind, price)| sum.saturating_add(kind.saturating_mul(price)))
}

/// Whose share it is.
pub type Who = (DeviceId, Name);

/// The devices that may have used a window, and when each was heard last, if ever.
pub type Heard = BTreeMap<DeviceId, Option<UtcMillis>>;

/// A window's movement, divided. All parts are in millionths of the window.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Movement {
    /// When this instance of the window began.
    pub since: UtcMillis,
    /// All that was used since.
    pub moved: u64,
    /// What calls explain, by device and session.
    pub shares: BTreeMap<Who, u64>,
    /// What no call explains, though every device was heard since.
    pub unexplained: u64,
    /// What no call explains yet.
    pub pending: u64,
    /// The devices that may still explain it.
    pub waits_for: BTreeSet<DeviceId>,
    /// How far calls usually move the window, where that is known.
    pub rate: Option<Rate>,
}

impl Movement {
    /// Divides the movement of the instance of a window that `now` is of.
    ///
    /// `sights` is all that is held of the window, `calls` all that may have moved it, of the same time; `heard` are the devices
    /// from which calls may still come, this one not among them.
    pub fn of(now: Sight, sights: &[Sight], calls: &[Call], heard: &Heard) -> Self {
        let calls = Calls::of(calls);
        let (current, earlier) = instances(now, sights);
        let spans = || earlier.iter().chain([&current]).flat_map(|instance| instance.steps.iter());
        let rate = Rate::of(spans().map(|step| (step, calls.within(step.from, step.to))));
        let mut movement = Self { since: current.since, moved: now.used_ppm, rate, ..Self::default() };
        let mut usual = rate.map(Usual::of);
        for step in &current.steps {
            movement.take(step, &calls, usual.as_mut(), heard);
        }
        movement
    }

    /// Divides what moved in one interval.
    fn take(&mut self, step: &Step, calls: &Calls<'_>, usual: Option<&mut Usual>, heard: &Heard) {
        let mut who = calls.within(step.from, step.to);
        let weight: u128 = who.values().sum();
        if weight == 0 {
            let late = UtcMillis(step.from.0.saturating_sub(LATE_MS)).max(self.since);
            who = calls.within(late, step.from);
        }
        let explained = match usual {
            _ if who.is_empty() => 0,
            Some(usual) => usual.explains(step.moved, weight),
            None if weight == 0 => step.moved.min(GRAIN),
            None => step.moved,
        };
        for (who, share) in divide(explained, &who) {
            *self.shares.entry(who).or_default() += share;
        }
        let rest = step.moved - explained;
        let silent = heard.iter().filter(|(_, heard)| **heard < Some(step.to)).map(|(device, _)| *device);
        let silent: BTreeSet<DeviceId> = silent.filter(|_| rest > 0).collect();
        match silent.is_empty() {
            true => self.unexplained += rest,
            false => self.pending += rest,
        }
        self.waits_for.extend(silent);
    }

    /// What calls explain, by device.
    pub fn devices(&self) -> BTreeMap<DeviceId, u64> {
        let mut devices = BTreeMap::new();
        for ((device, _), share) in &self.shares {
            *devices.entry(*device).or_default() += share;
        }
        devices
    }
}

/// What an interval's calls are believed to have moved.
struct Usual {
    rate: Rate,
    /// What may still show late, or has shown early: up to a grain.
    slack: u64,
}

impl Usual {
    fn of(rate: Rate) -> Self {
        Self { rate, slack: GRAIN }
    }

    /// How much of a movement calls of such a weight explain.
    fn explains(&mut self, moved: u64, weight: u128) -> u64 {
        let usual = self.rate.moves(weight);
        let most = usual.saturating_mul(2).saturating_add(self.slack);
        if moved <= most {
            self.slack = (most - moved).min(GRAIN);
            return moved;
        }
        let explained = usual.saturating_add(self.slack);
        self.slack = 0;
        explained
    }
}

/// Calls by time.
struct Calls<'a>(Vec<&'a Call>);

impl<'a> Calls<'a> {
    fn of(calls: &'a [Call]) -> Self {
        let mut calls: Vec<&Call> = calls.iter().collect();
        calls.sort_by_key(|call| call.at);
        Self(calls)
    }

    /// What the calls weigh that ended behind `from` and not behind `to`. None weighs nothing: it was made.
    fn within(&self, from: UtcMillis, to: UtcMillis) -> BTreeMap<Who, u128> {
        let (begin, end) = (self.0.partition_point(|c| c.at <= from), self.0.partition_point(|c| c.at <= to));
        let mut weights = BTreeMap::new();
        for call in self.0.get(begin..end).unwrap_or_default() {
            *weights.entry((call.device, call.session.clone())).or_default() += u128::from(call.weight.max(1));
        }
        weights
    }
}

#[cfg(test)]
mod tests;
