//! Every trap by itself.

use crate::{Agent, Traps};

/// One trap, and those without which it does not show.
#[derive(Clone, Debug)]
pub struct Single {
    /// The agent's and the trap's name: `codex.interleaved`.
    pub name: String,
    /// Whose logs have it.
    pub agent: Agent,
    /// Its rates.
    pub traps: Traps,
}

macro_rules! list {
    ($found:ident, $agent:ident.$group:ident: $($trap:ident),+) => {
        $({
            let mut traps = Traps::default();
            traps.$group.$trap = 600;
            let name = format!("{}.{}", stringify!($group), stringify!($trap));
            $found.push(Single { name, agent: Agent::$agent, traps });
        })+
    };
}

/// Each trap of each agent alone.
pub fn each_trap() -> Vec<Single> {
    let mut found = Vec::new();
    list!(found, ClaudeCode.claude: streamed, repeated, synthetic, broken, advisor, old_version, subagent, replayed, orphaned, progress, copied, half_copied, relabelled, forked, half_line, unterminated, no_request, no_message, fast, split_only, flat_only, one_hour, spaced, null_id, journal, second_root);
    list!(found, Codex.codex: repeated, flat, zero, windows_only, broken, usage_record, interleaved, total_only, forked, spawned, parentless, resumed, archived, moved, compressed, compressed_beside, no_model, numeric_time, spaced, cache_writes, half_line, exec);
    list!(found, Gemini.gemini: document, rewritten, snapshot, rewound, subagent, broken, migrated);
    list!(found, OpenCode.opencode: files, migrated, forked, reasoning, second_database);
    for single in &mut found {
        match single.name.as_str() {
            "claude.progress" => single.traps.claude.subagent = 600,
            "codex.parentless" => {
                single.traps.codex.forked = 600;
                single.traps.codex.spawned = 600;
            }
            _ => {}
        }
        // A copy only misleads where a message has more than one line.
        single.traps.claude.streamed = single.traps.claude.streamed.max(300);
        single.traps.codex.repeated = single.traps.codex.repeated.max(150);
    }
    found
}
