//! The cores are sans-IO and without C: they run on a phone, in a browser and in a Worker as they are.
//!
//! Time, entropy and bytes come in as arguments. So no crate below it may open a file, start a
//! runtime or bind a C library, and its own sources may not ask for the time or for a random number.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::process::{Problem, Result};
use crate::tally::Verdict;
use crate::workspace::{Workspace, items, text};

/// Crates that need a C compiler or a C library, or that bring a runtime, files or a network.
const FOREIGN: &[&str] = &[
    "bindgen",
    "cc",
    "cmake",
    "mio",
    "notify",
    "pkg-config",
    "reqwest",
    "rusqlite",
    "sqlx",
    "tokio",
    "vcpkg",
    "walkdir",
];

/// What the core's own sources may not say.
const IMPURE: &[&str] = &[
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "Instant::now",
    "SystemTime::now",
    "Timestamp::now",
    "Zoned::now",
    "getrandom::",
    "OsRng",
];

const PURE: &[&str] = &["engine/ledger", "engine/core", "relay/core"];

/// Looks at the core and what is below it.
pub fn holds(workspace: &Workspace) -> Result<Verdict> {
    let metadata = workspace.metadata(&["--locked", "--filter-platform", "wasm32-unknown-unknown"])?;
    let mut wrong = Vec::new();
    for folder in PURE.iter().map(|folder| workspace.root.join(folder)).filter(|folder| folder.is_dir()) {
        let manifest = folder.join("Cargo.toml");
        let package =
            items(&metadata["packages"]).iter().find(|package| Path::new(text(&package["manifest_path"])) == manifest);
        if let Some(package) = package {
            wrong.extend(foreign(&metadata, text(&package["id"])));
        }
        impure(workspace, &folder.join("src"), &mut wrong)?;
    }
    if wrong.is_empty() { Ok(Verdict::Held) } else { Err(Problem::new(wrong.join("\n"))) }
}

/// The crates that a package is built from or with, as far as they are foreign.
fn foreign(metadata: &Value, package: &str) -> Vec<String> {
    let nodes: HashMap<&str, &Value> =
        items(&metadata["resolve"]["nodes"]).iter().map(|node| (text(&node["id"]), node)).collect();
    let packages: HashMap<&str, &Value> =
        items(&metadata["packages"]).iter().map(|package| (text(&package["id"]), package)).collect();
    let (mut open, mut seen, mut wrong) = (vec![package], BTreeSet::new(), Vec::new());
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        let (Some(node), Some(package)) = (nodes.get(id), packages.get(id)) else { continue };
        let name = text(&package["name"]);
        if let Some(library) = package["links"].as_str().filter(|library| *library != "wasm_bindgen") {
            wrong.push(format!("{name} binds the native library {library}"));
        }
        // blake3's build script names `cc`, and calls it only without its feature `pure`.
        let pure = name == "blake3" && items(&node["features"]).iter().any(|feature| feature == "pure");
        for dependency in items(&node["deps"]) {
            let used = items(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"] != "dev");
            let below = text(&dependency["pkg"]);
            let below_name = packages.get(below).map_or("", |package| text(&package["name"]));
            if !used || (pure && below_name == "cc") {
                continue;
            }
            if FOREIGN.contains(&below_name) {
                wrong.push(format!("{name} depends on {below_name}"));
            }
            open.push(below);
        }
    }
    wrong
}

fn impure(workspace: &Workspace, folder: &Path, wrong: &mut Vec<String>) -> Result<()> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name != "tests" {
            impure(workspace, &path, wrong)?;
        } else if name.ends_with(".rs") && name != "tests.rs" {
            let shown = path.strip_prefix(&workspace.root).unwrap_or(&path).display();
            for (number, said) in impurities(&fs::read_to_string(&path)?) {
                wrong.push(format!("{shown}:{number}: {said} in the core: it has to come in as an argument"));
            }
        }
    }
    Ok(())
}

/// Lines that say what the core may not; comments may, and the tests below them.
fn impurities(source: &str) -> Vec<(usize, &'static str)> {
    let code = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or(source);
    let lines = code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
    lines
        .flat_map(|(index, line)| {
            IMPURE.iter().filter(move |word| line.contains(**word)).map(move |word| (index + 1, *word))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_clock_is_found_where_it_counts() {
        let source = "// SystemTime::now\nlet t = SystemTime::now();\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n";
        assert_eq!(impurities(source), [(2, "SystemTime::now")]);
    }

    fn tree(feature: &str, kind: &Value) -> Value {
        json!({
            "packages": [
                {"id": "core", "name": "aimon-core", "links": null},
                {"id": "blake3", "name": "blake3", "links": null},
                {"id": "cc", "name": "cc", "links": null},
                {"id": "zstd", "name": "zstd-sys", "links": "zstd"},
            ],
            "resolve": {"nodes": [
                {"id": "core", "features": [], "deps": [
                    {"pkg": "blake3", "dep_kinds": [{"kind": null}]},
                    {"pkg": "zstd", "dep_kinds": [{"kind": kind}]},
                ]},
                {"id": "blake3", "features": [feature], "deps": [{"pkg": "cc", "dep_kinds": [{"kind": "build"}]}]},
                {"id": "cc", "features": [], "deps": []},
                {"id": "zstd", "features": [], "deps": []},
            ]},
        })
    }

    #[test]
    fn c_is_found_however_deep() {
        assert!(foreign(&tree("pure", &json!("dev")), "core").is_empty());
        assert_eq!(foreign(&tree("std", &json!("dev")), "core"), ["blake3 depends on cc"]);
        assert_eq!(foreign(&tree("pure", &Value::Null), "core"), ["zstd-sys binds the native library zstd"]);
    }
}
