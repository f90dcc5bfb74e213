//! Logs of one person on several machines, and what lies between these.

use aimon_generator::{Plan, Prng, generate};
use aimon_tests::files::{self, File};
use aimon_tests::proxy::Proxy;
use aimon_tests::{Device, Relay, Rig, folder_address};
use tempfile::TempDir;

/// Zones whose days begin at other instants than quarters of UTC's.
pub const ZONES: [&str; 2] = ["America/Los_Angeles", "Asia/Kathmandu"];

/// What devices share their history over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Over {
    Socket,
    /// Something on the way lets no socket through.
    Requests,
    Folder,
}

/// A relay of any kind.
pub struct Place {
    pub dir: TempDir,
    pub relay: Option<Relay>,
    pub proxy: Option<Proxy>,
    pub url: String,
}

impl Place {
    pub fn new(over: Over) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("relay");
        match over {
            Over::Socket => {
                let relay = Relay::start(&data);
                let url = relay.url();
                Self { dir, relay: Some(relay), proxy: None, url }
            }
            Over::Requests => Self::behind(dir, Proxy::start(true), "warn"),
            Over::Folder => {
                let shared = dir.path().join("shared");
                std::fs::create_dir(&shared).unwrap();
                let url = folder_address(&shared);
                Self { dir, relay: None, proxy: None, url }
            }
        }
    }

    /// A relay behind a proxy, by whose address it is known.
    pub fn behind(dir: TempDir, proxy: Proxy, log: &str) -> Self {
        let url = proxy.url();
        let relay = Relay::with(&dir.path().join("relay"), &["--origin", &url], log);
        proxy.leads_to(relay.port());
        Self { dir, relay: Some(relay), proxy: Some(proxy), url }
    }

    /// Whether everything went as this transport has it.
    pub fn check(&self, over: Over) {
        let Some(proxy) = &self.proxy else { return };
        let traffic = proxy.traffic();
        let has = |text: &str| traffic.iter().any(|way| String::from_utf8_lossy(way).contains(text));
        assert!(has("GET /v1/socket"), "a socket is tried first");
        assert_eq!(has("101 Switching Protocols"), over == Over::Socket);
    }
}

/// Logs, and the day that counts as today.
pub struct Logs {
    pub files: Vec<File>,
    pub today: String,
}

impl Logs {
    /// Those of two weeks up to today, with every trap: a workspace keeps 180 days by the clock.
    pub fn new(seed: u64) -> Self {
        Self::of(&Plan { days: 14, ..Plan::truth(seed) })
    }

    pub fn of(plan: &Plan) -> Self {
        let now = jiff::Timestamp::now();
        let dir = tempfile::tempdir().unwrap();
        let made = generate(&Plan { end: now.as_millisecond(), ..plan.clone() }, dir.path()).unwrap();
        let today = jiff::tz::TimeZone::UTC.to_datetime(now).date().to_string();
        Self { files: files::all(&made.machines[0].home), today }
    }

    pub fn device(&self) -> Device {
        Device::new(&self.today)
    }

    /// All on one machine, scanned.
    pub fn union(&self) -> Rig {
        let device = self.device();
        for (path, bytes) in &self.files {
            files::put(&device.rig.home().join(path), bytes);
        }
        device.rig.scan();
        device.rig
    }

    /// The files as they get about: each on one machine, a third of them on another one too, and there often only half of it.
    pub fn spread(&self, machines: usize, seed: u64) -> Vec<Vec<File>> {
        let mut rng = Prng::of(&[seed, 0x5b]);
        let mut homes = vec![Vec::new(); machines];
        for (path, bytes) in &self.files {
            let first = rng.below(machines as u64) as usize;
            homes[first].push((path.clone(), bytes.clone()));
            if !rng.chance(333) {
                continue;
            }
            let other = (first + 1 + rng.below(machines as u64 - 1) as usize) % machines;
            let grows = path.extension().is_some_and(|e| e == "jsonl");
            let end = if grows && rng.chance(500) { rng.below(bytes.len() as u64 + 1) as usize } else { bytes.len() };
            homes[other].push((path.clone(), bytes[..end].to_vec()));
        }
        homes
    }
}

/// Lays logs down on a machine.
pub fn lay(device: &Device, logs: &[File]) {
    for (path, bytes) in logs {
        files::put(&device.rig.home().join(path), bytes);
    }
}

/// All devices hold the same events and say the same in every report, byte by byte.
pub fn expect_one_history(devices: &[&Device]) {
    let events = devices[0].records();
    assert!(events.iter().any(|(_, bytes)| !bytes.is_empty()));
    for (n, device) in devices.iter().enumerate().skip(1) {
        assert!(device.records() == events, "device {n} holds other events than device 0");
    }
    for zone in ZONES {
        let reports = devices[0].reports(zone);
        for (n, device) in devices.iter().enumerate().skip(1) {
            assert_eq!(device.reports(zone), reports, "{zone}: device {n} says something else than device 0");
        }
    }
}

/// They say what one machine says that has all logs; that this is the truth, `truth.rs` shows.
pub fn expect_union(devices: &[&Device], logs: &Logs) {
    expect_one_history(devices);
    let union = logs.union();
    for zone in ZONES {
        assert_eq!(Device::undivided(&devices[0].rig, zone), Device::undivided(&union, zone), "{zone}");
    }
}
