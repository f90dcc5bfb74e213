//! `cargo xtask run`: from a fresh clone to one's own figures.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use serde_json::Value;

use crate::process::{Problem, Result, line};
use crate::tools;
use crate::workspace::{Workspace, items, text};

/// Builds aimon, reads this machine's logs and stays in `aimon up`; where there are none, in the demo.
pub fn run(workspace: &Workspace, demo: bool, arguments: &[String]) -> Result<ExitCode> {
    build(workspace, &["aimon"])?;
    let aimon = workspace.program("release", "aimon");
    if demo || !has_logs(&aimon)? {
        return stay(Command::new(&aimon).args(["demo", "--up"]).args(arguments));
    }
    stay(Command::new(&aimon).arg("up").args(arguments))
}

/// The release build. SQLite comes as C with its crate, so a C compiler is the one thing needed beside cargo.
pub fn build(workspace: &Workspace, programs: &[&str]) -> Result<()> {
    if let Some(way) = tools::compiler(&["cc", "gcc", "clang"], "build-essential")? {
        return Err(Problem::new(format!("aimon brings SQLite, which needs a C compiler: {way}")));
    }
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--release", "--locked"]).args(programs.iter().flat_map(|program| ["--bin", program]));
    let status = cargo.status()?;
    if status.success() { Ok(()) } else { Err(Problem::new(format!("`{}` failed ({status})", line(&cargo)))) }
}

/// Takes in what is new. Without any log, and without a history of logs that are gone, it says where it looked.
fn has_logs(aimon: &Path) -> Result<bool> {
    let scanned = ask(aimon, &["scan", "--json"])?;
    if scanned["filesSeen"].as_u64() != Some(0) {
        return Ok(true);
    }
    let kept = ask(aimon, &["report", "monthly", "--json", "--no-scan"])?;
    if kept["totals"]["totalTokens"].as_u64().is_some_and(|tokens| tokens > 0) {
        return Ok(true);
    }
    println!("{}", where_it_looked(&scanned));
    Ok(false)
}

/// Runs aimon for its JSON; its errors show as they are.
fn ask(aimon: &Path, arguments: &[&str]) -> Result<Value> {
    let mut command = Command::new(aimon);
    let output = command.args(arguments).stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(Problem::new(format!("`{}` failed ({})", line(&command), output.status)));
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|error| Problem::new(format!("`{}` did not answer in JSON: {error}", line(&command))))
}

fn where_it_looked(answer: &Value) -> String {
    let mut said = String::from("No agent has written a log on this machine yet. These folders were looked at:\n\n");
    for root in items(&answer["roots"]) {
        let state = if root["exists"].as_bool() == Some(true) { "no logs in it" } else { "not there" };
        said += &format!("  {:<12} {}  ({state})\n", text(&root["source"]), text(&root["path"]));
    }
    said + "\nWhat follows is the demo, in a data folder of its own: generated logs, not your figures.\n"
}

/// Becomes the program: its exit code, its Ctrl-C and its terminal are its own.
#[cfg(unix)]
fn stay(command: &mut Command) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    Err(Problem::new(format!("`{}` did not start: {error}", line(command))))
}

#[cfg(not(unix))]
fn stay(command: &mut Command) -> Result<ExitCode> {
    let status = command.status()?;
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Ok(ExitCode::from(code))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_folder_is_named_with_its_state() {
        let said = where_it_looked(&json!({"filesSeen": 0, "roots": [
            {"source": "claude-code", "path": "/home/ada/.claude/projects", "exists": false, "files": 0},
            {"source": "codex", "path": "/home/ada/.codex", "exists": true, "files": 0},
        ]}));
        assert!(said.contains("  claude-code  /home/ada/.claude/projects  (not there)\n"), "{said}");
        assert!(said.contains("  codex        /home/ada/.codex  (no logs in it)\n"), "{said}");
    }
}
