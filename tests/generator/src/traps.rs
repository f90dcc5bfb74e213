//! What real logs get wrong, as rates in a thousand.
//!
//! A field says what is written; the comment of each says whether a thousand *calls* or a thousand
//! *sessions* are meant. With all rates at 0 the logs are as an agent's documentation has them.

/// The traps of every agent.
#[derive(Clone, Debug, Default)]
pub struct Traps {
    /// Calls that fall within a millisecond of midnight in one of five zones.
    pub midnight: u16,
    /// Calls: content that quotes log lines and usage objects.
    pub look_alikes: u16,
    /// Claude Code's.
    pub claude: ClaudeTraps,
    /// Codex's.
    pub codex: CodexTraps,
    /// Gemini CLI's.
    pub gemini: GeminiTraps,
    /// OpenCode's.
    pub opencode: OpenCodeTraps,
}

/// Claude Code's traps.
#[derive(Clone, Debug, Default)]
pub struct ClaudeTraps {
    /// Calls: written once per content block while they stream, with growing output.
    pub streamed: u16,
    /// Calls: the last line stands there again, later, with equal usage.
    pub repeated: u16,
    /// Calls: a line of the model `<synthetic>` beside them.
    pub synthetic: u16,
    /// Calls: a line that is no JSON beside them.
    pub broken: u16,
    /// Calls: another model's advice inside `usage.iterations`.
    pub advisor: u16,
    /// Sessions: Claude Code before 2.1.97, which keeps the streaming placeholder.
    pub old_version: u16,
    /// Sessions: a sub-agent's file with calls of its own.
    pub subagent: u16,
    /// Sessions: a side question's file that replays the parent's messages, some larger, some smaller.
    pub replayed: u16,
    /// Sessions: only the files of two side questions are left, which replay the same messages.
    pub orphaned: u16,
    /// Sessions with a sub-agent: `progress` lines that nest its messages.
    pub progress: u16,
    /// Sessions: the file lies in a second folder, byte for byte.
    pub copied: u16,
    /// Sessions: half of the file lies in a second folder, cut inside a line.
    pub half_copied: u16,
    /// Sessions: a copy under another session id.
    pub relabelled: u16,
    /// Sessions: a second session that starts with this one's lines and goes on.
    pub forked: u16,
    /// Sessions: the last line is half written.
    pub half_line: u16,
    /// Sessions: the last line is whole but has no newline yet.
    pub unterminated: u16,
    /// Sessions: a gateway's, without request ids; message ids recur in other sessions.
    pub no_request: u16,
    /// Sessions: without message ids; every line is usage.
    pub no_message: u16,
    /// Sessions: fast mode.
    pub fast: u16,
    /// Sessions: the cache's lifetimes stand only in `cache_creation`.
    pub split_only: u16,
    /// Sessions: no `cache_creation` object.
    pub flat_only: u16,
    /// Sessions: cache writes for one hour.
    pub one_hour: u16,
    /// Sessions: a blank behind each colon.
    pub spaced: u16,
    /// Sessions: content blocks with `"id":null`.
    pub null_id: u16,
    /// Sessions: a workflow's `journal.jsonl`, which is no usage.
    pub journal: u16,
    /// Sessions: the file lies under `~/.config/claude`.
    pub second_root: u16,
}

/// Codex's traps.
#[derive(Clone, Debug, Default)]
pub struct CodexTraps {
    /// Calls: the same counters again, later.
    pub repeated: u16,
    /// Calls: a counter that stood still, beside a last usage that is not zero.
    pub flat: u16,
    /// Calls: a last usage of zero.
    pub zero: u16,
    /// Calls: `info` is null; only the quota windows are told.
    pub windows_only: u16,
    /// Calls: a line that is no JSON in the place of the counters.
    pub broken: u16,
    /// Calls: `token_usage_record` beside the counters.
    pub usage_record: u16,
    /// Sessions: sub-agents count in the same file, interleaved, and repeat themselves in turns.
    pub interleaved: u16,
    /// Sessions: no `last_token_usage`.
    pub total_only: u16,
    /// Sessions: a fork that replays this session's history under new timestamps.
    pub forked: u16,
    /// Sessions: a sub-agent's file that starts with this session's history.
    pub spawned: u16,
    /// Forks and sub-agents whose parent's file is not there.
    pub parentless: u16,
    /// Sessions: resumed in a second file under the same id, history re-stamped.
    pub resumed: u16,
    /// Sessions: a second copy under `archived_sessions`.
    pub archived: u16,
    /// Sessions: only under `archived_sessions`.
    pub moved: u16,
    /// Sessions: compressed to `.jsonl.zst`.
    pub compressed: u16,
    /// Sessions: compressed, and the plain file is there too.
    pub compressed_beside: u16,
    /// Sessions: no model anywhere (early logs): `gpt-5` is assumed.
    pub no_model: u16,
    /// Sessions: timestamps in milliseconds, as numbers.
    pub numeric_time: u16,
    /// Sessions: a blank behind each colon.
    pub spaced: u16,
    /// Sessions: input that was written to a cache is stated.
    pub cache_writes: u16,
    /// Sessions: the last line is half written.
    pub half_line: u16,
    /// Sessions: saved output of `codex exec --json`.
    pub exec: u16,
}

/// Gemini CLI's traps.
#[derive(Clone, Debug, Default)]
pub struct GeminiTraps {
    /// Sessions: one JSON document, as older versions write it, instead of lines.
    pub document: u16,
    /// Calls: written first without tokens, then again with them.
    pub rewritten: u16,
    /// Sessions: `$set.messages` rebuilds the whole conversation.
    pub snapshot: u16,
    /// Sessions: `$rewindTo` drops turns that were billed.
    pub rewound: u16,
    /// Sessions: a sub-agent's file under `chats/{parent}/`.
    pub subagent: u16,
    /// Calls: a line that is no JSON beside them.
    pub broken: u16,
    /// Sessions: the document and the lines of one session lie side by side.
    pub migrated: u16,
}

/// OpenCode's traps.
#[derive(Clone, Debug, Default)]
pub struct OpenCodeTraps {
    /// Sessions: JSON files under `storage/`, as older versions write them, instead of the database.
    pub files: u16,
    /// Sessions in the database whose JSON files are still there.
    pub migrated: u16,
    /// Sessions: a fork that copies the rows under new ids.
    pub forked: u16,
    /// Sessions: reasoning stands beside the output.
    pub reasoning: u16,
    /// Sessions: in a second database, `opencode-beta.db`.
    pub second_database: u16,
}

impl Traps {
    /// Every trap, often enough that a small set of logs holds each.
    pub fn all() -> Self {
        Self {
            midnight: 60,
            look_alikes: 250,
            claude: ClaudeTraps {
                streamed: 600,
                repeated: 120,
                synthetic: 30,
                broken: 40,
                advisor: 60,
                old_version: 180,
                subagent: 300,
                replayed: 220,
                orphaned: 60,
                progress: 400,
                copied: 90,
                half_copied: 90,
                relabelled: 90,
                forked: 120,
                half_line: 120,
                unterminated: 80,
                no_request: 80,
                no_message: 60,
                fast: 120,
                split_only: 100,
                flat_only: 150,
                one_hour: 350,
                spaced: 60,
                null_id: 60,
                journal: 80,
                second_root: 120,
            },
            codex: CodexTraps {
                repeated: 250,
                flat: 60,
                zero: 40,
                windows_only: 60,
                broken: 20,
                usage_record: 80,
                interleaved: 180,
                total_only: 80,
                forked: 150,
                spawned: 150,
                parentless: 300,
                resumed: 120,
                archived: 80,
                moved: 80,
                compressed: 100,
                compressed_beside: 50,
                no_model: 80,
                numeric_time: 80,
                spaced: 80,
                cache_writes: 150,
                half_line: 100,
                exec: 50,
            },
            gemini: GeminiTraps {
                document: 300,
                rewritten: 400,
                snapshot: 200,
                rewound: 200,
                subagent: 200,
                broken: 40,
                migrated: 100,
            },
            opencode: OpenCodeTraps { files: 350, migrated: 200, forked: 150, reasoning: 500, second_database: 150 },
        }
    }

    /// What every real log has: streaming, sub-agents, repeated counters, quota windows. ccusage
    /// reads all of it as we do.
    pub fn everyday() -> Self {
        Self {
            midnight: 0,
            look_alikes: 40,
            claude: ClaudeTraps {
                streamed: 550,
                repeated: 20,
                synthetic: 3,
                broken: 1,
                subagent: 150,
                replayed: 60,
                forked: 30,
                copied: 10,
                one_hour: 300,
                flat_only: 100,
                ..ClaudeTraps::default()
            },
            codex: CodexTraps { repeated: 150, windows_only: 40, moved: 50, ..CodexTraps::default() },
            gemini: GeminiTraps { document: 100, rewritten: 500, ..GeminiTraps::default() },
            opencode: OpenCodeTraps { files: 200, reasoning: 500, ..OpenCodeTraps::default() },
        }
    }
}
