//! Reports as tables.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use aimon_core::event::Quality;
use aimon_core::history::{Dimension, Figures, Period, Report};
use aimon_core::units::PicoUsd;

use super::grid::{Grid, Head, Weight, figures, fit, words};
use super::labels::Labels;
use super::number::{amounts, exact, money, short};
use super::sessions::Sessions;
use super::text::{name, names, wrapped};
use crate::filter::FAST;
use crate::paint;

/// What rows show beside their sums.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Parts {
    /// Nothing.
    None,
    /// The models.
    Models,
    /// What `--by` asked for.
    Groups(Dimension),
}

/// A report's table with a title, and a legend where marks need one.
pub fn report(report: &Report, title: &str, period: Period, parts: Parts, labels: &Labels, width: usize) -> String {
    let title = labels.title(title);
    if report.rows.is_empty() {
        return format!("{}\n\nNo calls in this range.\n", paint::bold(&title));
    }
    let layouts = [Layout::Full, Layout::Short, Layout::Narrow, Layout::Least];
    let table = fit(width, layouts.into_iter().map(|layout| layout.grid(report, period, parts, labels)));
    format!("{}\n\n{table}{}", paint::bold(&title), legend(report, width))
}

/// How much a table shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// Everything, exact.
    Full,
    /// Everything, rounded.
    Short,
    /// Input, output, total and cost.
    Narrow,
    /// Total and cost.
    Least,
}

impl Layout {
    fn grid(self, report: &Report, period: Period, parts: Parts, labels: &Labels) -> Grid {
        let first = match period {
            Period::Day => "Date",
            Period::Week(_) => "Week",
            Period::Month => "Month",
            Period::Session => "Session",
        };
        let heads: &[Head] = match self {
            Self::Full | Self::Short => &[
                words(first),
                words("Models"),
                figures("Calls"),
                figures("Input"),
                figures("Output"),
                figures("Cache write"),
                figures("Cache read"),
                figures("Total"),
                figures("Cost"),
            ],
            Self::Narrow => &[words(first), figures("Input"), figures("Output"), figures("Total"), figures("Cost")],
            Self::Least => &[words(first), figures("Tokens"), figures("Cost")],
        };
        // Only who pays by the call is billed for it.
        let has_billed = !report.total.billed.is_empty();
        let mut heads = heads.to_vec();
        heads.extend(has_billed.then(|| figures("Billed")));
        let with_billed = |mut cells: Vec<String>, f: &Figures| {
            cells.extend(has_billed.then(|| amounts(&f.billed)));
            cells
        };
        let mut grid = Grid::new(&heads);
        let groups = report.rows.iter().flat_map(|r| &r.groups).map(|g| &g.id);
        let sessions = match (period, parts) {
            (Period::Session, _) => Sessions::of(report.rows.iter().map(|r| &r.period)),
            (_, Parts::Groups(Dimension::Session)) => Sessions::of(groups),
            _ => Sessions::default(),
        };
        let group = |by, id: &str| match by {
            Dimension::Session => sessions.shown(id),
            Dimension::Device => name(&labels.device(id)),
            _ => name(&labels.stable(by, id)),
        };
        for row in &report.rows {
            let period = if period == Period::Session { sessions.shown(&row.period) } else { row.period.clone() };
            let models = if parts == Parts::Models { String::new() } else { models(&row.models) };
            grid.row(Weight::Plain, with_billed(self.cells(&period, &models, &row.figures), &row.figures));
            match parts {
                Parts::None => {}
                Parts::Models => {
                    for (model, figures) in &row.models {
                        grid.row(Weight::Part, with_billed(self.part(&shown_model(model), figures), figures));
                    }
                }
                Parts::Groups(by) => {
                    for g in &row.groups {
                        grid.row(Weight::Part, with_billed(self.part(&group(by, &g.id), &g.figures), &g.figures));
                    }
                }
            }
        }
        grid.row(Weight::Sum, with_billed(self.cells("Total", "", &report.total), &report.total));
        grid
    }

    fn part(self, label: &str, figures: &Figures) -> Vec<String> {
        match self {
            Self::Full | Self::Short => self.cells("", label, figures),
            Self::Narrow | Self::Least => self.cells(&format!("  {label}"), "", figures),
        }
    }

    fn cells(self, name: &str, models: &str, f: &Figures) -> Vec<String> {
        let number = if self == Self::Full { exact } else { short };
        let t = f.tokens();
        let least = mark(f);
        // A placeholder in the log stands for input and output; caches are always written in full.
        let marked = |n: u64| format!("{least}{}", number(n));
        let (name, cost) = (name.to_owned(), cost(f));
        match self {
            Self::Full | Self::Short => vec![
                name,
                models.to_owned(),
                calls(f),
                marked(t.input),
                marked(t.output),
                number(t.cache_write()),
                number(t.cache_read),
                marked(t.total()),
                cost,
            ],
            Self::Narrow => vec![name, marked(t.input), marked(t.output), marked(t.total()), cost],
            Self::Least => vec![name, marked(t.total()), cost],
        }
    }
}

/// `≥` where the log is known to say too little, `~` where something had to be assumed.
pub fn mark(f: &Figures) -> &'static str {
    mark_of(|quality| f.qualities.contains_key(&quality))
}

/// The same of calls with these qualities.
pub fn mark_of(has: impl Fn(Quality) -> bool) -> &'static str {
    if has(Quality::Understated) {
        "≥"
    } else if has(Quality::Estimated) {
        "~"
    } else {
        ""
    }
}

/// Calls; unknown where only those tell of it who count none: a bill, a balance, Anthropic's usage. `≥` where those tell of some of it.
pub fn calls(f: &Figures) -> String {
    match (f.sums.calls, f.has_uncounted) {
        (0, false) if f.billed.is_empty() => exact(0),
        (0, _) => "–".to_owned(),
        (calls, true) => format!("≥{}", exact(calls)),
        (calls, false) => exact(calls),
    }
}

/// The cost, with `≥` where not all of it is known.
pub fn cost(f: &Figures) -> String {
    marked_cost(f.known_cost(), f.unpriced_calls > 0, mark(f))
}

/// What is known of a cost, whether something is missing in it, and the mark of its calls.
pub fn marked_cost(known: Option<PicoUsd>, is_part: bool, mark: &str) -> String {
    match (known, mark) {
        (None, _) => "unknown price".to_owned(),
        (Some(cost), mark) if is_part || mark == "≥" => at_least(cost),
        (Some(cost), mark) => format!("{mark}{}", money(cost)),
    }
}

/// `≥$1.23`: what is known of a cost is at least that much.
fn at_least(cost: PicoUsd) -> String {
    match money(cost) {
        // At least less than a cent: more than nothing.
        text if text.starts_with('<') => ">$0.00".to_owned(),
        text => format!("≥{text}"),
    }
}

/// What the marks mean, if there are any.
pub fn legend(report: &Report, width: usize) -> String {
    let mut lines = Vec::new();
    let of = |q: Quality| report.total.qualities.get(&q).copied().unwrap_or_default();
    let understated = of(Quality::Understated);
    if understated > 0 {
        let calls = super::number::count(understated, "call");
        lines.push(format!("≥ at least: {calls} from a version of the agent that logs too little"));
    }
    if of(Quality::Estimated) > 0 {
        let calls = super::number::count(of(Quality::Estimated), "call");
        lines.push(format!("~ about: {calls} where the log leaves something out, such as the model"));
    }
    if report.total.has_uncounted && report.total.sums.calls > 0 {
        lines.push("≥ at least so many calls: some providers tell of tokens, and count no calls".to_owned());
    }
    if !report.unpriced_models.is_empty() {
        let models = names(&report.unpriced_models);
        lines.push(format!("≥ not in the cost, because their price is unknown: {models}"));
    }
    let total = &report.total;
    if total.explained.sums.calls > 0 {
        let calls = super::number::count(total.explained.sums.calls, "call");
        let (tokens, cost) = (short(total.explained.sums.tokens.total()), money(total.explained.cost));
        lines.push(format!(
            "not added: {calls} from logs ({tokens} tokens, {cost}), for which accounts' own figures stand"
        ));
    }
    if total.grain.utc_days {
        lines.push("some of it is told by UTC day, and stands with that day in every zone".to_owned());
    }
    if total.grain.hours {
        lines.push("some of it is told by the hour, and this zone's midnight lies within one".to_owned());
    }
    let lines: String = lines.iter().map(|line| wrapped(line, 0, width)).collect();
    if lines.is_empty() { lines } else { format!("\n{}\n", paint::dim(lines.trim_end())) }
}

/// The two models that cost most, without what they share with all others.
fn models(models: &BTreeMap<String, Figures>) -> String {
    let mut names: Vec<(&String, &Figures)> = models.iter().collect();
    names.sort_by_key(|(name, f)| (Reverse((f.known_cost(), f.tokens().total())), *name));
    let mut names: Vec<String> = names.into_iter().map(|(name, _)| shown_model(name)).collect();
    names.dedup();
    let mut text = names.iter().take(2).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > 2 {
        text.push_str(&format!(" +{}", names.len() - 2));
    }
    text
}

/// A model as tables show it.
pub fn shown_model(model: &str) -> String {
    name(&short_model(model))
}

/// `claude-sonnet-4-5-20250929` is `sonnet-4-5`.
pub fn short_model(name: &str) -> String {
    let name = name.rsplit('/').next().unwrap_or(name);
    let name = name.strip_prefix("claude-").unwrap_or(name);
    let (base, fast) = name.strip_suffix(FAST).map_or((name, ""), |b| (b, FAST));
    let dated = |s: &str| s.len() == 8 && s.bytes().all(|b| b.is_ascii_digit());
    match base.rsplit_once('-') {
        Some((base, date)) if dated(date) => format!("{base}{fast}"),
        _ => format!("{base}{fast}"),
    }
}
