//! Where Codex keeps its logs.

use std::path::Path;

use crate::collector::{Env, FileKind, Root};
use crate::shape::is_uuid;

const SESSIONS: &str = "sessions";
const ARCHIVED: &str = "archived_sessions";

/// `sessions` and `archived_sessions` of each home; a home named by hand that has neither is taken
/// for a folder of logs itself.
pub(super) fn roots(env: &Env) -> Vec<Root> {
    let named = env.paths("CODEX_HOME");
    let why = if named.is_empty() { "default" } else { "CODEX_HOME" };
    let homes = if named.is_empty() { env.in_home(".codex").into_iter().collect() } else { named };
    let mut roots = Vec::new();
    for home in homes {
        let folders = [home.join(SESSIONS), home.join(ARCHIVED)];
        let bare = why != "default" && home.is_dir() && folders.iter().all(|folder| !folder.is_dir());
        roots.extend(folders.map(|path| Root { path, why }));
        if bare {
            roots.push(Root { path: home, why });
        }
    }
    roots
}

/// Rollouts, plain or compressed. Of one session that lies here twice only one file is read: the
/// plain one before the compressed one, the one in `sessions` before the archived one.
pub(super) fn accepts(root: &Root, relative: &Path) -> Option<FileKind> {
    let name = relative.file_name()?.to_str()?;
    let (plain, kind) = match name.strip_suffix(".zst") {
        Some(plain) => (plain, FileKind::ZstdLines),
        None => (name, FileKind::Lines),
    };
    if !plain.ends_with(".jsonl") {
        return None;
    }
    if kind == FileKind::ZstdLines && root.path.join(relative).with_extension("").is_file() {
        return None;
    }
    if root.path.file_name().is_some_and(|name| name == ARCHIVED) && is_in_sessions(&root.path, relative, plain) {
        return None;
    }
    Some(kind)
}

/// Whether an archived rollout lies in `sessions` as well: at the same place, or in the folder of
/// the day in its name.
fn is_in_sessions(archived: &Path, relative: &Path, plain: &str) -> bool {
    let Some(sessions) = archived.parent().map(|home| home.join(SESSIONS)) else { return false };
    let here = relative.with_file_name(plain);
    let dated = plain.strip_prefix("rollout-").and_then(|rest| rest.get(..10)).map(|day| {
        let folder: std::path::PathBuf = day.split('-').collect();
        folder.join(plain)
    });
    [Some(here), dated].into_iter().flatten().any(|relative| {
        let path = sessions.join(relative);
        path.is_file() || path.with_extension("jsonl.zst").is_file()
    })
}

/// What stands for the session until the file names it: the id in the file's name, else the name.
pub(super) fn session_of(relative: &Path) -> String {
    let name = relative.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let stem = name.strip_suffix(".zst").unwrap_or(&name);
    let stem = stem.strip_suffix(".jsonl").unwrap_or(stem);
    match stem.len().checked_sub(36).and_then(|at| stem.get(at..)) {
        Some(id) if stem.starts_with("rollout-") && is_uuid(id) => id.to_owned(),
        _ => stem.to_owned(),
    }
}
