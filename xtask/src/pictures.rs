//! `cargo xtask pictures`: what the README shows is what the command prints.

use std::process::ExitCode;

use crate::process::{Problem, Result};
use crate::run;
use crate::workspace::Workspace;

/// Builds the command and has it print the demo into `docs/`.
pub fn run(workspace: &Workspace) -> Result<ExitCode> {
    run::build(workspace, &["aimon"])?;
    let mut cargo = workspace.cargo();
    cargo.args(["run", "--release", "--locked", "--package", "aimon-tests", "--bin", "pictures", "--"]);
    cargo.arg(workspace.root.join("docs")).env("AIMON_BIN", workspace.program("release", "aimon"));
    let status = cargo.status()?;
    if status.success() {
        Ok(ExitCode::SUCCESS)
    } else {
        Err(Problem::new(format!("no pictures were made ({status})")))
    }
}
