//! When sessions start and how time passes in them.

use crate::clock::{DAY, HOUR, MINUTE, SECOND};
use crate::edges::next_midnight;
use crate::plan::{Hours, MachinePlan, Plan, Workload};
use crate::{Agent, Prng};

/// One agent's work on one machine.
pub(crate) struct Job<'a> {
    pub plan: &'a Plan,
    pub machine: &'a MachinePlan,
    pub index: usize,
    pub load: &'a Workload,
}

/// A session to be written.
pub(crate) struct Start {
    pub rng: Prng,
    pub at: i64,
    pub calls: u64,
}

impl Job<'_> {
    /// The sessions, by time of their start.
    pub fn starts(&self) -> Vec<Start> {
        let mut starts = Vec::new();
        let last = self.plan.end.div_euclid(DAY);
        for back in (0..self.plan.days).rev() {
            if self.machine.off.is_some_and(|(first, days)| back >= first && back < first + days) {
                continue;
            }
            let day = last - i64::from(back);
            let agent = self.agent();
            let mut rng = Prng::of(&[self.plan.seed, self.index as u64, agent, day as u64]);
            for n in 0..self.sessions(&mut rng, day) {
                let at = day * DAY + self.minute(&mut rng) * MINUTE + rng.below(60_000) as i64;
                let mut rng = Prng::of(&[self.plan.seed, self.index as u64, agent, day as u64, n + 1]);
                let calls = rng.skewed(self.load.calls.0, self.load.calls.1 * 2).min(self.load.calls.1);
                if at + MINUTE < self.plan.end {
                    starts.push(Start { rng, at, calls });
                }
            }
        }
        starts.sort_by_key(|s| s.at);
        starts
    }

    /// How far the next call is: seconds in a burst, minutes while somebody thinks.
    pub fn after(&self, rng: &mut Prng, now: i64) -> i64 {
        if rng.chance(self.plan.traps.midnight) {
            let at = next_midnight(rng, now);
            if at < self.plan.end {
                return at;
            }
        }
        let pause = if rng.chance(120) { rng.skewed(60, 1500) } else { rng.skewed(4, 90) };
        now + pause as i64 * SECOND + rng.below(1000) as i64
    }

    fn agent(&self) -> u64 {
        match self.load.agent {
            Agent::ClaudeCode => 1,
            Agent::Codex => 2,
            Agent::Gemini => 3,
            Agent::OpenCode => 4,
        }
    }

    fn sessions(&self, rng: &mut Prng, day: i64) -> u64 {
        // 1970-01-01 was a Thursday.
        let weekend = matches!((day + 3).rem_euclid(7), 5 | 6);
        let weight = match self.machine.hours {
            Hours::Always => 100,
            Hours::Person { .. } if weekend => 30,
            Hours::Person { .. } => 128,
        };
        let mean = u64::from(self.load.sessions) * weight;
        let spread = rng.range(mean / 2, mean + mean / 2);
        spread / 1000 + u64::from(rng.below(1000) < spread % 1000)
    }

    fn minute(&self, rng: &mut Prng) -> i64 {
        match self.machine.hours {
            Hours::Always => rng.below(1440) as i64,
            Hours::Person { offset } => {
                // Mornings and afternoons, some evenings.
                let local =
                    if rng.chance(150) { rng.range(20, 23) } else { (rng.range(8, 12) + rng.range(0, 7)).min(19) };
                (local as i64 * HOUR / MINUTE + rng.below(60) as i64 - i64::from(offset)).rem_euclid(1440)
            }
        }
    }
}
