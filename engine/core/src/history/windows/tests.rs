#![allow(clippy::unwrap_used)]
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const HOUR: i64 = 3600;
/// A five-hour window begins at 0 here, and one a day before it.
const LENGTH: i64 = 5 * HOUR;
/// A dollar.
const DOLLAR: u64 = 1_000_000_000_000;
/// A percent.
const P: u64 = 10_000;

fn device(n: u8) -> DeviceId {
    DeviceId([n; 16])
}

fn sight(minute: i64, percent: u64) -> Sight {
    Sight { at: UtcMillis(minute * 60_000), used_ppm: percent * P, resets_at: LENGTH, length: LENGTH }
}

/// The same of the window of a day before.
fn yesterday(minute: i64, percent: u64) -> Sight {
    let now = sight(minute - 24 * 60, percent);
    Sight { resets_at: now.resets_at - 24 * HOUR, ..now }
}

fn call(minute: i64, n: u8, session: &str, dollars: u64) -> Call {
    Call { at: UtcMillis(minute * 60_000), device: device(n), session: session.into(), weight: dollars * DOLLAR }
}

fn nobody() -> Heard {
    Heard::new()
}

/// Of the last of the sights.
fn movement(sights: &[Sight], calls: &[Call], heard: &Heard) -> Movement {
    let movement = Movement::of(*sights.last().unwrap(), sights, calls, heard);
    assert_eq!(sum(&movement), movement.moved);
    movement
}

fn sum(movement: &Movement) -> u64 {
    movement.shares.values().sum::<u64>() + movement.unexplained + movement.pending
}

/// By device, in percent, and what is left.
fn percents(movement: &Movement) -> (Vec<(u8, u64)>, u64, u64) {
    let devices = movement.devices().into_iter().map(|(device, share)| (device.0[0], share / P)).collect();
    (devices, movement.unexplained / P, movement.pending / P)
}

#[test]
fn calls_share_what_moved_between_two_sights() {
    let calls = [call(10, 1, "a", 3), call(20, 2, "b", 1), call(40, 2, "c", 5), call(400, 1, "a", 100)];
    let found = movement(&[sight(30, 8), sight(60, 20)], &calls, &nobody());
    assert_eq!((found.since, found.moved), (UtcMillis(0), 20 * P));
    assert_eq!(percents(&found), (vec![(1, 6), (2, 14)], 0, 0));
    assert_eq!(found.shares[&(device(2), "b".into())], 2 * P);
    assert_eq!(found.shares[&(device(2), "c".into())], 12 * P);
    assert_eq!(found.rate, None, "too little is known");
}

#[test]
fn what_moves_without_a_call_is_not_explained() {
    let calls = [call(10, 1, "a", 1)];
    let sights = [sight(11, 5), sight(60, 5), sight(90, 12)];
    assert_eq!(percents(&movement(&sights, &calls, &nobody())), (vec![(1, 5)], 7, 0));
    // But for one percent, if it ended just before: the figure was that of its beginning.
    let late = [call(10, 1, "a", 1), call(58, 2, "b", 1)];
    assert_eq!(percents(&movement(&sights, &late, &nobody())), (vec![(1, 5), (2, 1)], 6, 0));
    // Of the window before is no call of this one.
    assert_eq!(percents(&movement(&[sight(1, 4)], &[call(0, 1, "a", 1)], &nobody())), (vec![], 4, 0));
}

#[test]
fn it_is_pending_until_every_device_was_heard() {
    let sights = [sight(11, 5), sight(90, 12), sight(120, 20)];
    let mut calls = vec![call(5, 1, "a", 1)];
    let heard = |at: Option<i64>| {
        Heard::from([(device(3), at.map(|m| UtcMillis(m * 60_000))), (device(2), Some(UtcMillis(i64::MAX)))])
    };
    let found = movement(&sights, &calls, &heard(Some(100)));
    assert_eq!(percents(&found), (vec![(1, 5)], 7, 8), "it was heard since the first of them");
    assert_eq!(found.waits_for, BTreeSet::from([device(3)]));
    assert_eq!(percents(&movement(&sights, &calls, &heard(None))), (vec![(1, 5)], 0, 15));
    // Its log arrives.
    calls.push(call(50, 3, "c", 1));
    let found = movement(&sights, &calls, &heard(Some(120)));
    assert_eq!((percents(&found), found.waits_for.len()), ((vec![(1, 5), (3, 7)], 8, 0), 0));
}

#[test]
fn what_others_use_beside_ones_own_calls_is_not_explained_once_it_is_known_what_is_usual() {
    // A percent a dollar, for an hour.
    let mut sights: Vec<Sight> = (1..=12).map(|n| sight(5 * n, 2 * n as u64)).collect();
    let mut calls: Vec<Call> = (1..=12).map(|n| call(5 * n, 1, "a", 2)).collect();
    sights.push(sight(65, 44));
    calls.push(call(65, 1, "a", 2));
    let found = movement(&sights, &calls, &nobody());
    assert_eq!(found.rate.unwrap().per_dollar(), P);
    assert_eq!(percents(&found), (vec![(1, 27)], 17, 0), "20 moved, of which 2 are usual and 1 may have been late");
    // Twice as much is believed: a window need not weigh models as prices do.
    let found = movement(&[&sights[..12], &[sight(65, 29)]].concat(), &calls, &nobody());
    assert_eq!(percents(&found), (vec![(1, 29)], 0, 0));
}

#[test]
fn what_is_usual_is_learnt_from_windows_before() {
    let mut sights: Vec<Sight> = (1..=6).map(|n| yesterday(10 * n, n as u64)).collect();
    let mut calls: Vec<Call> = (1..=6).map(|n| call(10 * n - 24 * 60, 2, "old", 1)).collect();
    sights.push(sight(10, 30));
    calls.push(call(10, 1, "a", 4));
    let found = movement(&sights, &calls, &nobody());
    assert_eq!(percents(&found), (vec![(1, 5)], 25, 0));
    assert_eq!(percents(&movement(&sights[2..], &calls, &nobody())).1, 25, "four spans of then, and this one");
    assert_eq!(percents(&movement(&sights[4..], &calls, &nobody())), (vec![(1, 30)], 0, 0), "too little is known");
}

#[test]
fn an_older_figure_that_is_told_late_moves_nothing() {
    let calls = [call(10, 1, "a", 1), call(50, 2, "b", 1)];
    let sights = [sight(11, 40), sight(30, 10), sight(60, 45)];
    assert_eq!(percents(&movement(&sights, &calls, &nobody())), (vec![(1, 40), (2, 5)], 0, 0));
    // And what a provider takes back nobody has used.
    let sights = [sight(11, 40), sight(60, 15)];
    assert_eq!(percents(&movement(&sights, &calls, &nobody())), (vec![(1, 15)], 0, 0));
}

#[test]
fn tokens_without_a_price_weigh_something() {
    let tokens = Tokens { input: 1, output: 1, reasoning: 1, cache_write_5m: 1, cache_write_1h: 1, cache_read: 10 };
    assert_eq!(weight_of(&tokens), 3_000_000 + 15_000_000 + 3_750_000 + 6_000_000 + 3_000_000);
    assert_eq!(weight_of(&Tokens { output: u64::MAX, ..tokens }), u64::MAX);
    let free = [call(10, 1, "a", 0), call(11, 2, "b", 0)];
    assert_eq!(percents(&movement(&[sight(30, 8)], &free, &nobody())), (vec![(1, 4), (2, 4)], 0, 0));
}

/// Sights and calls of two days, of few and of many.
fn world() -> impl Strategy<Value = (Vec<Sight>, Vec<Call>, Heard)> {
    let sights = vec((any::<bool>(), 0..300_i64, 0..1_200_000_u64, -900..900_i64), 1..40).prop_map(|all| {
        let one = |(today, minute, used_ppm, jitter): (bool, i64, u64, i64)| {
            let sight = if today { sight(minute, 0) } else { yesterday(minute, 0) };
            Sight { used_ppm, resets_at: sight.resets_at + jitter, ..sight }
        };
        all.into_iter().map(one).collect::<Vec<_>>()
    });
    let weight = prop_oneof![Just(0), 1..1000_u64, DOLLAR..50 * DOLLAR, Just(u64::MAX)];
    let calls = vec((-1500..310_i64, 1..5_u8, 0..3_u8, weight), 0..80).prop_map(|all| {
        let one =
            |(minute, device, session, weight)| Call { weight, ..call(minute, device, &format!("s{session}"), 0) };
        all.into_iter().map(one).collect::<Vec<_>>()
    });
    let heard = prop::collection::btree_map(
        (5..8_u8).prop_map(device),
        prop::option::of((0..20_000_000_i64).prop_map(UtcMillis)),
        0..3,
    );
    (sights, calls, heard)
}

proptest! {
    #[test]
    fn the_parts_are_the_movement((sights, calls, heard) in world()) {
        let now = *sights.iter().max_by_key(|s| (s.at, s.used_ppm)).unwrap();
        let found = Movement::of(now, &sights, &calls, &heard);
        prop_assert_eq!(sum(&found), now.used_ppm);
        prop_assert_eq!(found.moved, now.used_ppm);
        prop_assert_eq!(found.pending > 0, !found.waits_for.is_empty());
        prop_assert_eq!(found.devices().values().sum::<u64>(), found.shares.values().sum::<u64>());
    }

    #[test]
    fn it_is_a_function_of_sets((sights, calls, heard) in world(), seed in any::<u64>()) {
        let now = *sights.iter().max_by_key(|s| (s.at, s.used_ppm)).unwrap();
        let found = Movement::of(now, &sights, &calls, &heard);
        let (mut other, mut turned) = (sights.clone(), calls.clone());
        other.extend(sights.iter().filter(|s| s.used_ppm % 3 == seed % 3));
        other.sort_by_key(|s| s.used_ppm.wrapping_mul(seed | 1));
        turned.sort_by_key(|c| (c.weight ^ seed, c.device, c.at));
        prop_assert_eq!(Movement::of(now, &other, &turned, &heard), found);
    }

    /// As long as nothing is usual yet: with it, calls that come in can show that others moved less than was believed.
    #[test]
    fn more_calls_leave_less_unexplained((sights, calls, heard) in world(), cut in 0..80_usize) {
        let now = *sights.iter().max_by_key(|s| (s.at, s.used_ppm)).unwrap();
        let mut sights = sights;
        sights.sort_unstable();
        let sights = &sights[sights.len().saturating_sub(4)..];
        let (less, more) = (&calls[..cut.min(calls.len())], &calls[..]);
        let rest = |calls: &[Call]| {
            let found = Movement::of(now, sights, calls, &heard);
            found.unexplained + found.pending
        };
        prop_assert!(rest(more) <= rest(less));
    }

    /// Whole percents, calls of any size, and nobody else: all of it is one's own.
    #[test]
    fn whoever_is_alone_is_told_of_nobody_else(cents in vec(1..300_u64, 30..200)) {
        let (mut used, mut sights, mut calls) = (0, Vec::new(), Vec::new());
        for (n, cents) in cents.iter().enumerate() {
            let at = UtcMillis(90_000 * (n as i64 + 1));
            // A third of a percent a dollar.
            used += cents * P / 300;
            calls.push(Call { at, weight: cents * DOLLAR / 100, ..call(0, 1, "a", 0) });
            sights.push(Sight { at, used_ppm: used / P * P, ..sight(0, 0) });
        }
        let found = movement(&sights, &calls, &nobody());
        prop_assert_eq!(found.unexplained, 0, "{:?}", found);
    }

    /// Somebody uses as much again as it takes to show, now and then: about that is not explained.
    #[test]
    fn what_a_stranger_uses_now_and_then_shows(cents in vec(50..300_u64, 40..120), bursts in vec(1..5_u64, 1..4)) {
        let (mut used, mut foreign, mut sights, mut calls) = (0, 0, Vec::new(), Vec::new());
        for (n, cents) in cents.iter().enumerate() {
            let at = UtcMillis(90_000 * (n as i64 + 1));
            used += cents * P / 300;
            if let Some(burst) = bursts.get(n / 10).filter(|_| n % 10 == 5) {
                foreign += burst * 5 * P;
            }
            calls.push(Call { at, weight: cents * DOLLAR / 100, ..call(0, 1 + (n % 2) as u8, "a", 0) });
            sights.push(Sight { at, used_ppm: (used + foreign) / P * P, ..sight(0, 0) });
        }
        let found = movement(&sights, &calls, &nobody());
        let off = found.unexplained.abs_diff(foreign);
        prop_assert!(off <= 2 * GRAIN * bursts.len() as u64 + GRAIN, "{} of {foreign}: {:?}", found.unexplained, found);
    }
}
