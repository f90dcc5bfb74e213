//! Which of a provider's answers counts.
//!
//! Of answers with one key the one observed last stands, whole. Of standing answers that say the
//! same at different grains (by the minute and by the day; by model, and by model and key) one
//! grain counts over each span, so that no call is added twice; the others are checks.

use std::collections::BTreeMap;

use crate::event::{Answer, AnswerHash, AnswerKey, Clock, Unchanged};
use crate::name::Name;
use crate::time::UtcMillis;

/// An answer that stands, and when it was last observed to hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    /// The answer.
    pub answer: Answer,
    /// By whose clock, and when: its own observation, or a later note's.
    pub seen: (Clock, UtcMillis),
}

impl Standing {
    /// A provider's time goes before a device's; then the later one; ties: the larger bytes.
    pub(super) fn goes_before(&self, other: &Self) -> bool {
        self.seen
            .cmp(&other.seen)
            .then_with(|| self.answer.rows.cmp(&other.answer.rows))
            .then_with(|| self.answer.observed.cmp(&other.answer.observed))
            .then_with(|| self.answer.clock.cmp(&other.answer.clock))
            .is_gt()
    }
}

/// The answers that stand, by key; and the notes whose answer is not held, which count as nothing. A note raises an answer's time,
/// never the rank of its clock, and a device's note says nothing of what a provider has dated.
pub fn standing(
    answers: impl IntoIterator<Item = Answer>,
    notes: impl IntoIterator<Item = Unchanged>,
) -> (BTreeMap<AnswerKey, Standing>, Vec<Unchanged>) {
    let mut held: BTreeMap<(AnswerKey, AnswerHash, Clock), Standing> = BTreeMap::new();
    for answer in answers {
        let seen = (answer.clock, answer.observed);
        let one = Standing { seen, answer };
        match held.entry((one.answer.key.clone(), one.answer.hash(), one.answer.clock)) {
            std::collections::btree_map::Entry::Vacant(e) => {
                e.insert(one);
            }
            std::collections::btree_map::Entry::Occupied(mut e) if one.goes_before(e.get()) => {
                e.insert(one);
            }
            std::collections::btree_map::Entry::Occupied(_) => {}
        }
    }
    let mut orphans = Vec::new();
    for note in notes {
        let mut is_held = false;
        for clock in [Clock::Device, Clock::Provider] {
            if let Some(one) = held.get_mut(&(note.key.clone(), note.answer, clock)) {
                is_held = true;
                if clock <= note.clock {
                    one.seen.1 = one.seen.1.max(note.seen);
                }
            }
        }
        if !is_held {
            orphans.push(note);
        }
    }
    let mut stands: BTreeMap<AnswerKey, Standing> = BTreeMap::new();
    for ((key, ..), one) in held {
        match stands.entry(key) {
            std::collections::btree_map::Entry::Vacant(e) => {
                e.insert(one);
            }
            std::collections::btree_map::Entry::Occupied(mut e) if one.goes_before(e.get()) => {
                e.insert(one);
            }
            std::collections::btree_map::Entry::Occupied(_) => {}
        }
    }
    (stands, orphans)
}

/// How finely an answer is cut: its bucket's width in seconds, and its dimensions.
pub type Grain = (u32, Vec<Name>);

/// What counts of one account's metric over one span.
#[derive(Debug)]
pub struct Span<'a> {
    /// The account.
    pub account: &'a Name,
    /// The metric.
    pub metric: &'a Name,
    /// First millisecond.
    pub start: UtcMillis,
    /// Width in seconds: the widest bucket of any answer here.
    pub width: u32,
    /// The answers of the grain that counts.
    pub counts: Vec<&'a Standing>,
    /// The answers of other grains, shown as checks.
    pub checks: Vec<&'a Standing>,
}

/// Chooses a grain for each span. `settling` is how long after a bucket's end a metric still
/// changes, in milliseconds. Gauges are no part of it: they have no width.
pub fn spans<'a>(standing: impl IntoIterator<Item = &'a Standing>, settling: &dyn Fn(&str) -> i64) -> Vec<Span<'a>> {
    let mut series: BTreeMap<(&Name, &Name), Vec<&Standing>> = BTreeMap::new();
    for one in standing {
        let key = &one.answer.key;
        if !key.bucket.is_gauge() {
            series.entry((&key.account, &key.metric)).or_default().push(one);
        }
    }
    let mut out = Vec::new();
    for ((account, metric), mut answers) in series {
        // Widest first: an answer joins the span of the widest bucket that begins over it.
        answers.sort_by(|a, b| {
            b.answer.key.bucket.width.cmp(&a.answer.key.bucket.width).then_with(|| a.answer.key.cmp(&b.answer.key))
        });
        let mut open: BTreeMap<(u32, i64), Vec<&Standing>> = BTreeMap::new();
        let mut widths: Vec<u32> = Vec::new();
        for one in answers {
            let bucket = one.answer.key.bucket;
            let index = |w: u32| bucket.start.0.div_euclid(i64::from(w) * 1000);
            let wider = widths.iter().copied().find(|w| open.contains_key(&(*w, index(*w))));
            let width = wider.unwrap_or(bucket.width);
            if !widths.contains(&width) {
                widths.push(width);
            }
            open.entry((width, index(width))).or_default().push(one);
        }
        for ((width, index), members) in open {
            let start = UtcMillis(index.saturating_mul(i64::from(width) * 1000));
            out.push(choose(account, metric, start, width, members, settling(metric)));
        }
    }
    out
}

fn choose<'a>(
    account: &'a Name,
    metric: &'a Name,
    start: UtcMillis,
    width: u32,
    members: Vec<&'a Standing>,
    settling: i64,
) -> Span<'a> {
    let mut grains: BTreeMap<Grain, Vec<&Standing>> = BTreeMap::new();
    for one in members {
        let mut names = one.answer.key.dimensions.clone();
        names.sort();
        grains.entry((one.answer.key.bucket.width, names)).or_default().push(one);
    }
    let best = grains
        .iter()
        .max_by_key(|((width, dimensions), list)| {
            let settled: i64 = list.iter().map(|s| settled_ms(s, settling)).sum();
            let seen: i64 = list.iter().map(|s| seen_ms(s)).sum();
            (settled, seen, std::cmp::Reverse(*width), dimensions.len(), dimensions.clone())
        })
        .map(|(grain, _)| grain.clone());
    let mut span = Span { account, metric, start, width, counts: Vec::new(), checks: Vec::new() };
    for (grain, list) in grains {
        if Some(&grain) == best.as_ref() { span.counts = list } else { span.checks.extend(list) }
    }
    span
}

/// The bucket's length if it was observed when it no longer changed, else 0.
fn settled_ms(one: &Standing, settling: i64) -> i64 {
    let bucket = one.answer.key.bucket;
    if one.seen.1.0 >= bucket.end().0.saturating_add(settling) { bucket.end().0 - bucket.start.0 } else { 0 }
}

/// How much of the bucket had passed when it was observed.
fn seen_ms(one: &Standing) -> i64 {
    let bucket = one.answer.key.bucket;
    (one.seen.1.min(bucket.end()).0 - bucket.start.0).max(0)
}
