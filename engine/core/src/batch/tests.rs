#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

use super::*;
use crate::event::*;
use crate::ids::DeviceId;
use crate::name::Name;
use crate::time::UtcMillis;
use crate::units::{PicoUsd, Tokens};

fn name() -> impl Strategy<Value = Name> {
    prop_oneof![
        "[a-z]{0,6}".prop_map(Name::from),
        Just(Name::from("018f6a54-7b0e-7c3e-9d2e-3f8a6b1c2d4e")),
        Just(Name::from("018F6A54-7B0E-7C3E-9D2E-3F8A6B1C2D4E")),
        Just(Name::from("日本")),
    ]
}

fn record() -> impl Strategy<Value = Record> {
    (
        (name(), any::<[u8; 8]>(), any::<[u8; 2]>(), any::<bool>(), any::<i64>(), name(), name()),
        any::<[u64; 6]>(),
        (any::<u64>(), 0u8..6, 0u8..6, proptest::option::of(name()), proptest::option::of(any::<i128>())),
        (proptest::option::of(any::<[u8; 8]>()), proptest::option::of(any::<[u8; 16]>())),
    )
        .prop_map(
            |((source, m, r, sidechain, t, model, session), k, (web, tier, quality, payer, cost), (p, o))| Record {
                source,
                message: MessageId(m),
                request: RequestId(r),
                sidechain,
                time: UtcMillis(t),
                model,
                session,
                tokens: Tokens::from_kinds(k),
                web_searches: web,
                tier: Tier::from_u8(tier),
                quality: Quality::from_u8(quality),
                payer,
                stated_cost: cost.map(PicoUsd),
                project: p,
                origin: o.map(DeviceId),
            },
        )
}

fn key() -> impl Strategy<Value = (AnswerKey, UtcMillis, Clock)> {
    (name(), name(), proptest::collection::vec(name(), 0..3), any::<i64>(), width(), any::<i64>(), any::<bool>())
        .prop_map(|(account, metric, dimensions, start, width, seen, provider)| {
            (
                AnswerKey { account, metric, dimensions, bucket: Bucket { start: UtcMillis(start), width } },
                UtcMillis(seen),
                if provider { Clock::Provider } else { Clock::Device },
            )
        })
}

fn width() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0), any::<u32>()]
}

fn answer() -> impl Strategy<Value = Answer> {
    let measures = proptest::collection::btree_map(name(), any::<i128>(), 0..3);
    (key(), proptest::collection::vec((proptest::collection::vec(name(), 2), measures), 0..4)).prop_map(
        |((key, observed, clock), rows)| {
            let rows = rows
                .into_iter()
                .map(|(mut values, measures)| {
                    values.resize(key.dimensions.len(), Name::default());
                    Row { values, measures }
                })
                .collect();
            Answer { key, observed, clock, rows }
        },
    )
}

fn setting() -> impl Strategy<Value = Setting> {
    (name(), proptest::option::of(name()), any::<u64>()).prop_map(|(path, value, counter)| Setting {
        path,
        value,
        counter,
    })
}

prop_compose! {
    pub(crate) fn batch()(
        clock_offset_ms in proptest::option::of(any::<i64>()),
        records in proptest::collection::vec(record(), 0..20),
        answers in proptest::collection::vec(answer(), 0..6),
        unchanged in proptest::collection::vec((key(), any::<[u8; 8]>()), 0..6),
        settings in proptest::collection::vec(setting(), 0..6),
    ) -> Batch {
        let unchanged = unchanged
            .into_iter()
            .map(|((key, seen, clock), hash)| Unchanged { key, answer: AnswerHash(hash), seen, clock })
            .collect();
        Batch { clock_offset_ms, records, answers, unchanged, settings, ..Batch::default() }
    }
}

/// Answers about few buckets, again and again: rows come, go, grow, and get other measures.
fn growing() -> impl Strategy<Value = Vec<Answer>> {
    let measures = proptest::collection::btree_map("[ab]", prop_oneof![0..3_i128, any::<i128>()], 0..3);
    let rows = proptest::collection::btree_map("[a-f]", measures, 0..6);
    let answer = ("[ab]", "[ab]", 0..3_usize, 0..2_i64, any::<i64>(), rows).prop_map(
        |(account, metric, dimensions, start, observed, rows)| {
            let names = ["key", "model"].map(Name::from);
            let values = |row: &str| (0..dimensions).map(|at| Name::from(if at == 0 { row } else { "m" })).collect();
            let rows: Vec<Row> = rows
                .into_iter()
                .map(|(row, measures)| Row {
                    values: values(&row),
                    measures: measures.into_iter().map(|(name, value)| (Name::from(name), value)).collect(),
                })
                .take(if dimensions == 0 { 1 } else { usize::MAX })
                .collect();
            Answer {
                key: AnswerKey {
                    account: account.into(),
                    metric: metric.into(),
                    dimensions: names[..dimensions].to_vec(),
                    bucket: Bucket { start: UtcMillis(start * 60_000), width: 60 },
                },
                observed: UtcMillis(observed),
                clock: Clock::Provider,
                rows,
            }
        },
    );
    proptest::collection::vec(answer, 0..30)
}

/// Where a section's kind says so.
fn is_said_as_differences(bytes: &[u8]) -> bool {
    let mut is = false;
    sections(bytes, |kind, _, _, _| {
        is |= kind == DIFFERENCES;
        Ok(())
    })
    .unwrap();
    is
}

proptest! {
    #[test]
    fn decoding_is_the_inverse_of_encoding(batch in batch()) {
        prop_assert_eq!(Batch::decode(&batch.encode()).unwrap(), batch);
    }

    #[test]
    fn answers_are_told_from_their_differences(answers in growing(), unsorted in batch()) {
        let batch = Batch { answers, ..Batch::default() };
        let joined = batch.encode_joined();
        prop_assert_eq!(is_said_as_differences(&joined), !batch.answers.is_empty());
        let told = Said::decode(&joined).unwrap().about(&|_, _, _| true).0;
        prop_assert_eq!(&told, &batch.answers);
        prop_assert_eq!(Batch::decode(&joined).unwrap(), batch);
        prop_assert_eq!(Batch::decode(&unsorted.encode_joined()).unwrap(), unsorted, "also where rows are in no order");
    }

    #[test]
    fn differences_that_are_damaged_are_an_error_or_others(answers in growing(), at in any::<prop::sample::Index>(), by in 1u8..) {
        let mut bytes = Batch { answers, ..Batch::default() }.encode_joined();
        let at = at.index(bytes.len());
        bytes[at] ^= by;
        // No panic, and nothing endless.
        if let Ok(batch) = Batch::decode(&bytes) {
            prop_assert!(limits::rows(&batch).iter().all(|rows| *rows <= MAX_ROWS));
        }
    }

    #[test]
    fn figures_are_the_records_and_the_gauges(batch in batch()) {
        let figures = Figures::decode(&batch.encode()).unwrap();
        let said = Said::decode(&batch.encode()).unwrap();
        let told: Vec<Answer> = (0..batch.answers.len()).map(|at| said.answers.answer(at)).collect();
        prop_assert_eq!((&told, &said.unchanged), (&batch.answers, &batch.unchanged));
        let Batch { records, mut answers, mut unchanged, .. } = batch;
        let mut keys = answers.iter().map(|a| &a.key).chain(unchanged.iter().map(|u| &u.key));
        let has_buckets = keys.any(|key| !key.bucket.is_gauge());
        answers.retain(|answer| answer.key.bucket.is_gauge());
        unchanged.retain(|note| note.key.bucket.is_gauge());
        prop_assert_eq!(figures, Figures { records, gauges: answers, unchanged, has_buckets });
    }

    #[test]
    fn damaged_bytes_are_an_error_and_never_a_panic(batch in batch(), at in any::<prop::sample::Index>(), with in any::<u8>()) {
        let mut bytes = batch.encode();
        let at = at.index(bytes.len());
        bytes[at] = with;
        let _ = Batch::decode(&bytes);
        let _ = Batch::decode(&bytes[..at]);
    }
}

/// What a newer version adds: a section of its own, and a column in each encoding to a known one.
#[test]
fn what_a_newer_version_writes_is_carried() {
    let mut batch = Batch::decode(&vector_batch().encode()).unwrap();
    batch.unknown.push(UnknownSection {
        kind: 77,
        rows: 2,
        columns: vec![Carried {
            id: 1,
            encoding: column::Encoding::Texts,
            values: Values::Texts(vec!["from the".into(), "future".into()]),
        }],
    });
    batch.carried[0] = vec![
        Carried { id: 900, encoding: column::Encoding::Plain, values: Values::Numbers(vec![1, 2]) },
        Carried { id: 901, encoding: column::Encoding::Delta, values: Values::Numbers(vec![9, 3]) },
        Carried { id: 902, encoding: column::Encoding::Runs, values: Values::Numbers(vec![4, 4]) },
        Carried { id: 903, encoding: column::Encoding::Fixed, values: Values::Bytes { width: 3, bytes: vec![1; 6] } },
        Carried { id: 904, encoding: column::Encoding::Sparse, values: Values::Sparse(vec![None, Some(-5)]) },
    ];
    batch.settings = vector_settings().settings;
    batch.carried[3] = vec![Carried {
        id: 4,
        encoding: column::Encoding::Sparse,
        values: Values::Sparse(vec![Some(1 << 70), None, None]),
    }];
    let bytes = batch.encode();
    let mut again = Batch::decode(&bytes).unwrap();
    assert_eq!(again, Batch { dictionary: again.dictionary.clone(), ..batch });
    assert_eq!(again.encode(), bytes, "decoding and encoding gives back every byte");

    // Dropping a row drops its carried values with it.
    let first = again.records[0].message;
    again.retain_records(|r| r.message != first);
    let kept = Batch::decode(&again.encode()).unwrap();
    assert_eq!(kept.carried[0][0].values, Values::Numbers(vec![2]));
    assert_eq!(kept.carried[0][3].values, Values::Bytes { width: 3, bytes: vec![1; 3] });
    assert_eq!(kept.carried[0][4].values, Values::Sparse(vec![Some(-5)]));
    assert_eq!(kept.unknown, again.unknown);
}

#[test]
fn a_newer_format_is_named() {
    assert_eq!(Batch::decode(&[9, 1, 2]), Err(BatchError::Version(9)));
}

/// A few bytes must not ask for terabytes.
#[test]
fn a_section_of_too_many_rows_is_refused() {
    let mut bytes = vec![VERSION];
    varint::put(&mut bytes, RECORDS);
    varint::put(&mut bytes, u64::MAX >> 1);
    varint::put(&mut bytes, 0);
    assert!(Batch::decode(&bytes).is_err());
}

fn vector_batch() -> Batch {
    let record = |n: u8| Record {
        source: "claude-code".into(),
        message: MessageId([n; 8]),
        request: RequestId([n; 2]),
        sidechain: n == 2,
        time: UtcMillis(1_780_000_000_000 + i64::from(n)),
        model: "claude-sonnet-4-5-20250929".into(),
        session: "018f6a54-7b0e-7c3e-9d2e-3f8a6b1c2d4e".into(),
        tokens: Tokens { input: 3, output: 250, cache_write_5m: 1200, cache_read: 45_000, ..Tokens::default() },
        web_searches: 0,
        tier: Tier::Standard,
        quality: Quality::Log,
        payer: None,
        stated_cost: (n == 2).then_some(PicoUsd(12_300_000_000)),
        project: None,
        origin: None,
    };
    let key = AnswerKey {
        account: "codex".into(),
        metric: "window".into(),
        dimensions: vec!["window".into()],
        bucket: Bucket { start: UtcMillis(1_780_000_000_000), width: 0 },
    };
    let row = Row {
        values: vec!["5h".into()],
        measures: [("used_ppm".into(), 425_000), ("resets_at_s".into(), 1_780_010_000)].into(),
    };
    let answer =
        Answer { key: key.clone(), observed: UtcMillis(1_780_000_000_000), clock: Clock::Device, rows: vec![row] };
    let unchanged = Unchanged { key, answer: answer.hash(), seen: UtcMillis(1_780_000_060_000), clock: Clock::Device };
    Batch {
        clock_offset_ms: Some(-1500),
        records: vec![record(1), record(2)],
        answers: vec![answer],
        unchanged: vec![unchanged],
        ..Batch::default()
    }
}

fn vector_settings() -> Batch {
    let set = |path: &str, value: Option<&str>, counter| {
        Event::Setting(Setting { path: path.into(), value: value.map(Name::from), counter })
    };
    Batch::new([
        set("device/018f6a54-7b0e-7c3e-9d2e-3f8a6b1c2d4e/name", Some("Ada's laptop"), 1),
        set("device/018f6a54-7b0e-7c3e-9d2e-3f8a6b1c2d4e/same-as", Some("018f6a54-7b0e-7c3e-9d2e-3f8a6b1c2d4f"), 2),
        set("zone", None, 7),
    ])
}

/// The format is frozen: these bytes stand in schema/ and other programs read them.
#[test]
fn the_published_vectors_hold() {
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../../../../schema/vectors/batch.json")).unwrap();
    for (at, batch) in [vector_batch(), vector_settings()].into_iter().enumerate() {
        let hex = vectors["vectors"][at]["hex"].as_str().unwrap();
        let bytes: Vec<u8> = batch.encode();
        assert_eq!(bytes.iter().map(|b| format!("{b:02x}")).collect::<String>(), hex);
        assert_eq!(Batch::decode(&bytes).unwrap(), batch);
    }
}
