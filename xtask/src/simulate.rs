//! `cargo xtask simulate`: more worlds than CI has time for.

use std::process::{Command, ExitCode};

use crate::process::{Problem, Result, line};
use crate::workspace::Workspace;

/// Builds the simulator and runs so many worlds, from a seed on.
pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode> {
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--profile", "ci", "--locked", "--package", "aimon-simulator"]);
    let status = cargo.status()?;
    if !status.success() {
        return Err(Problem::new(format!("`{}` failed ({status})", line(&cargo))));
    }
    let many = ["100000".to_owned()];
    let arguments = if arguments.is_empty() { &many[..] } else { arguments };
    let status = Command::new(workspace.program("ci", "simulate")).args(arguments).status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
