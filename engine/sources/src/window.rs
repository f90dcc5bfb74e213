//! Quota windows, as whatever source says of them. Of each account there are two gauges: what a log or a status line tells by itself, and what
//! a provider answers when it is asked. The one may tell of fewer windows than the other (`7d-opus`), and an answer stands whole: in one gauge
//! those would be gone with each turn of an agent. Of a window that both tell of, the newest counts.

use std::collections::BTreeMap;

use aimon_core::event::{Answer, AnswerKey, Bucket, Clock, Row};
use aimon_core::name::Name;
use aimon_core::time::UtcMillis;
use serde::{Deserialize, Serialize};

/// The metric under which windows are recorded that are told by themselves; and all windows' one dimension.
pub const TOLD: &str = "window";

/// The metric under which windows are recorded that were asked for.
pub const ASKED: &str = "window.asked";

/// Whether an answer tells of windows.
pub fn is_of_windows(key: &AnswerKey) -> bool {
    [TOLD, ASKED].contains(&key.metric.as_str()) && key.dimensions.len() == 1 && key.dimensions[0].as_str() == TOLD
}

/// One window of an account.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Window {
    /// `5h`, `7d`.
    pub name: String,
    /// How much is used, in millionths.
    pub used_ppm: i64,
    /// When it begins anew, in seconds since 1970.
    pub resets_at_s: Option<i64>,
    /// How long it is, in seconds.
    pub window_s: Option<i64>,
}

/// The answer that records windows of one account, as they were at a moment: `metric` is [`TOLD`] or [`ASKED`].
pub fn answer(account: &str, metric: &str, windows: &[Window], time: UtcMillis) -> Answer {
    let row = |window: &Window| {
        let mut measures = BTreeMap::from([(Name::from("used_ppm"), i128::from(window.used_ppm))]);
        measures.extend(window.resets_at_s.map(|s| (Name::from("resets_at_s"), i128::from(s))));
        measures.extend(window.window_s.map(|s| (Name::from("window_s"), i128::from(s))));
        Row { values: vec![Name::from(window.name.as_str())], measures }
    };
    let mut rows: Vec<Row> = windows.iter().map(row).collect();
    rows.sort();
    Answer {
        key: AnswerKey {
            account: Name::from(account),
            metric: Name::from(metric),
            dimensions: vec![Name::from(TOLD)],
            bucket: Bucket { start: time, width: 0 },
        },
        observed: time,
        // The figure is the provider's, the time this device's: one clock for all sources, or the one with the provider's would always go
        // before the others.
        clock: Clock::Device,
        rows,
    }
}

/// When a window can begin anew, in seconds since 1970: from 2000 up to 2100.
const RESETS: std::ops::Range<i64> = 946_684_800..4_102_444_800;

/// Whether a window can begin anew then, in seconds since 1970. What nobody can mean is told nobody, and overflows nothing.
pub fn is_reset(seconds: i64) -> bool {
    RESETS.contains(&seconds)
}

/// The longest window that is believed, in minutes: ten years.
pub(crate) const MOST_MINUTES: i64 = 10 * 366 * 24 * 60;

/// A window is known by its length: `5h`, `7d`. Some versions write it a minute short.
pub(crate) fn name(minutes: i64) -> String {
    let minutes = if minutes % 60 == 59 { minutes + 1 } else { minutes };
    match (minutes % 1440, minutes % 60) {
        (0, _) => format!("{}d", minutes / 1440),
        (_, 0) => format!("{}h", minutes / 60),
        _ => format!("{minutes}m"),
    }
}

/// A percentage, as JSON writes it, in millionths: exact to four decimals, rounded half up beyond.
pub(crate) fn ppm_of_percent(text: &str) -> Option<i64> {
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
