//! The tests: compiled, then run by cargo-nextest.

use std::path::PathBuf;

use serde_json::Value;

use super::Extent;
use crate::process::{Problem, Result, patiently, quietly, watched};
use crate::tally::{Counts, Tally, Verdict};
use crate::workspace::Workspace;

/// Variables of the person's own shell that would lead a test to real logs or to real data.
const ONES_OWN: [&str; 11] = [
    "AIMON_CA_FILE",
    "AIMON_HOME",
    "AIMON_PASSPHRASE_FILE",
    "AIMON_PORT",
    "AIMON_PRICES",
    "AIMON_RETENTION_DAYS",
    "AIMON_SECRET_STORE",
    "CLAUDE_CONFIG_DIR",
    "CODEX_HOME",
    "GEMINI_DATA_DIR",
    "OPENCODE_DATA_DIR",
];

/// What is run, and what the tests are told.
pub struct Tests<'a> {
    /// Where.
    pub workspace: &'a Workspace,
    /// How much: tests marked `#[ignore]` are the long ones.
    pub extent: Extent,
    /// Only tests with this in their name, in their file's or in their crate's.
    pub filter: Option<&'a str>,
    /// The native ccusage, where there is one for this system.
    pub ccusage: Option<PathBuf>,
    /// A Python with the official MCP client.
    pub mcp: Option<PathBuf>,
}

impl Tests<'_> {
    /// Compiles everything, `aimon` and `aimon-relay` included, and runs the tests.
    pub fn run(&self, tally: &mut Tally) {
        // One selection of packages for programs and tests alike: with two, cargo would unify features
        // twice and compile half of the dependencies again.
        let compiled = tally.gate("compiling", || {
            let mut cargo = self.workspace.cargo();
            patiently(cargo.args(["build", "--workspace", "--all-targets", "--profile", "ci", "--locked"]))?;
            Ok(Verdict::Held)
        });
        if compiled {
            tally.gate("tests", || self.run_compiled());
        }
    }

    fn run_compiled(&self) -> Result<Verdict> {
        println!();
        let mut cargo = self.workspace.cargo();
        cargo.args(["nextest", "run", "--workspace", "--cargo-profile", "ci", "--locked", "--no-fail-fast"]);
        cargo.args(["--no-tests", "pass", "--status-level", "fail", "--final-status-level", "slow"]);
        if self.extent == Extent::Long {
            cargo.args(["--run-ignored", "all"]);
        }
        if let Some(filter) = self.filter {
            cargo.arg("-E").arg(self.expression(filter)?);
        }
        for variable in ONES_OWN {
            cargo.env_remove(variable);
        }
        cargo.env("AIMON_BIN", self.workspace.program("ci", "aimon"));
        cargo.env("AIMON_RELAY_BIN", self.workspace.program("ci", "aimon-relay"));
        if let Some(ccusage) = &self.ccusage {
            cargo.env("AIMON_CCUSAGE", ccusage);
        }
        if let Some(mcp) = &self.mcp {
            cargo.env("AIMON_MCP_PYTHON", mcp);
        }
        let finished = watched(&mut cargo)?;
        let mut counts = counts(&finished.output).unwrap_or_default();
        if !finished.success && counts.failed == 0 {
            counts.failed = 1;
        }
        Ok(Verdict::Ran(counts))
    }
}

impl Tests<'_> {
    /// Tests by their name, or by their file's and crate's: nextest refuses a name that no file has, so it is asked first.
    fn expression(&self, filter: &str) -> Result<String> {
        let mut cargo = self.workspace.cargo();
        cargo.args(["nextest", "list", "--workspace", "--cargo-profile", "ci", "--locked"]);
        let list = quietly(cargo.args(["--list-type", "binaries-only", "--message-format", "json"]))?;
        let list: Value =
            serde_json::from_str(&list).map_err(|error| Problem::new(format!("cargo nextest list: {error}")))?;
        let known = list["rust-binaries"].as_object().is_some_and(|all| all.keys().any(|id| id.contains(filter)));
        let file = if known { format!(" | binary_id(~{filter})") } else { String::new() };
        Ok(format!("test(~{filter}){file}"))
    }
}

/// Reads the last line such as `Summary [ 3.2s] 120 tests run: 117 passed (2 slow), 2 failed, 1 timed out, 3 skipped`.
fn counts(output: &str) -> Option<Counts> {
    let summary = output.lines().rfind(|line| line.trim_start().starts_with("Summary ["))?;
    let (before, after) = summary.split_once(" run: ")?;
    let before = before.trim_end_matches(['s', 't', 'e', ' ']);
    // `118/120 tests run` where the run was cut short.
    let planned: u64 = before.rsplit([' ', '/']).next()?.parse().ok()?;
    let passed = after.split(", ").find_map(|part| {
        let (count, what) = part.split_once(' ')?;
        what.starts_with("passed").then(|| count.parse().ok()).flatten()
    });
    let passed = passed.unwrap_or(0);
    Some(Counts { passed, failed: planned.saturating_sub(passed) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_the_summary_is_read() {
        for (line, passed, failed) in [
            ("     Summary [   0.012s] 1 test run: 1 passed, 0 skipped", 1, 0),
            (
                "     Summary [   3.241s] 120 tests run: 117 passed (2 slow, 1 leaky), 2 failed, 1 timed out, 3 skipped",
                117,
                3,
            ),
            ("     Summary [   0.500s] 4/9 tests run: 3 passed, 1 failed, 0 skipped", 3, 6),
            ("     Summary [   0.010s] 2 tests run: 0 passed, 2 failed, 0 skipped", 0, 2),
            ("     Summary [   0.000s] 0 tests run: 0 passed, 5 skipped", 0, 0),
        ] {
            assert_eq!(counts(&format!("noise\n{line}\n        FAIL x")), Some(Counts { passed, failed }), "{line}");
        }
        assert_eq!(counts("error: could not compile"), None);
    }
}
