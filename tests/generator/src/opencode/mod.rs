//! OpenCode: `~/.local/share/opencode/opencode.db`, in older versions JSON files under `storage/`.

mod database;
mod session;

use crate::schedule::Job;
use crate::tree::Tree;
use crate::{Error, Truth};

pub(crate) const ROOT: &str = ".local/share/opencode";

/// Writes one machine's OpenCode logs.
pub(crate) fn write(job: &Job<'_>, tree: &mut Tree, truth: &mut Truth) -> Result<(), Error> {
    let (mut main, mut beta) = (Vec::new(), Vec::new());
    for start in job.starts() {
        session::Session::new(job, start).write(tree, truth, &mut main, &mut beta)?;
    }
    for (name, rows) in [("opencode.db", main), ("opencode-beta.db", beta)] {
        if !rows.is_empty() {
            let path = tree.place(&format!("{ROOT}/{name}"))?;
            let bytes = database::write(&path, rows)?;
            tree.wrote(bytes);
        }
    }
    Ok(())
}
