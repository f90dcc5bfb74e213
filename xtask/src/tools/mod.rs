//! Tools that tests and benchmarks need, each installed once into the target folder; system packages
//! by the system's package manager, where this program may call it.

pub mod cargo;
pub mod debian;
pub mod npm;
pub mod pypi;

use std::path::PathBuf;
use std::process::ExitCode;

use crate::process::{Problem, Result, find, is_set};
use crate::tally::Tally;
use crate::workspace::Workspace;

/// The versions that are known to work. A newer one is a change like any other: it is tested first.
const CCUSAGE: &str = "20.0.24";
const TOKSCALE: &str = "4.17.0";
const AGENTSVIEW: &str = "0.46.1";
const CARGO_DENY: &str = "0.20.2";
const CARGO_FUZZ: &str = "0.13.2";
const MCP: &str = "2.3.0";
const CARGO_NEXTEST: &str = "0.9.143";

/// `cargo xtask tools`.
pub fn run(workspace: &Workspace) -> ExitCode {
    let mut tally = Tally::new();
    test_runner(workspace, &mut tally);
    cargo_deny(workspace, &mut tally);
    cargo_fuzz(workspace, &mut tally);
    ccusage(workspace, &mut tally);
    mcp(workspace, &mut tally);
    keyring(&mut tally);
    tally.done()
}

/// What runs the tests.
pub fn test_runner(workspace: &Workspace, tally: &mut Tally) {
    tally.step("cargo-nextest", || cargo::ensure(workspace, "cargo-nextest", CARGO_NEXTEST));
}

/// What checks bans, licences and sources.
pub fn cargo_deny(workspace: &Workspace, tally: &mut Tally) {
    tally.step("cargo-deny", || cargo::ensure(workspace, "cargo-deny", CARGO_DENY));
}

/// What fuzzes the decoders.
pub fn cargo_fuzz(workspace: &Workspace, tally: &mut Tally) {
    tally.step("cargo-fuzz", || cargo::ensure(workspace, "cargo-fuzz", CARGO_FUZZ));
}

/// ccusage's native program: a witness for what the logs say, in tests and benchmarks.
pub fn ccusage(workspace: &Workspace, tally: &mut Tally) -> Option<PathBuf> {
    optional(tally, "ccusage", || {
        let system = npm::system().ok_or("there is no ccusage for this system")?;
        npm::ensure(workspace, &format!("@ccusage/ccusage-{system}"), CCUSAGE, "bin/ccusage")
    })
}

/// A Python that has the official SDK of the Model Context Protocol: the stock client that asks `aimon mcp`.
pub fn mcp(workspace: &Workspace, tally: &mut Tally) -> Option<PathBuf> {
    optional(tally, "mcp", || {
        let (program, said) = pypi::ensure(workspace, "mcp", MCP)?;
        let python = format!("python{}", std::env::consts::EXE_SUFFIX);
        Ok((program.with_file_name(python), said))
    })
}

/// tokscale's native program: a peer in benchmarks.
pub fn tokscale(workspace: &Workspace, tally: &mut Tally) -> Option<PathBuf> {
    optional(tally, "tokscale", || {
        let system = npm::system().ok_or("there is no tokscale for this system")?;
        let libc = if cfg!(target_os = "linux") { "-gnu" } else { "" };
        npm::ensure(workspace, &format!("@tokscale/cli-{system}{libc}"), TOKSCALE, "bin/tokscale")
    })
}

/// agentsview: a peer in benchmarks.
pub fn agentsview(workspace: &Workspace, tally: &mut Tally) -> Option<PathBuf> {
    optional(tally, "agentsview", || pypi::ensure(workspace, "agentsview", AGENTSVIEW))
}

/// A Secret Service and a bus for it: tests keep a key in a real keyring. Other systems have a keychain of their own, which
/// no test may write to.
pub fn keyring(tally: &mut Tally) {
    let programs = ["dbus-daemon", "gnome-keyring-daemon"];
    if !cfg!(target_os = "linux") {
        return;
    }
    optional(tally, "gnome-keyring", || {
        if programs.iter().all(|program| find(program).is_some()) {
            return Ok((PathBuf::new(), "there".into()));
        }
        match debian::ensure(&["dbus", "gnome-keyring"])? {
            None => Ok((PathBuf::new(), "installed".into())),
            Some(how) => Err(Lacking::Means(how)),
        }
    });
}

/// A witness that a developer's machine may lack, but CI may not.
fn optional(
    tally: &mut Tally,
    name: &str,
    install: impl FnOnce() -> std::result::Result<(PathBuf, String), Lacking>,
) -> Option<PathBuf> {
    tally
        .step(name, || match install() {
            Ok((path, said)) => Ok((Some(path), said)),
            Err(Lacking::Means(why)) if !is_set("CI") => Ok((None, format!("not here: {why};"))),
            Err(Lacking::Means(why)) => Err(Problem::new(why)),
            Err(Lacking::Failed(problem)) => Err(problem),
        })
        .flatten()
}

/// Why a tool isn't there.
pub enum Lacking {
    /// The machine lacks what would install it; what that is.
    Means(String),
    /// It was tried and failed.
    Failed(Problem),
}

impl From<&str> for Lacking {
    fn from(why: &str) -> Self {
        Self::Means(why.to_owned())
    }
}

impl From<Problem> for Lacking {
    fn from(problem: Problem) -> Self {
        Self::Failed(problem)
    }
}

impl From<std::io::Error> for Lacking {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// A program, or what to do where it is missing and can't be installed from here.
pub fn compiler(programs: &[&str], package: &str) -> Result<Option<String>> {
    if programs.iter().any(|program| find(program).is_some()) || cfg!(windows) {
        return Ok(None);
    }
    if cfg!(target_os = "macos") {
        return Ok(Some("there is no C compiler: run `xcode-select --install`".into()));
    }
    debian::ensure(&[package])
}
