//! Gemini CLI: `~/.gemini/tmp/{project}/chats/session-*.jsonl`, in older versions one JSON document.

mod session;

use crate::schedule::Job;
use crate::tree::Tree;
use crate::{Error, Truth};

/// Writes one machine's Gemini CLI logs.
pub(crate) fn write(job: &Job<'_>, tree: &mut Tree, truth: &mut Truth) -> Result<(), Error> {
    for start in job.starts() {
        session::Session::new(job, start).write(tree, truth)?;
    }
    Ok(())
}
