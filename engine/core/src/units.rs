//! Figures: integers with a unit. No floating point touches them.

use std::iter::Sum;
use std::ops::{Add, AddAssign};

/// Tokens of one call, or of many, by kind. Kinds do not overlap, except that `reasoning` is a
/// part of `output`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Tokens {
    /// Input that was neither read from nor written to a cache.
    pub input: u64,
    /// Output, reasoning and thoughts included: all that is billed as output.
    pub output: u64,
    /// The part of `output` that the log states as reasoning or thoughts.
    pub reasoning: u64,
    /// Input written to a cache for five minutes (or for a time that the log does not state).
    pub cache_write_5m: u64,
    /// Input written to a cache for one hour.
    pub cache_write_1h: u64,
    /// Input read from a cache.
    pub cache_read: u64,
}

impl Tokens {
    /// All tokens: input, output and cache; reasoning is in the output already.
    pub fn total(&self) -> u64 {
        self.prompt().saturating_add(self.output)
    }

    /// Everything that went in: fresh input, cache writes and cache reads.
    pub fn prompt(&self) -> u64 {
        self.input.saturating_add(self.cache_write()).saturating_add(self.cache_read)
    }

    /// Cache writes of both lifetimes.
    pub fn cache_write(&self) -> u64 {
        self.cache_write_5m.saturating_add(self.cache_write_1h)
    }

    /// Whether there is nothing to count.
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }

    /// The six kinds in declaration order.
    pub fn kinds(&self) -> [u64; 6] {
        [self.input, self.output, self.reasoning, self.cache_write_5m, self.cache_write_1h, self.cache_read]
    }

    /// The inverse of [`Tokens::kinds`].
    pub fn from_kinds(k: [u64; 6]) -> Self {
        Self {
            input: k[0],
            output: k[1],
            reasoning: k[2],
            cache_write_5m: k[3],
            cache_write_1h: k[4],
            cache_read: k[5],
        }
    }
}

impl AddAssign for Tokens {
    fn add_assign(&mut self, o: Self) {
        self.input = self.input.saturating_add(o.input);
        self.output = self.output.saturating_add(o.output);
        self.reasoning = self.reasoning.saturating_add(o.reasoning);
        self.cache_write_5m = self.cache_write_5m.saturating_add(o.cache_write_5m);
        self.cache_write_1h = self.cache_write_1h.saturating_add(o.cache_write_1h);
        self.cache_read = self.cache_read.saturating_add(o.cache_read);
    }
}

impl Add for Tokens {
    type Output = Self;
    fn add(mut self, o: Self) -> Self {
        self += o;
        self
    }
}

impl Sum for Tokens {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::default(), Add::add)
    }
}

/// Money: 10⁻¹² US dollars. A million tokens at $0.000001 a million is still a whole number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct PicoUsd(pub i128);

impl PicoUsd {
    /// One dollar.
    pub const DOLLAR: i128 = 1_000_000_000_000;

    /// Reads a decimal number of dollars as JSON writes it (`0.0123`, `1.5e-6`); digits under a
    /// pico-dollar are rounded half to even. `None` if it is no number or too large.
    pub fn parse_dollars(text: &str) -> Option<Self> {
        Self::parse(text, Self::DOLLAR)
    }

    /// The same of a number of cents.
    pub fn parse_cents(text: &str) -> Option<Self> {
        Self::parse(text, Self::DOLLAR / 100)
    }

    /// A decimal number of units that are each worth so many.
    fn parse(text: &str, unit: i128) -> Option<Self> {
        use rust_decimal::prelude::ToPrimitive;
        let text = text.trim();
        let decimal = if text.contains(['e', 'E']) {
            rust_decimal::Decimal::from_scientific(text).ok()?
        } else {
            // More digits than a decimal holds: exact to 28 places is more than pico.
            rust_decimal::Decimal::from_str_exact(text).or_else(|_| text.parse()).ok()?
        };
        let pico = decimal.checked_mul(rust_decimal::Decimal::from(unit))?;
        pico.round().to_i128().map(Self)
    }

    /// The exact decimal number of dollars, without trailing zeros: `0.0123`.
    pub fn to_dollars(self) -> String {
        let sign = if self.0 < 0 { "-" } else { "" };
        let abs = self.0.unsigned_abs();
        let (whole, part) = (abs / Self::DOLLAR as u128, abs % Self::DOLLAR as u128);
        let part = format!("{part:012}");
        let part = part.trim_end_matches('0');
        if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
    }

    /// Dollars and cents, rounded half away from zero: `1234.56`.
    pub fn to_cents(self) -> String {
        let cent = Self::DOLLAR as u128 / 100;
        let cents = (self.0.unsigned_abs() + cent / 2) / cent;
        let sign = if self.0 < 0 && cents > 0 { "-" } else { "" };
        format!("{sign}{}.{:02}", cents / 100, cents % 100)
    }
}

impl AddAssign for PicoUsd {
    fn add_assign(&mut self, o: Self) {
        self.0 = self.0.saturating_add(o.0);
    }
}

impl Add for PicoUsd {
    type Output = Self;
    fn add(mut self, o: Self) -> Self {
        self += o;
        self
    }
}

impl Sum for PicoUsd {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::default(), Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_exact() {
        assert_eq!(PicoUsd::parse_dollars("0.1"), Some(PicoUsd(100_000_000_000)));
        assert_eq!(PicoUsd::parse_dollars("1.25e-6"), Some(PicoUsd(1_250_000)));
        assert_eq!(PicoUsd::parse_dollars("-3"), Some(PicoUsd(-3_000_000_000_000)));
        assert_eq!(PicoUsd::parse_dollars("0.30000000000000004"), Some(PicoUsd(300_000_000_000)));
        assert_eq!(PicoUsd::parse_dollars("0.0000000000015"), Some(PicoUsd(2)), "half to even");
        assert_eq!(PicoUsd::parse_dollars("0.0000000000025"), Some(PicoUsd(2)), "half to even");
        assert_eq!(PicoUsd::parse_cents("123.78912"), Some(PicoUsd(1_237_891_200_000)));
        assert_eq!(PicoUsd::parse_dollars("NaN"), None);
        assert_eq!(PicoUsd(1_500_000_000_000).to_dollars(), "1.5");
        assert_eq!(PicoUsd(-1).to_cents(), "0.00");
        assert_eq!(PicoUsd(1_234_565_000_000_000).to_cents(), "1234.57");
    }
}
