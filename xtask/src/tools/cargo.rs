//! Tools from crates.io.

use std::fs;

use crate::process::{Result, find, path_with, quietly};
use crate::workspace::Workspace;

/// Finds a cargo subcommand, or installs it into the target folder. What is on the machine is taken
/// as it is. Built without optimisation: it is used for seconds, and builds in a third of the time.
pub fn ensure(workspace: &Workspace, name: &str, version: &str) -> Result<((), String)> {
    let bin = workspace.tools().join("bin");
    if bin.join(format!("{name}{}", std::env::consts::EXE_SUFFIX)).is_file() || find(name).is_some() {
        return Ok(((), "there".into()));
    }
    let build = workspace.tools().join("build");
    quietly(
        workspace
            .cargo()
            .args(["install", name, "--version", version, "--locked", "--debug", "--no-track", "--root"])
            .arg(workspace.tools())
            .env("CARGO_TARGET_DIR", &build)
            .env("PATH", path_with(bin)),
    )?;
    // Hundreds of megabytes that only an interrupted installation could use again.
    _ = fs::remove_dir_all(build);
    Ok(((), format!("installed {version}")))
}
