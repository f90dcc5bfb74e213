//! The tools, and the schemas of what they can be asked. The words are the command's own.

use std::sync::Arc;

use clap::ValueEnum;
use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::{Value, json};

use super::asked::is_given;
use super::{Given, answers};
use crate::cli::{ByArg, ModeArg, PeriodArg, WeekdayArg};

/// Usage by period.
pub const REPORT: &str = "usage_report";
/// Today, 7 and 30 days, and the windows.
pub const STATUS: &str = "status";
/// Quota windows, and who used them up.
pub const WINDOWS: &str = "windows";
/// Where the figures come from.
pub const SOURCES: &str = "sources";

/// All of them.
pub fn all(given: Given) -> Vec<Tool> {
    vec![
        tool(
            REPORT,
            "ReportJson",
            "Usage by day, week, month or session",
            "What was used, by day, week, month or session, over all machines: tokens by kind, calls, cost in US dollars (totalCost from \
             list prices; billedCost what a provider billed), models, and the totals. Without `since` and `until` it answers for \
             everything that is kept, which can be long.",
            json!({
                "period": among::<PeriodArg>("What a row is about; daily if left out", |_| true),
                "since": { "type": "string", "description": "First day: YYYY-MM-DD, today, yesterday, or 7d for the last 7 days" },
                "until": { "type": "string", "description": "Last day, in the same forms" },
                "timezone": zone(),
                "asOf": as_of(),
                "source": list("Only these agents or providers, such as claude-code, codex, openai"),
                "model": list("Only these models"),
                "device": list("Only these machines, by name or id"),
                "by": among::<ByArg>("Divide each row, into `groups`", |by| is_given(*by, given)),
                "mode": among::<ModeArg>("Where costs come from; calculate if left out", |_| true),
                "startOfWeek": among::<WeekdayArg>("The first day of a week", |_| true),
            }),
        ),
        tool(
            STATUS,
            "StatusJson",
            "Usage today, and quota windows",
            "Usage of today, the last 7 and the last 30 days over all machines, and how full each subscription's quota windows are, when \
             they begin anew and whether they last at this pace.",
            json!({ "timezone": zone(), "asOf": as_of() }),
        ),
        tool(
            WINDOWS,
            "WindowsJson",
            "Who used up the quota windows",
            "How each subscription's quota windows are doing, and who used them: the share of each machine and session, what is \
             unexplained (used elsewhere), what is pending while a machine has not been heard; and what is left of accounts' balances.",
            json!({}),
        ),
        tool(
            SOURCES,
            "SourcesJson",
            "Where the figures come from",
            "Every coding agent and account that there are figures of: since when, on which machines and until when, who pays for it, and \
             the folders on this machine in which logs are looked for, with what is found there.",
            json!({ "timezone": zone() }),
        ),
    ]
}

fn tool(name: &'static str, answer: &str, title: &str, description: &'static str, properties: Value) -> Tool {
    let mut schema = JsonObject::new();
    schema.insert("type".to_owned(), "object".into());
    schema.insert("properties".to_owned(), properties);
    schema.insert("additionalProperties".to_owned(), false.into());
    let harmless =
        ToolAnnotations::with_title(title).read_only(true).destructive(false).idempotent(true).open_world(false);
    let tool = Tool::new(name, description, Arc::new(schema)).with_title(title).with_annotations(harmless);
    match answers::schema(answer) {
        Some(schema) => tool.with_raw_output_schema(schema),
        None => tool,
    }
}

/// One of the command's own words.
fn among<T: ValueEnum>(description: &str, is_given: impl Fn(&T) -> bool) -> Value {
    let given = T::value_variants().iter().filter(|value| is_given(value));
    let words: Vec<String> = given.filter_map(|value| Some(value.to_possible_value()?.get_name().to_owned())).collect();
    json!({ "type": "string", "enum": words, "description": description })
}

fn list(description: &str) -> Value {
    json!({ "type": "array", "items": { "type": "string" }, "description": description })
}

fn zone() -> Value {
    let description = "The time zone whose days are meant, such as Europe/Berlin; the person's own if left out";
    json!({ "type": "string", "description": description })
}

fn as_of() -> Value {
    json!({ "type": "string", "description": "The day that counts as today; the real one if left out" })
}
