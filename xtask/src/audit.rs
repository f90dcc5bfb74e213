//! `cargo xtask audit`: known vulnerabilities. Not part of the tests: what a database says tomorrow
//! must not fail what was right today, and the database is not reachable everywhere.

use std::process::ExitCode;

use crate::process::Result;
use crate::tally::Tally;
use crate::tools;
use crate::workspace::Workspace;

/// Asks the RustSec advisory database, which cargo-deny fetches.
pub fn run(workspace: &Workspace) -> Result<ExitCode> {
    let mut tally = Tally::new();
    tools::cargo_deny(workspace, &mut tally);
    let status = workspace.cargo().args(["deny", "check", "advisories"]).status()?;
    if !status.success() {
        println!("\nWhere the advisory database can't be fetched this fails too: run it where the network is open.");
    }
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
