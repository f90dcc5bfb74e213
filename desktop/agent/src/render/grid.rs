//! Tables: aligned figures, one rule under the head and one above the sum, nothing else.
//!
//! A table is never squeezed: numbers that break over lines can't be read. Whoever makes one offers
//! several layouts, widest first, and the first that fits the terminal is taken.

use std::borrow::Cow;

use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, LineStyle, Row, Table, TableStyle};

use super::text::visible;

/// A column's head.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    text: &'static str,
    right: bool,
}

/// Words, from the left.
pub const fn words(text: &'static str) -> Head {
    Head { text, right: false }
}

/// Figures, from the right.
pub const fn figures(text: &'static str) -> Head {
    Head { text, right: true }
}

/// How much a row weighs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Weight {
    /// As it is.
    Plain,
    /// A part of the row above.
    Part,
    /// The sum, under a rule.
    Sum,
}

/// A table.
#[derive(Clone, Debug)]
pub struct Grid {
    heads: Vec<Head>,
    rows: Vec<(Weight, Vec<String>)>,
}

impl Grid {
    /// A table without rows.
    pub fn new(heads: &[Head]) -> Self {
        Self { heads: heads.to_vec(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row(&mut self, weight: Weight, mut cells: Vec<String>) {
        // A line break in a name would forge a row.
        for cell in &mut cells {
            if let Cow::Owned(text) = visible(cell) {
                *cell = text;
            }
        }
        self.rows.push((weight, cells));
    }

    /// The lines, and how wide the widest is.
    fn lines(&self) -> (Vec<String>, usize) {
        let style = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));
        let mut table = Table::new();
        table
            .load_style(style)
            .set_content_arrangement(ContentArrangement::Disabled)
            .enforce_styling()
            .style_text_only();
        let cell = |text: &str, right: bool| {
            let alignment = if right { CellAlignment::Right } else { CellAlignment::Left };
            Cell::new(text).set_alignment(alignment)
        };
        let named = self.heads.iter().any(|h| !h.text.is_empty());
        if named {
            let heads = self.heads.iter().map(|h| cell(h.text, h.right).add_attribute(Attribute::Dim));
            table.set_header(Row::from(heads.collect::<Vec<_>>()));
        }
        for (weight, cells) in &self.rows {
            let cells = cells.iter().zip(&self.heads).map(|(text, head)| {
                let cell = cell(text, head.right);
                match weight {
                    Weight::Plain => cell,
                    Weight::Part => cell.add_attribute(Attribute::Dim),
                    Weight::Sum => cell.add_attribute(Attribute::Bold),
                }
            });
            table.add_row(Row::from(cells.collect::<Vec<_>>()));
        }
        let widths = table.column_max_content_widths();
        // Two blanks between columns, of which the table makes one by itself.
        let last = widths.len().saturating_sub(1);
        for (i, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, if i == last { 0 } else { 1 }));
        }
        let wide = widths.iter().map(|w| usize::from(*w)).sum::<usize>() + 2 * last;
        let mut lines: Vec<String> = table.lines().map(|l| l.trim_end().to_owned()).collect();
        if named && self.rows.iter().any(|(w, _)| *w == Weight::Sum) && lines.len() > 2 {
            let sums = self.rows.iter().rev().take_while(|(w, _)| *w == Weight::Sum).count();
            let rule = lines[1].clone();
            lines.insert(lines.len() - sums, rule);
        }
        (lines, wide)
    }
}

/// The first of `layouts` that is at most `width` wide; the last, if none is.
pub fn fit(width: usize, layouts: impl IntoIterator<Item = Grid>) -> String {
    let mut text = String::new();
    for grid in layouts {
        let (lines, wide) = grid.lines();
        text = joined(&lines);
        if wide <= width {
            break;
        }
    }
    text
}

/// The table, if it is at most `width` wide.
pub fn within(width: usize, grid: &Grid) -> Option<String> {
    let (lines, wide) = grid.lines();
    (wide <= width).then(|| joined(&lines))
}

fn joined(lines: &[String]) -> String {
    format!("{}\n", lines.join("\n"))
}

/// How wide the output may be: the terminal, else `COLUMNS`, else what most programs assume of a
/// file that somebody will open in a window.
pub fn width() -> usize {
    let columns = || std::env::var("COLUMNS").ok()?.parse().ok().filter(|c| (20..=1000).contains(c));
    let terminal = || Table::new().width().map(usize::from).filter(|w| *w > 0);
    terminal().or_else(columns).unwrap_or(120)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(wide: bool) -> Grid {
        let mut grid =
            Grid::new(&[words("Date"), figures(if wide { "A very wide head" } else { "In" }), figures("Cost")]);
        grid.row(Weight::Plain, vec!["2026-11-24".into(), "1,234".into(), "$1.00".into()]);
        grid.row(Weight::Part, vec!["  gpt-5".into(), "34".into(), "$0.50".into()]);
        grid.row(Weight::Sum, vec!["Total".into(), "12,345".into(), "$1,234.56".into()]);
        grid
    }

    #[test]
    fn figures_stand_under_each_other_and_the_sum_under_a_rule() {
        let text = anstream::adapter::strip_str(&fit(80, [grid(false)])).to_string();
        let expected = "\
Date            In       Cost
─────────────────────────────
2026-11-24   1,234      $1.00
  gpt-5         34      $0.50
─────────────────────────────
Total       12,345  $1,234.56
";
        assert_eq!(text, expected);
    }

    #[test]
    fn the_widest_layout_that_fits_is_taken() {
        let wide = anstream::adapter::strip_str(&fit(80, [grid(true), grid(false)])).to_string();
        assert!(wide.contains("A very wide head"));
        let narrow = anstream::adapter::strip_str(&fit(30, [grid(true), grid(false)])).to_string();
        assert!(!narrow.contains("wide"));
        assert!(narrow.lines().all(|l| l.chars().count() <= 30), "{narrow}");
        let none = fit(5, [grid(true), grid(false)]);
        assert!(!none.contains("wide"), "the last one, if none fits");
    }
}
