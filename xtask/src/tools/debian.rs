//! Packages of Debian and its relatives.

use std::process::Command;

use crate::process::{Result, find, quietly};

/// Installs what is missing. Where only a person can (not root, another system), says how.
pub fn ensure(packages: &[&str]) -> Result<Option<String>> {
    if find("apt-get").is_none() {
        return Ok(Some(format!("this system has no apt-get: install what Debian calls {}", packages.join(" "))));
    }
    let missing: Vec<&str> = packages.iter().copied().filter(|package| !installed(package)).collect();
    if missing.is_empty() {
        return Ok(None);
    }
    if !is_root() {
        return Ok(Some(format!("run `sudo apt-get install -y {}`", missing.join(" "))));
    }
    quietly(apt().args(["update", "-qq"]))?;
    quietly(apt().args(["install", "-y", "-qq", "--no-install-recommends"]).args(&missing))?;
    Ok(None)
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// Is this package on the system, whole?
pub fn installed(package: &str) -> bool {
    quietly(Command::new("dpkg-query").args(["--show", "--showformat=${db:Status-Status}", package]))
        .is_ok_and(|status| status == "installed")
}

fn is_root() -> bool {
    quietly(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}
