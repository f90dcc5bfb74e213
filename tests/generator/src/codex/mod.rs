//! Codex: `~/.codex/sessions/YYYY/MM/DD/rollout-{time}-{id}.jsonl` and what becomes of it.

mod children;
mod files;
mod item;
mod session;
mod usage;

use crate::schedule::Job;
use crate::tree::Tree;
use crate::{Error, Truth};

/// Writes one machine's Codex logs.
pub(crate) fn write(job: &Job<'_>, tree: &mut Tree, truth: &mut Truth) -> Result<(), Error> {
    for start in job.starts() {
        session::Session::new(job, start).write(tree, truth)?;
    }
    Ok(())
}
