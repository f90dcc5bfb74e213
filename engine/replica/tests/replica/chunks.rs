//! Rows as chunks: what is read of them, what waits, what is set aside, what is damaged.

use aimon_core::crypto;
use aimon_core::segment;
use aimon_core::sync::Write;
use aimon_ledger::chunk::{Chunk, Kind};
use aimon_ledger::frame::Code;
use aimon_ledger::ids::ChunkId;
use aimon_ledger::statement::What;

use super::world::{B, arrival, locked_with_a_call, secret, workspace};
use super::*;

async fn held(replica: &mut Replica) -> Vec<ChunkId> {
    replica.stored().await.unwrap().chunks.into_iter().map(|(id, _, _)| id).collect()
}

/// Whoever has no keys sees what whoever has them has made of the chunks.
async fn seen_without_keys(home: &TempDir) -> (Vec<(i64, u64)>, bool) {
    let mut reader = Replica::open_read(home.path()).await.unwrap();
    (figures(&mut reader).await, reader.is_behind())
}

#[tokio::test]
async fn chunks_rest_as_they_travel_and_count() {
    let home = TempDir::new().unwrap();
    let (mut world, mut replica) = workspace(&home).await;
    let small = world.calls(B, 1, &[call(1, 7, 1)]);
    let many: Vec<Record> = (0..250).map(|n| call(n, 1, 0)).collect();
    let large = world.calls(B, 0, &many);
    let summary = world.chunk(B, None, Kind::Summary, b"sums", &[]);
    let unknown = world.chunk(B, Some(1), Kind::Unknown(9), b"of a newer version", &[]);
    let all = [&small, &large, &summary, &unknown];
    replica.apply(&arrival(&all), NOW).await.unwrap();
    replica.apply(&arrival(&all), NOW).await.unwrap();
    let expected = vec![(0, 249), (1, 7)];
    assert_eq!(figures(&mut replica).await, expected, "call 1 of yesterday is larger than today's");
    assert_eq!(seen_without_keys(&home).await, (expected.clone(), false));
    let ids: Vec<ChunkId> = all.iter().map(|chunk| chunk.id()).collect();
    let read: Vec<Vec<u8>> = replica.chunks(&ids).await.unwrap().iter().map(|chunk| chunk.bytes().to_vec()).collect();
    assert!(read.iter().zip(all).all(|(read, chunk)| read == chunk.bytes()));
    for (id, header, bytes) in replica.stored().await.unwrap().chunks {
        let chunk = all.iter().find(|chunk| chunk.id() == id).unwrap();
        assert_eq!((&header, bytes as usize), (chunk.header(), chunk.bytes().len()));
    }
    replica.rebuild().await.unwrap();
    assert_eq!(figures(&mut replica).await, expected);
    let health = replica.health().await.unwrap();
    assert_eq!((health.rows, health.records, health.waiting, health.quarantined.len()), (4, 251, 0, 0));
    drop(replica);
    let stored: i64 = number(&home, "SELECT COUNT(*) FROM changes WHERE instr(bytes, 'claude-code')").await;
    assert_eq!(stored, 0, "nothing rests in clear");
}

pub async fn number(home: &TempDir, text: &'static str) -> i64 {
    let path = home.path().join("aimon.db");
    let mut db: SqliteConnection = sqlx::sqlite::SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    sqlx::query_scalar(text).fetch_one(&mut db).await.unwrap()
}

#[tokio::test]
async fn a_chunk_whose_key_is_not_held_waits_and_appears() {
    let home = TempDir::new().unwrap();
    let (mut world, mut replica) = workspace(&home).await;
    let a = world.a;
    let before = world.calls(B, 1, &[call(1, 5, 1), call(2, 3, 1)]);
    replica.apply(&arrival(&[&before]), NOW).await.unwrap();
    let rotate = world.rotate(B, a);
    let chunk = world.calls(B, 1, &[call(1, 7, 1), call(3, 1, 1)]);
    let write = Write { statements: vec![rotate.clone()], ..arrival(&[&chunk]) };
    replica.apply(&write, NOW).await.unwrap();
    for _ in 0..2 {
        assert_eq!(figures(&mut replica).await, [(1, 8)]);
        let health = replica.health().await.unwrap();
        assert_eq!((health.waiting, health.quarantined.len(), health.rereading), (1, 0, false));
        replica.rebuild().await.unwrap();
    }
    let keys = secret(a).public();
    let what = crypto::wrap(
        &world.set,
        &world.ring(B),
        aimon_ledger::membership::key_of(&rotate.id()),
        a,
        &keys,
        crypto::Entropy::new([5; 32]),
    )
    .unwrap();
    let given = Write { statements: vec![world.say(B, what)], ..Write::default() };
    replica.apply(&given, NOW).await.unwrap();
    assert_eq!(seen_without_keys(&home).await, (vec![(1, 11)], false), "folded in the call that brought the key");
    assert_eq!(figures(&mut replica).await, [(1, 11)]);
    assert_eq!(replica.health().await.unwrap().waiting, 0);
}

/// A reader may be the first who has a key.
#[tokio::test]
async fn a_reader_with_keys_reads_what_waits() {
    let home = TempDir::new().unwrap();
    let (mut world, mut replica) = workspace(&home).await;
    let chunk = world.calls(B, 1, &[call(1, 7, 1)]);
    replica.apply(&arrival(&[&chunk]), NOW).await.unwrap();
    drop(replica);
    sql(&home, "DELETE FROM cells").await;
    sql(&home, "DELETE FROM hours").await;
    sql(&home, "DELETE FROM derived WHERE key = 'days'").await;
    sql(&home, "INSERT INTO waiting VALUES (1, NULL)").await;
    let mut reader = Replica::open_read(home.path()).await.unwrap();
    reader.unlock(secret(world.a), NOW).await.unwrap();
    assert_eq!(figures(&mut reader).await, [(1, 7)]);
}

#[tokio::test]
async fn without_keys_the_figures_are_those_that_were_made_with_them() {
    let home = TempDir::new().unwrap();
    let (world, mut locked) = locked_with_a_call(&home).await;
    assert!(locked.is_locked());
    assert_eq!((figures(&mut locked).await, locked.is_behind()), (vec![(1, 7)], false));
    // What is recorded without keys rests in clear, and is shown beside that.
    record(&mut locked, &[call(2, 5, 1)]).await;
    assert_eq!((figures(&mut locked).await, locked.is_behind()), (vec![(1, 12)], false));
    let health = locked.health().await.unwrap();
    assert_eq!((health.locked, health.waiting, health.quarantined.len()), (true, 1, 0));
    let error = locked.rebuild().await.unwrap_err();
    assert_eq!(error.code(), "no-keys");
    locked.unlock(secret(world.a), NOW).await.unwrap();
    assert_eq!((figures(&mut locked).await, locked.is_behind()), (vec![(1, 12)], false));
    drop(locked);
    // A table that is damaged can't be made again without keys, and is not taken for sound.
    sql(&home, "UPDATE cells SET bytes = x'00'").await;
    let mut locked = open(&home).await;
    assert_eq!((figures(&mut locked).await, locked.is_behind()), (vec![], true));
    locked.unlock(secret(world.a), NOW).await.unwrap();
    assert_eq!((figures(&mut locked).await, locked.is_behind()), (vec![(1, 12)], false));
}

#[tokio::test]
async fn other_keys_are_refused() {
    let home = TempDir::new().unwrap();
    let (_, replica) = workspace(&home).await;
    drop(replica);
    let mut replica = open(&home).await;
    assert_eq!(replica.unlock(secret(B), NOW).await.unwrap_err().code(), "other-keys");
    assert!(replica.is_locked());
}

/// A day's expiry changes the figures of another one: noted without keys, done with them.
#[tokio::test]
async fn what_expires_without_keys_is_folded_with_them() {
    let home = TempDir::new().unwrap();
    let (mut world, mut replica) = workspace(&home).await;
    replica.vouch(NOW, NOW).await.unwrap();
    let old = world.calls(B, 179, &[call(1, 9, 179)]);
    let new = world.calls(B, 100, &[call(1, 7, 100)]);
    let queued = vec![old.id(), new.id()];
    replica.apply(&Write { queued, ..arrival(&[&old, &new]) }, NOW).await.unwrap();
    assert_eq!(figures(&mut replica).await, [(179, 9)]);
    drop(replica);
    let tomorrow = UtcMillis(NOW.0 + DAY);
    let mut locked = open(&home).await;
    locked.observe(tomorrow).await.unwrap();
    let seen = |days: Vec<DayCells>| days.iter().map(sum).collect::<Vec<_>>();
    assert_eq!(seen(locked.history(ALL, tomorrow.day(), Detail::Full).await.unwrap()), [] as [u64; 0]);
    assert!(locked.is_behind());
    assert_eq!(held(&mut locked).await, [new.id()], "an expired day is gone all the same");
    let waits = locked.queue().await.unwrap();
    assert_eq!(waits.iter().map(|q| q.id).collect::<Vec<_>>(), [new.id()], "also from the queue");
    assert_eq!(number(&home, "SELECT COUNT(*) FROM queue").await, 1);
    locked.unlock(secret(world.a), NOW).await.unwrap();
    assert_eq!(seen(locked.history(ALL, tomorrow.day(), Detail::Full).await.unwrap()), [7]);
    assert!(!locked.is_behind());
}

#[tokio::test]
async fn what_is_set_aside_counts_nowhere_until_it_counts_again() {
    let home = TempDir::new().unwrap();
    let (mut world, mut replica) = workspace(&home).await;
    let mine = world.calls(world.a, 1, &[call(2, 5, 1)]);
    let chunk = world.calls(B, 1, &[call(1, 7, 1)]);
    // Another row behind it: the derived tables have gone past it when it counts again.
    let write = Write { counts: vec![(chunk.id(), false)], ..arrival(&[&chunk, &mine]) };
    replica.apply(&write, NOW).await.unwrap();
    for (counts, expected) in [(None, 5), (Some(true), 12), (Some(true), 12), (Some(false), 5), (Some(true), 12)] {
        let counts = counts.map(|counts| (chunk.id(), counts)).into_iter().collect();
        replica.apply(&Write { counts, ..Write::default() }, NOW).await.unwrap();
        assert_eq!(figures(&mut replica).await, [(1, expected)]);
        let health = replica.health().await.unwrap();
        assert_eq!((health.set_aside, health.records), if expected == 5 { (1, 1) } else { (0, 2) });
        assert_eq!(held(&mut replica).await, [chunk.id(), mine.id()], "kept, either way");
        replica.rebuild().await.unwrap();
        assert_eq!(figures(&mut replica).await, [(1, expected)]);
    }
}

/// Says whether the derived tables were thrown away since it was asked last.
async fn made_again(home: &TempDir) -> bool {
    let marked = number(home, "SELECT COUNT(*) FROM derived WHERE key = 'mark'").await;
    sql(home, "INSERT OR IGNORE INTO derived VALUES ('mark', x'00')").await;
    marked == 0
}

#[tokio::test]
async fn a_snapshot_that_has_it_all_changes_no_figure_and_makes_nothing_again() {
    let home = TempDir::new().unwrap();
    let (mut world, mut replica) = workspace(&home).await;
    let changes: Vec<Vec<u8>> = (1..=3).map(|n| world.change(&[call(n, 1, 1)])).collect();
    let parts: Vec<Chunk> = changes.iter().map(|c| world.chunk(B, Some(1), Kind::Change, c, &[])).collect();
    replica.apply(&arrival(&parts.iter().collect::<Vec<_>>()), NOW).await.unwrap();
    assert_eq!(figures(&mut replica).await, [(1, 3)]);
    made_again(&home).await;
    let loaded = changes.iter().map(|change| segment::changes(change).unwrap());
    let whole = segment::document(loaded.clone()).unwrap().0;
    let ids: Vec<ChunkId> = parts.iter().map(Chunk::id).collect();
    let snapshot = world.chunk(B, Some(1), Kind::Snapshot, &whole, &ids);
    replica.apply(&Write { dropped: ids.clone(), ..arrival(&[&snapshot]) }, NOW).await.unwrap();
    assert_eq!((figures(&mut replica).await, made_again(&home).await), (vec![(1, 3)], false));
    assert_eq!(held(&mut replica).await, [snapshot.id()]);

    // One that lies: what goes, goes from the figures too.
    let lie = segment::document(loaded.take(2)).unwrap().0;
    let lie = world.chunk(B, Some(1), Kind::Snapshot, &lie, &[snapshot.id()]);
    replica.apply(&Write { dropped: vec![snapshot.id()], ..arrival(&[&lie]) }, NOW).await.unwrap();
    assert_eq!((figures(&mut replica).await, made_again(&home).await), (vec![(1, 2)], true));
    replica.apply(&Write { dropped: vec![lie.id()], ..Write::default() }, NOW).await.unwrap();
    assert_eq!((figures(&mut replica).await, held(&mut replica).await), (vec![], vec![]));
}

/// Every part of a step, each time with another one failing.
#[tokio::test]
async fn a_step_is_all_or_nothing() {
    let home = TempDir::new().unwrap();
    let (mut world, mut replica) = workspace(&home).await;
    let (first, second, third) =
        (world.calls(B, 1, &[call(1, 1, 1)]), world.calls(B, 1, &[call(2, 2, 1)]), world.calls(B, 1, &[call(3, 4, 1)]));
    let queued = vec![first.id(), second.id()];
    replica.apply(&Write { queued, cursor: Some(7), ..arrival(&[&first, &second]) }, NOW).await.unwrap();
    let state = async |replica: &mut Replica| {
        let stored = replica.stored().await.unwrap();
        let queue = replica.queue().await.unwrap();
        (figures(replica).await, held(replica).await, stored.statements.len(), queue, stored.cursor, stored.last)
    };
    let before = state(&mut replica).await;
    assert_eq!((before.0.clone(), before.3.len(), before.4), (vec![(1, 3)], 2, 7));
    let a = world.a;
    let write = Write {
        statements: vec![world.say(a, What::Retain(aimon_core::retention::Retention::of(90).unwrap()))],
        dropped: vec![first.id()],
        queued: vec![third.id()],
        acknowledged: vec![first.id()],
        refused: vec![(second.id(), Code::Quota)],
        cursor: Some(9),
        ..arrival(&[&third])
    };
    for (on, off) in [
        ("CREATE TRIGGER no BEFORE INSERT ON statements BEGIN SELECT RAISE(ABORT, 'no'); END", "DROP TRIGGER no"),
        ("CREATE TRIGGER no BEFORE INSERT ON changes BEGIN SELECT RAISE(ABORT, 'no'); END", "DROP TRIGGER no"),
        ("CREATE TRIGGER no BEFORE DELETE ON changes BEGIN SELECT RAISE(ABORT, 'no'); END", "DROP TRIGGER no"),
        ("CREATE TRIGGER no BEFORE INSERT ON queue BEGIN SELECT RAISE(ABORT, 'no'); END", "DROP TRIGGER no"),
        ("CREATE TRIGGER no BEFORE UPDATE ON queue BEGIN SELECT RAISE(ABORT, 'no'); END", "DROP TRIGGER no"),
        ("CREATE TRIGGER no BEFORE DELETE ON queue BEGIN SELECT RAISE(ABORT, 'no'); END", "DROP TRIGGER no"),
        (
            "CREATE TRIGGER no BEFORE INSERT ON meta WHEN NEW.key IN ('cursor', 'retention') BEGIN SELECT RAISE(ABORT, 'no'); END",
            "DROP TRIGGER no",
        ),
    ] {
        sql(&home, on).await;
        replica.apply(&write, NOW).await.unwrap_err();
        sql(&home, off).await;
        assert_eq!(state(&mut replica).await, before, "{on}");
        assert_eq!(replica.retention_days(), 180);
    }
    replica.apply(&write, NOW).await.unwrap();
    let after = state(&mut replica).await;
    assert_eq!((after.0, after.1, after.2), (vec![(1, 6)], vec![second.id(), third.id()], before.2 + 1));
    let waits: Vec<_> = after.3.iter().map(|q| (q.id, q.refused.clone())).collect();
    assert_eq!(waits, [(second.id(), Some((Code::Quota, NOW))), (third.id(), None)]);
    assert_eq!((after.4, replica.retention_days()), (9, 90));
    drop(replica);
    assert_eq!(world.open(&home).await.retention_days(), 90);
}

async fn damage(home: &TempDir, column: &str, id: ChunkId) {
    let path = home.path().join("aimon.db");
    let mut db: SqliteConnection = sqlx::sqlite::SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    let text = format!(
        "UPDATE changes SET {column} = substr({column}, 1, 30) || x'ff00ff' || substr({column}, 34) WHERE id = ?"
    );
    let done = sqlx::query(sqlx::AssertSqlSafe(text)).bind(id.0.to_vec()).execute(&mut db).await.unwrap();
    assert_eq!(done.rows_affected(), 1);
}

/// A damaged chunk is as if it were not held, so that whoever has it sends it again. Only what this device may have read in
/// its logs is looked for there.
#[tokio::test]
async fn a_damaged_chunk_is_not_held_and_comes_again() {
    for column in ["header", "bytes", "signature"] {
        for own in [true, false] {
            let home = TempDir::new().unwrap();
            let (mut world, mut replica) = workspace(&home).await;
            let author = if own { world.a } else { B };
            let chunk = world.calls(author, 1, &[call(1, 7, 1)]);
            let other = world.calls(B, 1, &[call(2, 5, 1)]);
            let queued = vec![chunk.id()];
            replica.apply(&Write { queued, ..arrival(&[&chunk, &other]) }, NOW).await.unwrap();
            drop(replica);
            damage(&home, column, chunk.id()).await;
            let mut replica = world.open(&home).await;
            assert!(replica.chunks(&[chunk.id()]).await.unwrap().is_empty(), "it is not passed on");
            let health = replica.health().await.unwrap();
            assert_eq!((health.quarantined.len(), health.rereading), (1, own), "{column}");
            assert_eq!((figures(&mut replica).await, held(&mut replica).await), (vec![(1, 5)], vec![other.id()]));
            assert!(replica.queue().await.unwrap().is_empty());
            let known = replica.client().await.unwrap().state(&chunk.id());
            assert_eq!(known, None, "the sync machine knows, and repair asks for it");
            replica.apply(&arrival(&[&chunk]), NOW).await.unwrap();
            assert_eq!((figures(&mut replica).await, replica.quarantined().await.unwrap()), (vec![(1, 12)], 0));
        }
    }
}

/// A member's nonsense is kept, so that nobody sends it again, is shown, and is read once.
#[tokio::test]
async fn a_chunk_that_holds_nothing_is_kept_and_read_once() {
    let home = TempDir::new().unwrap();
    let (mut world, mut replica) = workspace(&home).await;
    let good = world.calls(B, 1, &[call(1, 7, 1)]);
    replica.apply(&arrival(&[&good]), NOW).await.unwrap();
    made_again(&home).await;
    let garbage = world.chunk(B, Some(1), Kind::Change, b"garbage", &[]);
    // Under another header the ciphertext is nothing.
    let mut header = good.header().clone();
    header.nonce = [99; 24];
    let moved = Chunk::assemble(&header.encode(), good.ciphertext(), good.signature()).unwrap();
    replica.apply(&arrival(&[&garbage, &moved]), NOW).await.unwrap();
    assert_eq!((figures(&mut replica).await, made_again(&home).await), (vec![(1, 7)], false));
    assert_eq!(held(&mut replica).await.len(), 3);
    let health = replica.health().await.unwrap();
    assert_eq!((health.quarantined.len(), health.rereading), (2, false));
    assert_eq!(number(&home, "SELECT COUNT(*) FROM changes WHERE broken IS NOT NULL").await, 2);
    assert_eq!(replica.quarantined().await.unwrap(), 2);
    replica.rebuild().await.unwrap();
    assert_eq!((figures(&mut replica).await, replica.quarantined().await.unwrap()), (vec![(1, 7)], 2));
}

#[tokio::test]
async fn settings_are_read_of_all_devices_and_enter_no_figure() {
    let home = TempDir::new().unwrap();
    let (mut world, mut replica) = workspace(&home).await;
    let mut all = Vec::new();
    for device in [world.a, B] {
        let change = world.change(&[call(1, 7, 1)]);
        all.extend(segment::batches(&change).unwrap());
        let chunk = world.chunk(device, None, Kind::Change, &change, &[]);
        replica.apply(&arrival(&[&chunk]), NOW).await.unwrap();
    }
    assert_eq!(figures(&mut replica).await, []);
    let mut found: Vec<Vec<u8>> = replica.settings_batches().await.unwrap().into_iter().map(|(_, b)| b).collect();
    found.sort();
    all.sort();
    assert_eq!(found, all);
    replica.vouch(UtcMillis(NOW.0 + 1500 * DAY), UtcMillis(NOW.0 + 1500 * DAY)).await.unwrap();
    assert_eq!(replica.settings_batches().await.unwrap().len(), 2, "they have no day to expire by");
}

/// What is gone is gone from the file, once its log is emptied; and what was quarantined, once that is scrubbed.
#[tokio::test]
async fn what_was_deleted_is_nowhere() {
    let home = TempDir::new().unwrap();
    let mut replica = open(&home).await;
    let named = |session: &str, days| Record { session: session.into(), ..call(1, 7, days) };
    for n in 0..200_u8 {
        record(&mut replica, &[Record { message: MessageId([n; 8]), ..named("a-needle-in-the-file", 179) }]).await;
    }
    figures(&mut replica).await;
    let found = |needle: &[u8]| {
        std::fs::read_dir(home.path()).unwrap().any(|file| {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            bytes.windows(needle.len()).any(|w| w == needle)
        })
    };
    assert!(found(b"a-needle-in-the-file"));
    replica.vouch(UtcMillis(NOW.0 + DAY), UtcMillis(NOW.0 + DAY)).await.unwrap();
    replica.settle().await;
    assert!(!found(b"a-needle-in-the-file"));

    record(&mut replica, &[named("another-needle-in-it", 1)]).await;
    sql(&home, "UPDATE changes SET bytes = bytes || x'00'").await;
    assert_eq!(replica.health().await.unwrap().quarantined.len(), 1);
    assert!(found(b"another-needle-in-it"));
    replica.scrub().await.unwrap();
    assert!(!found(b"another-needle-in-it"));
}
