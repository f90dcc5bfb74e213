//! `cargo xtask bench`: the product as people build it, beside its peers, in one run.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use crate::process::{Problem, Result, find, quietly};
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
    let peers_of_sync =
        [("AIMON_SAMOD", Some(samod(workspace)?)), ("AIMON_AUTOMERGE_REPO", automerge_repo(workspace)?)];
    run::build(workspace, &["aimon", "aimon-relay"])?;
    let mut cargo = workspace.cargo();
    cargo.args(["run", "--release", "--locked", "--package", "aimon-tests", "--bin", "bench", "--"]).args(arguments);
    cargo.env("AIMON_BIN", workspace.program("release", "aimon"));
    cargo.env("AIMON_RELAY_BIN", workspace.program("release", "aimon-relay"));
    for (variable, program) in peers.into_iter().chain(peers_of_sync) {
        if let Some(program) = program {
            cargo.env(variable, program);
        }
    }
    let status = cargo.status()?;
    if status.success() { Ok(ExitCode::SUCCESS) } else { Err(Problem::new(format!("the benchmark failed ({status})"))) }
}

/// A program over samod, with dependencies of its own.
fn samod(workspace: &Workspace) -> Result<PathBuf> {
    let target = workspace.target.join("peers");
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--release", "--locked", "--manifest-path", "tests/peers/samod/Cargo.toml", "--target-dir"]);
    let status = cargo.arg(&target).status()?;
    let program = target.join("release").join(format!("aimon-peer-samod{}", std::env::consts::EXE_SUFFIX));
    if status.success() { Ok(program) } else { Err(Problem::new(format!("samod can't be built ({status})"))) }
}

/// A script over automerge-repo and its sync server; nothing where there is no Node.js.
fn automerge_repo(workspace: &Workspace) -> Result<Option<PathBuf>> {
    let Some(npm) = find("npm") else { return Ok(None) };
    let (from, to) = (workspace.root.join("tests/peers/automerge-repo"), workspace.target.join("peers/automerge-repo"));
    fs::create_dir_all(&to)?;
    for file in ["package.json", "package-lock.json", ".npmrc", "bench.mjs"] {
        fs::copy(from.join(file), to.join(file))?;
    }
    // Not `ci`: that wants each optional package in the lock file, also such as the registry does not have.
    let installed =
        quietly(Command::new(npm).current_dir(&to).args(["install", "--ignore-scripts", "--no-audit", "--no-fund"]));
    Ok(installed.is_ok().then(|| to.join("bench.mjs")))
}
