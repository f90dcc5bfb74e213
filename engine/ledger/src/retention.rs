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

/// How long before a first start's clock a call may have ended for that clock to be believed.
const PAUSE_MS: i64 = 30 * 86_400_000;

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
    /// Begins with the clock as it is.
    pub fn new(now: UtcMillis) -> Self {
        Self { until: now, doubted: None }
    }

    /// Begins with nothing: at a first start the clock may be years ahead, and the logs that are read
    /// then would count as expired. Nothing expires until somebody vouches, or a call is a witness.
    pub fn unproven() -> Self {
        Self { until: UtcMillis(i64::MIN), doubted: None }
    }

    /// Whether there is a time to go by.
    pub fn is_proven(self) -> bool {
        self.until.0 != i64::MIN
    }

    /// A call that a log tells of is a witness where nothing is proven yet: a clock that is years off makes no
    /// call, because no provider's certificate is valid under it. A clock a month or less behind the call's
    /// is believed; one that is further ahead is doubted.
    pub fn witness(&mut self, call: UtcMillis, now: UtcMillis) {
        // A call that is still to come says that one of the two is wrong, not which.
        if self.is_proven() || call.0.saturating_sub(now.0) > JUMP_MS {
            return;
        }
        self.until = if now.0.saturating_sub(call.0) <= PAUSE_MS { now } else { call };
        self.observe(now);
    }

    /// Looks at the clock again. Small steps forward are taken over; a step of more than two days
    /// is kept aside as doubted; steps back change nothing.
    pub fn observe(&mut self, now: UtcMillis) {
        if !self.is_proven() {
            return;
        }
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

    #[test]
    fn a_first_start_is_believed_only_with_a_witness() {
        let (now, far) = (UtcMillis(20_000 * DAY), UtcMillis(22_000 * DAY));
        let mut time = TrustedTime::unproven();
        time.observe(far);
        assert!(!time.is_proven(), "a clock alone proves nothing");
        time.witness(UtcMillis(now.0 + 3 * DAY), now);
        assert!(!time.is_proven(), "nor does a call that is still to come");
        time.witness(UtcMillis(now.0 - 29 * DAY), now);
        assert_eq!((time.until, time.doubted), (now, None));
        time.witness(far, far);
        assert_eq!(time.until, now, "only the first one counts");

        let mut time = TrustedTime::unproven();
        time.witness(now, far);
        assert_eq!((time.until, time.doubted), (now, Some(far)), "a clock in the far future");
        time.observe(UtcMillis(now.0 + DAY));
        assert_eq!((time.until, time.doubted), (UtcMillis(now.0 + DAY), None), "set right, it counts");
    }
}
