//! Counters that don't fall within a day.
//!
//! What Prometheus sees fall it takes for a process that has begun anew, and counts all of it once more. A figure does fall, now and
//! then: an account's own takes the place of what the logs said. So within a day a counter stays where it was until it is passed.

use std::collections::BTreeMap;

use aimon_core::units::Tokens;
use jiff::civil::Date;

use super::usage::{Series, Usage, Used};

/// The highest that was shown on a day.
#[derive(Clone, Default, Debug)]
pub struct Highest {
    day: Date,
    used: BTreeMap<Series, Used>,
}

impl Highest {
    /// Raises what is less than what was shown before on that day, and notes what is more.
    pub fn raise(&mut self, day: Date, usage: &mut Usage) {
        if self.day != day {
            *self = Self { day, ..Self::default() };
        }
        for (series, before) in &self.used {
            let now = usage.used.entry(series.clone()).or_default();
            *now = higher(before, now);
        }
        self.used.clone_from(&usage.used);
    }
}

fn higher(a: &Used, b: &Used) -> Used {
    let (s, t) = (&a.tokens, &b.tokens);
    Used {
        tokens: Tokens {
            input: s.input.max(t.input),
            output: s.output.max(t.output),
            reasoning: s.reasoning.max(t.reasoning),
            cache_write_5m: s.cache_write_5m.max(t.cache_write_5m),
            cache_write_1h: s.cache_write_1h.max(t.cache_write_1h),
            cache_read: s.cache_read.max(t.cache_read),
        },
        calls: a.calls.max(b.calls),
        cost: a.cost.max(b.cost),
    }
}

#[cfg(test)]
mod tests {
    use aimon_core::units::PicoUsd;

    use super::*;

    fn usage(calls: u64, cost: Option<i128>) -> Usage {
        let series = |model: &str| Series {
            provider: String::new(),
            model: model.to_owned(),
            source: "codex".to_owned(),
            device: String::new(),
        };
        let used = Used { tokens: Tokens { input: calls * 10, ..Tokens::default() }, calls, cost: cost.map(PicoUsd) };
        Usage { used: [(series("m"), used)].into(), ..Usage::default() }
    }

    #[test]
    fn within_a_day_nothing_falls_and_the_next_one_begins_anew() {
        let (day, mut highest) = (Date::constant(2026, 11, 28), Highest::default());
        let mut show = |day, mut now: Usage| {
            highest.raise(day, &mut now);
            now
        };
        assert_eq!(show(day, usage(5, Some(50))), usage(5, Some(50)));
        assert_eq!(show(day, usage(3, None)), usage(5, Some(50)), "it stays");
        assert_eq!(show(day, usage(6, Some(40))), usage(6, Some(50)), "each by itself");
        assert_eq!(show(day, Usage::default()), usage(6, Some(50)), "what has gone stays, too");
        let next = Date::constant(2026, 11, 29);
        assert_eq!(show(next, usage(0, Some(0))), usage(0, Some(0)));
    }
}
