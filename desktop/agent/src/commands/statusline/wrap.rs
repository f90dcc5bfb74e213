//! The status line that is wrapped: it gets all of the input, and what it prints comes first.

use std::io::{IsTerminal, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::JoinHandle;

use crate::error::{Error, Result};
use crate::output;

/// More input than this is not Claude Code's: we read no further. Whoever is wrapped gets all of it.
const LONGEST: usize = 4 << 20;

/// Runs the command with our own input, prints what it prints, and says how it ended. Returns also the input.
pub fn run(command: &str) -> (Vec<u8>, Result<()>) {
    match start(command) {
        Ok((child, reader)) => {
            let ended = finish(child);
            (reader.join().unwrap_or_default(), ended)
        }
        Err(source) => (read(None), Err(Error::System { what: "cannot run the wrapped command", source })),
    }
}

/// Reads the input, the beginning of it if it is long, and passes all of it on. What can't be read is as good
/// as nothing, and so is what nobody takes.
pub fn read(mut to: Option<ChildStdin>) -> Vec<u8> {
    let mut stdin = std::io::stdin().lock();
    let mut kept = Vec::new();
    if std::io::stdin().is_terminal() {
        return kept;
    }
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = match stdin.read(&mut buffer) {
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) | Ok(0) => return kept,
            Ok(n) => buffer.get(..n).unwrap_or_default(),
        };
        kept.extend_from_slice(read.get(..LONGEST - kept.len()).unwrap_or(read));
        if to.as_mut().is_some_and(|to| to.write_all(read).is_err()) {
            // It need not read its input, or not to the end.
            to = None;
        }
        if to.is_none() && kept.len() == LONGEST {
            return kept;
        }
    }
}

fn start(command: &str) -> std::io::Result<(Child, JoinHandle<Vec<u8>>)> {
    let mut shell = shell(command);
    let mut child = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()?;
    let stdin = child.stdin.take();
    // A thread: neither end may wait for the other.
    let reader = std::thread::Builder::new().name("input".to_owned()).spawn(move || read(stdin))?;
    Ok((child, reader))
}

#[cfg(unix)]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command);
    shell
}

#[cfg(windows)]
fn shell(command: &str) -> Command {
    use std::os::windows::process::CommandExt;
    let mut shell = Command::new("cmd");
    // As typed: `cmd` has quoting rules of its own.
    shell.arg("/C").raw_arg(command);
    shell
}

/// Prints what it prints, and ends as it ends.
fn finish(child: Child) -> Result<()> {
    let failed = |source| Error::System { what: "cannot run the wrapped command", source };
    let done = child.wait_with_output().map_err(failed)?;
    output::print_plain(&done.stdout)?;
    match done.status.code() {
        Some(0) => Ok(()),
        code => Err(Error::Ended(code.and_then(|c| u8::try_from(c).ok()).unwrap_or(1))),
    }
}
