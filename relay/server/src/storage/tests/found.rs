//! What is found by id through memory is what the tables hold, whatever happened before.

use std::collections::HashMap;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::storage::ids::Ids;

const CHUNKS: u8 = 16;

fn change(place: Place, text: &[u8]) -> Chunk {
    Chunk::assemble(&header(place, Kind::Change).encode(), text, &[0; 64]).unwrap()
}

/// Chunks of which some are alike: two have one short id, two others have one in three of its bytes.
static POOL: LazyLock<Vec<Chunk>> = LazyLock::new(|| {
    let mut pool: Vec<Chunk> = (4..CHUNKS).map(|n| change(place(1 + n % 2, 10 + i32::from(n % 3)), &[n])).collect();
    for bytes in [4, 3] {
        let mut seen = HashMap::new();
        let pair = (0_u32..).find_map(|n| {
            let chunk = change(place(1, 10), &[&n.to_le_bytes()[..], &[bytes]].concat());
            let other = seen.insert(chunk.id().0[..usize::from(bytes)].to_vec(), chunk.clone());
            other.filter(|other| bytes == 4 || other.id().short() != chunk.id().short()).map(|other| [other, chunk])
        });
        pool.extend(pair.unwrap());
    }
    pool
});

#[derive(Clone, Debug)]
enum Step {
    Push(u8),
    Snapshot(Vec<u8>),
    /// The first day, and whether the second device is revoked.
    Rules(i32, bool),
    Commit,
    Rollback,
    /// The disk is full in the midst of a push.
    Full(u8),
    Reopen,
    RemoveWorkspace,
    Look,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..CHUNKS).prop_map(Step::Push),
        2 => proptest::collection::vec(0..CHUNKS, 1..5).prop_map(Step::Snapshot),
        2 => (9..12_i32, any::<bool>()).prop_map(|(first, is_revoked)| Step::Rules(first, is_revoked)),
        3 => Just(Step::Commit),
        2 => Just(Step::Rollback),
        1 => (0..CHUNKS).prop_map(Step::Full),
        1 => Just(Step::Reopen),
        1 => Just(Step::RemoveWorkspace),
        6 => Just(Step::Look),
    ]
}

/// SQLite beside memory, which keeps rows by their ids.
struct Both {
    folder: tempfile::TempDir,
    memory: Memory,
    sqlite: Sqlite,
    by: Rules,
    most: usize,
}

impl Both {
    /// In which ids may take so many bytes.
    fn new(most: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sqlite = Sqlite::open(folder.path()).unwrap();
        let mut both = Self { folder, memory: Memory::default(), sqlite, by: rules(9, Author::Member, vec![]), most };
        both.reopen();
        both
    }

    fn reopen(&mut self) {
        self.sqlite = Sqlite::open(self.folder.path()).unwrap();
        self.sqlite.cache.ids = Ids::of(self.most);
        // Nothing here is about the power.
        self.sqlite.connection.pragma_update(None, "synchronous", "OFF").unwrap();
    }

    fn push(&mut self, chunk: &Chunk) -> Result<(), StorageError> {
        let taken = Log::new(&mut self.sqlite, W).push(&self.by, chunk, u64::MAX)?;
        assert_eq!(Log::new(&mut self.memory, W).push(&self.by, chunk, u64::MAX).unwrap(), taken);
        Ok(())
    }

    fn rollback(&mut self, by: &Rules) {
        self.memory.rollback().unwrap();
        self.sqlite.rollback().unwrap();
        self.by = by.clone();
    }

    /// What is in memory is what the tables have, and no more than there may be.
    fn compare(&self) {
        let Sqlite { connection, cache, .. } = &self.sqlite;
        assert!(cache.ids.is_within());
        for (segment, entries) in cache.ids.known() {
            let is_there = "SELECT EXISTS (SELECT 1 FROM segments WHERE n = ?1)";
            assert!(connection.query_row(is_there, [segment], |row| row.get::<_, bool>(0)).unwrap());
            assert_eq!(*entries, read_entries(connection, segment).unwrap());
        }
    }

    fn look(&mut self) {
        for chunk in POOL.iter() {
            let (id, place) = (chunk.id(), chunk.header().place);
            let found = self.sqlite.find(&W, &place, &id).unwrap();
            assert_eq!(found, self.memory.find(&W, &place, &id).unwrap());
            let alike = self.sqlite.beginning(&W, &place, id.short()).unwrap();
            assert_eq!(alike, self.memory.beginning(&W, &place, id.short()).unwrap());
        }
        assert_eq!(all(&mut self.sqlite), all(&mut self.memory));
    }
}

fn live(both: &mut Both, steps: Vec<Step>) {
    let mut committed = both.by.clone();
    for step in steps {
        match step {
            Step::Push(n) => both.push(&POOL[usize::from(n)]).unwrap(),
            Step::Snapshot(of) => {
                let mut header = header(place(1, 10), Kind::Snapshot);
                header.covers = of.iter().map(|n| POOL[usize::from(*n)].id().short()).collect();
                header.covers.sort_unstable();
                header.covers.dedup();
                both.push(&Chunk::assemble(&header.encode(), b"snapshot", &[0; 64]).unwrap()).unwrap();
            }
            Step::Rules(first, is_revoked) => {
                let author = if is_revoked { Author::Revoked(HashSet::new()) } else { Author::Member };
                let new = rules(first, author, vec![]);
                let changed = Log::new(&mut both.memory, W).obey(&both.by, &new).unwrap();
                assert_eq!(Log::new(&mut both.sqlite, W).obey(&both.by, &new).unwrap(), changed);
                both.by = new;
            }
            Step::Commit => {
                both.memory.commit().unwrap();
                both.sqlite.commit().unwrap();
                committed = both.by.clone();
            }
            Step::Rollback => both.rollback(&committed),
            Step::Full(n) => {
                both.sqlite.connection.pragma_update_and_check(None, "max_page_count", 1, |_| Ok(())).unwrap();
                let place = POOL[usize::from(n)].header().place;
                let pushed = both.push(&change(place, &vec![n; 200_000]));
                both.sqlite.connection.pragma_update_and_check(None, "max_page_count", 1 << 30, |_| Ok(())).unwrap();
                if let Err(error) = pushed {
                    assert!(error.is_full());
                    both.rollback(&committed);
                }
            }
            Step::Reopen => {
                both.rollback(&committed);
                both.reopen();
            }
            Step::RemoveWorkspace => {
                both.memory.remove_workspace(&W).unwrap();
                both.sqlite.remove_workspace(&W).unwrap();
            }
            Step::Look => both.look(),
        }
        both.compare();
    }
    both.look();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]
    /// With room for all segments, for two or three, and for the one in use alone.
    #[test]
    fn sqlite_finds_what_memory_finds(
        most in prop_oneof![Just(1 << 20), Just(1_000), Just(1)],
        steps in proptest::collection::vec(step(), 0..60),
    ) {
        live(&mut Both::new(most), steps);
    }
}

/// SQLite goes back by itself when the disk is full: what was taken out before is there again, also for who asks at once.
#[test]
fn what_came_back_with_a_failure_is_found() {
    let mut both = Both::new(1 << 20);
    both.push(&POOL[0]).unwrap();
    both.memory.commit().unwrap();
    both.sqlite.commit().unwrap();
    let (id, place) = (POOL[0].id(), POOL[0].header().place);
    both.sqlite.remove(&W, &place, &id).unwrap();
    assert!(both.sqlite.find(&W, &place, &id).unwrap().is_none());
    both.sqlite.connection.pragma_update_and_check(None, "max_page_count", 1, |_| Ok(())).unwrap();
    assert!(both.push(&change(place, &[9; 200_000])).unwrap_err().is_full());
    assert!(both.sqlite.connection.is_autocommit(), "it has gone back");
    assert!(both.sqlite.find(&W, &place, &id).unwrap().is_some());
    both.rollback(&rules(9, Author::Member, vec![]));
    both.look();
}

/// A segment of which nothing is left gives its row's number to the next one.
#[test]
fn a_row_of_another_segment_is_not_taken_for_it() {
    let mut both = Both::new(1 << 20);
    for day in 10..15 {
        both.push(&change(place(1, day), b"the same text")).unwrap();
        both.look();
        let new = rules(day + 1, Author::Member, vec![]);
        for changed in [
            Log::new(&mut both.sqlite, W).obey(&both.by, &new).unwrap(),
            Log::new(&mut both.memory, W).obey(&both.by, &new).unwrap(),
        ] {
            assert_eq!(changed.dropped, 1);
        }
        both.by = new;
        both.look();
    }
    let segments: i64 =
        both.sqlite.connection.query_row("SELECT count(*) FROM segments", [], |row| row.get(0)).unwrap();
    assert_eq!(segments, 0);
}

/// A thousand devices that are idle cost nothing, and neither does whoever repairs.
#[test]
fn only_segments_that_are_used_are_in_memory() {
    let mut both = Both::new(1 << 20);
    let places: Vec<Place> = (0..200).map(|day| place(1, 10 + day)).collect();
    for place in &places {
        both.push(&change(*place, b"text")).unwrap();
    }
    both.sqlite.commit().unwrap();
    both.reopen();
    assert_eq!(both.sqlite.segments(&W, None, 1_000).unwrap().len(), 200);
    for place in &places {
        assert_eq!(both.sqlite.ids(&W, place).unwrap().len(), 1);
    }
    assert_eq!(both.sqlite.cache.ids.sizes().0, 0);
    let again = change(places[7], b"text");
    assert!(both.sqlite.find(&W, &places[7], &again.id()).unwrap().is_some());
    assert_eq!(both.sqlite.cache.ids.sizes().0, 1);
}
