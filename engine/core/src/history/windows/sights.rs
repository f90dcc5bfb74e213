//! What was seen of a window, as intervals in which it moved.

use crate::time::UtcMillis;

/// Instances of one window end further apart than this; figures of one end differ by less, where it is told by a countdown.
const JITTER_S: i64 = 10 * 60;

/// What was seen of a window at one moment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Sight {
    /// When.
    pub at: UtcMillis,
    /// How much was used, in millionths.
    pub used_ppm: u64,
    /// When it begins anew, in seconds since 1970.
    pub resets_at: i64,
    /// How long it is, in seconds.
    pub length: i64,
}

impl Sight {
    /// When its instance began.
    fn since(&self) -> UtcMillis {
        UtcMillis(self.resets_at.saturating_sub(self.length).saturating_mul(1000))
    }

    /// How far ends of one instance lie apart: less than windows are long.
    fn jitter(&self) -> i64 {
        JITTER_S.min(self.length / 10).max(0)
    }

    /// What ends before that is of an earlier instance.
    fn first_end(&self) -> i64 {
        self.resets_at.saturating_sub(self.jitter())
    }
}

/// An interval between two sights.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Step {
    /// Behind this moment
    pub(super) from: UtcMillis,
    /// up to this one
    pub(super) to: UtcMillis,
    /// it moved so far.
    pub(super) moved: u64,
    /// Whether it is an instance's first.
    pub(super) is_first: bool,
}

/// One instance of a window, from its beginning to when it was seen last.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Instance {
    pub(super) since: UtcMillis,
    pub(super) steps: Vec<Step>,
}

/// The instance that `now` is of, as far as that moment, and those before it, the oldest first.
pub(super) fn instances(now: Sight, sights: &[Sight]) -> (Instance, Vec<Instance>) {
    let is_current = |sight: &&Sight| sight.resets_at.abs_diff(now.resets_at) <= now.jitter().unsigned_abs();
    let mut current: Vec<Sight> = sights.iter().filter(is_current).filter(|sight| sight.at < now.at).copied().collect();
    current.push(now);
    let mut rest: Vec<Sight> = sights.iter().filter(|sight| sight.resets_at < now.first_end()).copied().collect();
    rest.sort_by_key(|sight| (sight.resets_at, *sight));
    let mut earlier = Vec::new();
    while let Some(last) = rest.last().copied() {
        let begin = rest.partition_point(|sight| sight.resets_at < last.first_end());
        earlier.push(Instance::of(last.since(), rest.split_off(begin)));
    }
    earlier.reverse();
    (Instance::of(now.since(), current), earlier)
}

impl Instance {
    /// The sights of an instance say no more than the last of them: what is less than before is an older figure, told late, and what
    /// is more than the last was taken back.
    fn of(since: UtcMillis, mut sights: Vec<Sight>) -> Self {
        sights.sort_unstable();
        let most = sights.last().map_or(0, |last| last.used_ppm);
        let (mut steps, mut from, mut used) = (Vec::new(), since, 0);
        for at_once in sights.chunk_by(|a, b| a.at == b.at) {
            let Some(sight) = at_once.last() else { continue };
            let now = sight.used_ppm.min(most).max(used);
            let to = sight.at.max(from);
            steps.push(Step { from, to, moved: now - used, is_first: steps.is_empty() });
            (from, used) = (to, now);
        }
        Self { since, steps }
    }
}
