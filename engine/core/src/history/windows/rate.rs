//! How far calls move a window.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::sights::Step;
use super::{GRAIN, Who};

/// With less it would be a guess: so many spans, and so much movement in them.
const SPANS: usize = 5;
const MOVED: u64 = 5 * GRAIN;

/// How far calls usually move a window: as one span of its history did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// So many millionths
    pub moved: u64,
    /// for so many pico-dollars.
    pub weight: u128,
}

impl Rate {
    /// The median over spans that end with a rise, each weighed by its calls. Where a figure comes in whole percents a rise shows what
    /// was used since the one before it, so a span goes from rise to rise. One without calls says nothing.
    pub(super) fn of<'a>(steps: impl Iterator<Item = (&'a Step, BTreeMap<Who, u128>)>) -> Option<Self> {
        let (mut spans, mut weight) = (Vec::new(), 0_u128);
        for (step, who) in steps {
            if step.is_first {
                weight = 0;
            }
            weight = weight.saturating_add(who.values().sum());
            if step.moved > 0 {
                spans.extend((weight > 0).then_some(Self { moved: step.moved, weight }));
                weight = 0;
            }
        }
        let (moved, all) = spans
            .iter()
            .fold((0_u64, 0_u128), |(m, w), span| (m.saturating_add(span.moved), w.saturating_add(span.weight)));
        if spans.len() < SPANS || moved < MOVED {
            return None;
        }
        spans.sort_by(Self::compare);
        let mut below = 0_u128;
        spans.into_iter().find(|span| {
            below = below.saturating_add(span.weight);
            below >= all.div_ceil(2)
        })
    }

    /// By movement for the weight. Movements are below 2³⁰, and weights below 2⁹⁶: nothing overflows.
    fn compare(&self, other: &Self) -> Ordering {
        let cross = |a: &Self, b: &Self| u128::from(a.moved).saturating_mul(b.weight);
        cross(self, other).cmp(&cross(other, self)).then_with(|| self.weight.cmp(&other.weight))
    }

    /// How far calls of such a weight usually move the window.
    pub(super) fn moves(&self, weight: u128) -> u64 {
        let moved = u128::from(self.moved).saturating_mul(weight) / self.weight.max(1);
        u64::try_from(moved).unwrap_or(u64::MAX)
    }

    /// How many millionths a dollar moves it.
    pub fn per_dollar(&self) -> u64 {
        self.moves(crate::units::PicoUsd::DOLLAR.unsigned_abs())
    }
}
