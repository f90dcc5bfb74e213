//! Instants as logs write them.

use jiff::Timestamp;

pub(crate) const SECOND: i64 = 1_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

/// `2026-10-05T09:12:33.042Z`.
pub(crate) fn iso(at: i64) -> String {
    let z = jiff::tz::TimeZone::UTC.to_datetime(stamp(at));
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        z.year(),
        z.month(),
        z.day(),
        z.hour(),
        z.minute(),
        z.second(),
        at.rem_euclid(SECOND)
    )
}

/// `2026-10-05T09-12-33`, as Codex names files.
pub(crate) fn file_time(at: i64) -> String {
    iso(at)[..19].replace(':', "-")
}

/// `2026/10/05`, as Codex names folders.
pub(crate) fn folder(at: i64) -> String {
    iso(at)[..10].replace('-', "/")
}

pub(crate) fn stamp(at: i64) -> Timestamp {
    Timestamp::from_millisecond(at).unwrap_or(Timestamp::UNIX_EPOCH)
}
