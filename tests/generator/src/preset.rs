//! Ready-made plans.

use crate::clock::DAY;
use crate::{Agent, Hours, MachinePlan, Plan, Traps, Workload};

/// 2026-11-05T12:00:00Z: behind both of autumn's clock changes.
const AUTUMN: i64 = 1_793_880_000_000;

const CLAUDE: [&str; 6] = [
    "claude-opus-4-8",
    "claude-opus-4-8",
    "claude-sonnet-5",
    "claude-sonnet-5",
    "claude-haiku-4-5-20251001",
    "claude-opus-4-6",
];
const CODEX: [&str; 4] = ["gpt-5.3-codex", "gpt-5.3-codex", "gpt-5.5", "gpt-5.1-codex-mini"];
const GEMINI: [&str; 3] = ["gemini-3-pro-preview", "gemini-2.5-pro", "gemini-2.5-flash"];
const OPENCODE: [&str; 3] = ["claude-sonnet-4-5", "gpt-5.5", "kimi-k2.6"];

fn work(agent: Agent, sessions: u32, calls: (u64, u64)) -> Workload {
    let models = match agent {
        Agent::ClaudeCode => CLAUDE.to_vec(),
        Agent::Codex => CODEX.to_vec(),
        Agent::Gemini => GEMINI.to_vec(),
        Agent::OpenCode => OPENCODE.to_vec(),
    };
    Workload { agent, sessions, calls, models }
}

fn machine(name: &str, hours: Hours, off: Option<(u32, u32)>, work: Vec<Workload>) -> MachinePlan {
    MachinePlan { name: name.to_owned(), hours, off, work }
}

impl Plan {
    /// Forty days, one machine, all four agents, every trap; small.
    pub fn truth(seed: u64) -> Self {
        let work = vec![
            work(Agent::ClaudeCode, 40, (2, 16)),
            work(Agent::Codex, 40, (2, 14)),
            work(Agent::Gemini, 15, (2, 8)),
            work(Agent::OpenCode, 15, (2, 8)),
        ];
        Self {
            seed,
            end: AUTUMN,
            days: 40,
            content: 300,
            machines: vec![machine("laptop", Hours::Always, None, work)],
            traps: Traps::all(),
        }
    }

    /// The same without any trap.
    pub fn clean(seed: u64) -> Self {
        Self { traps: Traps::default(), ..Self::truth(seed) }
    }

    /// Claude Code and Codex as they are on every machine: what ccusage reads right.
    pub fn everyday(seed: u64) -> Self {
        let mut plan = Self { traps: Traps::everyday(), ..Self::truth(seed) };
        plan.traps.midnight = 60;
        plan.keep(&[Agent::ClaudeCode, Agent::Codex]);
        plan
    }

    /// One agent and a few sessions, for looking at one trap.
    pub fn scenario(agent: Agent, traps: Traps) -> Self {
        let mut plan = Self { traps, days: 12, ..Self::truth(11) };
        plan.keep(&[agent]);
        plan
    }

    /// A heavy user's machine: 180 days of Claude Code and Codex, about 590 MB, 190,000 calls, 2,000 files.
    pub fn bench(days: u32) -> Self {
        let work = vec![work(Agent::ClaudeCode, 65, (4, 240)), work(Agent::Codex, 29, (4, 240))];
        Self {
            seed: 587,
            end: AUTUMN,
            days,
            content: 980,
            machines: vec![machine("workstation", Hours::Person { offset: 60 }, None, work)],
            traps: Traps::everyday(),
        }
    }

    /// The same person with little content, for histories of any length.
    pub fn history(days: u32) -> Self {
        let mut plan = Self { content: 60, ..Self::bench(days) };
        for machine in &mut plan.machines {
            machine.work = vec![work(Agent::ClaudeCode, 30, (4, 40)), work(Agent::Codex, 14, (4, 40))];
        }
        plan
    }

    /// What `aimon demo` shows: 180 days up to `end`, three machines, plausible people, a few megabytes.
    pub fn demo(end: i64) -> Self {
        let laptop =
            vec![work(Agent::ClaudeCode, 12, (3, 22)), work(Agent::Codex, 5, (3, 20)), work(Agent::Gemini, 2, (2, 8))];
        let studio = vec![work(Agent::ClaudeCode, 6, (3, 24)), work(Agent::OpenCode, 3, (2, 10))];
        let server = vec![work(Agent::Codex, 5, (3, 24))];
        Self {
            seed: 180,
            end,
            days: 180,
            content: 60,
            machines: vec![
                machine("laptop", Hours::Person { offset: 60 }, Some((33, 7)), laptop),
                machine("studio", Hours::Person { offset: -420 }, None, studio),
                machine("build-server", Hours::Always, None, server),
            ],
            traps: Traps::everyday(),
        }
    }

    /// The first instant that a log may hold.
    pub fn begin(&self) -> i64 {
        (self.end.div_euclid(DAY) - i64::from(self.days) + 1) * DAY
    }

    fn keep(&mut self, agents: &[Agent]) {
        for machine in &mut self.machines {
            machine.work.retain(|w| agents.contains(&w.agent));
        }
    }
}
