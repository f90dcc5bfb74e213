use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{copy, sidechain};
use crate::event::{MessageId, Quality, RequestId, Tier};
use crate::history::{Copy, DayCells, standing};
use crate::ids::DeviceId;
use crate::units::PicoUsd;

/// What stands, as a sorted list of (message, request, output).
fn stands(copies: &[Copy]) -> Vec<(u8, u8, u64)> {
    let set: BTreeSet<_> = standing(copies)
        .into_iter()
        .map(|c| (c.record.message.0[0], c.record.request.0[0], c.record.tokens.output))
        .collect();
    assert_eq!(set.len(), standing(copies).len(), "no copy stands twice");
    set.into_iter().collect()
}

#[test]
fn a_streamed_message_counts_once_with_its_largest_total() {
    assert_eq!(stands(&[copy(1, 1, 5, 0), copy(1, 1, 90, 1), copy(1, 1, 40, 2)]), [(1, 1, 90)]);
}

#[test]
fn of_equal_totals_the_earliest_stands() {
    let copies = [copy(1, 1, 9, 7), copy(1, 1, 9, 3)];
    assert_eq!(standing(&copies)[0].record.time, copies[1].record.time);
}

#[test]
fn main_copies_under_two_requests_are_two_calls() {
    assert_eq!(stands(&[copy(1, 1, 5, 0), copy(1, 2, 6, 0)]), [(1, 1, 5), (1, 2, 6)]);
}

#[test]
fn a_sidechain_copy_drops_beside_a_smaller_main_copy() {
    assert_eq!(stands(&[sidechain(copy(1, 2, 900, 0)), copy(1, 1, 5, 1)]), [(1, 1, 5)]);
    assert_eq!(stands(&[copy(1, 1, 5, 1), copy(1, 3, 7, 1), sidechain(copy(1, 2, 900, 0))]), [(1, 1, 5), (1, 3, 7)]);
}

#[test]
fn of_sidechain_copies_alone_the_largest_stands() {
    assert_eq!(stands(&[sidechain(copy(1, 1, 5, 0)), sidechain(copy(1, 2, 8, 1))]), [(1, 2, 8)]);
}

#[test]
fn a_copied_log_counts_once_and_on_the_same_device_everywhere() {
    let here = copy(1, 1, 5, 0);
    let mut there = here.clone();
    there.device = DeviceId([9; 16]);
    assert_eq!(standing(&[there.clone(), here.clone()]), [&here]);
    assert_eq!(standing(&[here.clone(), there]), [&here]);
}

/// A device that opted in later, or an older one, hides no project, and a project makes no second call.
#[test]
fn a_copy_that_knows_its_project_goes_before_one_that_does_not() {
    let of = |project: Option<u8>, device: u8| {
        let mut copy = copy(1, 1, 9, 0);
        copy.record.project = project.map(|n| [n; 8]);
        copy.device = DeviceId([device; 16]);
        copy
    };
    let (none, one, two) = (of(None, 1), of(Some(1), 2), of(Some(2), 0));
    assert_eq!(standing(&[none.clone(), one.clone()]), [&one]);
    assert_eq!(standing(&[one.clone(), none.clone()]), [&one]);
    assert_eq!(standing(&[two, none, one.clone()]), [&one]);
}

/// Of two copies that differ in anything at all the same one stands, whichever comes first: two machines that hold
/// both show the same figure.
#[test]
fn every_field_breaks_a_tie() {
    let other = |change: &dyn Fn(&mut Copy)| {
        let mut other = copy(1, 1, 9, 0);
        change(&mut other);
        other
    };
    let others = [
        other(&|c| c.record.time.0 += 1),
        other(&|c| c.record.tokens.reasoning = 1),
        other(&|c| c.record.model = "zz".into()),
        other(&|c| c.record.session = "zz".into()),
        other(&|c| c.record.tier = Tier::Fast),
        other(&|c| c.record.quality = Quality::Understated),
        other(&|c| c.record.web_searches = 1),
        other(&|c| c.record.stated_cost = Some(PicoUsd(1))),
        other(&|c| c.record.payer = Some("zz".into())),
        other(&|c| c.record.project = Some([1; 8])),
        other(&|c| c.record.source = "zz".into()),
        other(&|c| c.device = DeviceId([9; 16])),
    ];
    for other in others {
        let one = copy(1, 1, 9, 0);
        assert_ne!(one, other);
        assert_eq!(standing(&[one.clone(), other.clone()]), standing(&[other.clone(), one]), "{other:?}");
        // Sidechain copies alone: their requests break a tie too.
        let (one, mut two) = (sidechain(copy(1, 1, 9, 0)), sidechain(other));
        two.record.request = RequestId([2; 2]);
        assert_eq!(standing(&[one.clone(), two.clone()]), standing(&[two, one]));
    }
    let (one, two) = (sidechain(copy(1, 1, 9, 0)), sidechain(copy(1, 2, 9, 0)));
    assert_eq!(standing(&[one.clone(), two.clone()]), standing(&[two, one]));
}

/// A folder's calls are read again once somebody has said who pays for that folder: the copies that know it stand.
#[test]
fn a_copy_that_says_more_stands() {
    for change in [(&|c: &mut Copy| c.record.payer = Some("root:1".into())) as &dyn Fn(&mut Copy), &|c: &mut Copy| {
        c.record.project = Some([1; 8])
    }] {
        let (bare, mut says) = (copy(1, 1, 9, 0), copy(1, 1, 9, 0));
        change(&mut says);
        assert_eq!(standing(&[bare.clone(), says.clone()]), [&says]);
        assert_eq!(standing(&[says.clone(), bare]), [&says]);
    }
}

fn any_copy() -> impl Strategy<Value = Copy> {
    let projects = proptest::option::of(0u8..2);
    let all = (0u8..4, 0u8..3, 0u64..4, 0i64..4000, any::<bool>(), 0u8..3, projects);
    all.prop_map(|(m, r, output, at, side, device, project)| {
        let mut c = copy(m, r, output, at);
        c.record.project = project.map(|n| [n; 8]);
        c.record.sidechain = side;
        c.device = DeviceId([device; 16]);
        c
    })
}

/// Each call of a day its own session, more than a batch could hold.
#[test]
fn a_day_may_have_any_number_of_cells() {
    let copies: Vec<Copy> = (0..70_000_u32)
        .map(|n| {
            let mut copy = copy(1, 1, 5, 0);
            copy.record.message = MessageId(u64::from(n).to_be_bytes());
            copy.record.session = format!("session {n}").as_str().into();
            copy
        })
        .collect();
    let day = copies[0].record.time.day();
    let cells = DayCells::fold(day, &copies);
    assert_eq!(cells.cells.len(), 70_000);
    assert_eq!(DayCells::decode(day, &cells.encode()).unwrap(), cells);
}

proptest! {
    /// Any order and any repetition of the copies give the same.
    #[test]
    fn what_stands_is_a_function_of_the_set(
        copies in proptest::collection::vec(any_copy(), 0..30),
        again in proptest::collection::vec(any::<prop::sample::Index>(), 0..10),
        seed in any::<u64>(),
    ) {
        let before: BTreeSet<_> = standing(&copies).into_iter().map(|c| format!("{c:?}")).collect();
        let mut shuffled = copies.clone();
        if !copies.is_empty() {
            shuffled.extend(again.iter().map(|i| i.get(&copies).clone()));
            let n = shuffled.len();
            shuffled.rotate_left(seed as usize % n);
            shuffled.reverse();
        }
        let after: BTreeSet<_> = standing(&shuffled).into_iter().map(|c| format!("{c:?}")).collect();
        prop_assert_eq!(before, after);
    }

    /// What stands of the whole is what stands of what stands of any two parts: halves merge.
    #[test]
    fn folding_parts_first_changes_nothing(
        left in proptest::collection::vec(any_copy(), 0..20),
        right in proptest::collection::vec(any_copy(), 0..20),
    ) {
        let text = |c: &[&Copy]| c.iter().map(|c| format!("{c:?}")).collect::<BTreeSet<_>>();
        let whole: Vec<Copy> = left.iter().chain(&right).cloned().collect();
        let parts: Vec<Copy> = standing(&left).into_iter().chain(standing(&right)).cloned().collect();
        prop_assert_eq!(text(&standing(&whole)), text(&standing(&parts)));
    }

    /// The days' cells, each folded with what the other days hold of its messages, sum to the whole.
    #[test]
    fn cells_of_days_sum_to_the_whole(copies in proptest::collection::vec(any_copy(), 0..40)) {
        let days: BTreeSet<_> = copies.iter().map(|c| c.record.time.day()).collect();
        let mut total = 0;
        for day in days {
            let cells = DayCells::fold(day, &copies);
            prop_assert_eq!(&DayCells::decode(day, &cells.encode()).unwrap(), &cells);
            total += cells.cells.iter().map(|(_, s)| s.tokens.output).sum::<u64>();
        }
        let whole: u64 = standing(&copies).iter().map(|c| c.record.tokens.output).sum();
        prop_assert_eq!(total, whole);
    }
}
