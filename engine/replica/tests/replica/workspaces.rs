//! Beginning, joining and leaving a workspace, and writing in one.

use aimon_core::crypto::{self, Entropy};
use aimon_core::event::Setting;
use aimon_core::ids::DeviceId;
use aimon_core::settings::Settings;
use aimon_core::sync::{Client, Me, Stored, SyncError};
use aimon_ledger::chunk::{Chunk, Kind};
use aimon_ledger::frame::Frame;
use aimon_ledger::statement::What;
use aimon_replica::Enrolment;

use super::chunks::number;
use super::world::{B, World, arrival, secret, workspace};
use super::*;

/// Everything that people look at, byte for byte.
async fn all_figures(replica: &mut Replica) -> String {
    let days = replica.history(ALL, NOW.day(), Detail::Full).await.unwrap();
    let hours = replica.history(ALL, NOW.day(), Detail::Hours).await.unwrap();
    let copies = replica.copies(ALL, NOW.day()).await.unwrap();
    let readings = replica.readings(ALL, NOW.day()).await.unwrap();
    let answers = replica.answers(NOW.day()).await;
    format!("{days:?} {hours:?} {copies:?} {readings:?} {:?} {answers:?}", replica.gauges().await)
}

async fn some_history(replica: &mut Replica) {
    for n in 0..6_u8 {
        record(replica, &[call(n, 1 + u64::from(n), 2), call(100 + n, 1, i64::from(n % 3))]).await;
    }
    replica.record(Commit { events: vec![window(NOW, 30)], marks: vec![], now: NOW }).await.unwrap();
    readings::say(replica, (0..5).map(|m| readings::usage(2, m, 3, 10))).await;
    // A document beside changes.
    replica.seal(UtcMillis(NOW.0 + DAY)).await.unwrap();
    record(replica, &[call(50, 3, 2), call(0, 9, 1)]).await;
}

fn enrolment(world: &World, device: DeviceId) -> Enrolment {
    Enrolment {
        device,
        secret: secret(device),
        statements: world.statements(),
        relay: Some("https://relay.example".into()),
    }
}

/// Another device's own sync machine, which holds nothing.
fn machine(world: &World, device: DeviceId) -> Client {
    let stored = Stored { statements: world.statements(), ..Stored::default() };
    let time = aimon_core::retention::TrustedTime::new(NOW);
    let mut n = 0_u64;
    Client::load(Me { device, secret: secret(device) }, stored, time, move || {
        n += 1;
        let mut bytes = [device.0[15]; 32];
        bytes[..8].copy_from_slice(&n.to_le_bytes());
        Entropy::new(bytes)
    })
    .unwrap()
}

async fn queued(replica: &mut Replica) -> Vec<Chunk> {
    let ids: Vec<_> = replica.queue().await.unwrap().iter().map(|q| q.id).collect();
    replica.chunks(&ids).await.unwrap()
}

#[tokio::test]
async fn founding_and_leaving_change_no_figure() {
    let home = TempDir::new().unwrap();
    let mut replica = open(&home).await;
    some_history(&mut replica).await;
    let before = all_figures(&mut replica).await;
    let world = World::new(replica.device());
    let rows = "SELECT SUM(seq * seq) FROM changes";
    let numbers = number(&home, rows).await;
    let brought = replica.found(enrolment(&world, world.a), NOW).await.unwrap();
    assert_eq!(number(&home, rows).await, numbers, "to the derived tables nothing is new");
    assert_eq!(replica.found(enrolment(&world, world.a), NOW).await.unwrap_err().code(), "in-workspace");
    assert_eq!(all_figures(&mut replica).await, before);
    let health = replica.health().await.unwrap();
    assert_eq!((health.rows, brought.chunks), (brought.chunks, 5), "row by row");
    replica.rebuild().await.unwrap();
    assert_eq!(all_figures(&mut replica).await, before);
    let chunks = queued(&mut replica).await;
    assert_eq!(chunks.len() as u64, brought.chunks, "all of it waits for a relay");
    for chunk in &chunks {
        chunk.verify(&world.id(), &world.set.standing().signing_keys(&world.a)[0]).unwrap();
    }
    drop(replica);
    let mut replica = world.open(&home).await;
    assert_eq!(
        (replica.workspace(), replica.relay().await.unwrap().as_deref()),
        (Some(world.id()), Some("https://relay.example"))
    );
    assert_eq!(all_figures(&mut replica).await, before);
    // Each chunk names the one before, also over a restart.
    record(&mut replica, &[call(60, 1, 0)]).await;
    let chunks = queued(&mut replica).await;
    let named: Vec<_> = chunks.iter().map(|chunk| chunk.header().previous.map(|p| p.id)).collect();
    let mut expected: Vec<_> = chunks.iter().map(|chunk| Some(chunk.id().short())).collect();
    expected.rotate_right(1);
    expected[0] = None;
    assert_eq!(named, expected);

    let before = all_figures(&mut replica).await;
    assert_eq!(replica.leave(false).await.unwrap(), 0);
    assert_eq!((replica.workspace(), replica.queue().await.unwrap().len()), (None, 0));
    assert_eq!(all_figures(&mut replica).await, before);
    replica.rebuild().await.unwrap();
    assert_eq!(all_figures(&mut replica).await, before);
    assert_eq!(replica.leave(false).await.unwrap_err().code(), "no-workspace");
}

/// A device joins with a past: its own, and in it that of a device of its old workspace.
#[tokio::test]
async fn joining_brings_everything_under_the_right_names() {
    let home = TempDir::new().unwrap();
    let (mut old, mut replica) = workspace(&home).await;
    some_history(&mut replica).await;
    let theirs = old.calls(B, 1, &[call(70, 8, 1), call(71, 1, 1)]);
    let change = old.change(&[call(72, 4, 1)]);
    let aside = old.chunk(B, Some(1), Kind::Change, &change, &[]);
    let mut write = arrival(&[&theirs, &aside]);
    write.counts.push((aside.id(), false));
    replica.apply(&write, NOW).await.unwrap();
    let setting = |path: &str, value: &str, counter| {
        Event::Setting(Setting { path: path.into(), value: Some(value.into()), counter })
    };
    let events = vec![setting("zone", "Asia/Kathmandu", 7), setting("week", "monday", 8), setting("zone", "UTC", 9)];
    replica.record(Commit { events, marks: vec![], now: NOW }).await.unwrap();
    let before = replica.history(ALL, NOW.day(), Detail::Full).await.unwrap();
    let gauges = replica.gauges().await.unwrap();

    let me = DeviceId([7; 16]);
    let world = World::new(me);
    let brought = replica.join(enrolment(&world, me), NOW).await.unwrap();
    assert_eq!(brought.left, 0);
    assert_eq!((replica.device(), replica.workspace()), (me, Some(world.id())));
    let renamed = |mut days: Vec<DayCells>| {
        for (key, _) in days.iter_mut().flat_map(|day| &mut day.cells) {
            if key.device == old.a {
                key.device = me;
            }
        }
        days.iter_mut().for_each(|day| day.cells.sort_by(|x, y| x.0.cmp(&y.0)));
        days
    };
    for _ in 0..2 {
        assert_eq!(replica.history(ALL, NOW.day(), Detail::Full).await.unwrap(), renamed(before.clone()));
        assert_eq!(replica.gauges().await.unwrap(), gauges);
        replica.rebuild().await.unwrap();
    }
    let chunks = queued(&mut replica).await;
    let stored = replica.stored().await.unwrap();
    assert_eq!((chunks.len(), stored.chunks.len(), stored.cursor), (brought.chunks as usize + 1, chunks.len(), 0));
    assert_eq!(stored.statements.len(), world.statements().len(), "nothing of the old workspace");
    for chunk in &chunks {
        assert_eq!(chunk.header().place.device, me);
        chunk.verify(&world.id(), &world.set.standing().signing_keys(&me)[0]).unwrap();
    }
    let mut settings = Settings::default();
    for (hash, batch) in replica.settings_batches().await.unwrap() {
        let batch = Batch::decode(&batch).unwrap();
        assert!(batch.settings.iter().all(|setting| setting.counter == 0));
        settings.add(hash, &batch);
    }
    let found: Vec<_> = settings.all().map(|(path, value)| (path.to_string(), value.to_string())).collect();
    assert_eq!(found, [("week".into(), "monday".into()), ("zone".to_owned(), "UTC".to_owned())]);
    // The old device B comes to the new workspace by itself: its calls count once.
    drop(replica);
    let mut replica = open(&home).await;
    replica.unlock(secret(me), NOW).await.unwrap();
    let mut world = world;
    let again = world.calls(B, 1, &[call(70, 8, 1), call(71, 1, 1)]);
    let before = figures(&mut replica).await;
    replica.apply(&arrival(&[&again]), NOW).await.unwrap();
    assert_eq!(figures(&mut replica).await, before);
}

/// All or nothing, here too.
#[tokio::test]
async fn who_can_not_join_stays_as_it_was() {
    let home = TempDir::new().unwrap();
    let mut replica = open(&home).await;
    some_history(&mut replica).await;
    let before = all_figures(&mut replica).await;
    let world = World::new(replica.device());
    let stranger = DeviceId([9; 16]);
    assert_eq!(replica.join(enrolment(&world, stranger), NOW).await.unwrap_err().code(), "not-a-member");
    sql(&home, "CREATE TRIGGER no AFTER INSERT ON queue WHEN NEW.n > 4 BEGIN SELECT RAISE(ABORT, 'no'); END").await;
    replica.found(enrolment(&world, world.a), NOW).await.unwrap_err();
    let me = DeviceId([7; 16]);
    replica.join(enrolment(&World::new(me), me), NOW).await.unwrap_err();
    sql(&home, "DROP TRIGGER no").await;
    assert_eq!((replica.workspace(), replica.device()), (None, world.a));
    assert_eq!((all_figures(&mut replica).await, replica.queue().await.unwrap().len()), (before.clone(), 0));
    replica.found(enrolment(&world, world.a), NOW).await.unwrap();
    assert_eq!(all_figures(&mut replica).await, before);
}

/// A damaged row does not keep a device out of a workspace.
#[tokio::test]
async fn damage_is_left_behind_when_a_workspace_begins() {
    let home = TempDir::new().unwrap();
    let mut replica = open(&home).await;
    record(&mut replica, &[call(1, 7, 1)]).await;
    record(&mut replica, &[call(2, 5, 1)]).await;
    sql(&home, "UPDATE changes SET bytes = x'856f4a83' || zeroblob(90) WHERE seq = 1").await;
    let world = World::new(replica.device());
    assert_eq!(replica.found(enrolment(&world, world.a), NOW).await.unwrap().chunks, 1);
    let health = replica.health().await.unwrap();
    assert_eq!((health.quarantined.len(), health.rereading), (1, true));
    assert_eq!(figures(&mut replica).await, [(1, 5)]);
}

#[tokio::test]
async fn what_is_recorded_waits_for_a_relay_and_is_read_at_once() {
    let home = TempDir::new().unwrap();
    let (world, mut replica) = workspace(&home).await;
    record(&mut replica, &[call(1, 7, 0), call(2, 5, 1)]).await;
    record(&mut replica, &[call(3, 1, 1)]).await;
    let mut reader = Replica::open_read(home.path()).await.unwrap();
    assert_eq!((figures(&mut reader).await, reader.is_behind()), (vec![(0, 7), (1, 6)], false));
    let chunks = queued(&mut replica).await;
    assert_eq!(chunks.len(), 3);
    // Another device takes them in.
    let mut other = machine(&world, B);
    let frame = Frame::Deliver(chunks.iter().enumerate().map(|(n, c)| (n as u64 + 1, c.bytes().to_vec())).collect());
    let step = other.frame(frame, Default::default(), NOW);
    assert_eq!((step.write.chunks.len(), step.notices.len()), (3, 0), "{:?}", step.notices);
}

/// A disk that is full in the middle of a commit, and whoever goes away: the sync machine is never ahead of the disk.
#[tokio::test]
async fn the_sync_machine_is_never_ahead_of_the_disk() {
    let home = TempDir::new().unwrap();
    let (_, mut replica) = workspace(&home).await;
    record(&mut replica, &[call(1, 1, 0)]).await;
    sql(&home, "CREATE TRIGGER full BEFORE INSERT ON marks BEGIN SELECT RAISE(ABORT, 'full'); END").await;
    let mark = Mark { source: "codex".into(), key: b"k".to_vec(), digest: 1, stamp: 1, value: Some(b"v".to_vec()) };
    let events = vec![Event::Record(call(2, 1, 0))];
    let session = replica.session();
    replica.record(Commit { events, marks: vec![mark], now: NOW }).await.unwrap_err();
    sql(&home, "DROP TRIGGER full").await;
    record(&mut replica, &[call(3, 1, 0)]).await;
    assert!(replica.session() > session, "a talk with a relay begins anew");
    for n in 0..30_u8 {
        let patience = std::time::Duration::from_micros(u64::from(n) * 40);
        let commit = Commit { events: vec![Event::Record(call(100 + n, 1, 1))], marks: vec![], now: NOW };
        // Whether it was in time or not.
        let _ = tokio::time::timeout(patience, replica.record(commit)).await;
    }
    record(&mut replica, &[call(4, 1, 0)]).await;
    let chunks = queued(&mut replica).await;
    let known = replica.client().await.unwrap().log().all().count();
    assert_eq!((known, replica.stored().await.unwrap().chunks.len()), (chunks.len(), chunks.len()));
    let ids: Vec<_> = chunks.iter().map(|c| Some(c.id().short())).collect();
    let named: Vec<_> = chunks.iter().skip(1).map(|chunk| chunk.header().previous.map(|p| p.id)).collect();
    assert_eq!(named, ids[..ids.len() - 1], "no chunk names one that was never stored");
}

/// The keychain is locked, or a rotate has missed this device: nothing is lost, and it travels once the key is there.
#[tokio::test]
async fn what_was_recorded_without_the_key_becomes_chunks_with_it() {
    let home = TempDir::new().unwrap();
    let (mut world, mut replica) = workspace(&home).await;
    let a = world.a;
    record(&mut replica, &[call(1, 1, 1)]).await;
    drop(replica);
    let mut locked = open(&home).await;
    record(&mut locked, &[call(2, 2, 1), call(3, 4, 0)]).await;
    assert_eq!(locked.queue().await.unwrap().len(), 1);
    locked.unlock(secret(a), NOW).await.unwrap();
    assert_eq!(locked.queue().await.unwrap().len(), 3);
    assert_eq!(figures(&mut locked).await, [(0, 4), (1, 3)]);

    let rotate = world.rotate(B, a);
    let frame = |said: &aimon_ledger::statement::Statement| Frame::Statements(vec![said.bytes().to_vec()]);
    locked.frame(frame(&rotate), NOW).await.unwrap();
    assert!(!locked.client().await.unwrap().can_write());
    record(&mut locked, &[call(4, 8, 1)]).await;
    assert_eq!((figures(&mut locked).await, locked.queue().await.unwrap().len()), (vec![(0, 4), (1, 11)], 3));
    let before = all_figures(&mut locked).await;
    let what = crypto::wrap(
        &world.set,
        &world.ring(B),
        aimon_ledger::membership::key_of(&rotate.id()),
        a,
        &secret(a).public(),
        Entropy::new([5; 32]),
    );
    let given = world.say(B, what.unwrap());
    locked.frame(frame(&given), NOW).await.unwrap();
    assert_eq!((all_figures(&mut locked).await, locked.queue().await.unwrap().len()), (before, 4));
    let rows = locked.stored().await.unwrap().chunks.len() as u64;
    assert_eq!(locked.health().await.unwrap().rows, rows, "nothing rests in clear");
}

#[tokio::test]
async fn a_finished_day_is_sealed_into_snapshots_that_go_out() {
    let home = TempDir::new().unwrap();
    let (mut world, mut replica) = workspace(&home).await;
    for n in 0..20 {
        record(&mut replica, &[call(n, 1, 1), call(100 + n, 1, 0)]).await;
    }
    let theirs = [world.calls(B, 1, &[call(60, 1, 1)]), world.calls(B, 1, &[call(61, 1, 1)])];
    replica.apply(&arrival(&theirs.iter().collect::<Vec<_>>()), NOW).await.unwrap();
    let before = all_figures(&mut replica).await;
    assert_eq!(replica.seal(NOW).await.unwrap(), 0, "not on the day of the first start");
    let tomorrow = UtcMillis(NOW.0 + DAY);
    assert_eq!(replica.seal(tomorrow).await.unwrap(), 2, "only this device's own");
    assert_eq!(replica.seal(tomorrow).await.unwrap(), 0, "once a day");
    assert_eq!(all_figures(&mut replica).await, before);
    let snapshots: Vec<Chunk> =
        queued(&mut replica).await.into_iter().filter(|c| c.header().kind == Kind::Snapshot).collect();
    assert_eq!((snapshots.len(), snapshots[0].header().covers.len()), (2, 20));
    assert_eq!(replica.health().await.unwrap().rows, 4);
    replica.rebuild().await.unwrap();
    assert_eq!(all_figures(&mut replica).await, before);
    drop(replica);
    let mut locked = open(&home).await;
    assert_eq!(locked.seal(UtcMillis(NOW.0 + 2 * DAY)).await.unwrap(), 0);
}

/// Fewer days for the whole workspace: by a statement, from its arrival on.
#[tokio::test]
async fn retention_is_the_workspaces() {
    let home = TempDir::new().unwrap();
    let (mut world, mut replica) = workspace(&home).await;
    replica.vouch(NOW, NOW).await.unwrap();
    record(&mut replica, &[call(1, 1, 29), call(2, 2, 30), call(3, 4, 100)]).await;
    assert_eq!(replica.queue().await.unwrap().len(), 3);
    let said = world.say(B, What::Retain(aimon_core::retention::Retention::of(30).unwrap()));
    replica.frame(Frame::Statements(vec![said.bytes().to_vec()]), NOW).await.unwrap();
    assert_eq!((figures(&mut replica).await, replica.retention_days()), (vec![(29, 1)], 30));
    assert_eq!((replica.queue().await.unwrap().len(), replica.health().await.unwrap().rows), (1, 1));
    assert_eq!(number(&home, "SELECT COUNT(*) FROM cells").await, 1, "nor in a derived table");
    replica.observe(UtcMillis(NOW.0 + DAY)).await.unwrap();
    let days = replica.history(ALL, NOW.day().plus(1), Detail::Full).await.unwrap();
    assert_eq!((days, replica.queue().await.unwrap().len()), (vec![], 0));
}

/// The keys are lost: what can't be read goes, the logs are read again.
#[tokio::test]
async fn leaving_without_keys_loses_what_only_they_can_read() {
    let home = TempDir::new().unwrap();
    let (_, mut replica) = workspace(&home).await;
    record(&mut replica, &[call(1, 7, 1)]).await;
    drop(replica);
    let mut locked = open(&home).await;
    record(&mut locked, &[call(2, 5, 1)]).await;
    assert_eq!(locked.leave(false).await.unwrap_err().code(), "no-keys");
    assert_eq!(locked.leave(true).await.unwrap(), 1);
    assert_eq!(figures(&mut locked).await, [(1, 5)]);
    assert!(locked.health().await.unwrap().rereading);
    let done =
        locked.record(Commit { events: vec![Event::Record(call(1, 7, 1))], marks: vec![], now: NOW }).await.unwrap();
    assert_eq!((done.events, figures(&mut locked).await), (1, vec![(1, 12)]));
}

/// A revoked device is told so, and goes on recording.
#[tokio::test]
async fn who_was_revoked_goes_on_alone() {
    let home = TempDir::new().unwrap();
    let (mut world, mut replica) = workspace(&home).await;
    let a = world.a;
    record(&mut replica, &[call(1, 7, 1)]).await;
    let listed = queued(&mut replica).await.iter().map(|c| aimon_ledger::live::listing(&c.id())).collect();
    let said = world.say(B, What::Revoke { device: a, listed });
    replica.frame(Frame::Statements(vec![said.bytes().to_vec()]), NOW).await.unwrap();
    record(&mut replica, &[call(2, 5, 1)]).await;
    assert_eq!(figures(&mut replica).await, [(1, 12)]);
    let error = replica.step(NOW, |client| client.rotate()).await.unwrap_err();
    assert!(matches!(error, Error::Sync(SyncError::NotAMember)), "{error}");
    drop(replica);
    let mut replica = world.open(&home).await;
    assert_eq!(figures(&mut replica).await, [(1, 12)]);
}
