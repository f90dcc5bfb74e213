//! Each trap by itself: does the native ccusage read what the generator meant?
//!
//! ccusage shares no code and no author with the generator. Where the two agree, the truth is what
//! a second reader of these formats sees too; where they don't, the reason stands beside the trap,
//! and the test fails once a later ccusage agrees, so that the table in `tests/README.md` stays true.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod witness;

use aimon_generator::{Agent, Plan, Traps, generate};

/// Whether ccusage is right.
enum Verdict {
    /// In every cell.
    Right,
    /// Not, for this reason.
    Wrong(&'static str),
}
use Verdict::{Right, Wrong};

fn scenario(agent: Agent, name: &str, verdict: &Verdict, set: impl Fn(&mut Traps)) -> Result<(), String> {
    let mut traps = Traps::default();
    set(&mut traps);
    let dir = tempfile::tempdir().unwrap();
    let made = generate(&Plan::scenario(agent, traps), dir.path()).unwrap();
    let theirs = witness::cells(&made.machines[0].home, "UTC");
    let ours = witness::truth(&made.truth, "UTC");
    let differences = witness::differences(&theirs, &ours);
    let sums = format!("ccusage {}, truth {}", witness::sum(&theirs), witness::sum(&ours));
    match (verdict, differences.first()) {
        (Right, None) | (Wrong(_), Some(_)) => Ok(()),
        (Right, Some(first)) => Err(format!("{name}: {} cells differ ({sums}): {first}", differences.len())),
        (Wrong(why), None) => Err(format!("{name}: ccusage is right now, though: {why}")),
    }
}

macro_rules! scenarios {
    ($agent:ident.$group:ident { $($name:ident: $($trap:ident)+ => $verdict:expr;)* }) => {{
        let mut wrong = Vec::new();
        $(
            let set = |t: &mut Traps| { $( t.$group.$trap = 600; )+ };
            wrong.extend(scenario(Agent::$agent, stringify!($name), &$verdict, set).err());
        )*
        assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    }};
}

#[test]
fn claude_code() {
    scenarios!(ClaudeCode.claude {
        streamed: streamed => Right;
        repeated: repeated => Right;
        streamed_and_repeated: streamed repeated => Right;
        synthetic: synthetic => Right;
        broken: broken => Right;
        advisor: advisor streamed => Right;
        old_version: old_version streamed => Right;
        subagent: subagent => Right;
        replayed: replayed streamed => Right;
        orphaned: orphaned => Right;
        progress: progress subagent streamed => Right;
        copied: copied streamed => Right;
        half_copied: half_copied streamed => Right;
        relabelled: relabelled streamed => Right;
        forked: forked streamed => Right;
        half_line: half_line => Right;
        unterminated: unterminated => Right;
        no_request: no_request => Right;
        no_request_streamed: no_request streamed => Wrong("without a request id it counts each line of a streamed message");
        no_request_subagent: no_request subagent => Right;
        no_request_copied: no_request copied => Right;
        no_message: no_message => Right;
        no_message_repeated: no_message repeated => Right;
        no_message_copied: no_message copied => Wrong("without a message id it counts a copied line again");
        fast: fast => Right;
        split_only: split_only one_hour => Right;
        flat_only: flat_only => Right;
        one_hour: one_hour => Right;
        spaced: spaced => Wrong("it looks for keys without a blank behind the colon");
        null_id: null_id => Wrong("it drops a line with `\"id\":null` anywhere in it");
        journal: journal => Wrong("it takes a workflow's journal for a session's log");
        second_root: second_root => Right;
    });
}

#[test]
fn codex() {
    scenarios!(Codex.codex {
        repeated: repeated => Right;
        flat: flat => Right;
        zero: zero => Right;
        windows_only: windows_only => Right;
        broken: broken => Right;
        usage_record: usage_record => Right;
        interleaved: interleaved => Right;
        interleaved_repeated: interleaved repeated => Wrong("it compares a line with the line before it only, so counters that repeat in turns count each time");
        interleaved_flat: interleaved flat => Right;
        total_only: total_only => Right;
        total_only_repeated: total_only repeated => Right;
        forked: forked => Right;
        spawned: spawned => Right;
        parentless: forked spawned parentless => Right;
        forked_repeated: forked spawned repeated => Wrong("it takes the first counters of a fork without history for inherited ones if they stand there twice");
        forked_interleaved: forked spawned interleaved => Right;
        forked_numeric: forked spawned numeric_time => Right;
        resumed: resumed => Wrong("it counts the history of a resumed session again, at the time of the resuming");
        archived: archived => Right;
        moved: moved => Right;
        compressed: compressed => Wrong("it does not read .jsonl.zst");
        compressed_beside: compressed_beside => Right;
        no_model: no_model => Right;
        numeric_time: numeric_time => Right;
        spaced: spaced => Wrong("it looks for keys without a blank behind the colon");
        cache_writes: cache_writes => Right;
        half_line: half_line => Right;
        exec: exec => Right;
    });
}

#[test]
fn gemini() {
    scenarios!(Gemini.gemini {
        document: document => Right;
        rewritten: rewritten => Right;
        snapshot: snapshot => Wrong("it does not read the messages of `$set`");
        rewound: rewound => Right;
        subagent: subagent => Right;
        broken: broken => Right;
        migrated: migrated => Wrong("it counts a session's old document and its new lines");
    });
}

#[test]
fn opencode() {
    scenarios!(OpenCode.opencode {
        files: files => Right;
        migrated: migrated => Right;
        forked: forked => Wrong("it counts a fork's copied rows, which have new ids");
        reasoning: reasoning => Right;
        second_database: second_database => Wrong("beside opencode.db it reads no opencode-*.db");
    });
}
