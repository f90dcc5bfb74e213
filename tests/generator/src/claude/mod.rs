//! Claude Code: `~/.claude/projects/{project}/{session}.jsonl` and what lies beside it.

mod copies;
mod line;
mod session;
mod sidechain;

use crate::schedule::Job;
use crate::tree::Tree;
use crate::{Error, Truth};

/// Writes one machine's Claude Code logs.
pub(crate) fn write(job: &Job<'_>, tree: &mut Tree, truth: &mut Truth) -> Result<(), Error> {
    for start in job.starts() {
        session::Session::new(job, start).write(tree, truth)?;
    }
    Ok(())
}
