//! Windows, balances and what keys may spend, as text and as JSON.

use std::collections::BTreeMap;

use aimon_core::history::Dimension;
use aimon_core::history::windows::Movement;
use aimon_core::ids::DeviceId;
use aimon_core::time::UtcMillis;
use serde::Serialize;
use utoipa::ToSchema;

use super::grid::{Grid, Weight, figures, fit, words};
use super::json::Dollars;
use super::labels::Labels;
use super::number::{ago, countdown, money, percent};
use super::sessions::Sessions;
use super::status::{Percent, WindowJson, account};
use super::text::{cut, name, names, wrapped};
use crate::limits::{Amounts, Limits, Money, Used};
use crate::paint;
use crate::windows::{Pace, Window};

/// What somebody sees of whom no window was seen.
const EMPTY: &str = "\
No quota window and no balance has been seen yet. Codex writes its windows into its logs; Claude Code tells its own to its status
line, `aimon statusline`. `aimon account add openrouter` asks for a balance.";

/// All of it for people; by session, or by device alone.
pub fn show(limits: &Limits, labels: &Labels, now: UtcMillis, by_session: bool, width: usize) -> String {
    if limits.windows.is_empty() && limits.money.is_empty() {
        return wrapped(&labels.title(&EMPTY.replace('\n', " ")), 0, width);
    }
    let mut text = String::new();
    for used in &limits.windows {
        let w = &used.window;
        let whose = name(&account(w, limits.windows.iter().map(|used| &used.window)));
        text.push_str(&lines(&format!("{whose} {}", name(&w.name)), &window_words(w, now), width));
        if let Some(movement) = used.movement.as_ref().filter(|movement| movement.moved > 0) {
            text.push_str(&shares(movement, limits, labels, now, by_session, width));
        }
    }
    text.push_str(&money_lines(&limits.money, labels, now, width));
    labels.title(&text)
}

/// What is left of what accounts have bought, and what their keys may spend.
pub fn money_lines(money: &Money, labels: &Labels, now: UtcMillis, width: usize) -> String {
    let mut text = String::new();
    let amounts = money.balances.iter().map(|b| (b, balance_words(b)));
    for (of, mut said) in amounts.chain(money.keys.iter().map(|k| (k, key_words(k)))) {
        said.push(seen(of.seen, now));
        let whose = labels.stable(Dimension::Account, &of.account);
        text.push_str(&lines(&name(&whose), &said, width));
    }
    text
}

/// A head, and what is said of it: on one line, or broken between its parts.
fn lines(head: &str, parts: &[String], width: usize) -> String {
    const INDENT: usize = 4;
    let mut text = paint::bold(head);
    let mut at = head.chars().count();
    for (i, part) in parts.iter().enumerate() {
        let (between, long) = (if i == 0 { "  " } else { " · " }, part.chars().count());
        if at + between.chars().count() + long <= width {
            text.push_str(&format!("{between}{part}"));
            at += between.chars().count() + long;
            continue;
        }
        let wrapped = wrapped(part, INDENT, width);
        text.push_str(&format!("\n{}", wrapped.trim_end()));
        at = wrapped.lines().last().map_or(0, |line| line.chars().count());
    }
    text.push('\n');
    text
}

fn seen(at: UtcMillis, now: UtcMillis) -> String {
    format!("seen {}", ago(now.0.saturating_sub(at.0) / 1000))
}

fn window_words(w: &Window, now: UtcMillis) -> Vec<String> {
    if let (Pace::Anew, Some(s)) = (w.pace(now), w.resets_in(now)) {
        return vec![format!("began anew {}, not seen since", ago(s.saturating_neg()))];
    }
    let mut words = vec![format!("{} used", percent(w.used_ppm))];
    words.extend(w.resets_in(now).map(|s| format!("resets in {}", countdown(s))));
    words.extend(w.ahead_ppm().map(|ahead| match (ahead, percent(ahead.unsigned_abs())) {
        (-9_999..10_000, _) => "even with its time".to_owned(),
        (10_000.., by) => format!("{by} ahead of its time"),
        (_, by) => format!("{by} behind its time"),
    }));
    match w.pace(now) {
        Pace::RunsOutIn(0) => words.push("used up by now, at this pace".to_owned()),
        Pace::RunsOutIn(s) => words.push(format!("at this pace used up in {}", countdown(s))),
        Pace::Lasts => words.push("lasts to the reset".to_owned()),
        Pace::UsedUp => words.push("used up".to_owned()),
        Pace::Anew | Pace::Unknown => {}
    }
    words.push(seen(w.seen, now));
    words
}

fn shares(
    movement: &Movement,
    limits: &Limits,
    labels: &Labels,
    now: UtcMillis,
    by_session: bool,
    width: usize,
) -> String {
    // The figure stands behind it.
    let room = width.saturating_sub(16).max(8);
    let sessions = Sessions::of(movement.shares.keys().map(|(_, session)| &**session));
    let mut grid = Grid::new(&[words(""), figures("")]);
    let mut devices: Vec<(DeviceId, u64)> = movement.devices().into_iter().collect();
    devices.sort_by_key(|(device, share)| (std::cmp::Reverse(*share), *device));
    for (device, share) in devices {
        let label = cut(&labels.device(&device.to_string()), room);
        grid.row(Weight::Plain, vec![format!("    {label}"), percent(share)]);
        if by_session {
            let mut of_device: Vec<_> = movement.shares.iter().filter(|((of, _), _)| *of == device).collect();
            of_device.sort_by_key(|((_, session), share)| (std::cmp::Reverse(**share), session.clone()));
            for ((_, session), share) in of_device {
                let session = cut(&sessions.shown(session), room - 2);
                grid.row(Weight::Part, vec![format!("      {session}"), percent(*share)]);
            }
        }
    }
    if movement.unexplained > 0 {
        grid.row(Weight::Plain, vec!["    unexplained".to_owned(), percent(movement.unexplained)]);
    }
    if movement.pending > 0 {
        grid.row(Weight::Plain, vec!["    pending".to_owned(), percent(movement.pending)]);
    }
    let mut text = fit(width, [grid]);
    if movement.pending > 0 {
        let silent = movement.waits_for.iter().map(|device| {
            let heard = limits.heard.get(device).copied().flatten();
            let heard = heard
                .map_or("never heard".to_owned(), |at| format!("heard {}", ago(now.0.saturating_sub(at.0) / 1000)));
            format!("{} ({heard})", labels.named(&device.to_string()))
        });
        let note = format!("pending: these may still explain it: {}", names(silent));
        wrapped(&note, 4, width).lines().for_each(|line| text.push_str(&format!("{}\n", paint::dim(line))));
    }
    text
}

fn balance_words(balance: &Amounts) -> Vec<String> {
    let amount = |name: &str| balance.amounts.get(name).map(|amount| money(*amount));
    let mut words: Vec<String> = amount("balance").map(|left| format!("{left} left")).into_iter().collect();
    words.extend(amount("used").zip(amount("bought")).map(|(used, bought)| format!("{used} of {bought} used")));
    words
}

fn key_words(key: &Amounts) -> Vec<String> {
    let amount = |name: &str| key.amounts.get(name).map(|amount| money(*amount));
    let mut words = vec![match (amount("left"), amount("limit")) {
        (Some(left), Some(limit)) => format!("key: {left} of its {limit} limit left"),
        (None, Some(limit)) => format!("key: limit {limit}"),
        (Some(left), None) => format!("key: {left} left"),
        (None, None) => "key: no limit".to_owned(),
    }];
    let spans = [("used_today", "today"), ("used_this_month", "this month"), ("used", "in all")];
    let spent: Vec<String> = spans.iter().filter_map(|(of, span)| Some(format!("{} {span}", amount(of)?))).collect();
    if !spent.is_empty() {
        words.push(format!("used {}", spent.join(", ")));
    }
    words
}

/// What `aimon windows --json` prints, and `/v1/windows` answers.
#[derive(Serialize, ToSchema, Debug)]
#[serde(rename_all = "camelCase")]
pub struct WindowsJson {
    /// Present, and true, where the figures are made up.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub demo: bool,
    /// When this was read.
    pub at: String,
    /// Quota windows, as they were last seen.
    pub windows: Vec<UsedJson>,
    /// What is left of what accounts have bought.
    pub balances: Vec<BalanceJson>,
    /// What accounts' keys may spend.
    pub keys: Vec<KeyLimitJson>,
}

/// A quota window, and who used it.
#[derive(Serialize, ToSchema, Debug)]
#[serde(rename_all = "camelCase")]
pub struct UsedJson {
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub window: WindowJson,
    /// The agent whose subscription it is.
    pub agent: String,
    /// How much of its time had passed when it was seen; null where that is not known, or it began anew since.
    #[schema(value_type = Option<f64>)]
    pub elapsed_percent: Option<Percent>,
    /// Who used it; null where it is not known when it began, or it began anew since it was seen.
    pub movement: Option<MovementJson>,
}

/// A window's movement since it began: its shares, what is unexplained and what is pending add up to it. All are parts of the whole
/// window.
#[derive(Serialize, ToSchema, Debug)]
#[serde(rename_all = "camelCase")]
pub struct MovementJson {
    /// When the window began.
    pub since: String,
    /// How far it moved.
    #[schema(value_type = f64)]
    pub moved_percent: Percent,
    /// What calls explain, by device, the largest first.
    pub shares: Vec<ShareJson>,
    /// What no call of any device explains.
    #[schema(value_type = f64)]
    pub unexplained_percent: Percent,
    /// What no call explains yet, while a device has not been heard since.
    #[schema(value_type = f64)]
    pub pending_percent: Percent,
    /// The devices that may still explain it.
    pub waits_for: Vec<SilentJson>,
    /// How far a dollar of calls usually moves this window; null as long as too little is known.
    #[schema(value_type = Option<f64>)]
    pub percent_per_dollar: Option<Percent>,
}

/// A device's share.
#[derive(Serialize, ToSchema, Debug)]
#[serde(rename_all = "camelCase")]
pub struct ShareJson {
    /// The device's id.
    pub device: String,
    /// What it is called.
    pub name: Option<String>,
    /// Its share.
    #[schema(value_type = f64)]
    pub percent: Percent,
    /// That of its sessions, the largest first.
    pub sessions: Vec<SessionShareJson>,
}

/// A session's share.
#[derive(Serialize, ToSchema, Debug)]
#[serde(rename_all = "camelCase")]
pub struct SessionShareJson {
    /// The session's id; empty where the log states none.
    pub session: String,
    /// Its share.
    #[schema(value_type = f64)]
    pub percent: Percent,
}

/// A device that has not been heard.
#[derive(Serialize, ToSchema, Debug)]
#[serde(rename_all = "camelCase")]
pub struct SilentJson {
    /// The device's id.
    pub device: String,
    /// What it is called.
    pub name: Option<String>,
    /// When it was heard last; null if never.
    pub last_heard: Option<String>,
}

/// An account's balance, in dollars.
#[derive(Serialize, ToSchema, Debug)]
#[serde(rename_all = "camelCase")]
pub struct BalanceJson {
    /// Whose.
    pub account: String,
    /// What it is called.
    pub name: Option<String>,
    /// What is left.
    #[schema(value_type = Option<f64>)]
    pub balance: Option<Dollars>,
    /// What was bought in all.
    #[schema(value_type = Option<f64>)]
    pub bought: Option<Dollars>,
    /// What was used in all.
    #[schema(value_type = Option<f64>)]
    pub used: Option<Dollars>,
    /// When it was seen.
    pub seen_at: String,
}

/// What an account's key may spend and has spent, in dollars. Null is what the provider does not say.
#[derive(Serialize, ToSchema, Debug)]
#[serde(rename_all = "camelCase")]
pub struct KeyLimitJson {
    /// Whose.
    pub account: String,
    /// What it is called.
    pub name: Option<String>,
    /// The limit; null without one.
    #[schema(value_type = Option<f64>)]
    pub limit: Option<Dollars>,
    /// What is left of it.
    #[schema(value_type = Option<f64>)]
    pub left: Option<Dollars>,
    /// What was used in all.
    #[schema(value_type = Option<f64>)]
    pub used: Option<Dollars>,
    /// Today, by UTC.
    #[schema(value_type = Option<f64>)]
    pub used_today: Option<Dollars>,
    /// This week, by UTC.
    #[schema(value_type = Option<f64>)]
    pub used_this_week: Option<Dollars>,
    /// This month, by UTC.
    #[schema(value_type = Option<f64>)]
    pub used_this_month: Option<Dollars>,
    /// When it was seen.
    pub seen_at: String,
}

fn time(at: UtcMillis) -> String {
    jiff::Timestamp::from_millisecond(at.0).map(|time| time.to_string()).unwrap_or_default()
}

impl WindowsJson {
    /// Puts limits in this shape.
    pub fn of(limits: &Limits, labels: &Labels, now: UtcMillis) -> Self {
        Self {
            demo: labels.demo,
            at: time(now),
            windows: limits.windows.iter().map(|used| UsedJson::of(used, limits, labels, now)).collect(),
            balances: limits.money.balances.iter().map(|b| BalanceJson::of(b, labels)).collect(),
            keys: limits.money.keys.iter().map(|k| KeyLimitJson::of(k, labels)).collect(),
        }
    }
}

impl BalanceJson {
    /// Puts a balance in this shape.
    pub fn of(balance: &Amounts, labels: &Labels) -> Self {
        let amount = |name: &str| balance.amounts.get(name).copied().map(Dollars);
        Self {
            account: balance.account.to_string(),
            name: labels.accounts.get(&*balance.account).cloned(),
            balance: amount("balance"),
            bought: amount("bought"),
            used: amount("used"),
            seen_at: time(balance.seen),
        }
    }
}

impl KeyLimitJson {
    /// Puts what a key may spend in this shape.
    pub fn of(key: &Amounts, labels: &Labels) -> Self {
        let amount = |name: &str| key.amounts.get(name).copied().map(Dollars);
        Self {
            account: key.account.to_string(),
            name: labels.accounts.get(&*key.account).cloned(),
            limit: amount("limit"),
            left: amount("left"),
            used: amount("used"),
            used_today: amount("used_today"),
            used_this_week: amount("used_this_week"),
            used_this_month: amount("used_this_month"),
            seen_at: time(key.seen),
        }
    }
}

impl UsedJson {
    fn of(used: &Used, limits: &Limits, labels: &Labels, now: UtcMillis) -> Self {
        let w = &used.window;
        Self {
            window: WindowJson::of(w, now),
            agent: w.agent().to_owned(),
            elapsed_percent: w.elapsed_ppm(w.seen).filter(|_| !w.is_anew(now)).map(Percent),
            movement: used.movement.as_ref().map(|movement| MovementJson::of(movement, limits, labels)),
        }
    }
}

impl MovementJson {
    fn of(movement: &Movement, limits: &Limits, labels: &Labels) -> Self {
        let named = |device: DeviceId| labels.devices.get(&device.to_string()).cloned();
        let mut sessions: BTreeMap<DeviceId, Vec<(u64, &str)>> = BTreeMap::new();
        for ((device, session), share) in &movement.shares {
            sessions.entry(*device).or_default().push((*share, session));
        }
        let share = |(device, percent): (DeviceId, u64)| {
            let mut sessions = sessions.get(&device).cloned().unwrap_or_default();
            sessions.sort_by_key(|(share, session)| (std::cmp::Reverse(*share), *session));
            let session = |(share, session): (u64, &str)| SessionShareJson {
                session: session.to_owned(),
                percent: Percent(share),
            };
            ShareJson {
                device: device.to_string(),
                name: named(device),
                percent: Percent(percent),
                sessions: sessions.into_iter().map(session).collect(),
            }
        };
        let mut devices: Vec<(DeviceId, u64)> = movement.devices().into_iter().collect();
        devices.sort_by_key(|(device, share)| (std::cmp::Reverse(*share), *device));
        let silent = |device: &DeviceId| SilentJson {
            device: device.to_string(),
            name: named(*device),
            last_heard: limits.heard.get(device).copied().flatten().map(time),
        };
        Self {
            since: time(movement.since),
            moved_percent: Percent(movement.moved),
            shares: devices.into_iter().map(share).collect(),
            unexplained_percent: Percent(movement.unexplained),
            pending_percent: Percent(movement.pending),
            waits_for: movement.waits_for.iter().map(silent).collect(),
            percent_per_dollar: movement.rate.map(|rate| Percent(rate.per_dollar())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use aimon_core::units::PicoUsd;

    use super::*;

    const NOW: UtcMillis = UtcMillis(1_795_478_400_000);

    /// A window of which a desktop used a part, an account and its key; a tablet is silent.
    fn limits() -> (Limits, Labels) {
        let [desk, tablet] = [1, 2].map(|n| DeviceId([n; 16]));
        let seen = UtcMillis(NOW.0 - 90 * 60_000);
        let window = Window {
            account: "0199a213-0000-7000-8000-0000000000aa".into(),
            name: "7d".into(),
            used_ppm: 900_000,
            resets_at: Some(NOW.0 / 1000 + 2 * 86_400),
            length: Some(7 * 86_400),
            seen,
        };
        let movement = Movement {
            moved: 900_000,
            shares: [((desk, "s".into()), 800_000)].into(),
            pending: 100_000,
            waits_for: BTreeSet::from([tablet]),
            ..Movement::default()
        };
        let amounts = |all: &[(&str, i128)]| Amounts {
            account: "openrouter/key-9f86d081884c7d65".into(),
            amounts: all.iter().map(|(name, n)| ((*name).to_owned(), PicoUsd(n * PicoUsd::DOLLAR))).collect(),
            seen: UtcMillis(NOW.0 - 60_000),
        };
        let limits = Limits {
            windows: vec![Used { window, movement: Some(movement) }],
            money: Money {
                balances: vec![amounts(&[("balance", 74), ("bought", 100), ("used", 26)])],
                keys: vec![amounts(&[("limit", 50), ("left", 24), ("used", 26), ("used_today", 1)])],
            },
            heard: [(tablet, Some(UtcMillis(NOW.0 - 3 * 3_600_000)))].into(),
        };
        let names = [(desk.to_string(), "desk".to_owned()), (tablet.to_string(), "tablet".to_owned())];
        (limits, Labels { devices: names.into(), ..Labels::default() })
    }

    fn shown(width: usize) -> String {
        let (limits, labels) = limits();
        anstream::adapter::strip_str(&show(&limits, &labels, NOW, false, width)).to_string()
    }

    #[test]
    fn it_reads_well_on_a_terminal() {
        let expected = "\
claude-code 7d  90% used · resets in 2d 0h · 19.5% ahead of its time
    at this pace used up in 11h 40m · seen 1 h ago
    desk     80%
    pending  10%
    pending: these may still explain it: tablet (heard 3 h ago)
openrouter/key-9f86d081884c7d65  $74.00 left · $26.00 of $100.00 used
    seen 1 min ago
openrouter/key-9f86d081884c7d65  key: $24.00 of its $50.00 limit left
    used $1.00 today, $26.00 in all · seen 1 min ago
";
        assert_eq!(shown(80), expected);
    }

    #[test]
    fn nothing_is_wider_than_it_may_be() {
        for width in [24, 30, 40, 80, 120] {
            let text = shown(width);
            assert!(text.lines().all(|line| line.chars().count() <= width.max(31)), "{width}: {text}");
            assert!(text.contains("tablet"), "{text}");
        }
    }
}
