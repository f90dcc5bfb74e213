//! Native programs that come as npm packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Lacking;
use crate::process::{Problem, find, quietly};
use crate::workspace::Workspace;

/// This system, as npm's packages of native programs call it.
pub fn system() -> Option<&'static str> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => Some("linux-x64"),
        ("linux", "aarch64") => Some("linux-arm64"),
        ("macos", "x86_64") => Some("darwin-x64"),
        ("macos", "aarch64") => Some("darwin-arm64"),
        ("windows", "x86_64") => Some("win32-x64"),
        ("windows", "aarch64") => Some("win32-arm64"),
        _ => None,
    }
}

/// Installs a package, each version in a folder of its own, and returns its program.
pub fn ensure(
    workspace: &Workspace,
    package: &str,
    version: &str,
    program: &str,
) -> Result<(PathBuf, String), Lacking> {
    let folder = workspace.tools().join("npm").join(format!("{}-{version}", package.replace(['@', '/'], "_")));
    let program = folder.join("node_modules").join(package).join(format!("{program}{}", std::env::consts::EXE_SUFFIX));
    if program.is_file() {
        return Ok((program, "there".into()));
    }
    let npm = find("npm").ok_or("npm is needed to install it (Node.js brings it)")?;
    fs::create_dir_all(&folder)?;
    quietly(
        Command::new(npm)
            .args([
                "install",
                "--no-save",
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
                "--loglevel=error",
                "--prefix",
            ])
            .arg(&folder)
            .arg(format!("{package}@{version}")),
    )?;
    if !program.is_file() {
        return Err(Problem::new(format!("{package}@{version} has no {}", program.display())).into());
    }
    executable(&program)?;
    Ok((program, format!("installed {version}")))
}

#[cfg(unix)]
fn executable(program: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(program, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same on every system")]
fn executable(_program: &Path) -> std::io::Result<()> {
    Ok(())
}
