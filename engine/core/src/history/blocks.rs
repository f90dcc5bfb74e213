//! Blocks of five hours, as ccusage has them: for whoever is used to them, and for windows that no provider tells.
//!
//! A block begins with the hour (UTC) of its first call and lasts five hours. A call later than that, or more than five hours
//! behind the one before, begins the next; where it was more than five hours, a *gap* lies between, which begins five hours behind
//! the last call and ends with the next. Moments are exact: a call at the very end of a block is still in it.

use crate::name::Name;
use crate::time::UtcMillis;
use crate::units::{PicoUsd, Tokens};

/// How long a block is, unless somebody wants it otherwise: five hours.
pub const LENGTH_MS: i64 = 5 * HOUR_MS;

const HOUR_MS: i64 = 3_600_000;
const MINUTE_MS: i64 = 60_000;

/// A call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// When it ended.
    pub at: UtcMillis,
    /// Its model, as reports name it.
    pub model: Name,
    /// What was used.
    pub tokens: Tokens,
    /// What it cost, where that is known.
    pub cost: Option<PicoUsd>,
}

/// A block, or a gap between two.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Block {
    /// When it begins.
    pub start: UtcMillis,
    /// When it ends.
    pub end: UtcMillis,
    /// Its first and its last call; `None` of a gap.
    pub calls_at: Option<(UtcMillis, UtcMillis)>,
    /// How many calls.
    pub calls: u64,
    /// What was used.
    pub tokens: Tokens,
    /// What it cost, as far as that is known.
    pub cost: PicoUsd,
    /// Calls without a known price.
    pub unpriced_calls: u64,
    /// Models, in the order in which they were used first.
    pub models: Vec<Name>,
}

/// How fast a block is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Burn {
    /// Tokens in a minute, in thousandths.
    pub milli_tokens_per_minute: u64,
    /// The same without what went to and came from caches.
    pub milli_uncached_per_minute: u64,
    /// Dollars in an hour.
    pub cost_per_hour: PicoUsd,
}

/// Where a block ends that is used on like this.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Projection {
    /// Tokens.
    pub tokens: u64,
    /// Dollars.
    pub cost: PicoUsd,
    /// Minutes to its end.
    pub minutes: u64,
}

/// The blocks of all calls, and the gaps between them, by time.
pub fn blocks(mut entries: Vec<Entry>, length_ms: i64) -> Vec<Block> {
    entries.sort_by(|a, b| (a.at, &a.model, a.tokens).cmp(&(b.at, &b.model, b.tokens)));
    let mut blocks: Vec<Block> = Vec::new();
    for entry in entries {
        let last = blocks.last().and_then(|block| Some((block.start, block.calls_at?.1)));
        let since = |at: UtcMillis| entry.at.0.saturating_sub(at.0);
        let joins = last.is_some_and(|(start, last)| since(start) <= length_ms && since(last) <= length_ms);
        if !joins {
            if let Some((_, last)) = last.filter(|(_, last)| since(*last) > length_ms) {
                let start = UtcMillis(last.0.saturating_add(length_ms));
                blocks.push(Block { start, end: entry.at, ..Block::default() });
            }
            let start = UtcMillis(entry.at.0.saturating_sub(entry.at.0.rem_euclid(HOUR_MS)));
            let end = UtcMillis(start.0.saturating_add(length_ms));
            blocks.push(Block { start, end, ..Block::default() });
        }
        if let Some(block) = blocks.last_mut() {
            block.take(entry);
        }
    }
    blocks
}

impl Block {
    fn take(&mut self, entry: Entry) {
        self.calls_at = Some((self.calls_at.map_or(entry.at, |(first, _)| first), entry.at));
        self.calls += 1;
        self.tokens += entry.tokens;
        match entry.cost {
            Some(cost) => self.cost += cost,
            None => self.unpriced_calls += 1,
        }
        if !self.models.contains(&entry.model) {
            self.models.push(entry.model);
        }
    }

    /// Whether nothing was used in it.
    pub fn is_gap(&self) -> bool {
        self.calls_at.is_none()
    }

    /// How long it is, in milliseconds.
    fn length(&self) -> i64 {
        self.end.0.saturating_sub(self.start.0)
    }

    /// Whether it runs.
    pub fn is_active(&self, now: UtcMillis) -> bool {
        self.calls_at.is_some_and(|(_, last)| now.0.saturating_sub(last.0) < self.length() && now < self.end)
    }

    /// How fast it was used, from its first call to its last; `None` of a single moment.
    pub fn burn(&self) -> Option<Burn> {
        let (first, last) = self.calls_at?;
        let ms = u128::try_from(last.0.saturating_sub(first.0)).ok().filter(|ms| *ms > 0)?;
        let per_minute = |tokens: u64| {
            u64::try_from((u128::from(tokens) * MINUTE_MS.unsigned_abs() as u128 * 1000 + ms / 2) / ms)
                .unwrap_or(u64::MAX)
        };
        let ms = i128::try_from(ms).ok()?;
        Some(Burn {
            milli_tokens_per_minute: per_minute(self.tokens.total()),
            milli_uncached_per_minute: per_minute(self.tokens.input.saturating_add(self.tokens.output)),
            cost_per_hour: PicoUsd(self.cost.0.saturating_mul(i128::from(HOUR_MS)) / ms),
        })
    }

    /// What it comes to at its end, used on as fast, counted in whole minutes; `None` unless it runs.
    pub fn projection(&self, now: UtcMillis) -> Option<Projection> {
        self.burn().filter(|_| self.is_active(now))?;
        let (first, last) = self.calls_at?;
        let ms = last.0.saturating_sub(first.0).unsigned_abs();
        let left = self.end.0.saturating_sub(now.0).unsigned_abs();
        let minutes = left.saturating_add(30_000) / 60_000;
        let grown = u128::from(minutes) * 60_000;
        let (total, over) = (u128::from(self.tokens.total()), u128::from(ms));
        let tokens = total + (total * grown + over / 2) / over;
        let cost = self.cost.0.saturating_mul(i128::try_from(grown).ok()?) / i128::from(ms);
        Some(Projection {
            tokens: u64::try_from(tokens).unwrap_or(u64::MAX),
            cost: PicoUsd(self.cost.0.saturating_add(cost)),
            minutes,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const START: i64 = 1_763_596_800_000;

    /// So many milliseconds after an hour, so many tokens.
    fn entry(ms: i64, tokens: u64, model: &str) -> Entry {
        let tokens = Tokens { output: tokens, cache_read: tokens, ..Tokens::default() };
        Entry { at: UtcMillis(START + ms), model: model.into(), tokens, cost: Some(PicoUsd(PicoUsd::DOLLAR)) }
    }

    /// Start, end, calls; relative to the hour, in milliseconds.
    fn shape(entries: Vec<Entry>) -> Vec<(i64, i64, u64)> {
        blocks(entries, LENGTH_MS).iter().map(|b| (b.start.0 - START, b.end.0 - START, b.calls)).collect()
    }

    #[test]
    fn blocks_begin_with_the_hour_and_gaps_lie_between() {
        const H: i64 = HOUR_MS;
        let at = |list: &[i64]| list.iter().map(|ms| entry(*ms, 1, "m")).collect::<Vec<_>>();
        assert_eq!(shape(at(&[])), []);
        assert_eq!(shape(at(&[5 * H, 1])), [(0, 5 * H, 2)], "the very end is in it, and order does not matter");
        assert_eq!(shape(at(&[1, 5 * H, 5 * H + 1])), [(0, 5 * H, 2), (5 * H, 10 * H, 1)]);
        // Exactly five hours of nothing are no gap.
        assert_eq!(shape(at(&[H + 1, 6 * H + 1])), [(H, 6 * H, 1), (6 * H, 11 * H, 1)]);
        let found = [(H, 6 * H, 1), (6 * H + 1, 6 * H + 2, 0), (6 * H, 11 * H, 1)];
        assert_eq!(shape(at(&[H + 1, 6 * H + 2])), found);
        assert_eq!(shape(at(&[-1])), [(-H, 4 * H, 1)]);
    }

    #[test]
    fn it_burns_and_is_projected() {
        let all = vec![entry(600_000, 100, "a"), entry(3_000_000, 200, "b"), entry(1_800_000, 0, "a")];
        let found = blocks(all, LENGTH_MS);
        let block = &found[0];
        assert_eq!((block.models.iter().map(|m| &**m).collect::<Vec<_>>(), block.calls), (vec!["a", "b"], 3));
        let burn = block.burn().unwrap();
        assert_eq!((burn.milli_tokens_per_minute, burn.milli_uncached_per_minute), (15_000, 7_500));
        assert_eq!(burn.cost_per_hour, PicoUsd(4_500_000_000_000));
        let now = |ms: i64| UtcMillis(START + ms);
        // 240 minutes and 29 seconds left.
        let ends = block.projection(now(HOUR_MS - 29_000)).unwrap();
        assert_eq!((ends.minutes, ends.tokens, ends.cost), (240, 600 + 240 * 15, PicoUsd(21 * PicoUsd::DOLLAR)));
        assert_eq!(block.projection(now(HOUR_MS - 30_000)).unwrap().minutes, 241);
        assert!(block.is_active(now(5 * HOUR_MS - 1)) && !block.is_active(now(5 * HOUR_MS)));
        assert_eq!(block.projection(now(5 * HOUR_MS)), None);
        assert_eq!(blocks(vec![entry(1, 1, "a")], LENGTH_MS)[0].burn(), None, "a single call says nothing of time");
    }
}
