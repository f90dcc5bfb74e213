use proptest::prelude::*;

use crate::event::{Answer, AnswerKey, Bucket, Clock, Row, Unchanged};
use crate::history::Gauges;
use crate::history::answers::{spans, standing};
use crate::time::UtcMillis;

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
