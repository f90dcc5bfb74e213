use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// The operating system whose conventions say where logs lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Os {
    /// Linux and other Unixes.
    Linux,
    /// macOS.
    Mac,
    /// Windows.
    Windows,
}

/// The surroundings in which collectors look for logs, as plain data: a test makes its own and
/// leaves the process's alone.
#[derive(Clone, Debug)]
pub struct Env {
    /// The user's home folder.
    pub home: Option<PathBuf>,
    /// The operating system.
    pub os: Os,
    vars: BTreeMap<OsString, OsString>,
}

impl Env {
    /// The process's own surroundings, as they are now.
    pub fn of_process() -> Self {
        let os = if cfg!(windows) {
            Os::Windows
        } else if cfg!(target_os = "macos") {
            Os::Mac
        } else {
            Os::Linux
        };
        let home = std::env::home_dir().filter(|home| !home.as_os_str().is_empty());
        Self { home, os, vars: std::env::vars_os().collect() }
    }

    /// A home folder, and nothing set.
    pub fn at(home: impl Into<PathBuf>, os: Os) -> Self {
        Self { home: Some(home.into()), os, vars: BTreeMap::new() }
    }

    /// The same with one more variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.vars.insert(name.into(), value.into());
        self
    }

    /// A variable that is set and not empty.
    pub fn var(&self, name: &str) -> Option<&OsStr> {
        self.vars.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// A variable that holds a path.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.var(name).map(|value| self.expand(value.to_string_lossy().trim()).unwrap_or_else(|| value.into()))
    }

    /// A variable that holds paths separated by commas; blanks around them, empty ones and
    /// repetitions are dropped. Empty if the variable is not set or holds none.
    pub fn paths(&self, name: &str) -> Vec<PathBuf> {
        let Some(value) = self.var(name) else { return Vec::new() };
        let Some(text) = value.to_str() else { return vec![value.into()] };
        let mut paths: Vec<PathBuf> = Vec::new();
        for path in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            let path = self.expand(path).unwrap_or_else(|| path.into());
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        paths
    }

    /// A folder below the home, if the home is known.
    pub fn in_home(&self, relative: &str) -> Option<PathBuf> {
        self.home.as_ref().map(|home| home.join(relative))
    }

    /// `~` and `~/…`, which a shell leaves alone inside quotes and lists.
    fn expand(&self, path: &str) -> Option<PathBuf> {
        let home = self.home.as_ref()?;
        if path == "~" {
            return Some(home.clone());
        }
        path.strip_prefix("~/").map(|rest| home.join(rest))
    }
}
