//! Midnights: a call on the wrong side of one lands on the wrong day.

use jiff::tz::TimeZone;

use crate::Prng;
use crate::clock::stamp;

const ZONES: [&str; 5] = ["UTC", "America/Los_Angeles", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu"];

/// The last millisecond before, the first of, or the second of the next day in one of five zones.
pub(crate) fn next_midnight(rng: &mut Prng, now: i64) -> i64 {
    let name = rng.pick(&ZONES);
    let zone = TimeZone::get(name).unwrap_or(TimeZone::UTC);
    let midnight = jiff::ZonedDateTime::new(stamp(now), zone)
        .tomorrow()
        .and_then(|z| z.start_of_day())
        .map_or(now, |z| z.timestamp().as_millisecond());
    (midnight + rng.range(0, 2) as i64 - 1).max(now)
}
