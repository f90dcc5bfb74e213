//! The product's command, run as a user runs it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Where the command under test lies: `AIMON_BIN`, else beside this test's folder.
///
/// # Panics
/// When it was not built.
pub fn binary() -> PathBuf {
    built("aimon", "AIMON_BIN")
}

/// Where the relay under test lies: `AIMON_RELAY_BIN`, else beside this test's folder.
///
/// # Panics
/// When it was not built.
pub fn relay_binary() -> PathBuf {
    built("aimon-relay", "AIMON_RELAY_BIN")
}

fn built(program: &str, variable: &str) -> PathBuf {
    if let Some(path) = std::env::var_os(variable).map(PathBuf::from) {
        assert!(path.is_file(), "{variable} is {}, which is not there", path.display());
        return path;
    }
    let mut here = std::env::current_exe().unwrap();
    here.pop();
    let name = format!("{program}{}", std::env::consts::EXE_SUFFIX);
    let found = [here.join(&name), here.join("..").join(&name)].into_iter().find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!("{program} is not built: run `cargo xtask test`, or `cargo build --profile ci --bin {program}` first")
    })
}

/// A command with no environment but `HOME` and what every system has.
pub fn sealed(program: &Path, home: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    for key in ["PATH", "SYSTEMROOT", "TEMP", "TMP", "WINEPREFIX"] {
        if let Some(value) = std::env::var_os(key) {
            command.env(key, value);
        }
    }
    command.env("HOME", home).env("USERPROFILE", home).env("TZ", "UTC").env("RUST_BACKTRACE", "0");
    command
}

/// What a command said and how it ended.
#[derive(Clone, Debug)]
pub struct Said {
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    what: Vec<OsString>,
}

impl Said {
    /// Runs `command` to its end. A panic in it fails the test, whatever the test is about.
    ///
    /// # Panics
    /// When the command can't be run, or panicked.
    pub fn by(command: &mut Command) -> Self {
        let what = std::iter::once(command.get_program()).chain(command.get_args()).map(OsString::from).collect();
        let Output { stdout, stderr, status } = command.output().unwrap();
        let said = Self {
            out: String::from_utf8_lossy(&stdout).into_owned(),
            err: String::from_utf8_lossy(&stderr).into_owned(),
            code: status.code(),
            what,
        };
        assert!(!said.err.contains("panicked"), "{:?} panicked: {}", said.what, said.err);
        said
    }

    /// It did what it was asked to.
    ///
    /// # Panics
    /// When it did not.
    pub fn fine(self) -> Self {
        assert_eq!(self.code, Some(0), "{:?}\n{}\n{}", self.what, self.out, self.err);
        self
    }

    /// It refused: with the code that docs list, in words, with a way out, and nothing on standard output.
    ///
    /// # Panics
    /// When it did something else.
    pub fn refused(&self, code: &str, exit: i32) {
        assert_eq!(self.code, Some(exit), "{:?}\n{}\n{}", self.what, self.out, self.err);
        let head = format!("error[{code}]: ");
        let line = self.err.lines().find(|l| l.starts_with(&head));
        assert!(line.is_some_and(|l| l.len() > head.len() + 10), "no `{head}…` in: {}", self.err);
        assert!(self.err.lines().count() > 1, "no way out beside: {}", self.err);
    }
}
