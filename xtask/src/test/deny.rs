//! What we depend on: nothing banned, every licence on the list, everything from crates.io.

use crate::process::{Result, quietly};
use crate::tally::Verdict;
use crate::workspace::Workspace;

/// Asks cargo-deny, which reads `deny.toml`. The crates are there already: nothing is fetched.
pub fn holds(workspace: &Workspace) -> Result<Verdict> {
    quietly(workspace.cargo().args(["fetch", "--locked"]))?;
    quietly(workspace.cargo().args(["deny", "--offline", "check", "bans", "licenses", "sources"]))?;
    Ok(Verdict::Held)
}
