//! What tools were asked, understood as the command line is.

use clap::ValueEnum;
use rmcp::model::JsonObject;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Given;
use crate::cli::{ByArg, ModeArg, PeriodArg, RangeArgs, ReportArgs, StatusArgs, WeekdayArg};
use crate::dates::Day;
use crate::error::{Error, Result};

/// What `usage_report` can be asked.
#[derive(Deserialize, Default, Debug)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ReportAsked {
    period: Option<String>,
    since: Option<String>,
    until: Option<String>,
    timezone: Option<String>,
    as_of: Option<String>,
    source: Vec<String>,
    model: Vec<String>,
    device: Vec<String>,
    by: Option<String>,
    mode: Option<String>,
    start_of_week: Option<String>,
}

impl ReportAsked {
    /// As `aimon report` would have been asked.
    ///
    /// # Errors
    /// `bad-parameter`, or `not-opted-in` for what is not told.
    pub fn args(arguments: JsonObject, given: Given) -> Result<ReportArgs> {
        let asked: Self = understood(arguments)?;
        let by = choice::<ByArg>("by", asked.by.as_deref())?;
        if let Some(by) = by.filter(|by| !is_given(*by, given)) {
            return Err(Error::NotOptedIn(if by == ByArg::Key { "key" } else { "project" }));
        }
        let range = RangeArgs {
            since: day("since", asked.since.as_deref())?,
            until: day("until", asked.until.as_deref())?,
            timezone: asked.timezone,
            as_of: day("asOf", asked.as_of.as_deref())?,
            source: asked.source,
            model: asked.model,
            device: asked.device,
            mode: choice::<ModeArg>("mode", asked.mode.as_deref())?.unwrap_or_default(),
            no_scan: given.no_scan,
        };
        Ok(ReportArgs {
            period: choice::<PeriodArg>("period", asked.period.as_deref())?.unwrap_or_default(),
            range,
            by,
            start_of_week: choice::<WeekdayArg>("startOfWeek", asked.start_of_week.as_deref())?,
            ..ReportArgs::default()
        })
    }
}

/// What `status` can be asked.
#[derive(Deserialize, Default, Debug)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct StatusAsked {
    timezone: Option<String>,
    as_of: Option<String>,
}

impl StatusAsked {
    /// As `aimon status` would have been asked.
    ///
    /// # Errors
    /// `bad-parameter`
    pub fn args(arguments: JsonObject, given: Given) -> Result<StatusArgs> {
        let asked: Self = understood(arguments)?;
        Ok(StatusArgs {
            timezone: asked.timezone,
            as_of: day("asOf", asked.as_of.as_deref())?,
            no_scan: given.no_scan,
            ..StatusArgs::default()
        })
    }
}

/// What `windows` can be asked: nothing.
#[derive(Deserialize, Default, Debug)]
#[serde(deny_unknown_fields)]
pub struct WindowsAsked {}

/// What `sources` can be asked.
#[derive(Deserialize, Default, Debug)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct SourcesAsked {
    /// The zone whose days are meant.
    pub timezone: Option<String>,
}

/// Reads what a tool was asked.
///
/// # Errors
/// `bad-parameter`
pub fn understood<T: DeserializeOwned>(arguments: JsonObject) -> Result<T> {
    serde_json::from_value(Value::Object(arguments)).map_err(|e| Error::BadParameter(e.to_string()))
}

/// Whether rows are divided so for whoever asks.
pub fn is_given(by: ByArg, given: Given) -> bool {
    match by {
        ByArg::Project => given.projects,
        ByArg::Key => given.keys,
        _ => true,
    }
}

fn day(name: &str, text: Option<&str>) -> Result<Option<Day>> {
    let parse = |text: &str| text.parse().map_err(|e| Error::BadParameter(format!("{name} is `{text}`: {e}")));
    text.map(parse).transpose()
}

fn choice<T: ValueEnum>(name: &str, text: Option<&str>) -> Result<Option<T>> {
    let parse = |text: &str| {
        let words = T::value_variants().iter().filter_map(ValueEnum::to_possible_value);
        let words: Vec<String> = words.map(|value| value.get_name().to_owned()).collect();
        T::from_str(text, false)
            .map_err(|_| Error::BadParameter(format!("{name} is `{text}`, which is none of {}", words.join(", "))))
    };
    text.map(parse).transpose()
}
