//! The table of what differs, as wide as there is room.

use std::collections::BTreeSet;

use crate::compare::{Difference, KINDS};
use crate::paint;
use crate::render::grid::{self, Grid, Head, Weight, figures, fit, words};
use crate::render::number::exact;
use crate::render::table::short_model;
use crate::render::text::{cut, name, wrapped};

/// How much of a model's name the least layout shows.
const LEAST: usize = 20;

/// The head above the letters of reasons.
const MARKS: &[Head] = &[words("")];

/// The cells that differ, and why, where that is known.
pub fn table(found: &[Difference], width: usize) -> String {
    if let Some(table) = grid::within(width, &full(found)) {
        return table;
    }
    // A reason is a sentence: where it has no room beside the figures it stands below, once.
    let whys: Vec<&str> = found.iter().filter_map(|d| d.why).collect::<BTreeSet<_>>().into_iter().collect();
    let mark = |d: &Difference| whys.iter().position(|why| Some(*why) == d.why).map(letter).unwrap_or_default();
    // Without reasons there are no marks: a column of nothing would only be blanks.
    let mark = Mark { head: if whys.is_empty() { &[] } else { MARKS }, of: &mark };
    let mut text = fit(width, [marked(found, &mark), narrow(found, &mark), least(found, &mark)]);
    for (i, why) in whys.iter().enumerate() {
        let lines = wrapped(&format!("{} {why}", letter(i)), 0, width);
        text.push_str(&format!("{}{}\n", if i == 0 { "\n" } else { "" }, paint::dim(lines.trim_end())));
    }
    text
}

/// The column with the letters of reasons, if there are any.
struct Mark<'a> {
    head: &'static [Head],
    of: &'a dyn Fn(&Difference) -> String,
}

impl Mark<'_> {
    fn grid(&self, heads: &[Head]) -> Grid {
        Grid::new(&[heads, self.head].concat())
    }

    fn row(&self, mut cells: Vec<String>, d: &Difference) -> Vec<String> {
        if !self.head.is_empty() {
            cells.push((self.of)(d));
        }
        cells
    }
}

/// `a`, `b`, …
fn letter(i: usize) -> String {
    (b'a'..=b'z').nth(i).map(|b| char::from(b).to_string()).unwrap_or_default()
}

fn kind(d: &Difference) -> String {
    KINDS.get(d.kind).copied().unwrap_or_default().to_owned()
}

fn difference(d: &Difference) -> String {
    format!("{}{}", if d.ours < d.theirs { "-" } else { "+" }, exact(d.ours.abs_diff(d.theirs)))
}

/// Everything but the reason.
fn cells(d: &Difference) -> Vec<String> {
    vec![d.at.0.clone(), name(&d.at.1), kind(d), exact(d.ours), exact(d.theirs), difference(d)]
}

const HEADS: [Head; 6] =
    [words("Day"), words("Model"), words("Tokens"), figures("aimon"), figures("ccusage"), figures("Difference")];

fn full(found: &[Difference]) -> Grid {
    let mut grid = Grid::new(&[&HEADS[..], &[words("Why")]].concat());
    for d in found {
        grid.row(Weight::Plain, [cells(d), vec![d.why.unwrap_or_default().to_owned()]].concat());
    }
    grid
}

fn marked(found: &[Difference], mark: &Mark<'_>) -> Grid {
    let mut grid = mark.grid(&HEADS);
    for d in found {
        grid.row(Weight::Plain, mark.row(cells(d), d));
    }
    grid
}

fn narrow(found: &[Difference], mark: &Mark<'_>) -> Grid {
    let mut grid = mark.grid(&[words("Day"), words("Model"), words("Tokens"), figures("Difference")]);
    for d in found {
        let model = name(&short_model(&d.at.1));
        grid.row(Weight::Plain, mark.row(vec![d.at.0.clone(), model, kind(d), difference(d)], d));
    }
    grid
}

/// Days and models stand above their figures.
fn least(found: &[Difference], mark: &Mark<'_>) -> Grid {
    let mut grid = mark.grid(&[words("Day, model"), figures("Difference")]);
    let mut above: Option<&Difference> = None;
    for d in found {
        let title = |text: String| vec![text, String::new()];
        if above.is_none_or(|a| a.at.0 != d.at.0) {
            grid.row(Weight::Plain, title(d.at.0.clone()));
        }
        if above.is_none_or(|a| a.at != d.at) {
            grid.row(Weight::Plain, title(format!("  {}", cut(&short_model(&d.at.1), LEAST))));
        }
        grid.row(Weight::Part, mark.row(vec![format!("    {}", kind(d)), difference(d)], d));
        above = Some(d);
    }
    grid
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_fits_and_says_why_at_any_width() {
        let cell = |model: &str, kind, why| Difference {
            at: ("2026-11-22".to_owned(), model.to_owned()),
            kind,
            ours: 1_234_567,
            theirs: 34_567,
            why,
        };
        let long = "claude-a-model-with-a-name-that-never-ends-20250929";
        let found = [cell(long, 0, None), cell("gpt-5", 1, Some("thoughts, which ccusage leaves out of its output"))];
        for width in [40, 60, 80, 100, 160] {
            let text = anstream::adapter::strip_str(&table(&found, width)).to_string();
            assert!(text.lines().all(|l| l.chars().count() <= width), "{width}:\n{text}");
            assert!(text.contains("+1,200,000") && text.contains("thoughts"), "{width}:\n{text}");
            assert!(text.contains("  a\n") == (width < 160), "{width}:\n{text}");
        }
        for width in [40, 60, 80] {
            let text = anstream::adapter::strip_str(&table(&found[..1], width)).to_string();
            assert!(!text.contains(" \n"), "{width}:\n{text}");
        }
    }
}
