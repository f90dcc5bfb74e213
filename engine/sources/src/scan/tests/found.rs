//! What is found, and what is said of what is not.

use super::*;
use crate::scan::walk;

#[test]
fn what_is_missing_or_wrong_is_a_note() {
    let mut m = Machine::new();
    let summary = m.scan();
    assert_eq!(summary.roots.len(), 2);
    assert!(summary.roots.iter().all(|root| root.found == Found::Missing));
    fs::create_dir_all(m.home.path().join(".claude")).unwrap();
    fs::write(m.home.path().join(".claude/projects"), "a file").unwrap();
    let summary = m.scan();
    assert_eq!(summary.roots[1].found, Found::Unreadable("not a folder".to_owned()));
    assert_eq!(summary.unreadable.count, 1);
    fs::remove_file(m.home.path().join(".claude/projects")).unwrap();
    append(&m.path("a.jsonl"), &format!("\"usage\"{}", lines(1..2)));
    append(&m.path("b.jsonl"), "");
    let summary = m.scan();
    assert_eq!(summary.roots[1].found, Found::Files(2));
    assert_eq!(summary.skipped.0, BTreeMap::from([(SkipReason::Broken, 1)]));
}

#[cfg(unix)]
#[test]
fn a_root_that_cannot_be_reached_says_why() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let mut m = Machine::new();
    append(&m.path("a.jsonl"), &lines(1..2));
    let home = m.home.path().join(".claude");
    let mode = |mode| fs::set_permissions(&home, fs::Permissions::from_mode(mode)).unwrap();
    let found = |m: &mut Machine| m.scan().roots[1].found.clone();
    mode(0);
    match found(&mut m) {
        Found::Unreadable(reason) => assert!(reason.starts_with("Permission denied"), "{reason}"),
        // Nothing is denied to root.
        other => assert_eq!(other, Found::Files(1)),
    }
    mode(0o700);
    fs::remove_dir_all(&home).unwrap();
    symlink(".claude", &home).unwrap();
    match found(&mut m) {
        Found::Unreadable(reason) => assert!(reason.contains("symbolic links"), "{reason}"),
        other => panic!("{other:?}"),
    }
}

#[cfg(unix)]
#[test]
fn links_lead_nowhere_twice() {
    use std::os::unix::fs::symlink;
    let mut m = Machine::new();
    let outside = tempfile::tempdir().unwrap();
    append(&outside.path().join("o.jsonl"), &lines(9..10));
    append(&m.path("p/a.jsonl"), &lines(1..3));
    symlink(m.home.path().join(".claude/projects"), m.path("p/up")).unwrap();
    symlink(m.home.path().join(".claude/projects/p"), m.path("again")).unwrap();
    symlink(".", m.path("p/self")).unwrap();
    symlink("/nowhere/at/all.jsonl", m.path("dangling.jsonl")).unwrap();
    symlink(outside.path(), m.path("out")).unwrap();
    symlink(outside.path(), m.path("out2")).unwrap();
    fs::create_dir_all(m.home.path().join(".config")).unwrap();
    symlink(m.home.path().join(".claude"), m.home.path().join(".config/claude")).unwrap();
    let summary = m.scan();
    assert_eq!(summary.files, 2);
    assert_eq!(summary.unreadable.count, 0);
    assert_eq!(summary.roots[1].found, Found::Again);
    assert_eq!(m.outputs(), [1, 2, 9]);
    assert_eq!(m.scan().unchanged, 2);
}

/// With stamps alone nothing unchanged is read; of what changed the whole mark is asked for.
#[test]
fn stamps_are_enough_to_see_what_changed() {
    let mut m = Machine::new();
    let (kept, gone) = (m.path("p/a.jsonl"), m.path("p/b.jsonl"));
    append(&kept, &lines(1..4));
    append(&gone, &lines(4..6));
    let (env, mut stamps, mut whole) = (m.env(), Marks::new(), BTreeMap::new());
    let all: Result<_, Infallible> = scan(&[m.collector], &env, &Marks::new(), &m.options, &mut |read| {
        stamps.insert_stamp(read.source, read.digest, read.stamp);
        whole.insert(read.key, read.mark);
        Ok(())
    });
    assert_eq!(all.unwrap().read, 2);

    let plan = plan(&[m.collector], &env, &stamps);
    assert!(plan.is_empty() && plan.unnamed().is_empty());

    append(&kept, &lines(6..7));
    fs::remove_file(&gone).unwrap();
    let mut plan = super::plan(&[m.collector], &env, &stamps);
    let asked: Vec<_> = plan.asked().map(|(_, key)| whole.get(key).cloned()).collect();
    assert_eq!(asked.len(), 1);
    plan.complete(asked);
    assert_eq!(plan.unnamed(), ["claude-code"]);
    plan.name("claude-code", whole.keys().cloned());
    let Machine { marks, committed, options, .. } = &mut m;
    let read: Result<_, Infallible> = plan.read(options, &mut |read| {
        Machine::commit(marks, committed, read);
        Ok(())
    });
    let summary = read.unwrap();
    assert_eq!((summary.read, summary.events, m.outputs()), (1, 1, vec![6]));
    assert_eq!(summary.vanished, [("claude-code", walk::key(&gone).to_vec())]);
}

#[test]
fn many_folders_are_walked_by_many_threads() {
    let mut m = Machine::new();
    for n in 0..60 {
        for d in 0..4 {
            append(&m.path(&format!("p{n}/s{d}/x/{d}.jsonl")), &lines(n * 4 + d..n * 4 + d + 1));
        }
    }
    for _ in 0..20 {
        m.marks.clear();
        assert_eq!(m.scan().files, 240);
        assert_eq!(m.scan().unchanged, 240);
    }
    assert_eq!(m.outputs(), (0..240).collect::<Vec<_>>());
}

#[cfg(unix)]
#[test]
fn a_path_that_is_no_utf8_is_a_path() {
    use std::os::unix::ffi::OsStrExt;
    let mut m = Machine::new();
    for name in [&b"\xff.jsonl"[..], b"\xfe.jsonl"] {
        append(&m.path("p").with_file_name(std::ffi::OsStr::from_bytes(name)), &lines(1..2));
    }
    assert_eq!(m.scan().files, 2);
    assert_eq!(m.marks.len(), 2);
    assert_eq!(m.scan().unchanged, 2);
}
