//! What one account's metric needs next.

use std::ops::RangeInclusive;

use crate::history::{Heard, Span, union};
use crate::time::{UtcDay, UtcMillis};

use super::metric::{Kind, Metric, Width};

/// How much longer than a metric settles its sliding window is, in milliseconds: a poll that is missed now and then leaves no hole.
const SLACK_MS: i64 = 10 * 60 * 1000;

/// The first pause after a failure, the longest one, and the longest that a provider may ask for, in milliseconds.
const FIRST_PAUSE_MS: i64 = 5 * 1000;
const LONGEST_PAUSE_MS: i64 = 30 * 60 * 1000;
const LONGEST_WAIT_MS: i64 = 24 * 60 * 60 * 1000;

/// A part of the past that was just asked for is not asked for again so soon, whatever became of it, in milliseconds. A provider whose
/// clock is behind ours would else be asked for ever.
const AGAIN_MS: i64 = 60 * 60 * 1000;

/// A request: of one metric the buckets of one width in a span of time; of a gauge, what it is now.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ask {
    /// Width of the buckets, in seconds; 0 for a gauge.
    pub width: u32,
    /// First millisecond: a bucket begins with it.
    pub from: UtcMillis,
    /// The first millisecond behind it.
    pub to: UtcMillis,
    /// Whether it is about the past only.
    pub is_backfill: bool,
}

impl Ask {
    /// The buckets that it is about: when each begins.
    pub fn starts(&self) -> impl Iterator<Item = UtcMillis> {
        let width = i64::from(self.width.max(1)) * 1000;
        let (from, to) = (self.from.0, self.to.0);
        (0..).map(move |n| UtcMillis(from.saturating_add(n * width))).take_while(move |at| at.0 < to)
    }
}

/// Since when, and until when.
pub type Pause = (UtcMillis, UtcMillis);

/// What became of the tries so far. It outlives the process: a restart is no reason to ask.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Tries {
    /// How often it was in vain, in a row.
    pub failures: u32,
    /// How long it rests after that.
    pub rests: Option<Pause>,
    /// How long the provider wants to be left alone. Nobody hurries that.
    pub paused: Option<Pause>,
}

impl Tries {
    /// Until when nothing is asked, whatever it is for.
    pub fn rests_until(&self) -> Option<UtcMillis> {
        let until = |pause: Option<Pause>| pause.map(|(_, until)| until);
        until(self.rests).max(until(self.paused))
    }
}

/// Whether something can have been noted then: not where the clock was far ahead and was set right since. Such a time would else put
/// off everything until it has come.
fn is_possible(noted: UtcMillis, now: UtcMillis) -> bool {
    noted.0 <= now.0.saturating_add(SLACK_MS)
}

/// What is known of one account's metric: by the history, and by this device's own tries.
#[derive(Clone, Debug)]
pub struct Track {
    metric: Metric,
    /// Where it is settled, ascending and apart.
    settled: Vec<Span>,
    /// When an answer was last observed, by whom ever.
    newest: Option<UtcMillis>,
    /// When this device last asked, and whether what is newest is its own.
    tried: Option<UtcMillis>,
    is_mine: bool,
    tries: Tries,
    /// What of the past this device asked for, and when.
    asked: Vec<(Span, UtcMillis)>,
}

impl Track {
    /// Nothing is known yet.
    pub fn new(metric: Metric) -> Self {
        Self {
            metric,
            settled: Vec::new(),
            newest: None,
            tried: None,
            is_mine: false,
            tries: Tries::default(),
            asked: Vec::new(),
        }
    }

    /// The metric.
    pub fn metric(&self) -> &Metric {
        &self.metric
    }

    /// Whether anybody was ever answered, as far as the history goes.
    pub fn was_answered(&self) -> bool {
        self.newest.is_some() || !self.settled.is_empty()
    }

    /// When somebody last observed an answer.
    pub fn newest(&self) -> Option<UtcMillis> {
        self.newest
    }

    /// What the history says now of some days, in their order: this takes the place of what it said of them before.
    pub fn hear<'a>(&mut self, days: RangeInclusive<UtcDay>, heard: impl IntoIterator<Item = &'a Heard>) {
        let (from, to) = (days.start().start(), days.end().plus(1).start());
        let outside = |(start, end): &Span| [(*start, (*end).min(from)), ((*start).max(to), *end)];
        let mut settled: Vec<Span> = self.settled.iter().flat_map(outside).collect();
        let mut newest = None;
        for one in heard {
            settled.extend(one.settled.iter().copied());
            // What was observed of the past says nothing of the present.
            newest = Some(one.newest);
        }
        self.settled = union(settled);
        self.is_mine &= newest <= self.newest;
        self.newest = self.newest.max(newest);
    }

    /// That a gauge was observed, by whom ever.
    pub fn hear_gauge(&mut self, seen: UtcMillis) {
        self.is_mine &= Some(seen) <= self.newest;
        self.newest = self.newest.max(Some(seen));
    }

    /// An answer has come, and is recorded: observed then, by the provider's clock where it has one. What had settled by then needs
    /// not be heard of: to sum a day up anew with each answer costs more the longer the day is.
    pub fn answered(&mut self, ask: &Ask, observed: UtcMillis, now: UtcMillis) {
        // What was on its way when a pause began ends none.
        let paused = self.tries.paused.filter(|(_, until)| *until > now);
        self.tries = Tries { paused, ..Tries::default() };
        if ask.width > 0 {
            let width = i64::from(ask.width) * 1000;
            let whole =
                observed.0.saturating_sub(self.metric.settling_ms()).saturating_sub(ask.from.0).div_euclid(width);
            let to = ask.from.0.saturating_add(whole.saturating_mul(width)).min(ask.to.0);
            self.settled.push((ask.from, UtcMillis(to)));
            self.settled = union(std::mem::take(&mut self.settled));
        }
        self.asked.retain(|(_, at)| now.0.saturating_sub(at.0) < AGAIN_MS);
        self.asked.push(((ask.from, ask.to), now));
        if !ask.is_backfill {
            self.tried = Some(now);
            self.newest = self.newest.max(Some(observed));
            self.is_mine = true;
        }
    }

    /// It has failed: the next try waits, longer each time, and at least as long as is asked for. `share` is a number from 0 to 999:
    /// what fails together is not tried again together.
    pub fn failed(&mut self, now: UtcMillis, retry_after_s: Option<u64>, share: u16) {
        self.tries.failures = self.tries.failures.saturating_add(1);
        let pause = FIRST_PAUSE_MS.saturating_mul(1 << (self.tries.failures - 1).min(20)).min(LONGEST_PAUSE_MS);
        let asked = retry_after_s.map_or(0, |s| i64::try_from(s).unwrap_or(i64::MAX).saturating_mul(1000));
        // Up to a quarter of what it waits by itself.
        let spread = pause / 4000 * i64::from(share.min(999));
        let pause = pause.max(asked.min(LONGEST_WAIT_MS)).saturating_add(spread);
        self.tries.rests = Some((now, UtcMillis(now.0.saturating_add(pause))));
    }

    /// The provider wants to be left alone until then at least.
    pub fn pause(&mut self, now: UtcMillis, until: UtcMillis) {
        // One that was noted by a clock that was ahead is none.
        let before = self.tries.paused.filter(|(since, _)| is_possible(*since, now));
        if before.is_none_or(|(_, paused)| paused < until) {
            self.tries.paused = Some((now, until));
        }
    }

    /// What became of the tries so far.
    pub fn tries(&self) -> Tries {
        self.tries
    }

    /// What became of them before: in another process, perhaps.
    pub fn recall(&mut self, tries: Tries) {
        self.tries = tries;
    }

    /// Forgets that it has failed: a person asks, or the key is another one. What a provider asked for to wait stays a pause.
    pub fn hurry(&mut self) {
        self.tries = Tries { paused: self.tries.paused, ..Tries::default() };
        (self.tried, self.newest) = (None, None);
        self.asked.clear();
    }

    /// When it is due. `share` is this device's own number for the account, from 0 to 999: devices that ask for one account don't ask at
    /// once, and who asked last goes on; nor does a device ask for all its accounts at once.
    pub fn due_at(&self, now: UtcMillis, share: u16) -> UtcMillis {
        let every = i64::from(self.metric.every_s) * 1000;
        let share = i64::from(share.min(999));
        // A twentieth to a tenth later; and the others up to two fifths.
        let part = if self.is_mine { 50 + share / 20 } else { 100 + share * 3 / 10 };
        let rest = every.saturating_add(every / 1000 * part);
        // A provider's clock that is ahead of this one would put it off for ever.
        let newest = self.newest.filter(|at| at.0 <= now.0.saturating_add(every));
        let tried = self.tried.filter(|at| is_possible(*at, now));
        let last = newest.max(tried).map(|at| UtcMillis(at.0.saturating_add(rest)));
        last.max(self.rests_until(now)).unwrap_or(UtcMillis(i64::MIN))
    }

    /// Until when a rest or pause goes that was begun in this clock's past.
    pub fn rests_until(&self, now: UtcMillis) -> Option<UtcMillis> {
        let begun = |pause: Option<Pause>| pause.filter(|(since, _)| is_possible(*since, now));
        Tries { rests: begun(self.tries.rests), paused: begun(self.tries.paused), ..self.tries }.rests_until()
    }

    /// Whether nothing is asked now, after a failure or because the provider wants to be left alone.
    pub fn is_resting(&self, now: UtcMillis) -> bool {
        self.rests_until(now).is_some_and(|at| at > now)
    }

    /// What to ask for about the present.
    pub fn live(&self, now: UtcMillis, first: UtcDay) -> Ask {
        let Kind::Buckets { fine, coarse, is_late, .. } = self.metric.kind else {
            return Ask { width: 0, from: now, to: UtcMillis(now.0.saturating_add(1)), is_backfill: false };
        };
        let from = self.live_from(now, coarse);
        // What was missed since is asked for as finely, as far as one request goes.
        let before = self.settled.iter().rfind(|(_, to)| *to <= from).map(|(_, to)| floor(*to, coarse));
        let to = if is_late { floor(now, fine) } else { UtcMillis(floor(now, fine).0.saturating_add(ms(fine))) };
        // Everything begins with a coarse bucket.
        let reach = ms(fine).saturating_mul(i64::from(fine.most)) - (ms(coarse) - 1);
        let furthest = floor(UtcMillis(to.0.saturating_sub(reach)), coarse);
        let is_settled_up_to = self.settled.iter().any(|(a, b)| *a < from && *b >= from);
        // Where the past is told as finely as the present, it is one question: providers count them.
        let oldest = (fine.seconds == coarse.seconds).then(|| self.gaps(now, first).first().map(|gap| gap.0)).flatten();
        let from = match oldest {
            Some(oldest) => oldest.max(furthest).min(from),
            None => from,
        };
        let from = match before {
            Some(before) if !is_settled_up_to && before >= furthest => before.min(from),
            _ => from,
        };
        Ask { width: fine.seconds, from: from.min(to), to, is_backfill: false }
    }

    /// Where the sliding window begins: with a coarse bucket, all before which are settled when they are asked for.
    fn live_from(&self, now: UtcMillis, coarse: Width) -> UtcMillis {
        floor(UtcMillis(now.0.saturating_sub(self.metric.settling_ms()).saturating_sub(SLACK_MS)), coarse)
    }

    /// The next part of the past that nobody has heard of, the newest first; `first` is the first day that is kept.
    pub fn backfill(&self, now: UtcMillis, first: UtcDay) -> Option<Ask> {
        let Kind::Buckets { coarse, .. } = self.metric.kind else { return None };
        let (gap, end) = self.gaps(now, first).pop()?;
        let to = self.live_from(now, coarse);
        let end = UtcMillis(floor(UtcMillis(end.0.saturating_sub(1)), coarse).0.saturating_add(ms(coarse))).min(to);
        // Not further than one request goes: what has come is kept, whatever happens then.
        let most = ms(coarse).saturating_mul(i64::from(coarse.most));
        let start = floor(gap, coarse).max(UtcMillis(end.0.saturating_sub(most)));
        (start < end).then_some(Ask { width: coarse.seconds, from: start, to: end, is_backfill: true })
    }

    /// What of the past nobody has heard of, and this device has not just asked for, ascending.
    fn gaps(&self, now: UtcMillis, first: UtcDay) -> Vec<Span> {
        let Some(past) = self.past(now, first) else { return Vec::new() };
        let mut known = self.settled.clone();
        let is_fresh = |at: &UtcMillis| is_possible(*at, now) && now.0.saturating_sub(at.0) < AGAIN_MS;
        known.extend(self.asked.iter().filter(|(_, at)| is_fresh(at)).map(|(span, _)| *span));
        gaps(&union(known), past)
    }

    /// The past that can be asked for, in whole coarse buckets.
    fn past(&self, now: UtcMillis, first: UtcDay) -> Option<Span> {
        let Kind::Buckets { coarse, keeps_days, .. } = self.metric.kind else { return None };
        let kept = now.day().plus(-i32::try_from(keeps_days).unwrap_or(i32::MAX));
        let from = first.max(kept).start();
        let to = self.live_from(now, coarse);
        (from < to).then_some((from, to))
    }

    /// How much of the past has been heard of, and how much there is, in milliseconds.
    pub fn progress(&self, now: UtcMillis, first: UtcDay) -> (i64, i64) {
        let Some((from, to)) = self.past(now, first) else { return (0, 0) };
        let missing: i64 = gaps(&self.settled, (from, to)).iter().map(|(a, b)| b.0 - a.0).sum();
        (to.0 - from.0 - missing, to.0 - from.0)
    }

    /// Where what was heard begins: from here on there is no hole up to the sliding window.
    pub fn begins(&self, now: UtcMillis, first: UtcDay) -> Option<UtcMillis> {
        let (from, to) = self.past(now, first)?;
        let last = gaps(&self.settled, (from, to)).pop().map(|(_, end)| end);
        Some(last.unwrap_or(from))
    }
}

/// What of a span is in none of these, ascending.
fn gaps(known: &[Span], (from, to): Span) -> Vec<Span> {
    let (mut at, mut gaps) = (from, Vec::new());
    for (start, end) in known.iter().filter(|(start, end)| *end > from && *start < to) {
        if *start > at {
            gaps.push((at, *start));
        }
        at = at.max(*end);
    }
    if at < to {
        gaps.push((at, to));
    }
    gaps
}

fn ms(width: Width) -> i64 {
    i64::from(width.seconds.max(1)) * 1000
}

/// The beginning of the bucket that an instant lies in.
fn floor(at: UtcMillis, width: Width) -> UtcMillis {
    UtcMillis(at.0.div_euclid(ms(width)).saturating_mul(ms(width)))
}
