//! Templates for `aimon status --format`: `{today.cost} · 5h {window.5h.used}`.

use aimon_core::history::Figures;

use super::number::{ago, countdown, exact, percent, short};
use super::table::{calls, cost, mark};
use super::text::name;
use crate::error::{Error, Result};
use crate::status::Status;
use crate::windows::Window;

/// What `aimon status --help` says.
pub const HELP: &str = "\
Print a line of your own, such as '{today.cost} · 5h {window.5h.used}'

  {SPAN.FIGURE}            SPAN: today, 7d, 30d
                           FIGURE: cost, tokens, input, output, reasoning, cache_write,
                           cache_read, calls
  {window.NAME.WHAT}       NAME: 5h, 7d, …; of several accounts the fullest
  {window.ACCOUNT.NAME.WHAT}
                           WHAT: used, left, resets_in, resets_at, pace, seen, account
  {date} {timezone}
  {{ and }}                braces

What is not known is shown as –";

const FIGURES: [&str; 8] = ["cost", "tokens", "input", "output", "reasoning", "cache_write", "cache_read", "calls"];
const WINDOW: [&str; 7] = ["used", "left", "resets_in", "resets_at", "pace", "seen", "account"];

/// Puts figures into a template. Escapes `\n` and `\t` are understood, as shells pass them on.
pub fn fill(template: &str, status: &Status) -> Result<String> {
    let mut out = String::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}', '\\']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (text, len) = match rest.as_bytes() {
            [b'{', b'{', ..] => ("{".to_owned(), 2),
            [b'}', b'}', ..] => ("}".to_owned(), 2),
            [b'\\', b'n', ..] => ("\n".to_owned(), 2),
            [b'\\', b't', ..] => ("\t".to_owned(), 2),
            [b'{', ..] => match rest.find('}') {
                Some(end) => (field(&rest[1..end], status)?, end + 1),
                None => return Err(unknown(rest)),
            },
            // A single closing brace or backslash means itself.
            _ => (rest[..1].to_owned(), 1),
        };
        out.push_str(&text);
        rest = &rest[len..];
    }
    out.push_str(rest);
    Ok(out)
}

fn field(name: &str, status: &Status) -> Result<String> {
    let parts: Vec<&str> = name.trim().split('.').collect();
    let text = match parts[..] {
        ["date"] => Some(status.date.to_string()),
        ["timezone"] => Some(status.zone_text().into_owned()),
        ["today", what] => figure(&status.today, what),
        ["7d", what] => figure(&status.week, what),
        ["30d", what] => figure(&status.month, what),
        ["window", window, what] if WINDOW.contains(&what) => {
            Some(of_window(fullest(status, |w| w.name == window), what, status))
        }
        // Accounts may have dots in them.
        ["window", .., window, what] if WINDOW.contains(&what) && parts.len() > 3 => {
            let account = parts[1..parts.len() - 2].join(".");
            Some(of_window(
                fullest(status, |w| w.name == window && (w.account == account || w.agent() == account)),
                what,
                status,
            ))
        }
        _ => None,
    };
    text.ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> Error {
    let spans = ["today", "7d", "30d"].map(|s| format!("{s}.({})", FIGURES.join("|")));
    let window = format!("window.[ACCOUNT.]NAME.({})", WINDOW.join("|"));
    Error::BadTemplate { name: name.to_owned(), known: format!("{}, {window}, date, timezone", spans.join(", ")) }
}

fn figure(f: &Figures, what: &str) -> Option<String> {
    let t = f.tokens();
    let marked = |n: u64| format!("{}{}", mark(f), short(n));
    Some(match what {
        "cost" => cost(f),
        "tokens" => marked(t.total()),
        "input" => marked(t.input),
        "output" => marked(t.output),
        "reasoning" => short(t.reasoning),
        "cache_write" => short(t.cache_write()),
        "cache_read" => short(t.cache_read),
        "calls" if f.has_uncounted => calls(f),
        "calls" => exact(f.sums.calls),
        _ => return None,
    })
}

fn fullest(status: &Status, which: impl Fn(&Window) -> bool) -> Option<&Window> {
    status.windows.iter().filter(|w| which(w)).max_by_key(|w| (!w.is_anew(status.now), w.used_ppm))
}

fn of_window(window: Option<&Window>, what: &str, status: &Status) -> String {
    use crate::windows::Pace;
    let unknown = || "–".to_owned();
    let Some(w) = window else { return unknown() };
    let now = status.now;
    let current = !w.is_anew(now);
    match what {
        "account" => name(&w.account),
        "seen" => ago(w.age(now)),
        "used" if current => percent(w.used_ppm),
        "left" if current => percent(1_000_000_u64.saturating_sub(w.used_ppm)),
        "resets_in" if current => w.resets_in(now).map_or_else(unknown, countdown),
        "resets_at" => {
            let at = w.resets_at.and_then(|s| jiff::Timestamp::from_second(s).ok());
            at.map_or_else(unknown, |t| status.zone.to_datetime(t).strftime("%Y-%m-%d %H:%M").to_string())
        }
        "pace" => match w.pace(now) {
            Pace::Lasts => "lasts".to_owned(),
            Pace::RunsOutIn(0) => "used up by now".to_owned(),
            Pace::RunsOutIn(s) => format!("used up in {}", countdown(s)),
            Pace::UsedUp => "used up".to_owned(),
            Pace::Anew | Pace::Unknown => unknown(),
        },
        _ => unknown(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use aimon_core::time::UtcMillis;
    use aimon_core::units::{PicoUsd, Tokens};
    use jiff::tz::TimeZone;

    use super::*;

    fn status() -> Status {
        let mut today = Figures { cost: PicoUsd(12_400_000_000_000), ..Figures::default() };
        today.sums.calls = 1412;
        today.sums.tokens = Tokens { input: 1_000, output: 35_800_000, ..Tokens::default() };
        let window = |account: &str, used_ppm| Window {
            account: account.into(),
            name: "5h".into(),
            used_ppm,
            resets_at: Some(18_000),
            length: Some(18_000),
            seen: UtcMillis(9_000_000),
        };
        Status {
            today,
            week: Figures::default(),
            month: Figures { unpriced_calls: 1, has_unpriced: true, ..Figures::default() },
            unpriced_models: BTreeSet::new(),
            windows: vec![window("claude-code", 125_000), window("a.b", 300_000)],
            date: jiff::civil::date(2026, 11, 24),
            zone: TimeZone::UTC,
            now: UtcMillis(9_000_000),
            quarantined: 0,
            waiting: None,
            asking: Vec::new(),
            money: crate::limits::Money::default(),
            accounts: Vec::new(),
            concerns: crate::workspace::concerns::Concerns::default(),
            kept_days: None,
            is_empty: false,
        }
    }

    #[test]
    fn names_become_figures() {
        let fill = |t: &str| fill(t, &status()).unwrap();
        assert_eq!(fill("{today.cost} · {today.tokens}"), "$12.40 · 35.8M");
        assert_eq!(fill("{today.calls}"), "1,412");
        assert_eq!(fill("{7d.cost}"), "$0.00");
        assert_eq!(fill("{window.5h.used} {window.5h.account}"), "30% a.b", "the fullest");
        assert_eq!(fill("{window.claude-code.5h.used}, {window.claude-code.5h.left} left"), "12.5%, 87.5% left");
        assert_eq!(fill("{window.a.b.5h.resets_in}"), "2h 30m");
        assert_eq!(fill("{window.5h.resets_at}"), "1970-01-01 05:00");
        assert_eq!(fill("{window.7d.used}"), "–", "not known");
        assert_eq!(fill("{{{date}}} }\\n"), "{2026-11-24} }\n");
    }

    #[test]
    fn what_ran_out_unseen_is_not_about_to() {
        // Seen three hours ago, four fifths used after one; an hour is left.
        let mut status = status();
        status.windows = vec![Window { used_ppm: 800_000, seen: UtcMillis(3_600_000), ..status.windows[0].clone() }];
        status.now = UtcMillis(14_400_000);
        assert_eq!(fill("{window.5h.pace}", &status).unwrap(), "used up by now");
        status.now = UtcMillis(3_900_000);
        assert_eq!(fill("{window.5h.pace}", &status).unwrap(), "used up in 10m");
    }

    #[test]
    fn an_unknown_name_is_said_with_those_that_exist() {
        for bad in ["{today.price}", "{}", "{window.5h}", "{window.5h.colour}", "{today.cost", "{.}"] {
            let error = fill(bad, &status()).unwrap_err();
            assert_eq!(error.code(), "bad-template", "{bad}");
            assert!(error.help().contains("today.(cost|tokens"), "{}", error.help());
        }
    }
}
