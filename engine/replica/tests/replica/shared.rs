//! A replica and a folder that it shares.

use std::fs;
use std::path::{Path, PathBuf};

use aimon_replica::link::{Goal, Link};
use aimon_replica::transport::{self, Address, Folder};
use tokio::sync::Mutex;

use super::world::{World, workspace};
use super::*;

/// What time it is, today and on the next days.
const CLOCKS: [fn() -> UtcMillis; 3] = [|| NOW, || UtcMillis(NOW.0 + DAY), || UtcMillis(NOW.0 + 2 * DAY)];

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
        let address = Address::folder(self.shared.path()).unwrap();
        let mut link = Link::new(&address, &transport::Options::default(), None, CLOCKS[days]).unwrap();
        link.run(&self.replica, Goal::Even, &mut |_| {}).await.unwrap();
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
