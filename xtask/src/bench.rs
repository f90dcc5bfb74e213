//! `cargo xtask bench`: the product as people build it, beside its peers, in one run.

use std::process::ExitCode;

use crate::process::{Problem, Result};
use crate::run;
use crate::tally::Tally;
use crate::tools;
use crate::workspace::Workspace;

/// Builds, installs the peers and runs the benchmark of `tests/`. A peer that can't be had is left out, and shows as missing.
pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode> {
    let mut tally = Tally::new();
    let peers = [
        ("AIMON_CCUSAGE", tools::ccusage(workspace, &mut tally)),
        ("AIMON_TOKSCALE", tools::tokscale(workspace, &mut tally)),
        ("AIMON_AGENTSVIEW", tools::agentsview(workspace, &mut tally)),
    ];
    run::build(workspace, &["aimon"])?;
    let mut cargo = workspace.cargo();
    cargo.args(["run", "--release", "--locked", "--package", "aimon-tests", "--bin", "bench", "--"]).args(arguments);
    cargo.env("AIMON_BIN", workspace.program("release", "aimon"));
    for (variable, program) in peers {
        if let Some(program) = program {
            cargo.env(variable, program);
        }
    }
    let status = cargo.status()?;
    if status.success() { Ok(ExitCode::SUCCESS) } else { Err(Problem::new(format!("the benchmark failed ({status})"))) }
}
