//! The page with the results.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use aimon_tests::bench::segment;

use crate::Options;
use crate::measure::Cost;

/// Markdown, printed as it comes.
pub struct Page(String);

impl Page {
    pub fn new(options: &Options) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut page = Self(String::new());
        page.line(&format!(
            "# Benchmark\n\nMedians of {} runs, all tools in one run on the same files, {cores} cores, {}.\n",
            options.runs,
            std::env::consts::OS
        ));
        page
    }

    pub fn say(&mut self, text: &str) {
        self.line(&format!("{text}."));
    }

    /// A section's heading and its table's.
    pub fn head(&mut self, title: &str, columns: &[&str]) {
        self.line(&format!("\n## {title}\n"));
        self.row(columns);
        self.line(&"|---".repeat(columns.len()).add_end());
    }

    pub fn row(&mut self, cells: &[&str]) {
        self.line(&format!("| {} |", cells.join(" | ")));
    }

    /// What the issue asks for.
    pub fn limit(&mut self, text: &str) {
        self.line(&format!("\nAsked for: {text}."));
    }

    /// A row with ratios to `base`: how much of its time this one took.
    pub fn cost(&mut self, name: &str, cost: Option<Cost>, base: Option<Cost>) {
        let Some(c) = cost else { return self.row(&[name, "not installed, or failed", "", "", "", ""]) };
        let part = |f: fn(&Cost) -> Duration| {
            base.map(|b| format!("{}×", ratio(f(&c).as_nanos(), f(&b).as_nanos()))).unwrap_or_default()
        };
        self.row(&[name, &millis(c.wall), &millis(c.cpu), &mega(c.peak), &part(|c| c.wall), &part(|c| c.cpu)]);
    }

    /// A row that says how many times faster than `base` this one is.
    pub fn faster(&mut self, name: &str, cost: Option<Cost>, base: Option<Cost>) {
        let Some(c) = cost else { return self.row(&[name, "not installed, or failed", "", "", ""]) };
        let times = base.map(|b| format!("{}×", ratio(b.wall.as_nanos(), c.wall.as_nanos()))).unwrap_or_default();
        self.row(&[name, &millis(c.wall), &millis(c.cpu), &mega(c.peak), &times]);
    }

    pub fn plain(&mut self, name: &str, cost: Option<Cost>) {
        let Some(c) = cost else { return self.row(&[name, "failed", "", ""]) };
        self.row(&[name, &millis(c.wall), &millis(c.cpu), &mega(c.peak)]);
    }

    /// A day of 10 providers polled each minute.
    pub fn segment(&mut self) {
        self.head("A segment of 10 providers polled each minute", &["what", "measured"]);
        match segment::run() {
            Ok(m) => {
                self.row(&["readings", &m.readings.to_string()]);
                let part = ratio(m.saved as u128, m.limit as u128);
                self.row(&["bytes, against delta columns + zstd-19", &format!("{} of {} ({part}×)", m.saved, m.limit)]);
                self.row(&["a change before it is sealed", &format!("{} bytes", m.change)]);
                self.row(&["append an event", &format!("{} µs", ratio(m.append_ns, 1_000))]);
                self.row(&["load it, and take out its batches", &format!("{} ms", ratio(m.load_us, 1_000))]);
                self.row(&["decode these to 14,400 answers", &format!("{} ms", ratio(m.decode_us, 1_000))]);
            }
            Err(e) => self.row(&["failed", &e.to_string()]),
        }
        self.limit("≤ 1.05×, ≤ 5 µs CPU per appended event, ≤ 10 ms to load");
    }

    /// Writes the page to a file.
    pub fn write(&self, path: &Path) {
        std::fs::write(path, &self.0).unwrap();
        println!("\nwritten to {}", path.display());
    }

    fn line(&mut self, text: &str) {
        println!("{text}");
        let _ = writeln!(self.0, "{text}");
    }
}

trait AddEnd {
    fn add_end(self) -> String;
}

impl AddEnd for String {
    fn add_end(mut self) -> String {
        self.push('|');
        self
    }
}

/// `a / b` with three digits.
pub fn ratio(a: u128, b: u128) -> String {
    let thousandths = a * 1_000 / b.max(1);
    match thousandths {
        0..10_000 => format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000),
        10_000..100_000 => format!("{}.{}", thousandths / 1_000, thousandths % 1_000 / 100),
        _ => (thousandths / 1_000).to_string(),
    }
}

/// Wall time, or that there is none.
pub fn times(cost: Option<Cost>) -> String {
    cost.map_or_else(|| "failed".to_owned(), |c| millis(c.wall))
}

fn millis(d: Duration) -> String {
    format!("{} ms", ratio(d.as_nanos(), 1_000_000))
}

fn mega(bytes: u64) -> String {
    format!("{} MB", ratio(bytes.into(), 1_000_000))
}
