//! What Claude Code tells its status line: the model, the session's cost, and the quota windows of
//! whoever is logged in.

use aimon_core::time::UtcMillis;
use aimon_core::units::PicoUsd;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::windows::{self, MOST_USED, Window};

/// What is taken from it. Everything is optional: versions differ, and nothing here may fail.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Told {
    /// The model, as people read it.
    pub model: Option<String>,
    /// The session's log.
    pub transcript: Option<String>,
    /// The windows.
    pub windows: Vec<Seen>,
}

/// A window as it was told. Also what a status line hands over to a running agent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// `5h`, `7d`.
    pub window: String,
    /// How much is used, in millionths.
    pub used_ppm: u64,
    /// When it begins anew, in seconds since 1970; from 2000 up to 2100. (`resetsAt` of `/v1/status` is text.)
    #[serde(rename = "resetsAtSeconds")]
    pub resets_at: Option<i64>,
    /// How long it is, in seconds; up to 400 days.
    pub window_seconds: Option<i64>,
}

impl Seen {
    fn is_sound(&self) -> bool {
        self.used_ppm <= MOST_USED
            && self.resets_at.is_none_or(windows::is_reset)
            && self.window_seconds.is_none_or(windows::is_length)
    }
}

/// Windows of one account: the body of `/v1/record`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reading {
    /// Whose.
    pub account: String,
    /// Its windows.
    pub windows: Vec<Seen>,
}

/// More windows than any provider has, and longer names, are a mistake.
const MOST_WINDOWS: usize = 16;
const LONGEST_NAME: usize = 64;

impl Reading {
    /// Whether it is something that a provider could have said.
    pub fn is_sound(&self) -> bool {
        let name = |t: &str| !t.is_empty() && t.len() <= LONGEST_NAME && !t.chars().any(char::is_control);
        name(&self.account)
            && (1..=MOST_WINDOWS).contains(&self.windows.len())
            && self.windows.iter().all(|w| name(&w.window) && w.is_sound())
    }

    /// As windows that were seen now.
    pub fn windows(&self, now: UtcMillis) -> Vec<Window> {
        let window = |w: &Seen| Window {
            account: self.account.clone(),
            name: w.window.clone(),
            used_ppm: w.used_ppm,
            resets_at: w.resets_at,
            length: w.window_seconds,
            seen: now,
        };
        self.windows.iter().map(window).collect()
    }
}

#[derive(Deserialize)]
struct Input<'a> {
    #[serde(borrow, default)]
    model: Option<&'a RawValue>,
    #[serde(borrow, default)]
    transcript_path: Option<&'a RawValue>,
    #[serde(borrow, default)]
    rate_limits: Option<&'a RawValue>,
}

impl Told {
    /// Reads it; what can't be read is left out.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let input: Input<'_> = serde_json::from_slice(bytes).ok()?;
        let text = |raw: Option<&RawValue>| serde_json::from_str::<String>(raw?.get()).ok();
        let model = input.model.and_then(|raw| match serde_json::from_str::<Value>(raw.get()).ok()? {
            Value::String(name) => Some(name),
            Value::Object(model) => Some(model.get("display_name").or_else(|| model.get("id"))?.as_str()?.to_owned()),
            _ => None,
        });
        let windows = input.rate_limits.map(|raw| windows(raw.get())).unwrap_or_default();
        // What is printed goes to a terminal: no control characters, no novel.
        let model = model.map(|m| m.chars().filter(|c| !c.is_control()).take(60).collect::<String>());
        Some(Self { model: model.filter(|m| !m.trim().is_empty()), transcript: text(input.transcript_path), windows })
    }
}

fn windows(raw: &str) -> Vec<Seen> {
    #[derive(Deserialize)]
    struct Limit<'a> {
        #[serde(borrow)]
        used_percentage: &'a RawValue,
        #[serde(borrow, default)]
        resets_at: Option<&'a RawValue>,
    }
    let Ok(limits) = serde_json::from_str::<std::collections::BTreeMap<String, Box<RawValue>>>(raw) else {
        return Vec::new();
    };
    let mut windows = Vec::new();
    for (key, raw) in &limits {
        let Ok(limit) = serde_json::from_str::<Limit<'_>>(raw.get()) else { continue };
        let Some(used_ppm) = ppm(limit.used_percentage.get()) else { continue };
        let (window, window_seconds) = name(key);
        if window.len() <= LONGEST_NAME && windows.len() < MOST_WINDOWS {
            let resets_at = limit.resets_at.and_then(|raw| seconds(raw.get()));
            windows.push(Seen { window, used_ppm, resets_at, window_seconds });
        }
    }
    windows
}

/// `five_hour` is `5h`, `seven_day_opus` is `7d-opus`; what nobody knows keeps its name.
fn name(key: &str) -> (String, Option<i64>) {
    for (prefix, short, length) in [("five_hour", "5h", 18_000), ("seven_day", "7d", 604_800)] {
        if let Some(rest) = key.strip_prefix(prefix)
            && (rest.is_empty() || rest.starts_with('_'))
        {
            return (format!("{short}{}", rest.replace('_', "-")), Some(length));
        }
    }
    (key.replace('_', "-"), None)
}

/// A percentage in millionths. The exact decimal reader is the one for money: both are numbers
/// that JSON writes with a point.
fn ppm(percent: &str) -> Option<u64> {
    let pico = PicoUsd::parse_dollars(percent)?.0;
    u64::try_from((pico + 50_000_000) / 100_000_000).ok().filter(|ppm| *ppm <= MOST_USED)
}

/// A moment in seconds since 1970: such a number, one of milliseconds, or a timestamp.
fn seconds(raw: &str) -> Option<i64> {
    let seconds = match serde_json::from_str::<String>(raw) {
        Ok(text) => text.parse::<jiff::Timestamp>().ok()?.as_second(),
        Err(_) => match i64::try_from(PicoUsd::parse_dollars(raw)?.0 / PicoUsd::DOLLAR).ok()? {
            millis @ 100_000_000_000.. => millis / 1000,
            seconds => seconds,
        },
    };
    windows::is_reset(seconds).then_some(seconds)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_claude_code_pipes_is_read() {
        let told = Told::read(
            br#"{"session_id":"s","model":{"id":"claude-opus-4-5","display_name":"Opus 4.5"},"transcript_path":"/x.jsonl",
                "cost":{"total_cost_usd":0.1},"rate_limits":{"five_hour":{"used_percentage":38.25,"resets_at":1795200000},
                "seven_day":{"used_percentage":12,"resets_at":1795600000},"seven_day_opus":{"used_percentage":1e1}}}"#,
        )
        .unwrap();
        assert_eq!(told.model.as_deref(), Some("Opus 4.5"));
        assert_eq!(told.transcript.as_deref(), Some("/x.jsonl"));
        let seen = |window: &str, used_ppm, resets_at, window_seconds| Seen {
            window: window.into(),
            used_ppm,
            resets_at,
            window_seconds,
        };
        let expected = [
            seen("5h", 382_500, Some(1_795_200_000), Some(18_000)),
            seen("7d", 120_000, Some(1_795_600_000), Some(604_800)),
            seen("7d-opus", 100_000, None, Some(604_800)),
        ];
        assert_eq!(told.windows, expected);
    }

    #[test]
    fn what_is_strange_is_left_out() {
        for bad in ["", "null", "[]", "no json", "{\"model\":"] {
            assert!(Told::read(bad.as_bytes()).is_none_or(|t| t == Told::default()), "{bad}");
        }
        for odd in [
            r#"{"model":5,"rate_limits":[]}"#,
            r#"{"rate_limits":{"five_hour":null,"seven_day":{"used_percentage":"a lot"}}}"#,
            r#"{"rate_limits":{"five_hour":{"used_percentage":-3}}}"#,
            r#"{"rate_limits":{"five_hour":{"used_percentage":1e30}}}"#,
            r#"{"transcript_path":{},"model":{"display_name":7}}"#,
        ] {
            assert_eq!(Told::read(odd.as_bytes()), Some(Told::default()), "{odd}");
        }
        let told = Told::read(r#"{"model":"evil\u001b[31m"}"#.as_bytes()).unwrap();
        assert_eq!(told.model.as_deref(), Some("evil[31m"), "no control characters reach the terminal");
    }

    #[test]
    fn resets_are_moments() {
        assert_eq!(seconds("1795200000"), Some(1_795_200_000));
        assert_eq!(seconds("1795200000000"), Some(1_795_200_000));
        assert_eq!(seconds("\"2026-11-24T00:00:00Z\""), Some(1_795_478_400));
        assert_eq!(seconds("-1"), None);
        assert_eq!(seconds("null"), None);
        for nobodys in
            ["0", "5", "4102444800", "9223372036854775807", "\"-009999-01-01T00:00:00Z\"", "\"1999-12-31T23:59:59Z\""]
        {
            assert_eq!(seconds(nobodys), None, "{nobodys}");
        }
    }

    #[test]
    fn a_reading_is_what_a_provider_can_have_said() {
        let reading = |resets_at, window_seconds| Reading {
            account: "claude-code".into(),
            windows: vec![Seen { window: "5h".into(), used_ppm: 5, resets_at, window_seconds }],
        };
        assert!(reading(None, None).is_sound() && reading(Some(1_795_200_000), Some(18_000)).is_sound());
        for bad in [i64::MIN, -1, 0, i64::MAX] {
            assert!(!reading(Some(bad), None).is_sound() && !reading(None, Some(bad)).is_sound(), "{bad}");
        }
    }
}
