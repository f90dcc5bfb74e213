//! Blocks as text, and as JSON with ccusage's keys.

use aimon_core::history::blocks::{Block, Burn};
use aimon_core::time::UtcMillis;
use aimon_core::units::PicoUsd;
use jiff::tz::TimeZone;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::grid::{Grid, Head, Weight, figures, fit, words};
use super::json::Dollars;
use super::number::{count, exact, money, percent, short};
use super::status::Percent;
use super::table::shown_model;
use super::text::{name, names, wrapped};
use crate::paint;

/// What is shown of blocks.
#[derive(Debug)]
pub struct Shown<'a> {
    /// The blocks.
    pub blocks: &'a [Block],
    /// How many tokens a block may have, where somebody wants to know.
    pub limit: Option<u64>,
    /// What time it is.
    pub now: UtcMillis,
    /// Whose hours are shown.
    pub zone: &'a TimeZone,
}

impl Shown<'_> {
    /// All of them, a row each.
    pub fn table(&self, width: usize) -> String {
        fit(width, [self.grid(true, true), self.grid(false, true), self.grid(false, false)])
    }

    fn grid(&self, models: bool, wide: bool) -> Grid {
        let mut heads: Vec<Head> = vec![words("Begins"), words("Time used")];
        heads.extend(models.then_some(words("Models")));
        heads.push(figures("Tokens"));
        heads.extend(self.limit.map(|_| figures("Of limit")));
        heads.push(figures("Cost"));
        let mut grid = Grid::new(&heads);
        let number = |n: u64| if wide { exact(n) } else { short(n) };
        let mut row = |weight, begins: String, what: String, used: Option<(&[_], u64, Option<PicoUsd>)>| {
            let mut cells = vec![begins, what];
            let shown = |m: &aimon_core::name::Name| name(&shown_model(m));
            let list = used.map(|(list, ..)| list.iter().map(shown).collect::<Vec<_>>().join(", "));
            cells.extend(models.then(|| list.unwrap_or_default()));
            cells.push(used.map_or_else(|| "–".to_owned(), |(_, tokens, _)| number(tokens)));
            cells
                .extend(self.limit.map(|limit| used.map_or_else(String::new, |(_, n, _)| percent(of_limit(n, limit)))));
            let cost = used.and_then(|(.., cost)| cost);
            cells.push(match used {
                None => "–".to_owned(),
                Some(_) => cost.map_or_else(|| "unknown".to_owned(), money),
            });
            grid.row(weight, cells);
        };
        for block in self.blocks {
            let begins =
                if wide { self.time(block.start, "%Y-%m-%d %H:%M") } else { self.time(block.start, "%m-%d %H:%M") };
            let Some((_, last)) = block.calls_at else {
                let what = format!("nothing for {}", span(block.end.0.saturating_sub(block.start.0)));
                row(Weight::Part, begins, what, None);
                continue;
            };
            let what = match block.is_active(self.now) {
                true if wide => format!("active, {} left", span(block.end.0.saturating_sub(self.now.0))),
                true => format!("{} left", span(block.end.0.saturating_sub(self.now.0))),
                false => span(last.0.saturating_sub(block.start.0)),
            };
            row(Weight::Plain, begins, what, Some((&block.models, block.tokens.total(), cost(block))));
            if let Some(ends) = block.projection(self.now) {
                let cost = cost(block).map(|_| ends.cost);
                row(Weight::Part, "  projected".to_owned(), String::new(), Some((&[], ends.tokens, cost)));
            }
        }
        grid
    }

    /// The one that runs, at length.
    pub fn active(&self, width: usize) -> String {
        let Some(block) = self.blocks.iter().find(|block| block.is_active(self.now)) else {
            return wrapped(
                "No block is active: nothing was used for five hours, or the last one has ended.",
                0,
                width,
            );
        };
        let mut grid = Grid::new(&[words(""), words("")]);
        let mut row = |what: &str, said: String| grid.row(Weight::Plain, vec![format!("  {what}"), said]);
        let gone = self.now.0.saturating_sub(block.start.0);
        row("Began", format!("{}, {} ago", self.time(block.start, "%Y-%m-%d %H:%M"), span(gone)));
        row("Ends", format!("{}, in {}", self.time(block.end, "%H:%M"), span(block.end.0.saturating_sub(self.now.0))));
        let total = block.tokens.total();
        let of = |n: u64| {
            self.limit.map_or_else(String::new, |limit| format!(" ({} of the limit)", percent(of_limit(n, limit))))
        };
        let cost_text = |amount: PicoUsd| cost(block).map_or_else(|| "cost unknown".to_owned(), |_| money(amount));
        row("Used", format!("{} tokens{}, {}", short(total), of(total), cost_text(block.cost)));
        if let Some(burn) = block.burn() {
            let tokens = short(burn.milli_tokens_per_minute / 1000);
            row("Pace", format!("{tokens} tokens a minute, {} an hour", cost_text(burn.cost_per_hour)));
        }
        if let Some(ends) = block.projection(self.now) {
            row("Projected", format!("{} tokens{}, {}", short(ends.tokens), of(ends.tokens), cost_text(ends.cost)));
        }
        if !block.models.is_empty() {
            row("Models", names(block.models.iter().map(|m| shown_model(m))));
        }
        fit(width, [grid])
    }

    /// Models without a known price.
    pub fn note(&self) -> Option<String> {
        let calls: u64 = self.blocks.iter().map(|block| block.unpriced_calls).sum();
        let (are, their) = if calls == 1 { ("is", "its") } else { ("are", "their") };
        let note = format!("{} {are} not in the cost, because {their} price is unknown", count(calls, "call"));
        (calls > 0).then(|| format!("\n{}\n", paint::dim(&note)))
    }

    fn time(&self, at: UtcMillis, format: &str) -> String {
        let zoned =
            jiff::Timestamp::from_millisecond(at.0).map(|t| self.zone.to_datetime(t).strftime(format).to_string());
        zoned.unwrap_or_default()
    }

    /// As ccusage prints it.
    pub fn json(&self) -> BlocksJson {
        BlocksJson { blocks: self.blocks.iter().map(|block| self.block(block)).collect() }
    }

    fn block(&self, block: &Block) -> BlockJson {
        let start = stamp(block.start);
        let projection = block.projection(self.now);
        BlockJson {
            id: if block.is_gap() { format!("gap-{start}") } else { start.clone() },
            start_time: start,
            end_time: stamp(block.end),
            actual_end_time: block.calls_at.map(|(_, last)| stamp(last)),
            is_active: block.is_active(self.now),
            is_gap: block.is_gap(),
            entries: block.calls,
            token_counts: CountsJson {
                input_tokens: block.tokens.input,
                output_tokens: block.tokens.output,
                cache_creation_input_tokens: block.tokens.cache_write(),
                cache_read_input_tokens: block.tokens.cache_read,
            },
            total_tokens: block.tokens.total(),
            cost: Dollars(block.cost),
            unpriced_calls: block.unpriced_calls,
            models: block.models.iter().map(|model| model.to_string()).collect(),
            burn_rate: block.burn().filter(|_| block.is_active(self.now)).map(BurnJson::of),
            projection: projection.map(|ends| ProjectionJson {
                total_tokens: ends.tokens,
                total_cost: Dollars(PicoUsd(rounded(ends.cost.0, PicoUsd::DOLLAR / 100))),
                remaining_minutes: ends.minutes,
            }),
            token_limit_status: self.limit.zip(projection).map(|(limit, ends)| {
                let used = of_limit(ends.tokens, limit);
                LimitJson {
                    limit,
                    projected_usage: ends.tokens,
                    percent_used: Percent(used),
                    status: match used {
                        1_000_001.. => "exceeds",
                        800_001.. => "warning",
                        _ => "ok",
                    },
                }
            }),
        }
    }
}

/// What a block cost; `None` where no call of it has a known price.
fn cost(block: &Block) -> Option<PicoUsd> {
    (block.calls == 0 || block.unpriced_calls < block.calls).then_some(block.cost)
}

/// In millionths of a limit.
fn of_limit(tokens: u64, limit: u64) -> u64 {
    u64::try_from(u128::from(tokens) * 1_000_000 / u128::from(limit.max(1))).unwrap_or(u64::MAX)
}

/// To a whole number of units, half away from zero.
fn rounded(n: i128, unit: i128) -> i128 {
    (n + n.signum() * unit / 2) / unit * unit
}

/// `35m`, `4h 05m`.
fn span(ms: i64) -> String {
    let minutes = ms.max(0) / 60_000;
    match (minutes / 60, minutes % 60) {
        (0, m) => format!("{m}m"),
        (h, m) => format!("{h}h {m:02}m"),
    }
}

fn stamp(at: UtcMillis) -> String {
    let time = jiff::Timestamp::from_millisecond(at.0).map(|time| format!("{time:.3}"));
    time.unwrap_or_default()
}

/// What `aimon blocks --json` prints.
#[derive(Serialize, Debug)]
pub struct BlocksJson {
    blocks: Vec<BlockJson>,
}

#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
struct BlockJson {
    id: String,
    start_time: String,
    end_time: String,
    actual_end_time: Option<String>,
    is_active: bool,
    is_gap: bool,
    entries: u64,
    token_counts: CountsJson,
    total_tokens: u64,
    #[serde(rename = "costUSD")]
    cost: Dollars,
    /// Not ccusage's.
    #[serde(skip_serializing_if = "is_none")]
    unpriced_calls: u64,
    models: Vec<String>,
    burn_rate: Option<BurnJson>,
    projection: Option<ProjectionJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_limit_status: Option<LimitJson>,
}

fn is_none(n: &u64) -> bool {
    *n == 0
}

#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
struct CountsJson {
    input_tokens: u64,
    output_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
}

#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
struct BurnJson {
    tokens_per_minute: Thousandths,
    tokens_per_minute_for_indicator: Thousandths,
    cost_per_hour: Dollars,
}

impl BurnJson {
    fn of(burn: Burn) -> Self {
        Self {
            tokens_per_minute: Thousandths(burn.milli_tokens_per_minute),
            tokens_per_minute_for_indicator: Thousandths(burn.milli_uncached_per_minute),
            cost_per_hour: Dollars(burn.cost_per_hour),
        }
    }
}

#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
struct ProjectionJson {
    total_tokens: u64,
    total_cost: Dollars,
    remaining_minutes: u64,
}

#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
struct LimitJson {
    limit: u64,
    projected_usage: u64,
    percent_used: Percent,
    status: &'static str,
}

/// Thousandths, written as a decimal number.
#[derive(Debug)]
struct Thousandths(u64);

impl Serialize for Thousandths {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = format!("{}.{:03}", self.0 / 1000, self.0 % 1000);
        let text = text.trim_end_matches('0').trim_end_matches('.').to_owned();
        RawValue::from_string(text).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_decimal_numbers() {
        let json = |n| serde_json::to_string(&Thousandths(n)).unwrap_or_default();
        assert_eq!(
            (json(350_500), json(12_000), json(100_000), json(7)),
            ("350.5".into(), "12".into(), "100".into(), "0.007".into())
        );
        assert_eq!((rounded(14, 10), rounded(15, 10), rounded(-15, 10)), (10, 20, -20));
        assert_eq!((span(59_999), span(3_900_000), span(-1)), ("0m".to_owned(), "1h 05m".to_owned(), "0m".to_owned()));
        assert_eq!(stamp(UtcMillis(1_795_478_400_000)), "2026-11-24T00:00:00.000Z");
    }
}
