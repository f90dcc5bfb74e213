//! Reports as JSON: every key that ccusage prints, and ours beside them.
//!
//! Nothing here depends on the clock, the machine or its paths: the same events, zone and as-of day
//! give the same bytes on every replica. Money is written with its exact decimal digits.

use std::collections::BTreeMap;

use aimon_core::history::{Dimension, Explained, Figures, Period, Report, Row};
use aimon_core::units::PicoUsd;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::labels::Labels;

/// An exact amount in dollars, written as a JSON number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dollars(pub PicoUsd);

impl Serialize for Dollars {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.0.to_dollars()).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

/// What `aimon report --json` prints, and `/v1/report` answers.
#[derive(Serialize, ToSchema, Debug)]
#[serde(rename_all = "camelCase")]
pub struct ReportJson {
    /// Present, and true, where the figures are made up.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub demo: bool,
    /// A row for each day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily: Option<Vec<RowJson>>,
    /// A row for each week, named by its first day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weekly: Option<Vec<RowJson>>,
    /// A row for each month.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monthly: Option<Vec<RowJson>>,
    /// A row for each session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Vec<RowJson>>,
    /// The sum of the rows.
    pub totals: TotalsJson,
}

/// One row.
#[derive(Serialize, ToSchema, Debug)]
#[serde(rename_all = "camelCase")]
pub struct RowJson {
    /// `2026-11-24`, a week's first day, `2026-11`, or a session.
    pub period: String,
    /// `all`; in a report by session, the session's agent as ccusage names it.
    pub agent: String,
    #[serde(flatten)]
    #[schema(inline)]
    #[allow(missing_docs)]
    pub figures: FiguresJson,
    /// The models, by name.
    pub models_used: Vec<String>,
    /// The models' figures, the most expensive first.
    pub model_breakdowns: Vec<ModelJson>,
    /// What `--by` asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<GroupJson>>,
    /// What ccusage says beside the figures.
    pub metadata: MetadataJson,
}

/// Figures of a row or of the whole.
#[derive(Serialize, ToSchema, Debug)]
#[serde(rename_all = "camelCase")]
pub struct FiguresJson {
    /// Input that no cache was involved in.
    pub input_tokens: u64,
    /// Output, with thoughts and reasoning that are billed as output.
    pub output_tokens: u64,
    /// The part of the output that the log states as thoughts or reasoning.
    pub reasoning_tokens: u64,
    /// Input written to a cache.
    pub cache_creation_tokens: u64,
    /// Input read from a cache.
    pub cache_read_tokens: u64,
    /// All of them; reasoning is in the output already.
    pub total_tokens: u64,
    /// The cost in dollars of all calls whose price is known; null where it is known of none.
    #[schema(value_type = Option<f64>)]
    pub total_cost: Option<Dollars>,
    /// What the logs themselves say that the calls cost; null where they say nothing.
    #[schema(value_type = Option<f64>)]
    pub stated_cost: Option<Dollars>,
    /// Model calls.
    pub calls: u64,
    /// Present, and true, where a provider that counts no calls tells of some of it: there are more than these.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub has_uncounted: bool,
    /// Calls whose price is not known, and which are not in the cost.
    pub unpriced_calls: u64,
    /// The least trusted quality among the calls: billed, metered, log, understated, estimated;
    /// null where there are none.
    pub quality: Option<&'static str>,
    /// What providers billed, in dollars; there only where one of them has said it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub billed_cost: Option<Dollars>,
    /// What providers billed in other currencies, by code (`EUR`): never added up.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, f64>)]
    pub billed_other: BTreeMap<String, Dollars>,
    /// What the logs say of usage for which an account's own figures stand; it is in none of the sums.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explained: Option<ExplainedJson>,
    /// Present, and true, where some of it is by UTC day and can't be cut by local days.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub by_utc_day: bool,
    /// Present, and true, where some of it is by hours, and the zone's midnight cuts one of them in two.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub by_hour: bool,
}

/// What the logs say beside an account's own figures.
#[derive(Serialize, ToSchema, Debug)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedJson {
    /// Model calls.
    pub calls: u64,
    /// As in the row.
    pub input_tokens: u64,
    /// As in the row.
    pub output_tokens: u64,
    /// As in the row.
    pub cache_creation_tokens: u64,
    /// As in the row.
    pub cache_read_tokens: u64,
    /// As in the row.
    pub total_tokens: u64,
    /// What they would cost, as far as prices are known.
    #[schema(value_type = f64)]
    pub total_cost: Dollars,
}

impl ExplainedJson {
    fn of(explained: &Explained) -> Option<Self> {
        let t = explained.sums.tokens;
        (explained.sums.calls > 0).then(|| Self {
            calls: explained.sums.calls,
            input_tokens: t.input,
            output_tokens: t.output,
            cache_creation_tokens: t.cache_write(),
            cache_read_tokens: t.cache_read,
            total_tokens: t.total(),
            total_cost: Dollars(explained.cost),
        })
    }
}

/// One model of a row.
#[derive(Serialize, ToSchema, Debug)]
#[serde(rename_all = "camelCase")]
pub struct ModelJson {
    /// As the log names it; `-fast` behind it where the fast variant was used.
    pub model_name: String,
    /// As in the row.
    pub input_tokens: u64,
    /// As in the row.
    pub output_tokens: u64,
    /// As in the row.
    pub reasoning_tokens: u64,
    /// As in the row.
    pub cache_creation_tokens: u64,
    /// As in the row.
    pub cache_read_tokens: u64,
    /// In dollars; null where the price is not known.
    #[schema(value_type = Option<f64>)]
    pub cost: Option<Dollars>,
    /// Present, and true, where the price of some calls is not known.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub missing_pricing: bool,
    /// Model calls.
    pub calls: u64,
    /// As in the row.
    pub quality: Option<&'static str>,
}

/// One part of a row, by what `--by` asked for.
#[derive(Serialize, ToSchema, Debug)]
#[serde(rename_all = "camelCase")]
pub struct GroupJson {
    /// A stable id: the model, the source, the device's id, …; empty where the log states none.
    pub group: String,
    /// How people read it.
    pub label: String,
    /// As in the row.
    pub input_tokens: u64,
    /// As in the row.
    pub output_tokens: u64,
    /// As in the row.
    pub reasoning_tokens: u64,
    /// As in the row.
    pub cache_creation_tokens: u64,
    /// As in the row.
    pub cache_read_tokens: u64,
    /// As in the row.
    pub total_tokens: u64,
    /// Model calls.
    pub requests: u64,
    /// Present, and true, where a provider that counts no calls tells of some of it: there are more than these.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub has_uncounted: bool,
    /// As in the row.
    #[schema(value_type = Option<f64>)]
    pub total_cost: Option<Dollars>,
    /// What a provider billed; null where none has said it.
    #[schema(value_type = Option<f64>)]
    pub billed_cost: Option<Dollars>,
    /// What the logs say of usage for which an account's own figures stand; it is in none of the sums.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explained: Option<ExplainedJson>,
    /// As in the row.
    pub quality: Option<&'static str>,
}

/// What ccusage says beside a row's figures.
#[derive(Serialize, ToSchema, Debug)]
#[serde(rename_all = "camelCase")]
pub struct MetadataJson {
    /// The agents, as ccusage names them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agents: Option<Vec<String>>,
    /// A session's first day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_activity: Option<String>,
    /// A session's last day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_activity: Option<String>,
}

/// The sum of the rows.
#[derive(Serialize, ToSchema, Debug)]
#[serde(rename_all = "camelCase")]
pub struct TotalsJson {
    #[serde(flatten)]
    #[schema(inline)]
    #[allow(missing_docs)]
    pub figures: FiguresJson,
    /// Models without a known price: their calls are in the tokens and not in the cost.
    pub unpriced_models: Vec<String>,
}

impl ReportJson {
    /// Puts a report in this shape.
    pub fn of(report: &Report, period: Period, by: Option<Dimension>, labels: &Labels) -> Self {
        let rows = report.rows.iter().map(|r| RowJson::of(r, period, by, labels)).collect();
        let totals = TotalsJson {
            figures: FiguresJson::of(&report.total),
            unpriced_models: report.unpriced_models.iter().cloned().collect(),
        };
        let mut out = Self { demo: labels.demo, daily: None, weekly: None, monthly: None, session: None, totals };
        match period {
            Period::Day => out.daily = Some(rows),
            Period::Week(_) => out.weekly = Some(rows),
            Period::Month => out.monthly = Some(rows),
            Period::Session => out.session = Some(rows),
        }
        out
    }
}

impl RowJson {
    /// Puts a row in this shape.
    pub fn of(row: &Row, period: Period, by: Option<Dimension>, labels: &Labels) -> Self {
        let by_session = period == Period::Session;
        let agents: Vec<String> = row.sources.iter().map(|s| as_ccusage(s).to_owned()).collect();
        let mut models: Vec<(&String, &Figures)> = row.models.iter().collect();
        models.sort_by(|(a, f), (b, g)| {
            let size = |f: &Figures| (f.known_cost().unwrap_or_default(), f.tokens().total());
            size(g).cmp(&size(f)).then_with(|| a.cmp(b))
        });
        Self {
            period: row.period.clone(),
            agent: if by_session { agents.join(",") } else { "all".to_owned() },
            figures: FiguresJson::of(&row.figures),
            models_used: row.models.keys().cloned().collect(),
            model_breakdowns: models.into_iter().map(|(name, f)| ModelJson::of(name, f)).collect(),
            groups: by.map(|by| row.groups.iter().map(|g| GroupJson::of(by, &g.id, &g.figures, labels)).collect()),
            metadata: MetadataJson {
                agents: (!by_session).then_some(agents),
                first_activity: row.days.filter(|_| by_session).map(|d| d.0.to_string()),
                last_activity: row.days.filter(|_| by_session).map(|d| d.1.to_string()),
            },
        }
    }
}

impl FiguresJson {
    /// Puts figures in this shape.
    pub fn of(f: &Figures) -> Self {
        let t = f.tokens();
        Self {
            input_tokens: t.input,
            output_tokens: t.output,
            reasoning_tokens: t.reasoning,
            cache_creation_tokens: t.cache_write(),
            cache_read_tokens: t.cache_read,
            total_tokens: t.total(),
            total_cost: f.known_cost().map(Dollars),
            stated_cost: (f.sums.stated_calls > 0).then_some(Dollars(f.sums.stated_cost)),
            calls: f.sums.calls,
            has_uncounted: f.has_uncounted,
            unpriced_calls: f.unpriced_calls,
            quality: f.quality().map(|q| q.word()),
            billed_cost: f.billed_usd().map(Dollars),
            billed_other: billed_other(f),
            explained: ExplainedJson::of(&f.explained),
            by_utc_day: f.grain.utc_days,
            by_hour: f.grain.hours,
        }
    }
}

/// What was billed in other currencies than dollars.
fn billed_other(f: &Figures) -> BTreeMap<String, Dollars> {
    let other = f.billed.iter().filter(|(currency, _)| currency.as_str() != "usd");
    other.map(|(currency, amount)| (currency.to_uppercase(), Dollars(PicoUsd(*amount)))).collect()
}

impl ModelJson {
    fn of(name: &str, f: &Figures) -> Self {
        let t = f.tokens();
        Self {
            model_name: name.to_owned(),
            input_tokens: t.input,
            output_tokens: t.output,
            reasoning_tokens: t.reasoning,
            cache_creation_tokens: t.cache_write(),
            cache_read_tokens: t.cache_read,
            cost: f.known_cost().map(Dollars),
            missing_pricing: f.unpriced_calls > 0,
            calls: f.sums.calls,
            quality: f.quality().map(|q| q.word()),
        }
    }
}

impl GroupJson {
    fn of(by: Dimension, id: &str, f: &Figures, labels: &Labels) -> Self {
        let t = f.tokens();
        Self {
            group: id.to_owned(),
            label: labels.stable(by, id),
            input_tokens: t.input,
            output_tokens: t.output,
            reasoning_tokens: t.reasoning,
            cache_creation_tokens: t.cache_write(),
            cache_read_tokens: t.cache_read,
            total_tokens: t.total(),
            requests: f.sums.calls,
            has_uncounted: f.has_uncounted,
            total_cost: f.known_cost().map(Dollars),
            billed_cost: f.billed_usd().map(Dollars),
            explained: ExplainedJson::of(&f.explained),
            quality: f.quality().map(|q| q.word()),
        }
    }
}

/// ccusage's name of an agent.
fn as_ccusage(source: &str) -> &str {
    if source == "claude-code" { "claude" } else { source }
}

/// JSON as the commands print it: indented, a line break at its end.
pub fn pretty<T: Serialize>(value: &T) -> Vec<u8> {
    // Nothing here has keys that are no text, or fails by itself.
    let mut out = serde_json::to_vec_pretty(value).unwrap_or_default();
    out.push(b'\n');
    out
}
