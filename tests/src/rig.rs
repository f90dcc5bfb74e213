//! A machine of its own: logs, a data folder, the command.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use aimon_generator::Truth;

use crate::command::{Said, binary, sealed};
use crate::report::{self, Figures};

/// The zones that every figure is checked in.
pub const ZONES: [&str; 5] = ["UTC", "America/Los_Angeles", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu"];
const SOURCES: [&str; 4] = ["claude-code", "codex", "gemini", "opencode"];

/// A temporary machine. It is gone when the test is.
pub struct Rig {
    dir: tempfile::TempDir,
    home: RefCell<PathBuf>,
    aimon: RefCell<PathBuf>,
    env: RefCell<BTreeMap<String, String>>,
    today: RefCell<String>,
    keep: Cell<bool>,
}

impl Default for Rig {
    fn default() -> Self {
        Self::new()
    }
}

impl Rig {
    /// The day that counts as today, with every generated log behind it.
    pub const TODAY: &'static str = "2026-11-05";
    /// All zones of [`Rig::expect_everywhere`].
    pub const ZONES: [&'static str; 5] = ZONES;

    /// A machine without logs and without data.
    ///
    /// # Panics
    /// When there is no temporary folder.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("home");
        std::fs::create_dir(&home).unwrap();
        let aimon = dir.path().join("aimon");
        let env = BTreeMap::from([("AIMON_RETENTION_DAYS".to_owned(), "3650".to_owned())]);
        Self {
            dir,
            home: home.into(),
            aimon: aimon.into(),
            env: env.into(),
            today: Self::TODAY.to_owned().into(),
            keep: Cell::new(false),
        }
    }

    /// Where logs can be generated.
    pub fn logs(&self) -> &Path {
        self.dir.path()
    }

    /// A path inside the machine's temporary folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The home folder, in which agents leave their logs.
    pub fn home(&self) -> PathBuf {
        self.home.borrow().clone()
    }

    /// The folder that aimon writes to.
    pub fn aimon_home(&self) -> PathBuf {
        self.aimon.borrow().clone()
    }

    /// From here on, the home folder is `home`.
    pub fn home_is(&self, home: &Path) -> &Self {
        *self.home.borrow_mut() = home.to_owned();
        self
    }

    /// From here on, aimon writes to `home`.
    pub fn aimon_is(&self, home: &Path) -> &Self {
        *self.aimon.borrow_mut() = home.to_owned();
        self
    }

    /// From here on, `day` counts as today in reports.
    pub fn today_is(&self, day: &str) -> &Self {
        *self.today.borrow_mut() = day.to_owned();
        self
    }

    /// From here on, commands see this in their environment.
    pub fn env(&self, key: &str, value: &str) -> &Self {
        self.env.borrow_mut().insert(key.to_owned(), value.to_owned());
        self
    }

    /// The command with arguments, not yet run.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = sealed(&binary(), &self.home());
        command.args(args).env("AIMON_HOME", self.aimon_home());
        for (key, value) in self.env.borrow().iter() {
            command.env(key, value);
        }
        command
    }

    /// Runs the command.
    pub fn run(&self, args: &[&str]) -> Said {
        Said::by(&mut self.command(args))
    }

    /// `aimon scan`.
    pub fn scan(&self) -> &Self {
        self.run(&["scan"]).fine();
        self
    }

    /// `aimon report daily --json` of what is taken in already; `more` are further arguments.
    ///
    /// # Panics
    /// When it fails.
    pub fn report(&self, zone: &str, more: &[&str]) -> String {
        let today = self.today.borrow();
        let mut args =
            vec!["report", "daily", "--json", "--breakdown", "--no-scan", "--timezone", zone, "--as-of", &today];
        args.extend(more);
        self.run(&args).fine().out
    }

    /// Another report of what is taken in already, as JSON.
    ///
    /// # Panics
    /// When it fails.
    pub fn run_report(&self, what: &[&str], zone: &str) -> String {
        let today = self.today.borrow();
        let how = ["--json", "--no-scan", "--timezone", zone, "--as-of", &today];
        let args: Vec<&str> = ["report"].iter().chain(what).chain(&how).copied().collect();
        self.run(&args).fine().out
    }

    /// Every cell of day, source and model in one zone.
    ///
    /// # Panics
    /// When the report's parts don't add up to its sums.
    pub fn cells(&self, zone: &str) -> BTreeMap<report::Cell, Figures> {
        let mut cells = BTreeMap::new();
        for source in SOURCES {
            report::cells(&self.report(zone, &["--source", source]), source, &mut cells);
        }
        let all = report::days(&self.report(zone, &[]));
        assert_eq!(all, report::by_day(&cells), "{zone}: the sources don't add up to the whole");
        cells
    }

    /// Every cell equals the truth.
    ///
    /// # Panics
    /// With the cells that don't.
    pub fn expect(&self, truth: &Truth, zone: &str) {
        let differences = report::differences(&self.cells(zone), &report::truth(truth, zone));
        if !differences.is_empty() {
            self.keep.set(true);
            let kept = std::env::var_os("AIMON_KEEP").map(|_| self.dir.path().display().to_string());
            panic!("{zone}: {} cells differ ({kept:?})\n{}", differences.len(), differences.join("\n"));
        }
    }

    /// Every cell equals the truth in five zones.
    pub fn expect_everywhere(&self, truth: &Truth) {
        for zone in ZONES {
            self.expect(truth, zone);
        }
    }

    /// The cells that differ, in words; empty if none do.
    pub fn differences(&self, truth: &Truth, zone: &str) -> Vec<String> {
        report::differences(&self.cells(zone), &report::truth(truth, zone))
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        // `AIMON_KEEP=1` leaves the folder of a failed comparison for a look.
        if self.keep.get() && std::env::var_os("AIMON_KEEP").is_some() {
            self.dir.disable_cleanup(true);
        }
    }
}
