//! Reports as one JSON object a line: the rows of `--json`, or with `--by` or `--breakdown` each part of them.

use aimon_core::history::{Figures, Query, Report};
use serde::Serialize;

use super::json::{FiguresJson, RowJson};
use super::labels::Labels;
use super::table::Parts;

/// A part of a row, with what it is a part of: the columns of CSV.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PartJson<'a> {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    demo: bool,
    period: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    #[serde(flatten)]
    figures: FiguresJson,
}

/// A line of a row, which says of itself whether it is made up: lines are read apart.
#[derive(Serialize)]
struct LineJson {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    demo: bool,
    #[serde(flatten)]
    row: RowJson,
}

/// A line for each row, or for each part of it.
pub fn report(report: &Report, query: &Query, parts: Parts, labels: &Labels) -> Vec<u8> {
    let mut out = Vec::new();
    for row in &report.rows {
        let part = |model, group, label, figures: &Figures| PartJson {
            demo: labels.demo,
            period: &row.period,
            model,
            group,
            label,
            figures: FiguresJson::of(figures),
        };
        match parts {
            Parts::None => {
                let row = RowJson::of(row, query.period, None, labels);
                line(&mut out, &LineJson { demo: labels.demo, row });
            }
            Parts::Models => {
                row.models.iter().for_each(|(model, f)| line(&mut out, &part(Some(model), None, None, f)));
            }
            Parts::Groups(by) => row.groups.iter().for_each(|g| {
                line(&mut out, &part(None, Some(&g.id), Some(labels.stable(by, &g.id)), &g.figures));
            }),
        }
    }
    out
}

fn line<T: Serialize>(out: &mut Vec<u8>, value: &T) {
    // Nothing here has keys that are no text, or fails by itself.
    if serde_json::to_writer(&mut *out, value).is_ok() {
        out.push(b'\n');
    }
}
