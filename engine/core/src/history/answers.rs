//! Which of a provider's answers counts.
//!
//! Of answers with one key the one observed last stands, whole. Of standing answers that say the
//! same at different grains (by the minute and by the day; by model, and by model and key) one
//! grain counts over each span, so that no call is added twice; the others are checks.

use std::collections::{BTreeMap, HashSet};

use crate::event::{Answer, AnswerKey, Bucket, Clock, Unchanged};
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

/// The answers that stand, by key; and the notes that are of no answer that is held ([`Unchanged::is_of`]), which count as nothing.
pub fn standing(
    answers: impl IntoIterator<Item = Answer>,
    notes: impl IntoIterator<Item = Unchanged>,
) -> (BTreeMap<AnswerKey, Standing>, Vec<Unchanged>) {
    let mut all: Vec<Standing> =
        answers.into_iter().map(|answer| Standing { seen: (answer.clock, answer.observed), answer }).collect();
    all.sort_by(|a, b| a.answer.key.cmp(&b.answer.key));
    // A key's hashes are only looked at where there is a note about it: most keys have none.
    let notes: Vec<Unchanged> = notes.into_iter().collect();
    let mut noted: BTreeMap<&AnswerKey, Vec<usize>> = BTreeMap::new();
    for (n, note) in notes.iter().enumerate() {
        noted.entry(&note.key).or_default().push(n);
    }
    let mut is_held = vec![false; notes.len()];
    let mut stands: Vec<(AnswerKey, Standing)> = Vec::with_capacity(all.len());
    for mut one in all {
        // Equal answers are raised alike, whichever of them goes before.
        for n in noted.get(&one.answer.key).into_iter().flatten() {
            if let (Some(note), Some(held)) = (notes.get(*n), is_held.get_mut(*n))
                && note.is_of(&one.answer)
            {
                *held = true;
                one.seen.1 = one.seen.1.max(note.seen);
            }
        }
        match stands.last_mut().filter(|(key, _)| *key == one.answer.key) {
            Some((_, stands)) if !one.goes_before(stands) => {}
            Some((_, stands)) => *stands = one,
            None => stands.push((one.answer.key.clone(), one)),
        }
    }
    let orphans = notes.iter().zip(is_held).filter(|(_, is_held)| !is_held).map(|(note, _)| note.clone()).collect();
    (stands.into_iter().collect(), orphans)
}

/// How long after a bucket's end a metric still changes, in milliseconds. Usage is there within minutes, and late requests are
/// added within the hour; what a provider bills by UTC day is put right until the day after.
pub fn settling_ms(metric: &str) -> i64 {
    const HOUR: i64 = 3_600_000;
    match metric.split('.').next() {
        Some("costs" | "activity") => 48 * HOUR,
        _ => HOUR,
    }
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
        let mut open: HashSet<(u32, i64)> = HashSet::new();
        let mut widths: Vec<u32> = Vec::new();
        let mut placed: Vec<((u32, i64), &Standing)> = Vec::with_capacity(answers.len());
        for one in answers {
            let bucket = one.answer.key.bucket;
            let index = |w: u32| bucket.start.0.div_euclid(i64::from(w) * 1000);
            let wider = widths.iter().copied().find(|w| *w == bucket.width || open.contains(&(*w, index(*w))));
            let width = wider.unwrap_or(bucket.width);
            let place = (width, index(width));
            if !widths.contains(&width) {
                widths.push(width);
            }
            open.insert(place);
            placed.push((place, one));
        }
        placed.sort_by_key(|(place, _)| *place);
        for members in placed.chunk_by(|a, b| a.0 == b.0) {
            let Some(((width, index), _)) = members.first().copied() else { continue };
            let start = UtcMillis(index.saturating_mul(i64::from(width) * 1000));
            let members = members.iter().map(|(_, one)| *one).collect();
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
    if let [_] = members[..] {
        return Span { account, metric, start, width, counts: members, checks: Vec::new() };
    }
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

/// Whether a bucket no longer changed when it was seen.
pub(crate) fn is_settled(bucket: Bucket, seen: UtcMillis, settling: i64) -> bool {
    seen.0 >= bucket.end().0.saturating_add(settling)
}

/// The bucket's length if it was observed when it no longer changed, else 0.
fn settled_ms(one: &Standing, settling: i64) -> i64 {
    let bucket = one.answer.key.bucket;
    if is_settled(bucket, one.seen.1, settling) { bucket.end().0 - bucket.start.0 } else { 0 }
}

/// How much of the bucket had passed when it was observed.
fn seen_ms(one: &Standing) -> i64 {
    let bucket = one.answer.key.bucket;
    (one.seen.1.min(bucket.end()).0 - bucket.start.0).max(0)
}
