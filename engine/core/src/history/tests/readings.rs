use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::accounts::Joined;
use crate::batch::{Batch, Said};
use crate::event::{Answer, AnswerKey, Bucket, Clock, Row, Unchanged};
use crate::history::answers::{settling_ms, spans, standing};
use crate::history::{DayReadings, Heard, Reading, ReadingKey};
use crate::name::Name;
use crate::time::{UtcDay, UtcMillis};

const DAY: UtcDay = UtcDay(20_000);
const MINUTE: i64 = 60_000;

fn at(minute: i64) -> UtcMillis {
    UtcMillis(DAY.start().0 + minute * MINUTE)
}

/// An answer about the `width` minutes from `start` on.
fn answer(account: &str, (start, width): (i64, u32), dimensions: &[&str], seen: i64, rows: &[(&str, i128)]) -> Answer {
    Answer {
        key: AnswerKey {
            account: account.into(),
            metric: "usage.completions".into(),
            dimensions: dimensions.iter().map(|d| (*d).into()).collect(),
            bucket: Bucket { start: at(start), width: width * 60 },
        },
        observed: at(seen),
        clock: Clock::Provider,
        rows: rows
            .iter()
            .map(|(value, n)| Row {
                values: dimensions.iter().map(|d| format!("{d}-{value}").into()).collect(),
                measures: [("input_tokens".into(), *n), ("output_tokens".into(), n / 2)].into(),
            })
            .collect(),
    }
}

fn said(answers: &[Answer], notes: &[Unchanged]) -> Said {
    let batch = Batch { answers: answers.to_vec(), unchanged: notes.to_vec(), ..Batch::default() };
    Said::decode(&batch.encode()).unwrap()
}

fn fold(said: &[Said]) -> Vec<(ReadingKey, Reading)> {
    DayReadings::fold(DAY, said, &settling_ms, &Joined::NONE).readings
}

/// The input tokens of all accounts.
fn input(readings: &[(ReadingKey, Reading)]) -> i128 {
    let measures = readings.iter().flat_map(|(_, reading)| &reading.measures);
    measures.filter(|(name, _)| &**name == "input_tokens").map(|(_, n)| n).sum()
}

#[test]
fn minutes_are_summed_by_quarter_of_an_hour_and_wider_buckets_stay() {
    let minutes: Vec<Answer> =
        (0..30).map(|m| answer("one", (m, 1), &["model"], m + 2, &[("a", 10), ("b", 1)])).collect();
    let day = answer("two", (0, 1440), &["model"], 3000, &[("a", 5)]);
    let readings = fold(&[said(&minutes, &[]), said(&[day], &[])]);
    let shown: Vec<_> = readings
        .iter()
        .map(|(key, reading)| {
            let minute = (key.span.start.0 - DAY.start().0) / MINUTE;
            (&*key.account, minute, key.span.width, &*key.dimensions[0].1, reading.measures[0].1, reading.is_settled)
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("one", 0, 900, "model-a", 150, false),
            ("one", 0, 900, "model-b", 15, false),
            ("one", 15, 900, "model-a", 150, false),
            ("one", 15, 900, "model-b", 15, false),
            ("two", 0, 86_400, "model-a", 5, true),
        ]
    );
}

/// A bucket that grew, one that was read twice and one that was re-attributed: the last answer counts, whole.
#[test]
fn of_several_answers_the_last_counts_whole() {
    let grew = [answer("one", (0, 1), &["model"], 1, &[("a", 10)]), answer("one", (0, 1), &["model"], 2, &[("a", 12)])];
    let moved = [answer("one", (1, 1), &["model"], 2, &[("a", 7)]), answer("one", (1, 1), &["model"], 3, &[("b", 7)])];
    let all = [said(&moved, &[]), said(&grew, &[]), said(&grew, &[])];
    assert_eq!(input(&fold(&all)), 19);
    let back = Unchanged { key: grew[0].key.clone(), answer: grew[0].hash(), seen: at(9), clock: Clock::Provider };
    assert_eq!(input(&fold(&[said(&moved, &[back]), said(&grew, &[])])), 17, "a note says that it shrank again");
}

#[test]
fn a_bucket_is_settled_once_it_was_seen_late_enough() {
    let seen = |minute| fold(&[said(&[answer("one", (0, 1), &[], minute, &[("", 1)])], &[])])[0].1.is_settled;
    assert_eq!([seen(60), seen(61)], [false, true]);
    let early = answer("one", (0, 1), &[], 2, &[("", 1)]);
    let note = Unchanged { key: early.key.clone(), answer: early.hash(), seen: at(61), clock: Clock::Provider };
    assert!(fold(&[said(&[early], &[note])])[0].1.is_settled, "by a note");
}

/// More than any sum could hold: no panic, and no other figure by another order.
#[test]
fn absurd_figures_are_summed_in_any_order() {
    let absurd = |m, n| answer("one", (m, 1), &[], m + 2, &[("", n)]);
    let all = [absurd(0, i128::MAX), absurd(1, i128::MAX), absurd(2, i128::MIN), absurd(3, 5)];
    let reversed: Vec<Answer> = all.iter().rev().cloned().collect();
    assert_eq!(fold(&[said(&all, &[])]), fold(&[said(&reversed, &[])]));
}

/// An answer and perhaps a note about it: few keys, few times, so that they meet.
fn some() -> impl Strategy<Value = (Answer, Option<Unchanged>)> {
    let key = (0..2_usize, 0..4_i64, 0..3_usize, 0..3_usize);
    (key, 0..200_i64, any::<bool>(), 0..3_i128, proptest::option::of((0..200_i64, any::<bool>()))).prop_map(
        |((account, start, width, dimensions), seen, is_dated, n, note)| {
            let width = [0, 1, 60][width];
            let dimensions = [&["model"][..], &["key", "model"], &[]][dimensions];
            let mut one = answer(["one", "two"][account], (start * 60, width), dimensions, seen, &[("a", n), ("b", 1)]);
            let clock = |is_dated| if is_dated { Clock::Provider } else { Clock::Device };
            one.clock = clock(is_dated);
            let note = note.map(|(seen, is_dated)| Unchanged {
                key: one.key.clone(),
                answer: one.hash(),
                seen: at(seen),
                clock: clock(is_dated),
            });
            (one, note)
        },
    )
}

/// What was heard, minute by minute.
#[derive(Default)]
struct Minutes {
    newest: (i64, i64),
    settled: BTreeSet<i64>,
    coarse: BTreeSet<i64>,
}

impl Minutes {
    fn spans(minutes: &BTreeSet<i64>) -> Vec<(UtcMillis, UtcMillis)> {
        let begins = minutes.iter().filter(|m| !minutes.contains(&(**m - 1)));
        begins
            .map(|m| (UtcMillis(m * MINUTE), UtcMillis((*m..).find(|m| !minutes.contains(m)).unwrap() * MINUTE)))
            .collect()
    }
}

/// By what each word means: what stands, of it the grains that count, their sums, and what was heard.
fn by_definition(answers: &[Answer], notes: &[Unchanged]) -> DayReadings {
    let mut heard: BTreeMap<(Name, Name), Minutes> = BTreeMap::new();
    let is_bucket = |key: &AnswerKey| !key.bucket.is_gauge();
    let answers = answers.iter().filter(|a| is_bucket(&a.key)).cloned();
    let stands = standing(answers, notes.iter().filter(|n| is_bucket(&n.key)).cloned()).0;
    let mut sums: BTreeMap<ReadingKey, (BTreeMap<Name, i128>, bool)> = BTreeMap::new();
    for one in spans(stands.values(), &settling_ms).iter().flat_map(|span| &span.counts) {
        let key = &one.answer.key;
        let mut span = key.bucket;
        if span.width < 900 {
            span = Bucket { start: UtcMillis(span.start.0 / 900_000 * 900_000), width: 900 };
        }
        let is_settled = one.seen.1.0 >= key.bucket.end().0 + settling_ms(&key.metric);
        let minutes = heard.entry((key.account.clone(), key.metric.clone())).or_default();
        minutes.newest = minutes.newest.max((key.bucket.start.0, one.seen.1.0));
        let all = key.bucket.start.0 / MINUTE..key.bucket.end().0 / MINUTE;
        minutes.settled.extend(all.clone().filter(|_| is_settled));
        minutes.coarse.extend(all.filter(|_| key.bucket.width > 900));
        for row in &one.answer.rows {
            let dimensions = key.dimensions.iter().cloned().zip(row.values.iter().cloned()).collect();
            let of = ReadingKey { account: key.account.clone(), metric: key.metric.clone(), span, dimensions };
            let (measures, all) = sums.entry(of).or_insert((BTreeMap::new(), true));
            *all &= is_settled;
            row.measures.iter().for_each(|(name, n)| *measures.entry(name.clone()).or_default() += n);
        }
    }
    let reading = |(measures, is_settled): (BTreeMap<Name, i128>, bool)| Reading {
        measures: measures.into_iter().collect(),
        is_settled,
    };
    let heard = heard.into_iter().map(|((account, metric), minutes)| Heard {
        account,
        metric,
        newest: UtcMillis(minutes.newest.1),
        settled: Minutes::spans(&minutes.settled),
        coarse: Minutes::spans(&minutes.coarse),
    });
    DayReadings {
        day: DAY,
        readings: sums.into_iter().map(|(key, sum)| (key, reading(sum))).collect(),
        heard: heard.collect(),
    }
}

proptest! {
    /// In whatever order, in whatever batches, how often: what the definition says. And as it rests.
    #[test]
    fn readings_are_what_the_definition_says_of_the_set(
        (some, other) in proptest::collection::vec(some(), 0..20)
            .prop_flat_map(|some| (Just(some.clone()), Just(some).prop_shuffle())),
        each in 1..6_usize,
    ) {
        let answers: Vec<Answer> = some.iter().map(|(one, _)| one.clone()).collect();
        let notes: Vec<Unchanged> = some.iter().filter_map(|(_, note)| note.clone()).collect();
        let batches: Vec<Said> = other
            .chunks(each)
            .chain(other.chunks(each + 1))
            .map(|some| {
                let answers: Vec<Answer> = some.iter().map(|(one, _)| one.clone()).collect();
                let notes: Vec<Unchanged> = some.iter().filter_map(|(_, note)| note.clone()).collect();
                said(&answers, &notes)
            })
            .collect();
        let expected = by_definition(&answers, &notes);
        prop_assert_eq!(&DayReadings::fold(DAY, &batches, &settling_ms, &Joined::NONE), &expected);
        prop_assert_eq!(DayReadings::decode(DAY, &expected.encode()).unwrap(), expected);
    }
}

/// More than one block, of rows and of what they list.
#[test]
fn many_readings_rest_in_blocks() {
    let one = |n: i128| {
        let key = ReadingKey {
            account: "one".into(),
            metric: "usage".into(),
            span: Bucket { start: at(n as i64), width: 900 },
            dimensions: (0..5).map(|d| (format!("d{d}").into(), format!("v{}", n % 7).into())).collect(),
        };
        (key, Reading { measures: vec![("a".into(), n), ("b".into(), -n)], is_settled: n % 2 == 0 })
    };
    let heard = |n: i64| Heard {
        account: format!("a{n}").into(),
        metric: "usage".into(),
        newest: at(n),
        settled: (0..n % 900).map(|m| (at(2 * m), at(2 * m + 1))).collect(),
        coarse: vec![(at(0), at(60)); (n % 2) as usize],
    };
    let day =
        DayReadings { day: DAY, readings: (0..30_000).map(one).collect(), heard: (0..10_000).map(heard).collect() };
    assert_eq!(DayReadings::decode(DAY, &day.encode()).unwrap(), day);
}

/// Names by the ten thousand, as nobody but an attacker writes them: what is derived can still be read.
#[test]
fn absurdly_many_names_rest_all_the_same() {
    let wide = |n: u64| {
        let mut one = answer("one", (0, 1), &["model"], 2, &[("a", 1)]);
        one.key.bucket.start = at(n as i64);
        one.rows[0].measures = (0..30_000).map(|m| (format!("m{n}-{m}").into(), 1)).collect();
        said(&[one], &[])
    };
    let deep = {
        let mut one = answer("two", (0, 1), &[], 2, &[("", 1)]);
        one.key.dimensions = (0..100).map(|d| format!("d{d}").into()).collect();
        one.rows[0].values = vec!["v".into(); 100];
        said(&[one], &[])
    };
    let day = DayReadings::fold(DAY, &[wide(0), wide(1), wide(2), deep], &settling_ms, &Joined::NONE);
    assert_eq!(day.readings.len(), 1);
    assert_eq!(DayReadings::decode(DAY, &day.encode()).unwrap(), day);
}

/// The most dimensions of an answer, and the most measures of a reading.
const CAPS: (usize, usize) = (64, 1_024);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Under the caps all of it counts; over them no other figure is changed, and what is derived can be read. Also where several
    /// answers compete.
    #[test]
    fn whatever_is_over_the_caps_leaves_the_rest_as_it_is(
        dimensions in prop_oneof![1..6_usize, 63..67_usize, 100..130_usize],
        measures in prop_oneof![1..6_usize, 1_022..1_027_usize, 1_500..2_000_usize],
        rows in 1..3_usize,
        has_other in any::<bool>(),
    ) {
        let honest = answer("two", (0, 1), &["model"], 2, &[("a", 10)]);
        let mut absurd = answer("one", (0, 1), &[], 2, &[]);
        absurd.key.dimensions = (0..dimensions).map(|d| format!("d{d}").into()).collect();
        let row = |row: usize| Row {
            values: vec![format!("v{row}").into(); dimensions],
            measures: (0..measures).map(|m| (format!("m{m}").into(), 1)).collect(),
        };
        absurd.rows = (0..rows).map(row).collect();
        let other = has_other.then(|| answer("one", (0, 60), &["model"], 200, &[("a", 1)]));
        let all: Vec<Answer> = [honest.clone(), absurd].into_iter().chain(other).collect();
        let day = DayReadings::fold(DAY, &[said(&all, &[])], &settling_ms, &Joined::NONE);
        prop_assert_eq!(&DayReadings::decode(DAY, &day.encode()).unwrap(), &day);
        let of = |account: &str| -> Vec<_> {
            day.readings.iter().filter(|(key, _)| &*key.account == account).cloned().collect()
        };
        prop_assert_eq!(of("two"), fold(&[said(&[honest], &[])]));
        let is_in = |(key, reading): &(ReadingKey, Reading)| {
            key.dimensions.len() <= CAPS.0 && reading.measures.len() <= CAPS.1
        };
        prop_assert!(day.readings.iter().all(is_in));
        if !has_other {
            let counted: Vec<usize> = of("one").iter().map(|(_, reading)| reading.measures.len()).collect();
            let expected = if dimensions > CAPS.0 { vec![] } else { vec![measures.min(CAPS.1); rows] };
            prop_assert_eq!(counted, expected);
        }
    }
}
