//! Usage as Codex counts it.

use std::ops::{Add, AddAssign};

use crate::Tokens;

/// Counters as they stand in the log: `input` includes what was cached and what was written to a
/// cache, `output` includes the reasoning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Raw {
    pub input: u64,
    pub cached: u64,
    pub written: u64,
    pub output: u64,
    pub reasoning: u64,
}

impl Raw {
    pub fn json(&self, writes: bool) -> String {
        let written = if writes { format!("\"cache_write_input_tokens\":{},", self.written) } else { String::new() };
        format!(
            "{{\"input_tokens\":{},\"cached_input_tokens\":{},{written}\"output_tokens\":{},\"reasoning_output_tokens\":{},\"total_tokens\":{}}}",
            self.input,
            self.cached,
            self.output,
            self.reasoning,
            self.input + self.output
        )
    }

    pub fn tokens(&self) -> Tokens {
        Tokens {
            input: self.input - self.cached - self.written,
            output: self.output,
            reasoning: self.reasoning,
            cache_write_5m: self.written,
            cache_write_1h: 0,
            cache_read: self.cached,
        }
    }
}

impl Add for Raw {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        Self {
            input: self.input + o.input,
            cached: self.cached + o.cached,
            written: self.written + o.written,
            output: self.output + o.output,
            reasoning: self.reasoning + o.reasoning,
        }
    }
}

impl AddAssign for Raw {
    fn add_assign(&mut self, o: Self) {
        *self = *self + o;
    }
}
