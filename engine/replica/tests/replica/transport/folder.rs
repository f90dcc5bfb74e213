//! A shared folder: what others put into it harms nothing.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use aimon_ledger::ids::{ChunkId, StatementId};
use aimon_ledger::time::UtcDay;
use aimon_replica::transport::{Address, Folder, FolderLog, Found};
use tempfile::TempDir;

use super::code;
use super::relay::WORKSPACE;

const DAY: Option<UtcDay> = Some(UtcDay(20781));

struct Scene {
    place: TempDir,
}

impl Scene {
    fn new() -> Self {
        let scene = Self { place: tempfile::tempdir().unwrap() };
        fs::create_dir(scene.root()).unwrap();
        fs::create_dir(scene.outside()).unwrap();
        Folder::begin(&scene.root()).unwrap();
        scene
    }

    fn root(&self) -> PathBuf {
        self.place.path().join("shared")
    }

    /// Beside the folder: nothing may ever be read from here, or written here.
    fn outside(&self) -> PathBuf {
        self.place.path().join("outside")
    }

    fn log(&self) -> FolderLog {
        Folder::open(&self.root()).unwrap().workspace(&WORKSPACE)
    }

    fn workspace(&self) -> PathBuf {
        self.root().join(WORKSPACE.to_string())
    }

    fn day(&self) -> PathBuf {
        self.workspace().join("chunks/2026-11-24")
    }

    fn file(&self, bytes: &[u8]) -> PathBuf {
        self.day().join(ChunkId::of(bytes).to_string())
    }
}

fn files(folder: &Path) -> BTreeSet<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

#[test]
fn what_one_device_writes_another_reads() {
    let scene = Scene::new();
    let (one, other) = (scene.log(), scene.log());
    let (chunk, setting, statement) = (&b"a chunk"[..], &b"settings"[..], &b"a statement"[..]);
    one.put_chunks([(DAY, chunk), (None, setting)]).unwrap();
    one.put_statements([statement]).unwrap();
    let listing = other.list().unwrap();
    assert_eq!(listing.chunks[&DAY], BTreeSet::from([ChunkId::of(chunk)]));
    assert_eq!(listing.chunks[&None], BTreeSet::from([ChunkId::of(setting)]));
    assert_eq!(listing.statements, BTreeSet::from([StatementId::of(statement)]));
    assert_eq!(other.chunk(DAY, &ChunkId::of(chunk)).unwrap(), Found::Whole(chunk.to_vec()));
    assert_eq!(other.chunk(None, &ChunkId::of(setting)).unwrap(), Found::Whole(setting.to_vec()));
    assert_eq!(other.statement(&StatementId::of(statement)).unwrap(), Found::Whole(statement.to_vec()));
    assert_eq!(files(&scene.root()), ["aimon.folder".to_owned(), WORKSPACE.to_string()].into());
    assert_eq!(files(&scene.workspace()), ["chunks".to_owned(), "statements".to_owned()].into());
    assert_eq!(files(&scene.workspace().join("chunks")), ["2026-11-24".to_owned(), "settings".to_owned()].into());
    assert_eq!(files(&scene.day()), [ChunkId::of(chunk).to_string()].into(), "nothing half-written is left");

    other.remove_chunk(DAY, &ChunkId::of(chunk)).unwrap();
    other.remove_chunk(DAY, &ChunkId::of(chunk)).unwrap();
    assert_eq!(one.chunk(DAY, &ChunkId::of(chunk)).unwrap(), Found::Gone);
    assert!(!scene.day().exists(), "a day without chunks has no folder");
    let listing = one.list().unwrap();
    assert_eq!(listing.chunks.keys().collect::<Vec<_>>(), [&None]);
}

#[test]
fn partial_late_and_conflict_copies_are_harmless() {
    let scene = Scene::new();
    let log = scene.log();
    let chunk = &b"a chunk that takes a while to arrive"[..];
    let id = ChunkId::of(chunk);
    log.put_chunks([(DAY, chunk)]).unwrap();
    // Half of it has come.
    fs::write(scene.file(chunk), &chunk[..10]).unwrap();
    assert_eq!(log.chunk(DAY, &id).unwrap(), Found::Damaged);
    // A copy of something else under its name, as long as it.
    fs::write(scene.file(chunk), vec![b'x'; chunk.len()]).unwrap();
    assert_eq!(log.chunk(DAY, &id).unwrap(), Found::Damaged);
    // More than a chunk has is not read to its end.
    fs::write(scene.file(chunk), vec![b'x'; 300 * 1024]).unwrap();
    assert_eq!(log.chunk(DAY, &id).unwrap(), Found::Damaged);
    // Whoever holds it mends it.
    log.put_chunks([(DAY, chunk)]).unwrap();
    assert_eq!(log.chunk(DAY, &id).unwrap(), Found::Whole(chunk.to_vec()));

    for name in [
        format!("{id} (conflicted copy 2026-11-24)"),
        format!("{id}.sync-conflict-20261124-101010-ABCDEFG"),
        format!(".syncthing.{id}.tmp"),
        format!("~{id}"),
        id.to_string().to_uppercase(),
        ".DS_Store".to_owned(),
        "desktop.ini".to_owned(),
    ] {
        fs::write(scene.day().join(name), chunk).unwrap();
    }
    fs::create_dir(scene.workspace().join("chunks/2026-11-24 (1)")).unwrap();
    fs::write(scene.workspace().join("chunks/2026-11-25"), "a file where a folder should be").unwrap();
    fs::create_dir(scene.day().join(ChunkId::of(b"a folder where a file should be").to_string())).unwrap();
    let listing = log.list().unwrap();
    assert_eq!((listing.chunks.len(), listing.chunks[&DAY].len()), (1, 2));
    assert_eq!(log.chunk(DAY, &ChunkId::of(b"a folder where a file should be")).unwrap(), Found::Gone);
}

#[test]
fn what_a_crash_left_is_removed_after_a_while() {
    let scene = Scene::new();
    let log = scene.log();
    log.put_chunks([(DAY, &b"a chunk"[..])]).unwrap();
    log.put_statements([&b"a statement"[..]]).unwrap();
    let left =
        [scene.root(), scene.day(), scene.workspace().join("statements")].map(|f| f.join(".aimon-0123456789abcdef"));
    left.iter().for_each(|path| fs::write(path, "half").unwrap());
    let now = SystemTime::now();
    log.tidy(now + Duration::from_secs(60)).unwrap();
    assert!(left.iter().all(|path| path.exists()), "somebody may be writing it just now");
    log.tidy(now + Duration::from_secs(3700)).unwrap();
    assert!(left.iter().all(|path| !path.exists()));
    let listing = log.list().unwrap();
    assert_eq!((listing.chunks.len(), listing.statements.len()), (1, 1));
}

#[test]
fn a_disk_that_is_away_is_not_made_up() {
    let place = tempfile::tempdir().unwrap();
    let away = place.path().join("stick/aimon");
    assert_eq!(code(Folder::begin(&away)), "no-shared-folder");
    assert_eq!(code(Folder::open(&away)), "no-shared-folder");
    assert!(!place.path().join("stick").exists());
    fs::write(place.path().join("file"), "").unwrap();
    assert_eq!(code(Folder::begin(&place.path().join("file"))), "no-shared-folder");

    assert_eq!(code(Folder::open(place.path())), "not-a-shared-folder");
    fs::write(place.path().join("aimon.folder"), "").unwrap();
    assert_eq!(code(Folder::open(place.path())), "not-a-shared-folder", "it is just arriving");
    Folder::begin(place.path()).unwrap();
    assert_eq!(fs::read_to_string(place.path().join("aimon.folder")).unwrap(), "1");
    for (layout, expected) in
        [("1\n", "fine"), ("2", "shared-folder-newer"), ("1 2", "shared-folder-newer"), ("1\n", "fine")]
    {
        fs::write(place.path().join("aimon.folder"), layout).unwrap();
        assert_eq!(code(Folder::open(place.path())), expected);
        assert_eq!(code(Folder::begin(place.path())), expected);
    }
    for damaged in ["q", "\0", "not this"] {
        fs::write(place.path().join("aimon.folder"), damaged).unwrap();
        assert_eq!(code(Folder::open(place.path())), "shared-folder-damaged", "{damaged}");
        Folder::begin(place.path()).unwrap();
        assert_eq!(code(Folder::open(place.path())), "fine");
    }
    let Address::Folder(path) = Address::parse(&Address::folder(place.path()).unwrap().to_string()).unwrap() else {
        panic!()
    };
    assert_eq!(path, place.path());
}

#[test]
fn two_devices_pair_in_a_folder() {
    let scene = Scene::new();
    let (inviter, joiner) = (Folder::open(&scene.root()).unwrap(), Folder::open(&scene.root()).unwrap());
    let id = [0xab; 16];
    assert_eq!(inviter.request(&id).unwrap(), None);
    joiner.post_request(&id, b"let me in").unwrap();
    joiner.post_request(&id, b"let me in").unwrap();
    assert_eq!(code(joiner.post_request(&id, b"me too")), "invitation-spent");
    assert_eq!(inviter.request(&id).unwrap().unwrap(), b"let me in");
    assert_eq!(joiner.answer(&id).unwrap(), None);
    inviter.post_answer(&id, b"come").unwrap();
    assert_eq!(joiner.answer(&id).unwrap().unwrap(), b"come");
    let name = "ab".repeat(16);
    assert_eq!(files(&scene.root().join("invitations")), [format!("{name}.request"), format!("{name}.answer")].into());
    fs::write(scene.root().join(format!("invitations/{name}.answer")), vec![0; 5000]).unwrap();
    assert_eq!(joiner.answer(&id).unwrap(), None, "longer than a post is");
    inviter.withdraw(&id).unwrap();
    inviter.withdraw(&id).unwrap();
    assert_eq!(files(&scene.root().join("invitations")), BTreeSet::new());
}

/// A joiner that was killed, and an inviter that was, leave their posts: they go once nobody can use them any more.
#[test]
fn posts_that_were_left_go_when_their_ten_minutes_are_over() {
    let scene = Scene::new();
    let folder = Folder::open(&scene.root()).unwrap();
    folder.post_request(&[0xab; 16], b"let me in").unwrap();
    folder.post_answer(&[0xab; 16], b"come").unwrap();
    let posts = scene.root().join("invitations");
    fs::write(posts.join("notes.request"), "somebody else's").unwrap();
    // By the clock of the machine that wrote it, it is older than it is here.
    let old = SystemTime::now() - Duration::from_secs(3600);
    fs::File::options()
        .write(true)
        .open(posts.join(format!("{}.request", "ab".repeat(16))))
        .unwrap()
        .set_modified(old)
        .unwrap();
    let after = |minutes: u64| SystemTime::now() + Duration::from_secs(minutes * 60);
    folder.tidy_invitations(after(9)).unwrap();
    assert_eq!(files(&posts).len(), 3);
    folder.tidy_invitations(after(11)).unwrap();
    assert_eq!(files(&posts), ["notes.request".to_owned()].into());
    // Whoever syncs tidies up, too.
    folder.post_request(&[0xcd; 16], b"let me in").unwrap();
    scene.log().tidy(after(11)).unwrap();
    assert_eq!(files(&posts), ["notes.request".to_owned()].into());
}

#[cfg(unix)]
mod links {
    use std::os::unix::fs::symlink;

    use super::*;

    /// Whoever shares the folder puts links into it, to read our files or to have us write over them.
    #[test]
    fn no_link_leads_out_of_the_folder() {
        let chunk = &b"a chunk"[..];
        let id = ChunkId::of(chunk);
        let absolute = |scene: &Scene| scene.outside();
        let relative = |scene: &Scene| Path::new("..").join("..").join("..").join(scene.outside().file_name().unwrap());
        for target in [absolute as fn(&Scene) -> PathBuf, relative] {
            // A file that is one.
            let scene = Scene::new();
            fs::write(scene.outside().join("secret"), chunk).unwrap();
            fs::create_dir_all(scene.day()).unwrap();
            symlink(scene.outside().join("secret"), scene.file(chunk)).unwrap();
            assert_eq!(scene.log().chunk(DAY, &id).unwrap(), Found::Gone);
            scene.log().put_chunks([(DAY, chunk)]).unwrap();
            assert!(scene.file(chunk).symlink_metadata().unwrap().is_file(), "it takes the link's place");
            assert_eq!(fs::read(scene.outside().join("secret")).unwrap(), chunk);

            // Folders that are: a day, all days, the workspace, invitations.
            for at in [0, 1, 2] {
                let scene = Scene::new();
                let folder = [scene.day(), scene.workspace().join("chunks"), scene.workspace()][at].clone();
                fs::create_dir_all(folder.parent().unwrap()).unwrap();
                let real = scene.outside().join(scene.day().strip_prefix(&folder).unwrap());
                fs::create_dir_all(&real).unwrap();
                fs::write(real.join(id.to_string()), chunk).unwrap();
                symlink(target(&scene), &folder).unwrap();
                let before = files(&real);
                let log = scene.log();
                assert!(log.list().unwrap().chunks.is_empty(), "{at}");
                assert_eq!(log.chunk(DAY, &id).unwrap(), Found::Gone);
                assert_eq!(code(log.put_chunks([(DAY, &b"another"[..])])), "shared-folder-failed");
                log.remove_chunk(DAY, &id).unwrap();
                log.tidy(SystemTime::now() + Duration::from_secs(7200)).unwrap();
                assert_eq!(files(&real), before, "nothing was written or removed outside");
            }

            let scene = Scene::new();
            symlink(target(&scene), scene.root().join("invitations")).unwrap();
            fs::write(scene.outside().join(format!("{}.request", "ab".repeat(16))), "x").unwrap();
            let folder = Folder::open(&scene.root()).unwrap();
            assert_eq!(folder.request(&[0xab; 16]).unwrap(), None);
            assert_eq!(code(folder.post_answer(&[0xab; 16], b"x")), "shared-folder-failed");
            assert_eq!(files(&scene.outside()).len(), 1);
        }
    }

    #[test]
    fn a_link_in_a_circle_and_a_pipe_hold_nothing_up() {
        let scene = Scene::new();
        fs::create_dir_all(scene.day()).unwrap();
        let id = ChunkId::of(b"x");
        symlink(id.to_string(), scene.day().join(id.to_string())).unwrap();
        symlink("2026-11-25", scene.workspace().join("chunks/2026-11-25")).unwrap();
        let pipe = ChunkId::of(b"pipe");
        let made = std::process::Command::new("mkfifo").arg(scene.day().join(pipe.to_string())).status().unwrap();
        assert!(made.success());
        let log = scene.log();
        assert_eq!(log.list().unwrap().chunks.len(), 1);
        assert_eq!(log.chunk(DAY, &id).unwrap(), Found::Gone);
        assert_eq!(log.chunk(DAY, &pipe).unwrap(), Found::Gone);
    }
}
