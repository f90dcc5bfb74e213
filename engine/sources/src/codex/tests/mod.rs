#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

//! A fixture for every sentence that this folder's README says of rollouts.

mod counters;
mod forks;
mod laws;
mod lines;
mod places;
mod windows;

use aimon_core::event::{Answer, Event, Record};
use aimon_core::units::Tokens;

use super::decode::Rollout;
use crate::collector::{Decoder, Out, Skipped};

/// 2026-05-12T08:00:00Z.
const T: i64 = 1_778_572_800_000;
const OWN: &str = "019e1b1a-0000-7000-8000-00000000000a";
const PARENT: &str = "019e1b00-0000-7000-8000-00000000000b";

/// A log that is put together line by line.
#[derive(Clone, Default)]
struct Log(Vec<String>);

impl Log {
    /// With the session's own first line, at [`T`].
    fn session() -> Self {
        Self::default().meta(0, OWN, "")
    }

    fn raw(mut self, line: impl Into<String>) -> Self {
        self.0.push(line.into());
        self
    }

    fn at(self, ms: i64, kind: &str, payload: &str) -> Self {
        let time = jiff::Timestamp::from_millisecond(T + ms).unwrap();
        self.raw(format!(r#"{{"timestamp":"{time:.3}","type":"{kind}","payload":{payload}}}"#))
    }

    /// `more` are further fields of the payload, each behind a comma.
    fn meta(self, ms: i64, id: &str, more: &str) -> Self {
        let time = jiff::Timestamp::from_millisecond(T + ms).unwrap();
        self.at(ms, "session_meta", &format!(r#"{{"id":"{id}","timestamp":"{time:.3}","cwd":"/x"{more}}}"#))
    }

    fn model(self, ms: i64, model: &str) -> Self {
        self.at(ms, "turn_context", &format!(r#"{{"cwd":"/x","model":"{model}","effort":"high"}}"#))
    }

    fn event(self, ms: i64, kind: &str, more: &str) -> Self {
        self.at(ms, "event_msg", &format!(r#"{{"type":"{kind}"{more}}}"#))
    }

    fn count(self, ms: i64, total: impl Into<Option<Use>>, last: impl Into<Option<Use>>) -> Self {
        let mut info = Vec::new();
        info.extend(total.into().map(|u| format!(r#""total_token_usage":{}"#, u.json())));
        info.extend(last.into().map(|u| format!(r#""last_token_usage":{}"#, u.json())));
        let info = info.join(",");
        self.event(ms, "token_count", &format!(r#","info":{{{info},"model_context_window":272000}}"#))
    }

    fn read(&self) -> Seen {
        Seen::of(&self.0.join("\n"))
    }
}

/// Input (cached included), cached, output (reasoning included), reasoning.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Use(u64, u64, u64, u64);

impl Use {
    fn json(self) -> String {
        let Self(i, c, o, r) = self;
        format!(
            r#"{{"input_tokens":{i},"cached_input_tokens":{c},"output_tokens":{o},"reasoning_output_tokens":{r},"total_tokens":{}}}"#,
            i + o
        )
    }

    fn tokens(self) -> Tokens {
        let Self(i, c, o, r) = self;
        Tokens { input: i - c, output: o, reasoning: r, cache_read: c, ..Tokens::default() }
    }
}

/// What a decoder made of a log.
#[derive(Debug, PartialEq)]
struct Seen {
    records: Vec<Record>,
    answers: Vec<Answer>,
    skipped: Skipped,
}

impl Seen {
    fn of(text: &str) -> Self {
        let mut out = Out::new();
        let mut decoder = Rollout::new("run");
        decoder.lines(text.as_bytes(), &mut out);
        decoder.finish(&mut out);
        Self::new(out)
    }

    fn new(out: Out) -> Self {
        let mut seen = Self { records: Vec::new(), answers: Vec::new(), skipped: out.skipped };
        for event in out.events {
            match event {
                Event::Record(record) => seen.records.push(record),
                Event::Answer(answer) => seen.answers.push(answer),
                other => panic!("{other:?}"),
            }
        }
        seen
    }

    /// The sum of (input, cached, output, reasoning).
    fn sum(&self) -> Use {
        let sum: Tokens = self.records.iter().map(|r| r.tokens).sum();
        Use(sum.input + sum.cache_read, sum.cache_read, sum.output, sum.reasoning)
    }

    fn one(&self) -> &Record {
        assert_eq!(self.records.len(), 1, "{self:#?}");
        &self.records[0]
    }

    fn outputs(&self) -> Vec<u64> {
        self.records.iter().map(|r| r.tokens.output).collect()
    }
}
