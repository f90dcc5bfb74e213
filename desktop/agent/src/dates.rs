//! Days as people name them, and the zone in which they are meant.

use std::borrow::Cow;
use std::str::FromStr;
use std::sync::Once;

use aimon_core::settings::Settings;
use aimon_core::time::{UtcDay, UtcMillis};
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::error::{Error, Result};
use crate::output;

/// A day, absolute or counted from today.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Day {
    /// A calendar date.
    On(Date),
    /// So many days before today.
    Ago(u16),
}

impl Day {
    /// The date, if `today` is today.
    pub fn resolve(self, today: Date) -> Date {
        match self {
            Self::On(date) => date,
            Self::Ago(days) => today.checked_sub(i64::from(days).days()).unwrap_or(Date::MIN),
        }
    }
}

impl FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "today" => return Ok(Self::Ago(0)),
            "yesterday" => return Ok(Self::Ago(1)),
            _ => {}
        }
        if let Some(days) = text.strip_suffix('d')
            && let Ok(days @ 1..=4000) = days.parse::<u16>()
        {
            return Ok(Self::Ago(days - 1));
        }
        let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
        let parts: Option<(&str, &str, &str)> = match text.len() {
            8 if digits(text) => Some((&text[..4], &text[4..6], &text[6..])),
            10 => match text.split('-').collect::<Vec<_>>()[..] {
                [y, m, d] if [y, m, d].iter().all(|t| digits(t)) && y.len() == 4 && m.len() == 2 => Some((y, m, d)),
                _ => None,
            },
            _ => None,
        };
        parts
            .and_then(|(y, m, d)| Date::new(y.parse().ok()?, m.parse().ok()?, d.parse().ok()?).ok())
            .map(Self::On)
            .ok_or_else(|| {
                "use a day like 2026-11-24, 20261124, today, yesterday, or 7d for the last 7 days".to_owned()
            })
    }
}

/// Once is enough.
static TOLD: Once = Once::new();

/// The zone that is asked for, or the one that `TZ` or the system sets.
pub fn zone(name: Option<&str>) -> Result<TimeZone> {
    if let Some(name) = name {
        return TimeZone::get(name).map_err(|_| Error::BadZone(name.to_owned()));
    }
    Ok(TimeZone::try_system().unwrap_or_else(|_| {
        // A machine without a zone (a container) is in UTC and knows it; a TZ that says nothing
        // known is a mistake that would move days.
        if let Some(tz) = std::env::var_os("TZ").filter(|tz| !tz.is_empty()) {
            TOLD.call_once(|| {
                output::note(&format!("TZ is `{}`, which is no time zone: days are cut in UTC", tz.to_string_lossy()))
            });
        }
        TimeZone::UTC
    }))
}

/// The zone that is asked for, else the one that the workspace's devices agree on, else the system's.
pub fn zone_by(name: Option<&str>, settings: &Settings) -> Result<TimeZone> {
    match (name, settings.zone()) {
        (None, Some(agreed)) => Ok(agreed),
        _ => zone(name),
    }
}

/// The zone's name, as another program can be told it. One that has only rules has none: a copied
/// `/etc/localtime`, a POSIX `TZ` such as `EST5EDT,M3.2.0,M11.1.0`.
pub fn zone_name(zone: &TimeZone) -> Option<&str> {
    match zone.iana_name() {
        None if zone.is_unknown() || *zone == TimeZone::UTC => Some("UTC"),
        Some("Etc/UTC" | "Etc/UCT" | "Etc/Zulu") => Some("UTC"),
        name => name,
    }
}

/// The zone as people read it: its name, else its distance from UTC at that time, `local (+01:00)`.
pub fn zone_text(zone: &TimeZone, at: UtcMillis) -> Cow<'_, str> {
    if let Some(name) = zone_name(zone) {
        return Cow::Borrowed(name);
    }
    let offset = jiff::Timestamp::from_millisecond(at.0).map(|t| zone.to_offset(t).seconds()).unwrap_or_default();
    let (sign, minutes) = (if offset < 0 { '-' } else { '+' }, offset.unsigned_abs() / 60);
    Cow::Owned(format!("local ({sign}{:02}:{:02})", minutes / 60, minutes % 60))
}

/// The instant's date in the zone.
pub fn date(at: UtcMillis, zone: &TimeZone) -> Date {
    jiff::Timestamp::from_millisecond(at.0).map_or(Date::MIN, |t| zone.to_datetime(t).date())
}

/// The clock's time.
pub fn now() -> UtcMillis {
    // Tests set the clock; what people run can't be told another time.
    #[cfg(debug_assertions)]
    if let Some(ms) = std::env::var("AIMON_TEST_NOW").ok().and_then(|t| t.parse::<jiff::Timestamp>().ok()) {
        return UtcMillis(ms.as_millisecond());
    }
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    UtcMillis(since.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX)))
}

/// What counts as today: for people in their zone, for what is kept in UTC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Today {
    /// In the zone.
    pub local: Date,
    /// In UTC.
    pub utc: UtcDay,
}

impl Today {
    /// `as_of` if it is given, else the clock's.
    pub fn of(as_of: Option<Day>, now: UtcMillis, zone: &TimeZone) -> Self {
        let local = date(now, zone);
        match as_of {
            Some(day) => {
                let date = day.resolve(local);
                Self { local: date, utc: UtcDay::of(date) }
            }
            None => Self { local, utc: now.day() },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use jiff::civil::date as on;

    use super::*;

    #[test]
    fn days_have_many_names() {
        let today = on(2026, 11, 24);
        let day = |t: &str| t.parse::<Day>().map(|d| d.resolve(today));
        assert_eq!(day("2026-11-20"), Ok(on(2026, 11, 20)));
        assert_eq!(day("20261120"), Ok(on(2026, 11, 20)));
        assert_eq!(day("today"), Ok(today));
        assert_eq!(day("yesterday"), Ok(on(2026, 11, 23)));
        assert_eq!(day("7d"), Ok(on(2026, 11, 18)), "the last seven days, today included");
        assert_eq!(day("1d"), Ok(today));
        for bad in [
            "",
            "0d",
            "d",
            "9999d",
            "2026-13-01",
            "2026-02-30",
            "20260230",
            "24.11.2026",
            "2026-1-01",
            "-7d",
            "tomorrow",
            "२०२६1120",
        ] {
            assert!(day(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_zone_is_known_or_said_not_to_be() {
        assert_eq!(zone_name(&zone(Some("Asia/Kathmandu")).unwrap()), Some("Asia/Kathmandu"));
        assert_eq!(zone_name(&TimeZone::UTC), Some("UTC"));
        assert_eq!(zone_name(&TimeZone::unknown()), Some("UTC"));
        assert_eq!(zone(Some("Mars/Olympus")).unwrap_err().code(), "bad-timezone");
    }

    #[test]
    fn a_zone_without_a_name_is_not_called_utc() {
        let zone = TimeZone::posix("EST5EDT4,M3.2.0,M11.1.0").unwrap();
        assert_eq!(zone_name(&zone), None);
        assert_eq!(zone_text(&zone, UtcMillis(1_795_562_000_000)), "local (-05:00)");
        assert_eq!(zone_text(&zone, UtcMillis(1_780_000_000_000)), "local (-04:00)", "in summer");
        let nepal = TimeZone::posix("<+0545>-5:45").unwrap();
        assert_eq!(zone_text(&nepal, UtcMillis(0)), "local (+05:45)");
    }

    #[test]
    fn today_is_the_zones_for_people_and_utc_for_what_is_kept() {
        let now = UtcMillis(1_795_562_000_000); // 2026-11-24T23:13:20Z
        let zone = TimeZone::get("Asia/Kathmandu").unwrap();
        let today = Today::of(None, now, &zone);
        assert_eq!((today.local, today.utc), (on(2026, 11, 25), UtcDay::of(on(2026, 11, 24))));
        let today = Today::of(Some(Day::On(on(2026, 6, 1))), now, &zone);
        assert_eq!((today.local, today.utc), (on(2026, 6, 1), UtcDay::of(on(2026, 6, 1))));
    }
}
