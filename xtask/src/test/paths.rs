//! No tracked file names a folder of the machine that it was written on.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{Problem, Result, find, quietly};
use crate::tally::Verdict;
use crate::workspace::Workspace;

/// Folders that many machines have: text may name them.
const COMMON: &[&str] = &["/", "/home", "/Users", "/opt", "/root", "/srv", "/tmp", "/usr", "/var", "/var/tmp"];

/// Looks for the checkout's folder, the one around it, and the homes of the person and of cargo.
pub fn hold(workspace: &Workspace) -> Result<Verdict> {
    if find("git").is_none() {
        return Ok(Verdict::Skipped("git lists the tracked files, and is not here".into()));
    }
    let files = quietly(Command::new("git").args(["ls-files", "-z"]).current_dir(&workspace.root))?;
    let folders = folders(workspace);
    let mut wrong = Vec::new();
    for name in files.split('\0').filter(|name| !name.is_empty()) {
        // Deleted but not committed, or not text: nothing to read.
        let Ok(content) = std::fs::read_to_string(workspace.root.join(name)) else { continue };
        for (number, line) in content.lines().enumerate() {
            if let Some(folder) = folders.iter().find(|folder| names(line, folder)) {
                wrong.push(format!("{name}:{}: names {folder}, a folder of this machine", number + 1));
            }
        }
    }
    if wrong.is_empty() { Ok(Verdict::Held) } else { Err(Problem::new(wrong.join("\n"))) }
}

fn folders(workspace: &Workspace) -> Vec<String> {
    let variables =
        ["HOME", "USERPROFILE", "CARGO_HOME", "RUSTUP_HOME"].iter().filter_map(env::var_os).map(PathBuf::from);
    let around = workspace.root.parent().map(Path::to_path_buf);
    let all = variables.chain(around).chain([workspace.root.clone()]);
    let mut folders: Vec<String> = all
        .map(|folder| folder.to_string_lossy().trim_end_matches(['/', '\\']).to_owned())
        .filter(|folder| folder.len() > 1 && !COMMON.contains(&folder.as_str()))
        .collect();
    folders.sort_unstable();
    folders.dedup();
    folders
}

/// Does the line name this folder or something in it, as a path of its own (`/work` is not in `~/work/x`)?
fn names(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + folder.len()..].chars().next();
        let inside = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '~' | '/' | '}' | '>' | '*' | '$');
        !before.is_some_and(inside) && matches!(after, Some('/' | '\\'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_named_only_as_a_path() {
        assert!(names("see /build/here/notes.md", "/build/here"));
        assert!(names("\"/build/here/\"", "/build/here"));
        assert!(!names("see ~/build/here/notes.md", "/build/here"));
        assert!(!names("crates/build/here/notes.md", "/build/here"));
        assert!(!names("/build/hereafter", "/build/here"));
        assert!(!names("GET /build/here", "/build/here"));
    }
}
