//! Comparing with ccusage: every cell of day, model and token kind, side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use aimon_core::history::Report;
use aimon_core::time::{UtcDay, UtcMillis};
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::dates;
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

/// What is kept no more, in the form of a report's days.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    /// The first day of which all is kept.
    pub whole: String,
    /// The first day of which anything is kept: a local day can begin within a UTC day, by which days expire.
    pub part: String,
}

impl Kept {
    /// Without a history nothing has expired.
    pub fn all() -> Self {
        Self { whole: String::new(), part: String::new() }
    }

    /// By the first UTC day that is kept.
    pub fn from(first: UtcDay, zone: &TimeZone) -> Self {
        let part = dates::date(first.start(), zone);
        // The moment before is of the same local day where that has begun already.
        let begun = dates::date(UtcMillis(first.start().0.saturating_sub(1)), zone) == part;
        let whole = if begun { part.tomorrow().unwrap_or(part) } else { part };
        Self { whole: whole.to_string(), part: part.to_string() }
    }

    fn why(&self, day: &str) -> Option<&'static str> {
        // Dates of one form compare as text.
        if day < self.part.as_str() {
            Some("that day is not kept any more")
        } else if day < self.whole.as_str() {
            Some("a part of that day is not kept any more")
        } else {
            None
        }
    }
}

/// The cells that differ, by day and model.
pub fn differences(ours: &Cells, reasoning: &BTreeMap<Where, u64>, theirs: &Cells, kept: &Kept) -> Vec<Difference> {
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
            let expired = kept.why(&at.0).filter(|_| ours < theirs);
            let why = if expired.is_some() {
                expired
            } else if at.0.as_str() < first {
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
        let found = differences(&ours, &reasoning, &theirs, &Kept::all());
        let short: Vec<_> =
            found.iter().map(|d| (d.at.1.as_str(), d.kind, d.ours, d.theirs, d.why.is_some())).collect();
        let expected =
            [("old", 0, 1, 0, true), ("gemini", 1, 12, 2, true), ("more", 0, 5, 4, false), ("theirs", 3, 0, 9, false)];
        assert_eq!(short, expected);
    }

    #[test]
    fn a_day_that_expired_is_no_riddle() {
        let day = |day: &str, n| cells(&[(day, "m", [n, 0, 0, 0])]);
        let first = UtcDay::of(jiff::civil::date(2026, 6, 1));
        let why = |zone: TimeZone, at: &str, ours, theirs| {
            let kept = Kept::from(first, &zone);
            differences(&day(at, ours), &BTreeMap::new(), &day(at, theirs), &kept).first().and_then(|d| d.why)
        };
        let (gone, part) = (Some("that day is not kept any more"), Some("a part of that day is not kept any more"));
        assert_eq!(why(TimeZone::UTC, "2026-05-31", 0, 5), gone);
        assert_eq!(why(TimeZone::UTC, "2026-06-01", 0, 5), None);
        assert_eq!(why(TimeZone::UTC, "2026-05-31", 5, 0), None, "what is ours is there");
        // East of Greenwich the day has begun before UTC's, west of it the day before goes on.
        let east = TimeZone::fixed(jiff::tz::offset(2));
        assert_eq!(["2026-05-31", "2026-06-01", "2026-06-02"].map(|d| why(east.clone(), d, 1, 5)), [gone, part, None]);
        let west = TimeZone::fixed(jiff::tz::offset(-5));
        assert_eq!(["2026-05-30", "2026-05-31", "2026-06-01"].map(|d| why(west.clone(), d, 1, 5)), [gone, part, None]);
    }
}
