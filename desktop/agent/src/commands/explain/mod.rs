//! `aimon explain`
//!
//! * `bills`: what accounts were billed, line by line.

mod bills;

use std::collections::{BTreeMap, BTreeSet};

use aimon_core::history::{Bill, Copy, Figures};
use aimon_core::settings::Settings;
use aimon_core::time::{UtcDay, UtcMillis};
use aimon_core::units::{PicoUsd, Tokens};
use serde::Serialize;

use self::bills::BillJson;
use super::report::{Asked, mode};
use crate::cli::{ExplainArgs, RangeArgs};
use crate::dates::{self, Day};
use crate::error::{Error, Result};
use crate::explain::{Explained, Part, PartKey, Rule, cost};
use crate::lines::{self, Lines};
use crate::place::Place;
use crate::pricing::Pricing;
use crate::render::grid::{self, Grid, Weight, figures, within, words};
use crate::render::json::{Dollars, FiguresJson, pretty};
use crate::render::labels::Labels;
use crate::render::number::{count, exact};
use crate::render::sessions::Sessions;
use crate::render::table::{self, calls, mark_of, marked_cost, shown_model};
use crate::render::text::{name, names, visible, wrapped};
use crate::view::{Held, View, cut};
use crate::{filter, output, paint};

/// Shows what a figure is made of.
pub async fn run(args: &ExplainArgs) -> Result<()> {
    let pricing = Pricing::load()?;
    let place = Place::here()?;
    let range = range(args);
    // What can't be understood is said before anything is begun.
    Asked::of(&range, &Settings::default(), place.now)?;
    let mut view = View::open(&place, !range.no_scan, |_| None).await?;
    let asked = Asked::of(&range, view.settings(), place.now)?;
    let labels = view.labels().clone();
    let query = asked.query(aimon_core::history::Period::Day, None);
    let copies = match view.replica() {
        Some(replica) => replica.copies(query.utc_days(), asked.today.utc).await?,
        None => Vec::new(),
    };
    let held = view.held(&query, asked.today.utc).await?;
    view.tell_concerns().await?;
    view.close().await;
    let shown = |copy: Copy| Copy { device: labels.shown(copy.device), ..copy };
    let copies: Vec<Copy> = copies.into_iter().map(shown).collect();
    let devices = filter::shown_ids(&range.device, copies.iter().map(|c| c.device).collect(), &labels)?;
    let mut copies: Vec<Copy> = copies.into_iter().filter(|c| takes(&range, &asked, &devices, c)).collect();
    let sessions = sessions(&args.session, &copies)?;
    copies.retain(|c| sessions.is_empty() || sessions.iter().any(|s| **s == *c.record.session));
    let prices = pricing.look_up();
    let bills = match bills::belong(&range, &sessions) {
        true => {
            let days = (asked.since, asked.until);
            let all = Bill::of(&held.metered(), days, &|key, day, tokens| prices.cost(key, day, tokens));
            bills::meant(all, &range)
        }
        false => Vec::new(),
    };
    let own = match copies.is_empty() && bills.is_empty() && sessions.is_empty() {
        true => own(&asked, held.clone(), &pricing, &labels)?,
        false => None,
    };
    if copies.is_empty() && bills.is_empty() && own.is_none() {
        return Err(Error::NothingToExplain(format!("no call matches {}", words_of(args, &asked))));
    }
    let found = if args.lines { Some(Lines::of(&place, &copies)) } else { None };
    let mode = mode(range.mode);
    // As in a report: where what accounts said can't be in it, calls count whoever pays.
    let is_of_all = sessions.is_empty() && devices.is_empty();
    let metered = held.metered();
    let explains =
        |copy: &Copy| metered.explained_by(copy).filter(|account| is_of_all && query.shows(account)).cloned();
    let shown = Shown {
        title: format!("What {} is made of · {}", words_of(args, &asked), asked.zone_text()),
        explained: Explained::of(&copies, mode, &prices, &explains),
        bills,
        own,
        copies: &copies,
        costs: copies.iter().map(|c| cost(c, mode, &prices)).collect(),
        lines: found.as_ref(),
        asked: &asked,
        labels: &labels,
        pricing: &pricing,
    };
    if args.json {
        return output::print_plain(&pretty(&shown.json()));
    }
    output::print(&shown.text(grid::width()))
}

/// What a report shows all the same: what accounts say themselves.
fn own(asked: &Asked, held: Held, pricing: &Pricing, labels: &Labels) -> Result<Option<Figures>> {
    let query = asked.query(aimon_core::history::Period::Day, None);
    let total = cut(&query, held, pricing, labels)?.total;
    Ok(Some(total).filter(|total| !total.is_nothing()))
}

/// Without a day it is today, unless something else narrows it down.
fn range(args: &ExplainArgs) -> RangeArgs {
    let mut range = args.range.clone();
    let day = args.day.or_else(|| {
        let all = range.since.is_none() && range.until.is_none() && args.session.is_empty();
        all.then_some(Day::Ago(0))
    });
    if let Some(day) = day {
        (range.since, range.until) = (Some(day), Some(day));
    }
    range
}

/// Sessions by their ids, or by beginnings of them, as they are shown.
fn sessions(given: &[String], copies: &[Copy]) -> Result<Vec<String>> {
    let known: BTreeSet<&str> = copies.iter().map(|c| &*c.record.session).collect();
    let whole = |given: &String| {
        let begin: Vec<&str> = known.iter().copied().filter(|id| visible(id).starts_with(given.as_str())).collect();
        match begin[..] {
            [one] if !given.is_empty() => Ok(one.to_owned()),
            [_, _, ..] if !given.is_empty() && !known.contains(given.as_str()) => {
                Err(Error::AmbiguousSession { given: given.clone(), found: names(&begin) })
            }
            _ => Ok(given.clone()),
        }
    };
    given.iter().map(whole).collect()
}

fn takes(range: &RangeArgs, asked: &Asked, devices: &[String], copy: &Copy) -> bool {
    let r = &copy.record;
    let date = dates::date(r.time, &asked.zone);
    let any = |list: &[String], text: &str| list.is_empty() || list.iter().any(|l| l == text);
    // The plain name means both variants.
    let named = filter::model(&r.model, r.tier);
    let is_model = |given: &String| filter::is_model(given, &r.model) || filter::is_model(given, &named);
    asked.since.is_none_or(|d| date >= d)
        && asked.until.is_none_or(|d| date <= d)
        && any(&range.source, &r.source)
        && (range.model.is_empty() || range.model.iter().any(is_model))
        && (devices.is_empty() || any(devices, &copy.device.to_string()))
}

fn words_of(args: &ExplainArgs, asked: &Asked) -> String {
    let days = match (asked.since, asked.until) {
        (Some(a), Some(b)) if a == b => a.to_string(),
        (Some(a), Some(b)) => format!("{a} to {b}"),
        (Some(a), None) => format!("the time since {a}"),
        (None, Some(b)) => format!("the time until {b}"),
        (None, None) => "everything".to_owned(),
    };
    let filters = [
        ("source", &args.range.source),
        ("model", &args.range.model),
        ("device", &args.range.device),
        ("session", &args.session),
    ];
    let filters = filters.iter().filter(|(_, list)| !list.is_empty());
    let filters: Vec<String> = filters
        .map(|(what, list)| format!("{what} {}", list.iter().map(|l| name(l)).collect::<Vec<_>>().join(" or ")))
        .collect();
    if filters.is_empty() { days } else { format!("{days} ({})", filters.join(", ")) }
}

/// All that is shown.
struct Shown<'a> {
    title: String,
    explained: Explained,
    bills: Vec<Bill>,
    /// What accounts say themselves of what no call and no bill is of.
    own: Option<Figures>,
    copies: &'a [Copy],
    costs: Vec<Option<PicoUsd>>,
    lines: Option<&'a Lines>,
    asked: &'a Asked,
    labels: &'a Labels,
    pricing: &'a Pricing,
}

impl Shown<'_> {
    /// The rules by which the parts' prices were found, each once.
    fn rules(&self) -> BTreeSet<(String, Rule)> {
        let mut rules = BTreeSet::new();
        for (key, part) in &self.explained.parts {
            for copy in part.copies.iter().filter_map(|i| self.copies.get(*i)) {
                rules.insert((key.named().into_owned(), self.rule(key, copy.record.time.day())));
            }
        }
        rules
    }

    fn sessions(&self) -> Sessions {
        Sessions::of(self.explained.parts.iter().map(|(key, _)| &*key.session))
    }

    fn rule(&self, key: &PartKey, day: UtcDay) -> Rule {
        Rule::of(&key.model, day, key.tier, key.context, self.pricing)
    }

    fn text(&self, width: usize) -> String {
        let title = wrapped(&self.labels.title(&self.title), 0, width);
        let mut text = format!("{}\n\n", paint::bold(title.trim_end()));
        if self.explained.parts.is_empty() {
            text.push_str(&wrapped("No call from a log.", 0, width));
            if let Some(own) = &self.own {
                let tokens = exact(own.tokens().total());
                // Some providers count none.
                let calls = if own.sums.calls == 0 { String::new() } else { format!("{} calls, ", calls(own)) };
                let cost = table::cost(own);
                let by_day = if own.grain.utc_days { ", by UTC day" } else { "" };
                let said = format!(
                    "Accounts themselves tell of {calls}{tokens} tokens, {cost} by list prices{by_day}; what they tell is not made of \
                     calls. `aimon report --by account`, `model`, `key` or `project` divides it."
                );
                text.push_str(&wrapped(&said, 0, width));
            }
            return text + &bills::text(&self.bills, self.labels, width);
        }
        text.push_str(&self.table(width));
        text.push_str(&self.not_added(width));
        text.push_str(&bills::text(&self.bills, self.labels, width));
        let head = wrapped("Prices, $ per million tokens: input, output, cache write 5 m, 1 h, cache read", 0, width);
        text.push_str(&format!("\n{}\n", paint::dim(head.trim_end())));
        for (model, rule) in &self.rules() {
            let model = name(model);
            let line = match &rule.matched {
                Some(matched) => {
                    let prices: Vec<&str> = rule.per_million.iter().map(|p| p.as_deref().unwrap_or("–")).collect();
                    let notes: String = rule.notes.iter().map(|n| format!("; {n}")).collect();
                    format!("  {model}: {}  from {}{notes}", prices.join(", "), visible(matched))
                }
                None => format!("  {model}: price unknown, not in the cost"),
            };
            match line.chars().count() > width {
                true => text.push_str(&wrapped(line.trim_start(), 2, width)),
                false => text.push_str(&format!("{line}\n")),
            }
        }
        if let Some(lines) = self.lines {
            let sessions = self.sessions();
            text.push_str(&format!("\n{}\n", paint::bold("Calls and their lines")));
            for (key, part) in &self.explained.parts {
                let (model, session) = (name(&key.named()), sessions.shown(&key.session));
                text.push_str(&format!("\n  {model} · {} · {session}\n", visible(&key.source)));
                for i in &part.copies {
                    let (Some(copy), Some(cost)) = (self.copies.get(*i), self.costs.get(*i)) else { continue };
                    text.push_str(&self.call(copy, *cost, lines));
                }
            }
        }
        text
    }

    /// That some of the calls are in no sum, and why.
    fn not_added(&self, width: usize) -> String {
        let mut by: BTreeMap<&str, u64> = BTreeMap::new();
        for (key, part) in &self.explained.parts {
            if let Some(account) = &key.explains {
                *by.entry(account).or_default() += part.calls;
            }
        }
        let line = |(account, calls): (&str, u64)| {
            wrapped(
                &format!("{NOT_ADDED} not added: {} for which {account}'s own figures stand", count(calls, "call")),
                0,
                width,
            )
        };
        by.into_iter().map(line).collect()
    }

    fn call(&self, copy: &Copy, cost: Option<PicoUsd>, lines: &Lines) -> String {
        let mark = mark_of(|quality| quality == copy.record.quality);
        let cost = marked_cost(cost, false, mark);
        let total = format!("{mark}{}", exact(copy.record.tokens.total()));
        let mut text = format!("    {}  {total:>12} tokens  {cost:>10}\n", self.time(copy.record.time));
        let behind = lines.behind(copy);
        if behind.is_empty() {
            text.push_str(&format!("      {}\n", paint::dim("its log is not on this machine, or not any more")));
        }
        for located in behind {
            text.push_str(&format!("      {}\n", lines::text(located)));
        }
        text
    }

    fn time(&self, at: UtcMillis) -> String {
        let zone = &self.asked.zone;
        jiff::Timestamp::from_millisecond(at.0)
            .map(|t| zone.to_datetime(t).strftime("%Y-%m-%d %H:%M:%S").to_string())
            .unwrap_or_default()
    }

    /// The parts, and their sum, with as much as fits: where not even what tells them apart does, below each other.
    fn table(&self, width: usize) -> String {
        let layouts = [self.parts(4), self.parts(3), self.narrow()];
        layouts.iter().find_map(|grid| within(width, grid)).unwrap_or_else(|| self.listed(width))
    }

    /// All figures of the parts; with `names` 4 also the device, with 3 what else tells one part from another.
    fn parts(&self, names: usize) -> Grid {
        let all = [words("Device"), words("Session"), words("Prompt"), words("Quality")];
        let middle = &all[all.len() - names.min(all.len())..];
        let mut heads = vec![words("Model"), words("Source")];
        heads.extend_from_slice(middle);
        heads.extend(["Calls", "Input", "Output", "Cache write", "Cache read", "Total", "Cost"].map(figures));
        let mut grid = Grid::new(&heads);
        let row =
            |mark: &str, model: String, source: String, all: [String; 4], calls: u64, t: &Tokens, cost: String| {
                let marked = |n: u64| format!("{mark}{}", exact(n));
                let mut cells = vec![model, source];
                cells.extend_from_slice(&all[all.len() - middle.len()..]);
                cells.push(exact(calls));
                cells.extend([marked(t.input), marked(t.output), exact(t.cache_write()), exact(t.cache_read)]);
                cells.extend([marked(t.total()), cost]);
                cells
            };
        let sessions = self.sessions();
        for (key, part) in &self.explained.parts {
            let all = [
                name(&self.labels.device(&key.device.to_string())),
                sessions.shown(&key.session),
                key.context.above().map_or_else(String::new, |least| format!("> {}K", least / 1000)),
                key.quality.word().to_owned(),
            ];
            let (mark, cost) = marks_of(key, part);
            let model = shown_model(&key.named());
            grid.row(Weight::Plain, row(mark, model, key.source.to_string(), all, part.calls, &part.tokens, cost));
        }
        let (mark, cost) = self.sum();
        let e = &self.explained;
        grid.row(Weight::Sum, row(mark, "Sum".to_owned(), String::new(), Default::default(), e.calls, &e.tokens, cost));
        grid
    }

    /// The sums of the parts, and what tells one part from another: its session, and from when to when it goes.
    fn narrow(&self) -> Grid {
        let mut grid = Grid::new(&[
            words("Model"),
            words("Session"),
            words("When"),
            figures("Calls"),
            figures("Total"),
            figures("Cost"),
        ]);
        let sessions = self.sessions();
        for (key, part) in &self.explained.parts {
            let (mark, cost) = marks_of(key, part);
            let total = format!("{mark}{}", exact(part.tokens.total()));
            let (model, session) = (shown_model(&key.named()), sessions.shown(&key.session));
            grid.row(Weight::Plain, vec![model, session, self.when(part), exact(part.calls), total, cost]);
        }
        let (mark, cost) = self.sum();
        let (e, none) = (&self.explained, String::new);
        let total = format!("{mark}{}", exact(e.tokens.total()));
        grid.row(Weight::Sum, vec!["Sum".to_owned(), none(), none(), exact(e.calls), total, cost]);
        grid
    }

    /// The same, a part below the other.
    fn listed(&self, width: usize) -> String {
        let sessions = self.sessions();
        let figures = |mark: &str, calls: u64, tokens: &Tokens, cost: &str| {
            format!("{} · {mark}{} tokens · {cost}", count(calls, "call"), exact(tokens.total()))
        };
        let mut text = String::new();
        for (key, part) in &self.explained.parts {
            let (mark, cost) = marks_of(key, part);
            let what = [shown_model(&key.named()), sessions.shown(&key.session), self.when(part)];
            text.push_str(&wrapped(&what.join(" · "), 0, width));
            text.push_str(&wrapped(&figures(mark, part.calls, &part.tokens, &cost), 2, width));
        }
        let (mark, cost) = self.sum();
        let e = &self.explained;
        text.push_str(&wrapped("Sum", 0, width));
        text + &wrapped(&figures(mark, e.calls, &e.tokens, &cost), 2, width)
    }

    /// From its first call to its last one; of one day by the clock alone, where that is the day that was asked for.
    fn when(&self, part: &Part) -> String {
        let times = part.copies.iter().filter_map(|i| self.copies.get(*i)).map(|copy| copy.record.time);
        let (Some(first), Some(last)) = (times.clone().min(), times.max()) else { return String::new() };
        let is_one_day = self.asked.since.is_some() && self.asked.since == self.asked.until;
        let shown = |at: UtcMillis, how: &str| {
            let at = jiff::Timestamp::from_millisecond(at.0).ok();
            at.map(|at| self.asked.zone.to_datetime(at).strftime(how).to_string()).unwrap_or_default()
        };
        let [from, to] = [first, last].map(|at| (shown(at, "%m-%d"), shown(at, "%H:%M")));
        match (is_one_day, from.0 == to.0, from == to) {
            (true, _, true) => from.1,
            (true, _, false) => format!("{}–{}", from.1, to.1),
            (false, true, true) => format!("{} {}", from.0, from.1),
            (false, true, false) => format!("{} {}–{}", from.0, from.1, to.1),
            (false, false, _) => format!("{} to {}", from.0, to.0),
        }
    }

    /// How the sum's figures are marked, and what it costs.
    fn sum(&self) -> (&'static str, String) {
        let e = &self.explained;
        let mark = mark_of(|quality| e.parts.iter().any(|(key, _)| key.quality == quality));
        let known = (e.unpriced_calls == 0 || e.unpriced_calls < e.calls).then_some(e.cost);
        (mark, marked_cost(known, e.unpriced_calls > 0, mark))
    }

    fn json(&self) -> ExplainJson {
        let e = &self.explained;
        ExplainJson {
            demo: self.labels.demo,
            since: self.asked.since.map(|d| d.to_string()),
            until: self.asked.until.map(|d| d.to_string()),
            timezone: self.asked.zone_text().into_owned(),
            calls: e.calls,
            tokens: TokensJson::of(&e.tokens),
            total_cost: (e.unpriced_calls == 0 || e.unpriced_calls < e.calls).then_some(Dollars(e.cost)),
            unpriced_calls: e.unpriced_calls,
            parts: e.parts.iter().map(|(key, part)| self.part_json(key, part)).collect(),
            bills: self.bills.iter().map(BillJson::of).collect(),
            accounts: self.own.as_ref().map(FiguresJson::of),
        }
    }

    fn part_json(&self, key: &PartKey, part: &Part) -> PartJson {
        let first = part.copies.first().and_then(|i| self.copies.get(*i));
        let rule = first.map(|c| self.rule(key, c.record.time.day()));
        PartJson {
            source: key.source.to_string(),
            model: key.named().into_owned(),
            session: key.session.to_string(),
            device: key.device.to_string(),
            tier: key.tier.word(),
            prompt_above: key.context.above().unwrap_or(0),
            quality: key.quality.word(),
            account: key.payer.as_ref().map(ToString::to_string),
            explains: key.explains.as_ref().map(ToString::to_string),
            calls: part.calls,
            tokens: TokensJson::of(&part.tokens),
            cost: part.cost.map(Dollars),
            price_rule: rule.as_ref().and_then(|r| r.matched.clone()),
            price_notes: rule.map(|r| r.notes).unwrap_or_default(),
            lines: self.lines.map(|lines| part.copies.iter().filter_map(|i| self.call_json(*i, lines)).collect()),
        }
    }

    fn call_json(&self, i: usize, lines: &Lines) -> Option<CallJson> {
        let copy = self.copies.get(i)?;
        let time = jiff::Timestamp::from_millisecond(copy.record.time.0).ok()?;
        Some(CallJson {
            time: time.to_string(),
            tokens: TokensJson::of(&copy.record.tokens),
            cost: self.costs.get(i).copied().flatten().map(Dollars),
            places: lines
                .behind(copy)
                .into_iter()
                .map(|l| PlaceJson { file: l.place.path.display().to_string(), line: l.place.line })
                .collect(),
        })
    }
}

/// Before the figures of calls that are in no sum.
const NOT_ADDED: &str = "=";

/// How a part's figures are marked, and what it costs.
fn marks_of(key: &PartKey, part: &Part) -> (&'static str, String) {
    if key.explains.is_some() {
        return (NOT_ADDED, marked_cost(part.cost, false, NOT_ADDED));
    }
    let mark = mark_of(|quality| quality == key.quality);
    (mark, marked_cost(part.cost, false, mark))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExplainJson {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    demo: bool,
    since: Option<String>,
    until: Option<String>,
    timezone: String,
    calls: u64,
    #[serde(flatten)]
    tokens: TokensJson,
    total_cost: Option<Dollars>,
    unpriced_calls: u64,
    parts: Vec<PartJson>,
    /// What accounts were billed, by UTC day.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    bills: Vec<BillJson>,
    /// What accounts say themselves, where no call and no bill is behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    accounts: Option<FiguresJson>,
}

/// Tokens with the reports' keys.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TokensJson {
    input_tokens: u64,
    output_tokens: u64,
    reasoning_tokens: u64,
    cache_creation_tokens: u64,
    cache_read_tokens: u64,
    total_tokens: u64,
}

impl TokensJson {
    pub(crate) fn of(t: &Tokens) -> Self {
        Self {
            input_tokens: t.input,
            output_tokens: t.output,
            reasoning_tokens: t.reasoning,
            cache_creation_tokens: t.cache_write(),
            cache_read_tokens: t.cache_read,
            total_tokens: t.total(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PartJson {
    source: String,
    model: String,
    session: String,
    device: String,
    tier: &'static str,
    /// Prompts of these calls are above this many tokens, by which some models' prices differ.
    prompt_above: u64,
    quality: &'static str,
    account: Option<String>,
    /// The account whose own figures stand for these calls, which are in no sum then.
    #[serde(skip_serializing_if = "Option::is_none")]
    explains: Option<String>,
    calls: u64,
    #[serde(flatten)]
    tokens: TokensJson,
    cost: Option<Dollars>,
    price_rule: Option<String>,
    price_notes: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<Vec<CallJson>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CallJson {
    time: String,
    #[serde(flatten)]
    tokens: TokensJson,
    cost: Option<Dollars>,
    places: Vec<PlaceJson>,
}

/// A line of a log.
#[derive(Serialize)]
pub(crate) struct PlaceJson {
    pub(crate) file: String,
    pub(crate) line: Option<u64>,
}
