//! Pico-dollars as text, exactly.

use crate::json::Json;

/// How a server writes dollars into its JSON, where that varies from what a specification shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Money {
    /// A number without an exponent: `0.0000125`.
    Plain,
    /// A number with an exponent wherever it is small: `1.25e-5`.
    Exponent,
    /// A string with the plain number, as OpenAI's costs have come since 2026: `"0.0000125"`.
    Text,
    /// A string, with an exponent wherever it is zero or small: `"1.25E-5"`, `"0E-12"`.
    ExponentText,
    /// A number with digits behind the pico-dollar, as sums of floats have: rounded to pico-dollars it is exact.
    Noisy,
}

impl Money {
    /// An amount; `salt` varies the noise.
    pub(crate) fn json(self, pico: i128, salt: u64) -> Json {
        match self {
            Self::Plain => Json::Number(dollars(pico)),
            Self::Exponent => Json::Number(if small(pico) { exponent(pico, "e", 1) } else { dollars(pico) }),
            Self::Text => Json::Text(dollars(pico)),
            Self::ExponentText if pico == 0 => Json::Text("0E-12".to_owned()),
            Self::ExponentText => Json::Text(if small(pico) { exponent(pico, "E", 1) } else { dollars(pico) }),
            Self::Noisy => Json::Number(noisy(pico, salt)),
        }
    }
}

/// Dollars, with every digit that there is and no other.
pub(crate) fn dollars(pico: i128) -> String {
    decimal(pico, 12)
}

/// Cents, likewise.
pub(crate) fn cents(pico: i128) -> String {
    decimal(pico, 10)
}

/// Dollars as Python prints a float: a point always, an exponent below 0.0001.
pub(crate) fn python(pico: i128) -> String {
    if small(pico) {
        return exponent(pico, "e", 2);
    }
    let text = dollars(pico);
    if text.contains('.') { text } else { format!("{text}.0") }
}

/// Where Python, and most others, begin to write an exponent.
fn small(pico: i128) -> bool {
    pico != 0 && pico.unsigned_abs() < 100_000_000
}

fn decimal(value: i128, places: usize) -> String {
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    let fraction = fraction.trim_end_matches('0');
    let sign = if value < 0 { "-" } else { "" };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

fn exponent(pico: i128, letter: &str, least: usize) -> String {
    let digits = pico.unsigned_abs().to_string();
    let power = 13 - digits.len();
    let (first, rest) = digits.split_at(1);
    let rest = rest.trim_end_matches('0');
    let sign = if pico < 0 { "-" } else { "" };
    let point = if rest.is_empty() { "" } else { "." };
    format!("{sign}{first}{point}{rest}{letter}-{power:0>least$}")
}

fn noisy(pico: i128, salt: u64) -> String {
    // Less than half a pico-dollar, up or down, so that rounding finds the amount again.
    let noise = i128::from(salt.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) % 40_000;
    let up = salt.is_multiple_of(2) || pico == 0;
    decimal(pico * 100_000 + if up { noise } else { -noise }, 17)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        assert_eq!(dollars(1), "0.000000000001");
        assert_eq!(dollars(1_500_000_000_000), "1.5");
        assert_eq!(dollars(-20_000_000_000_000), "-20");
        assert_eq!(dollars(0), "0");
        assert_eq!(cents(3_262_370_000_000), "326.237");
        assert_eq!(python(0), "0.0");
        assert_eq!(python(3_000_000_000_000), "3.0");
        assert_eq!(python(9_500_000), "9.5e-06");
        assert_eq!(python(100_000_000), "0.0001");
    }

    #[test]
    fn habits_write_the_same_amount_otherwise() {
        let text = |money: Money, pico| money.json(pico, 3).to_string();
        assert_eq!(text(Money::Exponent, 12_500_000), "1.25e-5");
        assert_eq!(text(Money::Exponent, 12_000_000_000_000), "12");
        assert_eq!(text(Money::Text, 12_500_000), "\"0.0000125\"");
        assert_eq!(text(Money::ExponentText, 12_500_000), "\"1.25E-5\"");
        assert_eq!(text(Money::ExponentText, 0), "\"0E-12\"");
    }

    #[test]
    fn noise_is_less_than_half_a_pico_dollar() {
        for salt in 0..200 {
            let pico = 127_440_000_003;
            let text = noisy(pico, salt);
            let digits: i128 = format!("{:0<19}", text.replace('.', "")).parse().expect("digits");
            let scaled = digits / 10; // 0. and 17 places
            assert_eq!((scaled + 50_000).div_euclid(100_000), pico, "{text}");
        }
    }
}
