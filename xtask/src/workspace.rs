//! Where things are: the checkout, the target folder, the tools, and cargo.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::process::{Problem, Result, path_with, quietly};

/// The checkout that this program was built from.
pub struct Workspace {
    /// The folder with the root `Cargo.toml`.
    pub root: PathBuf,
    /// Where cargo builds (`CARGO_TARGET_DIR` and cargo's configuration are honoured).
    pub target: PathBuf,
}

impl Workspace {
    /// Asks cargo.
    pub fn find() -> Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest.parent().filter(|root| root.join("Cargo.toml").is_file()).ok_or_else(|| {
            Problem::new("the checkout moved since xtask was built: run `cargo clean -p xtask`, then again")
        })?;
        let mut workspace = Self { root: root.to_path_buf(), target: PathBuf::new() };
        let metadata = workspace.metadata(&["--no-deps"])?;
        workspace.target = PathBuf::from(text(&metadata["target_directory"]));
        Ok(workspace)
    }

    /// `cargo` in the checkout, without the variables that `cargo run` added for this program.
    pub fn cargo(&self) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root).env("PATH", path_with(self.tools().join("bin")));
        for (name, _) in env::vars_os() {
            let given = name.to_string_lossy();
            if given.starts_with("CARGO_PKG_")
                || given.starts_with("CARGO_MANIFEST_")
                || ["CARGO_BIN_NAME", "CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE", "LD_LIBRARY_PATH"].contains(&&*given)
            {
                command.env_remove(&name);
            }
        }
        command
    }

    /// What `cargo metadata` says.
    pub fn metadata(&self, arguments: &[&str]) -> Result<Value> {
        let mut command = if self.target.as_os_str().is_empty() {
            let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
            command.current_dir(&self.root);
            command
        } else {
            self.cargo()
        };
        let answer = quietly(command.args(["metadata", "--format-version=1"]).args(arguments))?;
        serde_json::from_str(&answer).map_err(|error| Problem::new(format!("cargo metadata: {error}")))
    }

    /// Where the tools are that this program installs.
    pub fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// Where cargo puts a program of this profile.
    pub fn program(&self, profile: &str, name: &str) -> PathBuf {
        self.target.join(profile).join(format!("{name}{}", env::consts::EXE_SUFFIX))
    }
}

/// A JSON string's text; nothing for anything else.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A JSON array's items; none for anything else.
pub fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
