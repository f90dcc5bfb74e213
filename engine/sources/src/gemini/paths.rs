//! Where Gemini CLI keeps its logs.

use std::ffi::OsStr;
use std::path::{Component, Path};

use crate::collector::{Env, FileKind, Root};

const CHATS: &str = "chats";

/// The folder of all projects' temporary files.
pub(super) fn roots(env: &Env) -> Vec<Root> {
    let named = env.paths("GEMINI_DATA_DIR");
    if named.is_empty() {
        return env.in_home(".gemini/tmp").map(Root::default_place).into_iter().collect();
    }
    named.into_iter().map(|path| Root { path, why: "GEMINI_DATA_DIR" }).collect()
}

/// Everything below a folder `chats`; a sub-agent's chat lies in a folder named by its parent.
pub(super) fn accepts(root: &Root, relative: &Path) -> Option<FileKind> {
    let in_chats = relative.parent()?.components().chain(root.path.components().next_back());
    if !in_chats.into_iter().any(|part| part == Component::Normal(OsStr::new(CHATS))) {
        return None;
    }
    match relative.extension()?.to_str()? {
        "jsonl" => Some(FileKind::Lines),
        "json" => Some(FileKind::Whole),
        _ => None,
    }
}

/// What tools put out lies beside the chats, and can be much.
pub(super) fn descends(relative: &Path) -> bool {
    relative.file_name().is_none_or(|name| name != "tool-outputs" && name != "node_modules" && name != ".git")
}

/// What stands for the session until the file names it.
pub(super) fn session_of(relative: &Path) -> String {
    relative.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}
