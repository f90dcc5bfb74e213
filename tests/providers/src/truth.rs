//! What was really used, and sums of it at any instant.

mod axis;
mod call;
mod plan;
mod price;

pub use axis::{Axis, Group};
pub use call::{Call, Context, Kind, Part, Sum, Tokens};
pub use plan::Plan;

use std::collections::BTreeMap;

/// Every call that a provider knows of, by time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    calls: Vec<Call>,
}

impl Truth {
    /// A truth with these calls.
    pub fn of(mut calls: Vec<Call>) -> Self {
        calls.sort_by_key(|call| call.at);
        Self { calls }
    }

    /// What a plan makes of its seed: the same on every machine.
    pub fn generate(plan: &Plan) -> Self {
        Self::of(plan.calls())
    }

    /// The calls, by time.
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// The part that `keep` holds for.
    #[must_use]
    pub fn only(&self, keep: impl Fn(&Call) -> bool) -> Self {
        Self { calls: self.calls.iter().filter(|call| keep(call)).cloned().collect() }
    }

    /// The same and some more.
    #[must_use]
    pub fn with(mut self, more: impl IntoIterator<Item = Call>) -> Self {
        self.calls.extend(more);
        Self::of(self.calls)
    }

    /// What a provider knows at `now` of the calls from `from` to before `to`, by some axes, in their order.
    pub fn usage(&self, now: i64, from: i64, to: i64, axes: &[Axis]) -> BTreeMap<Group, Sum> {
        let mut sums: BTreeMap<Group, Sum> = BTreeMap::new();
        for call in self.calls.iter().filter(|call| call.is_known(now) && from <= call.at && call.at < to) {
            sums.entry(axes.iter().map(|axis| axis.of(call, now)).collect()).or_default().add(call);
        }
        sums
    }

    /// What a provider charges at `now` for them, in pico-dollars. [`Axis::Part`] splits calls into their parts.
    pub fn costs(&self, now: i64, from: i64, to: i64, axes: &[Axis]) -> BTreeMap<Group, i128> {
        let mut sums: BTreeMap<Group, i128> = BTreeMap::new();
        for call in self.calls.iter().filter(|call| call.is_known(now) && from <= call.at && call.at < to) {
            for (part, cost, _) in call.parts() {
                let name = |axis: &Axis| match axis {
                    Axis::Part => Some(part.name().to_owned()),
                    axis => axis.of(call, now),
                };
                *sums.entry(axes.iter().map(name).collect()).or_default() += cost;
            }
        }
        sums
    }

    /// What is known at `now` of the calls from `from` to before `to`: what servers sum up.
    pub(crate) fn known(&self, now: i64, from: i64, to: i64) -> impl Iterator<Item = &Call> {
        let first = self.calls.partition_point(|call| call.at < from);
        let last = self.calls.partition_point(|call| call.at < to);
        self.calls.get(first..last).unwrap_or(&[]).iter().filter(move |call| call.is_known(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Provider;
    use crate::time::DAY;

    const START: i64 = 1_788_220_800_000;

    #[test]
    fn a_seed_says_it_all() {
        let of = |seed| Truth::generate(&Plan::of(Provider::Anthropic, seed, START, 2));
        assert_eq!(of(3), of(3));
        assert_ne!(of(3), of(4));
        assert!(of(3).calls().len() > 100);
        assert!(of(3).calls().iter().all(|call| (START..START + 2 * DAY).contains(&call.at)));
    }

    #[test]
    fn every_grouping_has_the_same_total() {
        let truth = Truth::generate(&Plan::of(Provider::OpenAi, 1, START, 3));
        let (now, to) = (START + 9 * DAY, START + 3 * DAY);
        let whole = truth.costs(now, START, to, &[]);
        let total: i128 = whole.values().sum();
        assert_eq!(total, truth.calls().iter().map(|call| call.cost).sum::<i128>());
        for axes in [&[Axis::Model][..], &[Axis::Part, Axis::Key], &[Axis::Project, Axis::Batch, Axis::Tier]] {
            assert_eq!(truth.costs(now, START, to, axes).values().sum::<i128>(), total);
            let calls: u64 = truth.usage(now, START, to, axes).values().map(|sum| sum.calls).sum();
            assert_eq!(calls, truth.calls().len() as u64);
        }
    }

    #[test]
    fn a_call_shows_from_the_instant_on_that_it_is_known() {
        let late = Call { visible_from: START + 50, moved: Some((START + 90, "new".into())), ..Call::at(START + 10) };
        let truth = Truth::of(vec![Call { model: "old".into(), ..late }]);
        let models = |now| truth.usage(now, START, START + 20, &[Axis::Model]).into_keys().collect::<Vec<_>>();
        assert!(models(START + 49).is_empty());
        assert_eq!(models(START + 50), [[Some("old".to_owned())]]);
        assert_eq!(models(START + 90), [[Some("new".to_owned())]]);
    }
}
