#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use super::*;

/// `schema/vectors/project.json`: whoever else hashes a remote has to come to the same.
#[test]
fn remotes_are_what_the_vectors_say() {
    let vectors: Value = serde_json::from_str(include_str!("../../../../schema/vectors/project.json")).unwrap();
    let rows = vectors["remotes"].as_array().unwrap();
    assert!(rows.len() > 30);
    let mut ids = BTreeMap::new();
    for row in rows {
        let (url, remote) = (row["url"].as_str().unwrap(), row["remote"].as_str());
        let found = Remote::parse(url);
        assert_eq!(found.as_ref().map(ToString::to_string).as_deref(), remote, "{url}");
        let Some(found) = found else { continue };
        let hex: String = found.id().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(Some(hex.as_str()), row["hash"].as_str(), "{url}");
        assert_eq!(*ids.entry(found.id()).or_insert(found.clone()), found, "two remotes of one hash");
        assert!(!format!("{found:?}").contains("secret"), "credentials");
        // What is normalized is normal.
        let again = Remote::parse(&format!("https://{found}"));
        assert!(again.is_some_and(|again| again == found) || found.to_string().contains(':'), "{url}");
    }
}

#[test]
fn a_name_is_the_last_part_or_two() {
    let remote = Remote::parse("git@github.com:acme/tools/api.git").unwrap();
    assert_eq!((remote.name(), remote.long_name()), ("api", "tools/api"));
    let remote = Remote::parse("https://host.example/api").unwrap();
    assert_eq!((remote.name(), remote.long_name()), ("api", "api"));
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A repository with a remote.
fn repository(at: &Path, url: &str) {
    write(
        &at.join(".git/config"),
        &format!(
            "[core]\n\tbare = false\n[remote \"origin\"]\n\turl = {url}\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n"
        ),
    );
    write(&at.join(".git/HEAD"), "ref: refs/heads/main\n");
}

fn of(home: &Path, folder: &Path) -> Option<String> {
    let projects = Projects::new(Some(home.to_owned()));
    let id = projects.of_folder(folder.to_str().unwrap())?;
    assert_eq!(projects.of_folder(folder.to_str().unwrap()), Some(id));
    Some(projects.found()[&id].to_string())
}

#[test]
fn a_folder_leads_to_its_repositorys_remote() {
    let dir = TempDir::new().unwrap();
    let (home, at) = (dir.path().join("home"), |name: &str| dir.path().join(name));
    repository(&at("a"), "git@github.com:Acme/Api.git");
    fs::create_dir_all(at("a/src/deep")).unwrap();
    fs::create_dir_all(at("outside")).unwrap();
    let api = Some("github.com/acme/api".to_owned());
    assert_eq!(of(&home, &at("a")), api);
    assert_eq!(of(&home, &at("a/src/deep")), api);
    assert_eq!(of(&home, &at("outside")), None);
    // What is gone belongs to nothing: what is above it may be another repository.
    assert_eq!(of(&home, &at("a/gone")), None);
    assert_eq!(of(&home, Path::new("a")), None, "a relative path is anybody's");
    assert_eq!(of(&home, Path::new("//host/share")), None);

    // A work tree elsewhere, and a submodule inside.
    write(&at("tree/.git"), &format!("gitdir: {}\n", at("a/.git/worktrees/tree").display()));
    write(&at("a/.git/worktrees/tree/commondir"), "../..\n");
    assert_eq!(of(&home, &at("tree")), api);
    write(&at("a/sub/.git"), "gitdir: ../.git/modules/sub\n");
    write(&at("a/.git/modules/sub/config"), "[remote \"origin\"]\nurl = https://github.com/acme/sub\n");
    assert_eq!(of(&home, &at("a/sub")).as_deref(), Some("github.com/acme/sub"));

    // Without origin the only remote is meant; of two none is; a folder is no remote.
    write(&at("b/.git/config"), "[remote \"up\"]\nurl = https://h.example/x.git\n");
    assert_eq!(of(&home, &at("b")).as_deref(), Some("h.example/x"));
    write(
        &at("b/.git/config"),
        "[remote \"up\"]\nurl = https://h.example/x\n[remote \"me\"]\nurl = https://h.example/y\n",
    );
    assert_eq!(of(&home, &at("b")), None);
    write(&at("b/.git/config"), "[core]\nbare = false\n");
    assert_eq!(of(&home, &at("b")), None);
    repository(&at("c"), "../a");
    assert_eq!(of(&home, &at("c")), None);

    // An abbreviation of the user's own, or of the repository.
    repository(&at("d"), "gh:acme/api");
    write(&home.join(".gitconfig"), "[url \"git@github.com:\"]\n\tinsteadOf = \"gh:\" ; short\n");
    assert_eq!(of(&home, &at("d")), api);
    assert_ne!(of(&at("nowhere"), &at("d")), api);

    // Broken in any way is no repository, and nothing worse.
    for text in ["", "gitdir:", "gitdir: /nowhere", "\u{0}\u{ff}", "[[[\n\"", "[remote \"origin\nurl=x"] {
        write(&at("e/.git"), text);
        assert_eq!(of(&home, &at("e")), None);
        write(&at("f/.git/config"), text);
        assert_eq!(of(&home, &at("f")), None);
    }
}

#[test]
fn a_configuration_is_read_as_git_reads_it() {
    let text = "\u{feff}# c\n[Remote \"origin\"] ; c\n  URL = \"https://h.example/a b\" # c\n\tpush = one\\\n two\n\
                [remote.old]\nurl=x\n[remote \"qu\\\"ote\"] url = y;z\n[a]\nflag\n";
    let all: Vec<(String, String, String)> =
        git::entries(text).into_iter().map(|e| (format!("{}/{}", e.section, e.of), e.key, e.value)).collect();
    let expected = [
        ("remote/origin", "url", "https://h.example/a b"),
        ("remote/origin", "push", "one two"),
        ("remote/old", "url", "x"),
        ("remote/qu\"ote", "url", "y"),
        ("a/", "flag", ""),
    ];
    assert_eq!(all, expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned())));
}
