//! A replica and a folder that it shares.

use std::fs;
use std::path::{Path, PathBuf};

use aimon_core::ids::DeviceId;
use aimon_ledger::statement::What;
use aimon_replica::Enrolment;
use aimon_replica::link::{Goal, Link, LinkError};
use aimon_replica::transport::{self, Address, Folder};
use tokio::sync::Mutex;

use super::world::{World, secret, workspace};
use super::*;

/// What time it is, today and on the next days.
const CLOCKS: [fn() -> UtcMillis; 3] = [|| NOW, || UtcMillis(NOW.0 + DAY), || UtcMillis(NOW.0 + 2 * DAY)];

/// The same day, just before an hour is over, and just behind it.
const AN_HOUR: [fn() -> UtcMillis; 2] = [|| UtcMillis(NOW.0 + 3_599_999), || UtcMillis(NOW.0 + 3_600_000)];

/// A device that shares a folder.
struct Scene {
    shared: TempDir,
    world: World,
    replica: Mutex<Replica>,
    _home: TempDir,
}

impl Scene {
    async fn new() -> Self {
        let (shared, home) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        Folder::begin(shared.path()).unwrap();
        let (world, mut replica) = workspace(&home).await;
        let address = Address::folder(shared.path()).unwrap().to_string();
        replica.set_relay(Some(&address)).await.unwrap();
        Self { shared, world, replica: Mutex::new(replica), _home: home }
    }

    /// An exchange with the folder, so many days later.
    async fn exchange(&self, days: usize) {
        self.exchange_of(&self.replica, days).await.unwrap();
    }

    async fn exchange_of(&self, replica: &Mutex<Replica>, days: usize) -> Result<(), LinkError> {
        self.run(replica, Goal::Even, CLOCKS[days]).await
    }

    async fn run(&self, replica: &Mutex<Replica>, goal: Goal, clock: fn() -> UtcMillis) -> Result<(), LinkError> {
        let address = Address::folder(self.shared.path()).unwrap();
        let mut link = Link::new(&address, &transport::Options::default(), clock).unwrap();
        link.run(replica, goal, &mut |_| {}).await
    }

    /// A file that holds half of a chunk that nobody here has.
    fn strange(&mut self) -> PathBuf {
        let own = self.world.a;
        let cut = self.world.calls(own, 0, &[call(3, 5, 0)]);
        let file = self.files("chunks")[0].with_file_name(cut.id().to_string());
        fs::write(&file, &cut.bytes()[..50]).unwrap();
        file
    }

    async fn seal(&self, days: usize) -> u64 {
        self.replica.lock().await.seal(CLOCKS[days]()).await.unwrap()
    }

    /// The files of chunks, or of statements.
    fn files(&self, what: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut open = vec![self.shared.path().join(self.world.id().to_string()).join(what)];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if entry.is_dir() { open.push(entry) } else { found.push(entry) }
            }
        }
        found
    }
}

fn damage(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(file, bytes).unwrap();
}

#[tokio::test]
async fn damaged_files_are_written_anew_once_a_day() {
    let scene = Scene::new().await;
    record(&mut *scene.replica.lock().await, &[call(1, 7, 0)]).await;
    scene.exchange(0).await;
    let [chunk] = &scene.files("chunks")[..] else { panic!() };
    let statement = &scene.files("statements")[1];
    for day in 1..3 {
        let whole = [chunk, statement].map(|file| fs::read(file).unwrap());
        [chunk, statement].into_iter().for_each(|file| damage(file));
        // Every file is read for it: not with each exchange.
        scene.exchange(day - 1).await;
        assert_ne!(fs::read(chunk).unwrap(), whole[0]);
        scene.exchange(day).await;
        assert_eq!([chunk, statement].map(|file| fs::read(file).unwrap()), whole, "day {day}");
    }
}

/// Whoever asks for it has the folder read through, however often.
#[tokio::test]
async fn damaged_files_are_written_anew_when_somebody_asks() {
    let scene = Scene::new().await;
    record(&mut *scene.replica.lock().await, &[call(1, 7, 0)]).await;
    scene.exchange(0).await;
    let [chunk] = &scene.files("chunks")[..] else { panic!() };
    let whole = fs::read(chunk).unwrap();
    for broken in [&whole[..whole.len() / 2], b"", &[&whole[1..], b"x"].concat()] {
        fs::write(chunk, broken).unwrap();
        scene.run(&scene.replica, Goal::Whole, CLOCKS[0]).await.unwrap();
        assert_eq!(fs::read(chunk).unwrap(), whole);
    }
}

/// Where something is wrong with it, it is not waited for the next day, but for an hour.
#[tokio::test]
async fn a_folder_that_holds_something_damaged_is_read_through_once_an_hour() {
    let mut scene = Scene::new().await;
    record(&mut *scene.replica.lock().await, &[call(1, 7, 0)]).await;
    scene.exchange(0).await;
    let [chunk] = &scene.files("chunks")[..] else { panic!() };
    let whole = fs::read(chunk).unwrap();
    damage(chunk);
    let mended = async |scene: &Scene, clock: usize| {
        scene.run(&scene.replica, Goal::Even, AN_HOUR[clock]).await.unwrap();
        fs::read(chunk).unwrap() == whole
    };
    assert!(!mended(&scene, 1).await, "nothing tells of it");
    scene.strange();
    assert!(!mended(&scene, 0).await, "not so soon");
    assert!(mended(&scene, 1).await);
}

/// What is lacking here, and damaged there, is counted for as long as it may be arriving.
#[tokio::test]
async fn damaged_files_that_are_lacking_are_counted() {
    let mut scene = Scene::new().await;
    record(&mut *scene.replica.lock().await, &[call(1, 7, 0)]).await;
    scene.exchange(0).await;
    let count = async |scene: &Scene| {
        scene.exchange(0).await;
        scene.replica.lock().await.damaged_files().await.unwrap()
    };
    assert_eq!(count(&scene).await, 0);
    let file = scene.strange();
    assert_eq!(count(&scene).await, 1);
    let old = fs::File::options().write(true).open(&file).unwrap();
    old.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(86_401)).unwrap();
    assert_eq!(count(&scene).await, 0, "nobody has it");
    // One that is held is none that is lacking.
    damage(&scene.files("chunks").into_iter().find(|other| *other != file).unwrap());
    assert_eq!(count(&scene).await, 0);
}

/// Not by whoever joins: that this is the folder, and not something else, a member knows.
#[tokio::test]
async fn a_damaged_marker_is_written_anew_by_a_member() {
    let scene = Scene::new().await;
    record(&mut *scene.replica.lock().await, &[call(1, 7, 0)]).await;
    scene.exchange(0).await;
    let marker = scene.shared.path().join("aimon.folder");
    for broken in ["q", ""] {
        fs::write(&marker, broken).unwrap();
        assert!(Folder::open(scene.shared.path()).is_err());
        scene.exchange(0).await;
        assert_eq!(fs::read_to_string(&marker).unwrap(), "1", "{broken:?}");
    }
    // What is newer, or gone, is not touched.
    fs::write(&marker, "2").unwrap();
    assert_eq!(scene.exchange_of(&scene.replica, 0).await.unwrap_err().code(), "shared-folder-newer");
    fs::remove_file(&marker).unwrap();
    assert_eq!(scene.exchange_of(&scene.replica, 0).await.unwrap_err().code(), "not-a-shared-folder");
}

/// What a device wrote before it was set back, and what its clone writes, lies in the folder: it is held before a day is sealed.
#[tokio::test]
async fn a_day_is_sealed_by_who_has_found_the_folder_whole() {
    let mut scene = Scene::new().await;
    record(&mut *scene.replica.lock().await, &[call(1, 7, 0)]).await;
    record(&mut *scene.replica.lock().await, &[call(2, 7, 0)]).await;
    assert_eq!(scene.seal(1).await, 0, "nothing was heard of it yet");
    scene.exchange(0).await;
    let own = scene.world.a;
    let cloned = scene.world.calls(own, 0, &[call(3, 5, 0)]);
    let day = scene.files("chunks")[0].parent().unwrap().to_owned();
    let file = day.join(cloned.id().to_string());
    fs::write(&file, &cloned.bytes()[..100]).unwrap();
    scene.exchange(1).await;
    assert_eq!(scene.seal(1).await, 0, "a file has not arrived yet");
    fs::write(&file, cloned.bytes()).unwrap();
    scene.exchange(1).await;
    assert_eq!(scene.seal(1).await, 1);
    assert_eq!(scene.seal(1).await, 0, "once a day");
    // A folder that is gone is not known to be whole any more.
    record(&mut *scene.replica.lock().await, &[call(4, 5, 0)]).await;
    fs::rename(scene.shared.path(), scene.shared.path().with_extension("away")).unwrap();
    let address = Address::folder(scene.shared.path());
    let mut link = Link::new(&address.unwrap(), &transport::Options::default(), CLOCKS[2]).unwrap();
    let gone = link.run(&scene.replica, Goal::Even, &mut |_| {}).await;
    assert_eq!(gone.unwrap_err().code(), "no-shared-folder");
    assert_eq!(scene.seal(2).await, 0);
    fs::rename(scene.shared.path().with_extension("away"), scene.shared.path()).unwrap();
    scene.exchange(2).await;
    assert_eq!(scene.seal(2).await, 1);
}

/// A file that nobody can write anew, because nobody holds what it was, holds up nobody for good.
#[tokio::test]
async fn a_damaged_file_is_waited_for_as_long_as_it_may_be_arriving() {
    let mut scene = Scene::new().await;
    record(&mut *scene.replica.lock().await, &[call(1, 7, 0)]).await;
    record(&mut *scene.replica.lock().await, &[call(2, 7, 0)]).await;
    scene.exchange(0).await;
    let own = scene.world.a;
    let cut = scene.world.calls(own, 0, &[call(3, 5, 0)]);
    let unsaid = scene.world.say(super::world::B, What::Vouch { device: own, listed: vec![] });
    let [day, statements] = ["chunks", "statements"].map(|what| scene.files(what)[0].parent().unwrap().to_owned());
    let files =
        [(day.join(cut.id().to_string()), cut.bytes()), (statements.join(unsaid.id().to_string()), unsaid.bytes())];
    for (file, bytes) in &files {
        fs::write(file, &bytes[..50]).unwrap();
    }
    for (arrived, (file, _)) in files.iter().enumerate() {
        scene.exchange(1).await;
        assert_eq!(scene.seal(1).await, 0, "{arrived} of two are known to be damaged");
        let file = fs::File::options().write(true).open(file).unwrap();
        file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(86_401)).unwrap();
    }
    scene.exchange(1).await;
    assert_eq!(scene.seal(1).await, 1);
}

/// It reads all that lies there and is not held here: not at every exchange.
#[tokio::test]
async fn what_does_not_count_is_removed_once_a_day_and_when_something_is_purged() {
    let scene = Scene::new().await;
    record(&mut *scene.replica.lock().await, &[call(1, 7, 0)]).await;
    scene.exchange(0).await;
    let day = scene.files("chunks")[0].parent().unwrap().to_owned();
    let expired = day.with_file_name("2001-01-01");
    let put = || {
        fs::create_dir_all(&expired).unwrap();
        fs::write(expired.join("ab".repeat(32)), b"old").unwrap();
    };
    put();
    scene.exchange(0).await;
    assert!(expired.exists(), "it was done today");
    scene.exchange(1).await;
    assert!(!expired.exists(), "a day later");
    put();
    let selection = aimon_core::sync::Selection::default();
    let mut replica = scene.replica.lock().await;
    replica.purge(UtcDay(0)..=UtcDay(1), &selection, CLOCKS[1]()).await.unwrap();
    drop(replica);
    scene.exchange(1).await;
    assert!(!expired.exists(), "a purge");
}

/// All that lay there is lost, and the first that comes is a device that only the phrase knows: each gives the other its key.
#[tokio::test]
async fn an_emptied_folder_is_filled_by_devices_that_did_not_know_each_other() {
    let scene = Scene::new().await;
    record(&mut *scene.replica.lock().await, &[call(1, 7, 0)]).await;
    scene.exchange(0).await;
    fs::remove_dir_all(scene.shared.path()).unwrap();
    fs::create_dir(scene.shared.path()).unwrap();
    Folder::begin(scene.shared.path()).unwrap();

    let home = TempDir::new().unwrap();
    let mut other = open(&home).await;
    record(&mut other, &[call(2, 5, 1)]).await;
    let device = DeviceId([0xc; 16]);
    let statements = World::alone(device).statements();
    other.join(Enrolment { device, secret: secret(device), statements, relay: None }, NOW).await.unwrap();
    let other = Mutex::new(other);
    for _ in 0..2 {
        scene.exchange_of(&other, 0).await.unwrap();
        scene.exchange(0).await;
    }
    scene.exchange_of(&other, 0).await.unwrap();
    for replica in [&scene.replica, &other] {
        assert_eq!(figures(&mut *replica.lock().await).await, [(0, 7), (1, 5)]);
    }
}

/// It says so each time, and what it has to say of members is heard.
#[tokio::test]
async fn a_revoked_device_is_never_in_step_with_a_folder() {
    let mut scene = Scene::new().await;
    scene.exchange(0).await;
    let a = scene.world.a;
    let revoke = scene.world.say(super::world::B, What::Revoke { device: a, listed: vec![] });
    let folder = scene.files("statements")[0].parent().unwrap().to_owned();
    fs::write(folder.join(revoke.id().to_string()), revoke.bytes()).unwrap();
    record(&mut *scene.replica.lock().await, &[call(1, 7, 0)]).await;
    let own = scene.replica.lock().await.step(NOW, |client| client.revoke(super::world::B)).await;
    own.unwrap();
    let said = scene.files("statements").len();
    for _ in 0..3 {
        let error = scene.exchange_of(&scene.replica, 0).await.unwrap_err();
        assert_eq!(error.code(), "device-revoked");
    }
    assert!(scene.files("statements").len() > said, "its own revoke stands too");
}
