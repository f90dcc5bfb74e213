//! The other tools, each with a home of its own for its caches.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use aimon_tests::command::sealed;

const AGENTSVIEW: &str = r#""$0" sync && "$0" usage daily --json --all --offline --no-sync --timezone UTC"#;

/// Where the peers lie; one that is not there is left out.
pub struct Peers {
    ccusage: Option<PathBuf>,
    tokscale: Option<PathBuf>,
    agentsview: Option<PathBuf>,
}

/// A peer and how it is asked for its figures.
pub struct Peer<'a> {
    pub name: &'static str,
    program: Option<&'a PathBuf>,
}

impl Peers {
    pub fn find() -> Self {
        let tool = |variable: &str| std::env::var_os(variable).map(PathBuf::from).filter(|p| p.is_file());
        Self { ccusage: tool("AIMON_CCUSAGE"), tokscale: tool("AIMON_TOKSCALE"), agentsview: tool("AIMON_AGENTSVIEW") }
    }

    pub fn all(&self) -> [Peer<'_>; 3] {
        [
            Peer { name: "ccusage", program: self.ccusage.as_ref() },
            Peer { name: "tokscale", program: self.tokscale.as_ref() },
            Peer { name: "agentsview", program: self.agentsview.as_ref() },
        ]
    }
}

impl Peer<'_> {
    /// A report by day over `logs`, with caches in `scratch`.
    pub fn report(&self, logs: &Path, scratch: &Path) -> Option<Command> {
        let program = self.program?;
        let mut command = sealed(program, scratch);
        match self.name {
            "ccusage" => {
                command.env("HOME", logs).args(["daily", "--offline", "--json", "--timezone", "UTC"]);
            }
            "tokscale" => {
                command.args(["models", "--json", "--no-spinner", "--home"]).arg(logs);
            }
            _ => {
                // It takes in what is new, then reports: two commands, without its background process.
                command = sealed(Path::new("sh"), scratch);
                command.env("AGENTSVIEW_NO_DAEMON", "1").env("AGENTSVIEW_DATA_DIR", scratch.join("data"));
                command.env("HOME", logs).args(["-c", AGENTSVIEW]).arg(program);
            }
        }
        Some(command)
    }
}

/// An empty folder.
pub fn emptied(path: PathBuf) -> PathBuf {
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}
