use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::batch::Batch;
use crate::event::{Answer, AnswerKey, Bucket, Clock, Row, Unchanged};
use crate::history::Gauges;
use crate::history::answers::{Standing, spans, standing};
use crate::time::{UtcDay, UtcMillis};

const HOUR: i64 = 3_600_000;

/// An answer about the hour-aligned bucket at `start` hours, seen at `seen` hours.
fn answer(start: i64, width_h: u32, dimensions: &[&str], seen: i64, models: &[(&str, i128)]) -> Answer {
    Answer {
        key: AnswerKey {
            account: "org".into(),
            metric: "usage".into(),
            dimensions: dimensions.iter().map(|d| (*d).into()).collect(),
            bucket: Bucket { start: UtcMillis(start * HOUR), width: width_h * 3600 },
        },
        observed: UtcMillis(seen * HOUR),
        clock: Clock::Provider,
        rows: models
            .iter()
            .map(|(m, n)| Row {
                values: dimensions.iter().map(|_| (*m).into()).collect(),
                measures: [("input_tokens".into(), *n)].into(),
            })
            .collect(),
    }
}

fn total(list: &[&crate::history::answers::Standing]) -> i128 {
    list.iter().flat_map(|s| &s.answer.rows).flat_map(|r| r.measures.values()).sum()
}

/// 100 tokens re-attributed from one model to another must not show as 200.
#[test]
fn a_row_that_the_newest_answer_no_longer_has_is_gone() {
    let old = answer(0, 1, &["model"], 1, &[("gpt-5", 100)]);
    let new = answer(0, 1, &["model"], 2, &[("gpt-5-2026", 100)]);
    let (stands, _) = standing([new.clone(), old], []);
    assert_eq!(stands.into_values().map(|s| s.answer).collect::<Vec<_>>(), [new]);
}

#[test]
fn a_providers_time_goes_before_a_devices() {
    let mut ahead = answer(0, 1, &[], 900, &[("", 1)]);
    ahead.clock = Clock::Device;
    let dated = answer(0, 1, &[], 2, &[("", 2)]);
    let (stands, _) = standing([ahead, dated.clone()], []);
    assert_eq!(stands.into_values().next().unwrap().answer, dated);
}

#[test]
fn a_note_raises_exactly_the_answer_that_it_names() {
    let first = answer(0, 1, &[], 1, &[("", 1)]);
    let second = answer(0, 1, &[], 2, &[("", 2)]);
    let note = |a: &Answer, seen| Unchanged {
        key: a.key.clone(),
        answer: a.hash(),
        seen: UtcMillis(seen * HOUR),
        clock: Clock::Provider,
    };
    let (stands, orphans) = standing([first.clone(), second.clone()], [note(&first, 3)]);
    assert_eq!(stands.into_values().next().unwrap().answer, first);
    assert_eq!(orphans, []);
    let (stands, orphans) = standing([second.clone()], [note(&first, 3)]);
    assert_eq!(stands.into_values().next().unwrap().seen.1, UtcMillis(2 * HOUR), "not held: it counts as nothing");
    assert_eq!(orphans.len(), 1);
}

/// Two devices ask within one second and are told different figures: all replicas show the same one.
#[test]
fn of_answers_seen_at_once_the_larger_stands() {
    let (less, more) = (answer(0, 0, &[], 1, &[("", 1)]), answer(0, 0, &[], 1, &[("", 2)]));
    for (a, b) in [(&less, &more), (&more, &less)] {
        let (stands, _) = standing([a.clone(), b.clone()], []);
        assert_eq!(stands.into_values().map(|s| s.answer).collect::<Vec<_>>(), std::slice::from_ref(&more));
        let mut gauges = Gauges::default();
        gauges.absorb(std::slice::from_ref(a), &[]);
        gauges.absorb(std::slice::from_ref(b), &[]);
        assert_eq!(gauges.all().map(|s| s.answer.clone()).collect::<Vec<_>>(), std::slice::from_ref(&more));
    }
}

/// A window's answer that arrives late, and a note about one that is no longer the newest, change nothing.
#[test]
fn a_gauge_is_what_was_seen_last_not_what_came_last() {
    let (old, new) = (answer(0, 0, &["window"], 1, &[("5h", 90)]), answer(0, 0, &["window"], 2, &[("5h", 10)]));
    let note = |a: &Answer, seen| Unchanged {
        key: a.key.clone(),
        answer: a.hash(),
        seen: UtcMillis(seen * HOUR),
        clock: Clock::Provider,
    };
    let mut gauges = Gauges::default();
    gauges.absorb(std::slice::from_ref(&new), &[]);
    gauges.absorb(std::slice::from_ref(&old), &[]);
    gauges.absorb(&[], &[note(&old, 1)]);
    let seen = |g: &Gauges| g.all().map(|s| (s.answer.clone(), s.seen.1.0 / HOUR)).collect::<Vec<_>>();
    assert_eq!(seen(&gauges), [(new.clone(), 2)]);
    gauges.absorb(&[], &[note(&new, 5)]);
    assert_eq!(seen(&gauges), [(new.clone(), 5)]);
    assert_eq!(seen(&Gauges::decode(&gauges.encode()).unwrap()), [(new, 5)], "as it rests on the disk");
}

/// By the hour and by the day, by model and by key: one of them counts, never the sum.
#[test]
fn overlapping_grains_never_add() {
    let hours: Vec<_> = (0..24).map(|h| answer(h, 1, &["model"], h + 2, &[("gpt-5", 10)])).collect();
    let day = answer(0, 24, &["model"], 26, &[("gpt-5", 240)]);
    let keys = answer(0, 24, &["key", "model"], 26, &[("k", 240)]);
    let (stands, _) = standing(hours.into_iter().chain([day, keys]), []);
    let spans = spans(stands.values(), &|_| HOUR);
    assert_eq!(spans.len(), 1);
    assert_eq!(total(&spans[0].counts), 240);
    assert_eq!(total(&spans[0].checks), 480);
    assert_eq!(spans[0].counts.len(), 24, "as settled as the day, and narrower");
}

/// The day was read at its end; of its hours the last were read before they settled.
#[test]
fn the_more_settled_grain_counts() {
    let hours: Vec<_> = (0..24).map(|h| answer(h, 1, &["model"], h + 1, &[("gpt-5", 9)])).collect();
    let day = answer(0, 24, &["model"], 26, &[("gpt-5", 240)]);
    let (stands, _) = standing(hours.into_iter().chain([day]), []);
    let spans = spans(stands.values(), &|_| HOUR);
    assert_eq!(total(&spans[0].counts), 240);
}

/// While the day runs, the hours that were seen count, not a day's answer of the morning.
#[test]
fn the_grain_that_has_seen_more_counts_while_nothing_is_settled() {
    let hours: Vec<_> = (0..10).map(|h| answer(h, 1, &[], h + 1, &[("", 5)])).collect();
    let day = answer(0, 24, &[], 3, &[("", 14)]);
    let (stands, _) = standing(hours.into_iter().chain([day]), []);
    let spans = spans(stands.values(), &|_| 100 * HOUR);
    assert_eq!(total(&spans[0].counts), 50);
}

proptest! {
    #[test]
    fn standing_is_a_function_of_the_set(
        picks in proptest::collection::vec((0i64..3, 0i64..5, 0i128..3, any::<bool>()), 1..12),
        notes in proptest::collection::vec((any::<prop::sample::Index>(), 0i64..9), 0..6),
    ) {
        let answers: Vec<_> = picks
            .iter()
            .map(|(start, seen, n, provider)| {
                let mut a = answer(*start, 1, &[], *seen, &[("", *n)]);
                a.clock = if *provider { Clock::Provider } else { Clock::Device };
                a
            })
            .collect();
        let notes: Vec<_> = notes
            .iter()
            .map(|(i, seen)| {
                let a = i.get(&answers);
                Unchanged { key: a.key.clone(), answer: a.hash(), seen: UtcMillis(seen * HOUR), clock: Clock::Device }
            })
            .collect();
        let one = standing(answers.clone(), notes.clone()).0;
        let twice = answers.iter().rev().chain(&answers).cloned();
        let other = standing(twice, notes.into_iter().rev()).0;
        prop_assert_eq!(one, other);
    }
}

/// A note comes before its answer, or names one that was not the newest until then: it counts all the same.
#[test]
fn a_note_of_a_gauge_may_come_before_its_answer() {
    let (a, b) = (answer(0, 0, &["window"], 1, &[("5h", 10)]), answer(1, 0, &["window"], 2, &[("5h", 90)]));
    let note = Unchanged { key: a.key.clone(), answer: a.hash(), seen: UtcMillis(3 * HOUR), clock: Clock::Provider };
    let mut first = Gauges::default();
    first.absorb(&[], std::slice::from_ref(&note));
    assert_eq!(first.all().count(), 0, "its answer is not held: it counts as nothing");
    first.absorb(std::slice::from_ref(&b), &[]);
    assert_eq!(first.all().map(|s| s.answer.clone()).collect::<Vec<_>>(), std::slice::from_ref(&b));
    first.absorb(std::slice::from_ref(&a), &[]);
    let mut last = Gauges::default();
    last.absorb(&[a.clone(), b], &[]);
    last.absorb(&[], std::slice::from_ref(&note));
    for gauges in [first, last] {
        let shown: Vec<_> = gauges.all().map(|s| (s.answer.clone(), s.seen.1)).collect();
        assert_eq!(shown, [(a.clone(), UtcMillis(3 * HOUR))]);
    }
}

/// Hundreds of answers a day must not add up over half a year.
#[test]
fn gauges_keep_no_more_than_a_day() {
    let mut gauges = Gauges::default();
    for day in 0..100 {
        for hour in 0..24 {
            let at = day * 24 + hour;
            let one = answer(at, 0, &["window"], at, &[("5h", i128::from(at))]);
            let note =
                Unchanged { key: one.key.clone(), answer: one.hash(), seen: one.observed, clock: Clock::Provider };
            gauges.absorb(&[one], &[note]);
        }
    }
    assert!(gauges.encode().len() < 2_000, "{} bytes", gauges.encode().len());
}

/// An answer or a note about one of two gauges, or both.
fn said() -> impl Strategy<Value = (Vec<Answer>, Vec<Unchanged>)> {
    let one = (0..2_i64, 0..60_i64, 0..3_i128, any::<bool>(), 0..30_i64, any::<bool>(), 0..3_u8);
    one.prop_map(|(series, seen, n, provider, later, by_provider, what)| {
        // Four observations a day, on days that are one after the other.
        let clock = |is_provider| if is_provider { Clock::Provider } else { Clock::Device };
        let at = seen * 6;
        let mut a = answer(at, 0, &["window"], at, &[("5h", n)]);
        a.key.account = ["one", "two"][series as usize].into();
        a.clock = clock(provider);
        let seen = UtcMillis((at - at % 24) * HOUR + (at % 24 * HOUR + later * HOUR).min(24 * HOUR - 1));
        let note = Unchanged { key: a.key.clone(), answer: a.hash(), seen, clock: clock(by_provider) };
        match what {
            0 => (vec![a], vec![]),
            1 => (vec![], vec![note]),
            _ => (vec![a], vec![note]),
        }
    })
}

/// Which answer of each gauge stands, by the definition: that of each day, and of those the one seen last.
fn by_definition(
    said: &[(Vec<Answer>, Vec<Unchanged>)],
    first: UtcDay,
) -> BTreeMap<String, (Answer, (Clock, UtcMillis))> {
    let answers: Vec<&Answer> = said.iter().flat_map(|(answers, _)| answers).collect();
    let notes: Vec<&Unchanged> = said.iter().flat_map(|(_, notes)| notes).collect();
    let days: BTreeSet<UtcDay> = answers.iter().map(|a| a.observed.day()).filter(|day| *day >= first).collect();
    let mut best: BTreeMap<String, Standing> = BTreeMap::new();
    for day in days {
        let of_day = answers.iter().filter(|a| a.observed.day() == day).map(|a| (*a).clone());
        let (stands, _) = standing(of_day, notes.iter().filter(|n| n.seen.day() == day).map(|n| (*n).clone()));
        for one in stands.into_values() {
            match best.entry(one.answer.key.account.to_string()) {
                std::collections::btree_map::Entry::Occupied(mut e) if one.goes_before(e.get()) => drop(e.insert(one)),
                e => drop(e.or_insert(one)),
            }
        }
    }
    best.into_iter().map(|(account, one)| (account, (one.answer, one.seen))).collect()
}

fn absorbed<'a>(said: impl IntoIterator<Item = &'a (Vec<Answer>, Vec<Unchanged>)>) -> Gauges {
    let mut gauges = Gauges::default();
    said.into_iter().for_each(|(answers, notes)| gauges.absorb(answers, notes));
    gauges
}

proptest! {
    /// In whatever order, in whatever pieces, how often, and over whatever restarts: the same.
    #[test]
    fn gauges_are_a_function_of_the_set(
        (said, other) in proptest::collection::vec(said(), 1..24)
            .prop_flat_map(|said| (Just(said.clone()), Just(said).prop_shuffle())),
        cut in any::<prop::sample::Index>(),
        first in 0..16_i32,
    ) {
        let whole = absorbed(&said);
        prop_assert_eq!(&absorbed(&other), &whole);
        prop_assert_eq!(&absorbed(other.iter().chain(&said)), &whole, "twice");
        let all = (other.iter().flat_map(|s| s.0.clone()).collect(), other.iter().flat_map(|s| s.1.clone()).collect());
        prop_assert_eq!(&absorbed([&all]), &whole, "at once");
        let (begun, rest) = other.split_at(cut.index(other.len()));
        let mut resumed = Gauges::decode(&absorbed(begun).encode()).unwrap();
        rest.iter().for_each(|(answers, notes)| resumed.absorb(answers, notes));
        prop_assert_eq!(&resumed, &whole, "as it rests on the disk");
        let mut merged = resumed.clone();
        let one = Batch::decode(&absorbed(begun).encode()).unwrap();
        merged.absorb(&one.answers, &one.unchanged);
        prop_assert_eq!(&merged, &whole, "what two have come to");

        let shown = |gauges: &Gauges| -> BTreeMap<String, (Answer, (Clock, UtcMillis))> {
            gauges.all().map(|s| (s.answer.key.account.to_string(), (s.answer.clone(), s.seen))).collect()
        };
        prop_assert_eq!(shown(&whole), by_definition(&said, UtcDay(i32::MIN)));
        let mut expired = whole;
        expired.expire(UtcDay(first));
        prop_assert_eq!(shown(&expired), by_definition(&said, UtcDay(first)), "once days have expired");
    }
}
