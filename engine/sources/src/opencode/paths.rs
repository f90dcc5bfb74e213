//! Where OpenCode keeps its logs.

use std::path::Path;

use crate::collector::{Env, FileKind, Root};

/// The data folder.
pub(super) fn roots(env: &Env) -> Vec<Root> {
    let named = env.paths("OPENCODE_DATA_DIR");
    if !named.is_empty() {
        return named.into_iter().map(|path| Root { path, why: "OPENCODE_DATA_DIR" }).collect();
    }
    let mut roots: Vec<_> = env.in_home(".local/share/opencode").map(Root::default_place).into_iter().collect();
    if let Some(data) = env.path("XDG_DATA_HOME") {
        let root = Root { path: data.join("opencode"), why: "XDG_DATA_HOME" };
        if roots.iter().all(|other| other.path != root.path) {
            roots.push(root);
        }
    }
    roots
}

/// The databases (each release channel has its own), and the files of `storage/message`. The parts of a
/// message, which lie beside it, repeat its usage.
pub(super) fn accepts(relative: &Path) -> Option<FileKind> {
    let name = relative.file_name()?.to_str()?;
    if relative.components().count() == 1 {
        return is_database(name).then_some(FileKind::Database);
    }
    let parts: Vec<_> = relative.parent()?.iter().filter_map(|part| part.to_str()).collect();
    let in_messages = parts.windows(2).any(|pair| pair == ["storage", "message"])
        || parts.windows(3).any(|three| three == ["storage", "session", "message"]);
    (in_messages && name.ends_with(".json")).then_some(FileKind::Whole)
}

fn is_database(name: &str) -> bool {
    let Some(stem) = name.strip_prefix("opencode").and_then(|rest| rest.strip_suffix(".db")) else { return false };
    stem.is_empty()
        || stem.strip_prefix('-').is_some_and(|channel| {
            !channel.is_empty() && channel.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        })
}

/// Parts and snapshots of the working tree are many, and say nothing here.
pub(super) fn descends(relative: &Path) -> bool {
    relative.file_name().is_none_or(|name| {
        !["part", "snapshot", "log", "bin", "tool-output", "node_modules", "repos", "worktree"]
            .iter()
            .any(|no| name == *no)
    })
}

/// What stands for the session where a message does not name it: its folder.
pub(super) fn session_of(relative: &Path) -> String {
    let folder = relative.parent().and_then(Path::file_name);
    folder.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
