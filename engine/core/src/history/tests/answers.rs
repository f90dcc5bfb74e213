use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::batch::Batch;
use crate::batch::columns::Reader;
use crate::event::{Answer, AnswerKey, Bucket, Clock, Row, Unchanged};
use crate::history::Gauges;
use crate::history::answers::{Standing, spans, standing};
use crate::time::{UtcDay, UtcMillis};

const HOUR: i64 = 3_600_000;
const MINUTE: i64 = 60_000;

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

/// An answer about a window, seen at `seen` minutes.
fn window(seen: i64, used: i128) -> Answer {
    let mut answer = answer(0, 0, &["window"], 0, &[("5h", used)]);
    answer.observed = UtcMillis(seen * MINUTE);
    answer.key.bucket.start = answer.observed;
    answer
}

/// A note of an answer by its own clock.
fn note(of: &Answer, seen: UtcMillis) -> Unchanged {
    Unchanged { key: of.key.clone(), answer: of.hash(), seen, clock: of.clock }
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
    let later = note(&first, UtcMillis(3 * HOUR));
    let (stands, orphans) = standing([first.clone(), second.clone()], [later.clone()]);
    assert_eq!(stands.into_values().next().unwrap().answer, first);
    assert_eq!(orphans, []);
    let (stands, orphans) = standing([second.clone()], [later.clone()]);
    assert_eq!(stands.into_values().next().unwrap().seen.1, UtcMillis(2 * HOUR), "not held: it counts as nothing");
    assert_eq!(orphans, [later]);
}

/// A device's note says nothing of what a provider has dated, nor the other way round: their times can't be compared.
#[test]
fn a_note_is_of_an_answer_by_the_same_clock() {
    for (clock, other) in [(Clock::Device, Clock::Provider), (Clock::Provider, Clock::Device)] {
        for width in [0, 1] {
            let mut of = answer(0, width, &[], 1, &[("", 1)]);
            of.clock = clock;
            let mut note = note(&of, UtcMillis(HOUR + MINUTE));
            let seen = |note: &Unchanged| {
                let (stands, orphans) = standing([of.clone()], [note.clone()]);
                (stands.into_values().next().unwrap().seen.1, orphans.len())
            };
            assert_eq!(seen(&note), (note.seen, 0));
            note.clock = other;
            assert_eq!(seen(&note), (of.observed, 1));
        }
    }
}

/// Of a gauge, that is: what an hour came to is the same whenever it is asked for again.
#[test]
fn a_note_reaches_back_a_quarter_of_an_hour_within_its_day() {
    let (noon, evening, hour) = (window(12 * 60, 1), window(24 * 60 - 1, 1), answer(0, 1, &[], 1, &[("", 1)]));
    let midnight = 24 * 60 * MINUTE;
    for (of, seen, counts) in [
        (&noon, noon.observed.0, true),
        (&noon, noon.observed.0 - 1, false),
        (&noon, noon.observed.0 + 15 * MINUTE, true),
        (&noon, noon.observed.0 + 15 * MINUTE + 1, false),
        (&evening, midnight - 1, true),
        (&evening, midnight, false),
        (&hour, hour.observed.0 + 100 * HOUR, true),
    ] {
        let (stands, orphans) = standing([of.clone()], [note(of, UtcMillis(seen))]);
        let last = stands.into_values().next().unwrap().seen.1;
        assert_eq!((last.0, orphans.is_empty()), (if counts { seen } else { of.observed.0 }, counts), "{of:?}");
    }
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
    let (old, new) = (window(1, 90), window(2, 10));
    let note = |of, seen| note(of, UtcMillis(seen * MINUTE));
    let mut gauges = Gauges::default();
    gauges.absorb(std::slice::from_ref(&new), &[]);
    gauges.absorb(std::slice::from_ref(&old), &[]);
    gauges.absorb(&[], &[note(&old, 1)]);
    let seen = |g: &Gauges| g.all().map(|s| (s.answer.clone(), s.seen.1.0 / MINUTE)).collect::<Vec<_>>();
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
    let (a, b) = (window(1, 10), window(2, 90));
    let note = note(&a, UtcMillis(3 * MINUTE));
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
        assert_eq!(shown, [(a.clone(), UtcMillis(3 * MINUTE))]);
    }
}

/// They are read and written whole at each commit: what a day of polls leaves must not be a day's worth.
#[test]
fn gauges_keep_no_more_than_a_quarter_of_an_hour() {
    let mut gauges = Gauges::default();
    for minute in 0..24 * 60 {
        let one = window(minute, i128::from(minute));
        let note = note(&one, UtcMillis(one.observed.0 + MINUTE / 2));
        gauges.absorb(&[one], &[note]);
    }
    assert!(gauges.encode().len() < 2_000, "{} bytes", gauges.encode().len());
}

type Said = (Vec<Answer>, Vec<Unchanged>);

/// An answer or a note about one of two gauges, or both: on either side of a few midnights, minutes apart.
fn said() -> impl Strategy<Value = Said> {
    let when = (0..2_i64, 0..3_i64, -6..7_i64, 1..4_i64);
    let later = prop::sample::select(vec![
        -5 * MINUTE,
        0,
        MINUTE,
        5 * MINUTE,
        10 * MINUTE,
        15 * MINUTE,
        15 * MINUTE + 1,
        20 * MINUTE,
        40 * MINUTE,
    ]);
    let one = (when, 0..2_i128, any::<bool>(), later, 0..4_u8, 0..3_u8);
    one.prop_map(|((series, day, step, every), n, is_provider, later, by_other, what)| {
        let clock = |is_provider| if is_provider { Clock::Provider } else { Clock::Device };
        let mut a = window(day * 24 * 60 + step * 5, n);
        a.key.account = ["one", "two"][series as usize].into();
        // Repeated under one key, also across midnight.
        a.key.bucket.start = UtcMillis(a.observed.0 - a.observed.0.rem_euclid(every * every * 5 * MINUTE));
        a.clock = clock(is_provider);
        let mut note = note(&a, UtcMillis(a.observed.0 + later));
        note.clock = clock(is_provider ^ (by_other == 0));
        match what {
            0 => (vec![a], vec![]),
            1 => (vec![], vec![note]),
            _ => (vec![a], vec![note]),
        }
    })
}

/// Whether a note of a gauge counts for an answer.
fn counts(note: &Unchanged, of: &Answer) -> bool {
    let is_of = note.key == of.key && note.answer == of.hash() && note.clock == of.clock;
    let reach = of.observed..=UtcMillis(of.observed.0 + 15 * MINUTE);
    is_of && note.seen.day() == of.observed.day() && reach.contains(&note.seen)
}

type Shown = BTreeMap<String, (Answer, (Clock, UtcMillis))>;

/// Which answer of each gauge stands, by the definition: the one seen last.
fn by_definition(said: &[Said]) -> Shown {
    let mut best: Vec<Standing> = Vec::new();
    for answer in said.iter().flat_map(|(answers, _)| answers) {
        let notes = said.iter().flat_map(|(_, notes)| notes).filter(|note| counts(note, answer));
        let seen = notes.map(|note| note.seen).max().map_or(answer.observed, |seen| seen.max(answer.observed));
        let one = Standing { seen: (answer.clock, seen), answer: answer.clone() };
        match best.iter_mut().find(|held| held.answer.key.account == one.answer.key.account) {
            Some(held) if before(held, &one) => *held = one,
            Some(_) => {}
            None => best.push(one),
        }
    }
    shown(&best)
}

/// Whether an answer of a gauge gives way to another.
fn before(one: &Standing, other: &Standing) -> bool {
    let rank = |one: &Standing| (one.seen, one.answer.rows.clone(), one.answer.observed, one.answer.key.bucket.start);
    rank(one) < rank(other)
}

fn shown<'a>(standing: impl IntoIterator<Item = &'a Standing>) -> Shown {
    standing.into_iter().map(|s| (s.answer.key.account.to_string(), (s.answer.clone(), s.seen))).collect()
}

fn absorbed<'a>(said: impl IntoIterator<Item = &'a Said>) -> Gauges {
    let mut gauges = Gauges::default();
    said.into_iter().for_each(|(answers, notes)| gauges.absorb(answers, notes));
    gauges
}

/// What is of a day that is kept.
fn kept(said: &[Said], first: UtcDay) -> Vec<Said> {
    let of = |(answers, notes): &Said| {
        let answers = answers.iter().filter(|answer| answer.observed.day() >= first).cloned().collect();
        (answers, notes.iter().filter(|note| note.seen.day() >= first).cloned().collect())
    };
    said.iter().map(of).filter(|(answers, notes): &Said| answers.len() + notes.len() > 0).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// In whatever order, in whatever pieces, how often, and over whatever restarts: the same.
    #[test]
    fn gauges_are_a_function_of_the_set(
        (said, other) in proptest::collection::vec(said(), 1..24)
            .prop_flat_map(|said| (Just(said.clone()), Just(said).prop_shuffle())),
        cut in any::<prop::sample::Index>(),
        first in -1..4_i32,
    ) {
        let whole = absorbed(&said);
        prop_assert_eq!(&absorbed(&other), &whole);
        prop_assert_eq!(&absorbed(other.iter().chain(&said)), &whole, "twice");
        let all = (other.iter().flat_map(|s| s.0.clone()).collect(), other.iter().flat_map(|s| s.1.clone()).collect());
        prop_assert_eq!(&absorbed([&all]), &whole, "at once");
        let (begun, rest) = other.split_at(cut.index(other.len()));
        let mut resumed = Gauges::decode(&absorbed(begun).encode()).unwrap();
        prop_assert_eq!(&resumed, &absorbed(begun), "as it rests on the disk");
        rest.iter().for_each(|(answers, notes)| resumed.absorb(answers, notes));
        prop_assert_eq!(&resumed, &whole, "over a restart");
        let mut merged = absorbed(rest);
        let bytes = absorbed(begun).encode();
        let mut resting = Reader::new(&bytes);
        while !resting.is_empty() {
            let length = resting.len_of(1).unwrap();
            let one = Batch::decode(resting.bytes(length).unwrap()).unwrap();
            merged.absorb(&one.answers, &one.unchanged);
        }
        prop_assert_eq!(&merged, &whole, "what two have come to");
        prop_assert_eq!(shown(whole.all()), by_definition(&said));

        let first = UtcDay(first);
        let mut expired = whole;
        expired.expire(first);
        let kept = kept(&said, first);
        prop_assert_eq!(&expired, &absorbed(&kept), "once days have expired");
        prop_assert_eq!(shown(expired.all()), by_definition(&kept));
        let mut early = absorbed(begun);
        early.expire(first);
        self::kept(rest, first).iter().for_each(|(answers, notes)| early.absorb(answers, notes));
        prop_assert_eq!(&early, &expired, "once days have expired before all had come");
    }

    /// A day's answers and the newest ones come from the same events, and follow the same rule.
    #[test]
    fn a_gauge_stands_in_its_day_as_it_does_among_all(said in proptest::collection::vec(said(), 1..24)) {
        let (answers, notes): (Vec<_>, Vec<_>) = said.iter().cloned().unzip();
        let (answers, notes) = (answers.concat(), notes.concat());
        let (stands, orphans) = standing(answers.clone(), notes.clone());
        let mut stands: Vec<_> = stands.into_values().collect();
        stands.sort_by(|a, b| before(b, a).cmp(&before(a, b)));
        prop_assert_eq!(shown(&stands), by_definition(&said));
        let alone = notes.into_iter().filter(|note| !answers.iter().any(|answer| counts(note, answer)));
        prop_assert_eq!(orphans, alone.collect::<Vec<_>>());
    }
}
