//! The count of what passed and failed over all gates and runners, and how each one shows.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Instant;

use crate::duration::spoken;
use crate::process::{Problem, Result, is_set};

/// How a gate ended.
pub enum Verdict {
    /// The gate itself is the test.
    Held,
    /// A runner ran this many tests.
    Ran(Counts),
    /// It can't be tried on this machine; why, and what would change that.
    Skipped(String),
}

/// Tests that passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// How many passed.
    pub passed: u64,
    /// How many failed.
    pub failed: u64,
}

/// All gates so far.
pub struct Tally {
    counts: Counts,
    broken: Vec<String>,
    began: Instant,
}

impl Tally {
    /// Nothing ran yet.
    pub fn new() -> Self {
        Self { counts: Counts::default(), broken: Vec::new(), began: Instant::now() }
    }

    /// Something that later gates need. It counts only if it fails.
    pub fn step<T>(&mut self, name: &str, step: impl FnOnce() -> Result<(T, String)>) -> Option<T> {
        let began = begin(name);
        match step() {
            Ok((value, said)) => {
                end(began, &said);
                Some(value)
            }
            Err(problem) => {
                self.broke(name, began, &problem);
                None
            }
        }
    }

    /// Something that must hold. A failure doesn't stop what comes after it: one run shows everything.
    pub fn gate(&mut self, name: &str, gate: impl FnOnce() -> Result<Verdict>) -> bool {
        let began = begin(name);
        match gate() {
            Ok(Verdict::Held) => {
                self.counts.passed += 1;
                end(began, "passed");
            }
            Ok(Verdict::Ran(counts)) => {
                self.counts.passed += counts.passed;
                self.counts.failed += counts.failed;
                if counts.failed > 0 {
                    self.broken.push(name.to_owned());
                }
                end(began, &format!("{} passed, {} failed,", counts.passed, counts.failed));
                return counts.failed == 0;
            }
            // What a developer's machine may lack, CI may not.
            Ok(Verdict::Skipped(why)) if !is_set("CI") => end(began, &format!("skipped: {why};")),
            Ok(Verdict::Skipped(why)) => {
                self.broke(name, began, &Problem::new(why));
                return false;
            }
            Err(problem) => {
                self.broke(name, began, &problem);
                return false;
            }
        }
        true
    }

    /// The exit code where nothing was tested.
    pub fn done(self) -> ExitCode {
        if self.counts.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn broke(&mut self, name: &str, began: Instant, problem: &Problem) {
        self.counts.failed += 1;
        self.broken.push(name.to_owned());
        end(began, "FAILED");
        println!("{problem}\n");
    }

    /// Says what failed; the last line is the sum.
    pub fn close(self) -> ExitCode {
        println!();
        println!("took {}", spoken(self.began.elapsed()));
        if !self.broken.is_empty() {
            println!("failed: {}", self.broken.join(", "));
        }
        println!("{} passed, {} failed", self.counts.passed, self.counts.failed);
        self.done()
    }
}

fn begin(name: &str) -> Instant {
    print!("{name:.<34} ");
    _ = std::io::stdout().flush();
    Instant::now()
}

fn end(began: Instant, said: &str) {
    let colour = match (std::io::stdout().is_terminal() && !is_set("NO_COLOR"), said) {
        (true, "passed") => ("\x1b[32m", "\x1b[0m"),
        (true, "FAILED") => ("\x1b[31m", "\x1b[0m"),
        _ => ("", ""),
    };
    println!("{}{said}{} in {}", colour.0, colour.1, spoken(began.elapsed()));
}
