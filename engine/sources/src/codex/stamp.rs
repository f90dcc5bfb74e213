//! Times that Codex writes differently from others: numbers that may count seconds, and ids.

use crate::json::{Kind, Value};
use crate::stamp;

/// The instant, in milliseconds since 1970, of a JSON string (RFC 3339) or number (milliseconds;
/// seconds where as milliseconds it would lie in early 1970).
pub(crate) fn value(value: Value<'_>) -> Option<i64> {
    match value.kind() {
        Kind::Number => number(value.number()?),
        _ => stamp::time(&value).map(|time| time.0),
    }
}

/// From this on a number counts milliseconds: as seconds it would be in the year 2286.
const SECONDS_END: i64 = 10_000_000_000;

fn number(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole: i64 = whole.parse().ok().filter(|n| *n >= 0)?;
    if whole > SECONDS_END {
        return plausible(whole);
    }
    let digits = fraction.bytes().chain(*b"000").take(3);
    let millis = digits.map(|b| char::from(b).to_digit(10)).try_fold(0, |n, d| Some(n * 10 + i64::from(d?)))?;
    Some(whole * 1000 + millis)
}

/// When a UUIDv7 was made.
pub(super) fn of_uuid_v7(id: &str) -> Option<i64> {
    let mut digits = id.chars().filter(|c| *c != '-').map(|c| c.to_digit(16));
    let millis = digits.by_ref().take(12).try_fold(0, |n, d| Some(n << 4 | i64::from(d?)))?;
    (digits.next()? == Some(7)).then_some(millis).and_then(plausible)
}

/// Up to the year 9999.
fn plausible(millis: i64) -> Option<i64> {
    (0..=253_402_300_799_999).contains(&millis).then_some(millis)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::json::Scanner;

    #[test]
    fn numbers_may_count_seconds() {
        let of = |json: &str| value(Scanner::new(json.as_bytes()).value().unwrap());
        assert_eq!(of(r#""2026-05-12T08:01:02.345Z""#), Some(1_778_572_862_345));
        assert_eq!(of("1778572862345"), Some(1_778_572_862_345));
        assert_eq!(of("1778572862345.75"), Some(1_778_572_862_345));
        assert_eq!(of("1778572862.3456"), Some(1_778_572_862_345));
        assert_eq!(of("1778572862.3"), Some(1_778_572_862_300));
        assert_eq!(of("1778572862"), Some(1_778_572_862_000));
        for bad in [r#""soon""#, "-1", "null", "1e12", "99999999999999999", "{}"] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }

    #[test]
    fn uuids_tell_their_time() {
        assert_eq!(of_uuid_v7("019d5b3e-9f3b-7171-b58c-795255d1bd62"), Some(0x019d_5b3e_9f3b));
        assert_eq!(of_uuid_v7("67e55044-10b1-426f-9247-bb680e5fe0c8"), None);
        assert_eq!(of_uuid_v7("run"), None);
    }
}
