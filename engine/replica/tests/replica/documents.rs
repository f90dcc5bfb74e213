//! What rests on the disk, and what leaves it: changes, sealed documents, forks, exports.

use super::*;

#[tokio::test]
async fn sealing_keeps_every_batch() {
    let home = TempDir::new().unwrap();
    let mut replica = open(&home).await;
    for i in 0..20 {
        record(&mut replica, &[call(i, 1, 1), call(100 + i, 1, 0)]).await;
    }
    drop(replica);
    // A second process: another writer in the same segment.
    let mut replica = open(&home).await;
    record(&mut replica, &[call(50, 1, 1)]).await;
    assert_eq!(replica.seal(NOW).await.unwrap(), 0, "not on the day of the first start");
    let tomorrow = UtcMillis(NOW.0 + DAY);
    record(&mut replica, &[call(60, 1, -1)]).await;
    record(&mut replica, &[call(61, 1, -1)]).await;
    let before = (figures(&mut replica).await, replica.health().await.unwrap());
    assert_eq!(replica.seal(tomorrow).await.unwrap(), 2, "the days before, not the day itself");
    assert_eq!(replica.seal(tomorrow).await.unwrap(), 0, "once a day");
    let after = (figures(&mut replica).await, replica.health().await.unwrap());
    assert_eq!((before.0, before.1.records), (after.0.clone(), after.1.records));
    assert_eq!((before.1.rows, after.1.rows), (43, 4));
    // A chain goes on behind a sealed segment.
    record(&mut replica, &[call(51, 1, 1)]).await;
    replica.rebuild().await.unwrap();
    assert_eq!(figures(&mut replica).await, [(-1, 2), (0, 20), (1, 22)]);
}

#[tokio::test]
async fn an_export_opens_in_automerge() {
    use automerge::ReadDoc;
    let home = TempDir::new().unwrap();
    let mut replica = open(&home).await;
    record(&mut replica, &[call(1, 7, 0), call(2, 5, 3)]).await;
    record(&mut replica, &[call(3, 7, 0)]).await;
    let dir = home.path().join("out/deep");
    assert_eq!(replica.export(&dir).await.unwrap(), 2);
    let mut batches = 0;
    for file in std::fs::read_dir(&dir).unwrap() {
        let doc = automerge::Automerge::load(&std::fs::read(file.unwrap().path()).unwrap()).unwrap();
        let (_, list) = doc.get(automerge::ROOT, "batches").unwrap().unwrap();
        batches += doc.length(list);
    }
    assert_eq!(batches, 3);
}

/// A newer version's kind of event, beside a call and alone: it is carried through everything, and hides nothing.
#[tokio::test]
async fn what_a_newer_version_wrote_survives_sealing_and_export() {
    let home = TempDir::new().unwrap();
    let mut replica = open(&home).await;
    record(&mut replica, &[call(1, 7, 1)]).await;
    // Section 77 with one row, one column: id 1, plain numbers, one byte.
    let unknown = [77, 1, 1, 1, 0, 1, 42];
    let known = Batch::new([Event::Record(call(2, 5, 1))]).encode();
    let batches = [[known, unknown.to_vec()].concat(), [Batch::default().encode(), unknown.to_vec()].concat()];
    let mut chain = Chain::new(WriterId([9; 8])).unwrap();
    // And a batch in another format altogether.
    let batches = [&batches[..], &[vec![2, 1, 2, 3]]].concat();
    for batch in &batches {
        insert(&home, &replica, 1, chain.append(batch.clone())).await;
    }
    record(&mut replica, &[call(3, 2, 1)]).await;
    for _ in 0..2 {
        assert_eq!(figures(&mut replica).await, [(1, 14)]);
        let held = exported(&mut replica).await;
        assert_eq!(held.len(), 5);
        assert!(batches.iter().all(|batch| held.contains(batch)), "byte for byte");
        replica.seal(UtcMillis(NOW.0 + DAY)).await.unwrap();
        replica.rebuild().await.unwrap();
    }
    let health = replica.health().await.unwrap();
    assert_eq!((health.rows, health.quarantined.len(), health.rereading), (1, 0, false), "{health:?}");
}

/// A virtual machine resumed twice: two changes of one writer with one number. Automerge holds one of them, so such a
/// segment is not sealed.
#[tokio::test]
async fn both_branches_of_a_fork_are_kept() {
    let home = TempDir::new().unwrap();
    let mut replica = open(&home).await;
    let batch = |m| Batch::new([Event::Record(call(m, 1, 1))]).encode();
    let mut left = Chain::new(WriterId([9; 8])).unwrap();
    insert(&home, &replica, 1, left.append(batch(1))).await;
    let mut right = left.clone();
    insert(&home, &replica, 1, left.append(batch(2))).await;
    insert(&home, &replica, 1, right.append(batch(3))).await;
    record(&mut replica, &[call(4, 1, 1)]).await;
    assert_eq!(figures(&mut replica).await, [(1, 4)]);
    replica.seal(UtcMillis(NOW.0 + DAY)).await.unwrap();
    replica.rebuild().await.unwrap();
    assert_eq!(figures(&mut replica).await, [(1, 4)]);
}

/// A disk image started twice: both go on as one device, and what they wrote fits into one document.
#[tokio::test]
async fn a_cloned_folder_is_another_writer() {
    let (home, clone) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut replica = open(&home).await;
    record(&mut replica, &[call(1, 1, 0)]).await;
    drop(replica);
    // The connection closes on a thread of its own.
    while home.path().join("aimon.db-wal").exists() {
        tokio::task::yield_now().await;
    }
    for file in std::fs::read_dir(home.path()).unwrap().map(Result::unwrap) {
        std::fs::copy(file.path(), clone.path().join(file.file_name())).unwrap();
    }
    let (mut one, mut two) = (open(&home).await, open(&clone).await);
    assert_eq!(one.device(), two.device());
    for (replica, first) in [(&mut one, 10), (&mut two, 20)] {
        record(replica, &[call(first, 1, 0)]).await;
        record(replica, &[call(first + 1, 1, 0)]).await;
    }
    drop(two);
    let path = clone.path().join("aimon.db");
    let mut db: SqliteConnection = sqlx::sqlite::SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    let rows: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT bytes FROM changes ORDER BY seq").fetch_all(&mut db).await.unwrap();
    assert_eq!(rows.len(), 3);
    for row in rows {
        // What both held before is the same row again.
        insert(&home, &one, 0, row).await;
    }
    assert_eq!(figures(&mut one).await, [(0, 5)]);
    assert_eq!(exported(&mut one).await.len(), 5, "no writer's change has taken another's place");
}
