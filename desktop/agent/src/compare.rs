//! Comparing with ccusage: every cell of day, model and token kind, side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use aimon_core::history::Report;
use serde::Deserialize;

use crate::error::{Error, Result};

/// The kinds of tokens that both show.
pub const KINDS: [&str; 4] = ["input", "output", "cache write", "cache read"];

/// A day and a model.
pub type Where = (String, String);

/// Tokens of one day and model, in the order of [`KINDS`].
pub type Cells = BTreeMap<Where, [u64; 4]>;

/// A cell that differs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// Which day and model.
    pub at: Where,
    /// Which of [`KINDS`].
    pub kind: usize,
    /// Ours.
    pub ours: u64,
    /// Theirs.
    pub theirs: u64,
    /// What explains it, where that is known.
    pub why: Option<&'static str>,
}

#[derive(Deserialize)]
struct Theirs {
    daily: Vec<TheirRow>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TheirRow {
    #[serde(alias = "date")]
    period: String,
    model_breakdowns: Vec<TheirModel>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TheirModel {
    model_name: String,
    input_tokens: u64,
    output_tokens: u64,
    cache_creation_tokens: u64,
    cache_read_tokens: u64,
}

/// Runs ccusage, offline, and reads its cells.
pub fn ccusage(program: Option<&Path>, zone: &str) -> Result<Cells> {
    let path = program.map_or_else(|| PathBuf::from("ccusage"), Path::to_owned);
    let failed = |why: String| Error::Ccusage { path: path.clone(), why };
    let done = Command::new(&path)
        .args(["daily", "--offline", "--json", "--timezone", zone])
        .stdin(Stdio::null())
        .output()
        .map_err(|e| failed(e.to_string()))?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr);
        let said: String = said.trim().chars().filter(|c| !c.is_control() || *c == '\n').take(500).collect();
        return Err(failed(format!("it ended with {}: {said}", done.status)));
    }
    let theirs: Theirs =
        serde_json::from_slice(&done.stdout).map_err(|e| failed(format!("its answer can't be read: {e}")))?;
    let mut cells = Cells::new();
    for row in theirs.daily {
        for m in row.model_breakdowns {
            let cell = cells.entry((row.period.clone(), m.model_name)).or_default();
            let kinds = [m.input_tokens, m.output_tokens, m.cache_creation_tokens, m.cache_read_tokens];
            for (sum, n) in cell.iter_mut().zip(kinds) {
                *sum = sum.saturating_add(n);
            }
        }
    }
    Ok(cells)
}

/// Our cells, and the reasoning in each cell's output.
pub fn ours(report: &Report) -> (Cells, BTreeMap<Where, u64>) {
    let (mut cells, mut reasoning) = (Cells::new(), BTreeMap::new());
    for row in &report.rows {
        for (model, f) in &row.models {
            let (at, t) = ((row.period.clone(), model.clone()), f.tokens());
            cells.insert(at.clone(), [t.input, t.output, t.cache_write(), t.cache_read]);
            reasoning.insert(at, t.reasoning);
        }
    }
    (cells, reasoning)
}

/// The cells that differ, by day and model.
pub fn differences(ours: &Cells, reasoning: &BTreeMap<Where, u64>, theirs: &Cells) -> Vec<Difference> {
    let all: BTreeSet<&Where> = ours.keys().chain(theirs.keys()).collect();
    let first = theirs.keys().next().map(|(day, _)| day.as_str()).unwrap_or_default();
    let mut out = Vec::new();
    for at in all {
        let (a, b) = (ours.get(at).copied().unwrap_or_default(), theirs.get(at).copied().unwrap_or_default());
        for (kind, (ours, theirs)) in a.into_iter().zip(b).enumerate() {
            if ours == theirs {
                continue;
            }
            let thoughts = reasoning.get(at).copied().unwrap_or_default();
            let why = if at.0.as_str() < first {
                Some("ccusage sees no log of that day any more")
            } else if kind == 1 && ours.checked_sub(theirs) == Some(thoughts) && thoughts > 0 {
                Some("thoughts, which are billed as output; ccusage leaves them out of its output")
            } else {
                None
            };
            out.push(Difference { at: at.clone(), kind, ours, theirs, why });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(list: &[(&str, &str, [u64; 4])]) -> Cells {
        list.iter().map(|(day, model, n)| (((*day).to_owned(), (*model).to_owned()), *n)).collect()
    }

    #[test]
    fn only_what_differs_is_listed_and_what_is_known_explained() {
        let ours = cells(&[
            ("2026-01-01", "old", [1, 0, 0, 0]),
            ("2026-11-01", "same", [1, 2, 3, 4]),
            ("2026-11-01", "gemini", [1, 12, 0, 0]),
            ("2026-11-02", "more", [5, 2, 0, 0]),
        ]);
        let theirs = cells(&[
            ("2026-11-01", "same", [1, 2, 3, 4]),
            ("2026-11-01", "gemini", [1, 2, 0, 0]),
            ("2026-11-02", "more", [4, 2, 0, 0]),
            ("2026-11-03", "theirs", [0, 0, 0, 9]),
        ]);
        let reasoning = [(("2026-11-01".to_owned(), "gemini".to_owned()), 10)].into();
        let found = differences(&ours, &reasoning, &theirs);
        let short: Vec<_> =
            found.iter().map(|d| (d.at.1.as_str(), d.kind, d.ours, d.theirs, d.why.is_some())).collect();
        let expected =
            [("old", 0, 1, 0, true), ("gemini", 1, 12, 2, true), ("more", 0, 5, 4, false), ("theirs", 3, 0, 9, false)];
        assert_eq!(short, expected);
    }
}
