//! Times as logs write them.

use aimon_core::time::{UtcDay, UtcMillis};

use crate::json::{Kind, Value};

/// The last millisecond of the year 9999: no log means a later one.
const LAST_MS: i64 = 253_402_300_799_999;

/// Reads a time: RFC 3339 text, or a whole number of milliseconds since the Unix epoch.
pub fn time(value: &Value<'_>) -> Option<UtcMillis> {
    match value.kind() {
        Kind::String => {
            let inner = value.raw().get(1..value.raw().len() - 1)?;
            fixed_layout(inner).or_else(|| other_layout(&value.str()?))
        }
        Kind::Number => value.u64().and_then(|ms| i64::try_from(ms).ok()).filter(|ms| *ms <= LAST_MS).map(UtcMillis),
        _ => None,
    }
}

/// Reads an RFC 3339 time; what is finer than a millisecond is cut off. The layout that nearly
/// every line has is read by place, everything else (offsets, leap seconds) by `jiff`.
pub fn rfc3339(text: &str) -> Option<UtcMillis> {
    fixed_layout(text.as_bytes()).or_else(|| other_layout(text))
}

fn other_layout(text: &str) -> Option<UtcMillis> {
    let stamp: jiff::Timestamp = text.trim().parse().ok()?;
    Some(UtcMillis(stamp.as_nanosecond().div_euclid(1_000_000).try_into().ok()?))
}

/// `YYYY-MM-DDTHH:MM:SSZ`, with a fraction of one to nine digits or without.
fn fixed_layout(text: &[u8]) -> Option<UtcMillis> {
    let (stamp, rest) = text.split_first_chunk::<19>()?;
    let marks = [stamp[4], stamp[7], stamp[10], stamp[13], stamp[16]];
    if marks != *b"--T::" {
        return None;
    }
    let two = |at: usize| digits(&stamp[at..at + 2]);
    let (month, day) = (two(5)?, two(8)?);
    let (hour, minute, second) = (two(11)?, two(14)?, two(17)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let millis = match rest {
        b"Z" => 0,
        [b'.', fraction @ .., b'Z'] if (1..=9).contains(&fraction.len()) => {
            let kept = &fraction[..fraction.len().min(3)];
            digits(fraction)?;
            digits(kept)? * [100, 10, 1][kept.len() - 1]
        }
        _ => return None,
    };
    let year = digits(&stamp[..4])?;
    let length = match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if day == 0 || day > length {
        return None;
    }
    let day = UtcDay(days_since_epoch(year, month, day));
    Some(UtcMillis(day.start().0 + i64::from(((hour * 60 + minute) * 60 + second) * 1000 + millis)))
}

/// The proleptic Gregorian calendar, counted in years that begin in March so that the leap day
/// comes last.
fn days_since_epoch(year: i32, month: i32, day: i32) -> i32 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let century = year.div_euclid(100);
    let of_century = year.rem_euclid(100);
    century * 146_097 / 4 + of_century * 1461 / 4 + (153 * month + 2) / 5 + day - 719_469
}

fn digits(text: &[u8]) -> Option<i32> {
    text.iter().try_fold(0, |n, b| Some(n * 10 + i32::from(b.checked_sub(b'0').filter(|d| *d < 10)?)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_logs_write() {
        let at = |text: &str| rfc3339(text).map(|t| t.0);
        assert_eq!(at("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(at("2026-03-29T07:00:00.123Z"), Some(1_774_767_600_123));
        assert_eq!(at("2026-03-29T07:00:00.1Z"), Some(1_774_767_600_100));
        assert_eq!(at("2026-03-29T07:00:00.123999999Z"), Some(1_774_767_600_123));
        assert_eq!(at("2026-03-29T12:45:00.123+05:45"), Some(1_774_767_600_123));
        assert_eq!(at("2024-02-29T23:59:59.999Z"), Some(1_709_251_199_999));
        assert_eq!(at("2016-12-31T23:59:60Z"), at("2016-12-31T23:59:59Z"));
        for wrong in [
            "",
            "x",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01",
        ] {
            assert_eq!(at(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn numbers_are_milliseconds() {
        let at = |text: &str| time(&crate::json::Scanner::new(text.as_bytes()).value().unwrap()).map(|t| t.0);
        assert_eq!(at("1774767600123"), Some(1_774_767_600_123));
        for wrong in ["-1", "1.5", "1e12", "18446744073709551615", "253402300800000", "null", "\"\"", "{}"] {
            assert_eq!(at(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_jiff(ms in -62_135_596_800_000_i64..=LAST_MS, wide in any::<bool>()) {
            let stamp = jiff::Timestamp::from_millisecond(ms).unwrap();
            let text = if wide { format!("{stamp:.9}") } else { format!("{stamp:.3}") };
            prop_assert_eq!(fixed_layout(text.as_bytes()), Some(UtcMillis(ms)));
        }

        #[test]
        fn never_panics(text in "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9x]{0,11})?Z?") {
            let by_jiff = text.parse::<jiff::Timestamp>().ok().map(|t| t.as_millisecond());
            prop_assert_eq!(rfc3339(&text).map(|t| t.0), by_jiff);
        }
    }
}
