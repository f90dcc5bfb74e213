//! Quota windows. Each `token_count` repeats how full they are, so that they can be shown without
//! a network; only what differs from the line before becomes an answer.

use std::collections::BTreeMap;

use aimon_core::event::{Answer, AnswerKey, Bucket, Clock, Row};
use aimon_core::name::Name;
use aimon_core::time::UtcMillis;
use serde::{Deserialize, Serialize};

use super::stamp;
use crate::json::{JsonError, Scanner, Value};

/// Early logs say how long a window still lasts: the moment of its reset is then only as exact as
/// the line's own time, and jitter of it is no news.
const JITTER_S: i64 = 60;

/// What was said last, for each limit.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Windows {
    said: BTreeMap<String, Vec<Window>>,
    /// The bytes that were read last; nothing is read twice in a row.
    #[serde(skip)]
    raw: Vec<u8>,
}

/// One window of a limit.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
struct Window {
    name: String,
    used_ppm: i64,
    resets_at_s: Option<i64>,
    window_s: Option<i64>,
}

impl Windows {
    /// The bytes that were read last.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// The answer that a line's `rate_limits` give, unless it was given before.
    pub fn answer(&mut self, value: Value<'_>, time: i64) -> Option<Answer> {
        if value.raw() == self.raw {
            return None;
        }
        self.raw.clear();
        self.raw.extend_from_slice(value.raw());
        let limits = Limits::read(value, time).ok()?;
        if limits.windows.is_empty() {
            return None;
        }
        let answer = limits.answer(time);
        match self.said.get_mut(&limits.id) {
            Some(said) if limits.same_as(said) => return None,
            Some(said) => *said = limits.windows,
            None => drop(self.said.insert(limits.id, limits.windows)),
        }
        Some(answer)
    }
}

/// One `rate_limits` object.
#[derive(Default)]
struct Limits {
    id: String,
    windows: Vec<Window>,
    counted_down: bool,
}

impl Limits {
    fn read(value: Value<'_>, time: i64) -> Result<Self, JsonError> {
        let mut limits = Self::default();
        value.scan().object(|s, key| {
            match key {
                b"limit_id" => limits.id = s.value()?.str().map(|id| id.trim().to_owned()).unwrap_or_default(),
                b"primary" => limits.window("primary", s, time)?,
                b"secondary" => limits.window("secondary", s, time)?,
                _ => {}
            }
            Ok(())
        })?;
        // The main limit had no id at first.
        if limits.id == "codex" {
            limits.id.clear();
        }
        limits.windows.sort();
        Ok(limits)
    }

    fn window(&mut self, slot: &str, s: &mut Scanner<'_>, time: i64) -> Result<(), JsonError> {
        let (mut used, mut minutes, mut resets_at, mut resets_in) = (None, None, None, None);
        s.object(|s, key| {
            match key {
                b"used_percent" => used = s.value()?.number().and_then(ppm_of_percent),
                b"window_minutes" => minutes = s.value()?.u64().and_then(|m| i64::try_from(m).ok()),
                b"resets_at" => resets_at = stamp::value(s.value()?).map(|millis| millis.div_euclid(1000)),
                b"resets_in_seconds" => resets_in = s.value()?.u64().and_then(|n| i64::try_from(n).ok()),
                _ => {}
            }
            Ok(())
        })?;
        let Some(used_ppm) = used else { return Ok(()) };
        let minutes = minutes.filter(|m| (1..=MOST_MINUTES).contains(m));
        let resets_in = resets_in.filter(|s| *s <= MOST_MINUTES * 60);
        self.counted_down |= resets_at.is_none() && resets_in.is_some();
        let resets_at_s = resets_at.or(resets_in.map(|s| time.div_euclid(1000) + s));
        // A window that had ended by then was read earlier: the line is a copy with a new time.
        if resets_at_s.is_some_and(|s| s < time.div_euclid(1000)) {
            return Ok(());
        }
        let name = minutes.map(name).filter(|name| self.windows.iter().all(|w| w.name != *name));
        self.windows.push(Window {
            name: name.unwrap_or_else(|| slot.to_owned()),
            used_ppm,
            resets_at_s,
            window_s: minutes.map(|m| m * 60),
        });
        Ok(())
    }

    fn same_as(&self, said: &[Window]) -> bool {
        let jitter = if self.counted_down { JITTER_S } else { 0 };
        self.windows.len() == said.len()
            && self.windows.iter().zip(said).all(|(a, b)| {
                let apart = match (a.resets_at_s, b.resets_at_s) {
                    (Some(a), Some(b)) => a.abs_diff(b) > jitter.unsigned_abs(),
                    (a, b) => a != b,
                };
                a.name == b.name && a.used_ppm == b.used_ppm && a.window_s == b.window_s && !apart
            })
    }

    fn answer(&self, time: i64) -> Answer {
        let account = if self.id.is_empty() { "codex".to_owned() } else { format!("codex:{}", self.id) };
        let row = |window: &Window| {
            let mut measures = BTreeMap::from([(Name::from("used_ppm"), i128::from(window.used_ppm))]);
            measures.extend(window.resets_at_s.map(|s| (Name::from("resets_at_s"), i128::from(s))));
            measures.extend(window.window_s.map(|s| (Name::from("window_s"), i128::from(s))));
            Row { values: vec![Name::from(window.name.as_str())], measures }
        };
        Answer {
            key: AnswerKey {
                account: Name::from(account),
                metric: Name::from("window"),
                dimensions: vec![Name::from("window")],
                bucket: Bucket { start: UtcMillis(time), width: 0 },
            },
            observed: UtcMillis(time),
            // It is the provider's figure, but the time is that of this device's log.
            clock: Clock::Device,
            rows: self.windows.iter().map(row).collect(),
        }
    }
}

/// Ten years.
const MOST_MINUTES: i64 = 10 * 366 * 24 * 60;

/// A window is known by its length: `5h`, `7d`. Some versions write it a minute short.
fn name(minutes: i64) -> String {
    let minutes = if minutes % 60 == 59 { minutes + 1 } else { minutes };
    match (minutes % 1440, minutes % 60) {
        (0, _) => format!("{}d", minutes / 1440),
        (_, 0) => format!("{}h", minutes / 60),
        _ => format!("{minutes}m"),
    }
}

/// A percentage, as JSON writes it, in millionths: exact to four decimals, rounded half up beyond.
fn ppm_of_percent(text: &str) -> Option<i64> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().ok().filter(|e| (-30..=8).contains(e))?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = whole.len() + fraction.len();
    if digits > 30 || whole.starts_with('-') {
        return (whole == "-0" && fraction.bytes().all(|b| b == b'0')).then_some(0);
    }
    let number = whole
        .bytes()
        .chain(fraction.bytes())
        .try_fold(0_i128, |n, b| b.is_ascii_digit().then(|| n * 10 + i128::from(b - b'0')))?;
    let shift = exponent + 4 - i32::try_from(fraction.len()).ok()?;
    let ppm = match (10_i128.checked_pow(shift.unsigned_abs()), shift) {
        (Some(scale), 0..) => number.checked_mul(scale)?,
        (Some(scale), _) => (number + scale / 2) / scale,
        (None, _) => 0,
    };
    // A window used a thousand times over is no reading.
    i64::try_from(ppm).ok().filter(|ppm| *ppm <= 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::{name, ppm_of_percent};

    #[test]
    fn percentages_are_exact() {
        for (text, ppm) in [
            ("0", Some(0)),
            ("0.0", Some(0)),
            ("-0.0", Some(0)),
            ("12.5", Some(125_000)),
            ("100", Some(1_000_000)),
            ("0.1", Some(1_000)),
            ("33.33333333333333", Some(333_333)),
            ("0.00005", Some(1)),
            ("1.25e1", Some(125_000)),
            ("1e-9", Some(0)),
            ("-1", None),
            ("1e9", None),
            ("123456789012345678901234567890123", None),
        ] {
            assert_eq!(ppm_of_percent(text), ppm, "{text}");
        }
    }

    #[test]
    fn windows_are_named_by_their_length() {
        let names = [300, 299, 10_080, 10_079, 1_440, 90, 43_200].map(name);
        assert_eq!(names, ["5h", "5h", "7d", "7d", "1d", "90m", "30d"]);
    }
}
