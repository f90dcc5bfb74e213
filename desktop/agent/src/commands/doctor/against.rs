//! `aimon doctor --against ccusage`

mod differences;

use std::collections::{BTreeMap, BTreeSet};

use aimon_core::history::{Copy, Query};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::cli::DoctorArgs;
use crate::commands::explain::PlaceJson;
use crate::compare::{self, Difference, KINDS, Kept, Where};
use crate::error::{Error, Result};
use crate::lines::{self, Lines};
use crate::place::Place;
use crate::pricing::Pricing;
use crate::render::grid;
use crate::render::json::pretty;
use crate::render::number::{count, exact};
use crate::render::text::name;
use crate::view::View;
use crate::{dates, filter, output, paint};

/// How many lines are shown for each cell; `--json` lists all.
const SHOWN: usize = 8;

/// Compares, and lists what differs with the lines behind it.
pub async fn run(args: &DoctorArgs, place: &Place, zone: &TimeZone, pricing: &Pricing) -> Result<()> {
    if place.is_demo() {
        // ccusage would read this machine's own logs.
        return Err(Error::DemoAgainst(place.home.clone()));
    }
    // ccusage takes a name and nothing else; days of another zone would differ everywhere.
    let zone_name =
        dates::zone_name(zone).ok_or_else(|| Error::UnnamedZone(dates::zone_text(zone, place.now).into()))?;
    let theirs = compare::ccusage(args.ccusage.as_deref(), zone_name)?;
    let mut view = View::open(place, true, |_| None).await?;
    let today = place.now.day();
    let report = view.report(&Query::daily(zone.clone()), today, pricing).await?;
    let (ours, reasoning) = compare::ours(&report);
    let kept = view.replica().map_or_else(Kept::all, |replica| {
        // A report leaves out what is too old by its own day, whatever has expired so far.
        let first = today.plus(1 - replica.retention_days() as i32).max(replica.first_day());
        Kept::from(first, zone)
    });
    let found = compare::differences(&ours, &reasoning, &theirs, &kept);
    let cells = ours.keys().chain(theirs.keys()).collect::<BTreeSet<_>>().len() * KINDS.len();
    let copies = match view.replica() {
        Some(replica) if !found.is_empty() => {
            let days = days(&found);
            let query = Query { since: days.0, until: days.1, ..Query::daily(zone.clone()) };
            replica.copies(query.utc_days(), today).await?
        }
        _ => Vec::new(),
    };
    view.close().await;
    let behind = behind(&found, copies, zone);
    let lines = Lines::of(place, behind.values().flatten());
    let seen = Seen { cells: cells as u64, found, behind, lines };
    if args.json { output::print_plain(&pretty(&seen.json())) } else { output::print(&seen.text()) }
}

/// The first and the last day of what differs.
fn days(found: &[Difference]) -> (Option<Date>, Option<Date>) {
    let mut dates = found.iter().filter_map(|d| d.at.0.parse().ok());
    let first = dates.next();
    (first, dates.next_back().or(first))
}

/// The calls that stand behind our side of each cell that differs.
fn behind(found: &[Difference], copies: Vec<Copy>, zone: &TimeZone) -> BTreeMap<Where, Vec<Copy>> {
    let wanted: BTreeSet<&Where> = found.iter().map(|d| &d.at).collect();
    let mut out: BTreeMap<Where, Vec<Copy>> = BTreeMap::new();
    for copy in copies {
        let r = &copy.record;
        let at = (dates::date(r.time, zone).to_string(), filter::model(&r.model, r.tier).into_owned());
        if wanted.contains(&at) {
            out.entry(at).or_default().push(copy);
        }
    }
    out
}

struct Seen {
    cells: u64,
    found: Vec<Difference>,
    behind: BTreeMap<Where, Vec<Copy>>,
    lines: Lines,
}

impl Seen {
    fn text(&self) -> String {
        let cells = count(self.cells, "cell");
        if self.found.is_empty() {
            return format!(
                "{}\n",
                paint::bold(&format!("All {cells} of day, model and token kind agree with ccusage."))
            );
        }
        let title = format!("{} of {cells} differ from ccusage", exact(self.found.len() as u64));
        let mut text = format!("{}\n\n{}", paint::bold(&title), differences::table(&self.found, grid::width()));
        for (at, copies) in &self.behind {
            text.push_str(&format!("\n{}\n", paint::bold(&format!("{} · {}", name(&at.0), name(&at.1)))));
            for copy in copies.iter().take(SHOWN) {
                let t = &copy.record.tokens;
                let kinds = [t.input, t.output, t.cache_write(), t.cache_read].map(exact).join(" / ");
                text.push_str(&format!("  {kinds}\n"));
                for located in self.lines.behind(copy) {
                    text.push_str(&format!("    {}\n", lines::text(located)));
                }
            }
            if copies.len() > SHOWN {
                text.push_str(&format!("  … and {} more (--json lists all)\n", exact((copies.len() - SHOWN) as u64)));
            }
        }
        text
    }

    fn json(&self) -> AgainstJson {
        let cell = |d: &Difference| CellJson {
            day: d.at.0.clone(),
            model: d.at.1.clone(),
            tokens: KINDS.get(d.kind).copied().unwrap_or_default(),
            aimon: d.ours,
            ccusage: d.theirs,
            why: d.why,
            lines: self.places(&d.at),
        };
        AgainstJson { cells: self.cells, differences: self.found.iter().map(cell).collect() }
    }

    fn places(&self, at: &Where) -> Vec<PlaceJson> {
        let copies = self.behind.get(at).into_iter().flatten();
        copies
            .flat_map(|c| self.lines.behind(c))
            .map(|l| PlaceJson { file: l.place.path.display().to_string(), line: l.place.line })
            .collect()
    }
}

#[derive(Serialize)]
struct AgainstJson {
    cells: u64,
    differences: Vec<CellJson>,
}

#[derive(Serialize)]
struct CellJson {
    day: String,
    model: String,
    tokens: &'static str,
    aimon: u64,
    ccusage: u64,
    why: Option<&'static str>,
    lines: Vec<PlaceJson>,
}
