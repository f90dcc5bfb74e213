//! Which buckets a query reaches, and which of them a page shows.

use crate::time::floor;

/// A bucket's time: from its start to before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub start: i64,
    pub end: i64,
}

/// Buckets of one page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spans {
    pub shown: Vec<Span>,
    /// Where the next page begins, if there is one.
    pub next: Option<i64>,
}

/// The buckets of a grid that begin before `until`, from the one that `from` lies in, `most` of them.
pub(crate) fn spans(from: i64, until: i64, step: i64, most: u64) -> Spans {
    let mut start = floor(from, step);
    let mut shown = Vec::new();
    while start < until && (shown.len() as u64) < most {
        shown.push(Span { start, end: start + step });
        start += step;
    }
    Spans { shown, next: (start < until).then_some(start) }
}

impl Span {
    /// The part of it that lies within a query.
    pub(crate) fn within(self, from: i64, until: i64) -> Self {
        Self { start: self.start.max(from), end: self.end.min(until) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_on_each_other_without_a_gap() {
        let first = spans(15, 61, 10, 3);
        assert_eq!(first.shown.iter().map(|s| s.start).collect::<Vec<_>>(), [10, 20, 30]);
        let second = spans(first.next.expect("more"), 61, 10, 3);
        assert_eq!(second.shown.iter().map(|s| s.start).collect::<Vec<_>>(), [40, 50, 60]);
        assert_eq!(second.next, None);
        assert_eq!(spans(70, 61, 10, 3), Spans { shown: vec![], next: None });
    }
}
