//! A segment's size, and what it costs to append to and to load: a day of 10 providers polled each
//! minute, beside the least that a format could need: delta columns of the whole day, zstd-19.

use std::time::Instant;

use aimon_core::batch::Batch;
use aimon_core::event::{Answer, AnswerKey, Bucket, Clock, Event, Row};
use aimon_core::ids::WriterId;
use aimon_core::segment::{Chain, changes, gathered, pack};
use aimon_core::time::UtcMillis;

use super::least;

const PROVIDERS: usize = 10;
const POLLS: usize = 1440;

/// What was measured.
#[derive(Clone, Copy, Debug, Default)]
pub struct Measured {
    /// Readings in the segment.
    pub readings: usize,
    /// Its bytes once it is sealed.
    pub saved: usize,
    /// The bytes of delta columns of the whole day, zstd-19.
    pub limit: usize,
    /// The bytes of one change as it rests before the day is sealed.
    pub change: usize,
    /// Nanoseconds to encode and append one event (the mean over the day).
    pub append_ns: u128,
    /// Microseconds to take the batches out of the sealed segment.
    pub load_us: u128,
    /// Microseconds to decode these into answers.
    pub decode_us: u128,
}

/// One run.
///
/// # Errors
/// When the core cannot read what it wrote.
pub fn run() -> Result<Measured, Box<dyn std::error::Error>> {
    let polls = day(20_700);
    let readings = polls.iter().map(Vec::len).sum();
    let limit = least(&polls)?;

    let begin = Instant::now();
    let mut chain = Chain::new(WriterId([7; 8]))?;
    let appended: Vec<Vec<u8>> =
        polls.into_iter().map(|poll| chain.append(Batch::new(poll.into_iter().map(Event::Answer)).encode())).collect();
    let append_ns = begin.elapsed().as_nanos() / readings as u128;
    let change = appended.iter().map(Vec::len).sum::<usize>() / appended.len();

    let stored = appended.iter().map(|b| changes(b)).collect::<Result<Vec<_>, _>>()?;
    let packed = pack(&stored, usize::MAX)?;
    let [sealed] = &packed[..] else { return Err("not all changes are sealed in one".into()) };
    if sealed.holds.len() < stored.len() {
        return Err("sealing left changes out".into());
    }
    let saved = &sealed.content;
    let begin = Instant::now();
    let mut held = 0;
    let loaded = gathered(saved)?;
    let load_us = begin.elapsed().as_micros();
    let begin = Instant::now();
    for batch in &loaded {
        held += Batch::decode(batch)?.answers.len();
    }
    let decode_us = begin.elapsed().as_micros();
    if held != readings {
        return Err("the sealed segment lost readings".into());
    }
    Ok(Measured { readings, saved: saved.len(), limit, change, append_ns, load_us, decode_us })
}

/// Each minute's answers of a day: tokens of the minute that has just ended, metered by ten accounts of
/// different size, observed some hundreds of milliseconds after the minute.
pub fn day(number: i32) -> Vec<Vec<Answer>> {
    let mut state = number as u64;
    let mut next = move |n: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    (0..POLLS)
        .map(|minute| {
            let start = UtcMillis(i64::from(number) * 86_400_000 + minute as i64 * 60_000);
            (0..PROVIDERS)
                .map(|provider| {
                    let input = next(1000 << provider) as i128;
                    Answer {
                        key: AnswerKey {
                            account: format!("org-{provider:02}-4f9d2c1e").into(),
                            metric: "usage.completions".into(),
                            dimensions: vec!["model".into()],
                            bucket: Bucket { start, width: 60 },
                        },
                        observed: UtcMillis(start.0 + 60_000 + 200 + next(400) as i64),
                        clock: Clock::Device,
                        rows: vec![Row {
                            values: vec![format!("model-{}", provider % 4).into()],
                            measures: [
                                ("input_tokens".into(), input),
                                ("output_tokens".into(), input / 10 + next(100) as i128),
                            ]
                            .into(),
                        }],
                    }
                })
                .collect()
        })
        .collect()
}

/// The least that such a day needs: its figures as delta columns, zstd-19.
///
/// # Errors
/// Those of zstd.
pub fn least(polls: &[Vec<Answer>]) -> std::io::Result<usize> {
    Ok(zstd::bulk::compress(&columns(polls), 19)?.len())
}

/// The same figures without any framing: a column per provider and field, deltas, varints.
fn columns(polls: &[Vec<Answer>]) -> Vec<u8> {
    let mut out = Vec::new();
    for provider in 0..PROVIDERS {
        let series = |of: &dyn Fn(&Answer) -> i128, out: &mut Vec<u8>| {
            least::put(polls.iter().map(|poll| of(&poll[provider])), out);
        };
        series(&|a| i128::from(a.key.bucket.start.0), &mut out);
        series(&|a| i128::from(a.observed.0 - a.key.bucket.start.0), &mut out);
        for measure in ["input_tokens", "output_tokens"] {
            series(&|a| a.rows[0].measures[measure], &mut out);
        }
    }
    out
}
