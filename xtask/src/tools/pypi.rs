//! Programs that come as Python packages, each in an environment of its own.

use std::path::PathBuf;
use std::process::Command;

use super::Lacking;
use crate::process::{find, quietly};
use crate::workspace::Workspace;

/// Installs a package and returns the program of the same name.
pub fn ensure(workspace: &Workspace, package: &str, version: &str) -> Result<(PathBuf, String), Lacking> {
    let folder = workspace.tools().join("python").join(format!("{package}-{version}"));
    let bin = folder.join(if cfg!(windows) { "Scripts" } else { "bin" });
    let program = bin.join(format!("{package}{}", std::env::consts::EXE_SUFFIX));
    if program.is_file() {
        return Ok((program, "there".into()));
    }
    let python = find("python3").or_else(|| find("python")).ok_or("Python 3 is needed to install it")?;
    quietly(Command::new(python).args(["-m", "venv"]).arg(&folder))?;
    quietly(
        Command::new(bin.join("python"))
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .arg(format!("{package}=={version}")),
    )?;
    Ok((program, format!("installed {version}")))
}
