use std::path::Path;

use aimon_ledger::frame::{Frame, Outcome};
use aimon_relay_core::testing::People;

use crate::world::{Relay, run, today};

/// kill -9 at any moment loses nothing that was acknowledged, and gives no number twice.
#[test]
fn nothing_acknowledged_is_lost_by_a_kill() {
    let people = People::with(&[1, 2]);
    let folder = tempfile::tempdir().unwrap();
    let (mut acknowledged, mut on_its_way) = (Vec::new(), None);
    for round in 0..8_u8 {
        let mut relay = Relay::on(folder.path(), &[]);
        if round == 0 {
            relay.state(&people, &[]);
        }
        let (mut one, welcome) = relay.enter(&people, 1, u64::MAX);
        // What was on its way when the relay died is there or not; the device does not know, and pushes it again.
        if let Some(chunk) = on_its_way.take() {
            let is_there = welcome.head > acknowledged.len() as u64;
            acknowledged.push(aimon_ledger::chunk::Chunk::bytes(&chunk).to_vec());
            assert_eq!(one.push(&[&chunk]), [Outcome::Accepted(acknowledged.len() as u64)], "{is_there}");
        }
        let (_, welcome) = relay.enter(&people, 1, u64::MAX);
        assert_eq!(welcome.head, acknowledged.len() as u64);
        for n in 0..20 {
            let chunk = people.change(1, today(), &[round, n]);
            assert_eq!(one.push(&[&chunk]), [Outcome::Accepted(acknowledged.len() as u64 + 1)]);
            acknowledged.push(chunk.bytes().to_vec());
        }
        let chunk = people.change(1, today(), &[round]);
        one.say(&Frame::Push(vec![chunk.bytes().to_vec()]));
        on_its_way = Some(chunk);
        relay.kill();
    }
    let relay = Relay::on(folder.path(), &[]);
    let (mut two, welcome) = relay.enter(&people, 2, 0);
    let last = on_its_way.map(|chunk| chunk.bytes().to_vec()).filter(|_| welcome.head > acknowledged.len() as u64);
    acknowledged.extend(last);
    let delivered: Vec<_> = two.delivered(acknowledged.len()).into_iter().map(|(_, bytes)| bytes).collect();
    assert!(delivered == acknowledged);
}

/// kill -9 alone can't show a missing sync, for the system keeps what a dead process wrote: here only what was synced is left.
#[cfg(target_os = "linux")]
#[test]
fn nothing_acknowledged_is_lost_with_the_power() {
    let people = People::with(&[1, 2]);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let (source, layer) = (folder.join("unsynced.c"), folder.join("unsynced.so"));
    std::fs::write(&source, include_str!("../../../../tests/fault/unsynced.c")).unwrap();
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let mut cc = std::process::Command::new(compiler);
    assert!(cc.args(["-shared", "-fPIC", "-O1", "-o"]).args([&layer, &source]).arg("-ldl").status().unwrap().success());
    let mut acknowledged = Vec::new();
    let mut before: Option<std::path::PathBuf> = None;
    for round in 0..4_u8 {
        let (live, synced) = (folder.join(format!("live{round}")), folder.join(format!("synced{round}")));
        for folder in [&live, &synced] {
            std::fs::create_dir(folder).unwrap();
        }
        // What was synced lies on the new disk from the start.
        if let Some(before) = before {
            for folder in [&live, &synced] {
                copy(&before, &folder.join("relay"));
            }
        }
        let mut serve = crate::world::command();
        serve.env("LD_PRELOAD", &layer).env("AIMON_FAULT_LIVE", &live).env("AIMON_FAULT_SHADOW", &synced);
        let mut relay = Relay::under(serve, &live.join("relay"), &[]);
        if round == 0 {
            assert_eq!(relay.state(&people, &[]).0, 200);
        }
        let (mut two, _) = relay.enter(&people, 2, 0);
        assert!(two.delivered(acknowledged.len()).into_iter().map(|(_, bytes)| bytes).eq(acknowledged.iter().cloned()));
        let (mut one, _) = relay.enter(&people, 1, u64::MAX);
        for n in 0..30 {
            let chunk = people.change(1, today(), &[round, n]);
            assert!(matches!(one.push(&[&chunk])[..], [Outcome::Accepted(_)]));
            acknowledged.push(chunk.bytes().to_vec());
        }
        relay.kill();
        assert!(synced.join("relay").join("relay.sqlite-wal").exists(), "the layer is not in the way");
        before = Some(synced.join("relay"));
    }
}

/// A folder's files, but SQLite's index of the journal: that is memory, and gone.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        if !file.file_name().to_string_lossy().ends_with("-shm") {
            std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
}

#[test]
fn a_backup_is_taken_while_it_runs_and_devices_refill_what_it_lacks() {
    let people = People::with(&[1, 2]);
    let relay = Relay::with(&people, &[]);
    let folder = tempfile::tempdir().unwrap();
    let (backup, restored) = (folder.path().join("backup"), folder.path().join("restored"));
    let (mut one, _) = relay.enter(&people, 1, 0);
    let (a, b) = (people.change(1, today(), b"a"), people.change(1, today(), b"b"));
    one.push(&[&a]);
    assert!(run(&relay.data, &["backup", backup.to_str().unwrap()]).status.success());
    one.push(&[&b]);
    let again = run(&relay.data, &["backup", backup.to_str().unwrap()]);
    assert_eq!(again.status.code(), Some(4));
    assert!(String::from_utf8(again.stderr).unwrap().contains("error[relay-not-empty]"));
    let names: Vec<_> = std::fs::read_dir(&backup).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(names, ["relay.sqlite"], "no secret goes with it");
    assert!(run(&restored, &["restore", backup.to_str().unwrap()]).status.success());
    let relay = Relay::on(&restored, &[]);
    // A device whose cursor is ahead pushes what the digest shows to be missing, and hears of what comes.
    let ((mut one, welcome), (mut two, _)) = (relay.enter(&people, 1, 2), relay.enter(&people, 2, 2));
    assert_eq!(welcome.head, 1);
    assert_eq!(one.push(&[&a, &b]), [Outcome::Accepted(1), Outcome::Accepted(2)]);
    assert_eq!(two.delivered(1), [(2, b.bytes().to_vec())]);
}

fn holds(folder: &Path, needle: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|file| {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        bytes.windows(needle.len()).any(|part| part == needle)
    })
}

#[test]
fn workspaces_are_listed_and_one_is_taken_out_without_a_trace() {
    let (people, others) = (People::with(&[1]), People::named(1, &[1]));
    let mut relay = Relay::with(&people, &[]);
    relay.state(&others, &[]);
    let (chunk, other) = (people.change(1, today(), b"a needle in a stack"), others.change(1, today(), b"kept"));
    relay.enter(&people, 1, 0).0.push(&[&chunk]);
    relay.enter(&others, 1, 0).0.push(&[&other]);
    let workspace = people.workspace().to_string();
    let list = String::from_utf8(run(&relay.data, &["workspaces"]).stdout).unwrap();
    assert_eq!(list.lines().count(), 2);
    let line = format!("{workspace}  1 chunks  {} bytes  2 statements", chunk.bytes().len());
    assert!(list.lines().any(|listed| listed == line), "{list}");
    let running = run(&relay.data, &["purge", &workspace]);
    assert_eq!(running.status.code(), Some(3));
    assert_eq!(relay.end(), 0);
    assert!(holds(&relay.data, b"a needle in a stack"));
    assert!(run(&relay.data, &["purge", &workspace]).status.success());
    assert!(!holds(&relay.data, b"a needle in a stack") && !holds(&relay.data, &chunk.id().0));
    assert!(holds(&relay.data, other.bytes()));
    assert_eq!(run(&relay.data, &["purge", &workspace]).status.code(), Some(2));
    assert_eq!(run(&relay.data, &["purge", "nonsense"]).status.code(), Some(2));
}

#[test]
fn a_purge_by_statement_leaves_no_bytes_either() {
    use aimon_ledger::ids::KeyId;
    use aimon_ledger::statement::{Author, What};
    use aimon_ledger::time::{UtcDay, UtcMillis};
    let mut people = People::with(&[1, 2]);
    let relay = Relay::with(&people, &[]);
    let ((mut one, _), (mut two, _)) = (relay.enter(&people, 1, 0), relay.enter(&people, 2, 0));
    let chunk = people.change(1, today(), b"a needle in a stack");
    one.push(&[&chunk]);
    let days = UtcDay(0)..=UtcDay(today());
    let purge = What::Purge { devices: vec![], days, instant: UtcMillis(0), key: KeyId([0; 8]), detail: vec![] };
    one.say(&Frame::Statements(vec![people.say(Author::Phrase, purge)]));
    two.delivered(1);
    assert!(matches!(two.hear(), Frame::Statements(_)));
    let mut tries = 0;
    while holds(&relay.data, b"a needle in a stack") || holds(&relay.data, &chunk.id().0) {
        tries += 1;
        assert!(tries < 600, "it stays");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

#[cfg(unix)]
#[test]
fn a_backup_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let relay = Relay::with(&People::with(&[1]), &[]);
    let folder = tempfile::tempdir().unwrap();
    let (backup, restored) = (folder.path().join("deep/backup"), folder.path().join("restored"));
    assert!(run(&relay.data, &["backup", backup.to_str().unwrap()]).status.success());
    assert!(run(&restored, &["restore", backup.to_str().unwrap()]).status.success());
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for folder in [&backup, &restored] {
        assert_eq!((mode(folder), mode(&folder.join("relay.sqlite"))), (0o700, 0o600), "{}", folder.display());
    }
}

/// A folder that holds a database would be taken for a relay's that has lost its workspaces.
#[test]
fn a_relay_that_cannot_be_served_leaves_no_database() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let cases: [(&str, &[&str]); 5] = [
        ("relay-plain-http", &["--listen", "0.0.0.0:0"]),
        ("relay-no-origin", &["--listen", "0.0.0.0:0", "--behind-proxy"]),
        ("relay-bad-origin", &["--listen", "127.0.0.1:0", "--origin", "relay.example"]),
        ("relay-port", &["--listen", &taken]),
        ("relay-port", &["--listen", "127.0.0.1:0", "--metrics", &taken]),
    ];
    for (code, args) in cases {
        let data = folder.path().join("data");
        let said = run(&data, &[&["serve"], args].concat());
        let words = String::from_utf8(said.stderr).unwrap();
        assert!(!said.status.success() && words.contains(&format!("error[{code}]")), "{args:?}: {words}");
        assert!(!data.join("relay.sqlite").exists(), "{args:?}");
    }
}
