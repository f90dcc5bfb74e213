//! A machine that shares its history with others.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::Rig;
use crate::command::Said;

/// A machine with a secret store of its own, for workspaces.
pub struct Device {
    /// Its logs, its data folder, its commands.
    pub rig: Rig,
}

/// A workspace that was created.
#[derive(Clone, Debug)]
pub struct Created {
    /// Its id.
    pub workspace: String,
    /// Its phrase.
    pub phrase: String,
}

impl Device {
    /// A machine without logs, on which `today` is today.
    pub fn new(today: &str) -> Self {
        let rig = Rig::new();
        rig.today_is(today).env("AIMON_SECRET_STORE", "file").env("AIMON_RETENTION_DAYS", "180");
        Self { rig }
    }

    /// Runs a command that has to do what it is asked to.
    pub fn run(&self, args: &[&str]) -> Said {
        self.rig.run(args).fine()
    }

    /// Runs a command that reads `input`.
    ///
    /// # Panics
    /// When it can't be run.
    pub fn tell(&self, args: &[&str], input: &str) -> Said {
        // From a file: whoever ends without reading breaks no pipe.
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(input.as_bytes()).unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        Said::by(self.rig.command(args).stdin(file))
    }

    /// `aimon workspace create`.
    ///
    /// # Panics
    /// When it fails.
    pub fn create(&self, relay: &str, name: &str) -> Created {
        let said = self.run(&["workspace", "create", "--relay", relay, "--name", name, "--json"]);
        let said: Value = serde_json::from_str(&said.out).unwrap();
        let text = |key: &str| said[key].as_str().unwrap().to_owned();
        Created { workspace: text("workspace"), phrase: text("phrase") }
    }

    /// `aimon sync`.
    pub fn sync(&self) -> &Self {
        self.run(&["sync"]);
        self
    }

    /// What `aimon workspace show` says.
    ///
    /// # Panics
    /// When it fails.
    pub fn workspace(&self) -> Value {
        serde_json::from_str(&self.run(&["workspace", "show", "--json"]).out).unwrap()
    }

    /// Every report that has to be the same on every device, in a zone.
    pub fn reports(&self, zone: &str) -> Vec<String> {
        let divided = |by: &str| self.rig.run_report(&["daily", "--by", by], zone);
        let mut reports: Vec<String> = ["device", "session", "source"].map(divided).to_vec();
        reports.push(self.rig.run_report(&["session", "--breakdown"], zone));
        reports.push(self.rig.report(zone, &[]));
        reports
    }

    /// Those of them that don't say which device it was: a scan of all logs on one machine says the same.
    pub fn undivided(rig: &Rig, zone: &str) -> Vec<String> {
        vec![
            rig.run_report(&["daily", "--by", "session"], zone),
            rig.run_report(&["session", "--breakdown"], zone),
            rig.report(zone, &[]),
        ]
    }

    /// Every event, as `aimon export` writes it.
    pub fn records(&self) -> Vec<crate::files::File> {
        let to = tempfile::tempdir().unwrap();
        let folder = to.path().join("export");
        self.run(&["export", "--format", "jsonl", folder.to_str().unwrap()]);
        crate::files::all(&folder)
    }

    /// The file in which a secret lies, and its bytes.
    pub fn secrets(&self) -> Vec<crate::files::File> {
        crate::files::all(&self.rig.aimon_home().join("secrets"))
    }
}

/// `aimon pair` on one device, `aimon join` on the other. The code is given back: it is spent.
///
/// # Panics
/// When either fails.
pub fn pair(inviter: &Device, joiner: &Device, name: &str) -> String {
    let mut pairing = inviter.rig.command(&["pair", "--json", "--yes"]);
    let mut pairing = pairing.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
    let mut lines = BufReader::new(pairing.stdout.take().unwrap()).lines();
    let code = lines.next().expect("a line with the code").unwrap();
    joiner.tell(&["join", "-", "--yes", "--name", name], &code).fine();
    assert!(pairing.wait().unwrap().success(), "pair failed");
    assert!(lines.next().expect("a line that says who came").unwrap().contains("admitted"));
    code
}

/// A folder's address.
///
/// # Panics
/// When it has none.
pub fn folder_address(path: &Path) -> String {
    let path = path.canonicalize().unwrap();
    let text = path.to_str().unwrap().replace('\\', "/");
    format!("file:///{}", text.trim_start_matches('/'))
}
