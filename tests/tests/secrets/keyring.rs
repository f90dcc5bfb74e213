//! A real gnome-keyring on a bus of its own: what `cargo xtask test` installs where it may.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aimon_tests::command::sealed;
use aimon_tests::{Device, folder_address};

use crate::rig::{KEY, add, holding, home, provider};

/// A session bus that starts nothing by itself: no prompt comes up on anybody's screen.
const BUS: &str = r#"<busconfig><type>session</type><listen>unix:dir=FOLDER</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>"#;

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file());
    assert!(
        found.is_some() || std::env::var_os("CI").is_none(),
        "{name} is not there: `cargo xtask test` installs it as root; else `sudo apt-get install -y dbus gnome-keyring`"
    );
    found
}

/// Ended with whoever holds it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A user's session.
struct Session {
    dir: tempfile::TempDir,
    address: String,
    keyring: PathBuf,
    _bus: Running,
}

impl Session {
    /// `None` where there is no keyring on this machine.
    fn start() -> Option<Self> {
        let (bus, keyring) = (program("dbus-daemon")?, program("gnome-keyring-daemon")?);
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("bus.xml");
        std::fs::write(&config, BUS.replace("FOLDER", dir.path().to_str().unwrap())).unwrap();
        let mut bus = sealed(&bus, dir.path())
            .arg(format!("--config-file={}", config.display()))
            .args(["--nofork", "--print-address", "--nosyslog"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(bus.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Some(Self { dir, address: address.trim().to_owned(), keyring, _bus: Running(bus) })
    }

    /// The keyring's process; unlocked where it is told the password.
    fn keyring(&self, password: Option<&str>) -> Running {
        let mut command: Command = sealed(&self.keyring, self.dir.path());
        command.args(["--foreground", "--components=secrets"]).args(password.map(|_| "--unlock"));
        command.env("DBUS_SESSION_BUS_ADDRESS", &self.address).env("XDG_RUNTIME_DIR", self.dir.path());
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().map(Running).unwrap();
        let mut input = child.0.stdin.take().unwrap();
        input.write_all(password.unwrap_or_default().as_bytes()).unwrap();
        drop(input);
        child
    }

    /// A device whose user is in this session.
    fn device(&self) -> Device {
        let device = Device::new("2026-11-05");
        device.rig.env("AIMON_SECRET_STORE", "keychain").env("DBUS_SESSION_BUS_ADDRESS", &self.address);
        device
    }
}

/// Waits, as a keyring needs a moment to come up.
fn until(is_so: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < end, "the keyring does not come up as it should");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_key_lies_in_the_keyring_and_nowhere_else() {
    let Some(session) = Session::start() else { return };
    let (device, server) = (session.device(), provider());
    let folder = device.rig.path("shared");
    std::fs::create_dir(&folder).unwrap();
    let keyring = session.keyring(Some("correct horse"));
    let create = ["workspace", "create", "--relay", &folder_address(&folder), "--name", "w", "--json"];
    until(|| device.rig.run(&create).code == Some(0));
    add(&device, &server).fine();
    assert!(!home(&device).join("secrets").exists(), "a file, though there is a keyring");
    let keyrings = session.dir.path().join(".local/share/keyrings");
    let found = holding(&[home(&device), keyrings, folder.clone()], KEY.as_bytes());
    assert_eq!(found, [""; 0].map(PathBuf::from));

    // Another process of ours reads it, and so it does after the keyring's own has been another one.
    let asked = |device: &Device| {
        server.forget();
        device.run(&["poll", "--force"]);
        server.requests().len()
    };
    assert!(asked(&device) > 0);
    drop(keyring);
    let keyring = session.keyring(Some("correct horse"));
    until(|| device.rig.run(&["sync"]).code == Some(0));
    assert!(asked(&device) > 0);
    drop(keyring);

    // Locked: what needs a secret says so, and what to do; what does not, goes on and says what is missing.
    let keyring = session.keyring(None);
    until(|| device.rig.run(&["sync"]).err.contains("keychain-locked"));
    let said = device.rig.run(&["sync"]);
    said.refused("keychain-locked", 1);
    assert!(said.err.contains("gnome-keyring-daemon --unlock"), "{}", said.err);
    let said = device.run(&["report", "daily"]);
    assert!(said.err.contains("keychain-locked"), "{}", said.err);
    assert!(!home(&device).join("secrets").exists(), "what is locked out does not fall back to a file");
    drop(keyring);
    device.rig.run(&["sync"]).refused("keychain-failed", 1);

    // What is removed is gone there.
    let _keyring = session.keyring(Some("correct horse"));
    until(|| device.rig.run(&["account", "remove", "openai"]).code == Some(0));
    device.run(&["sync"]);
    device.run(&["workspace", "leave", "--lose", "--yes"]);
    assert!(!home(&device).join("secrets.json").exists());
}
