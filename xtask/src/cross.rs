//! Compiling for other systems than this one.
//!
//! With a target of rustup's where it is installed; else with Debian's newer compiler, which brings the
//! sources of the standard library and builds it (`-Zbuild-std`).

use std::path::Path;
use std::process::Command;

use crate::process::{Problem, Result, quietly};
use crate::tools::debian;
use crate::workspace::Workspace;

const DEBIANS_RUSTC: &str = "/usr/bin/rustc";

/// A compiler for one target.
pub struct Cross {
    target: &'static str,
    debians: bool,
}

/// A compiler, or what is missing for one.
pub enum Found {
    /// This one.
    Compiler(Cross),
    /// None; how to get one.
    Nothing(String),
}

/// Looks for a compiler for this target and installs Debian's, together with these packages, where it can.
pub fn find(workspace: &Workspace, target: &'static str, packages: &[&str]) -> Result<Found> {
    let sysroot = quietly(Command::new("rustc").args(["--print", "sysroot"]).current_dir(&workspace.root))?;
    if Path::new(sysroot.trim()).join("lib/rustlib").join(target).join("lib").is_dir() {
        return Ok(Found::Compiler(Cross { target, debians: false }));
    }
    let rustup = format!("run `rustup target add {target}`");
    if crate::process::find("apt-get").is_none() {
        return Ok(Found::Nothing(rustup));
    }
    match debian::ensure(&[&["rustc-web", "rust-web-src"], packages].concat()) {
        Ok(None) => Ok(Found::Compiler(Cross { target, debians: true })),
        Ok(Some(way)) => Ok(Found::Nothing(format!("{rustup}, or {way}"))),
        Err(problem) => Err(Problem::new(format!("{problem}\nalso possible: {rustup}"))),
    }
}

impl Cross {
    /// `cargo check`, `cargo build`, … for the target, in a target folder of its own: two compilers must not share one.
    pub fn cargo(&self, workspace: &Workspace, subcommand: &str) -> Command {
        let folder = self.target.split('-').next().unwrap_or(self.target);
        let folder = if self.target.contains("windows") { "windows" } else { folder };
        let folder = if self.target.contains("apple") { "macos" } else { folder };
        let mut cargo = workspace.cargo();
        cargo
            .args([subcommand, "--locked", "--target", self.target, "--target-dir"])
            .arg(workspace.target.join(folder));
        cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        if self.debians {
            cargo.arg("-Zbuild-std=std,panic_abort").env("RUSTC", DEBIANS_RUSTC).env("RUSTC_BOOTSTRAP", "1");
        }
        cargo
    }
}
