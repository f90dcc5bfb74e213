//! Other programs: run quietly (their output shows only when they fail), openly, or watched (shown
//! and kept).

use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;

/// What went wrong, in words for the person at the terminal; also what the program that failed said.
#[derive(Debug)]
pub struct Problem(String);

/// The result of anything that can go wrong here.
pub type Result<T> = std::result::Result<T, Problem>;

impl Problem {
    /// A problem in these words.
    pub fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }

    /// Only the lines that explain it.
    pub fn only(self, explains: impl Fn(&str) -> bool) -> Self {
        Self(self.0.lines().filter(|line| explains(line)).collect::<Vec<_>>().join("\n"))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.trim_end())
    }
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

/// A program's output and whether it succeeded.
pub struct Finished {
    /// Did it exit with 0?
    pub success: bool,
    /// Standard error and standard output.
    pub output: String,
}

/// Runs it and returns its standard output. What it says shows only when it fails.
pub fn quietly(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| not_started(command, &error))?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(stdout);
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(Problem(format!("`{}` failed ({})\n{stderr}{stdout}", line(command), output.status)))
}

/// Runs something that takes long: on a terminal its output shows as it comes, elsewhere only when it fails.
pub fn patiently(command: &mut Command) -> Result<()> {
    if !std::io::stdout().is_terminal() {
        // What cargo has to say about its progress is no explanation of a failure.
        return quietly(command.env("CARGO_TERM_QUIET", "true")).map(drop);
    }
    println!();
    let status = command.stdin(Stdio::null()).status().map_err(|error| not_started(command, &error))?;
    if status.success() { Ok(()) } else { Err(Problem(format!("`{}` failed ({status})", line(command)))) }
}

/// Runs it, shows its output as it comes and keeps it.
pub fn watched(command: &mut Command) -> Result<Finished> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| not_started(command, &error))?;
    let kept = Mutex::new(String::new());
    thread::scope(|scope| {
        if let Some(stderr) = child.stderr.take() {
            scope.spawn(|| pass_on(stderr, &kept));
        }
        if let Some(stdout) = child.stdout.take() {
            pass_on(stdout, &kept);
        }
    });
    let status = child.wait()?;
    Ok(Finished { success: status.success(), output: kept.into_inner().unwrap_or_default() })
}

fn pass_on(stream: impl Read, kept: &Mutex<String>) {
    let mut reader = BufReader::new(stream);
    let mut bytes = Vec::new();
    while reader.read_until(b'\n', &mut bytes).is_ok_and(|count| count > 0) {
        let text = String::from_utf8_lossy(&bytes);
        // A reader that went away (`| head`) must not end the tests.
        _ = std::io::stdout().lock().write_all(text.as_bytes());
        if let Ok(mut kept) = kept.lock() {
            kept.push_str(&text);
        }
        bytes.clear();
    }
}

/// The command line, for messages.
pub fn line(command: &Command) -> String {
    let program = PathBuf::from(command.get_program());
    let name = program.file_stem().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned());
    std::iter::once(name).chain(arguments).collect::<Vec<_>>().join(" ")
}

fn not_started(command: &Command, error: &std::io::Error) -> Problem {
    Problem(format!("`{}` did not start: {error}", line(command)))
}

/// Where a program lies, if it is in one of the folders of `PATH`.
pub fn find(program: &str) -> Option<PathBuf> {
    let file = format!("{program}{}", env::consts::EXE_SUFFIX);
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(&file)).find(|candidate| candidate.is_file())
}

/// `PATH` with a folder before all others.
pub fn path_with(folder: impl Into<PathBuf>) -> std::ffi::OsString {
    let old = env::var_os("PATH").unwrap_or_default();
    env::join_paths(std::iter::once(folder.into()).chain(env::split_paths(&old))).unwrap_or(old)
}

/// Is this variable set to anything?
pub fn is_set(variable: impl AsRef<OsStr>) -> bool {
    env::var_os(variable).is_some_and(|value| !value.is_empty())
}
