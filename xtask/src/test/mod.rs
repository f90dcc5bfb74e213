//! `cargo xtask test`: what must hold before a change lands, cheapest first.
//!
//! Everything is compiled in one profile, `ci`: close to release, so that a thousand simulated days
//! cost seconds, with assertions and overflow checks.

mod deny;
mod doctests;
mod fuzz;
mod layers;
mod nextest;
mod paths;
mod purity;

use std::process::ExitCode;

use crate::check::{self, Target};
use crate::process::{Problem, Result, patiently, quietly};
use crate::tally::{Tally, Verdict};
use crate::tools;
use crate::workspace::Workspace;

/// How much is tested.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Formatting, lints and tests.
    Quick,
    /// What CI runs.
    Full,
    /// Also what doesn't fit into CI.
    Long,
}

/// Runs every gate; a failed one doesn't keep the next from running.
pub fn run(workspace: &Workspace, extent: Extent, filter: Option<&str>) -> ExitCode {
    let mut tally = Tally::new();
    tools::test_runner(workspace, &mut tally);
    let ccusage = tools::ccusage(workspace, &mut tally);
    tools::keyring(&mut tally);
    let mcp = tools::mcp(workspace, &mut tally);
    let tests = nextest::Tests { workspace, extent, filter, ccusage, mcp };

    if filter.is_none() {
        source(workspace, &mut tally);
        if extent != Extent::Quick {
            tools::cargo_deny(workspace, &mut tally);
            tally.gate("bans, licences, sources", || deny::holds(workspace));
        }
        lints(workspace, &mut tally);
    }
    tests.run(&mut tally);
    if filter.is_none() && extent != Extent::Quick {
        tally.gate("documentation's examples", || doctests::run(workspace));
        tally.gate("documentation's links", || documentation(workspace));
        tally.gate("cores on wasm32", || check::holds(workspace, Target::Wasm, "check"));
        fuzz::run(workspace, extent, &mut tally);
    }
    tally.close()
}

/// What reading the sources is enough for.
fn source(workspace: &Workspace, tally: &mut Tally) {
    tally.gate("formatting", || {
        quietly(workspace.cargo().args(["fmt", "--all", "--check", "--", "--files-with-diff", "--color=never"]))
            .map_err(|problem| Problem::new(format!("{problem}\nrun `cargo fmt --all`")))?;
        Ok(Verdict::Held)
    });
    tally.gate("dependencies point downward", || layers::hold(workspace));
    tally.gate("core is sans-IO and without C", || purity::holds(workspace));
    tally.gate("no path of this machine", || paths::hold(workspace));
}

fn lints(workspace: &Workspace, tally: &mut Tally) {
    tally.gate("lints", || {
        let mut clippy = workspace.cargo();
        clippy.args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--keep-going",
            "--profile",
            "ci",
            "--locked",
            "--",
            "-D",
            "warnings",
        ]);
        patiently(&mut clippy)?;
        Ok(Verdict::Held)
    });
}

/// Every link in the documentation leads somewhere. The dependencies are those that the lints checked already.
fn documentation(workspace: &Workspace) -> Result<Verdict> {
    let mut doc = workspace.cargo();
    doc.args(["doc", "--workspace", "--no-deps", "--profile", "ci", "--locked"]).env("RUSTDOCFLAGS", "-D warnings");
    patiently(&mut doc)?;
    Ok(Verdict::Held)
}
