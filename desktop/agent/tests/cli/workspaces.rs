//! Two machines in one workspace, with a shared folder for a relay.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use tempfile::TempDir;

use crate::machine::{Machine, Said};

/// The machines, and the folder between them.
pub struct Two {
    pub laptop: Machine,
    pub desktop: Machine,
    /// The workspace's phrase.
    pub phrase: String,
    shared: TempDir,
}

/// What time it is in these tests.
pub const NOW: &str = "2026-11-24T12:00:00Z";

/// A machine that keeps its keys in a file, at a time of its own.
pub fn settled(mut machine: Machine) -> Machine {
    machine.env.push(("AIMON_SECRET_STORE", "file".to_owned()));
    machine.env.push(("AIMON_TEST_NOW", NOW.to_owned()));
    machine
}

/// A line of Claude Code's log.
pub fn line(session: &str, n: u32, time: &str, model: &str) -> String {
    format!(
        r#"{{"type":"assistant","timestamp":"{time}","sessionId":"{session}","version":"2.1.100","requestId":"req_{session}_{n}","isSidechain":false,"message":{{"id":"msg_{session}_{n}","model":"{model}","usage":{{"input_tokens":10,"output_tokens":{n}}}}}}}"#
    ) + "\n"
}

impl Two {
    /// The laptop, with logs, has opened a workspace; the desktop, with one call of its own, has joined it.
    pub fn paired() -> Self {
        let shared = TempDir::new().unwrap();
        let (laptop, desktop) = (settled(Machine::with_logs()), settled(Machine::empty()));
        desktop.write(".claude/projects/p/other.jsonl", &line("session-2", 7, "2026-11-23T10:00:00.000Z", "model-a"));
        let mut two = Self { laptop, desktop, shared, phrase: String::new() };
        std::fs::create_dir(two.relay_folder()).unwrap();
        two.laptop.run(&["scan"]).fine();
        two.desktop.run(&["scan"]).fine();
        let created = two.laptop.run(&["workspace", "create", "--relay", &two.relay(), "--json"]).json();
        two.phrase = created["phrase"].as_str().unwrap().to_owned();
        two.laptop.run(&["settings", "set", "device-name", "laptop"]).fine();
        two.join(&two.desktop, "desktop");
        two.sync();
        two
    }

    pub fn relay(&self) -> String {
        format!("file://{}", self.shared.path().join("relay").display())
    }

    pub fn relay_folder(&self) -> std::path::PathBuf {
        self.shared.path().join("relay")
    }

    /// Another machine comes in by the laptop's code, which is given back: it is spent.
    pub fn join(&self, machine: &Machine, name: &str) -> String {
        let mut pair = self
            .laptop
            .command(&["pair", "--json", "--yes"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(pair.stdout.take().unwrap());
        let mut code = String::new();
        lines.read_line(&mut code).unwrap();
        let joined = machine.pipe(&["join", "-", "--yes", "--name", name], &code);
        if joined.code != 0 {
            let _ = pair.kill();
        }
        let paired = Said::from(pair.wait_with_output().unwrap());
        assert!(joined.code == 0 && paired.code == 0, "{joined:?}\n{paired:?}");
        code
    }

    /// How many devices the workspace has, to the laptop, once it has heard what lies in the folder.
    pub fn members(&self) -> u64 {
        self.laptop.run(&["sync"]).fine();
        self.laptop.run(&["workspace", "show", "--json"]).json()["devices"].as_u64().unwrap()
    }

    /// Each has what the other has.
    pub fn sync(&self) {
        for machine in [&self.laptop, &self.desktop, &self.laptop] {
            machine.run(&["sync"]).fine();
        }
    }

    /// What both say to a command, which is the same.
    #[track_caller]
    pub fn both(&self, args: &[&str]) -> serde_json::Value {
        let (one, other) = (self.laptop.run(args), self.desktop.run(args));
        assert_eq!(one.out, other.out, "{args:?}");
        one.json()
    }
}

/// The device that is called so.
pub fn device(listed: &serde_json::Value, name: &str) -> serde_json::Value {
    let devices = listed["devices"].as_array().unwrap();
    devices.iter().find(|device| device["name"] == name).unwrap_or_else(|| panic!("{name}: {listed}")).clone()
}

/// The folder was emptied, or is another one from now on: whoever moves there fills it.
#[test]
fn a_workspace_goes_on_in_another_folder() {
    let two = Two::paired();
    let emptied = two.relay_folder();
    std::fs::remove_dir_all(&emptied).unwrap();
    std::fs::create_dir(&emptied).unwrap();
    let said = two.laptop.run(&["sync"]);
    assert!(said.err.contains("not-a-shared-folder") && said.err.contains("workspace move"), "{}", said.err);
    two.laptop.run(&["workspace", "move", "--relay", &two.relay()]).fine();
    two.desktop.run(&["sync"]).fine();

    let other = two.shared.path().join("other");
    let address = format!("file://{}", other.display());
    let said = two.laptop.run(&["workspace", "move", "--relay", &address]);
    assert!(said.err.contains("no-shared-folder"), "{}", said.err);
    two.laptop.run(&["sync"]).fine();
    std::fs::create_dir(&other).unwrap();
    for machine in [&two.laptop, &two.desktop] {
        machine.run(&["workspace", "move", "--relay", &address]).fine();
    }
    two.desktop.write(".claude/projects/p/late.jsonl", &line("session-3", 9, "2026-11-23T11:00:00.000Z", "model-a"));
    two.desktop.run(&["scan"]).fine();
    two.desktop.run(&["sync"]).fine();
    two.laptop.run(&["sync"]).fine();
    let reports = [&two.laptop, &two.desktop].map(|m| m.run(&["report", "--json", "--as-of", "2026-11-24"]).out);
    assert!(reports[0].contains("model-a"));
    assert_eq!(reports[0], reports[1]);
}

/// A workspace whose phrase nobody has seen is lost with its devices: it is not begun.
#[cfg(target_os = "linux")]
#[test]
fn without_its_phrase_shown_no_workspace_is_begun() {
    let shared = TempDir::new().unwrap();
    let laptop = settled(Machine::with_logs());
    laptop.run(&["scan"]).fine();
    let relay = format!("file://{}", shared.path().display());
    for more in [&[][..], &["--json"]] {
        let args = [&["workspace", "create", "--relay", &relay], more].concat();
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let said = Said::from(laptop.command(&args).stdout(full).stderr(Stdio::piped()).output().unwrap());
        assert!(said.code == 4 && said.err.contains("error[output-failed]"), "{said:?}");
        laptop.run(&["workspace", "show"]).failed(1, "no-workspace");
    }
    laptop.run(&["workspace", "create", "--relay", &relay]).fine();
    laptop.run(&["workspace", "show"]).fine();
}
