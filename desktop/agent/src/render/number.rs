//! Numbers as text. Integers all the way: nothing is rounded twice.

use std::collections::BTreeMap;

use aimon_core::name::Name;
use aimon_core::units::PicoUsd;

/// `$1,234.56`; `<$0.01` for what is less than a cent and not nothing.
pub fn money(amount: PicoUsd) -> String {
    let cent = PicoUsd::DOLLAR / 100;
    if amount.0 > 0 && amount.0 < cent {
        return "<$0.01".to_owned();
    }
    if amount.0 < 0 && amount.0 > -cent {
        return "-<$0.01".to_owned();
    }
    let text = amount.to_cents();
    let (sign, text) = text.strip_prefix('-').map_or(("", text.as_str()), |t| ("-", t));
    let (whole, cents) = text.split_once('.').unwrap_or((text, "00"));
    format!("{sign}${}.{cents}", grouped(whole))
}

/// Amounts by currency, in 10⁻¹² of each, which are never added up: `-$1.75 + JPY 0`, `$3.00 - EUR 1.20`. Dollars come first.
pub fn amounts(all: &BTreeMap<Name, i128>) -> String {
    let mut text = String::new();
    let is_dollars = |currency: &Name| currency.as_str() == "usd";
    let dollars = all.iter().filter(|(currency, _)| is_dollars(currency));
    for (currency, amount) in dollars.chain(all.iter().filter(|(currency, _)| !is_dollars(currency))) {
        let one = if is_dollars(currency) { money(PicoUsd(*amount)) } else { foreign(currency, *amount) };
        match one.strip_prefix('-') {
            _ if text.is_empty() => text = one,
            Some(less) => text.push_str(&format!(" - {less}")),
            None => text.push_str(&format!(" + {one}")),
        }
    }
    text
}

/// `EUR 1,234.56`, `-EUR 3.00`, `JPY 120`, `<JPY 1`: with as many digits as people pay in.
fn foreign(currency: &str, amount: i128) -> String {
    const WHOLE: [&str; 16] = [
        "bif", "clp", "djf", "gnf", "isk", "jpy", "kmf", "krw", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xof", "xpf",
    ];
    let least = if WHOLE.contains(&currency) { PicoUsd::DOLLAR } else { PicoUsd::DOLLAR / 100 };
    let name = currency.to_uppercase();
    let is_whole = least == PicoUsd::DOLLAR;
    if (1..least).contains(&amount) {
        return format!("<{name} {}", if is_whole { "1" } else { "0.01" });
    }
    let units = (amount.unsigned_abs() + least.unsigned_abs() / 2) / least.unsigned_abs();
    let sign = if amount < 0 && units > 0 { "-" } else { "" };
    let digits = match is_whole {
        true => grouped(&units.to_string()),
        false => format!("{}.{:02}", grouped(&(units / 100).to_string()), units % 100),
    };
    format!("{sign}{name} {digits}")
}

/// `1,234,567`.
pub fn exact(n: u64) -> String {
    grouped(&n.to_string())
}

/// `950`, `12.3K`, `35.8M`, `1.2B`: at most one decimal, rounded half up.
pub fn short(n: u64) -> String {
    const UNITS: [&str; 6] = ["K", "M", "B", "T", "P", "E"];
    if n < 1000 {
        return n.to_string();
    }
    let n = u128::from(n);
    let mut unit: u128 = 1000;
    for (i, name) in UNITS.iter().enumerate() {
        let tenths = (n * 10 + unit / 2) / unit;
        // 999,950 is a million, not 1000.0K.
        if tenths < 10_000 || i + 1 == UNITS.len() {
            return format!("{}.{}{name}", tenths / 10, tenths % 10);
        }
        unit *= 1000;
    }
    n.to_string()
}

/// Parts per million as `12.5%`, without a decimal that says nothing.
pub fn percent(ppm: u64) -> String {
    let tenths = (ppm + 500) / 1000;
    if tenths.is_multiple_of(10) { format!("{}%", tenths / 10) } else { format!("{}.{}%", tenths / 10, tenths % 10) }
}

/// A time that lies ahead: `3d 20h`, `3h 53m`, `12m`, `now`. The two greatest units.
pub fn countdown(seconds: i64) -> String {
    let minutes = seconds.max(0).saturating_add(59) / 60;
    let (days, hours, minutes) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => "now".to_owned(),
        (0, 0, m) => format!("{m}m"),
        (0, h, m) => format!("{h}h {m:02}m"),
        (d, h, _) => format!("{d}d {h}h"),
    }
}

/// A time that has passed: `just now`, `5 min ago`, `3 h ago`, `2 days ago`.
pub fn ago(seconds: i64) -> String {
    match seconds.max(0) {
        0..60 => "just now".to_owned(),
        s @ 60..3600 => format!("{} min ago", s / 60),
        s @ 3600..172_800 => format!("{} h ago", s / 3600),
        s => format!("{} days ago", s / 86_400),
    }
}

/// `1 call`, `2 calls`.
pub fn count(n: u64, one: &str) -> String {
    format!("{} {one}{}", exact(n), if n == 1 { "" } else { "s" })
}

/// `1 file or folder`, `2 files or folders`.
pub fn unreadable(n: u64) -> String {
    if n == 1 { "1 file or folder".to_owned() } else { format!("{} or folders", count(n, "file")) }
}

/// Bytes as `1.2 MB`.
pub fn bytes(n: u64) -> String {
    match short(n) {
        s if n < 1000 => format!("{s} B"),
        s => format!("{} {}B", &s[..s.len() - 1], if s.ends_with('B') { "G" } else { &s[s.len() - 1..] }),
    }
}

fn grouped(digits: &str) -> String {
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unreadable_may_be_a_folder() {
        assert_eq!((unreadable(1), unreadable(2)), ("1 file or folder".to_owned(), "2 files or folders".to_owned()));
    }

    #[test]
    fn money_reads_well() {
        let usd = |t: &str| money(PicoUsd::parse_dollars(t).unwrap_or_default());
        assert_eq!(usd("1234.56"), "$1,234.56");
        assert_eq!(usd("0"), "$0.00");
        assert_eq!(usd("0.009999"), "<$0.01");
        assert_eq!(usd("0.01"), "$0.01");
        assert_eq!(usd("1234567.895"), "$1,234,567.90");
        assert_eq!(usd("-0.001"), "-<$0.01", "never -0, nor nothing");
        assert_eq!(usd("-12.5"), "-$12.50");
        assert_eq!(money(PicoUsd(1)), "<$0.01");
    }

    #[test]
    fn several_currencies_read_well() {
        let of = |all: &[(&str, &str)]| {
            let pico = |text: &str| PicoUsd::parse_dollars(text).unwrap_or_default().0;
            amounts(&all.iter().map(|(currency, text)| (Name::from(*currency), pico(text))).collect())
        };
        assert_eq!(of(&[]), "");
        assert_eq!(of(&[("jpy", "0"), ("usd", "-1.75")]), "-$1.75 + JPY 0");
        assert_eq!(of(&[("eur", "-1.2"), ("usd", "3")]), "$3.00 - EUR 1.20");
        assert_eq!(of(&[("eur", "-1234.567"), ("jpy", "12345.5")]), "-EUR 1,234.57 + JPY 12,346");
        assert_eq!(of(&[("jpy", "0.4"), ("eur", "0.001"), ("usd", "0.001")]), "<$0.01 + <EUR 0.01 + <JPY 1");
        assert_eq!(of(&[("jpy", "-0.4")]), "JPY 0", "never -0");
    }

    #[test]
    fn tokens_read_well() {
        assert_eq!(exact(0), "0");
        assert_eq!(exact(999), "999");
        assert_eq!(exact(1_234_567), "1,234,567");
        assert_eq!(short(999), "999");
        assert_eq!(short(1_000), "1.0K");
        assert_eq!(short(35_849_999), "35.8M");
        assert_eq!(short(999_949), "999.9K");
        assert_eq!(short(999_950), "1.0M");
        assert_eq!(short(1_200_000_000), "1.2B");
        assert_eq!(short(u64::MAX), "18.4E");
    }

    #[test]
    fn shares_and_times_read_well() {
        assert_eq!(percent(125_000), "12.5%");
        assert_eq!(percent(330_000), "33%");
        assert_eq!(percent(0), "0%");
        assert_eq!(percent(1_004_000), "100.4%");
        assert_eq!(countdown(13_980), "3h 53m");
        assert_eq!(countdown(331_200), "3d 20h");
        assert_eq!(countdown(61), "2m");
        assert_eq!(countdown(-5), "now");
        assert_eq!(ago(59), "just now");
        assert_eq!(ago(7200), "2 h ago");
        assert_eq!(ago(200_000), "2 days ago");
        assert_eq!(count(1, "call"), "1 call");
        assert_eq!(count(1200, "call"), "1,200 calls");
        assert_eq!(bytes(12), "12 B");
        assert_eq!(bytes(1_250_000), "1.3 MB");
        assert_eq!(bytes(2_000_000_000), "2.0 GB");
    }
}
