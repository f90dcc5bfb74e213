//! What was answered lately, so that only what is new is recorded.

use std::collections::BTreeMap;

use crate::event::{Answer, AnswerHash, AnswerKey, Clock, Event, Unchanged};
use crate::history::answers::{Standing, is_settled, settling_ms};
use crate::time::UtcMillis;

/// How long what was answered about is of interest where it has not settled: longer than any metric takes.
const KEPT_MS: i64 = 4 * 86_400_000;

/// What is held of one answer.
#[derive(Clone, Copy, Debug)]
struct Held {
    hash: AnswerHash,
    clock: Clock,
    observed: UtcMillis,
    seen: UtcMillis,
    /// Whether this process has recorded it: a note about it names something that lies beside it.
    is_mine: bool,
}

/// What the history holds of recent answers, and what this process has recorded since.
#[derive(Clone, Debug, Default)]
pub struct Window {
    held: BTreeMap<AnswerKey, Held>,
}

impl Window {
    /// What the history holds of some days, in the place of what is known: others may have recorded something.
    pub fn hear(&mut self, standing: impl IntoIterator<Item = Standing>) {
        let mut held = BTreeMap::new();
        for one in standing {
            let hash = one.answer.hash();
            let (clock, seen) = one.seen;
            let mine = self.held.get(&one.answer.key).filter(|mine| mine.is_mine && mine.hash == hash);
            let is_mine = mine.is_some_and(|mine| (mine.clock, mine.observed) == (clock, one.answer.observed));
            held.insert(one.answer.key, Held { hash, clock, observed: one.answer.observed, seen, is_mine });
        }
        self.held = held;
    }

    /// What of these answers is to be recorded: what is new as it is; that something still holds as a note, where that says more than
    /// was known: it has settled meanwhile, or it is the newest, by which other devices see that it was asked for. What is recorded
    /// counts as known from here on.
    pub fn news(&mut self, answers: Vec<Answer>) -> Vec<Event> {
        let starts = || answers.iter().map(|answer| answer.key.bucket.start);
        let (oldest, newest) = (starts().min(), starts().max());
        let observed = answers.iter().map(|answer| answer.observed).max();
        let news = answers.into_iter().filter_map(|answer| {
            let is_newest = Some(answer.key.bucket.start) == newest;
            self.one(answer, is_newest)
        });
        let news = news.collect();
        if let (Some(oldest), Some(observed)) = (oldest, observed) {
            self.forget(oldest, observed);
        }
        news
    }

    /// Forgets what has settled before all that was just asked for, as nobody asks for it again: a day of each minute is a lot.
    fn forget(&mut self, oldest: UtcMillis, observed: UtcMillis) {
        let too_old = observed.0.saturating_sub(KEPT_MS);
        self.held.retain(|key, held| {
            let (bucket, end) = (key.bucket, key.bucket.end());
            let is_over = || end <= oldest && is_settled(bucket, held.seen, settling_ms(&key.metric));
            end.0 >= too_old && (bucket.is_gauge() || !is_over())
        });
    }

    /// Of how many answers something is held.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    fn one(&mut self, answer: Answer, is_newest: bool) -> Option<Event> {
        let settling = settling_ms(&answer.key.metric);
        let bucket = answer.key.bucket;
        let key = match bucket.is_gauge() {
            // Each observation of a gauge has a beginning of its own: which one it goes on from is the newest.
            true => self.newest_gauge(&answer.key),
            false => Some(answer.key.clone()).filter(|key| self.held.contains_key(key)),
        };
        let hash = answer.hash();
        let new = Held { hash, clock: answer.clock, observed: answer.observed, seen: answer.observed, is_mine: true };
        let Some((key, held)) = key.and_then(|key| self.held.get(&key).copied().map(|held| (key, held))) else {
            self.held.insert(answer.key.clone(), new);
            return Some(Event::Answer(answer));
        };
        if held.hash == hash && held.clock >= answer.clock {
            // A provider's time goes before a device's: what this one's clock says of it adds nothing.
            let later = held.clock == answer.clock && answer.observed > held.seen;
            let settles = is_settled(bucket, answer.observed, settling) && !is_settled(bucket, held.seen, settling);
            if !later || !(settles || is_newest) {
                return None;
            }
            let note = Unchanged { key: key.clone(), answer: hash, seen: answer.observed, clock: answer.clock };
            let reaches = !bucket.is_gauge() || is_in_reach(&held, &note);
            if held.is_mine && reaches {
                self.held.insert(key, Held { seen: answer.observed, ..held });
                return Some(Event::Unchanged(note));
            }
        }
        if bucket.is_gauge() {
            self.held.remove(&key);
        }
        self.held.insert(answer.key.clone(), new);
        Some(Event::Answer(answer))
    }

    fn newest_gauge(&self, of: &AnswerKey) -> Option<AnswerKey> {
        let is_same = |key: &AnswerKey| {
            key.bucket.is_gauge()
                && key.account == of.account
                && key.metric == of.metric
                && key.dimensions == of.dimensions
        };
        let all = self.held.iter().filter(|(key, _)| is_same(key));
        all.max_by_key(|(_, held)| (held.clock, held.seen)).map(|(key, _)| key.clone())
    }
}

/// Whether a note about a gauge's answer still counts: [`Unchanged::is_of`].
fn is_in_reach(held: &Held, note: &Unchanged) -> bool {
    note.seen.day() == held.observed.day() && note.seen.0 - held.observed.0 <= Unchanged::REACH_MS
}
