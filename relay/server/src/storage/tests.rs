#![allow(clippy::unwrap_used)]
use std::collections::HashSet;

use aimon_ledger::live::{Author, Purge, Rules, listing};
use aimon_relay_core::log::Log;
use aimon_relay_core::memory::Memory;
use aimon_relay_core::testing::{People, device, header, place};

use super::*;

mod found;
mod older;

const W: WorkspaceId = WorkspaceId([7; 32]);

/// All that a storage says.
fn all<S: Storage>(storage: &mut S) -> String
where
    S::Error: std::fmt::Debug,
{
    let mut said = format!("{:?}\n", storage.tally(&W).unwrap());
    let mut after = None;
    // Two at a time: pages join.
    loop {
        let page = storage.segments(&W, after, 2).unwrap();
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        for (place, segment) in page {
            said += &format!("{place:?} {segment:?} {:?}\n", storage.segment(&W, &place).unwrap());
            let mut covers = storage.covers(&W, &place).unwrap();
            covers.sort();
            said += &format!("{:?} {covers:?}\n", storage.ids(&W, &place).unwrap());
        }
    }
    for want in [Want::All, Want::Since(UtcDay(11)), Want::Summaries] {
        // Where a page ends is the storage's own affair; what they hold together is not.
        let (mut seq, mut chunks) = (0, Vec::new());
        let head = storage.tally(&W).unwrap().head;
        while seq < head {
            let page = storage.above(&W, seq, want, 400).unwrap();
            assert!(page.through > seq && page.chunks.len() < 8);
            seq = page.through;
            chunks.extend(page.chunks);
        }
        said += &format!("{want:?} {chunks:?}\n");
    }
    said + &format!("{:?} {:?}\n", storage.statements(&W).unwrap(), storage.workspaces(None, 9).unwrap())
}

fn rules(first: i32, two: Author, purges: Vec<Purge>) -> Rules {
    let authors = [(device(1), Author::Member), (device(2), two)].into();
    Rules { authors, first_day: UtcDay(first), purges }
}

/// SQLite says what memory says, after each step, after going back, and after being opened again.
#[test]
fn rows_rest_in_sqlite_as_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (mut memory, mut sqlite) = (Memory::default(), Sqlite::open(folder.path()).unwrap());
    let people = People::with(&[1, 2]);
    let days: Vec<Chunk> =
        (0..24_u8).map(|n| people.change(1 + n % 2, 10 + i32::from(n % 3), &vec![n; usize::from(n) * 9])).collect();
    let mut settings = header(Place { day: None, ..place(1, 0) }, Kind::Summary);
    settings.nonce = [1; 24];
    let summary = people.chunk(&settings, b"summary");
    let snapshot = people.snapshot(1, 10, days.iter().filter(|c| c.header().place == place(1, 10)).take(2), b"s");
    let mut by = rules(10, Author::Member, vec![]);
    let listed: HashSet<[u8; 16]> = days.iter().take(9).map(|chunk| listing(&chunk.id())).collect();
    let purge = Purge { id: Short([1; 4]), devices: vec![device(1)], days: UtcDay(12)..=UtcDay(12) };
    let later = [
        rules(10, Author::Revoked(listed), vec![]),
        rules(10, Author::Member, vec![purge.clone()]),
        rules(11, Author::Member, vec![purge]),
    ];
    for statement in people.set.statements() {
        memory.add_statement(&W, statement).unwrap();
        sqlite.add_statement(&W, statement).unwrap();
    }
    for (n, chunk) in days.iter().chain([&summary, &snapshot]).enumerate() {
        let taken = Log::new(&mut memory, W).push(&by, chunk, u64::MAX).unwrap();
        assert_eq!(Log::new(&mut sqlite, W).push(&by, chunk, u64::MAX).unwrap(), taken);
        if n % 5 == 4 {
            memory.commit().unwrap();
            sqlite.commit().unwrap();
        }
        assert!(all(&mut sqlite) == all(&mut memory), "{n}");
    }
    for new in later {
        let changed = Log::new(&mut memory, W).obey(&by, &new).unwrap();
        assert_eq!(Log::new(&mut sqlite, W).obey(&by, &new).unwrap(), changed);
        assert!(all(&mut sqlite) == all(&mut memory));
        memory.commit().unwrap();
        sqlite.commit().unwrap();
        by = new;
    }
    memory.set_time(TrustedTime::new(UtcMillis(5))).unwrap();
    sqlite.set_time(TrustedTime::new(UtcMillis(5))).unwrap();
    let before = all(&mut memory);
    memory.commit().unwrap();
    sqlite.commit().unwrap();
    for chunk in [people.change(1, 11, b"lost"), people.change(2, 13, b"lost too")] {
        Log::new(&mut sqlite, W).push(&by, &chunk, u64::MAX).unwrap();
    }
    assert!(all(&mut sqlite) != before);
    sqlite.rollback().unwrap();
    assert!(all(&mut sqlite) == before);
    drop(sqlite);
    let mut sqlite = Sqlite::open(folder.path()).unwrap();
    assert!(all(&mut sqlite) == before);
    assert_eq!(sqlite.time().unwrap(), memory.time().unwrap());
    sqlite.remove_workspace(&W).unwrap();
    memory.remove_workspace(&W).unwrap();
    assert!(all(&mut sqlite) == all(&mut memory));
}

/// What was dropped leaves no bytes in the database or its journal.
#[test]
fn what_is_dropped_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let mut sqlite = Sqlite::open(folder.path()).unwrap();
    let people = People::with(&[1]);
    let chunk = people.change(1, 10, &[b"a needle to be searched for ".as_slice(), &[7; 20_000]].concat());
    let keep = people.change(1, 11, b"what is kept, all the same");
    let by = rules(10, Author::Member, vec![]);
    for chunk in [&chunk, &keep] {
        Log::new(&mut sqlite, W).push(&by, chunk, u64::MAX).unwrap();
    }
    sqlite.commit().unwrap();
    let lies = |needle: &[u8]| {
        std::fs::read_dir(folder.path()).unwrap().any(|file| {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            bytes.windows(needle.len()).any(|part| part == needle)
        })
    };
    assert!(lies(b"a needle to be searched for") && lies(&chunk.id().0));
    Log::new(&mut sqlite, W).obey(&by, &rules(11, Author::Member, vec![])).unwrap();
    sqlite.commit().unwrap();
    checkpoint(&open_reader(folder.path()).unwrap(), true).unwrap();
    assert!(!lies(b"a needle to be searched for") && !lies(&chunk.id().0));
    assert!(lies(b"what is kept, all the same"));
}

#[test]
fn a_newer_database_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    drop(Sqlite::open(folder.path()).unwrap());
    let reader = open_reader(folder.path()).unwrap();
    reader.pragma_update(None, "user_version", 3).unwrap();
    assert!(matches!(Sqlite::open(folder.path()), Err(StorageError::Newer(3))));
    assert!(matches!(open_reader(folder.path()), Err(StorageError::Newer(3))));
}
