//! Instants as providers write them, and the grid that their buckets lie on.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// A minute, in milliseconds.
pub const MINUTE: i64 = 60_000;
/// An hour, in milliseconds.
pub const HOUR: i64 = 60 * MINUTE;
/// A day, in milliseconds. UTC has no other.
pub const DAY: i64 = 24 * HOUR;

/// How wide a bucket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Width {
    /// `1m`
    Minute,
    /// `1h`
    Hour,
    /// `1d`
    Day,
}

impl Width {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Minute, Self::Hour, Self::Day];

    /// As a query says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Minute => "1m",
            Self::Hour => "1h",
            Self::Day => "1d",
        }
    }

    /// How long such a bucket is, in milliseconds.
    pub fn millis(self) -> i64 {
        match self {
            Self::Minute => MINUTE,
            Self::Hour => HOUR,
            Self::Day => DAY,
        }
    }

    /// How many buckets OpenAI and Anthropic answer with if no limit is given.
    pub fn usual(self) -> u64 {
        match self {
            Self::Minute => 60,
            Self::Hour => 24,
            Self::Day => 7,
        }
    }

    /// The largest limit that OpenAI and Anthropic allow.
    pub fn most(self) -> u64 {
        match self {
            Self::Minute => 1440,
            Self::Hour => 168,
            Self::Day => 31,
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|width| width.name() == name)
    }
}

/// The last point of a grid at or before an instant.
pub(crate) fn floor(at: i64, step: i64) -> i64 {
    at.div_euclid(step) * step
}

/// `2026-09-01T00:00:00Z`
pub(crate) fn rfc3339(at: i64) -> String {
    timestamp(at).to_string()
}

/// An instant with its offset from UTC; a day alone is none.
pub(crate) fn parse_rfc3339(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

/// `2026-09-01`
pub(crate) fn day(at: i64) -> String {
    date(at).to_string()
}

/// The first instant of a day that is spelled exactly `YYYY-MM-DD`.
pub(crate) fn parse_day(text: &str) -> Option<i64> {
    let date: Date = text.parse().ok()?;
    if date.to_string() != text {
        return None;
    }
    TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok().map(Timestamp::as_millisecond)
}

/// The first instant of the week (Monday) that an instant lies in.
pub(crate) fn week(at: i64) -> i64 {
    floor(at, DAY) - i64::from(date(at).weekday().to_monday_zero_offset()) * DAY
}

/// The first instant of the month that an instant lies in.
pub(crate) fn month(at: i64) -> i64 {
    floor(at, DAY) - (i64::from(date(at).day()) - 1) * DAY
}

/// As a `Date` header says it.
pub(crate) fn http_date(at: i64) -> String {
    TimeZone::UTC.to_datetime(timestamp(at)).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn date(at: i64) -> Date {
    TimeZone::UTC.to_datetime(timestamp(at)).date()
}

fn timestamp(at: i64) -> Timestamp {
    Timestamp::from_millisecond(at).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_as_providers_write_them() {
        let at = 1_788_220_800_000;
        assert_eq!(rfc3339(at), "2026-09-01T00:00:00Z");
        assert_eq!(day(at), "2026-09-01");
        assert_eq!(http_date(at), "Tue, 01 Sep 2026 00:00:00 GMT");
        assert_eq!(parse_rfc3339("2026-09-01T02:00:00+02:00"), Some(at));
        assert_eq!(parse_day("2026-09-01"), Some(at));
        for wrong in ["2026-9-1", "20260901", "2026-02-30", "2026-09-01T00:00:00Z", ""] {
            assert_eq!(parse_day(wrong), None, "{wrong}");
        }
        assert_eq!(parse_rfc3339("2026-09-01"), None);
    }

    #[test]
    fn weeks_begin_on_monday_and_months_on_the_first() {
        let at = 1_788_220_800_000 + 5 * HOUR; // a Tuesday
        assert_eq!(day(week(at)), "2026-08-31");
        assert_eq!(day(month(at)), "2026-09-01");
        assert_eq!(day(month(at - DAY)), "2026-08-01");
    }

    #[test]
    fn the_grid_goes_on_before_1970() {
        assert_eq!(floor(-1, DAY), -DAY);
        assert_eq!(floor(DAY, DAY), DAY);
    }
}
