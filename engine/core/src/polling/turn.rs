//! When somebody may be asked who has invited nobody to: rarely, and not at all for a while once that was said to be too often.

use crate::time::UtcMillis;

/// The least time between two questions of one device, whatever became of them, in milliseconds.
pub const EVERY_MS: i64 = 5 * 60 * 1000;

/// How long nothing is asked after a refusal that does not say how long, and the longest pause that is kept, in milliseconds.
const PAUSE_MS: i64 = 60 * 60 * 1000;
const LONGEST_WAIT_MS: i64 = 24 * 60 * 60 * 1000;

/// What is remembered of the questions so far. It outlives the process: a restart is no reason to ask.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Turn {
    /// When this device last asked.
    pub asked: Option<UtcMillis>,
    /// How often it was in vain, in a row.
    pub failures: u32,
    /// Until when nothing is asked.
    pub rests_until: Option<UtcMillis>,
}

impl Turn {
    /// When it may be asked next. `heard` is when somebody last observed all that the answer would say: another device, or a source
    /// that needs to ask nobody. `share` is this device's own number from 0 to 999: who asked last goes on, the others wait longer.
    pub fn due_at(&self, now: UtcMillis, heard: Option<UtcMillis>, share: u16) -> UtcMillis {
        // Of a clock that was ahead; it would else be put off for as long as it was.
        let is_past = |at: &UtcMillis| at.0 <= now.0.saturating_add(EVERY_MS);
        let (asked, heard) = (self.asked.filter(is_past), heard.filter(is_past));
        // A twentieth later, or a tenth to two fifths: never sooner.
        let part = if heard > asked { 100 + i64::from(share.min(999)) * 3 / 10 } else { 50 };
        let last = asked.max(heard).map(|at| at.0.saturating_add(EVERY_MS + EVERY_MS / 1000 * part));
        let longest = now.0.saturating_add(LONGEST_WAIT_MS);
        let rest = self.rests_until.map(|at| at.0).filter(|at| *at <= longest);
        UtcMillis(last.max(rest).unwrap_or(i64::MIN))
    }

    /// It is asked now: to be kept before the question goes out.
    pub fn begin(&mut self, now: UtcMillis) {
        self.asked = Some(now);
    }

    /// An answer has come.
    pub fn answered(&mut self) {
        (self.failures, self.rests_until) = (0, None);
    }

    /// It was in vain: the pause grows. `is_enough` says that it was too often, `retry_after_s` how long to wait, where that was said
    /// (0 says nothing: who is told so is refused again at once).
    pub fn failed(&mut self, now: UtcMillis, is_enough: bool, retry_after_s: Option<u64>) {
        self.failures = self.failures.saturating_add(1);
        let said = retry_after_s.filter(|s| *s > 0).map(|s| i64::try_from(s).unwrap_or(i64::MAX).saturating_mul(1000));
        let pause = match said {
            Some(said) => said.clamp(EVERY_MS, LONGEST_WAIT_MS),
            None if is_enough => PAUSE_MS,
            None => EVERY_MS.saturating_mul(1 << (self.failures - 1).min(10)).min(PAUSE_MS),
        };
        self.rests_until = Some(UtcMillis(now.0.saturating_add(pause)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: i64 = 1_795_000_000_000;
    const MINUTE: i64 = 60_000;

    fn at(minutes: i64) -> UtcMillis {
        UtcMillis(T + minutes * MINUTE)
    }

    #[test]
    fn nobody_is_asked_twice_in_five_minutes() {
        let mut turn = Turn::default();
        assert!(turn.due_at(at(0), None, 0) <= at(0), "the first time at once");
        turn.begin(at(0));
        for share in [0, 500, 999, u16::MAX] {
            for heard in [None, Some(at(0)), Some(at(-3)), Some(at(2))] {
                let due = turn.due_at(at(1), heard, share);
                let last = heard.unwrap_or(at(0)).max(at(0));
                assert!(due.0 - last.0 >= EVERY_MS && due.0 - last.0 <= 7 * MINUTE, "{share} {heard:?}: {due:?}");
            }
        }
        // What others heard puts it off as well, and those with another share longer.
        let other = Turn::default();
        assert!(other.due_at(at(1), Some(at(0)), 0) > at(5));
        assert!(other.due_at(at(1), Some(at(0)), 0) < other.due_at(at(1), Some(at(0)), 999));
        // A clock that was a day ahead puts nothing off.
        assert!(turn.due_at(at(-1440), Some(at(9)), 0) <= at(-1440));
    }

    #[test]
    fn too_often_is_a_pause_of_an_hour_or_as_long_as_is_said() {
        let pause = |is_enough, said| {
            let mut turn = Turn::default();
            turn.begin(at(0));
            turn.failed(at(0), is_enough, said);
            (turn.due_at(at(0), None, 0).0 - T) / 1000
        };
        assert_eq!(pause(true, None), 3600);
        assert_eq!(pause(true, Some(0)), 3600, "it says nothing");
        assert_eq!(pause(true, Some(1600)), 1600);
        assert_eq!(pause(true, Some(1)), 315, "never sooner than usual");
        assert_eq!(pause(true, Some(u64::MAX)), 86_400, "a day is enough for anybody");
        assert_eq!(pause(false, None), 315);
    }

    #[test]
    fn what_fails_again_and_again_is_asked_less_often() {
        let mut turn = Turn::default();
        let mut pauses = Vec::new();
        for _ in 0..7 {
            turn.failed(at(0), false, None);
            pauses.push((turn.due_at(at(0), None, 0).0 - T) / MINUTE);
        }
        assert_eq!(pauses, [5, 10, 20, 40, 60, 60, 60]);
        turn.answered();
        assert_eq!(turn, Turn::default());
    }
}
