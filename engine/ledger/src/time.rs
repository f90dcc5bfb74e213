//! Points in time and days, in UTC.

use std::fmt;

const DAY_MS: i64 = 86_400_000;
const QUARTER_MS: i64 = 900_000;

/// Milliseconds since the Unix epoch, UTC, leap seconds ignored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct UtcMillis(pub i64);

impl UtcMillis {
    /// The UTC day that holds this instant.
    pub fn day(self) -> UtcDay {
        UtcDay(self.0.div_euclid(DAY_MS).clamp(i32::MIN as i64, i32::MAX as i64) as i32)
    }

    /// Which of its day's 96 quarters of an hour holds this instant.
    pub fn quarter(self) -> Quarter {
        Quarter((self.0.rem_euclid(DAY_MS) / QUARTER_MS) as u8)
    }
}

/// Days since 1970-01-01, UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct UtcDay(pub i32);

impl UtcDay {
    /// The day's first millisecond.
    pub fn start(self) -> UtcMillis {
        UtcMillis(i64::from(self.0) * DAY_MS)
    }

    /// The day `days` later (earlier if negative); the ends of the range are sticky.
    pub fn plus(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// The calendar date, or `None` outside the years -9999 to 9999.
    pub fn date(self) -> Option<jiff::civil::Date> {
        jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().try_days(i64::from(self.0)).ok()?).ok()
    }

    /// The UTC day that a calendar date names.
    pub fn of(date: jiff::civil::Date) -> Self {
        let days = date.duration_since(jiff::civil::date(1970, 1, 1)).as_hours() / 24;
        Self(days as i32)
    }
}

impl fmt::Display for UtcDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.date() {
            Some(date) => date.fmt(f),
            None => write!(f, "day {}", self.0),
        }
    }
}

/// A quarter of an hour of a UTC day, 0 to 95. Every time zone in use today is a whole number of
/// quarters away from UTC, so a local day is a whole number of them, in Kathmandu too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Quarter(pub u8);

impl Quarter {
    /// The first millisecond of this quarter on `day`.
    pub fn start(self, day: UtcDay) -> UtcMillis {
        UtcMillis(day.start().0 + i64::from(self.0) * QUARTER_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A clock before 1970 has days and quarters like any other.
    #[test]
    fn every_instant_lies_in_its_quarter_and_its_day() {
        for ms in [i64::MIN / 2, -DAY_MS - 1, -DAY_MS, -1, 0, 1, DAY_MS - 1, DAY_MS, 1_790_000_123_456, i64::MAX / 2] {
            let at = UtcMillis(ms);
            let (day, start) = (at.day(), at.quarter().start(at.day()).0);
            if day.0 > i32::MIN && day.0 < i32::MAX {
                assert!(start <= ms && ms - start < QUARTER_MS, "{ms}: {day:?} {:?}", at.quarter());
            }
        }
        assert_eq!(UtcMillis(-1).day(), UtcDay(-1));
        assert_eq!(UtcMillis(-1).quarter(), Quarter(95));
    }
}
