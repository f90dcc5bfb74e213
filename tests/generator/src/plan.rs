//! Whose machines, which days, how much.

use crate::Traps;

/// A coding agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Agent {
    /// Anthropic's Claude Code.
    ClaudeCode,
    /// OpenAI's Codex CLI.
    Codex,
    /// Google's Gemini CLI.
    Gemini,
    /// OpenCode.
    OpenCode,
}

impl Agent {
    /// The source's name in reports.
    pub fn source(self) -> &'static str {
        match self {
            Self::ClaudeCode => "claude-code",
            Self::Codex => "codex",
            Self::Gemini => "gemini",
            Self::OpenCode => "opencode",
        }
    }
}

/// When somebody works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hours {
    /// Around the clock, and with calls on both sides of midnight in many zones.
    Always,
    /// Somebody's day: minutes that their zone is ahead of UTC; weekdays heavier.
    Person {
        /// Minutes east of Greenwich.
        offset: i32,
    },
}

/// One agent's share of a machine's work.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Which agent.
    pub agent: Agent,
    /// Sessions in ten days.
    pub sessions: u32,
    /// Calls in a session, at least and at most.
    pub calls: (u64, u64),
    /// Models, the usual ones named more than once.
    pub models: Vec<&'static str>,
}

/// One machine.
#[derive(Clone, Debug)]
pub struct MachinePlan {
    /// Its name, also its folder's.
    pub name: String,
    /// When it is used.
    pub hours: Hours,
    /// Days counted back from the end (first, how many) on which it was switched off.
    pub off: Option<(u32, u32)>,
    /// What runs on it.
    pub work: Vec<Workload>,
}

/// All that decides what is written.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Another seed, other logs.
    pub seed: u64,
    /// The last instant that a log may hold, in milliseconds since 1970, UTC.
    pub end: i64,
    /// How many days back the logs reach.
    pub days: u32,
    /// Bytes of prompts, answers and tool results beside each call, on average.
    pub content: u64,
    /// The machines.
    pub machines: Vec<MachinePlan>,
    /// What to get wrong, and how often.
    pub traps: Traps,
}
