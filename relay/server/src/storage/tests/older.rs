//! Databases of earlier versions.

use std::fs;

use super::*;
use crate::keep;

/// `ids` as it lay in version 1.
const IDS_1: &str = "
ALTER TABLE ids RENAME TO ids_2;
CREATE TABLE ids (
    segment INTEGER NOT NULL, id BLOB NOT NULL, seq INTEGER NOT NULL, aside INTEGER NOT NULL, snapshot INTEGER NOT NULL,
    length INTEGER NOT NULL, PRIMARY KEY (segment, id)) WITHOUT ROWID;
INSERT INTO ids SELECT segment, id, seq, aside, snapshot, length FROM ids_2;
DROP TABLE ids_2;
PRAGMA user_version = 1;
";

fn version(folder: &Path) -> i64 {
    open_reader(folder).unwrap().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

/// What the tables of a database are.
fn tables(folder: &Path) -> Vec<String> {
    let reader = open_reader(folder).unwrap();
    let mut rows = reader.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").unwrap();
    rows.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

/// A database of version 1 with a bit of everything in it; what it says, and a chunk that it holds.
fn version_1(folder: &Path) -> (String, Chunk) {
    let mut sqlite = Sqlite::open(folder).unwrap();
    let people = People::with(&[1, 2]);
    people.set.statements().for_each(|statement| sqlite.add_statement(&W, statement).unwrap());
    let (by, revoked) = (rules(10, Author::Member, vec![]), rules(10, Author::Revoked(HashSet::new()), vec![]));
    let days: Vec<Chunk> = (0..60).map(|n| people.change(1 + n % 2, 10 + i32::from(n % 3), &[n; 30])).collect();
    let of_one = days.iter().filter(|chunk| chunk.header().place == place(1, 10));
    let snapshot = people.snapshot(1, 10, of_one.take(3), b"s");
    for chunk in days.iter().chain([&snapshot]) {
        Log::new(&mut sqlite, W).push(&by, chunk, u64::MAX).unwrap();
    }
    Log::new(&mut sqlite, W).obey(&by, &revoked).unwrap();
    sqlite.commit().unwrap();
    let said = all(&mut sqlite);
    drop(sqlite);
    open_reader(folder).unwrap().execute_batch(IDS_1).unwrap();
    (said, days[59].clone())
}

#[test]
fn an_older_one_is_brought_to_this_version() {
    let (folder, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (said, held) = version_1(folder.path());
    drop(Sqlite::open(new.path()).unwrap());
    assert!(tables(folder.path()) != tables(new.path()));
    for _ in 0..2 {
        let mut sqlite = Sqlite::open(folder.path()).unwrap();
        assert!(all(&mut sqlite) == said);
        assert!(sqlite.find(&W, &held.header().place, &held.id()).unwrap().unwrap().is_aside);
        drop(sqlite);
        assert_eq!((version(folder.path()), tables(folder.path())), (2, tables(new.path())));
    }
}

/// Two rows under one number can't be laid by number: such a database is damaged. Nothing of it is lost by the attempt.
#[test]
fn one_that_cannot_be_brought_there_stays_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (said, _) = version_1(folder.path());
    let before = tables(folder.path());
    let damage = "INSERT INTO ids SELECT segment, zeroblob(32), seq, aside, snapshot, length FROM ids LIMIT 1";
    open_reader(folder.path()).unwrap().execute_batch(damage).unwrap();
    assert!(matches!(Sqlite::open(folder.path()), Err(StorageError::Sql(_))));
    assert_eq!((version(folder.path()), tables(folder.path())), (1, before));
    open_reader(folder.path()).unwrap().execute_batch("DELETE FROM ids WHERE id = zeroblob(32)").unwrap();
    assert!(all(&mut Sqlite::open(folder.path()).unwrap()) == said);
}

/// Whoever only reads changes nothing: a relay of the older version may be running.
#[test]
fn an_older_one_is_listed_backed_up_and_restored() {
    let folder = tempfile::tempdir().unwrap();
    let [data, backup, restored] = ["data", "backup", "restored"].map(|name| folder.path().join(name));
    fs::create_dir(&data).unwrap();
    let (said, _) = version_1(&data);
    let listed = keep::workspaces(&data).unwrap();
    assert!(listed.len() == 1 && listed[0].id == W && listed[0].statements == 3 && listed[0].chunks == 58);
    keep::backup(&data, &backup).unwrap();
    keep::restore(&backup, &restored).unwrap();
    assert_eq!([&data, &backup, &restored].map(|folder| version(folder)), [1; 3]);
    assert_eq!(keep::workspaces(&restored).unwrap(), listed);
    assert!(all(&mut Sqlite::open(&restored).unwrap()) == said);
    assert_eq!((version(&restored), version(&backup)), (2, 1));
    assert_eq!(keep::workspaces(&restored).unwrap(), listed);
}
