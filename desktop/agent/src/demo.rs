//! The demo's data folder: made-up logs of made-up machines, apart from everything real.
//!
//! The logs are written by the generator that the tests use, and read by the collectors that read
//! real ones. `demo.json` makes a folder the demo's: it is written first and looked for whenever a
//! folder is opened, so made-up figures say so wherever they show.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aimon_core::event::Event;
use aimon_core::ids::DeviceId;
use aimon_core::time::UtcMillis;
use aimon_replica::{Commit, Replica};
use aimon_sources::collector::{Env, Os};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::error::{Error, Result};
use crate::place::{Machine, Place};
use crate::statusline::{Reading, Seen};
use crate::{home, scan, windows};

/// The file that makes a folder the demo's.
pub const FILE: &str = "demo.json";
/// Where its machines' homes lie.
pub const MACHINES: &str = "machines";

/// What the file says.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Demo {
    /// The last day that its logs hold; another day makes them anew.
    pub day: String,
    /// Its machines: name and device.
    pub machines: BTreeMap<String, String>,
}

/// Whether a folder is the demo's.
pub fn is_demo(home: &Path) -> bool {
    home.join(FILE).exists()
}

impl Demo {
    /// What makes this folder a demo's, if it is one. A file that can't be read still makes it one:
    /// what is made up is never taken for real.
    pub fn of(home: &Path) -> Option<Self> {
        if !is_demo(home) {
            return None;
        }
        let text = std::fs::read(home.join(FILE)).unwrap_or_default();
        Some(serde_json::from_slice(&text).unwrap_or_default())
    }

    fn write(&self, home: &Path) -> Result<()> {
        home::write_private(&home.join(FILE), &serde_json::to_vec(self).unwrap_or_default())
    }

    /// Its machines, each in a home of its own.
    pub fn machines(&self, home: &Path) -> Vec<Machine> {
        self.machines
            .iter()
            .map(|(name, device)| Machine {
                env: Env::at(home.join(MACHINES).join(name), Os::Linux),
                origin: DeviceId::parse(device),
            })
            .collect()
    }

    /// Names of its machines, by their devices' ids.
    pub fn names(&self) -> BTreeMap<String, String> {
        self.machines.iter().map(|(name, device)| (device.clone(), name.clone())).collect()
    }
}

/// Makes the demo in its folder, unless today's is there already. Returns the place.
pub async fn make(folder: PathBuf) -> Result<Place> {
    if !is_demo(&folder) && std::fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Error::Demo(format!("{} holds something that is not the demo's", folder.display())));
    }
    let now = crate::dates::now();
    let today = now.day().to_string();
    if Demo::of(&folder).is_some_and(|d| d.day == today) {
        return Place::at(folder);
    }
    // Opening it makes the folder for its owner only, and finds out whether somebody uses it.
    let opened = Place::at(folder.clone())?.try_open().await?;
    if opened.is_none() {
        return Place::at(folder);
    }
    drop(opened);
    Demo::default().write(&folder)?;
    clear(&folder)?;
    let plan = aimon_generator::Plan::demo(now.0);
    let devices = plan.machines.iter().enumerate().map(|(i, m)| (m.name.clone(), device(i, now).to_string()));
    let demo = Demo { day: today, machines: devices.collect() };
    let into = folder.join(MACHINES);
    // The generator has a runtime of its own for its databases: it needs a thread of its own too.
    let made = std::thread::spawn(move || aimon_generator::generate(&plan, &into).map(|_| ())).join();
    match made {
        Ok(made) => made.map_err(|e| Error::Demo(e.to_string()))?,
        Err(_) => return Err(Error::Demo("the generator failed".to_owned())),
    }
    demo.write(&folder)?;
    let place = Place::at(folder)?;
    let replica = Mutex::new(place.open().await?);
    scan::scan(&replica, &place, true).await?;
    let mut replica = replica.into_inner();
    keep_windows(&mut replica, now).await?;
    replica.settle().await;
    Ok(place)
}

/// Throws away what an earlier demo left, and nothing else.
fn clear(folder: &Path) -> Result<()> {
    let failed = |path: &Path, source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => Ok(()),
        _ => Err(Error::Write { path: path.to_owned(), source }),
    };
    let machines = folder.join(MACHINES);
    std::fs::remove_dir_all(&machines).or_else(|e| failed(&machines, e))?;
    for end in ["", "-wal", "-shm"] {
        let path = folder.join(format!("{}{end}", home::DATABASE));
        std::fs::remove_file(&path).or_else(|e| failed(&path, e))?;
    }
    Ok(())
}

/// The id of the demo's nth machine: of its day, and the same each time on that day.
fn device(nth: usize, now: UtcMillis) -> DeviceId {
    let mut random = [0xde; 10];
    random[9] = nth as u8 + 1;
    DeviceId::new(now.day().start().0.unsigned_abs(), random)
}

/// Claude Code tells its status line of its windows; nobody has one open here.
async fn keep_windows(replica: &mut Replica, now: UtcMillis) -> Result<()> {
    let at = now.0.div_euclid(1000);
    let seen = |window: &str, used_ppm, resets_in: i64, length| Seen {
        window: window.to_owned(),
        used_ppm,
        resets_at: Some(at + resets_in),
        window_seconds: Some(length),
    };
    let windows = vec![seen("5h", 420_000, 7_380, 18_000), seen("7d", 730_000, 200_000, 604_800)];
    let reading = Reading { account: "claude-code".to_owned(), windows };
    let answer = windows::answer(&reading.account, &reading.windows(now), now);
    replica.record(Commit { events: vec![Event::Answer(answer)], marks: Vec::new(), now }).await?;
    Ok(())
}
