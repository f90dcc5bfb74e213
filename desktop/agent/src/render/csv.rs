//! Reports as comma-separated values (RFC 4180), exact.

use aimon_core::history::{Figures, Report};
use aimon_core::name::Name;
use aimon_core::units::PicoUsd;

use super::labels::Labels;
use super::table::Parts;
use super::text::visible;

/// A line for each row, or for each part of it.
pub fn report(report: &Report, parts: Parts, labels: &Labels) -> String {
    let mut out = String::from(match parts {
        Parts::None => "period",
        Parts::Models => "period,model",
        Parts::Groups(_) => "period,group,label",
    });
    out.push_str(
        ",inputTokens,outputTokens,reasoningTokens,cacheCreationTokens,cacheReadTokens,totalTokens,\
         totalCost,statedCost,calls,unpricedCalls,quality,billedCost,billedOther",
    );
    // The last column, and only in a demo: what reads real figures by position or by name finds them as ever.
    let demo = if labels.demo { ",true\r\n" } else { "\r\n" };
    out.push_str(if labels.demo { ",demo\r\n" } else { "\r\n" });
    for row in &report.rows {
        let period = row.period.as_str();
        match parts {
            Parts::None => line(&mut out, &[period], &row.figures, demo),
            Parts::Models => row.models.iter().for_each(|(model, f)| line(&mut out, &[period, model], f, demo)),
            Parts::Groups(by) => {
                for g in &row.groups {
                    line(&mut out, &[period, &g.id, &labels.stable(by, &g.id)], &g.figures, demo);
                }
            }
        }
    }
    out
}

fn line(out: &mut String, names: &[&str], f: &Figures, end: &str) {
    let t = f.tokens();
    let dollars = |cost: Option<PicoUsd>| cost.map(|c| c.to_dollars()).unwrap_or_default();
    let stated = (f.sums.stated_calls > 0).then_some(f.sums.stated_cost);
    let figures = [
        t.input.to_string(),
        t.output.to_string(),
        t.reasoning.to_string(),
        t.cache_write().to_string(),
        t.cache_read.to_string(),
        t.total().to_string(),
        // Unknown is empty, not 0.
        dollars(f.known_cost()),
        dollars(stated),
        f.sums.calls.to_string(),
        f.unpriced_calls.to_string(),
        f.quality().map(|q| q.word()).unwrap_or_default().to_owned(),
        dollars(f.billed_usd()),
        field(&other(f)),
    ];
    let fields: Vec<String> = names.iter().map(|n| field(n)).chain(figures).collect();
    out.push_str(&fields.join(","));
    out.push_str(end);
}

/// What was billed in other currencies, each by itself: `EUR 1.5; JPY 300`.
fn other(f: &Figures) -> String {
    let others = f.billed.iter().filter(|(currency, _)| currency.as_str() != "usd");
    let other = |(currency, amount): (&Name, &i128)| {
        format!("{} {}", currency.as_str().to_uppercase(), PicoUsd(*amount).to_dollars())
    };
    others.map(other).collect::<Vec<_>>().join("; ")
}

/// Quotes what has to be. A text that a spreadsheet would run as a formula is made harmless: names
/// of models and sessions come from files that others may have written.
fn field(text: &str) -> String {
    let text = visible(text);
    let text = if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text.into_owned() };
    if text.contains([',', '"']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use aimon_core::history::Figures;

    use super::{field, line};

    #[test]
    fn other_currencies_stand_apart() {
        let billed = [("usd", 1_500_000_000_000), ("eur", -250_000_000_000), ("jpy", 3_000_000_000_000)];
        let billed = billed.map(|(currency, amount)| (currency.into(), amount)).into();
        let mut out = String::new();
        line(&mut out, &["2026-11-28"], &Figures { billed, ..Figures::default() }, "");
        assert!(out.ends_with(",1.5,EUR -0.25; JPY 3"), "{out}");
    }

    #[test]
    fn fields_are_quoted_where_they_have_to_be() {
        assert_eq!(field("gpt-5"), "gpt-5");
        assert_eq!(field("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(field("=1+1"), "'=1+1");
        assert_eq!(field("\u{1b}[2J\n"), "�[2J�");
    }
}
