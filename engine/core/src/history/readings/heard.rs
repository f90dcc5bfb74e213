//! That a provider said of an hour that nothing was used in it is something else than that it was never asked.

use crate::event::Bucket;
use crate::name::Name;
use crate::time::UtcMillis;

/// A part of time: its first millisecond, and the first one behind it.
pub type Span = (UtcMillis, UtcMillis);

/// Of which parts of a day an account's metric has been told, by the answers that count.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Heard {
    /// The account's provider id.
    pub account: Name,
    /// The metric.
    pub metric: Name,
    /// When the answer about the latest bucket was observed, or noted to hold still.
    pub newest: UtcMillis,
    /// Where it was observed when it no longer changed; ascending, and apart from each other.
    pub settled: Vec<Span>,
    /// The same by whole hours or wider buckets: where a day's quarters can't be told from each other.
    pub coarse: Vec<Span>,
}

/// What was heard so far of one series.
#[derive(Default)]
pub(super) struct HeardSum {
    /// The latest bucket's start, and when it was seen.
    newest: Option<(UtcMillis, UtcMillis)>,
    settled: Vec<Span>,
    coarse: Vec<Span>,
}

impl HeardSum {
    /// An answer that counts, last seen then.
    pub(super) fn hear(&mut self, bucket: Bucket, seen: UtcMillis, is_settled: bool) {
        self.newest = self.newest.max(Some((bucket.start, seen)));
        let span = (bucket.start, bucket.end());
        if is_settled {
            push(&mut self.settled, span);
        }
        if bucket.width > 900 {
            push(&mut self.coarse, span);
        }
    }

    pub(super) fn heard(self, account: Name, metric: Name) -> Option<Heard> {
        let (_, newest) = self.newest?;
        Some(Heard { account, metric, newest, settled: union(self.settled), coarse: union(self.coarse) })
    }
}

/// Answers come in the order of time, so that most of them go on where the one before ended.
fn push(spans: &mut Vec<Span>, span: Span) {
    match spans.last_mut() {
        Some(last) if last.1 == span.0 => last.1 = span.1,
        _ => spans.push(span),
    }
}

/// The same time in spans that don't touch, ascending.
pub fn union(mut spans: Vec<Span>) -> Vec<Span> {
    spans.retain(|(from, to)| from < to);
    spans.sort_unstable();
    let mut out: Vec<Span> = Vec::with_capacity(spans.len());
    for (from, to) in spans {
        match out.last_mut() {
            Some(last) if last.1 >= from => last.1 = last.1.max(to),
            _ => out.push((from, to)),
        }
    }
    out
}
