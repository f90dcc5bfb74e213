//! The status as text and as JSON.

use std::collections::BTreeMap;

use aimon_core::history::Figures;
use aimon_core::ids::DeviceId;
use aimon_core::time::UtcMillis;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::grid::{Grid, Weight, figures, fit, words};
use super::json::FiguresJson;
use super::labels::Labels;
use super::number::{ago, amounts, count, countdown, percent, short};
use super::table::{calls, cost, mark};
use super::text::{name, names, wrapped};
use super::windows::{BalanceJson, KeyLimitJson, money_lines};
use crate::accounts::shown::AccountStateJson;
use crate::paint;
use crate::status::Status;
use crate::subscriptions::shown::AskingJson;
use crate::windows::{Pace, Window};
use crate::workspace::waiting::Waiting;

/// How many characters a window's bar has.
const BAR: u64 = 20;

/// The status for people.
pub fn show(status: &Status, labels: &Labels, width: usize) -> String {
    let title = labels.title(&format!("AI Monitor · {} · {}", status.date, status.zone_text()));
    let mut text = format!("{}\n\n", paint::bold(&title));
    // A longer span than what is kept would say the same as the shorter one.
    let keeps = |days| status.kept_days.is_none_or(|kept| days <= kept);
    let waits = status.waiting.as_ref().and_then(|waiting| waits(waiting, status.now, width));
    let month = if keeps(30) { EMPTY_MONTH } else { "" };
    if status.is_empty {
        text.push_str(&format!("{EMPTY}{month}{NEXT}"));
        text.extend(waits);
        text.extend(unasked(status, width));
        return text;
    }
    if status.month.is_nothing() {
        // What is known is no usage: nobody has said that it cost nothing.
        text.push_str(&format!("{EMPTY}{month}"));
    } else {
        text.push_str(&spans(status, keeps, width));
    }
    if !status.windows.is_empty() {
        text.push('\n');
        text.push_str(&fit(width, [bars(status, true), bars(status, false)]));
    }
    if !status.money.is_empty() {
        let money = money_lines(&status.money, labels, status.now, width.saturating_sub(2));
        text.push('\n');
        money.lines().for_each(|line| text.push_str(&format!("  {line}\n")));
    }
    text.extend(waits);
    text.extend(unasked(status, width));
    if !status.unpriced_models.is_empty() {
        let note = format!("Not in the cost, because their price is unknown: {}", names(&status.unpriced_models));
        text.push_str(&format!("\n{}\n", paint::dim(wrapped(&note, 0, width).trim_end())));
    }
    text
}

/// The figures of the spans, as wide as there is room.
fn spans(status: &Status, keeps: impl Fn(u32) -> bool, width: usize) -> String {
    let spans = [(1, "Today", &status.today), (7, "7 days", &status.week), (30, "30 days", &status.month)];
    let spans = spans.into_iter().filter(|(days, ..)| keeps(*days));
    // Only who pays by the call is billed for it.
    let has_billed = !status.month.billed.is_empty();
    let heads = [words(""), figures(""), figures(""), figures(""), words("")];
    let mut wide = Grid::new(if has_billed { &heads } else { &heads[..4] });
    let mut narrow = Grid::new(&[words(""), figures(""), words("")]);
    for (_, span, f) in spans {
        let tokens = format!("{}{} tokens", mark(f), short(f.tokens().total()));
        // Some providers count none.
        let calls = match f.has_uncounted {
            true => format!("{} call{}", calls(f), if f.sums.calls == 1 { "" } else { "s" }),
            false => count(f.sums.calls, "call"),
        };
        let billed = if f.billed.is_empty() { String::new() } else { format!("billed {}", amounts(&f.billed)) };
        narrow.row(Weight::Plain, vec![format!("  {span}"), cost(f), billed.clone()]);
        let mut cells = vec![format!("  {span}"), cost(f), tokens, calls];
        cells.extend(has_billed.then_some(billed));
        wide.row(Weight::Plain, cells);
    }
    if has_billed { fit(width, [wide, narrow]) } else { fit(width, [wide]) }
}

/// What waits for the relay, since when and why; nothing where nothing does.
fn waits(waiting: &Waiting, now: UtcMillis, width: usize) -> Option<String> {
    if waiting.chunks == 0 {
        return None;
    }
    let since =
        waiting.since.map_or_else(String::new, |at| format!(", since {}", ago(now.0.saturating_sub(at.0) / 1000)));
    let why = waiting.reason.as_deref().unwrap_or("not sent yet: `aimon sync`");
    let note = format!("{} waiting for the relay{since}: {}", count(waiting.chunks, "chunk"), name(why));
    Some(format!("\n{}\n", paint::warn(wrapped(&note, 0, width).trim_end())))
}

/// The accounts of which nothing is heard now, and the subscriptions that are to be asked and can't be.
fn unasked(status: &Status, width: usize) -> Option<String> {
    let accounts = status.accounts.iter().flat_map(|one| one.problems(status.now));
    let lines: Vec<String> = accounts.chain(status.asking.iter().filter_map(|one| one.problem(status.now))).collect();
    let lines: String = lines.iter().map(|line| wrapped(line, 0, width)).collect();
    (!lines.is_empty()).then(|| format!("\n{}\n", paint::warn(lines.trim_end())))
}

/// What somebody sees who has nothing yet: the same lines, and the one next step.
const EMPTY: &str = "  Today    –  no calls yet
  7 days   –
";
const EMPTY_MONTH: &str = "  30 days  –\n";
const NEXT: &str = "
Work with a coding agent (Claude Code, Codex, Gemini CLI, OpenCode) and come back:
its logs are read by themselves. `aimon doctor` shows where they are looked for,
`aimon demo` shows what it looks like with made-up ones.
";

fn bars(status: &Status, wide: bool) -> Grid {
    let mut grid = Grid::new(&[words(""), words(""), words(""), figures(""), words("")]);
    for w in &status.windows {
        let anew = w.is_anew(status.now);
        let used = if anew { "–".to_owned() } else { format!("{} used", percent(w.used_ppm)) };
        let bar = if wide { bar(w, status.now) } else { String::new() };
        let text = words_of(w, status.now, wide);
        grid.row(
            Weight::Plain,
            vec![format!("  {}", name(&account(w, status.windows.iter()))), name(&w.name), bar, used, text],
        );
    }
    grid
}

/// The agent's name will do, unless it has several accounts among these.
pub fn account<'a>(w: &Window, mut all: impl Iterator<Item = &'a Window>) -> String {
    let agent = w.agent();
    if all.all(|other| other.agent() != agent || other.account == w.account) {
        return agent.to_owned();
    }
    match w.account.split_once(':') {
        Some(_) => w.account.clone(),
        None if w.account == agent => agent.to_owned(),
        None => format!("{agent} {}", w.account.chars().take(8).collect::<String>()),
    }
}

/// A bar with a tick at the place where an even pace would be now.
fn bar(w: &Window, now: UtcMillis) -> String {
    let cells = |ppm: u64| (ppm.min(1_000_000) * BAR + 500_000) / 1_000_000;
    let filled = if w.is_anew(now) { 0 } else { cells(w.used_ppm).max(u64::from(w.used_ppm > 0)) };
    let tick = w.elapsed_ppm(now).filter(|_| !w.is_anew(now)).map(|e| cells(e).min(BAR - 1));
    let cell = |i| match (Some(i) == tick, i < filled) {
        (true, _) => '│',
        (false, true) => '█',
        (false, false) => '░',
    };
    (0..BAR).map(cell).collect()
}

fn words_of(w: &Window, now: UtcMillis, wide: bool) -> String {
    let mut parts = Vec::new();
    match (w.pace(now), w.resets_in(now)) {
        (Pace::Anew, Some(s)) => {
            parts.push(format!("began anew {}, not seen since", ago(s.saturating_neg())));
            return parts.remove(0);
        }
        (_, Some(s)) => parts.push(format!("resets in {}", countdown(s))),
        (_, None) => {}
    }
    match w.pace(now) {
        // Unseen since, it was used on, or was not.
        Pace::RunsOutIn(0) => parts.push("used up by now, at this pace".to_owned()),
        Pace::RunsOutIn(s) => parts.push(format!("at this pace used up in {}", countdown(s))),
        Pace::Lasts if wide => parts.push("lasts to the reset".to_owned()),
        Pace::UsedUp => parts.push("used up".to_owned()),
        Pace::Lasts | Pace::Anew | Pace::Unknown => {}
    }
    let age = w.age(now);
    if age >= 600 {
        parts.push(format!("seen {}", ago(age)));
    }
    parts.join(" · ")
}

/// What `aimon status --json` prints, and `/v1/status` answers.
#[derive(Serialize, ToSchema, Debug)]
#[serde(rename_all = "camelCase")]
pub struct StatusJson {
    /// Present, and true, where the figures are made up.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub demo: bool,
    /// The day that is today.
    pub date: String,
    /// The zone whose days are meant; `local (+01:00)` where it has no name.
    pub timezone: String,
    /// Today.
    pub today: FiguresJson,
    /// Today and the six days before.
    pub last7_days: FiguresJson,
    /// Today and the 29 days before.
    pub last30_days: FiguresJson,
    /// Models without a known price, of 30 days.
    pub unpriced_models: Vec<String>,
    /// Quota windows as they were last seen.
    pub windows: Vec<WindowJson>,
    /// How many parts of segments are quarantined because they can't be read: what they held may be
    /// missing in the figures. `aimon doctor` says more.
    pub quarantined: u64,
    /// What no relay has taken yet; null without a workspace.
    pub waiting: Option<WaitingJson>,
    /// What is left of what accounts have bought.
    pub balances: Vec<BalanceJson>,
    /// What accounts' keys may spend.
    pub keys: Vec<KeyLimitJson>,
    /// How accounts are doing.
    pub accounts: Vec<AccountStateJson>,
    /// The subscriptions whose windows this device asks for, with an agent's own login.
    pub asking: Vec<AskingJson>,
    /// What is withheld, by device: nobody who is in touch gives it. Null where that can't be known: without a workspace, without
    /// its keys, or beside a running agent, whose own answer has it.
    pub withheld: Option<Vec<WithheldJson>>,
}

/// What is withheld of one device: it wrote behind these chunks, and they are not here.
#[derive(Serialize, ToSchema, Debug)]
#[serde(rename_all = "camelCase")]
pub struct WithheldJson {
    /// The device's id.
    pub device: String,
    /// What it is called.
    pub name: Option<String>,
    /// How many chunks.
    pub chunks: u64,
}

impl WithheldJson {
    /// Puts it in this shape.
    pub fn all(withheld: &BTreeMap<DeviceId, u64>, labels: &Labels) -> Vec<Self> {
        let one = |(device, chunks): (&DeviceId, &u64)| Self {
            device: device.to_string(),
            name: labels.devices.get(&device.to_string()).cloned(),
            chunks: *chunks,
        };
        withheld.iter().map(one).collect()
    }
}

/// What waits for the relay.
#[derive(Serialize, ToSchema, Debug)]
#[serde(rename_all = "camelCase")]
pub struct WaitingJson {
    /// How many chunks.
    pub chunks: u64,
    /// Since when the oldest of them waits.
    pub since: Option<String>,
    /// The code with which the relay refused them, or for which it can't be reached; null where they have only not been
    /// sent yet.
    pub reason: Option<String>,
}

impl WaitingJson {
    /// Puts it in this shape.
    pub fn of(waiting: &Waiting) -> Self {
        let time = |at: UtcMillis| jiff::Timestamp::from_millisecond(at.0).ok().map(|time| time.to_string());
        Self { chunks: waiting.chunks, since: waiting.since.and_then(time), reason: waiting.reason.clone() }
    }
}

/// A quota window.
#[derive(Serialize, ToSchema, Debug)]
#[serde(rename_all = "camelCase")]
pub struct WindowJson {
    /// Whose.
    pub account: String,
    /// `5h`, `7d`.
    pub window: String,
    /// How much is used; null if it began anew since it was seen.
    #[schema(value_type = Option<f64>)]
    pub used_percent: Option<Percent>,
    /// When it begins anew.
    pub resets_at: Option<String>,
    /// Seconds to that; 0 if it has passed.
    pub resets_in_seconds: Option<i64>,
    /// How long it is.
    pub window_seconds: Option<i64>,
    /// `lasts`, `runs-out`, `used-up`, `anew`, `unknown`.
    pub pace: &'static str,
    /// When it would be used up at this pace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runs_out_in_seconds: Option<i64>,
    /// When it was seen.
    pub seen_at: String,
}

/// Parts per million, written as an exact percentage.
#[derive(Clone, Copy, Debug)]
pub struct Percent(pub u64);

impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (whole, part) = (self.0 / 10_000, format!("{:04}", self.0 % 10_000));
        let part = part.trim_end_matches('0');
        let text = if part.is_empty() { whole.to_string() } else { format!("{whole}.{part}") };
        RawValue::from_string(text).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

impl StatusJson {
    /// Puts a status in this shape.
    pub fn of(status: &Status, labels: &Labels) -> Self {
        let figures = |f: &Figures| FiguresJson::of(f);
        Self {
            demo: labels.demo,
            date: status.date.to_string(),
            timezone: status.zone_text().into_owned(),
            today: figures(&status.today),
            last7_days: figures(&status.week),
            last30_days: figures(&status.month),
            unpriced_models: status.unpriced_models.iter().cloned().collect(),
            windows: status.windows.iter().map(|w| WindowJson::of(w, status.now)).collect(),
            quarantined: status.quarantined,
            waiting: status.waiting.as_ref().map(WaitingJson::of),
            balances: status.money.balances.iter().map(|b| BalanceJson::of(b, labels)).collect(),
            keys: status.money.keys.iter().map(|k| KeyLimitJson::of(k, labels)).collect(),
            accounts: status.accounts.clone(),
            asking: status.asking.clone(),
            withheld: status.concerns.withheld.as_ref().map(|withheld| WithheldJson::all(withheld, labels)),
        }
    }
}

impl WindowJson {
    /// Puts a window in this shape.
    pub fn of(w: &Window, now: UtcMillis) -> Self {
        let (pace, runs_out_in_seconds) = match w.pace(now) {
            Pace::Anew => ("anew", None),
            Pace::Lasts => ("lasts", None),
            Pace::RunsOutIn(s) => ("runs-out", Some(s)),
            Pace::UsedUp => ("used-up", None),
            Pace::Unknown => ("unknown", None),
        };
        Self {
            account: w.account.clone(),
            window: w.name.clone(),
            used_percent: (!w.is_anew(now)).then_some(Percent(w.used_ppm)),
            resets_at: w.resets_at.and_then(|s| Some(jiff::Timestamp::from_second(s).ok()?.to_string())),
            resets_in_seconds: w.resets_in(now).map(|s| s.max(0)),
            window_seconds: w.length,
            pace,
            runs_out_in_seconds,
            seen_at: jiff::Timestamp::from_millisecond(w.seen.0).map(|t| t.to_string()).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_shows_what_is_used_and_where_an_even_pace_would_be() {
        let w = |used_ppm| Window {
            account: "codex".into(),
            name: "5h".into(),
            used_ppm,
            resets_at: Some(18_000),
            length: Some(18_000),
            seen: UtcMillis(0),
        };
        let half = UtcMillis(9_000_000);
        assert_eq!(bar(&w(250_000), half), "█████░░░░░│░░░░░░░░░");
        assert_eq!(bar(&w(750_000), half), "██████████│████░░░░░");
        assert_eq!(bar(&w(1), half), "█░░░░░░░░░│░░░░░░░░░", "a little is not nothing");
        assert_eq!(bar(&w(0), UtcMillis(0)), "│░░░░░░░░░░░░░░░░░░░");
        assert_eq!(bar(&w(900_000), UtcMillis(18_000_000)), "░░░░░░░░░░░░░░░░░░░░", "it began anew");
    }

    #[test]
    fn what_ran_out_unseen_is_not_about_to() {
        let w = Window {
            account: "codex".into(),
            name: "5h".into(),
            used_ppm: 800_000,
            resets_at: Some(18_000),
            length: Some(18_000),
            seen: UtcMillis(3_600_000),
        };
        for wide in [true, false] {
            let said = words_of(&w, UtcMillis(14_400_000), wide);
            assert!(said.contains("used up by now, at this pace") && !said.contains("in now"), "{said}");
        }
    }

    #[test]
    fn a_percentage_is_exact() {
        let json = |ppm| serde_json::to_string(&Percent(ppm)).unwrap_or_default();
        assert_eq!(json(125_000), "12.5");
        assert_eq!(json(1), "0.0001");
        assert_eq!(json(1_000_000), "100");
        assert_eq!(json(0), "0");
    }
}
