//! Which days are kept, and when a day may expire.

use crate::time::{UtcDay, UtcMillis};

/// How many UTC days are kept, today's included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retention(u32);

impl Retention {
    /// The least number of days.
    pub const LEAST: u64 = 7;
    /// The greatest number of days.
    pub const MOST: u64 = 3650;

    /// `None` outside 7 to 3,650 days.
    pub fn of(days: u64) -> Option<Self> {
        (Self::LEAST..=Self::MOST).contains(&days).then_some(Self(days as u32))
    }

    /// How many days.
    pub fn days(self) -> u32 {
        self.0
    }

    /// The first kept day when `today` is the last: with 180, today and the 179 days before.
    pub fn first_day(self, today: UtcDay) -> UtcDay {
        today.plus(1 - self.0 as i32)
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self(180)
    }
}

/// The longest step of an unvouched clock by which days expire.
const JUMP_MS: i64 = 2 * 86_400_000;

/// What a device knows about the time that it may trust for expiry. One wrong clock expires
/// nothing: a clock that steps by more than two days moves nothing until it is vouched for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TrustedTime {
    /// The latest time that counts for expiry.
    pub until: UtcMillis,
    /// A time that was seen and is too far ahead to count.
    pub doubted: Option<UtcMillis>,
}

impl TrustedTime {
    /// Begins with the clock as it is: there is nothing yet that it could expire.
    pub fn new(now: UtcMillis) -> Self {
        Self { until: now, doubted: None }
    }

    /// Looks at the clock again. Small steps forward are taken over; a step of more than two days
    /// is kept aside as doubted; steps back change nothing.
    pub fn observe(&mut self, now: UtcMillis) {
        if now.0.saturating_sub(self.until.0) > JUMP_MS {
            self.doubted = Some(now);
        } else {
            self.until = self.until.max(now);
            self.doubted = None;
        }
    }

    /// Takes over a time that someone else than this device's clock vouches for: the user, a
    /// provider's `Date`, a relay. Expiry uses the earlier of the two.
    pub fn vouch(&mut self, vouched: UtcMillis, now: UtcMillis) {
        self.until = self.until.max(vouched.min(now));
        self.doubted = None;
        self.observe(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    #[test]
    fn keeps_exactly_as_many_days_as_it_says() {
        let first = Retention::default().first_day(UtcDay(1000));
        assert_eq!(1000 - first.0 + 1, 180);
        assert_eq!(Retention::of(6), None);
        assert_eq!(Retention::of(3651), None);
        assert_eq!(Retention::of(7).map(Retention::days), Some(7));
    }

    /// Two that must agree: expiry uses the earlier one.
    #[test]
    fn a_wrong_voucher_expires_nothing_either() {
        let mut time = TrustedTime::new(UtcMillis(0));
        time.vouch(UtcMillis(2000 * DAY), UtcMillis(DAY));
        assert_eq!((time.until, time.doubted), (UtcMillis(DAY), None));
    }

    #[test]
    fn one_wrong_clock_expires_nothing() {
        let mut time = TrustedTime::new(UtcMillis(0));
        time.observe(UtcMillis(DAY));
        assert_eq!(time.until, UtcMillis(DAY), "a day's pause is a day's step");
        time.observe(UtcMillis(2000 * DAY));
        assert_eq!((time.until, time.doubted), (UtcMillis(DAY), Some(UtcMillis(2000 * DAY))));
        time.observe(UtcMillis(2001 * DAY));
        assert_eq!(time.until, UtcMillis(DAY), "nor does the same wrong clock a day later");
        time.observe(UtcMillis(2 * DAY));
        assert_eq!((time.until, time.doubted), (UtcMillis(2 * DAY), None), "set right, it counts again");
        time.observe(UtcMillis(-9000 * DAY));
        assert_eq!((time.until, time.doubted), (UtcMillis(2 * DAY), None), "a step back brings no day back");
        time.vouch(UtcMillis(9 * DAY), UtcMillis(9 * DAY));
        assert_eq!(time.until, UtcMillis(9 * DAY));
    }
}
