//! `cargo xtask check`: does it compile for a system that this machine isn't?

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::cross::{self, Cross, Found};
use crate::process::{Result, patiently};
use crate::tally::{Tally, Verdict};
use crate::workspace::Workspace;

/// A system to compile for.
#[derive(Clone, Copy)]
pub enum Target {
    /// The whole of aimon; `build` links it too.
    Windows,
    /// The whole of aimon, but for its C: that needs Apple's headers.
    Macos,
    /// The cores: phones, browsers, Workers.
    Wasm,
}

impl Target {
    fn name(self) -> &'static str {
        match self {
            Self::Windows => "aimon on Windows",
            Self::Macos => "aimon on macOS",
            Self::Wasm => "cores on wasm32",
        }
    }

    fn triple(self) -> &'static str {
        match self {
            Self::Windows => "x86_64-pc-windows-gnu",
            Self::Macos => "aarch64-apple-darwin",
            Self::Wasm => "wasm32-unknown-unknown",
        }
    }

    fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Windows | Self::Macos => &["aimon", "aimon-relay-server"],
            Self::Wasm => &["aimon-core", "aimon-relay-core"],
        }
    }
}

/// Checks these targets, or all.
pub fn run(workspace: &Workspace, targets: &[Target], build: bool) -> ExitCode {
    let all = [Target::Windows, Target::Macos, Target::Wasm];
    let mut tally = Tally::new();
    for target in if targets.is_empty() { &all } else { targets } {
        let subcommand = if build && matches!(target, Target::Windows) { "build" } else { "check" };
        tally.gate(target.name(), || holds(workspace, *target, subcommand));
    }
    tally.close()
}

/// Compiles for one target.
pub fn holds(workspace: &Workspace, target: Target, subcommand: &str) -> Result<Verdict> {
    let packages: &[&str] = if matches!(target, Target::Windows) { &["gcc-mingw-w64-x86-64"] } else { &[] };
    let cross: Cross = match cross::find(workspace, target.triple(), packages)? {
        Found::Compiler(cross) => cross,
        Found::Nothing(way) => return Ok(Verdict::Skipped(way)),
    };
    let mut cargo = cross.cargo(workspace, subcommand);
    cargo.args(target.packages().iter().flat_map(|package| ["--package", package]));
    match target {
        Target::Windows => {}
        // The cores have no randomness of their own: they compile where there is no source of any.
        Target::Wasm => {
            cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", "--cfg getrandom_backend=\"unsupported\"");
        }
        Target::Macos if cfg!(target_os = "macos") => {}
        Target::Macos => {
            let stub = c_stub(workspace)?;
            cargo.env("CC_aarch64_apple_darwin", &stub).env("AR_aarch64_apple_darwin", &stub).env("SDKROOT", "/");
        }
    }
    patiently(&mut cargo)?;
    Ok(Verdict::Held)
}

/// A C compiler that compiles nothing. A check never links, so SQLite's objects are not missed, and all of
/// the Rust is checked without Apple's headers.
fn c_stub(workspace: &Workspace) -> Result<PathBuf> {
    let stub = workspace.tools().join("c-stub");
    fs::create_dir_all(workspace.tools())?;
    fs::write(
        &stub,
        "#!/bin/sh\n# Writes an empty file where a compiler or an archiver would write its own.\n\
         while [ $# -gt 0 ]; do\n  case $1 in -o) : > \"$2\"; shift ;; *.a) : > \"$1\" ;; esac\n  shift\ndone\n",
    )?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&stub, fs::Permissions::from_mode(0o755))?;
    }
    Ok(stub)
}
