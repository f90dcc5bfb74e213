//! `aimon source list`

use std::collections::BTreeMap;

use aimon_core::accounts::{Coverage, Covered, stated};
use aimon_core::history::{Detail, Overlap};
use aimon_core::ids::DeviceId;
use aimon_core::name::Name;
use aimon_core::time::UtcDay;
use aimon_replica::Replica;
use serde::Serialize;

use super::{BEGINNING, UNSTATED, ask, in_words, to_take_back};
use crate::accounts::to_cover;
use crate::cli::SourceListArgs;
use crate::error::Result;
use crate::place::Place;
use crate::render::grid::{self, Grid, Weight, figures, words};
use crate::render::json::pretty;
use crate::render::labels::Labels;
use crate::render::number::{count, exact};
use crate::render::text::wrapped;
use crate::scan::roots::Roots;
use crate::view::Held;
use crate::{note, output, workspace};

/// How many days are looked at for what a source has, and for what seems to be told twice.
const LOOKED_AT: i32 = 30;

/// All of it.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct ListJson {
    sources: Vec<SourceJson>,
    coverage: Vec<CoverJson>,
    /// Accounts that seem to pay for calls of which nobody has said who pays: they are counted twice.
    proposed: Vec<ProposalJson>,
}

/// What a source had within 30 days.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SourceJson {
    source: String,
    /// Whose, as the log states it; or what stands for the folder in which they were read.
    owner: Option<String>,
    /// That folder, where it is this device's.
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<String>,
    devices: Vec<String>,
    calls: u64,
    total_tokens: u64,
    last_day: String,
    /// Who pays by now, as far as anybody has said.
    paid_by: Option<String>,
}

impl SourceJson {
    /// Whether it has calls for which somebody was said to pay. Calls of a root are calls of whom the log says nothing, too.
    fn is_of(&self, cover: &CoverJson) -> bool {
        let owner = self.owner.as_ref().map(|owner| Name::from(owner.as_str()));
        let is_owner = |of: &str| owner.as_deref() == Some(of) || (of.is_empty() && stated(owner.as_ref()).is_none());
        self.source == cover.source
            && cover.owner.as_deref().is_none_or(is_owner)
            && cover.device.as_ref().is_none_or(|device| self.devices.contains(device))
    }
}

/// Who pays for a source, from a day on.
#[derive(Serialize)]
struct CoverJson {
    source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    /// Empty: of whom the log says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    from: Option<String>,
    by: String,
}

#[derive(Serialize)]
struct ProposalJson {
    source: String,
    owner: Option<String>,
    account: String,
    /// In how many hours both say the same, of how many.
    alike: usize,
    hours: usize,
}

pub(super) async fn run(args: &SourceListArgs) -> Result<()> {
    let place = Place::here()?;
    let (mut all, mut labels, mut asking) = (ListJson::default(), Labels::default(), String::new());
    let mut roots = Roots::default();
    if let Some(mut replica) = place.open_to_look().await? {
        let settings = workspace::settings(&mut replica).await?;
        labels = place.labels(Some(replica.device()), &settings);
        asking = ask::lines(&mut replica, &place, &settings).await?;
        roots = note::read(&mut replica).await?;
        all = look(&mut replica, place.now.day(), &labels, &roots).await?;
    }
    if args.json {
        return output::print_plain(&pretty(&all));
    }
    output::print(&format!("{}{asking}", text(&all, &labels, &roots, grid::width())))
}

async fn look(replica: &mut Replica, today: UtcDay, labels: &Labels, roots: &Roots) -> Result<ListJson> {
    let settings = workspace::settings(replica).await?;
    let days = (today.plus(-LOOKED_AT), UtcDay(i32::MAX));
    let held = Held::within(replica, days, today, Detail::Hours, &settings).await?.as_shown(labels);
    let metered = held.metered();
    let coverage = held.accounts.coverage();
    let mut sources: BTreeMap<(Name, Name), SourceJson> = BTreeMap::new();
    for day in &held.cells {
        for (key, sums) in &day.cells {
            let owner = key.payer.clone().unwrap_or_default();
            let one = sources.entry((key.source.clone(), owner)).or_insert_with(|| SourceJson {
                source: key.source.to_string(),
                owner: key.payer.as_ref().map(ToString::to_string),
                root: key.payer.as_ref().and_then(|owner| roots.path(owner)).map(str::to_owned),
                devices: Vec::new(),
                calls: 0,
                total_tokens: 0,
                last_day: String::new(),
                paid_by: None,
            });
            one.calls = one.calls.saturating_add(sums.calls);
            one.total_tokens = one.total_tokens.saturating_add(sums.tokens.total());
            one.last_day = day.day.to_string();
            let device = key.device;
            if !one.devices.contains(&device.to_string()) {
                one.devices.push(device.to_string());
            }
            let payer = coverage.payer(&key.source, device, key.payer.as_ref(), day.day);
            one.paid_by = payer.map(|payer| payer.text().to_owned());
        }
    }
    let stated = |owner: &Name| (!owner.is_empty()).then(|| owner.to_string());
    Ok(ListJson {
        sources: sources.into_values().collect(),
        coverage: coverage
            .all()
            .map(|(covered, day, payer)| CoverJson {
                source: covered.source.to_string(),
                device: covered.device.map(|device| device.to_string()),
                owner: covered.owner.as_ref().map(ToString::to_string),
                from: (day != BEGINNING).then(|| day.to_string()),
                by: Coverage::value(payer).to_owned(),
            })
            .collect(),
        proposed: Overlap::of(&held.cells, &metered)
            .into_iter()
            .map(|one| ProposalJson {
                owner: stated(&one.owner),
                source: one.source.to_string(),
                account: one.account.to_string(),
                alike: one.alike,
                hours: one.hours,
            })
            .collect(),
    })
}

fn covered(source: &str, device: Option<&str>, owner: Option<&str>) -> Covered {
    Covered { source: source.into(), device: device.and_then(DeviceId::parse), owner: owner.map(Name::from) }
}

fn text(all: &ListJson, labels: &Labels, roots: &Roots, width: usize) -> String {
    if all.sources.is_empty() && all.coverage.is_empty() {
        return "No agent's log was read within 30 days: `aimon doctor` says where it looked.\n".to_owned();
    }
    let mut wide = Grid::new(&[
        words("Source"),
        words("Owner"),
        words("Devices"),
        figures("Calls"),
        figures("Tokens"),
        words("Last"),
        words("Paid by"),
    ]);
    let mut narrow = Grid::new(&[words("Source"), words("Owner"), figures("Calls"), words("Paid by")]);
    let mut lines = String::new();
    for one in &all.sources {
        let devices: Vec<String> = one.devices.iter().map(|id| labels.device(id)).collect();
        let owner = one.root.as_ref().or(one.owner.as_ref()).cloned().unwrap_or_else(|| UNSTATED.to_owned());
        let paid = one.paid_by.clone().unwrap_or_else(|| "not said".to_owned());
        wide.row(
            Weight::Plain,
            vec![
                one.source.clone(),
                owner.clone(),
                devices.join(", "),
                exact(one.calls),
                exact(one.total_tokens),
                one.last_day.clone(),
                paid.clone(),
            ],
        );
        let what = in_words(&covered(&one.source, None, one.owner.as_deref()), labels, roots);
        lines.push_str(&wrapped(&what, 0, width));
        let figures =
            format!("{}, {} tokens, last on {}", count(one.calls, "call"), exact(one.total_tokens), one.last_day);
        lines.push_str(&wrapped(&format!("{figures}; paid by: {paid}"), 2, width));
        narrow.row(Weight::Plain, vec![one.source.clone(), owner, exact(one.calls), paid]);
    }
    // Whose calls they are is what one looks for here: where no table has room for it, there is none.
    let table = grid::within(width, &wide).or_else(|| grid::within(width, &narrow)).unwrap_or(lines);
    let mut text = if all.sources.is_empty() { String::new() } else { table };
    let mut notes = String::new();
    for one in &all.coverage {
        let covered = covered(&one.source, one.device.as_deref(), one.owner.as_deref());
        let from = one.from.as_ref().map(|day| format!(" from {day} on")).unwrap_or_default();
        let unused = match all.sources.iter().any(|source| source.is_of(one)) {
            true => String::new(),
            false => format!(", which had no call within {LOOKED_AT} days; {} takes it back", to_take_back(&covered)),
        };
        notes.push_str(&format!("{}: {}{from}{unused}\n", in_words(&covered, labels, roots), one.by));
    }
    for one in &all.proposed {
        notes.push_str(&format!(
            "{} seems to pay for {}: in {} of {} hours both say the same, and both count. {} has them count once\n",
            one.account,
            one.source,
            one.alike,
            one.hours,
            to_cover(&one.source, one.owner.as_deref(), &one.account)
        ));
    }
    if all.coverage.is_empty() && all.proposed.is_empty() {
        notes.push_str(
            "Nobody has said who pays for any source: calls count by the logs, and accounts' figures beside them.\n\
             `aimon source cover SOURCE --by ACCOUNT` (or `--by subscription`) says so.\n",
        );
    }
    text.push('\n');
    notes.lines().for_each(|line| text.push_str(&wrapped(line, 0, width)));
    text
}
