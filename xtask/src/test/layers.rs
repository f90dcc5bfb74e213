//! Dependencies point downward only: shells → replica, sources → core → ledger → schema. A relay knows
//! the ledger, never the core: what it can't decrypt it needs no code for.

use std::path::Path;

use crate::process::{Problem, Result};
use crate::tally::Verdict;
use crate::workspace::{Workspace, items, text};

/// Each crate's folder, and the folders whose crates it may use.
const LAYERS: &[(&str, &[&str])] = &[
    ("engine/ledger", &[]),
    ("engine/core", &["engine/ledger"]),
    ("engine/replica", &["engine/ledger", "engine/core"]),
    ("engine/sources", &["engine/ledger", "engine/core"]),
    // Writes agents' logs and knows nothing of the product, so that it can be its witness; `aimon demo` shows its logs.
    ("tests/generator", &[]),
    // Answers as providers do, and knows nothing of the product either: it is the witness of its pollers.
    ("tests/providers", &["tests/generator"]),
    ("desktop/agent", &["engine/ledger", "engine/core", "engine/replica", "engine/sources", "tests/generator"]),
    ("desktop/app", &["engine/ledger", "engine/core", "engine/replica", "engine/sources", "desktop/agent"]),
    ("relay/core", &["engine/ledger"]),
    ("relay/server", &["engine/ledger", "relay/core"]),
    ("relay/worker", &["engine/ledger", "relay/core"]),
    ("tests/simulator", &["engine/ledger", "engine/core", "relay/core", "tests/generator"]),
    ("mobile", &["engine/ledger", "engine/core"]),
    ("xtask", &[]),
];

/// Compares what the manifests say with the layers.
pub fn hold(workspace: &Workspace) -> Result<Verdict> {
    let metadata = workspace.metadata(&["--no-deps"])?;
    let mut wrong = Vec::new();
    for package in items(&metadata["packages"]) {
        let manifest = Path::new(text(&package["manifest_path"]));
        let folder = inside(workspace, manifest.parent().unwrap_or(manifest));
        let used = items(&package["dependencies"]).iter().filter_map(|dependency| dependency["path"].as_str());
        let used: Vec<String> = used.map(|path| inside(workspace, Path::new(path))).collect();
        wrong.extend(misplaced(&folder, &used));
    }
    if wrong.is_empty() { Ok(Verdict::Held) } else { Err(Problem::new(wrong.join("\n"))) }
}

fn inside(workspace: &Workspace, folder: &Path) -> String {
    let folder = folder.strip_prefix(&workspace.root).unwrap_or(folder);
    folder.to_string_lossy().replace('\\', "/")
}

fn misplaced(folder: &str, used: &[String]) -> Vec<String> {
    // What crosses crates may use them all.
    if folder == "tests" {
        return Vec::new();
    }
    let Some((_, allowed)) = LAYERS.iter().find(|(crate_, _)| *crate_ == folder) else {
        return vec![format!("{folder} has no layer: give it one in xtask/src/test/layers.rs and in ARCHITECTURE.md")];
    };
    let up = used.iter().filter(|used| !allowed.contains(&used.as_str()));
    up.map(|used| format!("{folder} must not depend on {used}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(folder: &str, used: &str) -> Vec<String> {
        misplaced(folder, &[used.to_owned()])
    }

    #[test]
    fn down_is_allowed_up_and_across_are_not() {
        assert!(said("desktop/agent", "engine/core").is_empty());
        assert!(said("engine/core", "engine/ledger").is_empty());
        assert_eq!(said("engine/core", "engine/replica"), ["engine/core must not depend on engine/replica"]);
        assert_eq!(said("engine/sources", "engine/replica").len(), 1);
        assert_eq!(said("relay/core", "engine/core").len(), 1);
        assert_eq!(said("somewhere/new", "engine/core").len(), 1);
    }

    #[test]
    fn no_layer_is_allowed_what_is_not_below_it() {
        let height = |folder: &str| LAYERS.iter().position(|(crate_, _)| *crate_ == folder);
        for (folder, allowed) in LAYERS {
            for lower in *allowed {
                assert!(height(lower) < height(folder), "{folder} → {lower}");
            }
        }
    }
}
