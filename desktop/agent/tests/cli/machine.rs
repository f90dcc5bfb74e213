//! A machine with agent logs, and the command on it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A home folder with logs, and a data folder.
pub struct Machine {
    dir: TempDir,
    pub env: Vec<(&'static str, String)>,
}

/// One dollar for each million input tokens of `model-a`, 10 for output, 2 and 4 for cache writes,
/// 0.1 for reads.
const PRICES: &str = r#"{"models":{
    "model-a":{"input":"1","output":"10","cache_write":"2","cache_write_1h":"4","cache_read":"0.1"},
    "gpt-x":{"input":"2","output":"20","cache_read":"0.2"}}}"#;

impl Machine {
    /// Without any logs.
    pub fn empty() -> Self {
        let dir = TempDir::new().unwrap();
        std::fs::create_dir(dir.path().join("home")).unwrap();
        std::fs::write(dir.path().join("prices.json"), PRICES).unwrap();
        Self { dir, env: Vec::new() }
    }

    /// With two days of Claude Code, one of a model without a price, and a Codex session.
    pub fn with_logs() -> Self {
        let machine = Self::empty();
        let line = |n: u32, time: &str, model: &str, version: &str| {
            format!(
                r#"{{"type":"assistant","timestamp":"{time}","sessionId":"session-1","version":"{version}","requestId":"req_{n}","isSidechain":false,"message":{{"id":"msg_{n}","model":"{model}","usage":{{"input_tokens":10,"output_tokens":{},"cache_creation_input_tokens":1000,"cache_read_input_tokens":5000}}}}}}"#,
                n * 100
            )
        };
        machine.write(
            ".claude/projects/p/session-1.jsonl",
            &[
                line(1, "2026-11-20T10:00:00.000Z", "model-a", "2.1.100"),
                line(2, "2026-11-20T18:30:00.000Z", "model-a", "2.1.100"),
                "{\"type\":\"assistant\",\"message\":{\"usage\":".to_owned(),
                line(3, "2026-11-21T10:00:00.000Z", "nobody-knows", "2.1.100"),
                line(4, "2026-11-22T10:00:00.000Z", "model-a", "2.0.1"),
                String::new(),
            ]
            .join("\n"),
        );
        let usage = r#"{"input_tokens":100,"cached_input_tokens":20,"output_tokens":50,"reasoning_output_tokens":10,"total_tokens":150}"#;
        machine.write(
            ".codex/sessions/2026/11/20/rollout-2026-11-20T11-00-00-0199a213-0000-7000-8000-000000000001.jsonl",
            &[
                r#"{"timestamp":"2026-11-20T11:00:00.000Z","type":"session_meta","payload":{"id":"0199a213-0000-7000-8000-000000000001","timestamp":"2026-11-20T11:00:00.000Z"}}"#,
                r#"{"timestamp":"2026-11-20T11:00:01.000Z","type":"turn_context","payload":{"model":"gpt-x"}}"#,
                &format!(r#"{{"timestamp":"2026-11-20T11:00:02.000Z","type":"event_msg","payload":{{"type":"token_count","info":{{"total_token_usage":{usage},"last_token_usage":{usage}}},"rate_limits":{{"primary":{{"used_percent":12.5,"window_minutes":300,"resets_at":4000000000}}}}}}}}"#),
                "",
            ]
            .join("\n"),
        );
        machine
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.dir.path().join(relative)
    }

    pub fn home(&self) -> PathBuf {
        self.path("home")
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// Writes a log below the home folder.
    pub fn write(&self, relative: &str, text: &str) {
        let path = self.home().join(relative);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// The command, with nothing of this process' surroundings.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aimon"));
        command.args(args).env_clear().stdin(Stdio::null());
        // Windows starts nothing without it.
        for name in ["SYSTEMROOT", "PATH"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command
            .env("HOME", self.home())
            .env("USERPROFILE", self.home())
            .env("AIMON_HOME", self.data())
            .env("AIMON_PRICES", self.path("prices.json"))
            .env("TZ", "UTC")
            .envs(self.env.iter().cloned());
        command
    }

    pub fn run(&self, args: &[&str]) -> Said {
        Said::from(self.command(args).output().unwrap())
    }

    /// Runs it with something on its standard input.
    pub fn pipe(&self, args: &[&str], input: &str) -> Said {
        let mut command = self.command(args);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Whoever refuses before it reads breaks the pipe.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        Said::from(child.wait_with_output().unwrap())
    }

    /// A report of what is there, as of a day soon after the logs.
    pub fn json(&self, args: &[&str]) -> serde_json::Value {
        let mut all = args.to_vec();
        all.extend(["--json", "--as-of", "2026-11-24"]);
        self.run(&all).json()
    }
}

/// Damages every change in the database, as a failing disk would.
pub fn damage_changes(machine: &Machine) {
    // How Automerge begins a change; the four bytes behind are its checksum.
    const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
    // A scan ends with everything in the one file; what is left of the log beside it says the same.
    machine.run(&["scan"]).fine();
    for name in ["aimon.db-wal", "aimon.db-shm"] {
        let _ = std::fs::remove_file(machine.data().join(name));
    }
    let path = machine.data().join("aimon.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let found: Vec<usize> = bytes.windows(4).enumerate().filter(|(_, w)| *w == MAGIC).map(|(at, _)| at).collect();
    assert!(!found.is_empty());
    found.iter().for_each(|at| bytes[at + 4] ^= 1);
    std::fs::write(path, bytes).unwrap();
}

/// What a command said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Said {
    #[track_caller]
    pub fn fine(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    #[track_caller]
    pub fn json(self) -> serde_json::Value {
        let said = self.fine();
        serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{e}: {said:?}"))
    }

    /// It failed with a code, said what to do, and left the output alone.
    #[track_caller]
    pub fn failed(self, exit: i32, code: &str) -> Self {
        assert_eq!(self.code, exit, "{self:?}");
        assert!(self.err.contains(&format!("error[{code}]: ")), "{self:?}");
        assert!(self.err.contains("\nhelp: "), "{self:?}");
        assert_eq!(self.out, "", "{self:?}");
        assert!(!self.err.contains('\u{1b}'), "no colours without a terminal: {self:?}");
        self
    }
}

/// All files below a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() { out.extend(files(&entry.path())) } else { out.push(entry.path()) }
    }
    out.sort();
    out
}
