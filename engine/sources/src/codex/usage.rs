//! The counts of one `token_usage` object, and arithmetic on them kind by kind.

use aimon_core::units::Tokens;
use serde::{Deserialize, Serialize};

use crate::json::{JsonError, Kind, Scanner, Value};
use crate::shape::MOST;

/// Counts as Codex writes them: cached and cache-write tokens are a part of `input`, reasoning is
/// a part of `output`. Either one call's, or a counter that has grown since its session began.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Usage {
    pub input: u64,
    pub cached: u64,
    pub cache_write: u64,
    pub output: u64,
    pub reasoning: u64,
}

impl Usage {
    /// Nothing that is paid for. (After a compaction Codex writes only an estimated
    /// `total_tokens`, which is none of these.)
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }

    /// All tokens: the other kinds are parts of these two.
    pub fn sum(&self) -> u64 {
        self.input.saturating_add(self.output)
    }

    /// Kind by kind, the smaller.
    pub fn min(self, o: Self) -> Self {
        self.zip(o, u64::min)
    }

    /// Kind by kind, by how much this is above `o`.
    pub fn above(self, o: Self) -> Self {
        self.zip(o, u64::saturating_sub)
    }

    /// This less `o`, if no kind goes below zero.
    pub fn minus(self, o: Self) -> Option<Self> {
        self.covers(o).then(|| self.above(o))
    }

    /// Whether a counter that stood at `o` can have grown to this.
    pub fn covers(self, o: Self) -> bool {
        self.input >= o.input
            && self.cached >= o.cached
            && self.cache_write >= o.cache_write
            && self.output >= o.output
            && self.reasoning >= o.reasoning
    }

    /// Fixed bytes, for the identity.
    pub fn bytes(self) -> [u8; 40] {
        let mut out = [0; 40];
        let kinds = [self.input, self.cached, self.cache_write, self.output, self.reasoning];
        for (slot, kind) in out.chunks_exact_mut(8).zip(kinds) {
            slot.copy_from_slice(&kind.to_le_bytes());
        }
        out
    }

    /// As kinds that do not overlap. A part is never more than its whole.
    pub fn tokens(self) -> Tokens {
        let cache_read = self.cached.min(self.input);
        let cache_write_5m = self.cache_write.min(self.input - cache_read);
        Tokens {
            input: self.input - cache_read - cache_write_5m,
            output: self.output,
            reasoning: self.reasoning.min(self.output),
            cache_write_5m,
            cache_write_1h: 0,
            cache_read,
        }
    }

    fn zip(self, o: Self, f: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            input: f(self.input, o.input),
            cached: f(self.cached, o.cached),
            cache_write: f(self.cache_write, o.cache_write),
            output: f(self.output, o.output),
            reasoning: f(self.reasoning, o.reasoning),
        }
    }
}

/// Reads a usage object; `None` if it is no object or has none of the counts. `absurd` is set by
/// a count that nobody can have counted.
///
/// Names differ by version and by what saved the log; of two names for one count, Codex's own goes
/// first wherever it stands.
pub(super) fn read(s: &mut Scanner<'_>, absurd: &mut bool) -> Result<Option<Usage>, JsonError> {
    let [mut input, mut cached, mut write, mut output, mut reasoning] = [Best::default(); 5];
    let object = s.object(|s, key| {
        let (slot, rank) = match key {
            b"input_tokens" => (&mut input, 3),
            b"prompt_tokens" => (&mut input, 2),
            b"input" => (&mut input, 1),
            b"cached_input_tokens" => (&mut cached, 3),
            b"cache_read_input_tokens" => (&mut cached, 2),
            b"cached_tokens" => (&mut cached, 1),
            b"cache_write_input_tokens" => (&mut write, 1),
            b"output_tokens" => (&mut output, 3),
            b"completion_tokens" => (&mut output, 2),
            b"output" => (&mut output, 1),
            b"reasoning_output_tokens" => (&mut reasoning, 2),
            b"reasoning_tokens" => (&mut reasoning, 1),
            _ => return Ok(()),
        };
        let value = s.value()?;
        if rank >= slot.rank {
            match count(value) {
                Ok(Some(count)) => *slot = Best { rank, count },
                Ok(None) => {}
                Err(Absurd) => *absurd = true,
            }
        }
        Ok(())
    })?;
    let any = [input, cached, write, output, reasoning].iter().any(|best| best.rank > 0);
    Ok((object && any).then_some(Usage {
        input: input.count,
        cached: cached.count,
        cache_write: write.count,
        output: output.count,
        reasoning: reasoning.count,
    }))
}

/// A count, and how good the name is under which it was found (0: not found).
#[derive(Clone, Copy, Default)]
struct Best {
    rank: u8,
    count: u64,
}

struct Absurd;

/// `null` and things that are no number say nothing; negative, fractional and enormous ones are
/// absurd.
fn count(value: Value<'_>) -> Result<Option<u64>, Absurd> {
    let count = match value.kind() {
        Kind::Number => value.u64(),
        Kind::String => match value.str().map(|text| text.trim().parse()) {
            Some(Ok(count)) => Some(count),
            _ => return Ok(None),
        },
        _ => return Ok(None),
    };
    count.filter(|count| *count <= MOST).map(Some).ok_or(Absurd)
}
