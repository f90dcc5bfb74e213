#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::io::Write;

use automerge::{Change, ChangeHash};
use flate2::Compression;
use flate2::write::DeflateEncoder;
use proptest::prelude::*;

use super::*;
use crate::batch::Batch;
use crate::batch::tests::batch;
use crate::event::{Answer, AnswerKey, Bucket, Clock, Event, Record, Row, Setting};
use crate::ids::WriterId;
use crate::time::UtcMillis;

/// The changes of writers 1, 2, …, each with these batches.
fn chains(writers: &[Vec<Batch>]) -> Vec<Vec<Change>> {
    let chain = |(n, batches): (usize, &Vec<Batch>)| {
        let mut chain = Chain::new(WriterId([n as u8 + 1; 8])).unwrap();
        batches.iter().flat_map(|batch| changes(&chain.append(batch.encode())).unwrap()).collect()
    };
    writers.iter().enumerate().map(chain).collect()
}

fn joined(chains: &[Vec<Change>]) -> Option<Vec<u8>> {
    join(&chains.iter().map(|chain| chain.iter().collect()).collect::<Vec<_>>())
}

fn setting(n: u64) -> Batch {
    Batch::new([Event::Setting(Setting { path: "zone".into(), value: Some(format!("Z{n}").into()), counter: n })])
}

proptest! {
    #[test]
    fn joined_changes_are_told_apart_again(
        writers in proptest::collection::vec(proptest::collection::vec(batch(), 1..5), 1..4),
    ) {
        let chains = chains(&writers);
        let bytes = joined(&chains).unwrap();
        let hashes: Vec<ChangeHash> = chains.iter().flatten().map(Change::hash).collect();
        prop_assert_eq!(changes(&bytes).unwrap().iter().map(Change::hash).collect::<Vec<_>>(), hashes);
        let written: Vec<Vec<u8>> = writers.iter().flatten().map(Batch::encode).collect();
        prop_assert_eq!(batches(&bytes).unwrap(), written);
        prop_assert!(is_snapshot(&bytes).unwrap());
        let gathered: Vec<Batch> = gathered(&bytes).unwrap().iter().map(|b| Batch::decode(b).unwrap()).collect();
        let records = |all: &[Batch]| -> Vec<Record> { all.iter().flat_map(|b| b.records.clone()).collect() };
        prop_assert_eq!(records(&gathered), records(&writers.concat()));
        prop_assert_eq!(gathered.iter().map(Batch::len).sum::<usize>(), writers.iter().flatten().map(Batch::len).sum::<usize>());
    }
}

/// A flipped bit, or an end that is missing, is never another figure, also where no signature guards it.
#[test]
fn damage_to_joined_changes_is_an_error() {
    let bytes = joined(&chains(&[(0..5).map(setting).collect(), vec![setting(9)]])).unwrap();
    for at in 1..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        for damaged in [&damaged[..], &bytes[..at]] {
            assert!(batches(damaged).is_err() && changes(damaged).is_err() && gathered(damaged).is_err(), "byte {at}");
        }
    }
}

/// Bytes as a stranger may write them: the checksum fits.
fn of_body(body: &[u8]) -> Vec<u8> {
    let mut deflated = DeflateEncoder::new(Vec::new(), Compression::best());
    deflated.write_all(body).unwrap();
    let deflated = deflated.finish().unwrap();
    [&[2][..], &blake3::hash(&deflated).as_bytes()[..4], &deflated].concat()
}

#[test]
fn what_does_not_fit_together_is_an_error() {
    assert!(batches(&of_body(&vec![0; 64 << 20])).is_err(), "64 MiB in 64 KiB");
    let group = |n: u64| {
        let mut out = Vec::new();
        crate::batch::join::join([&*setting(n).encode()], &mut out).unwrap();
        out
    };
    let body = |changes: u8| [&[1][..], &[7; 8], &[changes], &group(1), &group(2)].concat();
    assert_eq!(batches(&of_body(&body(2))).unwrap(), [setting(1).encode(), setting(2).encode()]);
    for changes_said in [0, 1, 3] {
        let bytes = of_body(&body(changes_said));
        assert!(batches(&bytes).is_err() && changes(&bytes).is_err(), "{changes_said} of two");
    }
    let many = |groups: u8| [&[1][..], &[7; 8], &[groups], &group(1).repeat(usize::from(groups))].concat();
    assert!(gathered(&of_body(&many(64))).is_ok() && batches(&of_body(&many(64))).is_ok());
    assert!(gathered(&of_body(&many(65))).is_err() && batches(&of_body(&many(65))).is_err(), "billions of rows");
    // An index that counts one event less, or one more, than there are.
    for counted in [0, 2] {
        let mut group = group(1);
        // Kind, rows, columns; the column's id, encoding and length; then a run of one row with this value.
        assert_eq!(std::mem::replace(&mut group[6], counted), 1);
        let bytes = of_body(&[&[1][..], &[7; 8], &[1], &group].concat());
        assert!(batches(&bytes).is_err(), "{counted} of one");
    }
}

/// What this version does not understand could not be told apart again: such a segment becomes a document.
#[test]
fn what_is_not_understood_is_sealed_as_a_document() {
    let mut newer = setting(1).encode();
    newer.extend_from_slice(&[99, 1, 1, 1, 0, 1, 5]);
    assert!(Batch::decode(&newer).is_ok_and(|batch| !batch.unknown.is_empty()));
    for strange in [newer, b"no batch at all".to_vec(), vec![2, 0, 0]] {
        let mut chain = Chain::new(WriterId([1; 8])).unwrap();
        let stored =
            [changes(&chain.append(strange.clone())).unwrap(), changes(&chain.append(setting(2).encode())).unwrap()];
        assert_eq!(joined(&[stored.concat()]), None);
        let [packed] = &pack(&stored, 1 << 18).unwrap()[..] else { panic!("one document") };
        let held: BTreeSet<Vec<u8>> = batches(&packed.content).unwrap().into_iter().collect();
        assert_eq!(held, BTreeSet::from([strange, setting(2).encode()]));
    }
}

/// Together they have more rows than one batch may.
#[test]
fn many_rows_are_joined_into_several_batches() {
    let batch =
        |n: u64| Batch::new((0..30_000).map(|at| setting(n * 30_000 + at).settings.remove(0)).map(Event::Setting));
    let chains = chains(&[(0..3).map(batch).collect()]);
    let bytes = joined(&chains).unwrap();
    assert_eq!(gathered(&bytes).unwrap().len(), 2);
    assert_eq!(batches(&bytes).unwrap(), (0..3).map(|n| batch(n).encode()).collect::<Vec<_>>());
}

/// Together they have more names than one batch may, and not more rows.
#[test]
fn many_names_are_joined_into_several_batches() {
    let own = |at: u64| Setting { path: format!("path-{at}").into(), value: Some(at.to_string().into()), counter: at };
    let batch = |n: u64| Batch::new((n * 20_000..(n + 1) * 20_000).map(own).map(Event::Setting));
    let chains = chains(&[(0..3).map(batch).collect()]);
    let bytes = joined(&chains).unwrap();
    assert_eq!(gathered(&bytes).unwrap().len(), 3);
    assert_eq!(batches(&bytes).unwrap(), (0..3).map(|n| batch(n).encode()).collect::<Vec<_>>());
}

/// A document that holds the same is larger by what each batch says anew.
#[test]
fn a_joined_segment_is_smaller_than_a_document() {
    let writers = [(0..200).map(setting).collect::<Vec<_>>()];
    let chains = chains(&writers);
    let (saved, _) = document(chains.clone()).unwrap();
    let bytes = joined(&chains).unwrap();
    assert!(bytes.len() * 2 < saved.len(), "{} of {}", bytes.len(), saved.len());
}

fn minute(observed: i64, rows: &[(&str, i128)]) -> Answer {
    let bucket = Bucket { start: UtcMillis(1_795_000_020_000), width: 60 };
    let row = |(model, tokens): &(&str, i128)| Row {
        values: vec![(*model).into()],
        measures: [("input_tokens".into(), *tokens), ("requests".into(), 1)].into(),
    };
    Answer {
        key: AnswerKey {
            account: "openai/org".into(),
            metric: "usage.completions".into(),
            dimensions: vec!["model".into()],
            bucket,
        },
        observed: UtcMillis(bucket.start.0 + observed),
        clock: Clock::Provider,
        rows: rows.iter().map(row).collect(),
    }
}

/// What a provider says again as long as a bucket grows takes hardly more than what it says at last.
#[test]
fn what_is_said_again_takes_little() {
    let models: Vec<String> = (0..50).map(|n| format!("model-{n:02}")).collect();
    let rows: Vec<(&str, i128)> =
        models.iter().zip(1..).map(|(model, n)| (model.as_str(), n * n * 7919 % 100_003)).collect();
    let batch = |n: usize| Batch::new([Event::Answer(minute(n as i64 * 60_000, &rows[..n]))]);
    let of = |ns: std::ops::Range<usize>| joined(&chains(&[ns.map(batch).collect()])).unwrap().len();
    assert!(of(1..51) * 10 < of(50..51) * 11, "{} of {}", of(1..51), of(50..51));
}

#[test]
fn the_joined_forms_are_the_published_ones() {
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../../../../schema/vectors/segment.json")).unwrap();
    let hex = |b: &[u8]| b.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let settings = [vec![setting(1), setting(2)], vec![setting(3)]];
    let answer = |observed, rows: &[(&str, i128)]| Batch::new([Event::Answer(minute(observed, rows))]);
    let answers = [vec![
        answer(70_000, &[("gpt-5", 100)]),
        answer(130_000, &[("gpt-4o", 7), ("gpt-5", 120), ("o5", 3)]),
        answer(190_000, &[("gpt-4o", 7), ("gpt-5-2026", 120)]),
    ]];
    for (name, first, batches) in [("joined", 2, &settings[..]), ("joined_differences", 3, &answers[..])] {
        let published = vectors[name].as_str().unwrap_or_default();
        let bytes: Vec<u8> =
            (0..published.len()).step_by(2).map(|at| u8::from_str_radix(&published[at..at + 2], 16).unwrap()).collect();
        let chains = chains(batches);
        let told: Vec<String> = chains.iter().flatten().map(|change| hex(change.raw_bytes())).collect();
        let made = hex(&joined(&chains).unwrap());
        let is_told = changes(&bytes).is_ok_and(|changes| changes == chains.concat());
        assert!(is_told && bytes.first() == Some(&first), "this version writes {made} for {told:?}");
        assert_eq!(vectors[format!("{name}_changes")], serde_json::json!(told));
    }
}
