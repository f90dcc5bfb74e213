//! The logs to measure on: made once, kept in the target folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use aimon_generator::{Plan, generate as write};

use crate::Options;

/// Another number makes them anew.
const VERSION: u32 = 3;

/// Generated logs.
pub struct Logs {
    pub home: PathBuf,
    pub calls: u64,
    pub files: u64,
    pub bytes: u64,
}

impl Logs {
    pub fn says(&self) -> String {
        format!(
            "{} MB of Claude Code and Codex logs in {} files, {} calls",
            self.bytes / 1_000_000,
            self.files,
            self.calls
        )
    }
}

/// The logs that tools are compared on.
pub fn bench(options: &Options) -> Logs {
    made(options, "bench", options.days)
}

/// Light logs of any number of days.
pub fn history(options: &Options, days: u32) -> Logs {
    made(options, "history", days)
}

fn made(options: &Options, kind: &str, days: u32) -> Logs {
    let dir = options.target.join("bench-logs").join(format!("{kind}-{days}-v{VERSION}"));
    let note = dir.join("logs.txt");
    if !note.is_file() {
        let _ = fs::remove_dir_all(&dir);
        eprintln!("writing {kind} logs of {days} days …");
        let me = std::env::current_exe().unwrap();
        let done = Command::new(me).args(["--generate", kind, &days.to_string()]).arg(&dir).status().unwrap();
        assert!(done.success(), "logs could not be written");
    }
    let text = fs::read_to_string(&note).unwrap();
    let mut lines = text.lines();
    let home = PathBuf::from(lines.next().unwrap());
    let mut number = || lines.next().unwrap().parse().unwrap();
    Logs { home, calls: number(), files: number(), bytes: number() }
}

/// Writes logs into `dir` and notes what they hold.
pub fn generate(kind: &str, days: u32, dir: &Path) {
    let plan = if kind == "bench" { Plan::bench(days) } else { Plan::history(days) };
    let made = write(&plan, dir).unwrap();
    let home = made.machines[0].home.display();
    let calls = made.truth.calls.len();
    fs::write(dir.join("logs.txt"), format!("{home}\n{calls}\n{}\n{}\n", made.files, made.bytes)).unwrap();
}

/// A megabyte of new Claude Code lines, never seen before.
pub fn megabyte(seed: u64) -> Vec<u8> {
    let mut text = String::with_capacity(1_100_000);
    let filler = "the same again, with feeling. ".repeat(60);
    for n in 0.. {
        if text.len() >= 1_000_000 {
            break;
        }
        let id = seed * 100_000 + n;
        text.push_str(&format!(
            "{{\"type\":\"user\",\"message\":{{\"role\":\"user\",\"content\":\"{filler}\"}},\"timestamp\":\"2026-11-05T10:00:00.000Z\"}}\n{{\"parentUuid\":null,\"isSidechain\":false,\"sessionId\":\"bench-{seed}\",\"version\":\"2.2.4\",\"message\":{{\"model\":\"claude-opus-4-8\",\"id\":\"msg_{id}\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[{{\"type\":\"text\",\"text\":\"{}\"}}],\"usage\":{{\"input_tokens\":4,\"cache_creation_input_tokens\":900,\"cache_read_input_tokens\":40000,\"output_tokens\":210}}}},\"requestId\":\"req_{id}\",\"type\":\"assistant\",\"uuid\":\"u{id}\",\"timestamp\":\"2026-11-05T10:00:00.000Z\"}}\n",
            &filler[..600]
        ));
    }
    text.into_bytes()
}
