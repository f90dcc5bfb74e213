//! The cores are sans-IO and without C: they run on a phone, in a browser and in a Worker as they are.
//!
//! Time, entropy and bytes come in as arguments. So no crate below it may open a file, start a
//! runtime or bind a C library, and its own sources may not ask for the time or for a random number.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::process::{Problem, Result, quietly};
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

/// What the cores' own sources may not say.
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

/// Looks at the cores and what is below them.
pub fn holds(workspace: &Workspace) -> Result<Verdict> {
    let metadata = workspace.metadata(&["--locked", "--filter-platform", "wasm32-unknown-unknown"])?;
    let mut wrong = Vec::new();
    for folder in PURE.iter().map(|folder| workspace.root.join(folder)).filter(|folder| folder.is_dir()) {
        let manifest = folder.join("Cargo.toml");
        let package =
            items(&metadata["packages"]).iter().find(|package| Path::new(text(&package["manifest_path"])) == manifest);
        if let Some(package) = package {
            // Of this package alone: what another crate asks of a dependency is no affair of this one.
            let mut tree = workspace.cargo();
            tree.args(["tree", "--locked", "--target", "wasm32-unknown-unknown", "--edges", "normal,build"]);
            tree.args(["--prefix", "depth", "--format", " {p} |{f}", "--package", text(&package["name"])]);
            wrong.extend(foreign(&quietly(&mut tree)?, &native(&metadata)));
        }
        impure(workspace, &folder.join("src"), &mut wrong)?;
    }
    if wrong.is_empty() { Ok(Verdict::Held) } else { Err(Problem::new(wrong.join("\n"))) }
}

/// The packages that bind a native library, by name and version, and which.
fn native(metadata: &Value) -> HashMap<String, String> {
    let packages = items(&metadata["packages"]).iter();
    let linked = packages.filter_map(|package| Some((package, package["links"].as_str()?)));
    linked
        .filter(|(_, library)| *library != "wasm_bindgen")
        .map(|(package, library)| {
            (format!("{} v{}", text(&package["name"]), text(&package["version"])), library.to_owned())
        })
        .collect()
}

/// The crates that a package is built from or with, as far as they are foreign. Of a tree, each line is a depth, a name, a
/// version, and behind `|` the features.
fn foreign(tree: &str, native: &HashMap<String, String>) -> Vec<String> {
    let (mut above, mut skipped, mut wrong): (Vec<(&str, bool)>, usize, Vec<String>) =
        (Vec::new(), usize::MAX, Vec::new());
    for line in tree.lines() {
        let mut words = line.split_whitespace();
        let (Some(depth), Some(name), Some(version)) =
            (words.next().and_then(|depth| depth.parse().ok()), words.next(), words.next())
        else {
            continue;
        };
        above.truncate(depth);
        let (parent, is_pure) = above.last().copied().unwrap_or_default();
        let features = line.split_once('|').map_or("", |(_, features)| features);
        above.push((name, name == "blake3" && features.split([',', ' ']).any(|feature| feature == "pure")));
        if depth > skipped {
            continue;
        }
        skipped = usize::MAX;
        // blake3's build script names `cc`, and calls it only without its feature `pure`.
        if is_pure && name == "cc" {
            skipped = depth;
        } else if FOREIGN.contains(&name) {
            wrong.push(format!("{parent} depends on {name}"));
        } else if let Some(library) = native.get(&format!("{name} {version}")) {
            wrong.push(format!("{name} binds the native library {library}"));
        }
    }
    wrong.sort();
    wrong.dedup();
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
                wrong.push(format!("{shown}:{number}: {said} in a core: it has to come in as an argument"));
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

    const TREE: &str =
        "0 aimon-core v0.1.0 (/src/engine/core) |\n1 blake3 v1.8.7 |pure\n2 cc v1.2.0 |\n3 tokio v1.0.0 |\n";

    #[test]
    fn c_is_found_however_deep() {
        let metadata = json!({"packages": [
            {"name": "zstd-sys", "version": "2.0.0", "links": "zstd"},
            {"name": "wasm-bindgen-shared", "version": "0.2.0", "links": "wasm_bindgen"},
        ]});
        let native = native(&metadata);
        assert!(foreign(TREE, &native).is_empty());
        assert_eq!(foreign(&TREE.replace("pure", "std"), &native), ["blake3 depends on cc", "cc depends on tokio"]);
        let more = "1 zstd v0.14.0 |\n2 zstd-sys v2.0.0 | (*)\n2 wasm-bindgen-shared v0.2.0 |\n";
        assert_eq!(foreign(&format!("{TREE}{more}"), &native), ["zstd-sys binds the native library zstd"]);
        assert_eq!(foreign(&format!("{TREE}1 tokio v1.0.0 |\n"), &native), ["aimon-core depends on tokio"]);
    }
}
