//! Where Claude Code's logs lie.

use std::path::{Path, PathBuf};

use crate::collector::{Env, FileKind, Os, Root};

const PROJECTS: &str = "projects";

/// `CLAUDE_CONFIG_DIR` replaces the usual places, as it does for Claude Code itself.
pub(super) fn roots(env: &Env) -> Vec<Root> {
    let named = env.paths("CLAUDE_CONFIG_DIR");
    if !named.is_empty() {
        return named.into_iter().map(|path| Root { path: projects(path), why: "CLAUDE_CONFIG_DIR" }).collect();
    }
    let mut roots = Vec::new();
    match env.path("XDG_CONFIG_HOME") {
        Some(config) => roots.push(Root { path: config.join("claude").join(PROJECTS), why: "XDG_CONFIG_HOME" }),
        None => roots.extend(env.in_home(".config/claude/projects").map(Root::default_place)),
    }
    roots.extend(env.in_home(".claude/projects").map(Root::default_place));
    if env.os == Os::Mac {
        let desktop = env.in_home("Library/Application Support/Claude/local-agent-mode-sessions");
        roots.extend(desktop.map(Root::default_place));
    }
    roots
}

/// A configuration folder, or its `projects` folder itself.
fn projects(path: PathBuf) -> PathBuf {
    if path.file_name().is_some_and(|name| name == PROJECTS) { path } else { path.join(PROJECTS) }
}

/// Every `.jsonl` anywhere below `projects`. The desktop application keeps a configuration folder a
/// session, so there the path has to lead through `.claude/projects`.
pub(super) fn accepts(root: &Root, relative: &Path) -> Option<FileKind> {
    if relative.extension().is_none_or(|extension| extension != "jsonl") {
        return None;
    }
    if is_workflow_journal(relative) || (!is_projects(&root.path) && !leads_through_projects(relative)) {
        return None;
    }
    Some(FileKind::Lines)
}

fn is_projects(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == PROJECTS)
}

/// A workflow's journal notes what its steps returned; the calls are in the sub-agents' own files.
fn is_workflow_journal(relative: &Path) -> bool {
    relative.file_name().is_some_and(|name| name == "journal.jsonl")
        && relative.components().any(|part| part.as_os_str() == "workflows")
}

fn leads_through_projects(relative: &Path) -> bool {
    let parts: Vec<_> = relative.components().map(|part| part.as_os_str()).collect();
    parts.windows(2).any(|pair| pair[0] == ".claude" && pair[1] == PROJECTS)
}
