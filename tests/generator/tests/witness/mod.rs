//! ccusage, asked about a folder of generated logs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use aimon_generator::{Cell, Truth};
use jiff::tz::TimeZone;
use serde_json::Value;

/// Input, output, cache writes and cache reads: what ccusage tells of a cell.
pub type Figures = [u64; 4];

/// Where the native ccusage lies.
pub fn ccusage() -> PathBuf {
    if let Some(path) = std::env::var_os("AIMON_CCUSAGE") {
        return path.into();
    }
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools");
    let path = ["npm/node_modules", "node_modules"]
        .map(|modules| tools.join(modules).join("@ccusage/ccusage-linux-x64/bin/ccusage"))
        .into_iter()
        .find(|path| path.is_file());
    path.expect("the native ccusage is not there: run `cargo xtask test`, which installs it, or set AIMON_CCUSAGE")
}

/// What ccusage says about the logs under `home`.
pub fn cells(home: &Path, zone: &str) -> BTreeMap<Cell, Figures> {
    let out = Command::new(ccusage())
        .args(["daily", "--offline", "--json", "--by-agent", "--timezone", zone])
        .env_clear()
        .env("HOME", home)
        .output()
        .unwrap();
    assert!(out.status.success(), "ccusage: {}", String::from_utf8_lossy(&out.stderr));
    let report: Value = serde_json::from_slice(&out.stdout).unwrap();
    let mut cells = BTreeMap::new();
    for day in list(&report, "daily") {
        let date = day["period"].as_str().or_else(|| day["date"].as_str()).unwrap().parse().unwrap();
        for agent in list(day, "agents") {
            let source = match agent["agent"].as_str().unwrap() {
                "claude" => "claude-code",
                other => other,
            };
            for model in list(agent, "modelBreakdowns") {
                let name = model["modelName"].as_str().unwrap().to_owned();
                let figure = |key: &str| model[key].as_u64().unwrap_or(0);
                let figures = ["inputTokens", "outputTokens", "cacheCreationTokens", "cacheReadTokens"].map(figure);
                cells.insert((date, source.to_owned(), name), figures);
            }
        }
    }
    cells
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value[key].as_array().into_iter().flatten()
}

/// The truth as ccusage would tell it: Gemini's thoughts and OpenCode's reasoning are no output there.
pub fn truth(truth: &Truth, zone: &str) -> BTreeMap<Cell, Figures> {
    let zone = TimeZone::get(zone).unwrap();
    let mut cells = truth.cells(&zone);
    cells.retain(|_, t| t.total() > 0);
    cells
        .into_iter()
        .map(|(cell, t)| {
            let output =
                if matches!(cell.1.as_str(), "gemini" | "opencode") { t.output - t.reasoning } else { t.output };
            (cell, [t.input, output, t.cache_write(), t.cache_read])
        })
        .collect()
}

/// Cells that differ, one a line: ccusage's figures, then ours.
pub fn differences(theirs: &BTreeMap<Cell, Figures>, ours: &BTreeMap<Cell, Figures>) -> Vec<String> {
    let cells: std::collections::BTreeSet<_> = theirs.keys().chain(ours.keys()).collect();
    cells
        .into_iter()
        .filter(|c| theirs.get(*c) != ours.get(*c))
        .map(|c| format!("{} {} {}: {:?}, truth {:?}", c.0, c.1, c.2, theirs.get(c), ours.get(c)))
        .collect()
}

/// The sum over all cells.
pub fn sum(cells: &BTreeMap<Cell, Figures>) -> u64 {
    cells.values().flatten().sum()
}
