//! Quota windows: how full a subscription's are, and when they begin anew.

use std::ops::RangeInclusive;

use aimon_core::event::{Answer, Row};
use aimon_core::history::answers::Standing;
use aimon_core::history::windows::Sight;
use aimon_core::ids::DeviceId;
use aimon_core::time::UtcMillis;
use aimon_sources::window;
pub use aimon_sources::window::is_reset;

/// The most that is believed of a window, a thousand times full, in millionths.
pub const MOST_USED: u64 = 1_000_000_000;
/// How long one can be, in seconds: up to 400 days.
const LENGTHS: RangeInclusive<i64> = 1..=400 * 86_400;

/// Whether a window can be so long.
pub fn is_length(seconds: i64) -> bool {
    LENGTHS.contains(&seconds)
}

/// How much earlier than it began by its reset a window can be seen: clocks differ.
const BEGUN_S: i64 = 10 * 60;

/// A window that ended so long ago, unheard of since, is no news to anybody (two weeks).
const FORGOTTEN_S: i64 = 14 * 86_400;

/// One window as it was last seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Window {
    /// Whose.
    pub account: String,
    /// `5h`, `7d`.
    pub name: String,
    /// How much is used, in millionths.
    pub used_ppm: u64,
    /// When it begins anew, in seconds since 1970.
    pub resets_at: Option<i64>,
    /// How long it is, in seconds.
    pub length: Option<i64>,
    /// When that was seen.
    pub seen: UtcMillis,
}

/// How a window is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pace {
    /// It has begun anew since it was seen: how much is used now is not known.
    Anew,
    /// At this pace it lasts to its reset.
    Lasts,
    /// At this pace it is used up in so many seconds, before its reset.
    RunsOutIn(i64),
    /// It is used up.
    UsedUp,
    /// Not enough is known.
    Unknown,
}

impl Window {
    /// The agent whose subscription it is. Claude's accounts are known by a UUID, Codex' limits by
    /// `codex` or `codex:…`.
    pub fn agent(&self) -> &str {
        match self.account.split_once(':') {
            Some((agent, _)) => agent,
            None if DeviceId::parse(&self.account).is_some() => "claude-code",
            None => &self.account,
        }
    }

    /// Of which models' calls alone it tells (`opus` of `7d-opus`), if not of all.
    pub fn of_models(&self) -> Option<&str> {
        let (length, models) = self.name.split_once('-')?;
        (["5h", "7d"].contains(&length) && self.account.split_once(':').is_none()).then_some(models)
    }

    /// As a sight of its instance, if it is known when that began, and it had.
    pub fn sight(&self) -> Option<Sight> {
        let (resets_at, length) = (self.resets_at?, self.length?);
        let has_begun = resets_at.saturating_sub(length) <= self.seen.0.div_euclid(1000).saturating_add(BEGUN_S);
        has_begun.then_some(Sight { at: self.seen, used_ppm: self.used_ppm, resets_at, length })
    }

    /// Seconds to the reset; negative if it has passed.
    pub fn resets_in(&self, now: UtcMillis) -> Option<i64> {
        self.resets_at.map(|at| at.saturating_sub(now.0.div_euclid(1000)))
    }

    /// Whether it has begun anew since it was seen.
    pub fn is_anew(&self, now: UtcMillis) -> bool {
        self.resets_in(now).is_some_and(|s| s <= 0)
    }

    /// Seconds since it was seen.
    pub fn age(&self, now: UtcMillis) -> i64 {
        now.0.saturating_sub(self.seen.0).max(0) / 1000
    }

    /// How much of the window's time had passed when it was seen, in millionths.
    pub fn elapsed_ppm(&self, at: UtcMillis) -> Option<u64> {
        let (length, left) = (self.length.filter(|l| *l > 0)?, self.resets_in(at)?);
        let passed = length.saturating_sub(left).clamp(0, length);
        u64::try_from(i128::from(passed) * 1_000_000 / i128::from(length)).ok()
    }

    /// How far its use was ahead of its time when it was seen, in millionths; negative if behind.
    pub fn ahead_ppm(&self) -> Option<i64> {
        let elapsed = i64::try_from(self.elapsed_ppm(self.seen)?).ok()?;
        Some(i64::try_from(self.used_ppm).ok()?.saturating_sub(elapsed))
    }

    /// How it is doing, if it is used on as it was used so far.
    pub fn pace(&self, now: UtcMillis) -> Pace {
        if self.is_anew(now) {
            return Pace::Anew;
        }
        if self.used_ppm >= 1_000_000 {
            return Pace::UsedUp;
        }
        let (Some(left), Some(length)) = (self.resets_in(now), self.length) else { return Pace::Unknown };
        if self.used_ppm == 0 {
            return Pace::Lasts;
        }
        // What was seen holds for when it was seen.
        let passed = i128::from(length.saturating_sub(self.resets_in(self.seen).unwrap_or(length))).max(1);
        let used = i128::from(self.used_ppm);
        let rest = (1_000_000 - used) * passed / used - i128::from(self.age(now));
        match i64::try_from(rest.max(0)) {
            Ok(rest) if rest < left => Pace::RunsOutIn(rest),
            _ => Pace::Lasts,
        }
    }
}

/// The windows that a gauge's answer tells of, as they were when it was last seen; none if it tells of something else.
pub fn told(standing: &Standing) -> Vec<Window> {
    let key = &standing.answer.key;
    if !window::is_of_windows(key) {
        return Vec::new();
    }
    let one = |row: &Row| {
        let measure = |name: &str| row.measures.get(name).copied();
        // Rows that an older version recorded, or another device, may hold anything.
        let used = measure("used_ppm").and_then(|n| u64::try_from(n).ok()).filter(|ppm| *ppm <= MOST_USED);
        let seconds =
            |name: &str, fits: fn(i64) -> bool| measure(name).and_then(|n| i64::try_from(n).ok()).filter(|s| fits(*s));
        Some(Window {
            account: key.account.to_string(),
            name: row.values.first()?.to_string(),
            used_ppm: used?,
            resets_at: seconds("resets_at_s", is_reset),
            length: seconds("window_s", is_length),
            seen: standing.seen.1,
        })
    };
    standing.answer.rows.iter().filter_map(one).collect()
}

/// The windows among what gauges last said, by account and length; of one that several tell of, what was seen last.
pub fn of(gauges: &[Standing], now: UtcMillis) -> Vec<Window> {
    let is_news = |window: &Window| window.resets_in(now).is_none_or(|s| s > -FORGOTTEN_S);
    let mut windows: Vec<Window> = gauges.iter().flat_map(told).filter(is_news).collect();
    let which = |w: &Window| (w.account.clone(), w.name.clone());
    windows.sort_by_key(|w| (which(w), std::cmp::Reverse((w.seen, w.used_ppm))));
    windows.dedup_by_key(|w| which(w));
    windows.sort_by(|a, b| (&a.account, a.length, &a.name).cmp(&(&b.account, b.length, &b.name)));
    windows
}

/// The answer that records windows of one account that were told by themselves, as they are now.
pub fn answer(account: &str, windows: &[Window], now: UtcMillis) -> Answer {
    let told = |w: &Window| window::Window {
        name: w.name.clone(),
        // What nobody can mean stays what nobody can mean.
        used_ppm: i64::try_from(w.used_ppm).unwrap_or(i64::MAX),
        resets_at_s: w.resets_at,
        window_s: w.length,
    };
    window::answer(account, window::TOLD, &windows.iter().map(told).collect::<Vec<_>>(), now)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A moment of 2026, in seconds.
    const T: i64 = 1_795_000_000;

    /// So many seconds after it.
    fn at(seconds: i64) -> UtcMillis {
        UtcMillis((T + seconds) * 1000)
    }

    fn window(used_ppm: u64) -> Window {
        Window {
            account: "codex".into(),
            name: "5h".into(),
            used_ppm,
            resets_at: Some(T + 18_000),
            length: Some(18_000),
            seen: at(9_000),
        }
    }

    #[test]
    fn the_pace_says_whether_it_lasts() {
        let half = at(9_000);
        assert_eq!(window(0).pace(half), Pace::Lasts);
        assert_eq!(window(400_000).pace(half), Pace::Lasts);
        assert_eq!(window(500_000).pace(half), Pace::Lasts);
        assert_eq!(window(750_000).pace(half), Pace::RunsOutIn(3_000));
        assert_eq!(window(750_000).pace(at(10_000)), Pace::RunsOutIn(2_000), "time goes by unseen");
        assert_eq!(window(1_000_000).pace(half), Pace::UsedUp);
        assert_eq!(window(400_000).pace(at(18_000)), Pace::Anew);
        assert_eq!(Window { resets_at: None, ..window(1) }.pace(half), Pace::Unknown);
        assert_eq!(window(1).elapsed_ppm(half), Some(500_000));
        assert_eq!((window(750_000).ahead_ppm(), window(400_000).ahead_ppm()), (Some(250_000), Some(-100_000)));
    }

    #[test]
    fn some_tell_of_some_models_alone() {
        let of = |name: &str, account: &str| {
            let window = Window { name: name.into(), account: account.into(), ..window(1) };
            window.of_models().map(str::to_owned)
        };
        assert_eq!(of("7d-opus", "claude-code").as_deref(), Some("opus"));
        assert_eq!((of("7d", "claude-code"), of("new-kind", "claude-code"), of("5h", "codex:a-b")), (None, None, None));
    }

    #[test]
    fn what_is_recorded_reads_back() {
        let now = at(9_000);
        let two = [Window { name: "7d".into(), length: Some(604_800), ..window(2) }, window(1)];
        let answer = answer("codex", &two, now);
        let standing = Standing { seen: (answer.clock, answer.observed), answer };
        let read = of(&[standing], now);
        assert_eq!(read, [window(1), Window { name: "7d".into(), length: Some(604_800), ..window(2) }]);
    }

    #[test]
    fn what_a_status_line_does_not_tell_stays_as_it_was_asked_for() {
        let seen = |standing: &Standing| standing.answer.observed;
        let asked = |name: &str, used: i64, at: UtcMillis| {
            let one = |name: &str, used_ppm| window::Window {
                name: name.into(),
                used_ppm,
                resets_at_s: Some(T + 18_000),
                window_s: Some(18_000),
            };
            let answer = window::answer("codex", window::ASKED, &[one(name, used), one("7d-opus", used + 1)], at);
            Standing { seen: (answer.clock, answer.observed), answer }
        };
        let told = answer("codex", &[window(500)], at(9_000));
        let told = Standing { seen: (told.clock, told.observed), answer: told };
        let figures = |gauges: &[Standing]| -> Vec<(String, u64, UtcMillis)> {
            of(gauges, at(9_001)).into_iter().map(|w| (w.name, w.used_ppm, w.seen)).collect()
        };
        for (older, newest) in [(at(8_000), 500), (at(9_001), 400)] {
            let asked = asked("5h", 400, older);
            let five = if newest == 500 { seen(&told) } else { older };
            let both = [("5h".to_owned(), newest, five), ("7d-opus".to_owned(), 401, older)];
            assert_eq!(figures(&[told.clone(), asked.clone()]), both);
            assert_eq!(figures(&[asked, told.clone()]), both);
        }
    }

    #[test]
    fn a_window_that_ended_weeks_ago_is_forgotten() {
        let answer = answer("codex", &[window(1)], at(0));
        let standing = [Standing { seen: (answer.clock, answer.observed), answer }];
        assert_eq!(of(&standing, at(18_001)).len(), 1);
        assert_eq!(of(&standing, at(18_000 + 15 * 86_400)).len(), 0);
    }

    #[test]
    fn what_nobody_can_mean_is_not_read_back() {
        let odd = |n: i64| Window { resets_at: Some(n), length: Some(n), ..window(5) };
        for n in [i64::MIN, -1, 0, i64::MAX] {
            let answer = answer("codex", &[odd(n), Window { used_ppm: u64::MAX, ..window(1) }], at(0));
            let standing = [Standing { seen: (answer.clock, answer.observed), answer }];
            let read = of(&standing, at(1));
            assert_eq!(read, [Window { resets_at: None, length: None, seen: at(0), ..window(5) }], "{n}");
        }
    }

    #[test]
    fn no_time_overflows() {
        for n in [i64::MIN, 0, i64::MAX] {
            for seen in [i64::MIN, i64::MAX] {
                let w = Window { resets_at: Some(n), length: Some(n), seen: UtcMillis(seen), ..window(5) };
                for now in [i64::MIN, 0, i64::MAX].map(UtcMillis) {
                    let _ = (w.resets_in(now), w.is_anew(now), w.elapsed_ppm(now), w.pace(now), w.age(now));
                }
            }
        }
    }
}
