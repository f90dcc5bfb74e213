//! Logs of coding agents as they lie on a user's disk, and the truth about them.
//!
//! A [`Plan`] says whose machines, which days, which agents and which traps; [`generate`] writes
//! the logs and returns the [`Truth`]: every model call once, with the tokens that its log states.
//! The truth is what the generator *meant* when it wrote a line. It reads nothing back and shares
//! no code with the product's collectors, so the two can only agree if both are right.
//!
//! The same plan gives the same bytes, on every machine.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let home = tempfile::tempdir()?;
//! let made = aimon_generator::generate(&aimon_generator::Plan::truth(7), home.path())?;
//! let zone = jiff::tz::TimeZone::get("Asia/Kathmandu")?;
//! for ((day, source, model), tokens) in made.truth.cells(&zone) {
//!     println!("{day} {source} {model}: {} in, {} out", tokens.input, tokens.output);
//! }
//! # Ok(())
//! # }
//! ```

mod claude;
mod clock;
mod codex;
mod content;
mod edges;
mod error;
mod gemini;
mod json;
mod opencode;
mod plan;
mod preset;
mod prng;
mod schedule;
mod single;
mod traps;
mod tree;
mod truth;

pub use error::Error;
pub use plan::{Agent, Hours, MachinePlan, Plan, Workload};
pub use prng::Prng;
pub use single::{Single, each_trap};
pub use traps::{ClaudeTraps, CodexTraps, GeminiTraps, OpenCodeTraps, Traps};
pub use truth::{Call, Cell, Tokens, Truth};

use std::path::{Path, PathBuf};

/// What [`generate`] wrote.
#[derive(Debug)]
pub struct Generated {
    /// The machines, in the plan's order.
    pub machines: Vec<Machine>,
    /// Every call that the logs hold, once.
    pub truth: Truth,
    /// How many bytes of logs were written.
    pub bytes: u64,
    /// In how many files.
    pub files: u64,
}

/// One machine's home folder, with the logs where the agents put them.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Its name, also its folder's.
    pub name: String,
    /// Its home folder: `.claude/projects`, `.codex/sessions`, `.gemini/tmp` and
    /// `.local/share/opencode` lie in it.
    pub home: PathBuf,
}

/// Writes the logs of every machine of `plan` into `into/{machine}`.
pub fn generate(plan: &Plan, into: &Path) -> Result<Generated, Error> {
    let mut truth = Truth::default();
    let (mut machines, mut bytes, mut files) = (Vec::new(), 0, 0);
    for (index, machine) in plan.machines.iter().enumerate() {
        let home = into.join(&machine.name);
        let mut tree = tree::Tree::new(home.clone());
        for load in &machine.work {
            let job = schedule::Job { plan, machine, index, load };
            match load.agent {
                Agent::ClaudeCode => claude::write(&job, &mut tree, &mut truth)?,
                Agent::Codex => codex::write(&job, &mut tree, &mut truth)?,
                Agent::Gemini => gemini::write(&job, &mut tree, &mut truth)?,
                Agent::OpenCode => opencode::write(&job, &mut tree, &mut truth)?,
            }
        }
        bytes += tree.bytes;
        files += tree.files;
        machines.push(Machine { name: machine.name.clone(), home });
    }
    truth.finish();
    Ok(Generated { machines, truth, bytes, files })
}
