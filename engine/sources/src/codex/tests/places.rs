//! Where logs lie.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::codex::{Codex, paths};
use crate::collector::{Collector, Env, FileKind, LogFile, Os, Root};

fn root(path: impl Into<PathBuf>) -> Root {
    Root::default_place(path.into())
}

fn touch(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, "").unwrap();
}

#[test]
fn sessions_and_archived_sessions_of_each_home() {
    let paths = |env: &Env| Codex.roots(env).into_iter().map(|r| (r.path, r.why)).collect::<Vec<_>>();
    assert_eq!(
        paths(&Env::at("/h", Os::Linux)),
        [("/h/.codex/sessions".into(), "default"), ("/h/.codex/archived_sessions".into(), "default"),]
    );
    assert_eq!(
        paths(&Env::at("/h", Os::Mac).with("CODEX_HOME", "/a, /b,")),
        [
            ("/a/sessions".into(), "CODEX_HOME"),
            ("/a/archived_sessions".into(), "CODEX_HOME"),
            ("/b/sessions".into(), "CODEX_HOME"),
            ("/b/archived_sessions".into(), "CODEX_HOME"),
        ]
    );
}

#[test]
fn a_named_home_without_sessions_is_a_folder_of_logs() {
    let dir = tempfile::tempdir().unwrap();
    let env = Env::at("/h", Os::Linux).with("CODEX_HOME", dir.path());
    assert!(Codex.roots(&env).iter().any(|r| r.path == dir.path()));
    fs::create_dir(dir.path().join("archived_sessions")).unwrap();
    assert!(Codex.roots(&env).iter().all(|r| r.path != dir.path()));
}

#[test]
fn rollouts_plain_and_compressed() {
    let sessions = root("/h/.codex/sessions");
    let kind = |path: &str| Codex.accepts(&sessions, Path::new(path));
    assert_eq!(kind("2026/05/12/rollout-2026-05-12T08-00-00-x.jsonl"), Some(FileKind::Lines));
    assert_eq!(kind("2026/05/12/rollout-2026-05-12T08-00-00-x.jsonl.zst"), Some(FileKind::ZstdLines));
    assert_eq!(kind("run.jsonl"), Some(FileKind::Lines));
    for other in ["notes.txt", "rollout.json", "rollout.jsonl.tmp", "x.zst", "jsonl"] {
        assert_eq!(kind(other), None, "{other}");
    }
}

#[test]
fn of_two_copies_one_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let sessions = root(dir.path().join("sessions"));
    let archived = root(dir.path().join("archived_sessions"));
    let dated = "2026/05/12/rollout-2026-05-12T08-00-00-a.jsonl";
    touch(&sessions.path.join(dated));
    touch(&sessions.path.join("2026/05/12/rollout-2026-05-12T08-00-00-b.jsonl.zst"));
    touch(&sessions.path.join("flat.jsonl"));

    // Flat in the archive, by day in the sessions: the same name is the same session.
    assert_eq!(Codex.accepts(&archived, Path::new("rollout-2026-05-12T08-00-00-a.jsonl")), None);
    assert_eq!(Codex.accepts(&archived, Path::new("rollout-2026-05-12T08-00-00-a.jsonl.zst")), None);
    assert_eq!(Codex.accepts(&archived, Path::new("rollout-2026-05-12T08-00-00-b.jsonl")), None);
    assert_eq!(Codex.accepts(&archived, Path::new("flat.jsonl")), None);
    assert_eq!(
        Codex.accepts(&archived, Path::new("rollout-2026-05-12T08-00-00-c.jsonl.zst")),
        Some(FileKind::ZstdLines)
    );
    // While a rollout is being compressed both lie side by side.
    assert_eq!(Codex.accepts(&sessions, Path::new(&format!("{dated}.zst"))), None);
    assert_eq!(Codex.accepts(&sessions, Path::new(dated)), Some(FileKind::Lines));
}

#[test]
fn a_file_names_its_session() {
    let name = format!("2026/05/12/rollout-2026-05-12T08-00-00-{OWN}.jsonl");
    assert_eq!(paths::session_of(Path::new(&name)), OWN);
    assert_eq!(paths::session_of(Path::new(&format!("{name}.zst"))), OWN);
    assert_eq!(paths::session_of(Path::new("a/run.jsonl")), "run");
    assert_eq!(paths::session_of(Path::new("rollout-é-12345678901234567890123456789012345.jsonl")).len(), 46);
}

#[test]
fn one_session_in_two_files_has_one_identity() {
    let log = Log::session().model(1, "m").count(2, Use(10, 0, 5, 0), Use(10, 0, 5, 0)).0.join("\n");
    let read = |relative: &str| {
        let root = root("/h/.codex/archived_sessions");
        let relative = Path::new(relative);
        let file = LogFile { root: &root, path: relative, relative, kind: FileKind::Lines };
        let mut out = Out::new();
        Codex.decoder(&file, None).unwrap().lines(log.as_bytes(), &mut out);
        Seen::new(out).one().clone()
    };
    assert_eq!(read("rollout-a.jsonl"), read("elsewhere/b.jsonl"));
}

#[test]
fn another_versions_state_is_refused() {
    let mut state = Rollout::new("run").state();
    assert!(Rollout::resume(&state).is_ok());
    let at = state.windows(11).position(|w| w == br#""version":1"#).unwrap();
    state[at + 10] = b'9';
    assert!(Rollout::resume(&state).is_err());
    assert!(Rollout::resume(b"").is_err());
}
